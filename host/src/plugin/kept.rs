//! What stays open of plugins that were checked: sealed copies of pinned ones, the files of others.
//!
//! A pinned plugin is read once: `find` keeps the copy that it hashed and had probed, `run` hands
//! it to each cell, a cell adopts it, and `load` loads it. Of any other `find` keeps the file, so
//! that `run` can say at the end whether somebody wrote into it: loaded code changes with it.
//! Nothing is ever closed, since the loader knows a copy by the number of its descriptor.

use super::trust::{self, Identity};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is kept of a plugin.
#[derive(Debug)]
pub(super) enum Kept {
    /// A sealed copy.
    Copy(OwnedFd),
    /// The file, in the state in which it was hashed.
    File(File, Identity),
}

/// A plugin of this process.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    sha256: String,
    kept: Kept,
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

/// What the control process has hashed, so that a cell need not do it once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    path: PathBuf,
    sha256: String,
    identity: Identity,
}

static CHECKED: Mutex<Vec<Checked>> = Mutex::new(Vec::new());
static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

fn entries() -> MutexGuard<'static, Vec<Entry>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps it until [`want`] decides about it. The first copy of a content stays the only one.
pub(super) fn keep(path: &Path, sha256: &str, kept: Kept) {
    put(path, sha256, kept, false);
}

fn put(path: &Path, sha256: &str, kept: Kept, wanted: bool) {
    let mut entries = entries();
    let same = |entry: &&mut Entry| {
        let kinds = (&entry.kept, &kept);
        let same_kind = matches!(kinds, (Kept::Copy(_), Kept::Copy(_)))
            || matches!(kinds, (Kept::File(_, old), Kept::File(_, new)) if old == new);
        same_kind && entry.path == path && entry.sha256 == sha256
    };
    if let Some(known) = entries.iter_mut().find(same) {
        known.wanted |= wanted;
        return;
    }
    entries.push(Entry { path: path.to_owned(), sha256: sha256.to_owned(), kept, wanted });
}

/// Of what was kept since the last call, only that of `chosen` is needed.
pub(super) fn want(chosen: Option<(&Path, &str)>) {
    let mut entries = entries();
    for entry in entries.iter_mut() {
        entry.wanted |= chosen == Some((entry.path.as_path(), entry.sha256.as_str()));
    }
    entries.retain(|entry| entry.wanted);
}

impl Entry {
    fn copy(&self) -> Option<&OwnedFd> {
        match &self.kept {
            Kept::Copy(fd) if self.wanted => Some(fd),
            _ => None,
        }
    }
}

/// The sealed copy of that file with that content; its descriptor is never closed.
pub(super) fn copy_of(path: &Path, sha256: &str) -> Option<RawFd> {
    let entries = entries();
    let mut of_it = entries.iter().filter(|entry| entry.path == path && entry.sha256 == sha256);
    of_it.find_map(|entry| entry.copy().map(AsRawFd::as_raw_fd))
}

/// Takes over a copy that the parent process made and left open.
pub fn adopt(path: &Path, sha256: &str, fd: OwnedFd) {
    put(path, sha256, Kept::Copy(fd), true);
}

/// The files that somebody wrote into since they were checked. What is loaded from such a file is
/// no longer what was checked; a file that was replaced by another one, or removed, is not meant.
#[must_use]
pub fn rewritten() -> Vec<PathBuf> {
    let entries = entries();
    let written = |entry: &&Entry| match &entry.kept {
        Kept::File(file, identity) => entry.wanted && trust::is_rewritten(file, identity),
        Kept::Copy(_) => false,
    };
    let mut paths: Vec<PathBuf> = entries.iter().filter(written).map(|e| e.path.clone()).collect();
    paths.dedup();
    paths
}

/// The files that this process has hashed and that are wanted, for a cell.
#[must_use]
pub fn checked() -> Vec<Checked> {
    let checked = |entry: &Entry| match &entry.kept {
        Kept::File(_, identity) if entry.wanted => Some(Checked {
            path: entry.path.clone(),
            sha256: entry.sha256.clone(),
            identity: *identity,
        }),
        _ => None,
    };
    entries().iter().filter_map(checked).collect()
}

/// Believes the control process about these files.
pub fn believe(checked: Vec<Checked>) {
    CHECKED.lock().unwrap_or_else(PoisonError::into_inner).extend(checked);
}

/// Whether a file in this state was hashed already and had that digest: its state was taken when
/// the file had come to rest, so that every later change shows in it.
pub(super) fn is_checked(path: &Path, sha256: &str, identity: &Identity) -> bool {
    let checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    checked.iter().any(|it| it.path == path && it.sha256 == sha256 && it.identity == *identity)
}

/// Duplicates of all copies of this process, for a child that is about to be started: open across
/// `exec`. Each is to be closed by dropping it once the child is there.
///
/// # Errors
/// No more descriptors.
pub fn hand_over() -> std::io::Result<Vec<(Handed, OwnedFd)>> {
    let entries = entries();
    let hand = |(entry, copy): (&Entry, &OwnedFd)| {
        let duplicate = rustix::io::fcntl_dupfd_cloexec(copy, 3)?;
        rustix::io::fcntl_setfd(&duplicate, rustix::io::FdFlags::empty())?;
        let fd = duplicate.as_raw_fd();
        let handed = Handed { path: entry.path.clone(), sha256: entry.sha256.clone(), fd };
        Ok((handed, duplicate))
    };
    entries.iter().filter_map(|entry| Some((entry, entry.copy()?))).map(hand).collect()
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
        let memory = |bytes: &[u8]| sealed_copy("test", bytes).unwrap();
        let copy = |bytes: &[u8]| Kept::Copy(memory(bytes));
        let (one, two) = (Path::new("/sealed/one.so"), Path::new("/sealed/two.so"));
        keep(one, "11", copy(b"one"));
        keep(two, "22", copy(b"two"));
        assert_eq!(copy_of(one, "11"), None, "nobody asked for it yet");
        want(Some((one, "11")));
        let number = copy_of(one, "11").unwrap();
        assert_eq!(copy_of(two, "22"), None);
        keep(one, "11", copy(b"one"));
        want(None);
        assert_eq!(copy_of(one, "11"), Some(number), "wanted once, kept for ever");
        assert_eq!(copy_of(one, "33"), None, "another content is another copy");
        adopt(two, "22", memory(b"two"));
        assert!(copy_of(two, "22").is_some());
        let handed = hand_over().unwrap();
        let (handed, duplicate) = handed.iter().find(|(h, _)| h.path == one).unwrap();
        assert_ne!(duplicate.as_raw_fd(), number);
        assert_eq!(handed.to_string().parse(), Ok(handed.clone()));
    }

    #[test]
    fn a_file_that_is_written_into_is_told_and_one_that_is_replaced_is_not() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().canonicalize().unwrap();
        let caller = trust::Caller::current();
        let keep_file = |name: &str| {
            let path = dir.join(name);
            std::fs::write(&path, "bytes").unwrap();
            let opened = trust::open(&path, &caller).unwrap();
            put(&path, name, Kept::File(opened.file, opened.identity), true);
            path
        };
        let (written, replaced) = (keep_file("written"), keep_file("replaced"));
        let told = || -> Vec<PathBuf> {
            rewritten().into_iter().filter(|path| path.starts_with(&dir)).collect()
        };
        assert!(told().is_empty());
        std::fs::write(dir.join("fresh"), "other bytes").unwrap();
        std::fs::rename(dir.join("fresh"), &replaced).unwrap();
        assert!(told().is_empty());
        std::fs::write(&written, "BYTES").unwrap();
        assert_eq!(told(), [written]);
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
