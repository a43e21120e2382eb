//! The request slots of a rig: units, private areas and buffers, each with a red zone around it
//! that nobody may touch.
//!
//! Made by `rig`, which says when the engine owns what. Memory is left where it is on drop: an
//! engine that broke its contract may still write to it, and the child ends soon.

use crate::plugin::handle::{Instance, UnitPtr};
use crate::sys::region::Region;
use iodyno_engine_api::abi::ioe_io;
use std::ffi::c_void;
use std::mem::{size_of, ManuallyDrop};
use std::ptr::NonNull;

use super::check::Finding;

/// What a red zone is made of.
const RED: u8 = 0xc5;
const RED_PIECE: [u8; 256] = [RED; 256];
/// From one unit to the next: the unit itself and its red zone.
const UNIT_STRIDE: usize = 256;
const _: () = assert!(size_of::<ioe_io>() < UNIT_STRIDE);
/// Behind each buffer, at least.
const RED_BYTES: usize = 4096;
/// Behind each private area.
const PRIVATE_RED_BYTES: usize = 64;

/// What a red zone is around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// The request's own struct.
    Unit,
    /// The engine's private area.
    Private,
    /// The buffer.
    Buffer,
}

/// The slots.
pub(super) struct Units {
    count: usize,
    buffer_bytes: usize,
    buffer_stride: usize,
    buffer_lead: usize,
    private_bytes: usize,
    private_stride: usize,
    units: ManuallyDrop<Region>,
    private: ManuallyDrop<Region>,
    buffers: Buffers,
    registered: bool,
}

enum Buffers {
    Own(ManuallyDrop<Region>),
    Engine { base: NonNull<u8>, len: usize },
}

impl Units {
    /// Room for `count` units with `buffer_bytes` each, in the engine's memory where it offers any.
    pub(super) fn new(
        count: usize,
        buffer_bytes: usize,
        align: usize,
        engine: &mut Instance<'_>,
    ) -> Result<Units, Finding> {
        let no_memory = |error: rustix::io::Errno| {
            Finding::skip(format!("no memory for {count} units of {buffer_bytes} bytes: {error}"))
        };
        let buffer_lead = RED_BYTES.max(align);
        let buffer_stride = buffer_bytes.next_multiple_of(align.max(1)) + buffer_lead;
        let private_bytes = engine.io_private_size();
        let private_stride = private_bytes.next_multiple_of(64) + PRIVATE_RED_BYTES;
        let len = buffer_lead + buffer_stride * count;
        let buffers = match engine.iomem_alloc(len, align.max(64)) {
            Some(base) if !(base.as_ptr() as usize).is_multiple_of(align.max(64)) => {
                return Err(Finding::fail(format!(
                    "alloc of iodyno.iomem/1 answered {base:p}, which is not aligned to {align}"
                )));
            }
            Some(base) => Buffers::Engine { base, len },
            None => {
                let region = Region::new(len, align.max(4096)).map_err(no_memory)?;
                Buffers::Own(ManuallyDrop::new(region))
            }
        };
        let region = |len| Region::new(len, 4096).map(ManuallyDrop::new).map_err(no_memory);
        let mut units = Units {
            count,
            buffer_bytes,
            buffer_stride,
            buffer_lead,
            private_bytes,
            private_stride,
            units: region(UNIT_STRIDE * (count + 1))?,
            private: region(PRIVATE_RED_BYTES + private_stride * count)?,
            buffers,
            registered: false,
        };
        units.paint();
        units.registered = engine
            .iomem_add(units.buffers_base(), len)
            .map_err(|refusal| Finding::fail(format!("iodyno.iomem/1 add: {refusal}")))?;
        (0..count).for_each(|index| units.initialise(index));
        Ok(units)
    }

    /// Gives engine memory back: after the last `io_free`.
    pub(super) fn give_back(&self, engine: &mut Instance<'_>) {
        if let Buffers::Engine { base, len } = self.buffers {
            engine.iomem_free(base, len);
        }
    }

    /// Gives the memory back: after `cleanup`, when nobody looks at it any more.
    pub(super) fn dispose(mut self) {
        // SAFETY: each region is dropped once, since this takes the units; the caller has seen
        // `cleanup` return, after which the contract lets no engine touch a unit.
        unsafe {
            ManuallyDrop::drop(&mut self.units);
            ManuallyDrop::drop(&mut self.private);
            if let Buffers::Own(region) = &mut self.buffers {
                ManuallyDrop::drop(region);
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes of each buffer.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    fn buffers_base(&self) -> NonNull<u8> {
        match &self.buffers {
            Buffers::Own(region) => region.base(),
            Buffers::Engine { base, .. } => *base,
        }
    }

    fn at(base: NonNull<u8>, offset: usize) -> *mut u8 {
        base.as_ptr().wrapping_add(offset)
    }

    fn buffer_base(&self, index: usize) -> *mut u8 {
        assert!(index < self.count);
        Self::at(self.buffers_base(), self.buffer_lead + index * self.buffer_stride)
    }

    fn unit_base(&self, index: usize) -> *mut u8 {
        assert!(index < self.count);
        Self::at(self.units.base(), (index + 1) * UNIT_STRIDE)
    }

    /// The same as what it is: the region and the stride are aligned for it.
    fn io(&self, index: usize) -> *mut ioe_io {
        self.unit_base(index).cast::<c_void>().cast()
    }

    fn private_base(&self, index: usize) -> *mut u8 {
        assert!(index < self.count);
        Self::at(self.private.base(), PRIVATE_RED_BYTES + index * self.private_stride)
    }

    /// The red zones around a slot: what they are around, where they begin, their lengths. The one
    /// in front of a slot is the one behind the slot before it.
    fn zones(&self, index: usize) -> [(Zone, &'static str, *mut u8, usize); 6] {
        let (unit, private) = (self.unit_base(index), self.private_base(index));
        let buffer = self.buffer_base(index);
        let unit_red = UNIT_STRIDE - size_of::<ioe_io>();
        let unit_end = unit.wrapping_add(size_of::<ioe_io>());
        let private_end = private.wrapping_add(self.private_bytes);
        let buffer_end = buffer.wrapping_add(self.buffer_bytes);
        let private_red = self.private_stride - self.private_bytes;
        let buffer_red = self.buffer_stride - self.buffer_bytes;
        let before = |base: *mut u8, bytes: usize| (base.wrapping_sub(bytes), bytes);
        let unit_lead = before(unit, unit_red);
        let private_lead = before(private, PRIVATE_RED_BYTES.min(private_red));
        let buffer_lead = before(buffer, self.buffer_lead.min(buffer_red));
        [
            (Zone::Unit, "behind the request's own struct", unit_end, unit_red),
            (Zone::Unit, "before the request's own struct", unit_lead.0, unit_lead.1),
            (Zone::Private, "behind its private area", private_end, private_red),
            (Zone::Private, "before its private area", private_lead.0, private_lead.1),
            (Zone::Buffer, "behind its buffer", buffer_end, buffer_red),
            (Zone::Buffer, "before its buffer", buffer_lead.0, buffer_lead.1),
        ]
    }

    fn paint(&mut self) {
        for index in 0..self.count {
            for (_, _, base, bytes) in self.zones(index) {
                // SAFETY: in front of each first slot lies a lead and behind each slot the rest of
                // its stride, in regions made that long by `new`; nobody else knows of them yet.
                unsafe { base.write_bytes(RED, bytes) }
            }
        }
    }

    fn initialise(&mut self, index: usize) {
        let engine_data = match self.private_bytes {
            0 => std::ptr::null_mut(),
            _ => self.private_base(index).cast(),
        };
        let unit = ioe_io {
            struct_size: size_of::<ioe_io>() as u32,
            op: 0,
            flags: 0,
            offset: 0,
            len: 0,
            buf: self.buffer_base(index).cast(),
            file: std::ptr::null_mut(),
            buf_index: if self.registered { 0 } else { u32::MAX },
            ioprio: 0,
            resid: 0,
            issue_ns: 0,
            error: 0,
            vendor_status: 0,
            host_cookie: 0x1d_1d_00_00 + index as u64,
            engine_data,
        };
        self.set(index, unit);
    }

    /// The unit as the engine sees it.
    pub(super) fn ptr(&self, index: usize) -> UnitPtr {
        // SAFETY: inside the region (asserted), initialised by `new`, and the memory is never given
        // back.
        unsafe { UnitPtr::new(NonNull::new_unchecked(self.io(index))) }
    }

    /// Which unit that pointer is.
    pub(super) fn find(&self, unit: *mut ioe_io) -> Option<usize> {
        let distance = (unit as usize).checked_sub(self.unit_base(0) as usize)?;
        let index = distance / UNIT_STRIDE;
        (distance.is_multiple_of(UNIT_STRIDE) && index < self.count).then_some(index)
    }

    /// What stands in the unit now, which the host must own.
    pub(super) fn get(&self, index: usize) -> ioe_io {
        // SAFETY: as in `ptr`; volatile, because an engine that broke its contract may write.
        unsafe { self.io(index).read_volatile() }
    }

    /// Sets it.
    pub(super) fn set(&mut self, index: usize, unit: ioe_io) {
        // SAFETY: as in `ptr`; the place is aligned, since the region is and the stride is 256.
        unsafe { self.io(index).write(unit) }
    }

    /// The buffer of a unit that the host owns.
    pub(super) fn buffer(&mut self, index: usize) -> &mut [u8] {
        // SAFETY: inside the buffers' memory, which holds bytes whatever they are; the rig asks
        // only while the engine does not own the unit.
        unsafe { std::slice::from_raw_parts_mut(self.buffer_base(index), self.buffer_bytes) }
    }

    /// What was damaged around this unit, in words.
    pub(super) fn damage(&self, index: usize) -> Option<(Zone, String)> {
        self.zones(index).into_iter().find_map(|(zone, what, base, bytes)| {
            // SAFETY: as in `paint`; volatile reads are not needed, since nothing is assumed about
            // the bytes.
            let red = unsafe { std::slice::from_raw_parts(base, bytes) };
            // All at once first: there are many of them, and damage is rare.
            let whole = red.chunks(RED_PIECE.len()).all(|piece| piece == &RED_PIECE[..piece.len()]);
            let at = if whole { None } else { red.iter().position(|byte| *byte != RED) }?;
            let at = if what.starts_with("before") { bytes - at } else { at + 1 };
            Some((zone, format!("byte {at} {what} was written to")))
        })
    }
}
