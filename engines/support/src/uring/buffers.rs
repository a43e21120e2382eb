//! Buffers that the kernel keeps mapped (option fixedbufs).
//!
//! The host gives their region through `iodyno.iomem/1`, it is registered here, and an engine asks
//! for each transfer whether its buffer lies inside. The kernel takes 1 GiB at most in one
//! piece, so a larger region is several, and a buffer across their border is an ordinary one.

use super::kernel::{REGISTER_BUFFERS, UNREGISTER_BUFFERS};
use super::requests::OnRing;
use super::ring::{Completion, Ring, Submission};
use super::words;
use crate::errno::Errno;
use iodyno_engine_api::abi::ioe_iomem_1;
use iodyno_engine_api::{vtable, Error};
use libc::iovec;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::null;

const PIECE_MAX: u64 = 1 << 30;

/// What is registered.
#[derive(Debug, Default)]
pub struct Buffers {
    /// First address and the one behind the last.
    pieces: Vec<(u64, u64)>,
}

impl Buffers {
    /// Registers another region.
    ///
    /// # Safety
    /// The region stays valid until `release` or the ring's end.
    pub unsafe fn add<S: Submission, C: Completion>(
        &mut self,
        ring: &Ring<S, C>,
        base: u64,
        len: u64,
    ) -> Result<(), Errno> {
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
    pub fn find(&self, base: u64, len: u32) -> Option<u16> {
        let end = base.checked_add(u64::from(len))?;
        let inside = |piece: &(u64, u64)| piece.0 <= base && end <= piece.1;
        self.pieces.iter().position(inside).map(|n| n as u16) // the kernel takes 2^14 at most
    }

    /// Takes the registration back.
    pub fn release<S: Submission, C: Completion>(&mut self, ring: &Ring<S, C>) {
        if !self.pieces.is_empty() {
            // SAFETY: no argument. What it answers changes nothing: the ring's end does the same.
            let _ = unsafe { ring.register(UNREGISTER_BUFFERS, null(), 0) };
            self.pieces.clear();
        }
    }
}

/// An engine whose job may want its buffers fixed.
pub trait FixesBuffers: OnRing {
    /// Whether the job wants that.
    fn wants_fixed(&self) -> bool;
}

struct Table<E>(PhantomData<E>);

impl<E: FixesBuffers> Table<E> {
    const IOMEM: &'static ioe_iomem_1 = &ioe_iomem_1 {
        struct_size: size_of::<ioe_iomem_1>() as u32,
        reserved: 0,
        alloc: None,
        free: None,
        add: Some(add::<E>),
    };
}

/// The table of `iodyno.iomem/1`, for the engine's `get_extension`.
pub fn iomem<E: FixesBuffers>() -> *const c_void {
    std::ptr::from_ref(Table::<E>::IOMEM).cast()
}

/// `add` of `iodyno.iomem/1`.
unsafe extern "C" fn add<E: FixesBuffers>(
    inst: *mut c_void,
    base: *mut c_void,
    len: u64,
    _index: u32,
) -> i32 {
    // SAFETY: a callback by the host, on the job's thread and outside of other callbacks.
    unsafe {
        vtable::enter::<E, i32>(inst, "add", -libc::EIO, |engine, host| {
            match register::<E>(engine, base as u64, len) {
                Ok(()) => 0,
                Err(error) => {
                    host.set_error(error.errno(), error.text());
                    -error.errno()
                }
            }
        })
    }
}

/// # Safety
/// The region stays valid for as long as the instance lives.
unsafe fn register<E: FixesBuffers>(engine: &mut E, base: u64, len: u64) -> Result<(), Error> {
    if !engine.wants_fixed() || len == 0 {
        return Ok(());
    }
    let core = engine.core();
    // SAFETY: by the contract of this function; the ring's end takes the registration back.
    let added = unsafe { core.buffers.add(&core.ring, base, len) };
    added.map_err(|errno| words::no_buffers(errno, len))
}
