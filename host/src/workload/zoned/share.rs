//! One worker's part in the zones of a device: its region, its limits, where its reads and trims
//! are.
//!
//! Made by [`super::ZoneBoard::join`], given back with every question. Holds state only.

/// What a worker wants of a device.
#[derive(Clone, Copy, Debug)]
pub struct ShareRules {
    /// Its number, unlike all others.
    pub worker: u32,
    /// Where its region begins, bytes; for writes and trims at the begin of a zone.
    pub begin: u64,
    /// Length of its region; for writes and trims to the end of a zone.
    pub len: u64,
    /// One zone after the other; otherwise the zone is the one that was drawn.
    pub sequential: bool,
    /// It writes or trims.
    pub writes: bool,
    /// It reads and writes: a read of nothing becomes a write.
    pub mixed: bool,
    /// Logical block size of the device.
    pub block: u64,
    /// The smallest write: a zone with less room is full.
    pub write_min: u64,
    /// Open zones on the device beyond which this worker opens none; 0 = as the device allows.
    pub max_open: u32,
    /// Open zones that this worker opened; 0 = no limit of its own.
    pub job_max_open: u32,
    /// Reads of what was never written.
    pub read_beyond_wp: bool,
    /// Sequential reads and trims go over the region so often.
    pub passes: u64,
    /// Zones that sequential writes and reads leave out after each.
    pub skip: u32,
    /// After so many writes, where there is more than enough data, a zone is emptied; 0 = never.
    pub reset_every: u64,
    /// More than enough: 0 to 1 of the region.
    pub reset_above: f64,
}

/// A worker's part.
#[derive(Clone, Debug)]
pub struct Share {
    pub(super) rules: ShareRules,
    pub(super) worker: u32,
    pub(super) span: usize,
    /// The next zone of a sequential read, and bytes of it that were read.
    pub(super) read_zone: u32,
    pub(super) read_at: u64,
    /// The next zone of a sequential trim.
    pub(super) trim_zone: u32,
    pub(super) passes_left: u64,
    pub(super) writes: u64,
    /// A zone is to be emptied.
    pub(super) reset_due: bool,
    /// Something was found to read or to trim.
    pub(super) found: bool,
}

impl Share {
    pub(super) fn new(rules: ShareRules, span: usize, first: u32) -> Share {
        Share {
            worker: rules.worker,
            span,
            read_zone: first,
            read_at: 0,
            trim_zone: first,
            passes_left: rules.passes.max(1),
            writes: 0,
            reset_due: false,
            found: false,
            rules,
        }
    }

    /// Whether anything was found to read, or to trim.
    pub fn has_found(&self) -> bool {
        self.found
    }
}
