//! The loop's way with a verifying job: what is written is sealed and remembered, what touches the
//! same place goes one after the other, what was written is read back and looked at.
//!
//! Called by [`super::worker`] and [`super::reap`] where the job has a [`Keeper`], which costs
//! other jobs one flag that they look at anyway. Decides nothing about the data; that is `verify`'s
//! affair.

use super::keeper::{Keeper, Made};
use super::kept::{Unfinished, Verdict};
use super::signal::Signal;
use super::slots::{Slot, SlotIndex, Slots};
use super::trouble::{FileTrouble, Trouble};
use super::worker::{graver, Filled, Worker};
use crate::ddir::Ddir;
use crate::stats::live::WorkerState;
use crate::sys::clock::{Clock, Stage};
use crate::sys::thread::Usage;
use crate::verify::ledger::Span;

/// The worker's phase while it reads back what a load that reads as well has written: no phase of
/// the load, so that nothing of it counts there.
pub(super) const APART: u32 = u32::MAX;

impl<C: Clock> Worker<'_, C> {
    /// A request of the load is about to begin in the slot that is free next. What goes to the same
    /// place is awaited first.
    #[inline(never)]
    pub(super) fn keep(&mut self, slot: &Slot) -> Result<(), Trouble> {
        self.clock.enter(Stage::Verify);
        if matches!(slot.ddir, Ddir::Write | Ddir::Trim) {
            let (file, offset, len) = (slot.file, slot.offset, slot.len);
            self.wait_for(&Span { file, offset, len })?;
        }
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let turn = if slot.ddir == Ddir::Sync { None } else { keeper.take_turn() };
        let generation = turn.as_ref().map(|(generation, _)| *generation);
        let held = turn.and_then(|(_, held)| held);
        let is_made = held.is_some();
        held.into_iter().for_each(|held| self.slots.bring(held));
        let Some(index) = self.slots.next_free() else { unreachable!("has_free was asked") };
        if let (true, Some(generation)) = (is_made, generation) {
            keeper.begins(index, slot, Made::Before { generation });
            return Ok(());
        }
        let len = if slot.ddir == Ddir::Write { slot.len as usize } else { 0 };
        let data = self.slots.buffer_mut(index, len);
        keeper.begins(index, slot, Made::Now { generation, data });
        Ok(())
    }

    /// A request is about to begin where its zone wants it.
    #[inline(never)]
    pub(super) fn keep_in_zone(&mut self, slot: &Slot, place: &str) -> Result<(), Trouble> {
        let span = Span { file: slot.file, offset: slot.offset, len: slot.len };
        let askew = self.keeper.as_ref().and_then(|keeper| keeper.askew(&span));
        match askew.filter(|_| slot.ddir == Ddir::Write) {
            None => self.keep(slot),
            Some(interval) => {
                let (offset, len) = (slot.offset, slot.len);
                let message = format!(
                    "{place}: verification: a zone has a write of {len} bytes begin at {offset}, \
                     which does not divide into intervals of {interval} bytes (let \
                     verify_interval, or the smallest block, divide the zones' size and capacity, \
                     and reset zones that were written otherwise)"
                );
                Err(FileTrouble { is_usage: true, errno: None, message }.into())
            }
        }
    }

    /// A zone is emptied, and all that was written to it is gone.
    pub(super) fn forget_zone(&mut self, file: u32, (offset, len): (u64, u64)) {
        if let Some(keeper) = &self.keeper {
            keeper.emptied(&Span { file, offset, len });
        }
    }

    /// The next request of the load, whose data was made before its turn.
    pub(super) fn offer_drawn(&mut self) -> Result<Option<Filled>, Trouble> {
        self.clock.enter(Stage::Verify);
        let Some(keeper) = &mut self.keeper else { return Ok(Some(Filled::Ended)) };
        let generator = &mut self.generator;
        // What the next loop writes waits until this one is verified.
        let mut may_go_on = !(keeper.has_drawn() && generator.is_between_loops());
        keeper.fill_ahead(&mut self.slots, || {
            let request = if may_go_on { generator.next() } else { None };
            may_go_on = !generator.is_between_loops();
            request
        });
        let slots = &mut self.slots;
        while keeper.is_next_away() {
            keeper.wait(self.page, &mut |held| slots.put_back(held));
        }
        let Some(request) = keeper.next_drawn() else { return Ok(Some(Filled::Ended)) };
        self.prepare_way(request.ddir, request.file)?;
        if self.failures.stop {
            return Ok(Some(Filled::Ended));
        }
        let slot = self.slot_by_detour(request);
        self.begin_by_detour(slot).map(|()| None)
    }

    /// The load is over: what was drawn and has not begun is forgotten.
    pub(super) fn forget_drawn(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let slots = &mut self.slots;
        if keeper.has_drawn() {
            while keeper.wait(self.page, &mut |held| slots.put_back(held)) {}
        }
        keeper.drop_drawn(slots);
    }

    /// Until nothing is on its way to this part of a target.
    fn wait_for(&mut self, span: &Span) -> Result<(), Trouble> {
        while self.keeper.as_ref().is_some_and(|keeper| keeper.is_busy(span)) {
            self.go_on()?;
        }
        Ok(())
    }

    /// What is to be read back now, instead of a request of the load: everything at the end, some
    /// of it in between with `verify_backlog`.
    pub(super) fn offer_look(&mut self) -> Result<Option<Filled>, Trouble> {
        let Some(keeper) = &mut self.keeper else { return Ok(Some(Filled::Ended)) };
        let Some(span) = keeper.next_look() else { return Ok(Some(Filled::Ended)) };
        self.wait_for(&span)?;
        self.prepare_way(Ddir::Read, span.file)?;
        if self.failures.stop {
            return Ok(Some(Filled::Ended));
        }
        let Some(index) = self.slots.next_free() else { unreachable!("has_free was asked") };
        if let Some(keeper) = &mut self.keeper {
            keeper.look_begins(index, &span);
        }
        let slot = Slots::request(Ddir::Read, span.file, span.offset, span.len);
        self.begin_request(slot).map(|()| None)
    }

    /// `trim_percentage`: trims a block of those that were written.
    fn offer_trim(&mut self) -> Result<Option<Filled>, Trouble> {
        let span = self.keeper.as_mut().and_then(|keeper| keeper.next_trim());
        let Some(Span { file, offset, len }) = span else { return Ok(Some(Filled::Ended)) };
        self.prepare_way(Ddir::Trim, file)?;
        if self.failures.stop {
            return Ok(Some(Filled::Ended));
        }
        let slot = Slots::request(Ddir::Trim, file, offset, len);
        self.keep(&slot)?;
        self.begin_request(slot).map(|()| None)
    }

    /// Trims what is to be trimmed once all is written.
    fn trim(&mut self) -> Result<(), Trouble> {
        if !self.keeper.as_mut().is_some_and(|keeper| keeper.begin_trimming()) {
            return Ok(());
        }
        let driven = self.drive();
        let drained = match &driven {
            Err(Trouble::Fault(_)) => Ok(()),
            _ => self.drain(),
        };
        if let Some(keeper) = &mut self.keeper {
            keeper.is_trimming = false;
        }
        graver(driven, drained)
    }

    /// There is no load, only what another run wrote.
    pub(super) fn only_verifies(&self) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.parts.only)
    }

    /// What a verifying job has to do before the next request of the load. None: nothing.
    pub(super) fn offer_kept(&mut self) -> Result<Option<Option<Filled>>, Trouble> {
        let Some(keeper) = &mut self.keeper else { return Ok(None) };
        if keeper.is_trimming || keeper.trims_due > 0 {
            return self.offer_trim().map(Some);
        }
        if keeper.is_reading_back || keeper.backlog_due > 0 {
            return self.offer_look().map(Some);
        }
        if keeper.has_drawn() {
            return Ok(None);
        }
        let ends = keeper.ends_loop(self.generator.is_between_loops(), self.generator.loops_done());
        Ok(ends.then_some(Some(Filled::Ended)))
    }

    /// A loop of the load was verified: whether another one follows.
    pub(super) fn begins_next_loop(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else { return false };
        let over = self.failures.stop || self.signal.get() >= Signal::STOP;
        let follows = keeper.begins_next_loop() && !over && !keeper.ends_load();
        if follows {
            self.page.verify.within_ns.set(self.page.verify.spent_ns.get());
            self.page.state.set(WorkerState::Measure as u64);
        }
        follows
    }

    /// A request is over, well or ill, and was accounted; `missing` bytes of it never came. Its
    /// slot is free again, at once or when its data was looked at.
    #[inline(never)]
    pub(super) fn settle(&mut self, index: SlotIndex, well: bool, missing: u64) {
        self.clock.enter(Stage::Verify);
        let Some(keeper) = &mut self.keeper else { return self.slots.release(index) };
        let slot = *self.slots.slot(index);
        let looks = keeper.ended(index, &slot, well && (missing == 0 || slot.ddir == Ddir::Read));
        if !looks {
            return self.slots.release(index);
        }
        if !well {
            // That it could not be read was told; it stays unverified.
            return self.slots.release(index);
        }
        let len = keeper.span_of(index).len - missing;
        if keeper.is_reading_back || !keeper.parts.checks_load {
            self.page.verify.ios.add(1);
            self.page.verify.bytes.add(len);
        }
        let held = self.slots.hold(index, len as usize);
        if keeper.takes(held) {
            self.look();
        }
    }

    /// Looks at all that was read.
    pub(super) fn look(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        keeper.look(self.page, &mut |held| self.slots.put_back(held));
        self.failures.stop |= keeper.is_fatal() || keeper.ends_load();
    }

    /// Until one slot at least is free whose data waits to be looked at, or is being looked at.
    pub(super) fn look_for_room(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let slots = &mut self.slots;
        if !keeper.wait(self.page, &mut |held| slots.put_back(held)) {
            keeper.look(self.page, &mut |held| slots.put_back(held));
        }
        self.failures.stop |= keeper.is_fatal() || keeper.ends_load();
    }

    /// Until all that was read is looked at.
    fn look_at_all(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let slots = &mut self.slots;
        // As long as all batches are away, what was read last waits for one to come back.
        while keeper.has_reads() {
            keeper.look(self.page, &mut |held| slots.put_back(held));
            while keeper.wait(self.page, &mut |held| slots.put_back(held)) {}
        }
        self.failures.stop |= keeper.is_fatal();
    }

    /// Reads back what was written, unless there is a reason not to.
    pub(super) fn verify(&mut self, in_order: bool) -> Result<(), Trouble> {
        self.look_at_all();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if keeper.parts.ledger.is_none() {
            if self.signal.get() >= Signal::ABORT {
                keeper.leave_unfinished(Unfinished::Interrupted);
            }
            return Ok(());
        }
        let obstacle = if !in_order || self.failures.fatal.is_some() {
            Some(Unfinished::Failed)
        } else if !keeper.parts.reads_back {
            Some(Unfinished::NotAsked)
        } else if keeper.is_fatal() {
            Some(Unfinished::Fatal)
        } else if self.signal.get() >= Signal::ABORT {
            Some(Unfinished::Interrupted)
        } else {
            None
        };
        if let Some(why) = obstacle {
            keeper.leave_unfinished(why);
            return Ok(());
        }
        self.trim()?;
        self.read_back()
    }

    fn read_back(&mut self) -> Result<(), Trouble> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let begin_ns = self.clock.mono_ns();
        let usage = Usage::of_thread();
        self.page.state.set(WorkerState::Verify as u64);
        self.page.verify.begin_ns.set(begin_ns);
        self.page.verify.goal_bytes.add(keeper.begin_reading_back());
        let phase = self.phase;
        if keeper.parts.apart {
            self.phase = APART;
        }
        // What filled the device, or ended the load otherwise in order, is no reason to stop here.
        self.failures.stop = false;
        let driven = self.drive();
        let drained = match &driven {
            Err(Trouble::Fault(_)) => Ok(()),
            _ => self.drain(),
        };
        self.look_at_all();
        self.phase = phase;
        let is_cut = self.signal.get() >= Signal::ABORT;
        if let Some(keeper) = &mut self.keeper {
            keeper.end_reading_back();
            if keeper.is_fatal() {
                keeper.leave_unfinished(Unfinished::Fatal);
            } else if is_cut {
                keeper.leave_unfinished(Unfinished::Interrupted);
            }
        }
        let used = Usage::of_thread().since(&usage);
        self.page.verify.user_us.add(used.user_us);
        self.page.verify.system_us.add(used.system_us);
        self.page.verify.spent_ns.add(self.clock.mono_ns().saturating_sub(begin_ns));
        graver(driven, drained)
    }

    /// What came of verification; none where the job does not verify.
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        self.keeper.take().map(|keeper| keeper.into_verdict())
    }
}

/// Whether requests of this job are to be settled, as a number that a result can be or-ed with.
pub(super) fn flag(keeper: Option<&Keeper>) -> u64 {
    u64::from(keeper.is_some())
}
