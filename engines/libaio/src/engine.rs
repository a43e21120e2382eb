//! The engine: what is taken, submitted, fetched and handed back.
//!
//! Runs on the worker's thread. A unit travels as the number that the kernel carries for us, from
//! `queue` (into the batch) over `commit` (into the kernel) to `getevents`. All memory is made at
//! init; a request costs no look-up, no lock and no system call of its own beyond its batch's.

use crate::context::{Context, Event};
use crate::options::{Settings, OPTIONS};
use crate::request::Iocb;
use crate::ring::Ring;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn, PlainFn, ReapFn};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Reaped, Unit, Wait,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::kernel::Probe;
use iodyno_engine_support::whole::{whole, OPS};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::fmt;
use std::time::Duration;

/// The longest that a wait goes on without a look at whether it is to end. The kernel's wait cannot
/// be woken from outside: an event that only wakes would have to be there as often as it asks for.
const TICK: Duration = Duration::from_millis(100);

/// A unit that is done, and how.
type Ended = (Unit, Result<u64, Errno>);

/// An instance.
pub(crate) struct Libaio {
    host: Host,
    // Before the context: it must not outlive it.
    ring: Option<Ring>,
    context: Context,
    settings: Settings,
    probe: Probe,
    depth: usize,
    /// Taken, not submitted; room for `depth`.
    batch: Vec<*mut Iocb>,
    /// Submitted, their events not fetched.
    submitted: usize,
    /// Ended without an event, or fetched to make room; room for `depth`.
    ended: VecDeque<Ended>,
    events: Box<[Event]>,
    /// Whether the kernel takes syncs (Linux 4.18), as far as is known.
    takes_syncs: bool,
}

impl Engine for Libaio {
    const NAME: &'static CStr = c"libaio";
    const HELP: &'static CStr = c"Linux asynchronous I/O: io_submit, io_getevents";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const IO_PRIVATE_SIZE: u32 = size_of::<Iocb>() as u32;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::read(job)?;
        let depth = job.iodepth().max(1);
        let context = Context::new(depth).map_err(|errno| no_context(depth, errno))?;
        let ring = Ring::of(&context);
        if settings.userspace_reap == Some(true) && ring.is_none() {
            let words = "userspace_reap: this kernel's completion ring has an unknown layout; \
                         leave the option out";
            return Err(Error::new(libc::ENOTSUP, words));
        }
        let depth = depth as usize;
        Ok(Libaio {
            probe: Probe::new(host.clone(), job, settings.flags),
            host,
            ring,
            context,
            settings,
            depth,
            batch: Vec::with_capacity(depth),
            submitted: 0,
            ended: VecDeque::with_capacity(depth),
            events: vec![Event::default(); depth].into(),
            takes_syncs: true,
        })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        match io.op() {
            IOE_OP_READ | IOE_OP_WRITE => self.take_transfer(io),
            IOE_OP_FSYNC | IOE_OP_FDATASYNC if self.takes_syncs => self.take_sync(io),
            _ => self.do_now(io),
        }
    }
}

/// Why there is no context, and what to do.
fn no_context(depth: u32, errno: Errno) -> Error {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap_or_default();
        match text.trim() {
            "" => "unknown".to_owned(),
            number => number.to_owned(),
        }
    };
    let words = match errno {
        libc::EAGAIN => format!(
            "io_setup for iodepth {depth}: the machine has asynchronous requests for {} in all, {} \
             of them in use; raise the limit (sysctl fs.aio-max-nr), or lower iodepth or numjobs",
            read("aio-max-nr"),
            read("aio-nr")
        ),
        libc::EINVAL => format!("io_setup for iodepth {depth}: more than any kernel takes at once"),
        libc::ENOSYS => "io_setup: this kernel has no asynchronous I/O (CONFIG_AIO), or a sandbox \
                         forbids it; io_uring and posixaio are other ways"
            .to_owned(),
        errno => {
            let why = std::io::Error::from_raw_os_error(errno);
            format!("io_setup for iodepth {depth}: {why}")
        }
    };
    Error::new(errno, words)
}

impl Libaio {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens, if the target can do what the options ask for.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        self.probe.judge(file)?;
        Ok(Opened::ByHost)
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let nowait = self.settings.flags.always & libc::RWF_NOWAIT != 0;
        match io.error() {
            libc::EAGAIN if nowait => out.write_str(
                "it would have had to wait, and nowait=1 (ignore_error=EAGAIN counts it as done)",
            ),
            libc::EPERM if self.settings.priority.is_some() => out.write_str(
                "the priority that cmdprio_class asks for takes CAP_SYS_NICE (class 1: realtime)",
            ),
            libc::EOPNOTSUPP if matches!(io.op(), IOE_OP_READ | IOE_OP_WRITE) => {
                out.write_str("the target lacks what nowait, uncached or atomic ask for")
            }
            errno => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.batch.len() + self.submitted + self.ended.len() < self.depth
    }

    #[inline]
    fn take_transfer<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if !self.has_room() {
            return io.busy();
        }
        let is_read = io.op() == IOE_OP_READ;
        let flags = &self.settings.flags;
        let rwf = if is_read { flags.always } else { flags.always | flags.writes };
        let priority = match (&mut self.settings.priority, io.ioprio()) {
            (None, 0) => None,
            (None, given) => Some(given as u16), // as ioprio_set(2), which has 16 bits
            (Some(rules), given) => {
                rules.draw(is_read, io.len()).or((given != 0).then_some(given as u16))
            }
        };
        match Iocb::transfer(&io, io.as_ptr() as u64, rwf, priority) {
            Some(iocb) => self.keep(io, iocb),
            None => io.finish(Err(libc::EINVAL)),
        }
    }

    fn take_sync<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if !self.has_room() {
            return io.busy();
        }
        let iocb = Iocb::sync(&io, io.as_ptr() as u64);
        self.keep(io, iocb)
    }

    /// The request is ours: into the batch.
    #[inline]
    fn keep<'a>(&mut self, io: Io<'a>, iocb: Iocb) -> Answer<'a> {
        let place = io.private().cast::<Iocb>();
        let (unit, answer) = io.keep();
        // SAFETY: IO_PRIVATE_SIZE asks for an Iocb's bytes, 64-byte aligned, in each request, and
        // the request is ours now.
        unsafe { place.write(iocb) };
        self.batch.push(place);
        let _carried = unit.into_raw(); // the iocb's data has it
        answer
    }

    /// What the kernel has no asynchronous form of. What was taken before it goes first, so that
    /// none of it waits for this.
    #[cold]
    fn do_now<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if !self.batch.is_empty() {
            return io.busy();
        }
        let result = whole(&io).map(|()| io.len());
        io.finish(result)
    }

    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        let mut done = 0;
        while done < self.batch.len() {
            // SAFETY: keep() filled them in, each for a request that is ours until its event.
            match unsafe { self.context.submit(&self.batch[done..]) } {
                Ok(count) if count > 0 => {
                    done += count;
                    self.submitted += count;
                }
                Err(libc::EINTR) => {}
                Err(errno) if errno != libc::EAGAIN => done += self.fail(done, errno),
                _ if self.submitted == 0 || self.host.terminated() => {
                    done += self.fail(done, libc::EAGAIN);
                }
                _ => self.make_room()?,
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// The kernel did not take a request of the batch, and would not take it again. Counts one.
    #[cold]
    fn fail(&mut self, index: usize, errno: Errno) -> usize {
        // SAFETY: keep() wrote it, and the kernel does not have it.
        let iocb = unsafe { *self.batch[index] };
        let unit = unit_of(iocb.data);
        let result = match errno {
            libc::EINVAL if iocb.is_sync() => {
                // No syncs in this kernel, or none of this file: its own call knows which.
                let result = whole(&unit).map(|()| unit.len());
                self.takes_syncs &= result.is_err();
                result
            }
            errno => Err(errno),
        };
        self.ended.push_back((unit, result));
        1
    }

    /// The kernel is short of room for requests that it counts itself: some have to end first.
    #[cold]
    fn make_room(&mut self) -> Result<(), Error> {
        let count = self.fetch(1, self.events.len(), Some(TICK))?;
        for i in 0..count {
            if let Some(ended) = self.settle(self.events[i]) {
                self.ended.push_back(ended);
            }
        }
        Ok(())
    }

    /// What an event says about its unit; none where it has to be done again.
    #[inline]
    fn settle(&mut self, event: Event) -> Option<Ended> {
        let unit = unit_of(event.data);
        let all = unit.len();
        match u64::try_from(event.res) {
            Ok(done) if done >= all => Some((unit, Ok(all))),
            Ok(_) if matches!(unit.op(), IOE_OP_FSYNC | IOE_OP_FDATASYNC) => Some((unit, Ok(all))),
            Ok(done) => Some((unit, Ok(done))),
            Err(_) if event.res == -i64::from(libc::EINTR) => self.submit_again(unit),
            Err(_) => Some((unit, Err(i32::try_from(-event.res).unwrap_or(libc::EIO)))),
        }
    }

    /// A signal is no reason for a request to fail.
    #[cold]
    fn submit_again(&mut self, unit: Unit) -> Option<Ended> {
        let place = unit.private().cast::<Iocb>();
        loop {
            // SAFETY: keep() filled it in, and its event has just been fetched.
            match unsafe { self.context.submit(&[place]) } {
                Err(libc::EINTR) | Ok(0) => {}
                Err(errno) => return Some((unit, Err(errno))),
                Ok(_) => {
                    self.submitted += 1;
                    let _carried = unit.into_raw();
                    return None;
                }
            }
        }
    }

    /// Fetches events into `events`; none where the time was over or a signal came.
    #[inline]
    fn fetch(&mut self, min: usize, max: usize, limit: Option<Duration>) -> Result<usize, Error> {
        let min = min.min(self.submitted);
        match self.context.wait(min, &mut self.events[..max], limit) {
            Ok(count) => {
                self.submitted -= count;
                Ok(count)
            }
            Err(libc::EINTR) => Ok(0),
            Err(errno) => {
                let why = std::io::Error::from_raw_os_error(errno);
                Err(Error::new(errno, format!("io_getevents: {why}")))
            }
        }
    }

    #[inline]
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.hand_back_ended(reaped);
        if self.settings.userspace_reap != Some(false) {
            self.take_from_ring(reaped);
        }
        let missing = wait.min.saturating_sub(reaped.count()) as usize;
        // The ring tells without a system call. Where all is there the kernel needs no time limit,
        // which costs it something even if it does not wait.
        match self.ring.as_ref().map(Ring::ready) {
            Some(0) if missing == 0 => Ok(()),
            Some(ready) if ready >= missing => self.reap(missing, None, reaped),
            None if missing == 0 => self.reap(0, Some(Duration::ZERO), reaped),
            _ => self.wait(wait, reaped),
        }
    }

    #[inline]
    fn hand_back_ended(&mut self, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            let Some((unit, result)) = self.ended.pop_front() else { break };
            reaped.push(unit, result);
        }
    }

    fn take_from_ring(&mut self, reaped: &mut Reaped<'_>) {
        let Some(ring) = &mut self.ring else { return };
        let max = self.submitted.min(reaped.room() as usize);
        let count = ring.take(&mut self.events[..max]);
        self.submitted -= count;
        self.hand_back(count, reaped);
    }

    /// Waits until there are enough, the time is over, or `terminate` says so.
    #[inline]
    fn wait(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let begin = if wait.timeout_ns > 0 { self.host.now_ns() } else { 0 };
        loop {
            let missing = (wait.min - reaped.count()) as usize;
            let left = match wait.timeout_ns {
                ..0 => TICK,
                0 => Duration::ZERO,
                all => {
                    let passed = self.host.now_ns() - begin;
                    Duration::from_nanos(all.cast_unsigned().saturating_sub(passed))
                }
            };
            self.reap(missing, Some(left.min(TICK)), reaped)?;
            self.hand_back_ended(reaped);
            // Nothing left to wait for: by the contract this cannot be, and is no reason to hang.
            let over = left.is_zero() || self.submitted == 0;
            if reaped.count() >= wait.min || over || self.host.take_interrupt() {
                return Ok(());
            }
        }
    }

    #[inline]
    fn reap(
        &mut self,
        min: usize,
        limit: Option<Duration>,
        reaped: &mut Reaped<'_>,
    ) -> Result<(), Error> {
        let max = self.submitted.min(reaped.room() as usize);
        if max == 0 {
            return Ok(());
        }
        let count = self.fetch(min, max, limit)?;
        self.hand_back(count, reaped);
        Ok(())
    }

    /// Hands back the units of the first events.
    #[inline]
    fn hand_back(&mut self, count: usize, reaped: &mut Reaped<'_>) {
        for i in 0..count {
            match self.settle(self.events[i]) {
                Some((unit, Ok(done))) if done == unit.len() => reaped.push_all(unit),
                Some((unit, result)) => reaped.push(unit, result),
                None => {}
            }
        }
    }
}

/// The unit that the kernel carried for us.
#[inline]
fn unit_of(data: u64) -> Unit {
    // SAFETY: `data` of an Iocb that keep() made, which let go of the unit then; each comes back
    // once, with its event or from the batch.
    unsafe { Unit::from_raw(data as *mut ioe_io) }
}
