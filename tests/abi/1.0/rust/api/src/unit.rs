//! Units that an engine keeps beyond `queue`, and how they go back to the host.
//!
//! A [`Unit`] is a request that the engine owns; it goes back through [`Reaped`] in `getevents` or
//! [`Cancel`] in `cancel`. Engines that never answer Queued need nothing of this file.

use crate::abi::ioe_io;
use crate::io::Request;
use core::marker::PhantomData;
use core::ops::Deref;
use std::time::Duration;

/// A request that the engine owns: kept by [`Io::keep`](crate::Io::keep), given back by
/// [`Reaped::push`] or [`Cancel::Canceled`], exactly once. Dropping one loses a request of the
/// host's: a panic in debug builds; in release builds the host reports a lost unit.
#[repr(transparent)]
#[derive(Debug)]
#[must_use = "a unit goes back to the host"]
pub struct Unit(Request);

// SAFETY: the host touches neither request nor buffer until it has the unit back, and a Unit is
// the only way on this side to its buffer and results: it is not Clone and not Sync, Io::keep()
// consumes the Io, and a Request, such as cancel() has meanwhile, reads input fields alone. What
// units of one file share is the file, which a FileView only reads.
unsafe impl Send for Unit {}

impl Deref for Unit {
    type Target = Request;
    #[inline(always)]
    fn deref(&self) -> &Request {
        &self.0
    }
}

impl Drop for Unit {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) && !std::thread::panicking() {
            panic!("a queued unit was dropped instead of being handed back");
        }
    }
}

impl Unit {
    /// What to write; empty for requests without data.
    #[inline]
    pub fn buf(&self) -> &[u8] {
        // SAFETY: the one Unit of its request (keep() and from_raw()), and the slice borrows it.
        unsafe { self.0.slice() }
    }

    /// Where to read to; empty for requests without data. A write's source must stay as it is.
    #[inline]
    pub fn buf_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in buf(), borrowed mutably.
        unsafe { self.0.slice_mut() }
    }

    /// Sets the vendor's status of the result: NVMe SCT/SC, SCSI key/asc/ascq.
    #[inline]
    pub fn set_vendor_status(&mut self, status: u32) {
        // SAFETY: as in buf_mut().
        unsafe { self.0.set_vendor_status(status) }
    }

    /// Time of issue on the host's clock; only with `IOE_F_SETS_ISSUE`, in `commit`.
    #[inline]
    pub fn set_issue_ns(&mut self, ns: u64) {
        // SAFETY: as in buf_mut().
        unsafe { self.0.set_issue_ns(ns) }
    }

    /// The owning form of a request that `queue` was offered.
    #[inline(always)]
    pub(crate) fn of(request: Request) -> Unit {
        Unit(request)
    }

    /// Whether this is the request that the host names.
    #[inline]
    pub fn is(&self, request: &Request) -> bool {
        self.raw() == request.raw()
    }

    /// For engines that let a kernel carry the pointer (`user_data`). The unit stays owned.
    #[inline]
    pub fn into_raw(self) -> *mut ioe_io {
        let raw = self.raw();
        core::mem::forget(self);
        raw
    }

    /// # Safety
    /// `raw` came from [`Unit::into_raw`], and no unit was made of it since.
    #[inline]
    pub unsafe fn from_raw(raw: *mut ioe_io) -> Unit {
        // SAFETY: the caller has it from into_raw(), which consumed the one Unit of a live request.
        Unit(unsafe { Request::from_raw(raw) })
    }
}

/// How long `getevents` is to wait and for how many.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// Units to hand back at least, unless the time runs out or `terminate` interrupts.
    pub min: u32,
    /// Units to hand back at most: the room in [`Reaped`].
    pub max: u32,
    /// Nanoseconds; < 0 = no limit, 0 = do not wait.
    pub timeout_ns: i64,
}

impl Wait {
    /// The limit; `None` = wait for ever.
    pub fn timeout(&self) -> Option<Duration> {
        u64::try_from(self.timeout_ns).ok().map(Duration::from_nanos)
    }
}

/// Where `getevents` puts the units that have ended.
#[derive(Debug)]
pub struct Reaped<'a> {
    out: *mut *mut ioe_io,
    count: u32,
    max: u32,
    life: PhantomData<&'a mut *mut ioe_io>,
}

impl Reaped<'_> {
    /// # Safety
    /// `out` has room for `max` pointers (may be null for 0).
    #[inline(always)]
    pub(crate) unsafe fn from_raw(out: *mut *mut ioe_io, max: u32) -> Self {
        Reaped { out, count: 0, max, life: PhantomData }
    }

    /// Units handed back so far.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many more fit.
    #[inline]
    pub fn room(&self) -> u32 {
        self.max - self.count
    }

    /// Hands a unit back: bytes done, or a positive errno.
    ///
    /// # Panics
    /// When there is no room, or more is said to be done than was asked for.
    #[inline]
    pub fn push(&mut self, unit: Unit, result: Result<u64, i32>) {
        // SAFETY: the one Unit of its request, consumed here (in a panic as well).
        unsafe { unit.set_result(result) };
        self.push_all(unit);
    }

    /// Hands a unit back that is done in full. The host zeroed the result fields: nothing is
    /// written.
    ///
    /// # Panics
    /// When there is no room.
    #[inline]
    pub fn push_all(&mut self, unit: Unit) {
        assert!(self.count < self.max, "more units than the host has room for");
        // SAFETY: from_raw() was promised room for `max`, and count < max was just tested.
        unsafe { self.out.add(self.count as usize).write(unit.into_raw()) };
        self.count += 1;
    }
}

/// What became of a request that the host wants back.
#[derive(Debug)]
pub enum Cancel {
    /// It will not come back through `getevents`: here it is.
    Canceled(Unit),
    /// Asked for; it still comes back.
    Pending,
    /// Already done.
    Done,
}
