//! What an instance offers beyond its ops table: `iodyno.identify/1` and `iodyno.iomem/1`.
//!
//! A second part of [`Instance`], called by `run` and `io::slots` while a worker is set up or ends,
//! never in the data plane. A table is asked for anew each time: an engine may answer by instance.
//! Reads nothing of a table beyond the size that it states.

use super::callback::{Callback, Refusal};
use super::handle::Instance;
use super::lent::FileTable;
use iodyno_engine_api::abi::*;
use std::ffi::{c_char, c_void, CStr, CString};
use std::ptr::NonNull;

impl Instance<'_> {
    /// A table of an engine-side extension; null = the engine does not know the id.
    fn extension(&mut self, id: &str) -> *const c_void {
        let (Some(get), Ok(id)) = (self.ops.get_extension, CString::new(id)) else {
            return std::ptr::null();
        };
        // SAFETY: checked pointer, own instance, `id` lives across the call.
        self.call(Callback::Extension, |inst| unsafe { get(inst, id.as_ptr()) })
    }

    /// What the engine says of a file through `iodyno.identify/1`: model, serial, firmware ...
    pub fn identify(&mut self, files: &mut FileTable, index: u32) -> Vec<(String, String)> {
        let table = self.extension("iodyno.identify/1").cast::<ioe_identify_1>();
        // SAFETY: non-null here means the engine's const table of exactly this id and revision;
        // nothing beyond the size that it states is read.
        let get = match unsafe { table.as_ref() } {
            Some(table) if table.struct_size as usize >= size_of::<ioe_identify_1>() => table.get,
            _ => None,
        };
        let Some(get) = get else { return Vec::new() };
        let mut facts: Vec<(String, String)> = Vec::new();
        let (file, sink) = (files.as_ptr(index), (&raw mut facts).cast::<c_void>());
        // SAFETY: as in `open_file`; the sink is used during this call alone.
        let status =
            self.call(Callback::Extension, |inst| unsafe { get(inst, file, sink, Some(put_fact)) });
        if status < 0 {
            facts.clear();
        }
        facts
    }

    /// Memory for the buffers from `iodyno.iomem/1`; none: the host allocates.
    pub fn iomem_alloc(&mut self, len: usize, align: usize) -> Option<NonNull<u8>> {
        let alloc = self.iomem()?.alloc?;
        // SAFETY: a function of the engine's own extension table, own instance.
        let base = self.call(Callback::Extension, |inst| unsafe { alloc(inst, len, align, -1) });
        NonNull::new(base.cast::<u8>())
    }

    /// Gives it back.
    pub fn iomem_free(&mut self, base: NonNull<u8>, len: usize) {
        if let Some(free) = self.iomem().and_then(|table| table.free) {
            // SAFETY: `base` and `len` are those of `iomem_alloc`; nothing is in flight.
            self.call(Callback::Extension, |inst| unsafe { free(inst, base.as_ptr().cast(), len) });
        }
    }

    /// Registers the buffers' region under index 0. False: the engine does not want it.
    pub fn iomem_add(&mut self, base: NonNull<u8>, len: usize) -> Result<bool, Refusal> {
        let Some(add) = self.iomem().and_then(|table| table.add) else { return Ok(false) };
        // SAFETY: the region belongs to the worker's slab, which outlives the instance.
        let status = self.call(Callback::Extension, |inst| unsafe {
            add(inst, base.as_ptr().cast(), len as u64, 0)
        });
        self.check(Callback::Extension, status).map(|_| true)
    }

    fn iomem(&mut self) -> Option<&'static ioe_iomem_1> {
        let table = self.extension("iodyno.iomem/1").cast::<ioe_iomem_1>();
        // SAFETY: non-null means the engine's const table of exactly this id and revision, in a
        // plugin that is never unloaded; its size is looked at before anything else.
        let table = unsafe { table.as_ref() }?;
        (table.struct_size as usize >= size_of::<ioe_iomem_1>()).then_some(table)
    }
}

/// `put` of `iodyno.identify/1`.
unsafe extern "C" fn put_fact(sink: *mut c_void, key: *const c_char, value: *const c_char) {
    const FACTS_MAX: usize = 64;
    if sink.is_null() || key.is_null() || value.is_null() {
        return;
    }
    // SAFETY: the sink is the vector that `identify` lent for the length of its call.
    let facts = unsafe { &mut *sink.cast::<Vec<(String, String)>>() };
    if facts.len() < FACTS_MAX {
        // SAFETY: not null (checked); the engine owes terminated strings.
        let text = |s: *const c_char| unsafe { CStr::from_ptr(s) }.to_string_lossy().into_owned();
        facts.push((text(key), text(value)));
    }
}
