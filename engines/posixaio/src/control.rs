//! Control blocks: requests as the C library wants to see them, and its calls.
//!
//! A control block lies in its unit's private bytes, stays there while the library has it, and
//! carries the unit. Made and asked by `engine`; each function is one call of the library's.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Request, Unit};
use iodyno_engine_support::errno::{self, Errno};
use libc::{aiocb, c_int, timespec};
use std::ptr::null_mut;
use std::time::Duration;

/// A control block that the library may have.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Control(*mut aiocb);

/// What aio_cancel answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Canceled {
    Yes,
    Running,
    Done,
}

/// 0 is well, -1 is errno.
fn told(status: c_int) -> Result<(), Errno> {
    match status {
        0 => Ok(()),
        _ => Err(errno::last()),
    }
}

impl Control {
    /// The place of a request's control block.
    #[inline]
    pub(crate) fn of(request: &Request) -> Control {
        Control(request.private().cast())
    }

    /// Whether both are the same place.
    pub(crate) fn is(self, other: Control) -> bool {
        self.0 == other.0
    }

    /// Gives the request to the library. An error: it has taken nothing.
    #[inline]
    pub(crate) fn start(self, request: &Request) -> Result<(), Errno> {
        let offset = i64::try_from(request.offset()).map_err(|_| libc::EINVAL)?;
        // SAFETY: `of` found the private bytes, IO_PRIVATE_SIZE of them and zeroed at first, all
        // zero being a control block; the library has none of this request's now. What it gets
        // stays where it is, as does the buffer, until `ended` has an answer.
        told(unsafe {
            let cb = &mut *self.0;
            cb.aio_fildes = request.fd();
            cb.aio_reqprio = 0;
            cb.aio_sigevent.sigev_notify = libc::SIGEV_NONE;
            cb.aio_sigevent.sigev_value.sival_ptr = request.as_ptr().cast();
            (cb.aio_buf, cb.aio_nbytes, cb.aio_offset) = (null_mut(), 0, 0);
            match request.op() {
                IOE_OP_FSYNC => libc::aio_fsync(libc::O_SYNC, self.0),
                IOE_OP_FDATASYNC => libc::aio_fsync(libc::O_DSYNC, self.0),
                op => {
                    cb.aio_buf = request.buf_ptr().cast();
                    cb.aio_nbytes = request.len() as usize;
                    cb.aio_offset = offset as libc::off_t;
                    match op {
                        IOE_OP_READ => libc::aio_read(self.0),
                        _ => libc::aio_write(self.0),
                    }
                }
            }
        })
    }

    /// How the request ended: bytes, or errno; `None`: not yet. Once `Some`, the library has
    /// nothing of it any more, and this is not to be asked again.
    #[inline]
    pub(crate) fn ended(self) -> Option<Result<u64, Errno>> {
        // SAFETY: start() gave it to the library, which keeps its answer until it is fetched here.
        match unsafe { libc::aio_error(self.0) } {
            libc::EINPROGRESS => None,
            0 => {
                // SAFETY: as above, and it has ended.
                let done = unsafe { libc::aio_return(self.0) };
                Some(u64::try_from(done).map_err(|_| libc::EIO))
            }
            error => {
                let error = if error > 0 { error } else { errno::last() };
                // SAFETY: as above.
                unsafe { libc::aio_return(self.0) };
                Some(Err(error))
            }
        }
    }

    /// Asks the library to give a request back that it has.
    pub(crate) fn cancel(self, fd: i32) -> Result<Canceled, Errno> {
        // SAFETY: start() gave it to the library.
        match unsafe { libc::aio_cancel(fd, self.0) } {
            libc::AIO_CANCELED => Ok(Canceled::Yes),
            libc::AIO_NOTCANCELED => Ok(Canceled::Running),
            libc::AIO_ALLDONE => Ok(Canceled::Done),
            _ => Err(errno::last()),
        }
    }

    /// The unit that the control block carries.
    ///
    /// # Safety
    /// The unit was let go (`into_raw`) when `start` was called, and is asked for once.
    #[inline]
    pub(crate) unsafe fn unit(self) -> Unit {
        // SAFETY: start() put the request there, of which the caller says that it is a unit's.
        unsafe { Unit::from_raw((*self.0).aio_sigevent.sigev_value.sival_ptr.cast()) }
    }
}

/// Waits until one of these has ended, a signal comes or the time is over; which of it is not said.
pub(crate) fn suspend(controls: &[Control], limit: Duration) -> Result<(), Errno> {
    let limit = timespec {
        tv_sec: limit.as_secs() as libc::time_t, // engine never waits for more than a moment
        tv_nsec: limit.subsec_nanos().into(),
    };
    // SAFETY: a Control is its pointer, each to a control block that the library has.
    let status = unsafe {
        libc::aio_suspend(controls.as_ptr().cast(), controls.len() as c_int, &raw const limit)
    };
    match told(status) {
        Err(libc::EAGAIN | libc::EINTR) => Ok(()),
        other => other,
    }
}
