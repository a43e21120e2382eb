//! A unit and an `ioe_caps` cut to what 1.0 had of them, each right before a page that nobody may
//! touch: an engine that reads or writes beyond a `struct_size` is ended there and then.
//!
//! For `conformance` alone, beside the guarded tables of `lent` and `gate`. Nothing of it is ever
//! given back.

use super::callback::{Callback, Refusal};
use super::handle::{Instance, UnitPtr};
use super::lent::{cut, FileTable};
use crate::sys::region::Region;
use iodyno_engine_api::abi::ioe_io;
use iodyno_engine_api::v1_0;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// One unit with its private area and its buffer.
pub struct GuardedUnit {
    unit: NonNull<ioe_io>,
    /// What is the engine's own memory.
    lent: Option<(NonNull<u8>, usize)>,
}

impl GuardedUnit {
    /// Makes it: a buffer of `buffer_bytes`, of the engine's own memory where it offers any. None
    /// where there is no memory.
    pub fn new(
        buffer_bytes: usize,
        files: &FileTable,
        instance: &mut Instance<'_>,
    ) -> Option<GuardedUnit> {
        let region = |len| Some(ManuallyDrop::new(Region::new(len, 4096).ok()?).base());
        let lent = instance.iomem_alloc(buffer_bytes, 4096);
        let buffer = lent.map_or_else(|| region(buffer_bytes), Some)?;
        let registered = instance.iomem_add(buffer, buffer_bytes).unwrap_or(false);
        let engine_data = match instance.io_private_size() {
            0 => std::ptr::null_mut(),
            size => region(size)?.as_ptr().cast(),
        };
        let whole = ioe_io {
            struct_size: v1_0::IO,
            op: 0,
            flags: 0,
            offset: 0,
            len: 0,
            buf: buffer.as_ptr().cast(),
            file: if files.is_empty() { std::ptr::null_mut() } else { files.as_ptr(0) },
            buf_index: if registered { 0 } else { u32::MAX },
            ioprio: 0,
            resid: 0,
            issue_ns: 0,
            error: 0,
            vendor_status: 0,
            host_cookie: 0,
            engine_data,
        };
        // SAFETY: a whole local struct, which engine-api asserts to have no less than 1.0's bytes.
        let unit = unsafe { cut(&raw const whole, v1_0::IO)? };
        Some(GuardedUnit { unit, lent: lent.map(|base| (base, buffer_bytes)) })
    }

    /// For callbacks.
    pub fn ptr(&self) -> UnitPtr {
        // SAFETY: placed and initialised by `new`, and never given back.
        unsafe { UnitPtr::new(self.unit) }
    }

    /// Sets what is asked for and clears what is answered. To be called only while the host owns
    /// the unit.
    pub fn ask(&mut self, op: u32, offset: u64, len: u64) {
        let unit = self.unit.as_ptr();
        // SAFETY: the fields of 1.0 are all there (`new`), and nobody else has the unit now.
        unsafe {
            (*unit).op = op;
            (*unit).offset = offset;
            (*unit).len = len;
            (*unit).resid = 0;
            (*unit).issue_ns = 0;
            (*unit).error = 0;
            (*unit).vendor_status = 0;
        }
    }

    /// Gives engine memory back: after `io_free`.
    pub fn end(self, instance: &mut Instance<'_>) {
        if let Some((base, len)) = self.lent {
            instance.iomem_free(base, len);
        }
    }
}

impl Instance<'_> {
    /// Asks what the instance is, with a struct that ends where nothing may be touched. None where
    /// there is no memory.
    pub fn caps_guarded(&mut self) -> Option<Result<u64, Refusal>> {
        let Some(get_caps) = self.ops.get_caps else { return Some(Ok(self.ops.flags)) };
        let whole = self.blank_caps(v1_0::CAPS);
        // SAFETY: as in `GuardedUnit::new`.
        let caps = unsafe { cut(&raw const whole, v1_0::CAPS)? }.as_ptr();
        // SAFETY: checked pointer, own instance, and the struct's size stands in it.
        let status = self.call(Callback::GetCaps, |inst| unsafe { get_caps(inst, caps) });
        // SAFETY: the field is one of 1.0's, which are all there.
        Some(self.check(Callback::GetCaps, status).map(|_| unsafe { (*caps).flags }))
    }
}
