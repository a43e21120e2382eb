//! Requests that are done as a whole or not at all: syncs, trim, write_zeroes; and a request's
//! flags in the kernel's words.
//!
//! Called by engines whose reads and writes are their own and whose other operations are not. What
//! a target cannot do is EOPNOTSUPP, never emulated and never silent.

use crate::errno::Errno;
use crate::fd;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::Request;

/// Bit per operation that [`whole`] knows, reads and writes added: for `Caps::set_ops`.
pub const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC
    | 1 << IOE_OP_SYNC_RANGE
    | 1 << IOE_OP_WRITE_ZEROES;

/// Does any operation that is neither a read nor a write.
pub fn whole(io: &Request) -> Result<(), Errno> {
    let (at, offset, len) = (io.fd(), io.offset(), io.len());
    let kind = io.file().map_or(IOE_KIND_NONE, |f| f.kind());
    match (io.op(), kind) {
        (IOE_OP_FSYNC, _) => fd::fsync(at),
        (IOE_OP_FDATASYNC, _) => fd::fdatasync(at),
        (IOE_OP_SYNC_RANGE, _) => fd::sync_range(at, offset, len, range_flags(io)),
        (IOE_OP_TRIM, IOE_KIND_REGULAR) => fd::punch_hole(at, offset, len),
        (IOE_OP_TRIM, IOE_KIND_BLOCK) => fd::block_discard(at, offset, len),
        (IOE_OP_WRITE_ZEROES, IOE_KIND_REGULAR) => fd::zero_range(at, offset, len),
        (IOE_OP_WRITE_ZEROES, IOE_KIND_BLOCK) => fd::block_zero(at, offset, len),
        _ => Err(libc::EOPNOTSUPP),
    }
}

/// The flags of a read or a write as `RWF_*`.
#[inline]
pub fn rwf(io: &Request) -> i32 {
    let mut rwf = 0;
    if io.flags() & IOE_IO_HIPRI != 0 {
        rwf |= libc::RWF_HIPRI;
    }
    if io.flags() & IOE_IO_FUA != 0 && io.op() == IOE_OP_WRITE {
        rwf |= libc::RWF_DSYNC;
    }
    rwf
}

/// What sync_file_range(2) is to do: what the request's flags say, all where they say nothing.
pub fn range_flags(io: &Request) -> u32 {
    const ALL: u64 = IOE_IO_SYNC_WAIT_BEFORE | IOE_IO_SYNC_WRITE | IOE_IO_SYNC_WAIT_AFTER;
    let asked = if io.flags() & ALL == 0 { ALL } else { io.flags() };
    let names = [
        (IOE_IO_SYNC_WAIT_BEFORE, libc::SYNC_FILE_RANGE_WAIT_BEFORE),
        (IOE_IO_SYNC_WRITE, libc::SYNC_FILE_RANGE_WRITE),
        (IOE_IO_SYNC_WAIT_AFTER, libc::SYNC_FILE_RANGE_WAIT_AFTER),
    ];
    names.iter().filter(|(flag, _)| asked & flag != 0).fold(0, |all, (_, kernel)| all | kernel)
}
