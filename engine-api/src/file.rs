//! Safe views of a target and of an instance's capabilities.
//!
//! A [`File`] is made by `vtable` for `open_file`, `close_file` and `get_file_size`, [`Caps`] for
//! `get_caps`; a [`FileView`] by a request for its own target. Opens and sizes nothing.

use crate::abi::{ioe_caps, ioe_file};
use core::ffi::{c_void, CStr};
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

/// Answer of `open_file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Done.
    ByEngine,
    /// "Host, open the path for me."
    ByHost,
}

/// A target of the job, to read. What a request shows of its target: units of one file may be in
/// the hands of several threads at once, and nobody writes the file meanwhile.
#[derive(Debug)]
pub struct FileView<'a> {
    raw: NonNull<ioe_file>,
    life: PhantomData<&'a ioe_file>,
}

impl FileView<'_> {
    /// # Safety
    /// `raw` is null or a file of the host's that outlives the view, and that nobody but the view's
    /// own thread writes as long as the view lives.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut ioe_file) -> Option<Self> {
        NonNull::new(raw).map(|raw| FileView { raw, life: PhantomData })
    }

    #[inline(always)]
    fn raw(&self) -> *mut ioe_file {
        self.raw.as_ptr()
    }

    /// Open descriptor; -1 where there is none.
    #[inline]
    pub fn fd(&self) -> i32 {
        // SAFETY: from_raw() tested for null and was given a live file. All fields of 1.0 exist:
        // with_file() in vtable tests struct_size, and a request's file is one of a host that the
        // entry judged to be of this major. Only open_file, close_file and get_file_size write a
        // file, which by the ABI come while no unit of it is the engine's.
        unsafe { (*self.raw()).fd }
    }

    /// The target's name as the job gives it.
    pub fn name(&self) -> &CStr {
        // SAFETY: as in fd(); the ABI promises a name that is not null, valid until cleanup.
        unsafe { CStr::from_ptr((*self.raw()).name) }
    }

    /// Bytes; 0 = unknown.
    pub fn size(&self) -> u64 {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).size }
    }

    /// `IOE_KIND_*`.
    #[inline]
    pub fn kind(&self) -> u32 {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).kind }
    }

    /// `IOE_OPEN_*`.
    pub fn open_flags(&self) -> u32 {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).open_flags }
    }

    /// Logical block size in bytes.
    pub fn block_size(&self) -> u32 {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).block_size }
    }

    /// Number of the file within the job.
    #[inline]
    pub fn index(&self) -> u32 {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).index }
    }

    /// The engine's own pointer. What it points to may be in use by other threads that have units
    /// of this file.
    #[inline]
    pub fn private(&self) -> *mut c_void {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).engine_data }
    }
}

/// A target of the job, to fill in: what `open_file`, `close_file` and `get_file_size` are given.
/// Reads as a [`FileView`].
#[derive(Debug)]
pub struct File<'a>(FileView<'a>);

impl<'a> Deref for File<'a> {
    type Target = FileView<'a>;
    #[inline(always)]
    fn deref(&self) -> &FileView<'a> {
        &self.0
    }
}

impl File<'_> {
    /// # Safety
    /// `raw` is null or a file that the host hands over in this very call, to be written.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut ioe_file) -> Option<Self> {
        // SAFETY: passed on to the caller: a file that is ours to write is ours to read.
        unsafe { FileView::from_raw(raw) }.map(File)
    }

    /// The host's struct, which stays where it is until `cleanup`.
    pub(crate) fn as_ptr(&mut self) -> *mut ioe_file {
        self.raw()
    }

    /// Sets the descriptor that `open_file` opened.
    pub fn set_fd(&mut self, fd: i32) {
        // SAFETY: a live, whole file as in FileView::fd(). Only with_file() in vtable makes a File,
        // for the callbacks during which by the ABI no unit of it is the engine's: no other thread
        // has a view of it.
        unsafe { (*self.raw()).fd = fd }
    }

    /// Sets size and logical block size, both in bytes.
    pub fn set_size(&mut self, size: u64, block_size: u32) {
        // SAFETY: as in set_fd().
        unsafe {
            (*self.raw()).size = size;
            (*self.raw()).block_size = block_size;
        }
    }

    /// Sets the engine's own pointer.
    pub fn set_private(&mut self, data: *mut c_void) {
        // SAFETY: as in set_fd(); the host never touches this field.
        unsafe { (*self.raw()).engine_data = data }
    }
}

/// What this instance is, prefilled from the engine's constants. The fields are those of 1.0.
#[derive(Debug)]
pub struct Caps<'a>(&'a mut ioe_caps);

impl<'a> Caps<'a> {
    pub(crate) fn new(caps: &'a mut ioe_caps) -> Self {
        Caps(caps)
    }

    /// `IOE_F_*` of this instance.
    pub fn flags(&self) -> u64 {
        self.0.flags
    }

    /// Replaces the engine's flags for this instance.
    pub fn set_flags(&mut self, flags: u64) {
        self.0.flags = flags;
    }

    /// Units in flight at most; 0 = no limit.
    pub fn set_max_depth(&mut self, units: u32) {
        self.0.max_depth = units;
    }

    /// Bit per `IOE_OP_*` supported; 0 = not known.
    pub fn set_ops(&mut self, mask: u64) {
        self.0.ops = mask;
    }

    /// Bytes of one request at most; 0 = no limit.
    pub fn set_max_transfer(&mut self, bytes: u64) {
        self.0.max_transfer = bytes;
    }

    /// Alignment of buffers in bytes; 0 = the target's block size.
    pub fn set_mem_align(&mut self, bytes: u32) {
        self.0.mem_align = bytes;
    }
}
