//! Waits that `terminate` ends: for a descriptor, or for a time.
//!
//! Used while a connection is made. Data has no need of it: its sockets give up a blocked call
//! after [`LOOK_EVERY`] by themselves, so that a request costs one system call and no more.

use iodyno_engine_api::{Error, Host};
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a blocked send or receive may last before it looks whether the run is to end.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Knows of `terminate`.
pub(crate) struct Waker {
    event: Arc<OwnedFd>,
}

/// The errno and the words of a wait that `terminate` ended.
pub(crate) fn interrupted() -> Error {
    Error::new(libc::ECANCELED, "interrupted: the run is to end")
}

impl Waker {
    /// One for an instance.
    pub(crate) fn new(host: &Host) -> Result<Waker, Error> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| Error::new(errno.raw_os_error(), "eventfd"))?;
        let event = Arc::new(event);
        let own = Arc::clone(&event);
        // Full means that it was written before, which is what is wanted.
        host.on_terminate(move || {
            let _full = rustix::io::write(&*own, &1_u64.to_ne_bytes());
        })?;
        Ok(Waker { event })
    }

    /// Waits until something can be done with `fd`, or until `deadline`: false.
    ///
    /// # Errors
    /// ECANCELED after `terminate`, also one that came before.
    pub(crate) fn wait(
        &self,
        fd: Option<BorrowedFd<'_>>,
        what: PollFlags,
        deadline: Option<Instant>,
    ) -> Result<bool, Error> {
        loop {
            let event = self.event.as_fd();
            let mut fds = [
                PollFd::from_borrowed_fd(event, PollFlags::IN),
                PollFd::from_borrowed_fd(fd.unwrap_or(event), what),
            ];
            let watched = if fd.is_some() { 2 } else { 1 };
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let limit = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut fds[..watched], limit.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) if !fds[0].revents().is_empty() => return Err(interrupted()),
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::new(errno.raw_os_error(), "poll")),
            }
        }
    }

    /// Does nothing for a while.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), Error> {
        self.wait(None, PollFlags::empty(), Some(Instant::now() + time)).map(drop)
    }
}
