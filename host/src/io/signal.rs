//! What the supervisor tells a worker while it runs: one word, read once a request.
//!
//! Raised by the cell's main thread when a time has come or the user wants an end; never lowered.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What the supervisor tells a worker: a word that only grows.
#[derive(Debug, Default)]
pub struct Signal(AtomicU32);

impl Signal {
    /// `ramp_time` runs.
    pub const RAMP: u32 = 0;
    /// What is issued now counts.
    pub const MEASURE: u32 = 1;
    /// Issue nothing more.
    pub const STOP: u32 = 2;
    /// Issue nothing more, and do not insist: a blocked wait was interrupted.
    pub const ABORT: u32 = 3;

    /// Raises it.
    pub fn raise(&self, to: u32) {
        self.0.fetch_max(to, Relaxed);
    }

    /// Reads it.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
