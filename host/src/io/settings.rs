//! How a worker is to go about its load: the job's options as the loop needs them, and what the
//! engine instance said of itself.
//!
//! Made by `run` from the job and the instance's capabilities; constant while the worker lives.

use super::syncs::SyncPlan;

/// How a worker is to go about it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Requests to a commit.
    pub batch_submit: u32,
    /// Reap at least so many; 0 = look without waiting.
    pub complete_min: u32,
    /// Reap at most so many.
    pub complete_max: u32,
    /// Once full, drain to this before filling again.
    pub low: u32,
    /// Read the clock for latencies.
    pub timed: bool,
    /// `queue()` only collects (there is a `commit()`), and batches are larger than one: the
    /// requests of a batch begin together, with one look at the clock.
    pub stamps_batches: bool,
    /// The instance never answers Queued.
    pub sync_engine: bool,
    /// The instance fills `issue_ns`.
    pub sets_issue: bool,
    /// Reads and writes are mixed.
    pub mixed: bool,
    /// A write must not be issued before the trim of the same block has ended.
    pub write_after_trim: bool,
    /// Write buffers hold data that somebody may look at.
    pub moves_data: bool,
    /// A request is a whole file: it has no place and no length.
    pub whole_files: bool,
    /// The engine does no I/O: it is asked again and again for steps, or so often for runs.
    pub runs: Option<u64>,
    /// Offsets mean nothing (IOE_F_PIPE): where a read finds the end, all later ones do.
    pub is_stream: bool,
    /// Short transfers are continued at multiples of this (O_DIRECT); 1 = anywhere.
    pub piece_align: u64,
    /// A sync after so many writes; 0 = never.
    pub fsync_every: u32,
    /// A sync of each file at the end.
    pub end_fsync: bool,
    /// Requests that touch the same bytes go one after the other.
    pub serialize_overlap: bool,
    /// Other syncs.
    pub syncs: SyncPlan,
}
