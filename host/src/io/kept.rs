//! What a verifying worker's memory is made of, and what comes of it.
//!
//! Filled in by `run`, kept by [`super::keeper`], told by `run` again. Plain data: nothing here
//! does anything but to answer for itself.

use super::batch::Errand;
use crate::sys::shm::SharedWords;
use crate::verify::check::Rules;
use crate::verify::damage::Miscompare;
use crate::verify::ledger::{Ledger, Tally};
use crate::verify::pool::Desk;
use crate::verify::recipe::Recipe;
use crate::workload::mix_seed;
use std::sync::Arc;

/// Miscompares of one worker that are told one by one.
pub const TOLD_MAX: usize = 100;

/// Batches of a worker that may be with the pool at once.
pub const AWAY_MAX: usize = 4;

/// What a verifying job is made of.
pub struct KeeperParts {
    /// How its intervals are made.
    pub recipe: Arc<Recipe>,
    /// What is compared.
    pub rules: Rules,
    /// What must be where; none for a job that writes nothing.
    pub ledger: Option<Ledger<SharedWords>>,
    /// The reads of the load are looked at: it does nothing else.
    pub checks_load: bool,
    /// What was written is read back (`do_verify`).
    pub reads_back: bool,
    /// There is no load: what another run wrote is read back (`verify_only`).
    pub only: bool,
    /// The load reads as well: what is read back is no part of its figures.
    pub apart: bool,
    /// The first miscompare ends the job (`verify_fatal`).
    pub fatal: bool,
    /// The load goes on after a miscompare (`continue_on_error=verify`).
    pub goes_on: bool,
    /// Blocks that are looked at together.
    pub batch: usize,
    /// Read back after so many writes; 0 = at the end alone (`verify_backlog`).
    pub backlog: u64,
    /// So many at once (`verify_backlog_batch`).
    pub backlog_batch: u64,
    /// What is trimmed of what was written.
    pub trims: Trims,
    /// Bytes of the largest request.
    pub block_max: u64,
    /// Threads that look; none: the worker does.
    pub desk: Option<Desk<Errand>>,
    /// Brings what was written to the medium, and out of the page cache.
    pub settle: Box<dyn FnMut()>,
}

/// `trim_percentage` and its kin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trims {
    /// Percent of the blocks; 0 = none.
    pub percentage: u8,
    /// Trim after so many writes; 0 = once all are made.
    pub backlog: u64,
    /// So many at once; 0 = all that are due.
    pub batch: u64,
    /// Bytes of a block.
    pub block: u64,
    /// Which blocks follows from it.
    pub seed: u64,
}

impl Trims {
    /// Whether a block is one of those.
    pub(super) fn chooses(&self, file: u32, offset: u64, generation: u64) -> bool {
        let place = mix_seed(mix_seed(self.seed, u64::from(file)), offset);
        mix_seed(place, generation) % 100 < u64::from(self.percentage)
    }
}

impl std::fmt::Debug for KeeperParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeeperParts").field("recipe", &self.recipe).finish_non_exhaustive()
    }
}

/// What came of a worker's verification.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Intervals that are right.
    pub right: u64,
    /// Intervals that are wrong.
    pub wrong: u64,
    /// The first [`TOLD_MAX`] of these.
    pub miscompares: Vec<Miscompare>,
    /// The bytes that were written, by what is known of them; none where nothing was to be written.
    pub tally: Option<Tally>,
    /// Intervals of zeros, where these are no miscompares.
    pub blank: u64,
    /// Blocks that nobody looked at, because a check panicked: a defect of ours.
    pub panicked: u64,
    /// What was to be read back was not, or not wholly: why.
    pub unfinished: Option<Unfinished>,
    /// Bytes of an interval.
    pub interval: u64,
    /// The run that wrote.
    pub run: u64,
}

/// Why not all was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The job says so (`do_verify=0`).
    NotAsked,
    /// The load did not end well.
    Failed,
    /// The user ended the run.
    Interrupted,
    /// `verify_fatal`.
    Fatal,
}
