//! The worker's loop: offer requests until the depth is full, commit, reap, account.
//!
//! One worker is one thread with one engine instance. Everything is allocated before
//! [`Worker::run`] and nothing is during it. Counters are written straight into the shared page,
//! so that every finished request is there before the next callback begins. Decides nothing about
//! the load (that is the generator's affair) and prints nothing: what ends it comes back as
//! [`Trouble`].

use super::crew::Crew;
use super::doors::Doorway;
use super::drive::Drive;
use super::failures::{Failures, Tolerance};
use super::harness::Harness;
use super::keeper::Keeper;
use super::keeping;
use super::kept::KeeperParts;
use super::pace::Pace;
use super::settings::Settings;
use super::signal::Signal;
use super::slots::{Slot, SlotIndex, Slots};
use super::syncs::Syncs;
use super::trouble::{Breach, Fault, Trouble};
use super::way::{General, Sampled, Timed, Untimed, Way};
use super::zoned::Zoned;
use crate::ddir::Ddir;
use crate::plugin::handle::{Answer, Callback, Instance, Terminator};
use crate::plugin::lent::FileTable;
use crate::stats::live::{WorkerPage, WorkerState};
use crate::sys::clock::{Clock, Ticks};
use crate::sys::thread::Usage;
use crate::workload::{Content, Generator};
use iodyno_engine_api::abi::*;

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
    /// What to write.
    pub content: Content,
    /// How fast, and what is asked of its latencies.
    pub pace: Pace<'a>,
    /// What failures do.
    pub tolerance: Tolerance,
    /// Threads that submit, one to a slot; none: the worker does.
    pub crew: Option<Box<Crew>>,
    /// Where files are opened and closed on the way; none: they all are open.
    pub doorway: Option<Doorway<'a>>,
    /// What verifies; none: nothing is verified.
    pub keeper: Option<KeeperParts>,
    /// The zones of its targets, with `zonemode=zbd`.
    pub zoned: Option<Box<Zoned<'a>>>,
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
    pub(super) settings: Settings,
    pub(super) engine: Drive<'a>,
    pub(super) slots: Slots,
    pub(super) files: FileTable,
    pub(super) generator: Generator,
    pub(super) content: Content,
    /// Something is asked for between two requests: rates, syncs, files that come and go. One
    /// flag, beside what the loop looks at anyway.
    pub(super) takes_detours: bool,
    /// What a verifying job writes is drawn and made before its turn.
    pub(super) draws_ahead: bool,
    /// `pace.watched`, likewise.
    pub(super) watched: bool,
    /// 1 where there is a keeper, to be or-ed with what tells uneven results from others.
    pub(super) kept: u64,
    /// Apart, so that what a plain job never touches does not lie between what it does.
    pub(super) pace: Box<Pace<'a>>,
    pub(super) page: &'a WorkerPage,
    pub(super) signal: &'a Signal,
    pub(super) clock: C,
    /// The phase as this worker knows it.
    pub(super) phase: u32,
    pub(super) usage_at_begin: Usage,
    pub(super) in_flight: u32,
    /// Queued and not committed yet.
    pub(super) uncommitted: Vec<SlotIndex>,
    /// Ended short or refused with Busy: to be offered before anything new.
    pub(super) pending: Vec<SlotIndex>,
    pub(super) events: Vec<*mut ioe_io>,
    pub(super) syncs: Syncs,
    pub(super) last_written: Option<u32>,
    /// A stamp that may begin the next request: that of the last reap, or of the batch.
    pub(super) stamp: Option<Ticks>,
    /// Empty waits in a row after `terminate()`.
    pub(super) short_waits: u32,
    pub(super) harness: Harness,
    pub(super) failures: Failures,
    pub(super) doorway: Option<Doorway<'a>>,
    pub(super) keeper: Option<Box<Keeper>>,
    pub(super) zoned: Option<Box<Zoned<'a>>>,
}

/// Why filling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// As many requests as the depth allows.
    Full,
    /// The generator has no more, or the signal says stop.
    Ended,
    /// The next request is due at this time.
    NotBefore(u64),
}

impl<'a, C: Clock> Worker<'a, C> {
    /// Allocates the last things.
    pub fn new(parts: Parts<'a, C>) -> Self {
        let depth = parts.slots.depth() as usize;
        let settings = &parts.settings;
        let syncs = Syncs::new(settings.syncs, settings.fsync_every, parts.files.len());
        let mut keeper = parts.keeper.map(|keeper| Box::new(Keeper::new(keeper, depth as u32)));
        // Nothing may have a say in what begins when its turn comes.
        if !parts.pace.paced
            && !settings.whole_files
            && parts.doorway.is_none()
            && parts.zoned.is_none()
        {
            keeper.iter_mut().for_each(|keeper| keeper.draw_ahead());
        }
        let draws_ahead = keeper.as_ref().is_some_and(|keeper| keeper.ahead.is_some());
        Worker {
            settings: parts.settings,
            engine: Drive::new(parts.engine, parts.crew),
            slots: parts.slots,
            files: parts.files,
            generator: parts.generator,
            content: parts.content,
            takes_detours: parts.pace.paced
                || settings.write_after_trim
                || settings.whole_files
                || settings.serialize_overlap
                || syncs.watches
                || parts.doorway.is_some()
                || parts.zoned.is_some()
                || keeper.is_some(),
            draws_ahead,
            kept: keeping::flag(keeper.as_deref()),
            keeper,
            watched: parts.pace.watched,
            pace: Box::new(parts.pace),
            page: parts.page,
            signal: parts.signal,
            phase: Signal::RAMP,
            usage_at_begin: Usage::default(),
            in_flight: 0,
            uncommitted: Vec::with_capacity(depth),
            pending: Vec::with_capacity(depth),
            events: vec![std::ptr::null_mut(); depth],
            syncs,
            last_written: None,
            stamp: None,
            short_waits: 0,
            harness: Harness::new(&parts.clock),
            failures: Failures::new(parts.tolerance),
            doorway: parts.doorway,
            zoned: parts.zoned,
            clock: parts.clock,
        }
    }

    /// Runs ramp, measure and drain. Trouble of the last phase is told like that of the others;
    /// after a fault nothing of the engine is called any more. Called once, and never inlined: the
    /// guard of instruction counts (tests/instructions) counts between its begin and its end.
    #[inline(never)]
    pub fn run(&mut self) -> Result<(), Trouble> {
        self.begin();
        let outcome = loop {
            let loaded = if self.only_verifies() { Ok(()) } else { self.load() };
            let verified = match &loaded {
                Err(Trouble::Fault(_)) => Ok(()),
                _ => self.verify(loaded.is_ok()),
            };
            let outcome = graver(loaded, verified);
            if outcome.is_err() || !self.begins_next_loop() {
                break outcome;
            }
        };
        let outcome = self.with_traces(outcome);
        outcome.and_then(|()| match self.failures.fatal.take() {
            Some(error) => Err(Trouble::Request(Box::new(error))),
            None => self
                .pace
                .too_slow
                .take()
                .map_or(Ok(()), |slow| Err(Trouble::TooSlow(Box::new(slow)))),
        })
    }

    /// The load, with its end.
    fn load(&mut self) -> Result<(), Trouble> {
        let driven = self.drive();
        self.page.state.set(WorkerState::Drain as u64);
        let drained = match &driven {
            Err(Trouble::Fault(_)) => Ok(()),
            _ => self.drain().and_then(|()| self.final_sync(driven.is_ok())),
        };
        self.forget_drawn();
        self.end();
        graver(driven, drained)
    }

    /// The loop, on the way that the job takes.
    pub(super) fn drive(&mut self) -> Result<(), Trouble> {
        if let Some(runs) = self.settings.runs {
            return self.drive_without_io(runs);
        }
        loop {
            let is_over = if !self.is_plain() {
                self.drive_on::<General>()?
            } else if self.settings.sync_engine && self.settings.timed {
                return self.go_straight::<Timed>();
            } else if self.settings.sync_engine {
                return self.go_straight::<Untimed>();
            } else if !self.settings.timed {
                self.drive_on::<Untimed>()?
            } else if self.harness.times_callbacks {
                self.drive_on::<Sampled>()?
            } else {
                self.drive_on::<Timed>()?
            };
            if is_over {
                return Ok(());
            }
        }
    }

    /// The loop. False: the way changes, and it is to go on.
    #[inline(never)]
    fn drive_on<W: Way>(&mut self) -> Result<bool, Trouble> {
        loop {
            match self.fill::<W>()? {
                Filled::Full => self.make_room::<W>()?,
                Filled::Ended => return Ok(true),
                Filled::NotBefore(due_ns) => self.wait_until(due_ns)?,
            }
            if self.harness_round::<W>() {
                return Ok(false);
            }
        }
    }

    /// Offers requests until the depth is reached. A synchronous engine stays in here.
    #[inline(always)]
    fn fill<W: Way>(&mut self) -> Result<Filled, Trouble> {
        loop {
            if self.signal.get() != self.phase && self.change_phase() {
                return Ok(Filled::Ended);
            }
            if !self.pending.is_empty() {
                self.offer_pending()?;
            } else if !self.slots.has_free() {
                return Ok(Filled::Full);
            } else if let Some(filled) = self.offer_next::<W>()? {
                return Ok(filled);
            }
            if self.failures.stop {
                return Ok(Filled::Ended);
            }
        }
    }

    /// Offers what ended short, or what the engine was too busy for, once more.
    #[cold]
    fn offer_pending(&mut self) -> Result<(), Trouble> {
        self.pending.pop().map_or(Ok(()), |index| self.offer(index))
    }

    /// Offers the next request of the load. Something comes back where there is none to offer now.
    #[inline(always)]
    fn offer_next<W: Way>(&mut self) -> Result<Option<Filled>, Trouble> {
        if self.takes_detours::<W>() {
            return self.offer_by_detour();
        }
        let Some(request) = self.generator.next() else { return Ok(Some(Filled::Ended)) };
        let slot = Slots::request(request.ddir, request.file, request.offset, request.len);
        self.begin_on::<W>(slot).map(|()| None)
    }

    /// Begins a request that the plain way would not begin.
    pub(super) fn begin_request(&mut self, slot: Slot) -> Result<(), Trouble> {
        self.begin_on::<General>(slot)
    }

    #[inline(always)]
    fn begin_on<W: Way>(&mut self, slot: Slot) -> Result<(), Trouble> {
        let Some(index) = self.slots.next_free() else { unreachable!("has_free was asked") };
        let measured = self.phase == Signal::MEASURE;
        if slot.ddir == Ddir::Write {
            self.begin_write(index, slot.file, slot.offset, slot.len);
        }
        if measured && (W::IS_PLAIN || slot.ddir != Ddir::Sync) {
            let level = (self.in_flight.min(63) + 1).ilog2() as usize;
            self.page.measure.depth_levels[level].add(1);
        }
        let start = match self.is_timed::<W>() {
            true => self.stamp.take().unwrap_or_else(|| self.clock.ticks()),
            false => Ticks(0),
        };
        self.slots.take(Slot { measured, start, ..slot }, &self.files);
        self.offer_on::<W>(index)
    }

    /// What a write asks for beside a read. Making its data is apart, so that the way of all
    /// others is short.
    #[inline(always)]
    pub(super) fn begin_write(&mut self, index: SlotIndex, file: u32, offset: u64, len: u64) {
        self.last_written = Some(file);
        if self.settings.moves_data {
            self.write_buffer(index, offset, len);
        }
    }

    #[inline(never)]
    fn write_buffer(&mut self, index: SlotIndex, offset: u64, len: u64) {
        let buffer = self.slots.buffer_mut(index, len as usize);
        self.content.before_write(buffer, offset);
    }

    /// Offers a slot that the host holds, and again after Busy, until the engine has taken it.
    pub(super) fn offer(&mut self, index: SlotIndex) -> Result<(), Trouble> {
        self.slots.load_unit(index, &self.files);
        self.offer_on::<General>(index)
    }

    /// The same for a unit that is ready.
    #[inline(always)]
    fn offer_on<W: Way>(&mut self, index: SlotIndex) -> Result<(), Trouble> {
        // Whatever the engine is asked now takes time: the last reap's stamp begins nothing more.
        self.stamp = None;
        loop {
            let unit = self.slots.unit(index);
            let answer =
                self.timed_if_sampling::<W, _>(|it| it.engine.offer::<W>(unit, index, &it.slots));
            if answer == Answer::Completed {
                let end = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
                if !self.take_back::<W>(index, end, Callback::Queue)? {
                    self.slots.load_unit(index, &self.files);
                    continue;
                }
                self.harness_request::<W>(end);
                return Ok(());
            }
            if answer == Answer::Queued && !self.settings.sync_engine {
                return self.queued::<W>(index);
            }
            self.bear_answer(answer, index)?;
            self.slots.load_unit(index, &self.files);
        }
    }

    /// The engine has taken it, and hands it back later.
    #[inline(always)]
    fn queued<W: Way>(&mut self, index: SlotIndex) -> Result<(), Trouble> {
        self.slots.lend(index);
        self.in_flight += 1;
        self.uncommitted.push(index);
        if self.is_timed::<W>() && self.settings.stamps_batches {
            self.stamp = Some(self.slots.slot(index).start);
        }
        if self.uncommitted.len() as u32 >= self.settings.batch_submit {
            self.commit_on::<W>()?;
            if self.settings.complete_min == 0 {
                self.reap_on::<W>(0, self.settings.complete_max, 0)?;
            }
        }
        Ok(())
    }

    /// Neither Completed nor, of an engine that may say so, Queued: after Busy there is room for
    /// another try.
    #[cold]
    pub(super) fn bear_answer(&mut self, answer: Answer, index: SlotIndex) -> Result<(), Trouble> {
        match answer {
            Answer::Busy => self.yield_to_busy(),
            Answer::Queued => Err(self.fault(Callback::Queue, Breach::QueuedBySync)),
            Answer::Other(status) => self.not_taken(index, status),
            Answer::Completed => Ok(()),
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
            return Err(self.engine.refusal(Callback::Queue, status).into());
        }
        Err(self.fault(Callback::Queue, Breach::Status(status)))
    }

    /// Submits what was queued.
    pub(super) fn commit(&mut self) -> Result<(), Trouble> {
        self.commit_on::<General>()
    }

    #[inline(always)]
    fn commit_on<W: Way>(&mut self) -> Result<(), Trouble> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        self.page.in_flight.set(u64::from(self.in_flight));
        let status = self.timed_if_sampling::<W, _>(|worker| worker.engine.commit::<W>());
        let issue = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
        self.stamp = None;
        if self.phase == Signal::MEASURE {
            self.page.measure.submit_levels[batch_level(self.uncommitted.len())].add(1);
        }
        if self.is_timed::<W>() {
            for &index in &self.uncommitted {
                self.slots.slot_mut(index).issue = issue;
            }
        }
        self.uncommitted.clear();
        if status < 0 {
            return Err(self.engine.refusal(Callback::Commit, status).into());
        }
        Ok(())
    }

    /// The depth is reached: submit, and reap down to where filling begins again.
    #[inline(always)]
    fn make_room<W: Way>(&mut self) -> Result<(), Trouble> {
        self.commit_on::<W>()?;
        if self.is_kept::<W>() && self.in_flight == 0 {
            // What fills the slots has been read, and waits to be looked at.
            self.look_for_room();
            return Ok(());
        }
        loop {
            // A full queue must give at least one back, also where the job wants to look only.
            self.reap_on::<W>(self.settings.complete_min.max(1), self.settings.complete_max, -1)?;
            if self.in_flight <= self.settings.low || !self.pending.is_empty() {
                return Ok(());
            }
        }
    }

    #[cold]
    pub(super) fn fault(&self, callback: Callback, breach: Breach) -> Trouble {
        Fault { callback, breach, in_flight: self.in_flight }.into()
    }

    /// To wake a blocked callback from another thread.
    pub fn terminator(&self) -> Terminator {
        self.engine.terminator()
    }

    /// Requests that the engine has not handed back.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Gives the parts back for an orderly end.
    pub fn into_parts(self) -> (Instance<'a>, Option<Box<Crew>>, Slots, FileTable) {
        let (engine, crew) = self.engine.into_parts();
        (engine, crew, self.slots, self.files)
    }
}

/// What ended a part of the run, and what went wrong behind it: a breach weighs more than what was
/// before it, for it decides what may be called.
pub(super) fn graver(
    first: Result<(), Trouble>,
    second: Result<(), Trouble>,
) -> Result<(), Trouble> {
    match &second {
        Err(Trouble::Fault(_)) => second,
        _ => first.and(second),
    }
}

/// fio's classes of batch sizes: 0, 4, 8, 16, 32, 64, more.
#[inline(always)]
pub(super) fn batch_level(n: usize) -> usize {
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
