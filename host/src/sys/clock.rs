//! Time: raw ticks for latencies, CLOCK_MONOTONIC for points in time that processes share.
//!
//! A tick read costs 8 to 9 ns where `clock_gettime` costs 20; ticks mean nothing outside this
//! machine's present run. How long one is follows from two [`Look`]s at both clocks; the first is
//! taken by the control process, so that nobody has to wait for the second to be far enough from
//! it. The data plane takes the clock as a type parameter, so that tests can run on a virtual one.

use rustix::thread::{clock_nanosleep_absolute, ClockId};
use rustix::time::{clock_gettime, Timespec};
use serde::{Deserialize, Serialize};

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

/// Two looks apart tell the length of a tick to this part of it; a histogram's bucket is 1/64 wide.
const FINE: u64 = 20_000;

/// How long a machine that is too busy for a good look is waited for.
const PATIENCE_NS: u64 = 200_000_000;

/// Attempts at a good look: the quickest counts, for nothing came between its readings.
const ATTEMPTS: u32 = 8;

/// Both clocks at one moment, as nearly as can be had.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Look {
    ticks: u64,
    mono_ns: u64,
    /// Ticks that passed while CLOCK_MONOTONIC was read.
    blur_ticks: u64,
}

impl Look {
    /// Looks; under a microsecond.
    pub fn now() -> Look {
        let look = |_| {
            let before = counter();
            let mono_ns = mono_ns();
            let blur_ticks = counter().saturating_sub(before);
            Look { ticks: before.wrapping_add(blur_ticks / 2), mono_ns, blur_ticks }
        };
        let looks = (0..ATTEMPTS).map(look);
        looks.min_by_key(|look| look.blur_ticks).unwrap_or_else(|| unreachable!("some attempts"))
    }

    /// Length of a tick in nanoseconds, times 2^32, where a later look is far enough from this one.
    fn scale(&self, later: &Look) -> Option<u64> {
        let ticks = later.ticks.checked_sub(self.ticks)?;
        let blur_ticks = (self.blur_ticks + later.blur_ticks).max(1);
        (ticks / blur_ticks >= FINE).then(|| self.ratio(later))?
    }

    fn ratio(&self, later: &Look) -> Option<u64> {
        let ticks = later.ticks.checked_sub(self.ticks)?;
        let ns = later.mono_ns.checked_sub(self.mono_ns)?;
        let scale = (u128::from(ns) << 32).checked_div(u128::from(ticks))?;
        u64::try_from(scale).ok().filter(|&scale| scale > 0)
    }
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// Nanoseconds of a tick, times 2^32; none: ticks are nanoseconds of CLOCK_MONOTONIC.
    scale: Option<u64>,
}

impl SystemClock {
    /// The clock, where nobody has looked before: takes a millisecond.
    pub fn new() -> Self {
        SystemClock::since(Look::now())
    }

    /// The clock; waits only where the first look was less than about a millisecond ago. Falls back
    /// to CLOCK_MONOTONIC where the processor does not promise a steady counter.
    pub fn since(first: Look) -> Self {
        if !has_counter() {
            return SystemClock { scale: None };
        }
        let give_up_ns = mono_ns() + PATIENCE_NS;
        loop {
            let later = Look::now();
            let scale = first.scale(&later);
            if scale.is_some() {
                return SystemClock { scale };
            }
            if later.mono_ns >= give_up_ns {
                return SystemClock { scale: first.ratio(&later) };
            }
            std::hint::spin_loop();
        }
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
        match self.scale {
            Some(_) => Ticks(counter()),
            None => Ticks(mono_ns()),
        }
    }

    #[inline(always)]
    fn ns_between(&self, start: Ticks, end: Ticks) -> u64 {
        // Counters of two processors may differ a little.
        let ticks = end.0.saturating_sub(start.0);
        match self.scale {
            Some(scale) => ((u128::from(ticks) * u128::from(scale)) >> 32) as u64,
            None => ticks,
        }
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
    match has_counter() {
        true => "tsc",
        false => "monotonic",
    }
}

/// Reads the counter; not in order with what the processor does around it, which would cost more
/// than the reading.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it unless
    // they ask otherwise (prctl PR_SET_TSC), which this one does not.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Whether the counter runs at one speed, whatever the processor does.
#[cfg(target_arch = "x86_64")]
fn has_counter() -> bool {
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    // SAFETY: every x86-64 processor has the instruction; a leaf that it does not know is not asked
    // for, because the highest one is asked for first. (A safe function in newer compilers.)
    #[allow(unused_unsafe)]
    let leaf = |leaf| unsafe { std::arch::x86_64::__cpuid(leaf) };
    leaf(0x8000_0000).eax >= POWER_MANAGEMENT && leaf(POWER_MANAGEMENT).edx & INVARIANT_TSC != 0
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: Linux lets programs read the virtual counter, of which every processor of this
    // architecture has one; reading it changes nothing.
    unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// The architecture promises a steady counter.
#[cfg(target_arch = "aarch64")]
fn has_counter() -> bool {
    true
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter() -> u64 {
    mono_ns()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_counter() -> bool {
    false
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
        // Right after the first look, so that the clock has to wait for a later one.
        let clock = SystemClock::new();
        let (start, start_ns) = (clock.ticks(), clock.mono_ns());
        clock.sleep_until(start_ns + 20_000_000);
        let (end, end_ns) = (clock.ticks(), clock.mono_ns());
        let (ticks_ns, mono_ns) = (clock.ns_between(start, end), end_ns - start_ns);
        assert!(mono_ns >= 20_000_000);
        assert!(ticks_ns.abs_diff(mono_ns) < mono_ns / 50, "{ticks_ns} against {mono_ns}");
        assert_eq!(clock.ns_between(end, start), 0);
    }

    #[test]
    fn two_looks_tell_the_length_of_a_tick_once_they_are_far_enough_apart() {
        let look = |ticks, mono_ns, blur_ticks| Look { ticks, mono_ns, blur_ticks };
        let (first, ghz_2_5) = (look(1000, 50, 60), (4u64 << 32) / 10);
        for (later, expected) in [
            (look(1000 + 2_500_000, 1_000_050, 60), Some(ghz_2_5)),
            (look(1000 + 2_500_000, 1_000_050, 100), None),
            (look(1000 + 25_000_000, 10_000_050, 100), Some(ghz_2_5)),
            (look(900, 1_000_050, 60), None),
            (look(1000, 50, 0), None),
        ] {
            assert_eq!(first.scale(&later), expected, "{later:?}");
        }
        assert_eq!(first.ratio(&look(1100, 90, 60)), Some(ghz_2_5), "with what patience there is");
    }
}
