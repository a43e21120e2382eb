//! The engine: which system call serves which request.
//!
//! Runs on the worker's thread and answers Completed to everything. Keeps no state: descriptor,
//! buffer and range come with the request. Must not open, allocate or print.

use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::CapsFn;
use iodyno_engine_api::{Answer, Caps, Engine, Error, Host, Io, Job, Request};
use iodyno_engine_support::{errno::Errno, fd, iovec};
use std::ffi::CStr;

/// An instance; there is nothing to remember.
pub(crate) struct Psync;

/// Bit per operation that [`Engine::queue`] below knows.
const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC
    | 1 << IOE_OP_SYNC_RANGE
    | 1 << IOE_OP_WRITE_ZEROES;

impl Engine for Psync {
    const NAME: &'static CStr = c"psync";
    const HELP: &'static CStr = c"positioned synchronous I/O: pread, pwrite";
    const FLAGS: u64 = IOE_F_SYNC;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Psync)
    }

    #[inline]
    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let result = match io.op() {
            IOE_OP_READ => read(&mut io),
            IOE_OP_WRITE => write(&io),
            _ => whole(&io).map(|()| io.len()),
        };
        io.finish(result)
    }
}

impl Psync {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }
}

#[inline]
fn read(io: &mut Io<'_>) -> Result<u64, Errno> {
    let (at, offset) = (io.fd(), io.offset());
    match rwf(io) {
        0 => fd::read_at(at, io.buf_mut(), offset),
        // SAFETY: the buffer is this request's, writable until its end.
        flags => unsafe { fd::read_at_with(at, iovec::of(io), offset, flags) },
    }
}

#[inline]
fn write(io: &Io<'_>) -> Result<u64, Errno> {
    match rwf(io) {
        0 => fd::write_at(io.fd(), io.buf(), io.offset()),
        // SAFETY: the buffer is this request's, readable until its end.
        flags => unsafe { fd::write_at_with(io.fd(), iovec::of(io), io.offset(), flags) },
    }
}

/// The request's flags as the kernel names them.
#[inline]
fn rwf(io: &Request) -> i32 {
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
fn range_flags(io: &Request) -> u32 {
    const ALL: u64 = IOE_IO_SYNC_WAIT_BEFORE | IOE_IO_SYNC_WRITE | IOE_IO_SYNC_WAIT_AFTER;
    let asked = if io.flags() & ALL == 0 { ALL } else { io.flags() };
    let names = [
        (IOE_IO_SYNC_WAIT_BEFORE, libc::SYNC_FILE_RANGE_WAIT_BEFORE),
        (IOE_IO_SYNC_WRITE, libc::SYNC_FILE_RANGE_WRITE),
        (IOE_IO_SYNC_WAIT_AFTER, libc::SYNC_FILE_RANGE_WAIT_AFTER),
    ];
    names.iter().filter(|(flag, _)| asked & flag != 0).fold(0, |all, (_, kernel)| all | kernel)
}

/// Requests that are done as a whole or not at all.
fn whole(io: &Request) -> Result<(), Errno> {
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
