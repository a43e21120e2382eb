//! The common start: workers wait here until everybody is ready. A cell has one for each stage;
//! its workers wait, and the cell opens it when the control process says so. Must not be touched
//! once a worker runs: it takes a lock.

use std::sync::{Condvar, Mutex, PoisonError};

/// Closed at first; opened once, with the word whether to run or to go home.
#[derive(Debug, Default)]
pub(super) struct Gate {
    verdict: Mutex<Option<bool>>,
    opened: Condvar,
}

impl Gate {
    /// Opens it. The first word counts.
    pub(super) fn open(&self, run: bool) {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(run);
        self.opened.notify_all();
    }

    /// Waits. True: run.
    pub(super) fn wait(&self) -> bool {
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(run) = *verdict {
                return run;
            }
            verdict = self.opened.wait(verdict).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
