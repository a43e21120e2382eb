//! The engine: which system call serves which request.
//!
//! Runs on the worker's thread and answers Completed to everything. Keeps no state: descriptor,
//! buffer and range come with the request. Must not open, allocate or print.

use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::CapsFn;
use iodyno_engine_api::{Answer, Caps, Engine, Error, Host, Io, Job};
use iodyno_engine_support::whole::{rwf, whole, OPS};
use iodyno_engine_support::{errno::Errno, fd, iovec};
use std::ffi::CStr;

/// An instance; there is nothing to remember.
pub(crate) struct Psync;

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
