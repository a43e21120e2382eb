//! The common start: workers wait here until everybody is ready. A cell has one for each wave;
//! its workers wait, and the cell opens it when the control process says so. Must not be touched
//! once a worker runs: it takes a lock.

use std::sync::{Condvar, Mutex, PoisonError};

/// Closed at first; opened once, with the time of the start or the word to go home.
#[derive(Debug, Default)]
pub(super) struct Gate {
    verdict: Mutex<Option<Option<u64>>>,
    opened: Condvar,
}

impl Gate {
    /// Opens it: the start was at this time (CLOCK_MONOTONIC), or there is none. The first word
    /// counts.
    pub(super) fn open(&self, start_ns: Option<u64>) {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(start_ns);
        self.opened.notify_all();
    }

    /// Waits. When the start was; none: go home.
    pub(super) fn wait(&self) -> Option<u64> {
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(start_ns) = *verdict {
                return start_ns;
            }
            verdict = self.opened.wait(verdict).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
