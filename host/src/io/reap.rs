//! The way back: taking finished units from the engine, judging what came with them, accounting.
//!
//! Called by the loop in [`super::worker`], and by [`super::drain`]. Believes nothing that an
//! engine says about a unit before it was checked; what is unlawful ends the worker with a fault.

use super::signal::Signal;
use super::slots::{Slot, SlotIndex};
use super::trouble::{Breach, Fault, Trouble};
use super::way::{General, Way};
use super::worker::{batch_level, Worker};
use crate::ddir::Ddir;
use crate::plugin::handle::Callback;
use crate::stats::live::DirCounters;
use crate::sys::clock::{Clock, Ticks};
use iodyno_engine_api::abi::{ioe_io, IOE_KIND_BLOCK};

/// Empty answers in a row that are borne after `terminate()`: with the naps between them 5 s.
const SHORT_WAITS_MAX: u32 = 5000;

/// Sleep between two of them.
const SHORT_WAIT_NAP_NS: u64 = 1_000_000;

impl<C: Clock> Worker<'_, C> {
    /// Takes `min` to `max` finished units back (fewer where the time limit runs out).
    pub(super) fn reap(&mut self, min: u32, max: u32, timeout_ns: i64) -> Result<(), Trouble> {
        self.reap_on::<General>(min, max, timeout_ns)
    }

    #[inline(always)]
    pub(super) fn reap_on<W: Way>(
        &mut self,
        min: u32,
        max: u32,
        timeout_ns: i64,
    ) -> Result<(), Trouble> {
        let max = max.max(1).min(self.in_flight);
        let min = min.min(max);
        if max == 0 {
            return Ok(());
        }
        self.page.in_flight.set(u64::from(self.in_flight));
        let got = self.timed_if_sampling::<W, _>(|worker| {
            worker.engine.getevents::<W>(min, max, timeout_ns, &mut worker.events)
        });
        self.check_count(got, min, max, timeout_ns)?;
        let end = if self.is_timed::<W>() { self.clock.ticks() } else { Ticks(0) };
        let end_mono = if self.settings.sets_issue { self.clock.mono_ns() } else { 0 };
        let mut first_fault = None;
        let events = std::mem::take(&mut self.events);
        for &unit in &events[..got as usize] {
            // A fault ends the job, but costs none of the units that came back beside it.
            if let Err(trouble) = self.take_event::<W>(unit, end, end_mono) {
                first_fault.get_or_insert(trouble);
            }
        }
        self.events = events;
        self.page.in_flight.set(u64::from(self.in_flight));
        if let Some(trouble) = first_fault {
            return Err(trouble);
        }
        if self.phase == Signal::MEASURE {
            self.page.measure.complete_levels[batch_level(got as usize)].add(1);
        }
        if self.is_timed::<W>() {
            self.stamp = Some(end);
        }
        Ok(())
    }

    /// One unit that `getevents` handed back.
    #[inline(always)]
    fn take_event<W: Way>(
        &mut self,
        unit: *mut ioe_io,
        end: Ticks,
        end_mono: u64,
    ) -> Result<(), Trouble> {
        if W::IS_PLAIN && !self.settings.sets_issue {
            if let Some(slot) = self.slots.claim_finished(unit) {
                self.in_flight -= 1;
                self.account_on::<W>(&slot, 0, end);
                return Ok(());
            }
        }
        self.take_unusual::<W>(unit, end, end_mono)
    }

    /// The same where there is more to look at.
    #[inline(never)]
    fn take_unusual<W: Way>(
        &mut self,
        unit: *mut ioe_io,
        end: Ticks,
        end_mono: u64,
    ) -> Result<(), Trouble> {
        let index = self
            .slots
            .claim(unit)
            .map_err(|stray| self.fault(Callback::GetEvents, stray.into()))?;
        self.in_flight -= 1;
        if self.settings.sets_issue {
            self.correct_issue(index, end, end_mono);
        }
        if !self.take_back::<W>(index, end, Callback::GetEvents)? {
            self.pending.push(index);
        }
        Ok(())
    }

    #[inline(always)]
    fn check_count(&mut self, got: i32, min: u32, max: u32, limit_ns: i64) -> Result<(), Trouble> {
        if got >= 0 && got as u32 <= max && (got as u32 >= min || limit_ns >= 0) {
            return Ok(());
        }
        if got >= 0 && (got as u32) < min && self.signal.get() >= Signal::ABORT {
            return self.bear_short_wait(got, min, max);
        }
        if let Some(trouble) = self.engine.take_trouble() {
            return Err(self.with_in_flight(trouble));
        }
        if (-4095..0).contains(&got) {
            return Err(self.engine.refusal(Callback::GetEvents, got).into());
        }
        Err(self.fault(Callback::GetEvents, Breach::Count { got, min, max }))
    }

    /// A fault of another thread, with what is lost by it.
    #[cold]
    pub(super) fn with_in_flight(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Fault(fault) => Fault { in_flight: self.in_flight, ..*fault }.into(),
            other => other,
        }
    }

    /// A wait that `terminate()` interrupted may return with less than it was asked for. Once; an
    /// engine that goes on doing so is waited for a while, without spinning, and then given up.
    #[cold]
    fn bear_short_wait(&mut self, got: i32, min: u32, max: u32) -> Result<(), Trouble> {
        self.short_waits = if got == 0 { self.short_waits + 1 } else { 0 };
        if self.short_waits > SHORT_WAITS_MAX {
            return Err(self.fault(Callback::GetEvents, Breach::Count { got, min, max }));
        }
        if self.short_waits > 1 {
            self.clock.sleep_until(self.clock.mono_ns() + SHORT_WAIT_NAP_NS);
        }
        Ok(())
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
    pub(super) fn take_back<W: Way>(
        &mut self,
        index: SlotIndex,
        end: Ticks,
        by: Callback,
    ) -> Result<bool, Trouble> {
        if !self.is_kept::<W>() {
            if let Some(slot) = self.slots.finish(index) {
                self.account_on::<W>(&slot, 0, end);
                return Ok(true);
            }
        }
        self.take_back_uneven(index, end, by)
    }

    /// As `take_back`, for units that were altered, with something left over or an error, and all
    /// those of a job that verifies.
    #[inline(never)]
    fn take_back_uneven(
        &mut self,
        index: SlotIndex,
        end: Ticks,
        by: Callback,
    ) -> Result<bool, Trouble> {
        if let Some(breach) = self.slots.altered(index) {
            return Err(self.fault(by, breach));
        }
        let outcome = self.slots.outcome(index);
        if outcome.resid == 0 && outcome.error == 0 {
            self.account(index, 0, end);
            self.settle(index, true, 0);
            return Ok(true);
        }
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
            // A sync moves no data: its range is no part of the buffer.
            slot.done += if slot.ddir == Ddir::Sync { 0 } else { done };
            return Ok(false);
        }
        let is_read = slot.ddir == Ddir::Read;
        let errno = match outcome.error {
            0 if done == 0 && !is_read => libc::EIO,
            // The kernel makes a device that was taken away one without a block.
            0 if done == 0 && self.lies_in_device(index) => libc::ENODEV,
            errno => errno,
        };
        if errno == 0 {
            // What found nothing at all in a stream that has ended was no request of the load.
            self.failures.stop |= self.settings.is_stream;
            if !self.settings.is_stream || self.slots.slot(index).done > 0 {
                self.account(index, outcome.resid, end);
            }
        } else {
            self.account_failure(index, outcome, errno);
        }
        self.settle(index, errno == 0, outcome.resid);
        Ok(true)
    }

    /// The request begins where the block device had blocks when it was opened.
    fn lies_in_device(&self, index: SlotIndex) -> bool {
        let slot = self.slots.slot(index);
        let (kind, size) = self.files.kind_and_size(slot.file);
        kind == IOE_KIND_BLOCK && slot.offset < size
    }

    /// Counts a request that has ended, in the phase in which it began.
    #[inline(always)]
    pub(super) fn count(&self, ddir: Ddir, bytes: u64, measured: bool) -> &DirCounters {
        let dirs = if measured { &self.page.measure.dirs } else { &self.page.ramp.dirs };
        let counters = &dirs[ddir as usize];
        counters.ios.add(1);
        counters.bytes.add(bytes);
        counters
    }

    /// Accounts a finished request, `missing` bytes of whose last piece never came.
    pub(super) fn account(&mut self, index: SlotIndex, missing: u64, end: Ticks) {
        let slot = *self.slots.slot(index);
        self.account_on::<General>(&slot, missing, end);
    }

    #[inline(always)]
    fn account_on<W: Way>(&mut self, slot: &Slot, missing: u64, end: Ticks) {
        let bytes = if !W::IS_PLAIN && slot.ddir == Ddir::Sync {
            0
        } else {
            slot.done + slot.len - missing
        };
        let dir = slot.ddir as usize;
        let counters = self.count(slot.ddir, bytes, slot.measured);
        if slot.short {
            counters.short_ios.add(1);
            if missing > 0 {
                counters.cut_ios.add(1);
            }
        }
        if !(self.is_timed::<W>() && slot.measured) {
            return;
        }
        if self.is_watched::<W>() {
            return self.watch(slot, end);
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
}
