//! How a wrapper's `terminate` reaches the inner engine.
//!
//! Made by `Inner`, called from the thread that the host calls `terminate` on, while the instance
//! lives and not after.

use core::ffi::c_void;
use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Wakes a wait in the inner engine, from any thread.
#[derive(Clone)]
pub struct Terminator(Arc<Mutex<Option<TerminateCall>>>);

struct TerminateCall {
    terminate: unsafe extern "C" fn(*mut c_void),
    inst: *mut c_void,
}

// SAFETY: `terminate` is the one callback that the contract allows on any thread; the mutex around
// the value keeps the instance from being cleaned up meanwhile.
unsafe impl Send for TerminateCall {}

impl Terminator {
    /// Without an instance, for now.
    pub(super) fn new() -> Terminator {
        Terminator(Arc::new(Mutex::new(None)))
    }

    /// From now on calls go there.
    ///
    /// # Safety
    /// `terminate` may be called with `inst` from any thread until [`Terminator::disarm`].
    pub(super) unsafe fn arm(
        &self,
        terminate: unsafe extern "C" fn(*mut c_void),
        inst: *mut c_void,
    ) {
        let call = TerminateCall { terminate, inst };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
    }

    /// From now on nothing is called; waits for a call that is under way.
    pub(super) fn disarm(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Passes a `terminate` on, unless the inner engine has none or is gone.
    pub fn terminate(&self) {
        if let Some(call) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: `arm` was promised that this may be called; `disarm` takes it out under this
            // lock.
            unsafe { (call.terminate)(call.inst) }
        }
    }
}

impl fmt::Debug for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminator")
    }
}
