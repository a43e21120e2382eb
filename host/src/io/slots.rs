//! The slab: request slots, their buffers, and who owns each of them.
//!
//! Everything is allocated before the start and never moves. What the engine sees of a slot is an
//! `ioe_io`; what the host knows of it stands apart in [`Slot`], so that an engine that scribbles
//! over its unit damages no figure. A slot is free, held by the host, or in flight, never two of
//! these; a pointer that comes back from an engine is believed only if it is one of ours and in
//! flight.

pub use super::slab::{SlabError, SlabShape, Stray};
pub(super) use super::slot::Owner;
pub use super::slot::{Outcome, Slot, SlotIndex};
use crate::ddir::Ddir;
use crate::plugin::handle::{Instance, Refusal, UnitPtr};
use crate::plugin::lent::FileTable;
use crate::sys::clock::Ticks;
use crate::sys::memory::{Memory, MemoryError, MemoryWish};
use crate::sys::region::Region;
use iodyno_engine_api::abi::*;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Distance between units: two cache lines, so that neighbours never share one.
pub(super) const UNIT_STRIDE: usize = 128;
const _: () = assert!(size_of::<ioe_io>() <= UNIT_STRIDE);

/// A zone behind each private area at least, which come in whole cache lines.
const PRIVATE_ZONE_MIN: usize = 16;

/// Memory of the buffers.
#[derive(Debug)]
pub(super) enum Buffers {
    Own(Memory),
    Engine { base: NonNull<u8>, len: usize },
}

/// The slab of one worker. Its memory is left where it is unless [`Slots::dispose`] is called: an
/// engine may look at it until `cleanup` has returned, and one that broke its contract for ever.
#[derive(Debug)]
pub struct Slots {
    units: ManuallyDrop<Region>,
    private: ManuallyDrop<Option<Region>>,
    pub(super) buffers: ManuallyDrop<Buffers>,
    /// The first buffer.
    buffers_base: NonNull<u8>,
    pub(super) buffer_stride: usize,
    /// Bytes of a buffer that the engine is lent.
    pub(super) buffer_len: usize,
    /// Bytes behind the last one's room.
    pub(super) tail: usize,
    /// The zones behind the buffers were painted.
    pub(super) painted: bool,
    pub(super) private_stride: usize,
    pub(super) private_len: usize,
    /// The buffers are registered with the engine.
    pub(super) registered: bool,
    pub(super) slots: Box<[Slot]>,
    pub(super) free: Vec<SlotIndex>,
    /// Those that take the place of held ones.
    pub(super) spare: Vec<SlotIndex>,
    /// Held ones whose place nobody has taken.
    pub(super) owed: u32,
}

impl Slots {
    /// Allocates everything, lets the engine bring or register the buffers and see each unit. Where
    /// the engine refuses, it has seen each announced unit off again.
    pub fn new(shape: SlabShape, engine: &mut Instance<'_>) -> Result<Slots, SlabError> {
        let depth = shape.slots() as usize;
        let buffer_stride = shape.buffer_stride()?;
        let buffers_len = buffer_stride.checked_mul(depth).ok_or(SlabError::TooLarge)?;
        let mut slots = Slots::allocate(&shape, buffer_stride, engine.io_private_size())?;
        slots.take_engine_buffers(&shape, buffers_len, engine)?;
        slots.settle(&shape)?;
        match slots.introduce(engine) {
            Ok(()) => Ok(slots),
            Err(refusal) => {
                slots.give_engine_buffers_back(engine);
                Err(SlabError::Refused(refusal.to_string()))
            }
        }
    }

    /// The same for units that are served by other instances, one each ([`super::crew`]): the
    /// slab's owner announces none of them, and the buffers are the host's own.
    pub fn apart(shape: SlabShape, io_private_size: usize) -> Result<Slots, SlabError> {
        if shape.engine_memory {
            return Err(SlabError::NotShared);
        }
        let buffer_stride = shape.buffer_stride()?;
        let mut slots = Slots::allocate(&shape, buffer_stride, io_private_size)?;
        slots.settle(&shape)?;
        (0..slots.depth()).for_each(|index| slots.initialise_unit(index));
        Ok(slots)
    }

    /// Brings the buffers' pages in and lays the red zones.
    fn settle(&mut self, shape: &SlabShape) -> Result<(), SlabError> {
        if let (Buffers::Own(memory), true) = (&*self.buffers, shape.populate) {
            memory.populate()?;
        }
        self.painted = shape.populate;
        self.paint_zones();
        Ok(())
    }

    fn allocate(
        shape: &SlabShape,
        buffer_stride: usize,
        io_private_size: usize,
    ) -> Result<Slots, SlabError> {
        let depth = shape.slots() as usize;
        let bare = buffer_stride.checked_mul(depth).ok_or(SlabError::TooLarge)?;
        let buffers_len = bare.checked_add(shape.tail_zone()).ok_or(SlabError::TooLarge)?;
        // Untouched pages cost nothing, also where the engine brings its own.
        let buffers = Memory::new(buffers_len, shape.align, &shape.memory)?;
        let units = Region::new(depth * UNIT_STRIDE, UNIT_STRIDE).map_err(MemoryError::None)?;
        let private_stride = (io_private_size + PRIVATE_ZONE_MIN).next_multiple_of(64);
        let private = match io_private_size {
            0 => None,
            _ => Some(Region::new(private_stride * depth, 64).map_err(MemoryError::None)?),
        };
        let empty = Slot {
            owner: Owner::Free,
            ddir: Ddir::Read,
            measured: false,
            queued: false,
            short: false,
            op: IOE_OP_READ as u8,
            flags: 0,
            file: 0,
            offset: 0,
            len: 0,
            done: 0,
            start: Ticks(0),
            issue: Ticks(0),
            qlat_ns: 0,
        };
        Ok(Slots {
            buffers_base: buffers.base(),
            units: ManuallyDrop::new(units),
            private: ManuallyDrop::new(private),
            buffers: ManuallyDrop::new(Buffers::Own(buffers)),
            buffer_stride,
            buffer_len: shape.max_bs as usize,
            tail: shape.tail_zone(),
            painted: false,
            private_stride,
            private_len: io_private_size,
            registered: false,
            slots: vec![empty; depth].into_boxed_slice(),
            free: filled(shape.slots(), (0..shape.depth).rev()),
            spare: filled(shape.slots(), shape.depth..shape.slots()),
            owed: 0,
        })
    }

    /// Buffers from `iodyno.iomem/1`, where the engine has any.
    fn take_engine_buffers(
        &mut self,
        shape: &SlabShape,
        len: usize,
        engine: &mut Instance<'_>,
    ) -> Result<(), SlabError> {
        if shape.memory != MemoryWish::default() {
            // Whoever says where the buffers come from is not asked to take the engine's.
            return if shape.engine_memory { Err(SlabError::OnlyEngineMemory) } else { Ok(()) };
        }
        match engine.iomem_alloc(len, shape.align) {
            None if shape.engine_memory => Err(SlabError::NoEngineMemory),
            None => Ok(()),
            Some(base) if !(base.as_ptr() as usize).is_multiple_of(shape.align) => {
                engine.iomem_free(base, len);
                Err(SlabError::Misaligned { address: base.as_ptr() as usize, align: shape.align })
            }
            Some(base) => {
                let own = std::mem::replace(&mut *self.buffers, Buffers::Engine { base, len });
                drop(own);
                self.buffers_base = base;
                Ok(())
            }
        }
    }

    /// Registers the buffers and announces each unit.
    fn introduce(&mut self, engine: &mut Instance<'_>) -> Result<(), Refusal> {
        let len = self.buffer_stride * self.slots.len();
        self.registered = engine.iomem_add(self.buffers_base, len)?;
        for index in 0..self.depth() {
            self.initialise_unit(index);
            if let Err(refusal) = engine.io_init(self.unit(index)) {
                (0..index).for_each(|known| engine.io_free(self.unit(known)));
                return Err(refusal);
            }
        }
        Ok(())
    }

    fn give_engine_buffers_back(&mut self, engine: &mut Instance<'_>) {
        if let Buffers::Engine { base, len } = &*self.buffers {
            engine.iomem_free(*base, *len);
        }
    }

    /// A unit's private memory; null where there is none.
    pub(super) fn private(&self, index: SlotIndex) -> *mut u8 {
        match &*self.private {
            // SAFETY: the private region holds `depth` strides, and `index` is below depth.
            Some(region) => unsafe {
                region.base().as_ptr().add(index as usize * self.private_stride)
            },
            None => std::ptr::null_mut(),
        }
    }

    fn initialise_unit(&self, index: SlotIndex) {
        // SAFETY: the unit's place lies inside the units' region, is aligned to 128, and nobody
        // else knows of it yet.
        unsafe { self.unit(index).as_ptr().write(self.fresh_unit(index)) }
    }

    /// The unit of a slot, as the engine sees it.
    #[inline(always)]
    pub fn unit(&self, index: SlotIndex) -> UnitPtr {
        debug_assert!((index as usize) < self.slots.len());
        // SAFETY: `index` comes from this slab (free list or `claim`), so it is below depth and the
        // address lies inside the region; units are initialised in `introduce` or `apart` before
        // anybody else asks, and the region stays until `dispose`, which comes after cleanup, or
        // for ever.
        unsafe {
            let base = self.units.base().add(index as usize * UNIT_STRIDE);
            UnitPtr::new(base.cast::<ioe_io>())
        }
    }

    pub(super) fn buffer(&self, index: SlotIndex) -> NonNull<u8> {
        // SAFETY: `depth` strides were allocated, and `index` is below depth.
        unsafe { self.buffers_base.add(index as usize * self.buffer_stride) }
    }

    /// The first `len` bytes of a slot's buffer, which the host must own at this moment.
    #[inline(always)]
    pub fn buffer_mut(&mut self, index: SlotIndex, len: usize) -> &mut [u8] {
        let owner = self.slots[index as usize].owner;
        assert!(!matches!(owner, Owner::Engine | Owner::Held), "its owner is another");
        assert!(len <= self.buffer_len);
        // SAFETY: the engine does not own the slot (asserted), so nobody else touches its buffer;
        // `len` is within its length (asserted), whose memory is initialised: zero pages, or the
        // engine's, of which u8 asks nothing.
        unsafe { std::slice::from_raw_parts_mut(self.buffer(index).as_ptr(), len) }
    }

    /// Fills every buffer once, before the start.
    pub fn fill_buffers(&mut self, mut fill: impl FnMut(&mut [u8], SlotIndex)) {
        for index in 0..self.depth() {
            let len = self.buffer_len;
            fill(self.buffer_mut(index, len), index);
        }
    }

    /// Number of slots.
    pub fn depth(&self) -> u32 {
        self.slots.len() as u32
    }

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
        self.free.push(index);
    }

    /// Its last request has come to its end, and it was not taken since.
    pub fn is_free(&self, index: SlotIndex) -> bool {
        self.slots[index as usize].owner == Owner::Free
    }

    /// What the host knows of it.
    #[inline(always)]
    pub fn slot(&self, index: SlotIndex) -> &Slot {
        &self.slots[index as usize]
    }

    /// What the host knows of it.
    #[inline(always)]
    pub fn slot_mut(&mut self, index: SlotIndex) -> &mut Slot {
        &mut self.slots[index as usize]
    }

    /// Writes a piece of the request into the unit, results zeroed: ready to be offered. Also
    /// before each repetition, for the engine may have changed what it was given.
    pub fn load_unit(&mut self, index: SlotIndex, files: &FileTable) {
        let slot = self.slots[index as usize];
        debug_assert_eq!(slot.owner, Owner::Host);
        self.fill_unit(index, &slot, files);
    }

    #[inline(always)]
    fn fill_unit(&mut self, index: SlotIndex, slot: &Slot, files: &FileTable) {
        let unit = self.unit(index).as_ptr();
        let file = files.as_ptr(slot.file);
        // SAFETY: the host owns the slot, so the engine does not touch the unit now; the buffer's
        // advance stays inside it because `done` is at most the request's length, which is at most
        // the buffer's (checked in `put`), or 0 for a sync (`take_back_uneven` leaves it there).
        unsafe {
            (*unit).op = u32::from(slot.op);
            (*unit).flags = u64::from(slot.flags);
            (*unit).offset = slot.offset;
            (*unit).len = slot.len;
            (*unit).buf = self.data_of(index, slot).cast();
            (*unit).file = file;
            (*unit).resid = 0;
            (*unit).issue_ns = 0;
            (*unit).error = 0;
            (*unit).vendor_status = 0;
        }
    }

    /// Where the next byte of a request goes to or comes from.
    #[inline(always)]
    pub(super) fn data(&self, index: SlotIndex) -> *mut u8 {
        self.data_of(index, &self.slots[index as usize])
    }

    #[inline(always)]
    pub(super) fn data_of(&self, index: SlotIndex, slot: &Slot) -> *mut u8 {
        // Checked where the request is put and where `done` grows; never followed here.
        self.buffer(index).as_ptr().wrapping_add(slot.done as usize)
    }

    /// What stands in a unit that the host holds.
    #[inline(always)]
    pub(super) fn inputs(&self, index: SlotIndex) -> &ioe_io {
        // SAFETY: an initialised unit, which the engine gave back (or never took) or which nobody
        // writes any more, because the worker has ended.
        unsafe { &*self.unit(index).as_ptr() }
    }

    /// Puts a request into a slot that the host holds, and into its unit.
    #[inline(always)]
    pub fn put(&mut self, index: SlotIndex, slot: Slot, files: &FileTable) {
        // What a sync or a trim covers has no data and may be longer than any buffer.
        let has_data = matches!(slot.ddir, Ddir::Read | Ddir::Write);
        assert!(slot.len as usize <= self.buffer_len || !has_data);
        self.slots[index as usize] = slot;
        self.fill_unit(index, &slot, files);
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

    /// The results in a unit that the host holds.
    #[inline(always)]
    pub fn outcome(&self, index: SlotIndex) -> Outcome {
        let unit = self.unit(index).as_ptr();
        // SAFETY: an initialised unit, which the engine gave back (or never took).
        unsafe {
            Outcome {
                resid: (*unit).resid,
                error: (*unit).error,
                vendor_status: (*unit).vendor_status,
                issue_ns: (*unit).issue_ns,
            }
        }
    }

    /// Whether a unit that the host holds came back as it was given, done in full. Each field is
    /// loaded as it was stored: what is loaded in other pieces waits for the store queue.
    #[inline(always)]
    pub fn is_done(&self, index: SlotIndex, slot: &Slot) -> bool {
        let unit = self.inputs(index);
        let data = self.data_of(index, slot) as u64;
        let altered =
            (unit.offset ^ slot.offset) | (unit.len ^ slot.len) | (unit.buf as u64 ^ data);
        altered | unit.resid | u64::from(unit.error as u32) == 0
    }

    /// The slot that is free next was put, and is taken now.
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
        self.free.push(index as SlotIndex);
        Some(slot)
    }

    /// The unit's number, if it is one of ours.
    #[inline(always)]
    fn number_of(&self, unit: *mut ioe_io) -> Option<usize> {
        let distance = (unit as usize).wrapping_sub(self.units.base().as_ptr() as usize);
        let index = distance / UNIT_STRIDE;
        (distance.is_multiple_of(UNIT_STRIDE) && index < self.slots.len()).then_some(index)
    }

    /// Whether any slot, in flight or held by the host, is a request to this file.
    pub fn uses(&self, file: u32) -> bool {
        self.slots.iter().any(|slot| slot.owner != Owner::Free && slot.file == file)
    }

    /// Shows the engine each unit for the last time and gives engine memory back. Nothing may be in
    /// flight; the host's memory stays until [`Slots::dispose`].
    pub fn free(&mut self, engine: &mut Instance<'_>) {
        for index in 0..self.depth() {
            engine.io_free(self.unit(index));
        }
        self.give_engine_buffers_back(engine);
    }

    /// Gives the host's memory back. To be called once the instance is cleaned up.
    pub fn dispose(self) {
        if self.slots.iter().any(|slot| slot.owner == Owner::Held) {
            // Whoever has it may look at it for ever.
            return;
        }
        let Slots { units, private, buffers, .. } = self;
        drop(ManuallyDrop::into_inner(units));
        drop(ManuallyDrop::into_inner(private));
        drop(ManuallyDrop::into_inner(buffers));
    }
}

fn filled(capacity: u32, with: impl Iterator<Item = SlotIndex>) -> Vec<SlotIndex> {
    let mut list = Vec::with_capacity(capacity as usize);
    list.extend(with);
    list
}
