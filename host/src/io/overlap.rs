//! `serialize_overlap`: requests of a worker that touch the same bytes go one after the other.
//!
//! Called by [`super::worker`] before a request begins, for jobs that ask for it; a verifying job's
//! requests are ordered by its ledger ([`super::keeping`]). Looks at all slots, of which there are
//! as many as the depth.

use super::slots::{Owner, Slot, Slots};
use super::trouble::Trouble;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::sys::clock::Clock;

impl Slots {
    /// Whether a request that has begun and not ended touches what this one would.
    fn overlaps(&self, new: &Slot) -> bool {
        self.slots.iter().any(|old| {
            old.owner != Owner::Free
                && old.ddir != Ddir::Sync
                && old.file == new.file
                && old.offset - old.done < new.offset + new.len
                && new.offset < old.offset + old.len
        })
    }
}

impl<C: Clock> Worker<'_, C> {
    /// Until nothing that has begun touches what this request would.
    #[inline(never)]
    pub(super) fn wait_for_overlaps(&mut self, slot: &Slot) -> Result<(), Trouble> {
        while slot.ddir != Ddir::Sync && self.slots.overlaps(slot) {
            self.go_on()?;
        }
        Ok(())
    }

    /// Continues what ended short, or waits for one request at least.
    pub(super) fn go_on(&mut self) -> Result<(), Trouble> {
        if let Some(index) = self.pending.pop() {
            return self.offer(index);
        }
        assert!(self.in_flight > 0, "what is waited for is on its way");
        self.commit()?;
        self.reap(1, self.settings.complete_max.max(1), -1)
    }
}
