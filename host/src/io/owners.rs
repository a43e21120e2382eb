//! Who owns a slot: taking, lending, claiming back, freeing. A part of [`Slots`].
//!
//! A slot is free, held by the host, or the engine's, never two of these; what an engine hands back
//! is believed only if it is one of ours and in flight. Touches no memory behind units and buffers.

use super::slot::{Owner, Slot, SlotIndex};
use super::slots::{Slots, Stray, UNIT_STRIDE};
use crate::plugin::lent::FileTable;
use iodyno_engine_api::abi::ioe_io;

impl Slots {
    /// Whether a slot is free.
    #[inline(always)]
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free slot for a request, whose unit is then ready to be offered.
    #[inline(always)]
    pub fn take(&mut self, slot: Slot, files: &FileTable) -> Option<SlotIndex> {
        let index = self.free.pop()?;
        self.put(index, slot, files);
        Some(index)
    }

    /// Puts a finished slot back.
    #[inline(always)]
    pub fn release(&mut self, index: SlotIndex) {
        let slot = &mut self.slots[index as usize];
        debug_assert_eq!(slot.owner, Owner::Host);
        slot.owner = Owner::Free;
        self.push_free(index);
    }

    /// Its last request has come to its end, and it was not taken since.
    pub fn is_free(&self, index: SlotIndex) -> bool {
        self.slots[index as usize].owner == Owner::Free
    }

    /// What the slot holds, which is free from now on: where the unit came back unaltered and was
    /// done in full. None: nothing has changed, and it is to be looked at more closely.
    #[inline(always)]
    pub fn finish(&mut self, index: SlotIndex) -> Option<Slot> {
        let slot = self.slots[index as usize];
        if !self.is_done(index, &slot) {
            return None;
        }
        self.release(index);
        Some(slot)
    }

    /// Puts a request into the slot that is free next, which is the engine's as soon as it says so.
    #[inline(always)]
    pub fn put_lent(&mut self, index: SlotIndex, slot: Slot, files: &FileTable) {
        self.put(index, Slot { owner: Owner::Engine, queued: true, ..slot }, files);
    }

    /// The engine did not want it: the slot is taken, and the host's.
    pub fn take_lent(&mut self, index: SlotIndex) {
        let slot = &mut self.slots[index as usize];
        (slot.owner, slot.queued) = (Owner::Host, false);
        self.take_next();
    }

    /// The slot that is free next was put, and is taken now.
    #[inline(always)]
    pub fn take_next(&mut self) {
        self.free.pop();
    }

    /// The slot that is free next was put without being taken, and has ended.
    #[inline(always)]
    pub fn stay_free(&mut self, index: SlotIndex) {
        self.slots[index as usize].owner = Owner::Free;
    }

    /// The engine took it.
    #[inline(always)]
    pub fn lend(&mut self, index: SlotIndex) {
        let slot = &mut self.slots[index as usize];
        debug_assert_eq!(slot.owner, Owner::Host);
        slot.owner = Owner::Engine;
        slot.queued = true;
    }

    /// The engine hands a pointer back: the slot, if it is one of ours and in flight.
    #[inline(always)]
    pub fn claim(&mut self, unit: *mut ioe_io) -> Result<SlotIndex, Stray> {
        let index = self.number_of(unit).ok_or(Stray::Invented(unit as usize))?;
        let slot = &mut self.slots[index];
        if slot.owner != Owner::Engine {
            return Err(Stray::NotInFlight(index as u32));
        }
        slot.owner = Owner::Host;
        Ok(index as SlotIndex)
    }

    /// The same and [`Slots::finish`] in one, where neither finds anything unusual. None: nothing
    /// has changed.
    #[inline(always)]
    pub fn claim_finished(&mut self, unit: *mut ioe_io) -> Option<Slot> {
        let index = self.number_of(unit)?;
        let slot = self.slots[index];
        if slot.owner != Owner::Engine || !self.is_done(index as SlotIndex, &slot) {
            return None;
        }
        self.slots[index].owner = Owner::Free;
        self.push_free(index as SlotIndex);
        Some(slot)
    }

    /// There is room for all slots: a list that might grow would have every register saved.
    #[inline(always)]
    fn push_free(&mut self, index: SlotIndex) {
        assert!(self.free.len() < self.free.capacity(), "more slots are freed than there are");
        self.free.push(index);
    }

    /// The unit's number, if it is one of ours.
    #[inline(always)]
    fn number_of(&self, unit: *mut ioe_io) -> Option<usize> {
        let distance = (unit as usize).wrapping_sub(self.units.base().as_ptr() as usize);
        let index = distance / UNIT_STRIDE;
        (distance.is_multiple_of(UNIT_STRIDE) && index < self.slots.len()).then_some(index)
    }
}
