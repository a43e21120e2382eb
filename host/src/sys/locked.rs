//! Memory that is taken away from everybody else for as long as it is held.
//!
//! Called by `run` for `lockmem`, before the start. Must not be used for buffers: nobody ever looks
//! into this memory.

use super::hugepages::meminfo;
use super::region::Region;
use rustix::io::Errno;
use rustix::mm::mlock;
use rustix::process::{getrlimit, Resource};

/// Locked pages; given back when dropped.
#[derive(Debug)]
pub struct Locked {
    _region: Region,
}

/// Why nothing was locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// More than the machine can give without killing somebody.
    #[error("{wanted} bytes are more than the machine has left: {available}")]
    TooMuch {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes left.
        available: u64,
    },
    /// The limit of this user.
    #[error(
        "{errno} (this user may lock {}: raise it with ulimit -l, or run as root)",
        limit_words(*.limit)
    )]
    Limit {
        /// The kernel's word.
        errno: Errno,
        /// Soft limit in bytes; none = unlimited.
        limit: Option<u64>,
    },
    /// No room in the address space.
    #[error("{0}")]
    Memory(Errno),
}

fn limit_words(limit: Option<u64>) -> String {
    limit.map_or("any amount".to_owned(), |bytes| format!("{bytes} bytes"))
}

impl Locked {
    /// Takes so many bytes, rounded up to whole pages, and holds them in memory.
    ///
    /// # Errors
    /// More than is left, or than the user may lock. Nothing is held then.
    pub fn new(bytes: u64) -> Result<Locked, LockError> {
        // Asked first: the kernel would kill a process, perhaps another one, rather than refuse.
        if let Some(available) = meminfo("MemAvailable").filter(|available| bytes > *available) {
            return Err(LockError::TooMuch { wanted: bytes, available });
        }
        let len = usize::try_from(bytes).map_err(|_| LockError::Memory(Errno::NOMEM))?;
        let region = Region::new(len, 1).map_err(LockError::Memory)?;
        // SAFETY: the range is the region's own, mapped until it is dropped; locking pages changes
        // nothing that a program can see in them.
        match unsafe { mlock(region.base().as_ptr().cast(), region.len()) } {
            Ok(()) => Ok(Locked { _region: region }),
            Err(errno) => {
                let limit = getrlimit(Resource::Memlock).current;
                Err(LockError::Limit { errno, limit })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_is_refused() {
        let error = Locked::new(1 << 55).unwrap_err().to_string();
        assert!(error.contains("more than the machine has left"), "{error}");
    }

    #[test]
    fn a_page_can_be_locked() {
        // Every user may lock as much, unless somebody set the limit to nothing.
        match Locked::new(4096) {
            Ok(_) => {}
            Err(error) => assert!(error.to_string().contains("ulimit -l"), "{error}"),
        }
    }
}
