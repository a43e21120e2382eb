//! Safe view of a request: what it asks for, its buffer, its result.
//!
//! Made by `vtable` from the host's pointers; engines use it and never make one. The ownership rule
//! of the ABI is in the types: an [`Io`] lives for one `queue` call and turns into exactly one
//! [`Answer`]; what the engine keeps beyond the call is a [`Unit`].

use crate::abi::*;
use crate::file::File;
use crate::unit::Unit;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use core::slice;

/// What a request asks for. Read through [`Io`] and [`Unit`], which deref to it.
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
        // SAFETY: from_raw() was given a live request, and each view ends before the host's turn.
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

    /// The target; `None` for engines without files.
    #[inline]
    pub fn file(&self) -> Option<File<'_>> {
        // SAFETY: as in op(); a file outlives the requests that name it.
        unsafe { File::from_raw((*self.raw()).file) }
    }

    /// The target's descriptor, -1 where there is none.
    #[inline]
    pub fn fd(&self) -> i32 {
        // SAFETY: as in op(), and the pointer is tested before it is followed.
        unsafe { (*self.raw()).file.as_ref().map_or(-1, |f| f.fd) }
    }

    /// `IO_PRIVATE_SIZE` zeroed bytes that are the engine's own, 64-byte aligned; null for 0.
    #[inline]
    pub fn private(&self) -> *mut c_void {
        // SAFETY: as in op().
        unsafe { (*self.raw()).engine_data }
    }

    /// Positive errno that the request ended with, 0 while it has not or ended well.
    #[inline]
    pub fn error(&self) -> i32 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).error }
    }

    /// NVMe SCT/SC, SCSI key/asc/ascq: the engine's own numbers.
    #[inline]
    pub fn vendor_status(&self) -> u32 {
        // SAFETY: as in op().
        unsafe { (*self.raw()).vendor_status }
    }

    /// Sets the vendor's status of the result.
    #[inline]
    pub fn set_vendor_status(&self, status: u32) {
        // SAFETY: as in op(); result fields are the engine's to write, and no reference to the
        // struct exists on this side that the write could contradict.
        unsafe { (*self.raw()).vendor_status = status }
    }

    /// Time of issue on the host's clock; only with `IOE_F_SETS_ISSUE`, in `commit`.
    #[inline]
    pub fn set_issue_ns(&self, ns: u64) {
        // SAFETY: as in set_vendor_status().
        unsafe { (*self.raw()).issue_ns = ns }
    }

    /// Writes the result: bytes done, or a positive errno.
    ///
    /// # Panics
    /// When more is said to be done than was asked for.
    #[inline]
    pub(crate) fn set_result(&self, result: Result<u64, i32>) {
        let len = self.len();
        let (resid, error) = match result {
            Ok(done) => {
                assert!(done <= len, "{done} bytes done of a request for {len}");
                (len - done, 0)
            }
            Err(errno) => (len, if errno > 0 { errno } else { libc::EIO }),
        };
        // SAFETY: as in set_vendor_status().
        unsafe {
            (*self.raw()).resid = resid;
            (*self.raw()).error = error;
        }
    }

    /// # Safety
    /// No other slice of this buffer is alive.
    #[inline]
    pub(crate) unsafe fn slice_mut(&mut self) -> &mut [u8] {
        let (buf, len) = (self.buf_ptr(), self.len() as usize);
        if buf.is_null() {
            return &mut [];
        }
        // SAFETY: the host gives `len` bytes at `buf`, lets nobody else touch them while the
        // request is the engine's, and they are initialized (the slab is filled when it is made).
        unsafe { slice::from_raw_parts_mut(buf, len) }
    }

    #[inline]
    pub(crate) fn slice(&self) -> &[u8] {
        let (buf, len) = (self.buf_ptr(), self.len() as usize);
        if buf.is_null() {
            return &[];
        }
        // SAFETY: as in slice_mut(); a mutable slice borrows the view mutably.
        unsafe { slice::from_raw_parts(buf, len) }
    }
}

/// A request during its `queue` call. Turns into the call's [`Answer`]; the lifetime ties the two
/// together, so that an answer of one request cannot be given for another.
#[derive(Debug)]
#[must_use = "a request ends in an Answer"]
pub struct Io<'a> {
    request: Request,
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
    /// # Safety
    /// `io` is the request that the host offers in this very call.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(io: *mut ioe_io) -> Io<'a> {
        // SAFETY: passed on to the caller.
        Io { request: unsafe { Request::from_raw(io) }, brand: PhantomData }
    }

    #[inline(always)]
    fn answer(self, code: i32) -> Answer<'a> {
        Answer { code, brand: PhantomData }
    }

    /// What to write; empty for requests without data.
    #[inline]
    pub fn buf(&self) -> &[u8] {
        self.request.slice()
    }

    /// Where to read to; empty for requests without data. A write's source must stay as it is.
    #[inline]
    pub fn buf_mut(&mut self) -> &mut [u8] {
        // SAFETY: the slice borrows this Io mutably.
        unsafe { self.request.slice_mut() }
    }

    /// Completed: bytes done, or a positive errno. Fewer bytes than asked for is a short transfer,
    /// which the host continues; 0 bytes of a read is the end of the file.
    ///
    /// # Panics
    /// When more is said to be done than was asked for.
    #[inline]
    pub fn finish(self, result: Result<u64, i32>) -> Answer<'a> {
        self.request.set_result(result);
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
