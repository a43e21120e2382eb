//! The worker's loop: offer requests until the depth is full, commit, reap, account.
//!
//! One worker is one thread with one engine instance. Everything is allocated before [`Worker::run`]
//! and nothing is during it. Counters are written straight into the shared page, so that every
//! finished request is there before the next callback begins. Decides nothing about the load (that
//! is the generator's affair) and prints nothing: what ends it comes back as [`Trouble`].

use super::pace::Pacer;
use super::slots::{Outcome, SlotIndex, Slots};
use super::trouble::{Breach, Fault, RequestError, Trouble};
use crate::ddir::Ddir;
use crate::plugin::handle::{Answer, Callback, Instance, Terminator};
use crate::plugin::lent::FileTable;
use crate::stats::live::{WorkerPage, WorkerState};
use crate::sys::clock::{Clock, Ticks};
use crate::sys::thread::Usage;
use crate::workload::{scramble, Generator};
use iodyno_engine_api::abi::*;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Requests or rounds from one sample of the tester's own time to the next.
const HARNESS_EVERY: u32 = 1024;

/// Longest sleep between two looks at the signal.
const NAP_NS: u64 = 20_000_000;

/// What the supervisor tells a worker: a word that only grows.
#[derive(Debug, Default)]
pub struct Signal(AtomicU32);

impl Signal {
    /// `ramp_time` runs.
    pub const RAMP: u32 = 0;
    /// What is issued now counts.
    pub const MEASURE: u32 = 1;
    /// Issue nothing more.
    pub const STOP: u32 = 2;
    /// Issue nothing more, and do not insist: a blocked wait was interrupted.
    pub const ABORT: u32 = 3;

    /// Raises it.
    pub fn raise(&self, to: u32) {
        self.0.fetch_max(to, Relaxed);
    }

    /// Reads it.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// How a worker is to go about it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Requests to a commit.
    pub batch_submit: u32,
    /// Reap at least so many; 0 = look without waiting.
    pub complete_min: u32,
    /// Reap at most so many.
    pub complete_max: u32,
    /// Once full, drain to this before filling again.
    pub low: u32,
    /// Read the clock for latencies.
    pub timed: bool,
    /// The instance never answers Queued.
    pub sync_engine: bool,
    /// The instance fills `issue_ns`.
    pub sets_issue: bool,
    /// Reads and writes are mixed.
    pub mixed: bool,
    /// A write must not be issued before the trim of the same block has ended.
    pub write_after_trim: bool,
    /// Write buffers hold data that somebody may look at.
    pub moves_data: bool,
    /// Short transfers are continued at multiples of this (O_DIRECT); 1 = anywhere.
    pub piece_align: u64,
    /// A sync after so many writes; 0 = never.
    pub fsync_every: u32,
    /// A sync of each file at the end.
    pub end_fsync: bool,
}

/// Everything that a worker is made of.
#[derive(Debug)]
pub struct Parts<'a, C> {
    /// How to go about it.
    pub settings: Settings,
    /// The engine.
    pub engine: Instance<'a>,
    /// The slab.
    pub slots: Slots,
    /// The open files.
    pub files: FileTable,
    /// What to ask for.
    pub generator: Generator,
    /// How fast.
    pub pacer: Pacer,
    /// Where to count.
    pub page: &'a WorkerPage,
    /// What the supervisor says.
    pub signal: &'a Signal,
    /// The time.
    pub clock: C,
}

/// A worker.
#[derive(Debug)]
pub struct Worker<'a, C> {
    settings: Settings,
    engine: Instance<'a>,
    slots: Slots,
    files: FileTable,
    generator: Generator,
    pacer: Pacer,
    page: &'a WorkerPage,
    signal: &'a Signal,
    clock: C,
    /// The phase as this worker knows it.
    phase: u32,
    usage_at_begin: Usage,
    in_flight: u32,
    /// Queued and not committed yet.
    uncommitted: Vec<SlotIndex>,
    /// Ended short or refused with Busy: to be offered before anything new.
    pending: Vec<SlotIndex>,
    events: Vec<*mut ioe_io>,
    writes_since_sync: u32,
    /// Number of the last write, which makes its data differ from all others.
    write_number: u64,
    last_written: Option<u32>,
    /// A stamp that may begin the next request: taken by the last reap.
    stamp: Option<Ticks>,
    harness: Harness,
    failed: Option<RequestError>,
}

/// Sampling of the tester's own time.
#[derive(Debug)]
struct Harness {
    countdown: u32,
    /// This round is a sample: callbacks are timed.
    sampling: bool,
    callbacks_ns: u64,
    /// End of the last request of a synchronous engine, where the gap behind it is a sample.
    gap_from: Option<Ticks>,
}

/// Why filling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// As many requests as the depth allows.
    Full,
    /// The generator has no more, or the signal says stop.
    Ended,
    /// The next request is due at this time.
    NotBefore(u64),
}

impl<'a, C: Clock> Worker<'a, C> {
    /// Allocates the last things and fills the write buffers.
    pub fn new(parts: Parts<'a, C>) -> Self {
        let depth = parts.slots.depth() as usize;
        Worker {
            settings: parts.settings,
            engine: parts.engine,
            slots: parts.slots,
            files: parts.files,
            generator: parts.generator,
            pacer: parts.pacer,
            page: parts.page,
            signal: parts.signal,
            clock: parts.clock,
            phase: Signal::RAMP,
            usage_at_begin: Usage::default(),
            in_flight: 0,
            uncommitted: Vec::with_capacity(depth),
            pending: Vec::with_capacity(depth),
            events: vec![std::ptr::null_mut(); depth],
            writes_since_sync: 0,
            write_number: 0,
            last_written: None,
            stamp: None,
            harness: Harness {
                countdown: HARNESS_EVERY,
                sampling: false,
                callbacks_ns: 0,
                gap_from: None,
            },
            failed: None,
        }
    }

    /// Runs ramp, measure and drain. Trouble of the last phase is told like that of the others;
    /// after a fault nothing of the engine is called any more.
    pub fn run(&mut self) -> Result<(), Trouble> {
        self.begin();
        let driven = self.drive();
        self.page.state.set(WorkerState::Drain as u64);
        let drained = match &driven {
            Err(Trouble::Fault(_)) => Ok(()),
            _ => self.drain().and_then(|()| self.final_sync(driven.is_ok())),
        };
        self.end();
        driven.and(drained).and_then(|()| match self.failed.take() {
            Some(error) => Err(Trouble::Request(error)),
            None => Ok(()),
        })
    }

    /// The loop.
    fn drive(&mut self) -> Result<(), Trouble> {
        loop {
            let round = self.begin_round();
            match self.fill()? {
                Filled::Full => self.make_room()?,
                Filled::Ended => return Ok(()),
                Filled::NotBefore(due_ns) => self.wait_until(due_ns)?,
            }
            self.end_round(round);
        }
    }

    /// Offers requests until the depth is reached. A synchronous engine stays in here.
    fn fill(&mut self) -> Result<Filled, Trouble> {
        loop {
            if self.signal.get() != self.phase && self.change_phase() {
                return Ok(Filled::Ended);
            }
            if let Some(index) = self.pending.pop() {
                self.offer(index)?;
            } else if !self.slots.has_free() {
                return Ok(Filled::Full);
            } else if let Some(filled) = self.offer_next()? {
                return Ok(filled);
            }
            if self.failed.is_some() {
                return Ok(Filled::Ended);
            }
        }
    }

    /// Offers the next request of the load. Something comes back where there is none to offer now.
    #[inline(always)]
    fn offer_next(&mut self) -> Result<Option<Filled>, Trouble> {
        if self.sync_is_due() {
            return self.offer_sync().map(|()| None);
        }
        if self.pacer.is_limited() {
            if let Some(due_ns) = self.not_before() {
                return Ok(Some(Filled::NotBefore(due_ns)));
            }
        }
        let Some(request) = self.generator.next() else { return Ok(Some(Filled::Ended)) };
        if self.pacer.is_limited() {
            self.pacer.spend(request.ddir, request.len);
        }
        if self.settings.write_after_trim && request.ddir == Ddir::Write {
            self.drain()?;
        }
        let slot = Slots::request(request.ddir, request.file, request.offset, request.len);
        self.begin_request(slot).map(|()| None)
    }

    /// With rates: none where the next request is due, else when it will be. In a mix whose drawn
    /// direction is not due while the other one is, the other one goes first: each direction keeps
    /// its own rate.
    fn not_before(&mut self) -> Option<u64> {
        let now_ns = self.clock.mono_ns();
        let drawn = self.generator.peek()?;
        let due_ns = self.pacer.due_ns(drawn).filter(|due_ns| *due_ns > now_ns)?;
        let other = match drawn {
            Ddir::Read => Ddir::Write,
            _ => Ddir::Read,
        };
        if !self.settings.mixed {
            return Some(due_ns);
        }
        match self.pacer.due_ns(other) {
            Some(other_ns) if other_ns > now_ns => {
                let sooner = if other_ns < due_ns { other } else { drawn };
                self.generator.steer(sooner);
                Some(due_ns.min(other_ns))
            }
            _ => {
                self.generator.steer(other);
                None
            }
        }
    }

    #[inline(always)]
    fn sync_is_due(&self) -> bool {
        self.settings.fsync_every != 0 && self.writes_since_sync >= self.settings.fsync_every
    }

    #[cold]
    fn offer_sync(&mut self) -> Result<(), Trouble> {
        self.writes_since_sync = 0;
        self.begin_request(Slots::request(Ddir::Sync, self.last_written.unwrap_or(0), 0, 0))
    }

    #[inline(always)]
    fn begin_request(&mut self, mut slot: super::slots::Slot) -> Result<(), Trouble> {
        let Some(index) = self.slots.take() else { unreachable!("has_free was asked") };
        slot.measured = self.phase == Signal::MEASURE;
        if slot.ddir == Ddir::Write {
            self.last_written = Some(slot.file);
            self.writes_since_sync += 1;
            if self.settings.moves_data {
                self.write_number += 1;
                let buffer = self.slots.buffer_mut(index, slot.len as usize);
                scramble(buffer, slot.offset, self.write_number);
            }
        }
        if self.settings.timed {
            slot.start = self.stamp.take().unwrap_or_else(|| self.clock.ticks());
            if let Some(from) = self.harness.gap_from.take() {
                self.count_harness(self.clock.ns_between(from, slot.start), 1);
            }
        }
        if slot.measured && slot.ddir != Ddir::Sync {
            let level = (self.in_flight + 1).min(64).ilog2() as usize;
            self.page.measure.depth_levels[level].add(1);
        }
        self.slots.put(index, slot);
        self.offer(index)
    }

    /// Offers a slot that the host holds, and again after Busy, until the engine has taken it.
    #[inline(always)]
    fn offer(&mut self, index: SlotIndex) -> Result<(), Trouble> {
        loop {
            let op = match self.slots.slot(index).ddir {
                Ddir::Read => IOE_OP_READ,
                Ddir::Write => IOE_OP_WRITE,
                Ddir::Trim => IOE_OP_TRIM,
                Ddir::Sync => IOE_OP_FSYNC,
            };
            self.slots.load_unit(index, op, &self.files);
            let unit = self.slots.unit(index);
            let answer = self.timed_if_sampling(|worker| worker.engine.offer(unit));
            match answer {
                Answer::Completed => {
                    let end = if self.settings.timed { self.clock.ticks() } else { Ticks(0) };
                    if !self.take_back(index, end, Callback::Queue)? {
                        continue;
                    }
                    if self.settings.timed && self.settings.sync_engine {
                        self.harness.countdown -= 1;
                        if self.harness.countdown == 0 {
                            self.harness.countdown = HARNESS_EVERY;
                            self.harness.gap_from = Some(end);
                        }
                    }
                    return Ok(());
                }
                Answer::Queued if !self.settings.sync_engine => {
                    self.slots.lend(index);
                    self.in_flight += 1;
                    self.uncommitted.push(index);
                    if self.uncommitted.len() as u32 >= self.settings.batch_submit {
                        self.commit()?;
                    }
                    return Ok(());
                }
                Answer::Busy => self.yield_to_busy()?,
                Answer::Queued => return Err(self.fault(Callback::Queue, Breach::QueuedBySync)),
                Answer::Other(status) => return self.not_taken(index, status),
            }
        }
    }

    /// Busy: submit, and wait for at least one unit; there must be one.
    #[cold]
    fn yield_to_busy(&mut self) -> Result<(), Trouble> {
        self.commit()?;
        if self.in_flight == 0 {
            return Err(self.fault(Callback::Queue, Breach::BusyForever));
        }
        self.reap(1, self.settings.complete_max.max(1), -1).map(drop)
    }

    /// `prep` or `queue` answered something else than Completed, Queued or Busy.
    #[cold]
    fn not_taken(&mut self, index: SlotIndex, status: i32) -> Result<(), Trouble> {
        self.slots.release(index);
        if (-4095..0).contains(&status) {
            return Err(Trouble::Refused(self.engine.refusal(Callback::Queue, status)));
        }
        Err(self.fault(Callback::Queue, Breach::Status(status)))
    }

    /// Submits what was queued.
    #[inline(always)]
    fn commit(&mut self) -> Result<(), Trouble> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        self.page.in_flight.set(u64::from(self.in_flight));
        let status = self.timed_if_sampling(|worker| worker.engine.commit());
        let issue = if self.settings.timed { self.clock.ticks() } else { Ticks(0) };
        self.stamp = None;
        if self.phase == Signal::MEASURE {
            self.page.measure.submit_levels[batch_level(self.uncommitted.len())].add(1);
        }
        for &index in &self.uncommitted {
            self.slots.slot_mut(index).issue = issue;
        }
        self.uncommitted.clear();
        if status < 0 {
            return Err(Trouble::Refused(self.engine.refusal(Callback::Commit, status)));
        }
        Ok(())
    }

    /// The depth is reached: submit, and reap down to where filling begins again.
    fn make_room(&mut self) -> Result<(), Trouble> {
        self.commit()?;
        loop {
            // A full queue must give at least one back, also where the job wants to look only.
            self.reap(self.settings.complete_min.max(1), self.settings.complete_max, -1)?;
            if self.in_flight <= self.settings.low || !self.pending.is_empty() {
                return Ok(());
            }
        }
    }

    /// Nothing is due: take back what is ready, sleep until something is due or comes back.
    #[cold]
    fn wait_until(&mut self, due_ns: u64) -> Result<(), Trouble> {
        self.commit()?;
        self.stamp = None;
        self.harness.gap_from = None;
        self.harness.sampling = false;
        let now = self.clock.mono_ns();
        let nap = due_ns.saturating_sub(now).min(NAP_NS);
        if self.in_flight > 0 {
            self.reap(1, self.settings.complete_max.max(1), nap as i64).map(drop)
        } else {
            self.clock.sleep_until(now + nap);
            Ok(())
        }
    }

    /// Takes `min` to `max` finished units back (fewer where the time limit runs out).
    #[inline(always)]
    fn reap(&mut self, min: u32, max: u32, timeout_ns: i64) -> Result<(), Trouble> {
        let max = max.max(1).min(self.in_flight);
        let min = min.min(max);
        if max == 0 {
            return Ok(());
        }
        self.page.in_flight.set(u64::from(self.in_flight));
        let got = self.timed_if_sampling(|worker| {
            worker.engine.getevents(min, max, timeout_ns, &mut worker.events)
        });
        self.check_count(got, min, max, timeout_ns)?;
        let end = if self.settings.timed { self.clock.ticks() } else { Ticks(0) };
        let end_mono = if self.settings.sets_issue { self.clock.mono_ns() } else { 0 };
        for i in 0..got as usize {
            let unit = self.events[i];
            let index = self
                .slots
                .claim(unit)
                .map_err(|stray| self.fault(Callback::GetEvents, stray.into()))?;
            self.in_flight -= 1;
            if self.settings.sets_issue {
                self.correct_issue(index, end, end_mono);
            }
            if !self.take_back(index, end, Callback::GetEvents)? {
                self.pending.push(index);
            }
        }
        if self.phase == Signal::MEASURE {
            self.page.measure.complete_levels[batch_level(got as usize)].add(1);
        }
        self.stamp = self.settings.timed.then_some(end);
        Ok(())
    }

    #[inline(always)]
    fn check_count(&mut self, got: i32, min: u32, max: u32, limit_ns: i64) -> Result<(), Trouble> {
        let legal = got >= 0 && got as u32 <= max && (got as u32 >= min || limit_ns >= 0);
        if legal || (got >= 0 && (got as u32) < min && self.signal.get() >= Signal::ABORT) {
            return Ok(());
        }
        if (-4095..0).contains(&got) {
            return Err(Trouble::Refused(self.engine.refusal(Callback::GetEvents, got)));
        }
        Err(self.fault(Callback::GetEvents, Breach::Count { got, min, max }))
    }

    /// The engine's own issue time, where it is believable: turned into a distance from `end`.
    fn correct_issue(&mut self, index: SlotIndex, end: Ticks, end_mono: u64) {
        let issue_ns = self.slots.outcome(index).issue_ns;
        let slot = self.slots.slot_mut(index);
        let lat_ns = self.clock.ns_between(slot.start, end);
        let since_issue = end_mono.saturating_sub(issue_ns);
        if issue_ns != 0 && issue_ns <= end_mono && since_issue <= lat_ns && lat_ns > 0 {
            let span = (end.0 - slot.start.0) as u128;
            let back = span * u128::from(since_issue) / u128::from(lat_ns);
            slot.issue = Ticks(end.0 - back as u64);
        }
    }

    /// A unit is back: account it and free its slot, or, where it ended short with more to come,
    /// advance it. True: finished.
    #[inline(always)]
    fn take_back(&mut self, index: SlotIndex, end: Ticks, by: Callback) -> Result<bool, Trouble> {
        let outcome = self.slots.outcome(index);
        if outcome.resid == 0 && outcome.error == 0 {
            self.account(index, 0, end);
            self.slots.release(index);
            return Ok(true);
        }
        self.take_back_uneven(index, outcome, end, by)
    }

    /// As `take_back`, for units with something left over or an error.
    #[cold]
    fn take_back_uneven(
        &mut self,
        index: SlotIndex,
        outcome: Outcome,
        end: Ticks,
        by: Callback,
    ) -> Result<bool, Trouble> {
        let align = self.settings.piece_align;
        let slot = self.slots.slot_mut(index);
        let breach = if outcome.resid > slot.len {
            Some(Breach::Resid { resid: outcome.resid, len: slot.len })
        } else if !(0..4096).contains(&outcome.error) {
            Some(Breach::Errno(outcome.error))
        } else {
            None
        };
        if let Some(breach) = breach {
            return Err(self.fault(by, breach));
        }
        let done = (slot.len - outcome.resid) / align * align;
        let ends = outcome.error != 0 || done == 0;
        slot.short = true;
        if !ends {
            slot.offset += done;
            slot.len -= done;
            slot.done += done;
            return Ok(false);
        }
        let no_progress = done == 0 && slot.ddir != Ddir::Read;
        let errno = match outcome.error {
            0 if no_progress => libc::EIO,
            errno => errno,
        };
        if errno == 0 {
            self.account(index, outcome.resid, end);
        } else {
            self.account_failure(index, outcome, errno);
        }
        self.slots.release(index);
        Ok(true)
    }

    /// Counts a finished request, `missing` bytes of whose last piece never came.
    #[inline(always)]
    fn account(&mut self, index: SlotIndex, missing: u64, end: Ticks) {
        let slot = self.slots.slot(index);
        let bytes = slot.done + slot.len - missing;
        let dir = slot.ddir as usize;
        let counters =
            if slot.measured { &self.page.measure.dirs[dir] } else { &self.page.ramp.dirs[dir] };
        counters.ios.add(1);
        counters.bytes.add(bytes);
        if slot.short {
            counters.short_ios.add(1);
        }
        if !(self.settings.timed && slot.measured) {
            return;
        }
        let lat_ns = self.clock.ns_between(slot.start, end);
        if slot.queued {
            let clat_ns = self.clock.ns_between(slot.issue, end).min(lat_ns);
            self.page.latencies.slat_ns[dir].record(lat_ns - clat_ns);
            self.page.latencies.clat_ns[dir].record(clat_ns);
            self.page.latencies.lat_ns[dir].record(lat_ns);
        } else {
            self.page.latencies.clat_ns[dir].record(lat_ns);
            if !self.settings.sync_engine {
                self.page.latencies.lat_ns[dir].record(lat_ns);
            }
        }
    }

    #[cold]
    fn account_failure(&mut self, index: SlotIndex, outcome: Outcome, errno: i32) {
        let slot = *self.slots.slot(index);
        let dir = slot.ddir as usize;
        let counters =
            if slot.measured { &self.page.measure.dirs[dir] } else { &self.page.ramp.dirs[dir] };
        counters.ios.add(1);
        counters.bytes.add(slot.done);
        counters.failed_ios.add(1);
        if self.failed.is_some() {
            return;
        }
        self.page.first_error.set(errno as u64);
        let words = self.engine.errdetails(self.slots.unit(index));
        self.failed = Some(RequestError {
            ddir: slot.ddir,
            file: slot.file,
            offset: slot.offset,
            len: slot.len,
            errno,
            vendor_status: outcome.vendor_status,
            words,
        });
    }

    /// Takes back everything that is in flight and continues what ended short.
    fn drain(&mut self) -> Result<(), Trouble> {
        let mut refused = None;
        loop {
            while let Some(index) = self.pending.pop() {
                if self.failed.is_some() || refused.is_some() {
                    self.slots.release(index);
                } else {
                    self.offer(index)?;
                }
            }
            match self.commit() {
                // The units that were taken still come back, each with its error.
                Err(Trouble::Refused(refusal)) => refused = refused.or(Some(refusal)),
                other => other?,
            }
            if self.in_flight == 0 && self.pending.is_empty() {
                return refused.map_or(Ok(()), |refusal| Err(Trouble::Refused(refusal)));
            }
            self.reap(1, self.in_flight, -1)?;
        }
    }

    /// `end_fsync`: one sync for each file, once everything is back.
    fn final_sync(&mut self, in_order: bool) -> Result<(), Trouble> {
        let wanted = self.settings.end_fsync && self.last_written.is_some();
        if !wanted || !in_order || self.failed.is_some() {
            return Ok(());
        }
        for file in 0..self.files.len() {
            self.begin_request(Slots::request(Ddir::Sync, file, 0, 0))?;
            self.drain()?;
        }
        Ok(())
    }

    /// The signal changed. True: issue nothing more.
    #[cold]
    fn change_phase(&mut self) -> bool {
        match self.signal.get() {
            Signal::RAMP => false,
            Signal::MEASURE => {
                self.begin_measure();
                false
            }
            _ => true,
        }
    }

    fn begin(&mut self) {
        let now_ns = self.clock.mono_ns();
        self.page.ramp.begin_ns.set(now_ns);
        self.pacer.restart(now_ns);
        if self.signal.get() == Signal::RAMP {
            self.page.state.set(WorkerState::Ramp as u64);
        } else {
            self.begin_measure();
        }
    }

    fn begin_measure(&mut self) {
        let now_ns = self.clock.mono_ns();
        self.phase = Signal::MEASURE;
        self.usage_at_begin = Usage::of_thread();
        self.page.ramp.end_ns.set(now_ns);
        self.page.measure.begin_ns.set(now_ns);
        self.page.state.set(WorkerState::Measure as u64);
        self.pacer.restart(now_ns);
    }

    fn end(&mut self) {
        let measure = &self.page.measure;
        if self.phase == Signal::MEASURE {
            measure.end_ns.set(self.clock.mono_ns());
            let used = Usage::of_thread().since(&self.usage_at_begin);
            measure.user_us.set(used.user_us);
            measure.system_us.set(used.system_us);
            measure.switches.set(used.switches);
            measure.major_faults.set(used.major_faults);
            measure.minor_faults.set(used.minor_faults);
        }
        self.page.in_flight.set(u64::from(self.in_flight));
    }

    #[cold]
    fn fault(&self, callback: Callback, breach: Breach) -> Trouble {
        Trouble::Fault(Fault { callback, breach, in_flight: self.in_flight })
    }

    /// Calls the engine; during a sample, the time that this takes is not the tester's.
    #[inline(always)]
    fn timed_if_sampling<R>(&mut self, call: impl FnOnce(&mut Self) -> R) -> R {
        if !self.harness.sampling {
            return call(self);
        }
        let start = self.clock.ticks();
        let answer = call(self);
        self.harness.callbacks_ns += self.clock.ns_between(start, self.clock.ticks());
        answer
    }

    /// A round of an asynchronous engine begins; every 1024th is a sample.
    #[inline(always)]
    fn begin_round(&mut self) -> Option<(Ticks, u64)> {
        self.harness.sampling = false;
        if self.settings.sync_engine || !self.settings.timed {
            return None;
        }
        self.harness.countdown -= 1;
        if self.harness.countdown > 0 {
            return None;
        }
        self.harness.countdown = HARNESS_EVERY;
        self.harness.sampling = true;
        self.harness.callbacks_ns = 0;
        Some((self.clock.ticks(), self.finished()))
    }

    #[inline(always)]
    fn end_round(&mut self, round: Option<(Ticks, u64)>) {
        let Some((start, finished_before)) = round else { return };
        let finished = self.finished() - finished_before;
        if self.harness.sampling && finished > 0 {
            let round_ns = self.clock.ns_between(start, self.clock.ticks());
            let own_ns = round_ns.saturating_sub(self.harness.callbacks_ns);
            self.count_harness(own_ns, finished);
        }
    }

    fn finished(&self) -> u64 {
        self.page.measure.dirs.iter().map(|dir| dir.ios.get()).sum()
    }

    fn count_harness(&self, ns: u64, ios: u64) {
        if self.phase == Signal::MEASURE {
            self.page.measure.harness_ns.add(ns);
            self.page.measure.harness_ios.add(ios);
        }
    }

    /// To wake a blocked callback from another thread.
    pub fn terminator(&self) -> Terminator {
        self.engine.terminator()
    }

    /// Gives the parts back for an orderly end.
    pub fn into_parts(self) -> (Instance<'a>, Slots, FileTable) {
        (self.engine, self.slots, self.files)
    }
}

/// fio's classes of batch sizes: 0, 4, 8, 16, 32, 64, more.
#[inline(always)]
fn batch_level(n: usize) -> usize {
    match n {
        0 => 0,
        1..=4 => 1,
        5..=8 => 2,
        9..=16 => 3,
        17..=32 => 4,
        33..=64 => 5,
        _ => 6,
    }
}
