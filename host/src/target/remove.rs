//! `unlink=1`: removes the files of a run after it.
//!
//! Called by `run` with names that the run itself used. Removes regular files and, where requests
//! make directories, empty directories; nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A name that was not removed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The name.
    pub path: PathBuf,
    /// In words, for a note.
    pub why: String,
}

/// Removes each file, and each empty directory where it is told so; a name that is gone already is
/// no fault, since clones may share it. Answers what is left.
pub fn remove(paths: &[PathBuf], and_directories: bool) -> Vec<Left> {
    paths.iter().filter_map(|path| remove_one(path, and_directories)).collect()
}

fn remove_one(path: &Path, and_directories: bool) -> Option<Left> {
    let left = |why: String| Some(Left { path: path.to_path_buf(), why });
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => left(format!("it cannot be looked at: {error}")),
        Ok(found) if found.is_file() || (found.is_dir() && and_directories) => {
            let removed = if found.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
            match removed {
                Ok(()) => None,
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => left(format!("it cannot be removed: {error}")),
            }
        }
        Ok(_) => left("it is no regular file, and unlink=1 removes nothing else".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_go_and_all_else_stays() {
        let here = tempfile::tempdir().expect("a directory");
        let path = |name: &str| here.path().join(name);
        fs::write(path("file"), "x").expect("a file");
        fs::write(path("kept"), "x").expect("a file");
        fs::create_dir(path("directory")).expect("a directory");
        std::os::unix::fs::symlink(path("kept"), path("link")).expect("a link");
        let names = ["file", "file", "none", "directory", "link"].map(path);
        let left: Vec<PathBuf> = remove(&names, false).into_iter().map(|left| left.path).collect();
        assert_eq!(left, [path("directory"), path("link")]);
        assert!(!path("file").exists() && path("kept").exists());
        let why = &remove(&[PathBuf::from("/dev/null")], true)[0].why;
        assert!(path("directory").exists());
        assert_eq!(remove(&[path("directory"), here.path().into()], true).len(), 1, "not empty");
        assert!(!path("directory").exists());
        assert_eq!(why, "it is no regular file, and unlink=1 removes nothing else");
    }
}
