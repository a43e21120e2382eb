//! Wakes a wait in which the inner engine has no part: for a delay, or for nothing at all.
//!
//! `engine` sleeps at it; `terminate`, on another thread, rings it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A ring that comes while nobody sleeps counts for the next sleep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    pub(crate) fn ring(&self) {
        *self.0 .0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0 .1.notify_all();
    }

    /// Until it rings, or so long; none = without limit.
    pub(crate) fn sleep(&self, limit: Option<Duration>) {
        let rung = self.0 .0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rung = match limit {
            Some(limit) => {
                let waited = self.0 .1.wait_timeout_while(rung, limit, |rung| !*rung);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.0 .1.wait_while(rung, |rung| !*rung);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        *rung = false;
    }
}
