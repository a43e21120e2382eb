//! Safe views of a target and of an instance's capabilities.
//!
//! Made by `vtable` for `open_file`, `close_file`, `get_file_size` and `get_caps`, and by a request
//! for its own target. Opens and sizes nothing.

use crate::abi::{ioe_caps, ioe_file};
use core::ffi::{c_void, CStr};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// Answer of `open_file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Done.
    ByEngine,
    /// "Host, open the path for me."
    ByHost,
}

/// A target of the job.
#[derive(Debug)]
pub struct File<'a> {
    raw: NonNull<ioe_file>,
    life: PhantomData<&'a mut ioe_file>,
}

impl File<'_> {
    /// # Safety
    /// `raw` is null or a file of the host's that outlives the view.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut ioe_file) -> Option<Self> {
        NonNull::new(raw).map(|raw| File { raw, life: PhantomData })
    }

    #[inline(always)]
    fn raw(&self) -> *mut ioe_file {
        self.raw.as_ptr()
    }

    /// Open descriptor; -1 where there is none.
    #[inline]
    pub fn fd(&self) -> i32 {
        // SAFETY: from_raw() was given a live file, all of whose 1.0 fields exist (vtable tests
        // struct_size before it opens one).
        unsafe { (*self.raw()).fd }
    }

    /// The target's name as the job gives it.
    pub fn name(&self) -> &CStr {
        // SAFETY: as in fd(); the ABI promises a name, valid until cleanup.
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

    /// The engine's own pointer.
    #[inline]
    pub fn private(&self) -> *mut c_void {
        // SAFETY: as in fd().
        unsafe { (*self.raw()).engine_data }
    }

    /// Sets the descriptor that `open_file` opened.
    pub fn set_fd(&mut self, fd: i32) {
        // SAFETY: as in fd(); open_file may write the fields that it fills.
        unsafe { (*self.raw()).fd = fd }
    }

    /// Sets size and logical block size, both in bytes.
    pub fn set_size(&mut self, size: u64, block_size: u32) {
        // SAFETY: as in set_fd(), for get_file_size.
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
