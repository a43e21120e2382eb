//! When the control process gives back what only the start of a run has needed.
//!
//! Asked by `control` whenever it waits. A run of a few milliseconds ends before it is worth the
//! while; one that lasts takes no more memory than it needs from then on. Never where plugins run
//! in this process: what is theirs is not looked at.

use crate::sys::footprint;
use std::time::{Duration, Instant};

/// From the begin of the first stage.
const AFTER: Duration = Duration::from_millis(50);

/// Due at some time, or done.
#[derive(Debug)]
pub(super) struct Slimming(Option<Instant>);

impl Slimming {
    pub(super) fn new(has_cells_apart: bool) -> Slimming {
        Slimming(has_cells_apart.then(|| Instant::now() + AFTER))
    }

    /// `wait`, or less where it is due before.
    pub(super) fn at_most(&self, wait: Duration) -> Duration {
        self.0.map_or(wait, |due| wait.min(due.saturating_duration_since(Instant::now())))
    }

    /// Gives back if it is due.
    pub(super) fn look(&mut self) {
        if self.0.is_some_and(|due| Instant::now() >= due) {
            self.0 = None;
            footprint::give_back();
        }
    }
}
