//! The common start: workers wait here until everybody is ready. A cell has one for each wave;
//! its workers wait, and the cell opens it when the control process says so. Must not be touched
//! once a worker runs. Who waits takes no lock, so that thousands can leave at once.

use std::sync::OnceLock;

/// Closed at first; opened once, with the time of the start or the word to go home.
#[derive(Debug, Default)]
pub(super) struct Gate(OnceLock<Option<u64>>);

impl Gate {
    /// Opens it: the start was at this time (CLOCK_MONOTONIC), or there is none. The first word
    /// counts.
    pub(super) fn open(&self, start_ns: Option<u64>) {
        let _first_word_counts = self.0.set(start_ns);
    }

    /// Waits. When the start was; none: go home.
    pub(super) fn wait(&self) -> Option<u64> {
        *self.0.wait()
    }
}
