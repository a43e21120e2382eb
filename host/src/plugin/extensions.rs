//! What an instance offers beyond its ops table: `iodyno.identify/1`, `iodyno.iomem/1` and
//! `iodyno.zbd/1`.
//!
//! A second part of [`Instance`], called by `run` and `io::slots` while a worker is set up or ends,
//! and by `conformance`; in the data plane by jobs with zones alone, between two requests. A table
//! is asked for anew each time: an engine may answer by instance. Reads nothing of a table beyond
//! the size that it states.

use super::callback::{Callback, Refusal};
use super::foreign;
use super::handle::Instance;
use super::lent::FileTable;
use super::load::LoadedEngine;
use crate::sys::zones::Zone;
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

    /// Whether the engine answers this id with anything.
    pub fn knows(&mut self, id: &CStr) -> bool {
        let Some(get) = self.ops.get_extension else { return false };
        // SAFETY: checked pointer, own instance, `id` lives across the call.
        let answer = self.call(Callback::Extension, |inst| unsafe { get(inst, id.as_ptr()) });
        !answer.is_null()
    }

    /// What the engine says of a file through `iodyno.identify/1`: model, serial, firmware ...
    pub fn identify(&mut self, files: &mut FileTable, index: u32) -> Vec<(String, String)> {
        let table = self.extension("iodyno.identify/1").cast::<ioe_identify_1>();
        // SAFETY: null, or the engine's const table of exactly this id and revision, in a plugin
        // that is never unloaded.
        let table = unsafe { foreign::copy(table, "iodyno.identify/1") };
        let Some(get) = table.ok().and_then(|table| table.get) else {
            return Vec::new();
        };
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
            // SAFETY: `base` and `len` are those of `iomem_alloc`; `Slots::free` comes here
            // once, and only with nothing in flight.
            self.call(Callback::Extension, |inst| unsafe { free(inst, base.as_ptr().cast(), len) });
        }
    }

    /// Registers the buffers' region under index 0. False: the engine does not want it.
    pub fn iomem_add(&mut self, base: NonNull<u8>, len: usize) -> Result<bool, Refusal> {
        let Some(add) = self.iomem().and_then(|table| table.add) else { return Ok(false) };
        // SAFETY: the region belongs to the worker's slab, which is disposed of after cleanup
        // (`run::worker`), or never.
        let status = self.call(Callback::Extension, |inst| unsafe {
            add(inst, base.as_ptr().cast(), len as u64, 0)
        });
        self.check(Callback::Extension, status).map(|_| true)
    }

    /// Zones that may be open, and active, at once, through `iodyno.zbd/1`. None: the engine leaves
    /// the target's zones to the host.
    pub fn zone_limits(
        &mut self,
        files: &mut FileTable,
        index: u32,
    ) -> Result<Option<(u32, u32)>, Refusal> {
        let Some(limits) = self.zbd().and_then(|table| table.limits) else { return Ok(None) };
        let (mut open, mut active) = (0, 0);
        let file = files.as_ptr(index);
        // SAFETY: as in `open_file`; the numbers are locals.
        let status = self.call(Callback::Extension, |inst| unsafe {
            limits(inst, file, &mut open, &mut active)
        });
        self.unless_left(status).map(|done| done.map(|()| (open, active)))
    }

    /// Up to `max` zones of a file from the one at `offset` on, likewise.
    pub fn zone_report(
        &mut self,
        files: &mut FileTable,
        index: u32,
        offset: u64,
        max: u32,
    ) -> Result<Option<Vec<Zone>>, Refusal> {
        let Some(report) = self.zbd().and_then(|table| table.report) else { return Ok(None) };
        let mut sink = ZoneSink { zones: Vec::new(), max: max as usize };
        let (file, to) = (files.as_ptr(index), (&raw mut sink).cast::<c_void>());
        // SAFETY: as in `open_file`; the sink is used during this call alone.
        let status = self.call(Callback::Extension, |inst| unsafe {
            report(inst, file, offset, max, to, Some(put_zone))
        });
        self.unless_left(status).map(|done| done.map(|()| sink.zones))
    }

    /// Empties the zone that begins at `offset`, likewise.
    pub fn zone_reset(
        &mut self,
        files: &mut FileTable,
        index: u32,
        offset: u64,
    ) -> Result<Option<()>, Refusal> {
        let Some(reset) = self.zbd().and_then(|table| table.reset) else { return Ok(None) };
        let file = files.as_ptr(index);
        // SAFETY: as in `open_file`.
        let status = self.call(Callback::Extension, |inst| unsafe { reset(inst, file, offset) });
        self.unless_left(status)
    }

    /// Makes the zone that begins at `offset` full, likewise.
    pub fn zone_finish(
        &mut self,
        files: &mut FileTable,
        index: u32,
        offset: u64,
    ) -> Result<Option<()>, Refusal> {
        let Some(finish) = self.zbd().and_then(|table| table.finish) else { return Ok(None) };
        let file = files.as_ptr(index);
        // SAFETY: as in `open_file`.
        let status = self.call(Callback::Extension, |inst| unsafe { finish(inst, file, offset) });
        self.unless_left(status)
    }

    /// None where an engine says that this is nothing for it.
    fn unless_left(&self, status: i32) -> Result<Option<()>, Refusal> {
        match self.check(Callback::Extension, status) {
            Ok(_) => Ok(Some(())),
            Err(refusal) if refusal.errno == libc::EOPNOTSUPP => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    fn zbd(&mut self) -> Option<ioe_zbd_1> {
        let table = self.extension("iodyno.zbd/1").cast::<ioe_zbd_1>();
        // SAFETY: as in `identify`.
        unsafe { foreign::copy(table, "iodyno.zbd/1") }.ok()
    }

    fn iomem(&mut self) -> Option<ioe_iomem_1> {
        let table = self.extension("iodyno.iomem/1").cast::<ioe_iomem_1>();
        // SAFETY: as in `identify`.
        unsafe { foreign::copy(table, "iodyno.iomem/1") }.ok()
    }
}

impl LoadedEngine {
    /// Whether it answers this id with anything where there is no instance to ask; none where it
    /// has no extensions at all.
    #[must_use]
    pub fn knows(&self, id: &CStr) -> Option<bool> {
        let get = self.ops.get_extension?;
        // SAFETY: checked pointer; the contract allows a null instance and any thread, and `id`
        // lives across the call.
        Some(!unsafe { get(std::ptr::null_mut(), id.as_ptr()) }.is_null())
    }
}

/// Where zones are put.
struct ZoneSink {
    zones: Vec<Zone>,
    max: usize,
}

/// `put` of `iodyno.zbd/1`.
unsafe extern "C" fn put_zone(sink: *mut c_void, zone: *const ioe_zone) {
    if sink.is_null() {
        return;
    }
    // SAFETY: the sink is the one that `zone_report` lent for the length of its call.
    let sink = unsafe { &mut *sink.cast::<ZoneSink>() };
    // SAFETY: null is refused there; the engine owes a struct of the size that stands in it.
    let Ok(zone) = (unsafe { foreign::copy(zone, "iodyno.zbd/1 report") }) else { return };
    if sink.zones.len() < sink.max {
        sink.zones.push(Zone {
            start: zone.start,
            len: zone.len,
            capacity: zone.capacity,
            wp: zone.wp,
            kind: u8::try_from(zone.kind).unwrap_or(0),
            cond: u8::try_from(zone.cond).unwrap_or(0),
        });
    }
}

/// `put` of `iodyno.identify/1`.
unsafe extern "C" fn put_fact(sink: *mut c_void, key: *const c_char, value: *const c_char) {
    const FACTS_MAX: usize = 64;
    const FACT_BYTES_MAX: usize = 256;
    if sink.is_null() || key.is_null() || value.is_null() {
        return;
    }
    // SAFETY: the sink is the vector that `identify` lent for the length of its call.
    let facts = unsafe { &mut *sink.cast::<Vec<(String, String)>>() };
    // SAFETY: not null (checked); the engine owes a terminator, and no more than so many bytes are
    // looked at.
    let text = |s: *const c_char| unsafe { foreign::bytes_until_zero(s, FACT_BYTES_MAX) };
    if let (Some(key), Some(value)) = (text(key), text(value)) {
        if facts.len() < FACTS_MAX {
            let tame = |bytes: Vec<u8>| foreign::tame(&String::from_utf8_lossy(&bytes));
            facts.push((tame(key), tame(value)));
        }
    }
}
