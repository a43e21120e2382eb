//! Where the tester's own time goes, stage by stage: a clock that keeps account of what the loop
//! says it is at. Made by `run` for `iodyno run --profile-harness`, and for nothing else.
//!
//! The loop tells its clock whenever it turns to another stage. The machine's own clock has no code
//! for that, so a run without a profile pays nothing; this one looks at the time at each turn, but
//! only during one batch of requests in many. Its own looks are taken out of what it counts. A
//! batch in which the worker was interrupted by the scheduler is no sample. Decides nothing.

use crate::stats::live::{WorkerPage, WorkerState, STAGES};
use crate::sys::clock::{Clock, Stage, SystemClock, Ticks};
use crate::sys::thread::Usage;
use std::cell::Cell;

/// Requests in a sample.
const BATCH: u32 = 32;

/// Requests from the end of one sample to the begin of the next.
const PAUSE: u32 = 1023;

/// Turns from which the price of one is taken.
const CALIBRATION: u64 = 256;

const _: () = assert!(Stage::Clock as usize + 1 == STAGES);

/// The machine's clock, with an account of where the time goes.
#[derive(Debug)]
pub struct ProfilingClock<'a> {
    clock: SystemClock,
    page: &'a WorkerPage,
    stage: Cell<Stage>,
    /// Requests until the present sample ends or the next one begins.
    countdown: Cell<u32>,
    sampling: Cell<bool>,
    /// The last turn.
    since: Cell<Ticks>,
    /// The present sample, by stage.
    spent_ns: [Cell<u64>; STAGES],
    /// Looks at the clock since the last turn.
    looks: Cell<u64>,
    /// Requests that were finished, and forced switches, when the sample began.
    before: Cell<(u64, u64)>,
    /// What a look costs, and what a turn does.
    look_ns: u64,
    turn_ns: u64,
}

impl<'a> ProfilingClock<'a> {
    /// Writes to `page`, of which the caller is the only writer.
    pub fn new(clock: SystemClock, page: &'a WorkerPage) -> Self {
        let mut profile = ProfilingClock {
            clock,
            page,
            stage: Cell::new(Stage::Loop),
            countdown: Cell::new(PAUSE),
            sampling: Cell::new(false),
            since: Cell::new(Ticks(0)),
            spent_ns: Default::default(),
            looks: Cell::new(0),
            before: Cell::new((0, 0)),
            look_ns: 0,
            turn_ns: 0,
        };
        profile.calibrate();
        profile
    }

    /// Finds out what looks and turns cost, by taking many.
    fn calibrate(&mut self) {
        let ticks = || self.clock.ticks();
        let cheapest = |act: &dyn Fn()| {
            let once = || {
                let start = ticks();
                (0..CALIBRATION).for_each(|_| act());
                self.clock.ns_between(start, ticks()) / CALIBRATION
            };
            (0..8).map(|_| once()).min().unwrap_or(0)
        };
        let look_ns = cheapest(&|| {
            std::hint::black_box(self.clock.ticks());
        });
        self.since.set(ticks());
        let turn_ns = cheapest(&|| self.turn(Stage::Loop));
        (self.look_ns, self.turn_ns) = (look_ns, turn_ns);
        self.spent_ns.iter().for_each(|ns| ns.set(0));
    }

    /// Books the time since the last turn.
    fn turn(&self, to: Stage) {
        let now = self.clock.ticks();
        let looked_ns = self.looks.replace(0) * self.look_ns;
        let took_ns = self.clock.ns_between(self.since.replace(now), now);
        let own_ns = took_ns.saturating_sub(self.turn_ns + looked_ns);
        let add = |stage: Stage, ns: u64| {
            let cell = &self.spent_ns[stage as usize];
            cell.set(cell.get() + ns);
        };
        add(Stage::Clock, looked_ns);
        add(self.stage.replace(to), own_ns);
    }

    /// A request is about to be offered: samples begin and end here.
    #[cold]
    fn turn_sample(&self) {
        if self.sampling.replace(false) {
            self.countdown.set(PAUSE);
            let (ios, forced) = self.standing();
            let (ios_before, forced_before) = self.before.get();
            if forced == forced_before && ios > ios_before {
                let to = &self.page.measure;
                to.profile_ns.iter().zip(&self.spent_ns).for_each(|(to, ns)| to.add(ns.get()));
                to.profile_ios.add(ios - ios_before);
            }
            return;
        }
        self.countdown.set(BATCH);
        if self.page.state.get() != WorkerState::Measure as u64 {
            return;
        }
        self.spent_ns.iter().for_each(|ns| ns.set(0));
        self.before.set(self.standing());
        self.looks.set(0);
        self.sampling.set(true);
        self.since.set(self.clock.ticks());
    }

    /// Finished requests, and switches that the worker did not ask for.
    fn standing(&self) -> (u64, u64) {
        let ios = self.page.measure.dirs.iter().map(|dir| dir.ios.get()).sum();
        (ios, Usage::of_thread().involuntary)
    }
}

impl Clock for ProfilingClock<'_> {
    fn ticks(&self) -> Ticks {
        self.looks.set(self.looks.get() + 1);
        self.clock.ticks()
    }

    fn ns_between(&self, start: Ticks, end: Ticks) -> u64 {
        self.clock.ns_between(start, end)
    }

    fn mono_ns(&self) -> u64 {
        self.clock.mono_ns()
    }

    fn sleep_until(&self, mono_ns: u64) {
        self.clock.sleep_until(mono_ns);
    }

    fn enter(&self, stage: Stage) -> Stage {
        let was = self.stage.get();
        if self.sampling.get() {
            self.turn(stage);
        } else {
            self.stage.set(stage);
        }
        if stage == Stage::Queue {
            self.countdown.set(self.countdown.get() - 1);
            if self.countdown.get() == 0 {
                self.turn_sample();
            }
        }
        was
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh_page;
    use super::*;

    /// A load of so many requests, each of which spends what `spend` does in that stage.
    fn run(requests: u64, state: WorkerState, stage: Stage) -> &'static WorkerPage {
        let page = fresh_page();
        page.state.set(state as u64);
        let clock = ProfilingClock::new(SystemClock::new(), page);
        for _ in 0..requests {
            clock.enter(Stage::Generate);
            clock.enter(Stage::Submit);
            let was = clock.enter(Stage::Queue);
            assert_eq!(clock.enter(was), Stage::Queue);
            clock.enter(Stage::Account);
            clock.enter(stage);
            let start = clock.ticks();
            while clock.ns_between(start, clock.ticks()) < 20_000 {}
            page.measure.dirs[0].ios.add(1);
        }
        page
    }

    #[test]
    fn time_is_booked_to_the_stage_that_spends_it() {
        // Samples that the scheduler disturbs are left out: as many requests as it takes.
        for _ in 0..50 {
            let page = run(2 * u64::from(PAUSE + BATCH), WorkerState::Measure, Stage::Verify);
            let ios = page.measure.profile_ios.get();
            if ios > 0 {
                assert_eq!(ios % u64::from(BATCH), 0);
                let ns = |stage: Stage| page.measure.profile_ns[stage as usize].get();
                let all: u64 = page.measure.profile_ns.iter().map(|ns| ns.get()).sum();
                // It spins on the clock: both together are what it spends.
                assert!(ns(Stage::Verify) + ns(Stage::Clock) > all / 10 * 9, "{all} ns");
                assert!(all >= 15_000 * ios, "{all} ns in {ios} requests");
                return;
            }
        }
        panic!("no batch of {BATCH} requests was left alone by the scheduler, in 50 runs");
    }

    #[test]
    fn only_the_measured_phase_is_sampled() {
        let page = run(2 * u64::from(PAUSE + BATCH), WorkerState::Ramp, Stage::Loop);
        assert_eq!(page.measure.profile_ios.get(), 0);
    }
}
