//! Why a target cannot be used: path, cause and remedy in words, and whose fault it is.
//!
//! Made in this room, shown by `cli` and `report`. Never printed here.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Whose affair an error is; the exit status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The job asks for something that cannot be: exit status 2.
    Usage,
    /// The system failed at something that could be: exit status 1.
    Io,
}

/// A target that cannot be used as it is asked for.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Several names and another number of files.
    #[error("nrfiles={nrfiles}, but filename names {named} files (leave nrfiles out)")]
    NameCount {
        /// As asked for.
        nrfiles: u32,
        /// Length of the list.
        named: usize,
    },
    /// A directory that is not there, or is none.
    #[error("{path}: the directory {directory} {what} (create it or set directory=)",
        path = path.display(), directory = directory.display())]
    NoDirectory {
        /// What was to be used.
        path: PathBuf,
        /// What is missing.
        directory: PathBuf,
        /// "does not exist", "is not a directory".
        what: &'static str,
    },
    /// A directory where a file is meant.
    #[error("{}: is a directory (name a file in it, or set directory= to it)", path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// No way to know how much is meant.
    #[error("size is needed: {} {why} (set size= or filesize=)", path.display())]
    SizeNeeded {
        /// The first such file.
        path: PathBuf,
        /// "does not exist", "is empty", "has no size of its own".
        why: &'static str,
    },
    /// More than a device holds.
    #[error(
        "{}: {asked} bytes from offset {offset} on are asked for, but the device holds \
         {available} bytes (lower size or offset)", path.display()
    )]
    BeyondDevice {
        /// The device.
        path: PathBuf,
        /// Bytes of the region.
        asked: u64,
        /// Where it begins.
        offset: u64,
        /// Size of the device.
        available: u64,
    },
    /// A region that begins at or behind the end.
    #[error("{}: offset {offset} is at or beyond its end ({size} bytes)", path.display())]
    OffsetBeyondEnd {
        /// The file or device.
        path: PathBuf,
        /// In bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// A percentage that does not fit.
    #[error("{}: {what} is {why}", path.display())]
    BadPercent {
        /// The file.
        path: PathBuf,
        /// "offset=60%".
        what: String,
        /// Why it is wrong.
        why: &'static str,
    },
    /// Less than one request fits.
    #[error(
        "{}: its part of {len} bytes is smaller than one block of {block} bytes (raise size or \
         lower bs)", path.display()
    )]
    BelowBlock {
        /// The file.
        path: PathBuf,
        /// Bytes of its region.
        len: u64,
        /// Smallest block in bytes.
        block: u64,
    },
    /// A number that no file can have.
    #[error("{}: {what} is beyond 2^63 bytes", path.display())]
    Overflow {
        /// The file.
        path: PathBuf,
        /// Which number.
        what: &'static str,
    },
    /// Writing would destroy what somebody uses.
    #[error(
        "{}: refusing to write, it is in use: {} (end that use, or set allow_mounted_write=1 to \
         overwrite it all the same)", path.display(), users.join("; ")
    )]
    InUse {
        /// The target.
        path: PathBuf,
        /// Who uses it.
        users: Vec<String>,
    },
    /// The system said no for a reason that the job can mend.
    #[error("{doing}: {why}")]
    Refused {
        /// "open /dev/x with O_DIRECT".
        doing: String,
        /// Cause and remedy.
        why: String,
    },
    /// The system failed.
    #[error("{doing}: {source}")]
    Io {
        /// "open /dev/x".
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The file system is full.
    #[error(
        "lay out {}: no space left after {written} of {needed} bytes (lower size, or use another \
         directory); what was laid out is taken back", path.display()
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// Bytes that were added.
        written: u64,
        /// Bytes that were to be added.
        needed: u64,
    },
}

impl TargetError {
    /// The job's fault, or the system's.
    pub fn class(&self) -> ErrorClass {
        match self {
            TargetError::Io { .. } | TargetError::NoSpace { .. } => ErrorClass::Io,
            _ => ErrorClass::Usage,
        }
    }

    /// The system's number, where it gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            TargetError::Io { source, .. } => source.raw_os_error(),
            TargetError::NoSpace { .. } => Some(rustix::io::Errno::NOSPC.raw_os_error()),
            _ => None,
        }
    }

    pub(super) fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> TargetError {
        TargetError::Io { doing: doing.into(), source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_class() {
        let full = TargetError::NoSpace { path: "/mnt/file".into(), written: 4096, needed: 8192 };
        assert_eq!(full.class(), ErrorClass::Io);
        assert_eq!(full.errno(), Some(28));
        assert!(full
            .to_string()
            .starts_with("lay out /mnt/file: no space left after 4096 of 8192"));
        let used = TargetError::InUse {
            path: "/dev/sda".into(),
            users: vec!["/dev/sda1 is mounted on /".into(), "swap".into()],
        };
        assert_eq!(used.class(), ErrorClass::Usage);
        assert_eq!(
            used.to_string(),
            "/dev/sda: refusing to write, it is in use: /dev/sda1 is mounted on /; swap (end that \
             use, or set allow_mounted_write=1 to overwrite it all the same)"
        );
    }
}
