//! The engine: what the library has, in the order in which it was taken.
//!
//! Runs on the worker's thread. `queue` gives a request to the library at once, as there is nothing
//! to be won by a batch; `commit` only says from where on units may be handed back. One list, made
//! at init, serves both the search for what has ended and the wait.

use crate::control::{suspend, Canceled, Control};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CancelFn, CapsFn, PlainFn, ReapFn};
use iodyno_engine_api::{
    Answer, Cancel, Caps, Engine, Error, Host, Io, Job, Reaped, Request, Wait,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::whole::{whole, OPS};
use std::ffi::CStr;
use std::time::Duration;

/// The longest that a wait goes on without a look at whether it is to end: the library's wait
/// cannot be woken from outside.
const TICK: Duration = Duration::from_millis(100);

/// An instance.
pub(crate) struct Posixaio {
    host: Host,
    depth: usize,
    /// What the library has, oldest first; room for `depth`.
    taken: Vec<Control>,
    /// The first so many of them are committed.
    committed: usize,
}

impl Engine for Posixaio {
    const NAME: &'static CStr = c"posixaio";
    const HELP: &'static CStr = c"the C library's asynchronous I/O: aio_read, aio_write";
    const FLAGS: u64 = 0;
    const IO_PRIVATE_SIZE: u32 = size_of::<libc::aiocb>() as u32;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let depth = job.iodepth().max(1);
        if i32::try_from(depth).is_err() {
            let words = format!("iodepth {depth} is more than aio_suspend can wait for");
            return Err(Error::new(libc::EINVAL, words));
        }
        let depth = depth as usize;
        Ok(Posixaio { host, depth, taken: Vec::with_capacity(depth), committed: 0 })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let is_sync = match io.op() {
            IOE_OP_READ => false,
            // The library has no flags for a single request.
            IOE_OP_WRITE if io.flags() & IOE_IO_FUA != 0 => {
                return io.finish(Err(libc::EOPNOTSUPP));
            }
            IOE_OP_WRITE => false,
            IOE_OP_FSYNC | IOE_OP_FDATASYNC => true,
            _ => return finish_now(io),
        };
        if self.taken.len() == self.depth {
            return io.busy();
        }
        let control = Control::of(&io);
        match control.start(&io) {
            Ok(()) => {
                let (unit, answer) = io.keep();
                self.taken.push(control);
                let _carried = unit.into_raw(); // the control block has it
                answer
            }
            // Out of the library's threads or memory: what is in flight gives some back.
            Err(libc::EAGAIN) if !self.taken.is_empty() => io.busy(),
            // It wants a descriptor for writing, which the system call does not.
            Err(libc::EINVAL | libc::EBADF) if is_sync => finish_now(io),
            Err(errno) => io.finish(Err(errno)),
        }
    }
}

/// What the library has no asynchronous form of.
fn finish_now(io: Io<'_>) -> Answer<'_> {
    let result = whole(&io).map(|()| io.len());
    io.finish(result)
}

impl Posixaio {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.committed = self.taken.len();
        Ok(())
    }

    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let begin = if wait.timeout_ns > 0 { self.host.now_ns() } else { 0 };
        loop {
            self.hand_back(reaped);
            // Nothing left to wait for: by the contract this cannot be, and is no reason to hang.
            if reaped.count() >= wait.min || self.committed == 0 {
                return Ok(());
            }
            let left = match wait.timeout_ns {
                ..0 => TICK,
                0 => return Ok(()),
                all => {
                    let passed = self.host.now_ns() - begin;
                    Duration::from_nanos(all.cast_unsigned().saturating_sub(passed))
                }
            };
            if left.is_zero() || self.host.take_interrupt() {
                return Ok(());
            }
            suspend(&self.taken[..self.committed], left.min(TICK)).map_err(|errno| {
                let why = std::io::Error::from_raw_os_error(errno);
                Error::new(errno, format!("aio_suspend: {why}"))
            })?;
        }
    }

    /// Hands back what has ended, oldest first, and closes the gaps.
    fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        let mut kept = 0;
        for at in 0..self.committed {
            let control = self.taken[at];
            let ended = if reaped.room() > 0 { control.ended() } else { None };
            match ended {
                Some(result) => give(control, result, reaped),
                None => {
                    self.taken[kept] = control;
                    kept += 1;
                }
            }
        }
        if kept < self.committed {
            self.taken.drain(kept..self.committed);
            self.committed = kept;
        }
    }

    fn cancel(&mut self, request: &Request) -> Result<Cancel, Error> {
        let control = Control::of(request);
        let Some(at) = self.taken.iter().position(|one| one.is(control)) else {
            return Ok(Cancel::Done);
        };
        let answer = control.cancel(request.fd()).map_err(|errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("aio_cancel: {why}"))
        })?;
        match answer {
            Canceled::Running => Ok(Cancel::Pending),
            // It still comes back through getevents, which is what Pending says.
            Canceled::Done => Ok(Cancel::Pending),
            Canceled::Yes => {
                let _canceled = control.ended(); // the library keeps an answer until it is fetched
                self.taken.remove(at);
                self.committed -= usize::from(at < self.committed);
                // SAFETY: on the list, so queue() let go of the unit; off it now.
                Ok(Cancel::Canceled(unsafe { control.unit() }))
            }
        }
    }
}

/// Hands a unit back that was on the list and is off it now.
fn give(control: Control, result: Result<u64, Errno>, reaped: &mut Reaped<'_>) {
    // SAFETY: on the list, so queue() let go of the unit; the caller takes it off.
    let unit = unsafe { control.unit() };
    let all = unit.len();
    let moves_data = matches!(unit.op(), IOE_OP_READ | IOE_OP_WRITE);
    match result {
        Ok(done) if moves_data && done < all => reaped.push(unit, Ok(done)),
        Ok(_) => reaped.push_all(unit),
        Err(errno) => reaped.push(unit, Err(errno)),
    }
}
