//! Time: raw ticks for latencies, CLOCK_MONOTONIC for points in time that processes share.
//!
//! A tick read costs 8 to 9 ns where `clock_gettime` costs 20; ticks mean nothing outside this
//! process. The data plane takes the clock as a type parameter, so that tests can run on a virtual
//! one.

use rustix::thread::{clock_nanosleep_absolute, ClockId};
use rustix::time::{clock_gettime, Timespec};

/// A point in time in raw ticks of one clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u64);

/// What a worker is at, for who wants to know where its time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stage {
    /// What lies between the others.
    Loop,
    /// Drawing the next request.
    Generate,
    /// Preparing a request, from there to `queue`.
    Submit,
    /// The engine's `queue`, with `prep`.
    Queue,
    /// The engine's `commit`.
    Commit,
    /// The engine's `getevents`, with its wait.
    GetEvents,
    /// Judging and counting what came back.
    Account,
    /// Making, remembering and looking at verified data.
    Verify,
    /// Waiting because the job's pace says so.
    Wait,
    /// Looking at the clock.
    Clock,
}

/// What the data plane needs of a clock.
pub trait Clock {
    /// The worker turns to `stage`; answers what it was at. Nothing, and no instruction, with a
    /// clock that keeps no account of it.
    #[inline(always)]
    fn enter(&self, _stage: Stage) -> Stage {
        Stage::Loop
    }

    /// Now, in ticks.
    fn ticks(&self) -> Ticks;
    /// Nanoseconds from `start` to `end`; 0 where `end` is not later.
    fn ns_between(&self, start: Ticks, end: Ticks) -> u64;
    /// Now, CLOCK_MONOTONIC.
    fn mono_ns(&self) -> u64;
    /// Waits until `mono_ns`, or less where a signal comes.
    fn sleep_until(&self, mono_ns: u64);
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    ticks: quanta::Clock,
}

impl SystemClock {
    /// Calibrates the tick counter against CLOCK_MONOTONIC (under a millisecond), or falls back to
    /// CLOCK_MONOTONIC where the counter cannot be trusted.
    pub fn new() -> Self {
        SystemClock { ticks: quanta::Clock::new() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    #[inline(always)]
    fn ticks(&self) -> Ticks {
        Ticks(self.ticks.raw())
    }

    #[inline(always)]
    fn ns_between(&self, start: Ticks, end: Ticks) -> u64 {
        self.ticks.delta_as_nanos(start.0, end.0)
    }

    fn mono_ns(&self) -> u64 {
        mono_ns()
    }

    fn sleep_until(&self, mono_ns: u64) {
        sleep_until(mono_ns);
    }
}

/// What ticks are on this machine: "tsc" where the counter can be trusted, else "monotonic".
pub fn clock_name() -> &'static str {
    let inner = format!("{:?}", quanta::Clock::new());
    if inner.contains("Counter") {
        "tsc"
    } else {
        "monotonic"
    }
}

/// Now, CLOCK_MONOTONIC.
pub fn mono_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Now, wall clock, milliseconds since the epoch.
pub fn wall_ms() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Waits until `mono_ns`, or less where a signal comes.
pub fn sleep_until(mono_ns: u64) {
    let request = Timespec {
        tv_sec: (mono_ns / 1_000_000_000) as i64,
        tv_nsec: (mono_ns % 1_000_000_000) as i64,
    };
    let _interrupted = clock_nanosleep_absolute(ClockId::Monotonic, &request);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_monotonic_time_agree() {
        let clock = SystemClock::new();
        let (start, start_ns) = (clock.ticks(), clock.mono_ns());
        clock.sleep_until(start_ns + 20_000_000);
        let (end, end_ns) = (clock.ticks(), clock.mono_ns());
        let (ticks_ns, mono_ns) = (clock.ns_between(start, end), end_ns - start_ns);
        assert!(mono_ns >= 20_000_000);
        assert!(ticks_ns.abs_diff(mono_ns) < mono_ns / 50, "{ticks_ns} against {mono_ns}");
        assert_eq!(clock.ns_between(end, start), 0);
    }
}
