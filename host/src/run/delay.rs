//! `startdelay`: how long a clone waits after the common start, and the waiting.
//!
//! Drawn once by the cell, which sets the worker's alarms by it; waited for on the worker's own
//! thread, before its loop begins. Must not be called between `measure` and `drain`: it sleeps.

use super::plan::PlannedWorker;
use crate::io::signal::Signal;
use crate::job::spec::JobSpec;
use crate::sys::clock::{mono_ns, wall_ms, Clock};
use crate::workload::mix_seed;

/// Longest sleep between two looks at the signal.
const NAP_NS: u64 = 20_000_000;

/// Keeps the draw apart from those of the load, which begin with the same seed.
const PURPOSE: u64 = u64::from_le_bytes(*b"delaying");

/// A clone's delay, nanoseconds: even between the bounds, the same in each run with `randrepeat`.
pub(super) fn draw(job: &JobSpec, planned: &PlannedWorker) -> u64 {
    let (from, to) = job.time.startdelay;
    let load = &job.load;
    let base = if load.randrepeat { load.randseed } else { mix_seed(wall_ms(), mono_ns()) };
    let of_job = mix_seed(base ^ PURPOSE, u64::from(planned.job));
    let drawn = mix_seed(of_job, u64::from(planned.clone));
    let width = u128::from(to.0.saturating_sub(from.0)) + 1;
    from.0 + ((u128::from(drawn) * width) >> 64) as u64
}

/// Waits until `begin_ns`, less where the worker is to end. True: it is to run.
pub(super) fn wait(begin_ns: u64, signal: &Signal, clock: &impl Clock) -> bool {
    loop {
        if signal.get() >= Signal::STOP {
            return false;
        }
        let now_ns = clock.mono_ns();
        if now_ns >= begin_ns {
            return true;
        }
        clock.sleep_until(begin_ns.min(now_ns + NAP_NS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::SystemClock;
    use crate::units::Nanos;

    fn planned(clone: u32) -> PlannedWorker {
        PlannedWorker { id: clone, job: 1, clone, stage: 0, wave: 0, group: 0, cell: 0 }
    }

    #[test]
    fn clones_draw_evenly_within_the_bounds_and_the_same_each_time() {
        let mut job = JobSpec::default();
        job.load.randrepeat = true;
        job.load.randseed = 7;
        job.time.startdelay = (Nanos(1000), Nanos(1999));
        let delays: Vec<u64> = (0..1000).map(|clone| draw(&job, &planned(clone))).collect();
        assert!(delays.iter().all(|delay| (1000..=1999).contains(delay)));
        assert_eq!(delays, (0..1000).map(|clone| draw(&job, &planned(clone))).collect::<Vec<_>>());
        let mean = delays.iter().sum::<u64>() / 1000;
        assert!((1450..1550).contains(&mean), "{mean}");
        job.load.randseed = 8;
        assert_ne!(draw(&job, &planned(0)), delays[0]);
        job.time.startdelay = (Nanos(5), Nanos(5));
        assert_eq!(draw(&job, &planned(3)), 5);
    }

    #[test]
    fn an_end_cuts_the_wait_short() {
        let clock = SystemClock::new();
        let signal = Signal::default();
        let begin_ns = clock.mono_ns() + 5_000_000;
        assert!(wait(begin_ns, &signal, &clock));
        assert!(clock.mono_ns() >= begin_ns);
        signal.raise(Signal::STOP);
        assert!(!wait(u64::MAX, &signal, &clock));
    }
}
