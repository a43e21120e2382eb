//! The tester's own time: sampled in one round of 1024, so that its cost is known and costs nothing.
//!
//! With a synchronous engine a sample is the gap between the end of one request and the start of the
//! next; with an asynchronous one it is a whole round less the time in the engine's callbacks.

use super::signal::Signal;
use super::worker::Worker;
use crate::sys::clock::{Clock, Ticks};

/// Requests or rounds from one sample to the next.
const HARNESS_EVERY: u32 = 1024;

/// Sampling of the tester's own time.
#[derive(Debug)]
pub(super) struct Harness {
    pub(super) countdown: u32,
    /// This round is a sample: callbacks are timed.
    pub(super) sampling: bool,
    pub(super) callbacks_ns: u64,
    /// End of the last request of a synchronous engine, where the gap behind it is a sample.
    pub(super) gap_from: Option<Ticks>,
}

impl Harness {
    pub(super) fn new() -> Self {
        Harness { countdown: HARNESS_EVERY, sampling: false, callbacks_ns: 0, gap_from: None }
    }
}

impl<C: Clock> Worker<'_, C> {
    /// Calls the engine; during a sample, the time that this takes is not the tester's.
    #[inline(always)]
    pub(super) fn timed_if_sampling<R>(&mut self, call: impl FnOnce(&mut Self) -> R) -> R {
        if !self.harness.sampling {
            return call(self);
        }
        let start = self.clock.ticks();
        let answer = call(self);
        self.harness.callbacks_ns += self.clock.ns_between(start, self.clock.ticks());
        answer
    }

    /// A request of a synchronous engine ended; behind every 1024th a sample begins.
    #[inline(always)]
    pub(super) fn end_gap_sample(&mut self, end: Ticks) {
        if !(self.settings.timed && self.settings.sync_engine) {
            return;
        }
        self.harness.countdown -= 1;
        if self.harness.countdown == 0 {
            self.harness.countdown = HARNESS_EVERY;
            self.harness.gap_from = Some(end);
        }
    }

    /// A round of an asynchronous engine begins; every 1024th is a sample.
    #[inline(always)]
    pub(super) fn begin_round(&mut self) -> Option<(Ticks, u64)> {
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
    pub(super) fn end_round(&mut self, round: Option<(Ticks, u64)>) {
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

    pub(super) fn count_harness(&self, ns: u64, ios: u64) {
        if self.phase == Signal::MEASURE {
            self.page.measure.harness_ns.add(ns);
            self.page.measure.harness_ios.add(ios);
        }
    }
}
