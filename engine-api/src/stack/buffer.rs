//! Memory for data of a wrapper's own: a write whose bytes differ from the host's, a read beside
//! the host's buffer.
//!
//! Made by wrappers, carried by `Data::Own`. Aligned as the job wants its buffers.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};

/// Memory for data of the wrapper's own, zeroed.
pub struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: plain bytes that belong to this value alone.
unsafe impl Send for Buffer {}

impl Buffer {
    /// `len` bytes at an address that is a multiple of `align` (a power of two).
    ///
    /// # Panics
    /// When `align` is no power of two, or there cannot be as much memory.
    pub fn new(len: usize, align: usize) -> Buffer {
        let layout = Layout::from_size_align(len.max(1), align.max(1)).expect("a power of two");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Buffer { start: start.unwrap_or_else(|| handle_alloc_error(layout)), layout }
    }

    /// A copy of `bytes`.
    pub fn of(bytes: &[u8], align: usize) -> Buffer {
        let mut buffer = Buffer::new(bytes.len(), align);
        buffer[..bytes.len()].copy_from_slice(bytes);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `new` allocated so many zeroed bytes, and nobody else has them.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in deref(), borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.layout.size())
    }
}
