//! The tester's own time: measured over one batch of requests in 1024, so that its cost is known
//! and next to nothing.
//!
//! A sample is the time that a batch of requests (with an asynchronous engine: of rounds through
//! the loop) took, less the time that the engine had: the latencies of a synchronous engine, which
//! are taken anyway, or the callbacks of an asynchronous one, which are timed during a sample. A
//! batch rather than one request, because the first steps off the beaten track cost more than they
//! tell.

use super::samples::Samples;
use super::signal::Signal;
use super::way::Way;
use super::worker::Worker;
use crate::sys::clock::{Clock, Stage, Ticks};

/// Requests or rounds in a sample.
const BATCH: u32 = 32;

/// Requests or rounds from the end of one sample to the next.
const PAUSE: u32 = 1023 * BATCH;

/// Requests or rounds before the first sample: slow jobs are to have one, too.
const WARM_UP: u32 = 256;

/// Looks at the clock whose cost is taken for that of one.
const CALIBRATION: u64 = 64;

/// Sampling of the tester's own time.
#[derive(Debug)]
pub(super) struct Harness {
    /// Requests or rounds until the next sample begins or the present one ends.
    countdown: u32,
    /// The present sample.
    sample: Option<Sample>,
    /// Callbacks are timed now.
    pub(super) times_callbacks: bool,
    callbacks_ns: u64,
    /// What one look at the clock costs: a timed callback adds one to what the tester takes.
    clock_ns: u64,
    samples: Samples,
}

/// How things stood when a sample began.
#[derive(Clone, Copy, Debug)]
struct Sample {
    from: Ticks,
    engine_ns: u64,
    ios: u64,
}

impl Harness {
    pub(super) fn new(clock: &impl Clock) -> Self {
        let start = clock.ticks();
        let end = (0..CALIBRATION).fold(start, |_, _| clock.ticks());
        Harness {
            countdown: WARM_UP,
            sample: None,
            times_callbacks: false,
            callbacks_ns: 0,
            clock_ns: clock.ns_between(start, end) / CALIBRATION,
            samples: Samples::new(),
        }
    }

    /// The worker waited, or a phase began: what was begun is no sample of anything.
    pub(super) fn discard(&mut self) {
        self.sample = None;
        self.times_callbacks = false;
        self.countdown = WARM_UP;
    }
}

impl<C: Clock> Worker<'_, C> {
    /// A request of a synchronous engine ended.
    #[inline(always)]
    pub(super) fn harness_request<W: Way>(&mut self, end: Ticks) {
        if self.is_timed::<W>() && self.settings.sync_engine {
            self.harness.countdown -= 1;
            if self.harness.countdown == 0 {
                self.turn_sample(end);
            }
        }
    }

    /// A round of an asynchronous engine ended. True: a sample has begun or ended, and with it the
    /// way.
    #[inline(always)]
    pub(super) fn harness_round<W: Way>(&mut self) -> bool {
        if !self.is_timed::<W>() || self.settings.sync_engine {
            return false;
        }
        self.harness.countdown -= 1;
        let turns = self.harness.countdown == 0;
        if turns {
            self.turn_sample(self.clock.ticks());
        }
        turns
    }

    /// Calls the engine; during a sample, the time that this takes is not the tester's.
    #[inline(always)]
    pub(super) fn timed_if_sampling<W: Way, R>(
        &mut self,
        stage: Stage,
        call: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let was = self.clock.enter(stage);
        let start = self.is_sampled::<W>().then(|| self.clock.ticks());
        let answer = call(self);
        self.clock.enter(was);
        if let Some(start) = start {
            let took_ns = self.clock.ns_between(start, self.clock.ticks());
            self.harness.callbacks_ns += took_ns + self.harness.clock_ns;
        }
        answer
    }

    /// Ends the present sample, or begins one.
    #[cold]
    fn turn_sample(&mut self, now: Ticks) {
        let engine_ns = self.engine_ns();
        let ios = self.page.measure.dirs.iter().map(|dir| dir.ios.get()).sum();
        match self.harness.sample.take() {
            Some(sample) => {
                self.harness.countdown = PAUSE;
                let all_ns = self.clock.ns_between(sample.from, now);
                let own_ns = all_ns.saturating_sub(engine_ns.saturating_sub(sample.engine_ns));
                if self.phase == Signal::MEASURE && ios > sample.ios {
                    let measure = &self.page.measure;
                    self.harness.samples.take(own_ns, ios - sample.ios, measure);
                }
            }
            None => {
                self.harness.countdown = BATCH;
                self.harness.sample = Some(Sample { from: now, engine_ns, ios });
            }
        }
        if self.settings.sync_engine && !self.pace.records.clat {
            // What the engine has of the time is not known: no sample rather than a wrong one.
            self.harness.sample = None;
            self.harness.countdown = u32::MAX;
        }
        let sampling = self.harness.sample.is_some();
        self.harness.times_callbacks = sampling && !self.settings.sync_engine;
    }

    fn engine_ns(&self) -> u64 {
        if self.settings.sync_engine {
            self.page.latencies.clat_ns.iter().map(|dir| dir.sum.get()).sum()
        } else {
            self.harness.callbacks_ns
        }
    }
}
