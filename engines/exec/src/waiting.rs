//! The wait for a program: until it ends, until somebody asks for its end, or for a while.
//!
//! Called by `engine`. The bell is rung by `terminate`, from another thread.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// An eventfd.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> Result<Bell> {
        // SAFETY: no memory is handed over.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        owned(fd).map(Bell)
    }

    /// Ends the present wait, or the next one.
    pub(crate) fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight bytes, which is what an eventfd takes. One that is full has been rung.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    fn silence(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: room for the eight bytes that an eventfd gives.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

fn owned(fd: i32) -> Result<OwnedFd> {
    match fd {
        0.. => {
            // SAFETY: a descriptor that the kernel has just made, and that nobody else knows.
            Ok(unsafe { OwnedFd::from_raw_fd(fd) })
        }
        _ => Err(Error::last_os_error()),
    }
}

/// A descriptor that becomes readable when the process ends (Linux 5.3).
pub(crate) fn pidfd(pid: u32) -> Result<OwnedFd> {
    // SAFETY: no memory is handed over.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32)
}

/// Waits until the process has ended or the bell rings, `limit` at most (none: for ever). May come
/// back early.
pub(crate) fn wait(process: &OwnedFd, bell: &Bell, limit: Option<Duration>) {
    let watched = |fd: i32| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut both = [watched(process.as_raw_fd()), watched(bell.0.as_raw_fd())];
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let at = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: two pollfds, and a timespec or null; no signal mask.
    let ready = unsafe { libc::ppoll(both.as_mut_ptr(), 2, at, std::ptr::null()) };
    // An interrupted wait is one that comes back early.
    debug_assert!(ready >= 0 || Error::last_os_error().kind() == ErrorKind::Interrupted);
    if both[1].revents != 0 {
        bell.silence();
    }
}
