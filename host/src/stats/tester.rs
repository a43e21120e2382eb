//! What the tester itself took of a job's time, from the counters of its workers: whether the
//! engine was measured, or the tester.
//!
//! Called by `report` for its figures and by `run` for the warning, so that both say the same.
//! Pure; knows no words for people.

use super::live::STAGES;
use super::snapshot::PhaseSnapshot;

/// A load that was shorter, of all workers together, tells nothing.
const JUDGED_FROM_NS: u64 = 100_000_000;

/// Requests that have to be sampled before the tester's own time tells anything.
const JUDGED_FROM_IOS: u64 = 128;

/// Requests to a voluntary context switch, from which on a worker does not wait for anything.
const IOS_PER_WAIT: u64 = 100;

/// Names of the stages of a request, in the order in which they are counted: for machines, for
/// people.
pub const STAGE_NAMES: [(&str, &str); STAGES] = [
    ("loop", "loop"),
    ("generate", "generation"),
    ("submit", "submission"),
    ("queue", "engine, queue"),
    ("commit", "engine, commit"),
    ("getevents", "engine, getevents"),
    ("account", "accounting"),
    ("verify", "verification"),
    ("wait", "waiting"),
    ("clock", "clock reads"),
];

/// Counters of some workers, added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tester {
    ios: u64,
    wall_ns: u64,
    cpu_ns: u64,
    waits: u64,
    harness_ns: u64,
    harness_ios: u64,
    reads_back: bool,
}

impl Tester {
    /// Adds a worker.
    pub fn add(&mut self, phase: &PhaseSnapshot) {
        let ios = phase.dirs.iter().map(|dir| dir.ios).fold(0, u64::saturating_add);
        let cpu_us = phase.user_us.saturating_add(phase.system_us);
        self.ios = self.ios.saturating_add(ios);
        self.wall_ns = self.wall_ns.saturating_add(phase.runtime_ns());
        self.cpu_ns = self.cpu_ns.saturating_add(cpu_us.saturating_mul(1000));
        let waits = phase.switches.saturating_sub(phase.involuntary);
        self.waits = self.waits.saturating_add(waits);
        self.harness_ns = self.harness_ns.saturating_add(phase.harness_ns);
        self.harness_ios = self.harness_ios.saturating_add(phase.harness_ios);
        self.reads_back |= phase.read_back_ns > 0;
    }

    /// The tester's own time per request, sampled; none without a sample.
    pub fn own_ns(&self) -> Option<f64> {
        (self.harness_ios > 0).then(|| self.harness_ns as f64 / self.harness_ios as f64)
    }

    /// A worker's time per request: CPU time where it waited for nothing but its turn on a CPU,
    /// so that others on the machine do not count, else wall time. None without requests, or where
    /// reads of a verification are among them.
    pub fn request_ns(&self) -> Option<f64> {
        if self.ios == 0 || self.reads_back {
            return None;
        }
        let is_busy = self.waits.saturating_mul(IOS_PER_WAIT) < self.ios && self.cpu_ns > 0;
        let ns = if is_busy { self.cpu_ns.min(self.wall_ns) } else { self.wall_ns };
        Some(ns as f64 / self.ios as f64)
    }

    /// Whether the tester takes more than half of a request's time, so that an engine that takes
    /// none would not be twice as fast. None where the load was too short to tell, or the tester's
    /// own time is not known.
    pub fn is_limit(&self) -> Option<bool> {
        if self.wall_ns < JUDGED_FROM_NS || self.harness_ios < JUDGED_FROM_IOS {
            return None;
        }
        Some(self.own_ns()? * 2.0 > self.request_ns()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::snapshot::DirSnapshot;

    /// A worker that did a million requests in a second.
    fn phase() -> PhaseSnapshot {
        let dir = DirSnapshot { ios: 1_000_000, ..DirSnapshot::default() };
        PhaseSnapshot {
            begin_ns: 5,
            end_ns: 1_000_000_005,
            dirs: [dir, Default::default(), Default::default(), Default::default()],
            user_us: 300_000,
            system_us: 200_000,
            switches: 60,
            involuntary: 50,
            harness_ns: 40_000,
            harness_ios: 1000,
            ..PhaseSnapshot::default()
        }
    }

    fn of(change: impl Fn(&mut PhaseSnapshot)) -> Tester {
        let (mut phase, mut tester) = (phase(), Tester::default());
        change(&mut phase);
        tester.add(&phase);
        tester
    }

    #[test]
    fn time_per_request_is_the_workers_own() {
        assert_eq!(of(|_| {}).request_ns(), Some(500.0));
        assert_eq!(of(|_| {}).own_ns(), Some(40.0));
        // It slept: the device is what it waits for.
        assert_eq!(of(|phase| phase.switches = 900_000).request_ns(), Some(1000.0));
        // A page that tells no CPU time, and one that tells more than there was.
        assert_eq!(
            of(|phase| (phase.user_us, phase.system_us) = (0, 0)).request_ns(),
            Some(1000.0)
        );
        assert_eq!(of(|phase| phase.user_us = u64::MAX).request_ns(), Some(1000.0));
        assert_eq!(of(|phase| phase.dirs[0].ios = 0).request_ns(), None);
        assert_eq!(of(|phase| phase.read_back_ns = 1).request_ns(), None);
    }

    #[test]
    fn the_tester_is_the_limit_from_half_of_the_time_on() {
        let cases = [(249_000, Some(false)), (250_000, Some(false)), (251_000, Some(true))];
        for (harness_ns, expected) in cases {
            let found = of(|phase| phase.harness_ns = harness_ns).is_limit();
            assert_eq!(found, expected, "{harness_ns}");
        }
        let known = |change: fn(&mut PhaseSnapshot)| of(change).is_limit();
        assert_eq!(known(|phase| phase.harness_ios = 0), None);
        assert_eq!(known(|phase| phase.harness_ios = 127), None);
        assert_eq!(known(|phase| phase.end_ns = 99_000_000), None);
        assert_eq!(known(|phase| phase.read_back_ns = 1), None);
    }

    #[test]
    fn clones_are_judged_together() {
        let mut both = of(|phase| phase.harness_ns = 300_000);
        both.add(&phase());
        assert_eq!((both.own_ns(), both.request_ns()), (Some(170.0), Some(500.0)));
        assert_eq!(both.is_limit(), Some(false));
    }
}
