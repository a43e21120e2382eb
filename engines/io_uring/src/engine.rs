//! The engine: takes requests into the ring, and says what becomes of them.
//!
//! Runs on the worker's thread. What is in flight, how it is submitted and waited for is
//! `support::uring`'s; here stands what is this engine's own. Must not allocate or lock between
//! start and end.

use crate::entry::{Answered, Shape, PRIVATE_SIZE};
use crate::options::{Settings, OPTIONS};
use crate::{polled, words};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CancelFn, CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn, PlainFn, ReapFn,
};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Reaped, Request, Unit,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::uring::buffers::{self, FixesBuffers};
use iodyno_engine_support::uring::kernel::{Cqe, Sqe, ENTRIES_MAX};
use iodyno_engine_support::uring::requests::{Core, OnRing};
use iodyno_engine_support::uring::ring::{Ring, Wish};
use iodyno_engine_support::uring::{share, words::no_ring};
use iodyno_engine_support::whole::{whole, OPS};
use std::ffi::{c_void, CStr};
use std::fmt;

/// An instance: one ring.
pub(crate) struct IoUring {
    core: Core<Sqe, Cqe>,
    shape: Shape,
    settings: Settings,
}

impl Engine for IoUring {
    const NAME: &'static CStr = c"io_uring";
    const HELP: &'static CStr = c"Linux's rings: requests in batches, through shared memory";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const IO_PRIVATE_SIZE: u32 = PRIVATE_SIZE;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const START: Option<PlainFn<Self>> = Some(Self::start);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);
    const EXTENSION: Option<ExtensionFn> = Some(extension);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::read(job)?;
        let depth = job.iodepth().max(1);
        if depth > ENTRIES_MAX {
            let words = format!("iodepth {depth}: a ring holds {ENTRIES_MAX} requests at most");
            return Err(Error::new(libc::EINVAL, words));
        }
        let wish = Wish {
            // One more for the entry that ends waits.
            entries: (depth + 1).min(ENTRIES_MAX),
            iopoll: settings.hipri,
            sqpoll: settings.sqpoll,
            task_run: settings.task_run,
            attach: None,
        };
        let ring = if settings.attach { share::attached(&wish) } else { Ring::new(&wish) };
        let newer = "taskrun=defer needs Linux 6.1, taskrun=coop 5.19";
        let ring = ring.map_err(|why| no_ring(why, settings.sqpoll, newer))?;
        let core = Core::new(host, ring, depth, settings.register_files, !settings.hipri)?;
        Ok(IoUring { core, shape: Shape::new(&settings), settings })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.core.in_flight == self.core.depth {
            return io.busy();
        }
        let sqe = match self.entry(&io) {
            Ok(sqe) => sqe,
            Err(answer) => return io.finish(answer),
        };
        if !self.core.make_room() {
            return io.busy();
        }
        // SAFETY: the entry points to the request, its buffer and its private part. By Queued, the
        // answer below, the host leaves these alone until the unit was handed back, which happens
        // after the completion was read or the entry taken back.
        unsafe { self.core.ring.push(sqe) };
        self.core.in_flight += 1;
        let (unit, answer) = io.keep();
        unit.into_raw();
        answer
    }
}

impl IoUring {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        caps.set_max_depth(ENTRIES_MAX);
        Ok(())
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if self.settings.hipri {
            polled::check(file.name())?;
        }
        self.core.files.opened(file);
        Ok(Opened::ByHost)
    }

    #[inline(always)]
    fn entry(&mut self, io: &Request) -> Result<Sqe, Answered> {
        if io.offset() > i64::MAX as u64 {
            // The kernel would read the last of them as "where the file stands".
            return Err(Err(libc::EINVAL));
        }
        let Core { files, ring, host, buffers, .. } = &mut self.core;
        let file = files.name(ring, host, io);
        let (op, priority) = (io.op(), &mut self.settings.priority);
        match op {
            IOE_OP_READ | IOE_OP_WRITE => {
                self.shape.transfer(io, op == IOE_OP_READ, file, buffers, priority)
            }
            _ => self.shape.other(io, file),
        }
    }

    #[cold]
    fn failed(&mut self, unit: Unit, errno: Errno, reaped: &mut Reaped<'_>) {
        let kind = unit.file().map_or(IOE_KIND_NONE, |file| file.kind());
        let mut result = Err(errno);
        if errno == libc::EINTR {
            match self.again(unit) {
                Ok(()) => return,
                Err((returned, answer)) => {
                    self.core.in_flight -= 1;
                    return reaped.push(returned, answer);
                }
            }
        }
        let is_trim = unit.op() == IOE_OP_TRIM && kind == IOE_KIND_BLOCK;
        if is_trim && self.shape.discards && matches!(errno, libc::EOPNOTSUPP | libc::EINVAL) {
            // A kernel before Linux 6.12, or a device that cannot: the ioctl knows which.
            result = whole(&unit).map(|()| unit.len());
            self.shape.discards = result.is_err();
        }
        self.core.in_flight -= 1;
        reaped.push(unit, result);
    }

    /// Queues a unit once more that a signal interrupted.
    fn again(&mut self, unit: Unit) -> Result<(), (Unit, Answered)> {
        let sqe = match self.entry(&unit) {
            Ok(sqe) => sqe,
            Err(answer) => return Err((unit, answer)),
        };
        // SAFETY: as in queue(): the engine still owns the unit, and keeps it where this is true.
        if !unsafe { self.core.push_again(sqe) } {
            return Err((unit, Err(libc::EAGAIN)));
        }
        unit.into_raw();
        Ok(())
    }

    fn errdetails(&mut self, failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        words::request(&self.settings, failed, out)
    }
}

impl OnRing for IoUring {
    type Entry = Sqe;
    type Answer = Cqe;

    #[inline(always)]
    fn core(&mut self) -> &mut Core<Sqe, Cqe> {
        &mut self.core
    }

    #[inline(always)]
    fn completed(&mut self, unit: Unit, cqe: Cqe, reaped: &mut Reaped<'_>) {
        let is_data = matches!(unit.op(), IOE_OP_READ | IOE_OP_WRITE);
        match u64::try_from(cqe.res) {
            Ok(done) if done == unit.len() || !is_data => {
                self.core.in_flight -= 1;
                reaped.push_all(unit);
            }
            Ok(done) => {
                self.core.in_flight -= 1;
                reaped.push(unit, Ok(done));
            }
            Err(_) => self.failed(unit, -cqe.res, reaped),
        }
    }
}

impl FixesBuffers for IoUring {
    fn wants_fixed(&self) -> bool {
        self.settings.fixed_buffers
    }
}

/// `Engine::EXTENSION`.
fn extension(id: &CStr) -> *const c_void {
    match id.to_bytes() {
        b"iodyno.iomem/1" => buffers::iomem::<IoUring>(),
        _ => std::ptr::null(),
    }
}
