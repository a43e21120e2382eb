//! Which rings of this process share a back end (option attach_wq).
//!
//! Asked by engines at init. Instances are made side by side on threads of their own, so the table
//! has a lock, which is held while a ring is made: the second one finds the first one's. A ring's
//! descriptor is kept open by its own instance alone; what is gone is forgotten.

use super::ring::{Completion, NoRing, Ring, Submission, Wish};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError, Weak};

/// What rings must have in common: whether a kernel thread submits, and where it runs.
type Key = Option<Option<u32>>;

static RINGS: Mutex<Vec<(Key, Weak<OwnedFd>)>> = Mutex::new(Vec::new());

/// Makes a ring that shares the back end of those made here before, if any of these still lives.
pub fn attached<S: Submission, C: Completion>(wish: &Wish) -> Result<Ring<S, C>, NoRing> {
    // A panic under the lock leaves a list that is whole: entries are pushed or removed.
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    rings.retain(|(_, ring)| ring.strong_count() > 0);
    let same = rings.iter().filter(|(key, _)| *key == wish.sqpoll);
    let first = same.filter_map(|(_, ring)| ring.upgrade()).next();
    let attach = first.as_ref().map(|fd| fd.as_raw_fd());
    let ring = Ring::new(&Wish { attach, ..*wish })?;
    rings.push((wish.sqpoll, std::sync::Arc::downgrade(ring.descriptor())));
    Ok(ring)
}
