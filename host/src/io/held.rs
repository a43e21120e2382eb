//! The data of slots on its way to who makes or verifies it, on whatever thread. A part of
//! [`Slots`].
//!
//! Ownership is by move: what [`Slots::hold`] gives is in one place at a time, and the slab touches
//! the slot's data only when it has it back. Used by verifying jobs alone.

use super::slots::{Owner, SlotIndex, Slots};
use std::ptr::NonNull;

/// The data of one slot, out of the slab. There is one of these at most for a slot, and it goes by
/// move: whoever has it alone touches the data, on whatever thread.
#[derive(Debug)]
pub struct Held {
    index: SlotIndex,
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it is made by `Slots::hold` alone, which hands a slot's data out once until it is put
// back (the owner is asserted), and the slab does not touch a held slot's data; bytes may be used
// from any thread. The slab's memory outlives it: `dispose` gives it back only when all are back.
unsafe impl Send for Held {}

impl Held {
    /// Whose data it is.
    pub fn index(&self) -> SlotIndex {
        self.index
    }

    /// The data.
    pub fn data(&mut self) -> &mut [u8] {
        // SAFETY: `len` is within the slot's buffer (asserted in `hold`), whose memory is
        // initialised and stays; nobody else touches it as long as this value is there.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }
}

impl Slots {
    /// The slot that [`Slots::take`] will give.
    pub fn next_free(&self) -> Option<SlotIndex> {
        self.free.last().copied()
    }

    /// Takes the data of a slot that the host holds out of it, `len` bytes, until
    /// [`Slots::put_back`]. A spare slot takes its place, as long as there are any.
    pub fn hold(&mut self, index: SlotIndex, len: usize) -> Held {
        let slot = &mut self.slots[index as usize];
        assert!(slot.owner == Owner::Host && len <= self.buffer_len);
        slot.owner = Owner::Held;
        match self.spare.pop() {
            Some(spare) => self.free.push(spare),
            None => self.owed += 1,
        }
        Held { index, base: self.buffer(index), len }
    }

    /// Takes the data of a spare slot, `len` bytes, to fill it before a request has its turn.
    pub fn hold_spare(&mut self, len: usize) -> Option<Held> {
        assert!(len <= self.buffer_len);
        let index = self.spare.pop()?;
        self.slots[index as usize].owner = Owner::Held;
        Some(Held { index, base: self.buffer(index), len })
    }

    /// The data's turn has come: its slot is the one that [`Slots::take`] will give. One is free.
    pub fn bring(&mut self, held: Held) {
        let index = held.index;
        self.put_back(held);
        if self.spare.last() == Some(&index) {
            let Some(other) = self.free.pop() else { unreachable!("one is free") };
            self.spare.pop();
            self.spare.push(other);
            self.free.push(index);
        }
    }

    /// The data is no longer needed: the slot is free, or spare again.
    pub fn put_back(&mut self, held: Held) {
        let slot = &mut self.slots[held.index as usize];
        assert!(slot.owner == Owner::Held && self.buffer(held.index) == held.base);
        self.slots[held.index as usize].owner = Owner::Free;
        match self.owed.checked_sub(1) {
            Some(owed) => {
                self.owed = owed;
                self.free.push(held.index);
            }
            None => self.spare.push(held.index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::SlabShape;
    use super::*;
    use crate::sys::memory::MemoryWish;

    fn slots(depth: u32, spare: u32) -> Slots {
        let shape = SlabShape {
            depth,
            spare,
            max_bs: 4096,
            align: 4096,
            engine_memory: false,
            memory: MemoryWish::default(),
            populate: false,
        };
        Slots::apart(shape, 0).unwrap()
    }

    fn take(slots: &mut Slots) -> Option<SlotIndex> {
        let index = slots.free.pop()?;
        slots.slots[index as usize].owner = Owner::Host;
        Some(index)
    }

    /// However slots are taken, held and put back: never more requests than the depth, and every
    /// slot is in one place.
    #[test]
    fn the_depth_is_kept_and_no_slot_is_lost() {
        let (depth, spare) = (4, 3);
        let mut slots = slots(depth, spare);
        let (mut taken, mut held): (Vec<SlotIndex>, Vec<Held>) = Default::default();
        let mut rng = crate::workload::Rng::new(1);
        for _ in 0..10_000 {
            match rng.below(6) {
                0 | 1 => taken.extend(take(&mut slots)),
                2 if !taken.is_empty() => {
                    let at = rng.below(taken.len() as u64) as usize;
                    held.push(slots.hold(taken.swap_remove(at), 4096));
                }
                3 if !held.is_empty() => {
                    let at = rng.below(held.len() as u64) as usize;
                    slots.put_back(held.swap_remove(at));
                }
                4 => held.extend(slots.hold_spare(4096)),
                5 if !held.is_empty() && slots.has_free() => {
                    let at = rng.below(held.len() as u64) as usize;
                    let (one, free) = (held.swap_remove(at), slots.free.len());
                    let index = one.index();
                    slots.bring(one);
                    assert_eq!(slots.next_free(), Some(index));
                    assert!(slots.free.len() >= free);
                }
                _ => taken.pop().into_iter().for_each(|index| slots.release(index)),
            }
            let all = taken.len() + held.len() + slots.free.len() + slots.spare.len();
            assert_eq!(all as u32, depth + spare);
            assert!(taken.len() as u32 <= depth);
            // What spare slots can make good, they do.
            let missing = slots.owed;
            assert!(missing == 0 || slots.spare.is_empty());
            assert_eq!((taken.len() + slots.free.len()) as u32, depth - missing);
        }
        taken.into_iter().for_each(|index| slots.release(index));
        held.into_iter().for_each(|one| slots.put_back(one));
        assert_eq!(slots.free.len() as u32, depth);
        slots.dispose();
    }

    #[test]
    #[should_panic(expected = "owner")]
    fn the_slab_does_not_touch_what_is_held() {
        let mut slots = slots(1, 0);
        let index = take(&mut slots).unwrap();
        let _held = slots.hold(index, 10);
        slots.buffer_mut(index, 10);
    }

    #[test]
    fn data_can_be_filled_elsewhere() {
        let mut slots = slots(1, 0);
        let index = take(&mut slots).unwrap();
        let mut held = slots.hold(index, 10);
        let held = std::thread::spawn(move || {
            held.data().fill(7);
            held
        });
        slots.put_back(held.join().unwrap());
        let index = take(&mut slots).unwrap();
        assert_eq!(slots.buffer_mut(index, 11), [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0]);
        slots.dispose();
    }
}
