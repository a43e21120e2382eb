//! What a crew's member does to a unit while it has it.
//!
//! Called by [`super::crew`] on the member's thread, between the order and the report: the unit is
//! nobody else's in that time. Must not be called for units that the worker or an engine holds.

use crate::plugin::handle::UnitPtr;
use iodyno_engine_api::abi::ioe_file;

/// Points a unit at another entry of its file, and tells at which it pointed. For the thread that
/// has the unit.
pub(super) fn readdress(unit: UnitPtr, file: *mut ioe_file) -> *mut ioe_file {
    // SAFETY: a `UnitPtr` is a live unit; the worker handed it to this thread through a channel and
    // does not touch it until it comes back through another.
    unsafe { std::mem::replace(&mut (*unit.as_ptr()).file, file) }
}

/// Whether the engine left neither error nor vendor status. For the thread that has the unit.
pub(super) fn went_well(unit: UnitPtr) -> bool {
    // SAFETY: as in `readdress`.
    unsafe { (*unit.as_ptr()).error == 0 && (*unit.as_ptr()).vendor_status == 0 }
}

/// Ends a unit that the engine did not take. For the thread that has the unit.
pub(super) fn fail(unit: UnitPtr, errno: i32) {
    // SAFETY: as in `readdress`.
    unsafe {
        (*unit.as_ptr()).error = errno;
        (*unit.as_ptr()).resid = (*unit.as_ptr()).len;
    }
}
