//! Filling the depth of a plain job: the usual way of a request that is queued.
//!
//! Called by [`super::worker`] on its plain ways. A unit is lent before it is offered, so that the
//! usual answer finds everything as it is to be; whatever else comes goes the general way, which
//! decides what it means.

use super::signal::Signal;
use super::slots::{Slot, SlotIndex, Slots};
use super::trouble::Trouble;
use super::way::Way;
use super::worker::{Filled, Worker};
use crate::ddir::Ddir;
use crate::plugin::handle::Answer;
use crate::sys::clock::{Clock, Stage, Ticks};
use crate::workload::Request;

impl<C: Clock> Worker<'_, C> {
    /// Offers requests until the depth is reached.
    #[inline(always)]
    pub(super) fn fill_plain<W: Way>(&mut self) -> Result<Filled, Trouble> {
        loop {
            // What came back, or the last answer, may have left something to be done, or ended it.
            if self.failures.stop {
                return Ok(Filled::Ended);
            }
            if !self.pending.is_empty() {
                self.offer_pending()?;
            } else if let Some(filled) = self.fill_usual::<W>()? {
                return Ok(filled);
            }
        }
    }

    /// The same until something unusual happens, which is none of the ends.
    #[inline(always)]
    fn fill_usual<W: Way>(&mut self) -> Result<Option<Filled>, Trouble> {
        loop {
            if self.signal.get() != self.phase && self.change_phase() {
                return Ok(Some(Filled::Ended));
            }
            let Some(index) = self.slots.next_free() else { return Ok(Some(Filled::Full)) };
            self.clock.enter(Stage::Generate);
            let Some(request) = self.generator.next() else { return Ok(Some(Filled::Ended)) };
            if !self.queue_usual::<W>(index, request)? {
                return Ok(None);
            }
        }
    }

    /// Begins a request in the slot that is free next. False: something unusual has happened.
    #[inline(always)]
    fn queue_usual<W: Way>(&mut self, index: SlotIndex, request: Request) -> Result<bool, Trouble> {
        self.clock.enter(Stage::Submit);
        let Request { ddir, file, offset, len } = request;
        let measured = self.phase == Signal::MEASURE;
        if ddir == Ddir::Write {
            self.begin_write(index, file, offset, len);
        }
        if measured {
            self.count_depth();
        }
        let start = self.start_of_request::<W>();
        let slot = Slot { measured, start, ..Slots::request(ddir, file, offset, len) };
        self.slots.put_lent(index, slot, &self.files);
        let unit = self.slots.unit(index);
        let answer = self.timed_if_sampling::<W, _>(Stage::Queue, |it| it.engine.own.offer(unit));
        if answer != Answer::Queued || self.settings.sync_engine {
            self.leave_usual::<W>(index, answer)?;
            return Ok(false);
        }
        self.slots.take_next();
        self.is_queued::<W>(index, start)
    }

    /// The engine has answered something else: the unit is the host's after all.
    #[inline(never)]
    fn leave_usual<W: Way>(&mut self, index: SlotIndex, answer: Answer) -> Result<(), Trouble> {
        let end = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
        self.stamp = None;
        self.slots.take_lent(index);
        self.go_on_after(answer, index, end)
    }
}
