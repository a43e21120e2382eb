//! The units of an asynchronous instance: first in, first out, in memory made once.
//!
//! Used by `engine` for each request, so: no allocation, no lock, no division. Two counters that
//! only grow say how many units were ever taken and handed back; a third, how many are committed.

use iodyno_engine_api::{Reaped, Unit};

/// Units between `queue` and `getevents`.
pub(crate) struct Ring {
    slots: Box<[Option<Unit>]>, // a power of two of them
    depth: usize,
    taken: usize,
    committed: usize,
    handed_back: usize,
}

impl Ring {
    /// Room for `depth` units.
    pub(crate) fn new(depth: usize) -> Ring {
        let slots = (0..depth.max(1).next_power_of_two()).map(|_| None).collect();
        Ring { slots, depth, taken: 0, committed: 0, handed_back: 0 }
    }

    /// Whether another unit fits.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.taken - self.handed_back < self.depth
    }

    /// Takes a unit; only with room.
    #[inline]
    pub(crate) fn take(&mut self, unit: Unit) {
        let mask = self.slots.len() - 1;
        let slot = &mut self.slots[self.taken & mask];
        debug_assert!(slot.is_none());
        // An empty slot has nothing to drop: saying so saves the test on each request.
        std::mem::forget(slot.replace(unit));
        self.taken += 1;
    }

    /// All units taken so far may be handed back.
    #[inline]
    pub(crate) fn commit(&mut self) {
        self.committed = self.taken;
    }

    /// Hands back as many committed units as there are and as fit.
    #[inline]
    pub(crate) fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        let ready = self.committed - self.handed_back;
        let mask = self.slots.len() - 1;
        for _ in 0..ready.min(reaped.room() as usize) {
            if let Some(unit) = self.slots[self.handed_back & mask].take() {
                reaped.push_all(unit);
            }
            self.handed_back += 1;
        }
    }
}
