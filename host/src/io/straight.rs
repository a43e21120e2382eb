//! The loop of a plain job with a synchronous engine: one slot, over and over.
//!
//! Called by [`super::worker`] in place of its own loop. `queue` is the whole of a request: nothing
//! is committed, nothing reaped, nothing waits. So the free list stays as it is, and what is known
//! of the request stays in registers. Whatever is not the usual answer goes the general way, which
//! decides what it means.

use super::signal::Signal;
use super::slots::{Slot, SlotIndex, Slots};
use super::trouble::Trouble;
use super::way::Way;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::plugin::handle::Answer;
use crate::sys::clock::{Clock, Stage, Ticks};
use crate::workload::Request;

impl<C: Clock> Worker<'_, C> {
    /// The loop.
    #[inline(never)]
    pub(super) fn go_straight<W: Way>(&mut self) -> Result<(), Trouble> {
        loop {
            if self.signal.get() != self.phase && self.change_phase() {
                return Ok(());
            }
            self.clock.enter(Stage::Generate);
            let Some(request) = self.generator.next() else { return Ok(()) };
            self.make_straight::<W>(request)?;
            if self.failures.stop {
                return Ok(());
            }
        }
    }

    /// Makes one request.
    #[inline(always)]
    fn make_straight<W: Way>(&mut self, request: Request) -> Result<(), Trouble> {
        self.clock.enter(Stage::Submit);
        let Some(index) = self.slots.next_free() else { unreachable!("none is ever in flight") };
        let Request { ddir, file, offset, len } = request;
        let measured = self.phase == Signal::MEASURE;
        if ddir == Ddir::Write {
            self.begin_write(index, file, offset, len);
        }
        if measured {
            self.page.measure.depth_levels[0].add(1);
        }
        let start = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
        let slot = Slot { measured, start, ..Slots::request(ddir, file, offset, len) };
        self.slots.put(index, slot, &self.files);
        self.clock.enter(Stage::Queue);
        let answer = self.engine.own.offer(self.slots.unit(index));
        self.clock.enter(Stage::Account);
        let end = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
        if answer != Answer::Completed || !self.slots.is_done(index, &slot) {
            return self.leave_straight(index, answer, end);
        }
        self.count(ddir, len, measured);
        if self.is_timed::<W>() && measured {
            let lat_ns = self.clock.ns_between(start, end);
            self.page.latencies.clat_ns[ddir as usize].record(lat_ns);
        }
        self.slots.stay_free(index);
        self.harness_request::<W>(end);
        Ok(())
    }

    /// The request is no usual one after all: it goes on as any other, from where it is.
    #[cold]
    fn leave_straight(
        &mut self,
        index: SlotIndex,
        answer: Answer,
        end: Ticks,
    ) -> Result<(), Trouble> {
        self.slots.take_next();
        self.go_on_after(answer, index, end)
    }
}
