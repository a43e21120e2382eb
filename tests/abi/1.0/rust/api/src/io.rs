//! Safe view of a request: what it asks for, its buffer, its result.
//!
//! Made by `vtable` from the host's pointers; engines use it and never make one. The ownership rule
//! of the ABI is in the types: an [`Io`] lives for one `queue` call and turns into exactly one
//! [`Answer`]; what the engine keeps beyond the call is a [`Unit`].

use crate::abi::*;
use crate::file::FileView;
use crate::unit::Unit;
use core::cell::Cell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use core::slice;

/// What a request asks for: its input fields alone, so that `cancel` may name a request whose
/// [`Unit`] is on another thread. [`Io`], [`Unit`] and [`Failed`] deref to it.
#[repr(transparent)]
#[derive(Debug)]
pub struct Request(NonNull<ioe_io>);

impl Request {
    /// # Safety
    /// `io` points to a request of the host's that this call may use, and is not null.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(io: *mut ioe_io) -> Request {
        debug_assert!(!io.is_null());
        // SAFETY: the caller vouches for it; the host never hands a null request to a callback.
        Request(unsafe { NonNull::new_unchecked(io) })
    }

    #[inline(always)]
    pub(crate) fn raw(&self) -> *mut ioe_io {
        self.0.as_ptr()
    }

    /// The host's struct, for what this view does not offer. Also names the request: the address is
    /// the same from `io_init` to `io_free`.
    #[inline]
    pub fn as_ptr(&self) -> *mut ioe_io {
        self.raw()
    }

    /// `IOE_OP_*`; numbers from later versions are possible.
    #[inline]
    pub fn op(&self) -> u32 {
        // SAFETY: from_raw() was given a live request. Its input fields are written by the host
        // alone, and only while the request is the host's; `cancel` may name one that a thread of
        // the engine's holds as a Unit, and two readers do not race.
        unsafe { (*self.raw()).op }
    }

    /// `IOE_IO_*`.
    #[inline]
    pub fn flags(&self) -> u64 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).flags }
    }

    /// Bytes from the target's beginning.
    #[inline]
    pub fn offset(&self) -> u64 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).offset }
    }

    /// Bytes to transfer.
    #[inline]
    pub fn len(&self) -> u64 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).len }
    }

    /// Whether there is nothing to transfer.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next byte goes to or comes from; null for requests without data.
    #[inline]
    pub fn buf_ptr(&self) -> *mut u8 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).buf.cast() }
    }

    /// Number of the registered region that the buffer lies in, if it lies in one.
    #[inline]
    pub fn buf_index(&self) -> Option<u32> {
        // SAFETY: as in op().
        let index = unsafe { (*self.raw()).buf_index };
        (index != u32::MAX).then_some(index)
    }

    /// As `ioprio_set(2)`.
    #[inline]
    pub fn ioprio(&self) -> u32 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).ioprio }
    }

    /// The target, to read; `None` for engines without files.
    ///
    /// ```compile_fail,E0599
    /// fn race(unit: &iodyno_engine_api::Unit) {
    ///     if let Some(mut file) = unit.file() {
    ///         file.set_size(0, 512); // other threads may have units of this file
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn file(&self) -> Option<FileView<'_>> {
        // SAFETY: as in op(). A file lives until cleanup, and by the ABI the host opens, sizes and
        // closes it only while no unit of it is the engine's; a FileView writes nothing.
        unsafe { FileView::from_raw((*self.raw()).file) }
    }

    /// The target's descriptor, -1 where there is none.
    #[inline]
    pub fn fd(&self) -> i32 {
        self.file().map_or(-1, |file| file.fd())
    }

    /// `IO_PRIVATE_SIZE` zeroed bytes that are the engine's own, 64-byte aligned; null for 0.
    #[inline]
    pub fn private(&self) -> *mut c_void {
        // SAFETY: as in op().
        unsafe { (*self.raw()).engine_data }
    }

    /// Writes the result: bytes done, or a positive errno.
    ///
    /// # Safety
    /// The caller consumes the request's [`Io`] or [`Unit`].
    ///
    /// # Panics
    /// When more is said to be done than was asked for.
    #[inline]
    pub(crate) unsafe fn set_result(&self, result: Result<u64, i32>) {
        let len = self.len();
        let (resid, error) = match result {
            Ok(done) => {
                assert!(done <= len, "{done} bytes done of a request for {len}");
                (len - done, 0)
            }
            Err(errno) => (len, if errno > 0 { errno } else { libc::EIO }),
        };
        // SAFETY: result fields are the engine's to write while it has the request, and whoever
        // owns the one Io or Unit (the caller) is alone in touching them: a Request has no getter.
        unsafe {
            (*self.raw()).resid = resid;
            (*self.raw()).error = error;
        }
    }

    /// # Safety
    /// As for [`Request::set_result`], save that the Io or Unit is borrowed mutably.
    #[inline]
    pub(crate) unsafe fn set_vendor_status(&mut self, status: u32) {
        // SAFETY: as in set_result().
        unsafe { (*self.raw()).vendor_status = status }
    }

    /// # Safety
    /// As for [`Request::set_vendor_status`].
    #[inline]
    pub(crate) unsafe fn set_issue_ns(&mut self, ns: u64) {
        // SAFETY: as in set_result().
        unsafe { (*self.raw()).issue_ns = ns }
    }

    /// Bytes of the buffer: `len` for operations with data, 0 for all others and for those that
    /// this version does not know, whose `len` says nothing of a buffer.
    #[inline]
    fn buf_len(&self) -> usize {
        match self.op() {
            IOE_OP_READ | IOE_OP_WRITE | IOE_OP_ENGINE.. if !self.buf_ptr().is_null() => {
                self.len() as usize
            }
            _ => 0,
        }
    }

    /// # Safety
    /// The caller owns the request's one Io or Unit and lends it mutably for the slice's life.
    #[inline]
    pub(crate) unsafe fn slice_mut(&mut self) -> &mut [u8] {
        let (buf, len) = (self.buf_ptr(), self.buf_len());
        if len == 0 {
            return &mut [];
        }
        // SAFETY: buf_len() found an operation with data and a pointer, for which by the ABI the
        // host gives `len` initialized bytes at `buf` and leaves them alone until it has the
        // request back; on this side the caller's mutable borrow is the only way to them.
        unsafe { slice::from_raw_parts_mut(buf, len) }
    }

    /// # Safety
    /// The caller owns the request's one Io or Unit and lends it for the slice's life.
    #[inline]
    pub(crate) unsafe fn slice(&self) -> &[u8] {
        let (buf, len) = (self.buf_ptr(), self.buf_len());
        if len == 0 {
            return &[];
        }
        // SAFETY: as in slice_mut(), which would borrow the caller's Io or Unit mutably.
        unsafe { slice::from_raw_parts(buf, len) }
    }
}

/// A request that ended with an error or a vendor status, as `errdetails` is given it: back in the
/// host's hands, so that nobody writes its result.
#[derive(Debug)]
pub struct Failed<'a> {
    request: Request,
    life: PhantomData<&'a ioe_io>,
}

impl Deref for Failed<'_> {
    type Target = Request;
    #[inline(always)]
    fn deref(&self) -> &Request {
        &self.request
    }
}

impl Failed<'_> {
    /// # Safety
    /// `io` points to a request that is the host's for the length of this call.
    pub(crate) unsafe fn from_raw(io: *mut ioe_io) -> Self {
        // SAFETY: passed on to the caller.
        Failed { request: unsafe { Request::from_raw(io) }, life: PhantomData }
    }

    /// Positive errno that the request ended with, 0 where it ended well.
    pub fn error(&self) -> i32 {
        // SAFETY: from_raw() was given a live request of the host's: its Unit, the one thing on
        // this side that writes results, was consumed when it was handed back.
        unsafe { (*self.raw()).error }
    }

    /// NVMe SCT/SC, SCSI key/asc/ascq: the engine's own numbers.
    pub fn vendor_status(&self) -> u32 {
        // SAFETY: as in error().
        unsafe { (*self.raw()).vendor_status }
    }
}

/// A request during its `queue` call. Turns into the call's [`Answer`]; the lifetime ties the two
/// together, so that an answer of one request cannot be given for another.
#[derive(Debug)]
#[must_use = "a request ends in an Answer"]
pub struct Io<'a> {
    request: Request,
    kept: &'a Cell<bool>,
    brand: Brand<'a>,
}

type Brand<'a> = PhantomData<fn(&'a ()) -> &'a ()>;

impl Deref for Io<'_> {
    type Target = Request;
    #[inline(always)]
    fn deref(&self) -> &Request {
        &self.request
    }
}

/// What `queue` says about its request.
#[derive(Debug)]
#[must_use = "queue() returns it"]
pub struct Answer<'a> {
    pub(crate) code: i32,
    brand: Brand<'a>,
}

impl<'a> Io<'a> {
    /// `kept` turns true when a [`Unit`] is made: from then on the request is the engine's,
    /// however the call ends.
    ///
    /// # Safety
    /// `io` is the request that the host offers in this very call, and this its only Io.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(io: *mut ioe_io, kept: &'a Cell<bool>) -> Io<'a> {
        // SAFETY: passed on to the caller.
        Io { request: unsafe { Request::from_raw(io) }, kept, brand: PhantomData }
    }

    #[inline(always)]
    fn answer(self, code: i32) -> Answer<'a> {
        Answer { code, brand: PhantomData }
    }

    /// What to write; empty for requests without data.
    #[inline]
    pub fn buf(&self) -> &[u8] {
        // SAFETY: the one Io of its request (from_raw), and the slice borrows it.
        unsafe { self.request.slice() }
    }

    /// Where to read to; empty for requests without data. A write's source must stay as it is.
    #[inline]
    pub fn buf_mut(&mut self) -> &mut [u8] {
        // SAFETY: the one Io of its request (from_raw), and the slice borrows it mutably.
        unsafe { self.request.slice_mut() }
    }

    /// Sets the vendor's status of the result: NVMe SCT/SC, SCSI key/asc/ascq.
    #[inline]
    pub fn set_vendor_status(&mut self, status: u32) {
        // SAFETY: the one Io of its request (from_raw), borrowed mutably.
        unsafe { self.request.set_vendor_status(status) }
    }

    /// Completed: bytes done, or a positive errno. Fewer bytes than asked for is a short transfer,
    /// which the host continues; 0 bytes of a read is the end of the file.
    ///
    /// # Panics
    /// When more is said to be done than was asked for.
    #[inline]
    pub fn finish(self, result: Result<u64, i32>) -> Answer<'a> {
        // SAFETY: the one Io of its request (from_raw), consumed here.
        unsafe { self.request.set_result(result) };
        self.answer(IOE_Q_COMPLETED)
    }

    /// Completed in full. The host zeroed the result fields before the call: nothing is written.
    #[inline]
    pub fn finish_all(self) -> Answer<'a> {
        self.answer(IOE_Q_COMPLETED)
    }

    /// Queued: the engine owns the request until it puts the unit into
    /// [`Reaped`](crate::Reaped).
    #[inline]
    pub fn keep(self) -> (Unit, Answer<'a>) {
        self.kept.set(true);
        let unit = Unit::of(Request(self.request.0));
        (unit, self.answer(IOE_Q_QUEUED))
    }

    /// Busy: nothing was taken; the host commits, reaps, offers again.
    #[inline]
    pub fn busy(self) -> Answer<'a> {
        self.answer(IOE_Q_BUSY)
    }

    /// Refused for good: the job ends. Words go through `Host::set_error`. For an error of this
    /// one request, [`Io::finish`] with an errno.
    #[inline]
    pub fn refuse(self, errno: i32) -> Answer<'a> {
        self.answer(-(if errno > 0 { errno } else { libc::EIO }))
    }
}
