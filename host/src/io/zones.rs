//! Red zones: bytes behind what an engine is lent, which nobody has any business with.
//!
//! Laid by [`super::slots`] before the start and looked at once, when a worker has ended: requests
//! cost nothing by them. Must not be used for memory that is lent out whole.

use super::slots::{Buffers, SlotIndex, Slots, UNIT_STRIDE};
use iodyno_engine_api::abi::ioe_io;
use std::ptr::NonNull;

/// What stands in a zone: neither zero, nor text, nor a small number.
const PAINT: u8 = 0xdb;

/// Bytes of a zone that are looked at: what runs over begins right behind its buffer.
pub(super) const ZONE_BYTES_MAX: usize = 256;

/// What lies in front of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lent {
    /// A buffer.
    Buffer,
    /// A unit, `struct ioe_io`.
    Unit,
    /// A unit's private memory, `engine_data`.
    Private,
}

/// A zone in which something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Behind what.
    pub lent: Lent,
    /// Of which slot.
    pub slot: u32,
    /// Bytes that the slot's may use.
    pub len: u64,
    /// The first byte that was written, counted from the begin of what was lent.
    pub at: u64,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Damage { lent, slot, len, at } = self;
        let what = match lent {
            Lent::Buffer => "buffer",
            Lent::Unit => "unit (struct ioe_io)",
            Lent::Private => "private memory (engine_data)",
        };
        write!(f, "wrote beyond {what} {slot}, which has {len} bytes: byte {at} is not as it was")
    }
}

/// A zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone {
    /// Behind what.
    pub(super) lent: Lent,
    /// Of which slot.
    pub(super) slot: u32,
    /// Where that begins.
    pub(super) begin: NonNull<u8>,
    /// Its length, after which the zone begins.
    pub(super) len: usize,
    /// Length of the zone.
    pub(super) zone_len: usize,
    /// It was painted; otherwise it is still zero, and its pages were never touched.
    pub(super) painted: bool,
}

impl Zone {
    /// Lays the paint.
    ///
    /// # Safety
    /// `len + zone_len` bytes from `begin` must be writable memory of which nobody else uses those
    /// from `len` on.
    pub(super) unsafe fn paint(&self) {
        if self.painted {
            // SAFETY: by contract.
            unsafe { self.begin.as_ptr().add(self.len).write_bytes(PAINT, self.zone_len) }
        }
    }

    /// What was written there.
    ///
    /// # Safety
    /// As for [`Zone::paint`], but that an engine may write there at this moment.
    pub(super) unsafe fn damage(&self) -> Option<Damage> {
        let wanted = if self.painted { PAINT } else { 0 };
        let offset = (0..self.zone_len).find(|&offset| {
            // SAFETY: inside the zone; volatile, for it is not said who else writes.
            let found = unsafe { self.begin.as_ptr().add(self.len + offset).read_volatile() };
            found != wanted
        })?;
        let (len, at) = (self.len as u64, (self.len + offset) as u64);
        Some(Damage { lent: self.lent, slot: self.slot, len, at })
    }
}

impl Slots {
    /// Lays the paint, before anybody else knows of the memory.
    pub(super) fn paint_zones(&self) {
        self.zones().for_each(|zone| {
            // SAFETY: memory of this slab's (see `zones`), of which nobody else knows yet.
            unsafe { zone.paint() }
        });
    }

    /// What was written beyond the memory that the engine was lent.
    #[cold]
    pub fn damage(&self) -> Option<Damage> {
        // SAFETY: memory of this slab's, which stays until `dispose` takes the slab.
        self.zones().find_map(|zone| unsafe { zone.damage() })
    }

    /// The red zones: between units, behind private areas, and behind buffers where their distance
    /// leaves room, else behind the last one of memory of our own. Zones in an engine's own memory
    /// count where they were painted.
    fn zones(&self) -> impl Iterator<Item = Zone> + '_ {
        let of_slot = |slot: SlotIndex| {
            let unit = self.unit(slot).as_ptr().cast::<u8>();
            let unit = NonNull::new(unit).map(|begin| Zone {
                lent: Lent::Unit,
                slot,
                begin,
                len: size_of::<ioe_io>(),
                zone_len: UNIT_STRIDE - size_of::<ioe_io>(),
                painted: true,
            });
            let private = NonNull::new(self.private(slot)).map(|begin| Zone {
                lent: Lent::Private,
                slot,
                begin,
                len: self.private_len,
                zone_len: self.private_stride - self.private_len,
                painted: true,
            });
            let is_own = matches!(&*self.buffers, Buffers::Own(_));
            let is_last = slot + 1 == self.depth();
            let tail = if is_own && is_last { self.tail } else { 0 };
            let room = self.buffer_stride - self.buffer_len + tail;
            let buffer = (is_own || self.painted).then(|| Zone {
                lent: Lent::Buffer,
                slot,
                begin: self.buffer(slot),
                len: self.buffer_len,
                zone_len: room.min(ZONE_BYTES_MAX),
                painted: self.painted,
            });
            [buffer, unit, private].into_iter().flatten()
        };
        (0..self.depth()).flat_map(of_slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_written_byte_is_told() {
        for painted in [true, false] {
            let mut memory = [0u8; 96];
            let begin = NonNull::new(memory.as_mut_ptr()).unwrap();
            let lent = Lent::Unit;
            let zone = Zone { lent, slot: 3, begin, len: 64, zone_len: 32, painted };
            // SAFETY: 96 bytes, all our own.
            unsafe {
                zone.paint();
                begin.as_ptr().add(63).write(7);
                assert_eq!(zone.damage(), None);
                begin.as_ptr().add(95).write(7);
                begin.as_ptr().add(66).write(7);
                let damage = zone.damage().unwrap();
                assert_eq!((damage.at, damage.slot, damage.len), (66, 3, 64));
            }
        }
    }
}
