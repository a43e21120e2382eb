//! The counters of one worker as they stand in the shared page.
//!
//! Written by the worker alone, with plain stores; read by the control process, at any time and
//! also after the worker's process is gone. All-zero bytes are the valid empty state, so a fresh
//! page needs no set-up and rows that are never touched cost no memory.
//! Must not contain: pointers, locks, anything that needs a destructor.

use super::buckets::{self, BUCKETS};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Stages of a request that `--profile-harness` tells apart.
pub const STAGES: usize = 10;

/// A counter with one writer: load and store, never a locked instruction.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it. Only the owner may.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets it. Only the owner may.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Raises it to `value` where that is larger. Only the owner may.
    #[inline(always)]
    pub fn raise(&self, value: u64) {
        if value > self.0.load(Relaxed) {
            self.0.store(value, Relaxed);
        }
    }

    /// The cell behind it, for who leaves breadcrumbs there.
    pub fn as_atomic(&self) -> &AtomicU64 {
        &self.0
    }

    /// Reads it.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A histogram with exact count, sum, minimum and maximum beside the buckets.
#[repr(C)]
#[derive(Debug)]
pub struct Histogram {
    /// Number of samples.
    pub count: Counter,
    /// Sum of the samples.
    pub sum: Counter,
    /// `u64::MAX` minus the smallest sample, so that zero means "none yet".
    pub min_inverted: Counter,
    /// The largest sample.
    pub max: Counter,
    /// Samples per bucket.
    pub buckets: [Counter; BUCKETS],
    /// To the end of the memory page: the head and the buckets of all latencies below 7 us lie in
    /// the first one, those of up to 2 ms in the second, and so on; the rest is never touched.
    _rest: [Counter; HISTOGRAM_WORDS - 4 - BUCKETS],
}

/// Whole pages of memory.
const HISTOGRAM_WORDS: usize = (4 + BUCKETS).next_multiple_of(HEAD_WORDS);

impl Histogram {
    /// Takes one sample. Only the owner may.
    #[inline(always)]
    pub fn record(&self, value: u64) {
        self.buckets[buckets::index(value)].add(1);
        self.sum.add(value);
        self.min_inverted.raise(u64::MAX - value);
        self.max.raise(value);
        // Last, so that whoever is killed in between leaves no count without its sample.
        self.count.add(1);
    }
}

/// Totals of one direction.
#[repr(C)]
#[derive(Debug)]
pub struct DirCounters {
    /// Requests that are finished, well or ill.
    pub ios: Counter,
    /// Bytes that were transferred.
    pub bytes: Counter,
    /// Requests that needed a continuation or ended short.
    pub short_ios: Counter,
    /// Requests among these that ended without all their bytes, at the end of a file.
    pub cut_ios: Counter,
    /// Requests that failed.
    pub failed_ios: Counter,
    /// Requests whose failure `ignore_error` says to be none.
    pub ignored_ios: Counter,
}

/// What is counted during `ramp_time`: enough to see that it runs; no latencies, for nobody is to
/// see them.
#[repr(C)]
#[derive(Debug)]
pub struct RampCounters {
    /// Begin of the phase, CLOCK_MONOTONIC; 0 = not begun.
    pub begin_ns: Counter,
    /// End of the phase, CLOCK_MONOTONIC; 0 = not ended.
    pub end_ns: Counter,
    /// Totals, by direction.
    pub dirs: [DirCounters; 4],
}

/// Everything that one worker counts in the measure phase and in the drain that ends it.
#[repr(C)]
#[derive(Debug)]
pub struct MeasureCounters {
    /// Begin of the phase, CLOCK_MONOTONIC; 0 = not begun.
    pub begin_ns: Counter,
    /// End of the phase, CLOCK_MONOTONIC; 0 = not ended.
    pub end_ns: Counter,
    /// Totals, by direction.
    pub dirs: [DirCounters; 4],
    /// Requests by the depth that they found: 1, 2, 4, 8, 16, 32, >= 64.
    pub depth_levels: [Counter; 7],
    /// Commits by size: 0, 4, 8, 16, 32, 64, > 64.
    pub submit_levels: [Counter; 7],
    /// Reaps by size: 0, 4, 8, 16, 32, 64, > 64.
    pub complete_levels: [Counter; 7],
    /// The worker's CPU time in user space, microseconds.
    pub user_us: Counter,
    /// The worker's CPU time in the kernel, microseconds.
    pub system_us: Counter,
    /// Context switches.
    pub switches: Counter,
    /// Major page faults.
    pub major_faults: Counter,
    /// Minor page faults.
    pub minor_faults: Counter,
    /// Sampled time of the tester itself, nanoseconds.
    pub harness_ns: Counter,
    /// Requests during which it was sampled.
    pub harness_ios: Counter,
    /// With a rate: requests that were due and not yet begun, summed over all looks; a look is
    /// taken when a request begins.
    pub backlog_sum: Counter,
    /// Looks at the backlog.
    pub backlog_looks: Counter,
    /// The longest backlog.
    pub backlog_max: Counter,
    /// With `latency_target`: the depth that was tried last or found; 0 = none.
    pub latency_depth: Counter,
    /// With `latency_target`: 1 where the latency was met at that depth.
    pub latency_met: Counter,
    /// With `zonemode=zbd`: zones that were emptied.
    pub zone_resets: Counter,
    /// With `zonemode=zbd`: the most zones that were open at once on any of its devices.
    pub zones_open_max: Counter,
    /// Of the context switches: those that the worker did not ask for.
    pub involuntary: Counter,
    /// Sleeps of the pace that lasted to their end.
    pub slips: Counter,
    /// By how much they ended late, all together, nanoseconds.
    pub slip_ns: Counter,
    /// The latest of them, nanoseconds.
    pub slip_ns_max: Counter,
    /// With `--profile-harness`: time by stage of a request, nanoseconds.
    pub profile_ns: [Counter; STAGES],
    /// Requests during which that was sampled.
    pub profile_ios: Counter,
}

/// What verification counts, with what it does during the load.
#[repr(C)]
#[derive(Debug)]
pub struct VerifyCounters {
    /// Begin of the phase in which what was written is read back, CLOCK_MONOTONIC; 0 = not begun.
    pub begin_ns: Counter,
    /// Time of all such phases that have ended, nanoseconds.
    pub spent_ns: Counter,
    /// Of these, those before the load's own end (`loops`).
    pub within_ns: Counter,
    /// What is to be read back, bytes.
    pub goal_bytes: Counter,
    /// Requests that read back.
    pub ios: Counter,
    /// Their bytes.
    pub bytes: Counter,
    /// Bytes that are right.
    pub right_bytes: Counter,
    /// Intervals that are wrong.
    pub wrong: Counter,
    /// CPU time of the phase in user space, microseconds.
    pub user_us: Counter,
    /// CPU time of the phase in the kernel, microseconds.
    pub system_us: Counter,
}

/// Latencies by direction, in the order of [`crate::ddir::Ddir::ALL`]. By far the largest part of a
/// page, and the sparsest.
#[repr(C)]
#[derive(Debug)]
pub struct Latencies {
    /// From the start of a request until the engine took it; nothing for requests that the engine
    /// completed at once.
    pub slat_ns: [Histogram; 4],
    /// From there to the completion.
    pub clat_ns: [Histogram; 4],
    /// From the start to the completion; stays empty where no request was queued (then it is clat).
    pub lat_ns: [Histogram; 4],
    /// With a rate: from the intended start to the start.
    pub qlat_ns: [Histogram; 4],
    /// With a rate: from the intended start to the completion, the response time.
    pub rlat_ns: [Histogram; 4],
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum WorkerState {
    /// Its page is there, its thread is not.
    Planned = 0,
    /// Makes its instance, opens its files.
    Setup = 1,
    /// Waits for the common start.
    Ready = 2,
    /// `ramp_time`.
    Ramp = 3,
    /// Measures.
    Measure = 4,
    /// Takes back what is in flight, syncs.
    Drain = 5,
    /// Reads back what it wrote.
    Verify = 6,
    /// Closes and cleans up.
    Teardown = 7,
    /// Ended in order.
    Done = 8,
    /// Ended by an error.
    Failed = 9,
}

impl WorkerState {
    /// From its number; what is no state counts as failed.
    pub fn from_u64(value: u64) -> WorkerState {
        use WorkerState::*;
        const STATES: [WorkerState; 10] =
            [Planned, Setup, Ready, Ramp, Measure, Drain, Verify, Teardown, Done, Failed];
        STATES.get(value as usize).copied().unwrap_or(Failed)
    }
}

/// The page of one worker. What a live view needs comes first, the histograms last.
#[repr(C)]
#[derive(Debug)]
pub struct WorkerPage {
    /// [`WorkerState`].
    pub state: Counter,
    /// Low byte: number of the callback that is being executed, from 1 in the order of the ops
    /// table; 0 = the host itself. Above: calls made so far. One store before each call and one
    /// after it tell what is executed and whether anything moves.
    pub callback: Counter,
    /// Requests handed to the engine and not accounted yet, as of the last commit or reap.
    pub in_flight: Counter,
    /// Open files.
    pub open_files: Counter,
    /// First errno of a request or a callback; 0 = none.
    pub first_error: Counter,
    /// What this worker is to transfer, bytes; 0 = bounded by time alone.
    pub goal_bytes: Counter,
    /// With `flow`: requests issued, seen by the partners of the flow.
    pub flow_issued: Counter,
    /// Kernel id of the worker's thread; 0 = it has not begun.
    pub tid: Counter,
    /// When it began, milliseconds since the epoch.
    pub start_ms: Counter,
    /// When it began, CLOCK_MONOTONIC.
    pub began_ns: Counter,
    /// `ramp_time`.
    pub ramp: RampCounters,
    /// What is reported.
    pub measure: MeasureCounters,
    /// Of verification.
    pub verify: VerifyCounters,
    /// To the end of the memory page: each histogram begins one.
    _rest: [Counter; HEAD_WORDS - HEAD_FIELDS],
    /// What is reported, too.
    pub latencies: Latencies,
}

/// Words of a page of memory.
const HEAD_WORDS: usize = 4096 / 8;

/// Words that are used of the first one.
const HEAD_FIELDS: usize = 10
    + (size_of::<RampCounters>() + size_of::<MeasureCounters>() + size_of::<VerifyCounters>()) / 8;

impl WorkerPage {
    /// Length of the part before the histograms that says something.
    pub const HEAD_LEN: usize = HEAD_FIELDS * 8;
}

const _: () = assert!(std::mem::offset_of!(WorkerPage, latencies) == HEAD_WORDS * 8);

const _: () = assert!(std::mem::align_of::<WorkerPage>() == 8);
