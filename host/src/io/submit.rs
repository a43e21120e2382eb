//! Handing requests to the engine: begin, offer, commit.
//!
//! Called by the loop in [`super::worker`] and by whatever submits beside it; [`super::plain`] and
//! [`super::straight`] have the usual way of plain jobs, and come here with whatever is not usual.
//! Decides what an answer of `queue` means, and nothing about what comes back.

use super::signal::Signal;
use super::slots::{Slot, SlotIndex};
use super::trouble::{Breach, Trouble};
use super::way::{General, Way};
use super::worker::{batch_level, Worker};
use crate::ddir::Ddir;
use crate::plugin::handle::{Answer, Callback};
use crate::sys::clock::{Clock, Stage, Ticks};

impl<C: Clock> Worker<'_, C> {
    /// Begins a request that the plain ways would not begin.
    pub(super) fn begin_request(&mut self, slot: Slot) -> Result<(), Trouble> {
        self.clock.enter(Stage::Submit);
        let Some(index) = self.slots.next_free() else { unreachable!("has_free was asked") };
        let measured = self.phase == Signal::MEASURE;
        if slot.ddir == Ddir::Write {
            self.begin_write(index, slot.file, slot.offset, slot.len);
        }
        if measured && slot.ddir != Ddir::Sync {
            self.count_depth();
        }
        let start = self.start_of_request::<General>();
        self.slots.take(Slot { measured, start, ..slot }, &self.files);
        self.offer_ready(index)
    }

    /// A request begins, beside those that are in flight.
    #[inline(always)]
    pub(super) fn count_depth(&self) {
        let level = (self.in_flight.min(63) + 1).ilog2() as usize;
        self.page.measure.depth_levels[level].add(1);
    }

    /// When the request that is about to be offered begins: now, or with the stamp that was taken
    /// last. Offering takes time: that stamp begins nothing more.
    #[inline(always)]
    pub(super) fn start_of_request<W: Way>(&mut self) -> Ticks {
        match self.is_timed::<W>() {
            true => self.stamp.take().unwrap_or_else(|| self.clock.ticks()),
            false => Ticks(0),
        }
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
        self.offer_ready(index)
    }

    /// The same for a unit that is ready.
    fn offer_ready(&mut self, index: SlotIndex) -> Result<(), Trouble> {
        self.stamp = None;
        loop {
            let unit = self.slots.unit(index);
            let answer = self.timed_if_sampling::<General, _>(Stage::Queue, |it| {
                it.engine.offer(unit, index, &it.slots)
            });
            if answer == Answer::Completed {
                let end = if self.settings.timed { self.clock.ticks() } else { Ticks(0) };
                if self.take_back::<General>(index, end, Callback::Queue)? {
                    self.harness_request::<General>(end);
                    return Ok(());
                }
            } else if answer == Answer::Queued && !self.settings.sync_engine {
                self.slots.lend(index);
                let start = self.slots.slot(index).start;
                return self.is_queued::<General>(index, start).map(drop);
            } else {
                self.bear_answer(answer, index)?;
            }
            self.slots.load_unit(index, &self.files);
        }
    }

    /// The engine has taken it, and hands it back later. False: so it has with others already.
    #[inline(always)]
    pub(super) fn is_queued<W: Way>(
        &mut self,
        index: SlotIndex,
        start: Ticks,
    ) -> Result<bool, Trouble> {
        self.in_flight += 1;
        // As many as there are slots: it never grows.
        assert!(self.uncommitted.len() < self.uncommitted.capacity(), "a slot is queued twice");
        self.uncommitted.push(index);
        if self.is_timed::<W>() && self.settings.stamps_batches {
            self.stamp = Some(start);
        }
        if (self.uncommitted.len() as u32) < self.settings.batch_submit {
            return Ok(true);
        }
        self.commit_on::<W>()?;
        if self.settings.complete_min > 0 {
            return Ok(true);
        }
        self.reap_on::<W>(0, self.settings.complete_max, 0)?;
        Ok(false)
    }

    /// A plain way has offered this slot, and the answer was not the usual one: the request goes on
    /// from there. The host holds the slot; `end` is when the answer came, if the job is timed.
    #[cold]
    pub(super) fn go_on_after(
        &mut self,
        answer: Answer,
        index: SlotIndex,
        end: Ticks,
    ) -> Result<(), Trouble> {
        if answer != Answer::Completed {
            self.bear_answer(answer, index)?;
        } else if self.take_back::<General>(index, end, Callback::Queue)? {
            self.harness_request::<General>(end);
            return Ok(());
        }
        self.offer(index)
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
    pub(super) fn commit_on<W: Way>(&mut self) -> Result<(), Trouble> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        self.page.in_flight.set(u64::from(self.in_flight));
        let status =
            self.timed_if_sampling::<W, _>(Stage::Commit, |worker| worker.engine.commit::<W>());
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
}
