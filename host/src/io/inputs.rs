//! Whether the input fields of a unit are as the host gave them. A part of [`Slots`].
//!
//! An engine that changes them harms no figure, for the host counts by its own notes; but what it
//! changed may have gone to the wrong place, or is about to. What each request sets anew (op,
//! flags, offset, len, buf, file) is compared each time a unit comes back: one difference or'ed
//! from both sides' words, which stand in cache lines that the reaping loop needs anyway, and one
//! branch. What never changes (struct_size, buf_index, ioprio, host_cookie, engine_data) is written
//! once and compared once, when the worker has ended: a change cannot have gone away by then.

use super::slots::{SlotIndex, Slots};
use super::trouble::Breach;
use crate::plugin::lent::FileTable;

/// A field's name, what stands there, what is to stand there.
type Field = (&'static str, u64, u64);

impl Slots {
    /// Whether what a request sets is as it was set, in a unit that the host holds again.
    #[inline(always)]
    pub fn is_unaltered(&self, index: SlotIndex, files: &FileTable) -> bool {
        self.request_fields(index, files).iter().fold(0, |all, (_, is, was)| all | (is ^ was)) == 0
    }

    /// The field of a request that is not as it was set.
    #[cold]
    pub fn altered(&self, index: SlotIndex, files: &FileTable) -> Option<Breach> {
        difference(index, &self.request_fields(index, files))
    }

    /// The first unit with a field that is never to change and has changed.
    #[cold]
    pub fn altered_for_good(&self) -> Option<Breach> {
        (0..self.depth()).find_map(|index| difference(index, &self.lasting_fields(index)))
    }

    #[inline(always)]
    fn request_fields(&self, index: SlotIndex, files: &FileTable) -> [Field; 6] {
        let (unit, slot) = (self.inputs(index), self.slot(index));
        [
            ("offset", unit.offset, slot.offset),
            ("len", unit.len, slot.len),
            ("buf", unit.buf as u64, self.data(index) as u64),
            ("file", unit.file as u64, files.as_ptr(slot.file) as u64),
            ("op", u64::from(unit.op), u64::from(slot.op)),
            ("flags", unit.flags, u64::from(slot.flags)),
        ]
    }

    fn lasting_fields(&self, index: SlotIndex) -> [Field; 5] {
        let (unit, fresh) = (self.inputs(index), self.fresh_unit(index));
        [
            ("struct_size", u64::from(unit.struct_size), u64::from(fresh.struct_size)),
            ("buf_index", u64::from(unit.buf_index), u64::from(fresh.buf_index)),
            ("ioprio", u64::from(unit.ioprio), u64::from(fresh.ioprio)),
            ("host_cookie", unit.host_cookie, fresh.host_cookie),
            ("engine_data", unit.engine_data as u64, fresh.engine_data as u64),
        ]
    }
}

fn difference(unit: SlotIndex, fields: &[Field]) -> Option<Breach> {
    let &(field, found, wanted) = fields.iter().find(|(_, is, was)| is != was)?;
    Some(Breach::Altered { field, unit, wanted, found })
}

/// A value as its field is read: addresses are hexadecimal.
pub(super) fn shown(field: &str, value: u64) -> String {
    match field {
        "buf" | "file" | "engine_data" | "flags" | "buf_index" => format!("{value:#x}"),
        _ => value.to_string(),
    }
}
