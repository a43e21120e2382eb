//! How `terminate` ends a wait: an eventfd that the ring itself polls.
//!
//! Made by `requests` at init; the closure given to the host writes to it from any thread, and the
//! ring's waiting thread finds a completion. At most one poll is armed, so that at most one
//! completion of it can lie in the ring. Rings that poll devices cannot do this.

use super::kernel::{Sqe, OP_POLL_ADD};
use crate::errno::{self, Errno};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// `user_data` of the poll; no request has so low an address.
pub(super) const WAKE: u64 = 1;

/// The eventfd of an instance.
#[derive(Debug)]
pub(super) struct Wake(Arc<OwnedFd>);

impl Wake {
    pub(super) fn new() -> Result<Wake, Errno> {
        // SAFETY: no memory is handed over.
        match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
            -1 => Err(errno::last()),
            // SAFETY: a descriptor that has just been made, for nobody else.
            fd => Ok(Wake(Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }))),
        }
    }

    /// What ends a wait, from any thread.
    pub(super) fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let fd = Arc::clone(&self.0);
        move || {
            let one = 1_u64;
            // SAFETY: eight bytes to read. It fails only where the counter is full, and then the
            // descriptor is readable already, which is all that is asked for.
            unsafe { libc::write(fd.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }

    /// The entry that waits for the waker.
    pub(super) fn entry(&self) -> Sqe {
        Sqe {
            opcode: OP_POLL_ADD,
            fd: self.0.as_raw_fd(),
            op_flags: u32::from(libc::POLLIN.cast_unsigned()).to_le(),
            user_data: WAKE,
            ..Sqe::default()
        }
    }

    /// Forgets the wakes so far.
    pub(super) fn clear(&self) {
        let mut count = 0_u64;
        // SAFETY: eight bytes to write. The descriptor does not block; nothing there is well.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}
