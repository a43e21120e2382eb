//! Callbacks of an instance that no run makes, or not in this way: `cancel`, `prep` alone,
//! `errdetails` with any capacity.
//!
//! Called by `conformance`, which looks at what an engine makes of them. Judges nothing.

use super::handle::{Callback, Instance, UnitPtr};

impl Instance<'_> {
    /// Asks for a unit in flight to be given up. The raw answer; none without the callback.
    pub fn cancel(&mut self, unit: UnitPtr) -> Option<i32> {
        let cancel = self.ops.cancel?;
        // SAFETY: checked pointer, own instance; a `UnitPtr` stays valid until the instance's end.
        Some(self.call(Callback::Cancel, |inst| unsafe { cancel(inst, unit.as_ptr()) }))
    }

    /// Prepares a unit without offering it. The raw status; none without the callback.
    pub fn prep(&mut self, unit: UnitPtr) -> Option<i32> {
        let prep = self.ops.prep?;
        // SAFETY: as in `cancel`; the unit is the host's at this moment.
        Some(self.call(Callback::Prep, |inst| unsafe { prep(inst, unit.as_ptr()) }))
    }

    /// Asks for words about a unit that failed, into the first `cap` bytes of `area`. The raw
    /// status; none without the callback.
    pub fn errdetails_into(&mut self, unit: UnitPtr, area: &mut [u8], cap: usize) -> Option<i32> {
        assert!(cap <= area.len());
        let errdetails = self.ops.errdetails?;
        let buf = area.as_mut_ptr().cast();
        // SAFETY: checked pointer, own instance; the unit is back in the host's hands; `buf` has
        // `cap` bytes (asserted).
        Some(self.call(Callback::ErrDetails, |inst| unsafe {
            errdetails(inst, unit.as_ptr(), buf, cap)
        }))
    }
}
