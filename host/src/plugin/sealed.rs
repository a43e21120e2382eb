//! The sealed copies of pinned plugins, from the process that hashed them to those that load them.
//!
//! `find` keeps the copy that it hashed and had probed, `run` hands it to each cell, a cell adopts
//! it, and `load` loads it: the file is read once, and what becomes of it later changes nothing.
//! Copies stay open for ever, since the loader knows a library by the number of its descriptor.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A copy of this process.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
    sha256: String,
    fd: OwnedFd,
    /// An engine of it was asked for: it stays.
    wanted: bool,
}

/// A copy on its way to another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// The plugin's file, absolute.
    pub path: PathBuf,
    /// Digest of the copy, lower-case hex.
    pub sha256: String,
    /// Number of its descriptor.
    pub fd: RawFd,
}

static COPIES: Mutex<Vec<Copy>> = Mutex::new(Vec::new());

fn copies() -> MutexGuard<'static, Vec<Copy>> {
    COPIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a copy until [`want`] decides about it. The first copy of a content stays the only one.
pub(super) fn keep(path: &Path, sha256: &str, fd: OwnedFd) {
    put(path, sha256, fd, false);
}

fn put(path: &Path, sha256: &str, fd: OwnedFd, wanted: bool) {
    let mut copies = copies();
    if let Some(known) = copies.iter_mut().find(|c| c.path == path && c.sha256 == sha256) {
        known.wanted |= wanted;
        return;
    }
    copies.push(Copy { path: path.to_owned(), sha256: sha256.to_owned(), fd, wanted });
}

/// Of the copies that were kept since the last call, only that of `chosen` is needed.
pub(super) fn want(chosen: Option<(&Path, &str)>) {
    let mut copies = copies();
    for copy in copies.iter_mut() {
        copy.wanted |= chosen == Some((copy.path.as_path(), copy.sha256.as_str()));
    }
    copies.retain(|copy| copy.wanted);
}

/// The copy of that file with that content; its descriptor is never closed.
pub(super) fn of(path: &Path, sha256: &str) -> Option<RawFd> {
    let copies = copies();
    let copy = copies.iter().find(|c| c.wanted && c.path == path && c.sha256 == sha256);
    copy.map(|copy| copy.fd.as_raw_fd())
}

/// Takes over a copy that the parent process made and left open.
pub fn adopt(path: &Path, sha256: &str, fd: OwnedFd) {
    put(path, sha256, fd, true);
}

/// Duplicates of all copies of this process, for a child that is about to be started: open across
/// `exec`. Each is to be closed by dropping it once the child is there.
///
/// # Errors
/// No more descriptors.
pub fn hand_over() -> std::io::Result<Vec<(Handed, OwnedFd)>> {
    let copies = copies();
    let hand = |copy: &Copy| {
        let duplicate = rustix::io::fcntl_dupfd_cloexec(&copy.fd, 3)?;
        rustix::io::fcntl_setfd(&duplicate, rustix::io::FdFlags::empty())?;
        let fd = duplicate.as_raw_fd();
        let handed = Handed { path: copy.path.clone(), sha256: copy.sha256.clone(), fd };
        Ok((handed, duplicate))
    };
    copies.iter().filter(|copy| copy.wanted).map(hand).collect()
}

/// `FD:SHA256:PATH`, as it stands in a child's command line.
impl std::fmt::Display for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.fd, self.sha256, self.path.display())
    }
}

impl std::str::FromStr for Handed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (fd, rest) = text.split_once(':')?;
            let (sha256, path) = rest.split_once(':')?;
            Some(Handed { path: path.into(), sha256: sha256.to_owned(), fd: fd.parse().ok()? })
        };
        parts().ok_or_else(|| "FD:SHA256:PATH is expected".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memfd::sealed_copy;

    #[test]
    fn only_what_is_wanted_stays_and_travels() {
        let copy = |bytes: &[u8]| sealed_copy("test", bytes).unwrap();
        let (one, two) = (Path::new("/sealed/one.so"), Path::new("/sealed/two.so"));
        keep(one, "11", copy(b"one"));
        keep(two, "22", copy(b"two"));
        assert_eq!(of(one, "11"), None, "nobody asked for it yet");
        want(Some((one, "11")));
        let number = of(one, "11").unwrap();
        assert_eq!(of(two, "22"), None);
        keep(one, "11", copy(b"one"));
        want(None);
        assert_eq!(of(one, "11"), Some(number), "wanted once, kept for ever");
        assert_eq!(of(one, "33"), None, "another content is another copy");
        adopt(two, "22", copy(b"two"));
        assert!(of(two, "22").is_some());
        let handed = hand_over().unwrap();
        let (handed, duplicate) = handed.iter().find(|(h, _)| h.path == one).unwrap();
        assert_ne!(duplicate.as_raw_fd(), number);
        assert_eq!(handed.to_string().parse(), Ok(handed.clone()));
    }

    #[test]
    fn a_path_may_hold_colons() {
        let handed = Handed { path: "/a:b/c.so".into(), sha256: "ab".to_owned(), fd: 7 };
        assert_eq!(handed.to_string(), "7:ab:/a:b/c.so");
        assert_eq!(handed.to_string().parse(), Ok(handed));
        for text in ["", "7", "7:ab", "x:ab:/c.so"] {
            assert!(text.parse::<Handed>().is_err(), "{text}");
        }
    }
}
