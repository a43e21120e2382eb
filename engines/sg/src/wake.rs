//! How `terminate` ends a wait: an eventfd that is polled together with the devices.
//!
//! Made by `engine` at init; the closure given to the host writes to it from any thread.

use iodyno_engine_support::errno::{self, Errno};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// The eventfd of an instance.
pub(crate) struct Wake(Arc<OwnedFd>);

impl Wake {
    pub(crate) fn new() -> Result<Wake, Errno> {
        // SAFETY: no memory is handed over.
        match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
            -1 => Err(errno::last()),
            // SAFETY: a descriptor that has just been made, for nobody else.
            fd => Ok(Wake(Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }))),
        }
    }

    /// What ends a wait, from any thread.
    pub(crate) fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let fd = Arc::clone(&self.0);
        move || {
            let one = 1_u64;
            // SAFETY: eight bytes to read. It fails only where the counter is full, and then the
            // descriptor is readable already, which is all that is asked for.
            unsafe { libc::write(fd.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Forgets the wakes so far.
    pub(crate) fn clear(&self) {
        let mut count = 0_u64;
        // SAFETY: eight bytes to write. The descriptor does not block; nothing there is well.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}
