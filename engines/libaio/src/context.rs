//! A context of the kernel's asynchronous I/O: set up, submit, wait, destroy.
//!
//! One per instance, used by `engine` on the worker's thread. Each function is one system call, of
//! which glibc has none; an interrupted one is left to the caller, who knows what time is left.
//! Knows nothing of units: the kernel is given an [`Iocb`] and hands back an [`Event`].

use crate::request::Iocb;
use iodyno_engine_support::errno::{self, Errno};
use libc::{c_long, c_ulong, timespec};
use std::ptr::{from_ref, null};
use std::time::Duration;

/// What the kernel says at the end of a request: `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Event {
    /// As given with the request.
    pub(crate) data: u64,
    /// Address of its [`Iocb`].
    pub(crate) iocb: u64,
    /// Bytes done, or -errno.
    pub(crate) res: i64,
    pub(crate) res2: i64,
}

const _: () = assert!(size_of::<Event>() == 32);

/// `aio_context_t`.
pub(crate) struct Context(c_ulong);

/// A system call's answer: a count, or errno.
fn answer(status: c_long) -> Result<usize, Errno> {
    usize::try_from(status).map_err(|_| errno::last())
}

impl Context {
    /// A context for so many requests in flight.
    pub(crate) fn new(depth: u32) -> Result<Context, Errno> {
        let mut id: c_ulong = 0;
        // SAFETY: a place for the answer, which is 0 as the kernel wants it.
        let status = unsafe { libc::syscall(libc::SYS_io_setup, depth, &raw mut id) };
        answer(status).map(|_| Context(id))
    }

    /// The kernel's number for it, which is the address of its ring.
    pub(crate) fn id(&self) -> c_ulong {
        self.0
    }

    /// Submits; how many were taken. The error is about the first one: nothing was taken.
    ///
    /// # Safety
    /// Each pointer leads to an Iocb whose buffer nobody else touches until its event is there.
    #[inline]
    pub(crate) unsafe fn submit(&self, iocbs: &[*mut Iocb]) -> Result<usize, Errno> {
        let count = iocbs.len() as c_long;
        // SAFETY: `count` pointers, of which the caller vouches for each.
        answer(unsafe { libc::syscall(libc::SYS_io_submit, self.0, count, iocbs.as_ptr()) })
    }

    /// Takes what has ended, waiting until there are `min` or the time, if any, is over. EINTR only
    /// where there was nothing yet.
    #[inline]
    pub(crate) fn wait(
        &self,
        min: usize,
        events: &mut [Event],
        limit: Option<Duration>,
    ) -> Result<usize, Errno> {
        let limit = limit.map(|limit| timespec {
            tv_sec: limit.as_secs() as libc::time_t, // engine never waits for more than a moment
            tv_nsec: limit.subsec_nanos().into(),
        });
        let (min, max) = (min as c_long, events.len() as c_long);
        let (events, limit) = (events.as_mut_ptr(), limit.as_ref().map_or(null(), from_ref));
        // SAFETY: room for `max` events, each of which is valid whatever the kernel writes.
        answer(unsafe { libc::syscall(libc::SYS_io_getevents, self.0, min, max, events, limit) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by new(), destroyed once. The kernel waits for what is still in flight.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}
