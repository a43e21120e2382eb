//! The engine: takes requests into the ring, submits them, hands them back.
//!
//! Runs on the worker's thread. The ring has room for all that may be in flight, and completions
//! for twice as many, so none can get lost; what the kernel is short of for a while is tried again
//! in the next wait. Must not allocate or lock between start and end, and makes one system call to
//! submit a batch and one to wait, where there is something to wait for.

use crate::buffers::{self, Buffers};
use crate::entry::{Answered, Shape, PRIVATE_SIZE};
use crate::files::{self, Files};
use crate::kernel::{self, Cqe, Sqe, SyncCancel, Timespec, ENTRIES_MAX};
use crate::options::{Settings, OPTIONS};
use crate::ring::{Ring, Wish};
use crate::share;
use crate::wake::{Wake, WAKE};
use crate::words;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CancelFn, CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn, PlainFn, ReapFn,
};
use iodyno_engine_api::{
    Answer, Cancel, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Reaped, Request,
    Unit, Wait,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::whole::{whole, OPS};
use std::ffi::CStr;
use std::fmt;

/// How long a wait lasts at most where nothing can wake it, and when the kernel is short of
/// something.
const SLICE_NS: u64 = 50_000_000;
const SHORT_OF_NS: u64 = 1_000_000;

/// An instance: one ring.
pub(crate) struct IoUring {
    ring: Ring,
    /// Taken and not handed back.
    in_flight: u32,
    depth: u32,
    shape: Shape,
    files: Files,
    buffers: Buffers,
    settings: Settings,
    wake: Option<Wake>,
    /// A wake was seen, and the ring does not look for the next one yet.
    wake_due: bool,
    /// What ended the submitting for good.
    broken: Option<Errno>,
    host: Host,
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
    const EXTENSION: Option<ExtensionFn> = Some(buffers::extension);

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
        let ring = ring.map_err(|why| words::no_ring(why, &settings))?;
        let mut engine = IoUring {
            ring,
            in_flight: 0,
            depth,
            shape: Shape::new(&settings),
            files: Files::new(settings.register_files),
            buffers: Buffers::default(),
            settings,
            wake: None,
            wake_due: false,
            broken: None,
            host,
        };
        if !engine.settings.hipri {
            engine.make_wakeable()?;
        }
        Ok(engine)
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.in_flight == self.depth {
            return io.busy();
        }
        let sqe = match self.entry(&io) {
            Ok(sqe) => sqe,
            Err(answer) => return io.finish(answer),
        };
        if !self.ring.has_room() {
            if self.in_flight > 0 {
                return io.busy();
            }
            self.ring.wait_for_room();
        }
        // SAFETY: the entry points to the request, its buffer and its private part. By Queued, the
        // answer below, the host leaves these alone until the unit was handed back, which happens
        // after the completion was read or the entry taken back.
        unsafe { self.ring.push(sqe) };
        self.in_flight += 1;
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

    fn make_wakeable(&mut self) -> Result<(), Error> {
        let failed = |errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("make an eventfd for interrupted waits: {why}"))
        };
        let wake = Wake::new().map_err(failed)?;
        self.host.on_terminate(wake.waker())?;
        // SAFETY: the entry names a descriptor and points to nothing.
        unsafe { self.ring.push(wake.entry()) };
        self.wake = Some(wake);
        self.ring.submit().map_err(failed)
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if self.settings.hipri {
            files::check_polled(file.name())?;
        }
        self.files.opened(file);
        Ok(Opened::ByHost)
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        self.files.closed(&self.ring, file);
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        self.files.start(&self.ring).map_err(|errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("registerfiles: make the table: {why}"))
        })
    }

    /// Registers the buffers' region, if the job wants that.
    pub(crate) fn add_buffers(&mut self, base: u64, len: u64) -> Result<(), Error> {
        if !self.settings.fixed_buffers || len == 0 {
            return Ok(());
        }
        // SAFETY: the host gives the region for as long as the instance lives, and `drop` below
        // takes the registration back.
        let added = unsafe { self.buffers.add(&self.ring, base, len) };
        added.map_err(|errno| words::no_buffers(errno, len))
    }

    #[inline(always)]
    fn entry(&mut self, io: &Request) -> Result<Sqe, Answered> {
        if io.offset() > i64::MAX as u64 {
            // The kernel would read the last of them as "where the file stands".
            return Err(Err(libc::EINVAL));
        }
        let file = self.files.name(&self.ring, &self.host, io);
        let (op, priority) = (io.op(), &mut self.settings.priority);
        match op {
            IOE_OP_READ | IOE_OP_WRITE => {
                self.shape.transfer(io, op == IOE_OP_READ, file, &self.buffers, priority)
            }
            _ => self.shape.other(io, file),
        }
    }

    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        match self.ring.submit() {
            // What the kernel could not take now is offered again by each wait.
            Ok(()) | Err(libc::EAGAIN | libc::EBUSY) => Ok(()),
            Err(errno) => {
                self.broken = Some(errno);
                let why = std::io::Error::from_raw_os_error(errno);
                Err(Error::new(errno, format!("submit requests (io_uring_enter): {why}")))
            }
        }
    }

    #[inline]
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.hand_back(reaped);
        let enough = reaped.count() >= wait.min;
        if enough && (reaped.count() > 0 || !self.ring.should_ask()) {
            return Ok(());
        }
        self.wait_for(wait, reaped)
    }

    /// Hands back what lies ready.
    #[inline]
    fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        let mut seen = false;
        while reaped.room() > 0 {
            let Some(cqe) = self.ring.next() else { break };
            seen = true;
            match cqe.user_data {
                WAKE => self.woken(),
                _ => self.completed(cqe, reaped),
            }
        }
        if seen {
            self.ring.release();
        }
    }

    #[inline]
    fn completed(&mut self, cqe: Cqe, reaped: &mut Reaped<'_>) {
        // SAFETY: `user_data` of every entry but the wake's is a unit that queue() or again() took
        // apart by into_raw(), and the kernel answers each entry once.
        let unit = unsafe { Unit::from_raw(cqe.user_data as *mut ioe_io) };
        let is_data = matches!(unit.op(), IOE_OP_READ | IOE_OP_WRITE);
        match u64::try_from(cqe.res) {
            Ok(done) if done == unit.len() || !is_data => {
                self.in_flight -= 1;
                reaped.push_all(unit);
            }
            Ok(done) => {
                self.in_flight -= 1;
                reaped.push(unit, Ok(done));
            }
            Err(_) => self.failed(unit, -cqe.res, reaped),
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
                    self.in_flight -= 1;
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
        self.in_flight -= 1;
        reaped.push(unit, result);
    }

    /// Queues a unit once more that a signal interrupted. What the host has not committed yet goes
    /// along: nobody will commit for this one.
    fn again(&mut self, unit: Unit) -> Result<(), (Unit, Answered)> {
        let sqe = match self.entry(&unit) {
            Ok(sqe) => sqe,
            Err(answer) => return Err((unit, answer)),
        };
        if !self.ring.has_room() && (self.ring.submit().is_err() || !self.ring.has_room()) {
            return Err((unit, Err(libc::EAGAIN)));
        }
        unit.into_raw();
        // SAFETY: as in queue(): the engine still owns the unit.
        unsafe { self.ring.push(sqe) };
        self.ring.commit();
        Ok(())
    }

    /// A wake was seen: the next one is to be seen, too.
    #[cold]
    fn woken(&mut self) {
        if let Some(wake) = &self.wake {
            wake.clear();
            self.wake_due = true;
        }
    }

    /// Lets the ring look for the next wake. Not while requests lie there that are not committed:
    /// the kernel takes entries in order.
    #[cold]
    fn rearm(&mut self) {
        if self.ring.has_uncommitted() || !self.ring.has_room() {
            return;
        }
        if let Some(wake) = &self.wake {
            // SAFETY: the entry names a descriptor and points to nothing.
            unsafe { self.ring.push(wake.entry()) };
            self.ring.commit();
            self.wake_due = false;
        }
    }

    /// Asks the kernel for what is missing, until it is there or the time is over.
    #[inline(never)]
    fn wait_for(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let deadline = u64::try_from(wait.timeout_ns).ok().filter(|limit| *limit > 0);
        let deadline = deadline.map(|limit| self.host.now_ns().saturating_add(limit));
        loop {
            if self.wake_due {
                self.rearm();
            }
            self.fail_unsubmitted(reaped);
            let missing = wait.min.saturating_sub(reaped.count());
            let left = deadline.map(|end| end.saturating_sub(self.host.now_ns()));
            let over = wait.timeout_ns == 0 || left == Some(0);
            let asked = match missing == 0 || over || self.ring.polls() {
                true => self.ring.wait(0, None),
                false => self.ring.wait(missing, self.slice(left)),
            };
            self.hand_back(reaped);
            match asked {
                Ok(()) => {}
                Err(libc::EAGAIN | libc::EBUSY) if !over && reaped.count() < wait.min => {
                    self.ring.wait_only(Timespec::from_ns(SHORT_OF_NS));
                    self.hand_back(reaped);
                }
                Err(libc::EAGAIN | libc::EBUSY) => {}
                Err(errno) if self.broken.is_none() => self.broken = Some(errno),
                Err(errno) if reaped.count() == 0 && self.ring.unsubmitted() == 0 => {
                    let why = std::io::Error::from_raw_os_error(errno);
                    let words = format!("wait for completions (io_uring_enter): {why}");
                    return Err(Error::new(errno, words));
                }
                Err(_) => {}
            }
            if reaped.count() >= wait.min || over || self.host.take_interrupt() {
                return Ok(());
            }
        }
    }

    /// How long to wait at a stretch.
    fn slice(&self, left: Option<u64>) -> Option<Timespec> {
        let limit = match &self.wake {
            Some(_) if !self.wake_due => left,
            _ => Some(left.map_or(SLICE_NS, |left| left.min(SLICE_NS))),
        };
        limit.map(Timespec::from_ns)
    }

    /// After the ring broke: what it never took goes back with the reason.
    fn fail_unsubmitted(&mut self, reaped: &mut Reaped<'_>) {
        let Some(errno) = self.broken else { return };
        while reaped.room() > 0 {
            match self.ring.take_back() {
                None => return,
                Some(WAKE) => {}
                Some(unit) => {
                    // SAFETY: as in completed(): an entry is taken back once, and never completed.
                    let unit = unsafe { Unit::from_raw(unit as *mut ioe_io) };
                    self.in_flight -= 1;
                    reaped.push(unit, Err(errno));
                }
            }
        }
    }

    /// Whatever the kernel makes of it, the unit comes back through the ring, with ECANCELED where
    /// it was caught.
    fn cancel(&mut self, request: &Request) -> Result<Cancel, Error> {
        if self.in_flight == 0 {
            return Ok(Cancel::Done);
        }
        let what = SyncCancel {
            addr: request.as_ptr() as u64,
            fd: -1,
            flags: 0,
            timeout: Timespec::from_ns(0),
            pad: [0; 4],
        };
        let arg = (&raw const what).cast();
        // SAFETY: one SyncCancel, read during the call; it names the request and follows nothing.
        match unsafe { self.ring.register(kernel::REGISTER_SYNC_CANCEL, arg, 1) } {
            Err(libc::EINVAL) => {
                Err(Error::new(libc::EOPNOTSUPP, "cancelling a request needs Linux 6.0"))
            }
            _ => Ok(Cancel::Pending),
        }
    }

    fn errdetails(&mut self, failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        words::request(&self.settings, failed, out)
    }
}

impl Drop for IoUring {
    fn drop(&mut self) {
        self.buffers.release(&self.ring);
    }
}
