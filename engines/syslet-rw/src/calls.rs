//! The system calls of a request: those that do not wait, on the worker's thread, and those that
//! may, on a thread of the pool.
//!
//! Called by `engine` and by `pool`. Knows nothing of threads; must not answer a request: it says
//! what came of it.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Request, Unit};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fd;
use iodyno_engine_support::whole::{rwf, whole};
use libc::iovec;

/// What came of trying.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It is done, or has failed as it would have with waiting.
    Over(Result<u64, Errno>),
    /// It would have to wait, after so many bytes.
    Waits(u64),
    /// The target cannot be asked whether it would have to wait.
    Unasked,
}

/// Does as much of a read or a write as can be done at once.
#[inline]
pub(crate) fn attempt(io: &Request) -> Attempt {
    // SAFETY: the caller owns the request, whose buffer nobody else uses until it has ended.
    let result = unsafe { transfer(io, 0, rwf(io) | libc::RWF_NOWAIT) };
    match result {
        Ok(done) if done == io.len() => Attempt::Over(Ok(done)),
        // The end of the file, or of what is in memory: that is for the one who may wait to say.
        // Nothing at all is no end either: Linux 5.9 and 5.10 answer 0 where they mean EAGAIN.
        Ok(done) => Attempt::Waits(done),
        Err(libc::EAGAIN) => Attempt::Waits(0),
        Err(libc::EOPNOTSUPP) => Attempt::Unasked,
        Err(errno) => Attempt::Over(Err(errno)),
    }
}

/// Does a request to its end, however long that takes; `done` bytes of it are done already.
pub(crate) fn perform(unit: &mut Unit, done: u64) -> Result<u64, Errno> {
    match unit.op() {
        IOE_OP_READ | IOE_OP_WRITE => {
            // SAFETY: the one Unit of its request, lent mutably.
            match unsafe { transfer(unit, done, rwf(unit)) } {
                Ok(more) => Ok(done + more),
                Err(_) if done > 0 => Ok(done), // told first; the error comes with the rest
                Err(errno) => Err(errno),
            }
        }
        _ => whole(unit).map(|()| unit.len()),
    }
}

/// A read or a write without its first `done` bytes.
///
/// # Safety
/// The caller owns the request; `done` is no more than its length.
#[inline]
unsafe fn transfer(io: &Request, done: u64, flags: i32) -> Result<u64, Errno> {
    let offset = io.offset().checked_add(done).ok_or(libc::EINVAL)?;
    // SAFETY: within the request's buffer, by the caller's word.
    let rest = unsafe { io.buf_ptr().add(done as usize) };
    let part = iovec { iov_base: rest.cast(), iov_len: (io.len() - done) as usize };
    // SAFETY: the rest of the request's buffer, which is the caller's: writable where it is read
    // to, readable where it is written from.
    unsafe {
        match io.op() {
            IOE_OP_READ => fd::read_at_with(io.fd(), part, offset, flags),
            _ => fd::write_at_with(io.fd(), part, offset, flags),
        }
    }
}
