//! Buffers that the kernel keeps mapped (option fixedbufs).
//!
//! The host gives their region through `iodyno.iomem/1`, `engine` registers it here, and `entry`
//! asks for each transfer whether its buffer lies inside. The kernel takes 1 GiB at most in one
//! piece, so a larger region is several, and a buffer across their border is an ordinary one.

use crate::kernel::{REGISTER_BUFFERS, UNREGISTER_BUFFERS};
use crate::ring::Ring;
use iodyno_engine_api::abi::ioe_iomem_1;
use iodyno_engine_api::vtable;
use iodyno_engine_support::errno::Errno;
use libc::iovec;
use std::ffi::{c_void, CStr};
use std::ptr::null;

use crate::engine::IoUring;

const PIECE_MAX: u64 = 1 << 30;

/// What is registered.
#[derive(Default)]
pub(crate) struct Buffers {
    /// First address and the one behind the last.
    pieces: Vec<(u64, u64)>,
}

impl Buffers {
    /// Registers another region.
    ///
    /// # Safety
    /// The region stays valid until `release` or the ring's end.
    pub(crate) unsafe fn add(&mut self, ring: &Ring, base: u64, len: u64) -> Result<(), Errno> {
        let end = base.checked_add(len).ok_or(libc::EINVAL)?;
        let starts = (base..end).step_by(PIECE_MAX as usize);
        let mut pieces = self.pieces.clone();
        pieces.extend(starts.map(|start| (start, (start + PIECE_MAX).min(end))));
        self.release(ring); // a ring has one set of buffers
        let vectors: Vec<iovec> = pieces
            .iter()
            .map(|(start, end)| iovec {
                iov_base: *start as *mut c_void,
                iov_len: (end - start) as usize,
            })
            .collect();
        let (first, n) = (vectors.as_ptr().cast(), vectors.len() as u32);
        // SAFETY: so many iovecs; the caller vouches for the memory that they describe.
        unsafe { ring.register(REGISTER_BUFFERS, first, n) }?;
        self.pieces = pieces;
        Ok(())
    }

    /// The number of the piece that this buffer lies in.
    #[inline]
    pub(crate) fn find(&self, base: u64, len: u32) -> Option<u16> {
        let end = base.checked_add(u64::from(len))?;
        let inside = |piece: &(u64, u64)| piece.0 <= base && end <= piece.1;
        self.pieces.iter().position(inside).map(|n| n as u16) // the kernel takes 2^14 at most
    }

    /// Takes the registration back.
    pub(crate) fn release(&mut self, ring: &Ring) {
        if !self.pieces.is_empty() {
            // SAFETY: no argument. What it answers changes nothing: the ring's end does the same.
            let _ = unsafe { ring.register(UNREGISTER_BUFFERS, null(), 0) };
            self.pieces.clear();
        }
    }
}

static IOMEM: ioe_iomem_1 = ioe_iomem_1 {
    struct_size: size_of::<ioe_iomem_1>() as u32,
    reserved: 0,
    alloc: None,
    free: None,
    add: Some(add),
};

/// The engine's `get_extension`.
pub(crate) fn extension(id: &CStr) -> *const c_void {
    match id.to_bytes() {
        b"iodyno.iomem/1" => (&raw const IOMEM).cast(),
        _ => null(),
    }
}

/// `add` of `iodyno.iomem/1`.
unsafe extern "C" fn add(inst: *mut c_void, base: *mut c_void, len: u64, _index: u32) -> i32 {
    // SAFETY: a callback by the host, on the job's thread and outside of other callbacks.
    unsafe {
        vtable::enter::<IoUring, i32>(inst, "add", -libc::EIO, |engine, host| {
            // The region stays valid until cleanup, by the contract.
            match engine.add_buffers(base as u64, len) {
                Ok(()) => 0,
                Err(error) => {
                    host.set_error(error.errno(), error.text());
                    -error.errno()
                }
            }
        })
    }
}
