//! `opendir`: every file below a directory becomes a target.
//!
//! Called by `run` for the control process and for each worker, which must see the same list: it is
//! sorted. Follows no symbolic link, as fio does not; reads directories and nothing else.

use super::error::TargetError;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// As many targets as one job may have.
const FILES_MAX: usize = 1 << 24;

/// All regular files and devices below `directory`, sorted by their paths. Links, pipes and sockets
/// are passed over.
///
/// # Errors
/// A directory that cannot be read; one with nothing in it; one with far too much in it.
pub fn files_below(directory: &Path) -> Result<Vec<PathBuf>, TargetError> {
    let doing = || format!("opendir={}", directory.display());
    let refused = |why: String| TargetError::Refused { doing: doing(), why };
    let mut found = Vec::new();
    let mut ahead = vec![directory.to_path_buf()];
    while let Some(next) = ahead.pop() {
        let unreadable =
            |error: std::io::Error| refused(format!("read {}: {error}", next.display()));
        for entry in fs::read_dir(&next).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                ahead.push(entry.path());
            } else if kind.is_file() || kind.is_block_device() || kind.is_char_device() {
                found.push(entry.path());
            }
        }
        if found.len() > FILES_MAX {
            return Err(refused(format!(
                "more than {FILES_MAX} files are below it (name a smaller directory)"
            )));
        }
    }
    if found.is_empty() {
        return Err(refused("no file is below it (links and pipes do not count)".into()));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_of_all_depths_come_sorted_and_links_do_not() {
        let here = tempfile::tempdir().expect("a directory");
        let path = |name: &str| here.path().join(name);
        for directory in ["b.d", "s/t"] {
            fs::create_dir_all(path(directory)).expect("a directory");
        }
        for file in ["z", "a", "s/t/m", "b.d/in"] {
            fs::write(path(file), "x").expect("a file");
        }
        symlink(path("a"), path("link")).expect("a link");
        symlink(path("s"), path("linked")).expect("a link");
        symlink("nowhere", path("dangling")).expect("a link");
        symlink(here.path(), path("s/round")).expect("a link");
        let fifo = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), fifo, mode, 0).expect("a fifo");
        let found = files_below(here.path()).expect("files");
        assert_eq!(found, ["a", "b.d/in", "s/t/m", "z"].map(path));
    }

    #[test]
    fn nothing_to_open_is_told() {
        let here = tempfile::tempdir().expect("a directory");
        let error = |path: &Path| files_below(path).expect_err("nothing").to_string();
        let said = error(here.path());
        assert!(said.starts_with("opendir=/") && said.contains("no file is below it"), "{said}");
        let said = error(&here.path().join("none"));
        assert!(said.contains("none: No such file or directory"), "{said}");
    }
}
