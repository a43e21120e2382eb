//! How much room there is: free space where a file lies or will lie, and what of a file is really
//! there.
//!
//! Called by `run` for `iodyno lint`. Only asks; opens nothing.

use super::discover::{directory_there, Kind, Target};
use std::os::unix::fs::MetadataExt;

/// A file system, as much of it as matters to somebody who is about to fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its device number, by which two files are known to share it.
    pub id: u64,
    /// Bytes that the caller may still write.
    pub free: u64,
}

/// The file system of a regular or missing file; none for everything else.
pub fn space_at(target: &Target) -> Option<Space> {
    let place = match target.kind {
        Kind::Regular => target.path.as_path(),
        Kind::Missing => directory_there(&target.path),
        _ => return None,
    };
    let stat = rustix::fs::statvfs(place).ok()?;
    let is_root = rustix::process::geteuid().is_root();
    let blocks = if is_root { stat.f_bfree } else { stat.f_bavail };
    let id = rustix::fs::stat(place).ok()?.st_dev;
    Some(Space { id, free: blocks.saturating_mul(stat.f_frsize) })
}

/// Bytes of a regular file that have blocks; less than its length where it has holes.
pub fn allocated(target: &Target) -> Option<u64> {
    if target.kind != Kind::Regular {
        return None;
    }
    let found = std::fs::metadata(&target.path).ok()?;
    Some(found.blocks().saturating_mul(512))
}

#[cfg(test)]
mod tests {
    use super::super::discover::discover;
    use super::*;
    use std::path::Path;

    #[test]
    fn a_file_and_a_file_to_be_share_their_file_system() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("file");
        let target = |path: &Path| discover(path).expect("it can be looked at");
        let before = space_at(&target(&path)).expect("a file system");
        std::fs::write(&path, "x").expect("a file");
        let after = space_at(&target(&path)).expect("a file system");
        assert_eq!(before.id, after.id);
        assert!(after.free > 0);
        assert_eq!(space_at(&target(Path::new("/dev/null"))), None);
    }

    #[test]
    fn holes_are_seen() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(1 << 20).expect("a length");
        let target = discover(file.path()).expect("a file");
        assert!(allocated(&target).expect("a file") < target.size);
        assert_eq!(allocated(&Target::opaque(Path::new("x"), 1)), None);
    }
}
