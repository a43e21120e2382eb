//! The engine: which system call serves which request.
//!
//! Runs on the worker's thread and answers Completed to everything. Keeps no state: descriptor,
//! buffer and range come with the request. Must not open, allocate or print.

use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::CapsFn;
use iodyno_engine_api::{Answer, Caps, Engine, Error, Host, Io, Job};
use iodyno_engine_support::whole::{rwf, whole, OPS};
use iodyno_engine_support::{fd, iovec};
use std::ffi::CStr;

/// An instance; there is nothing to remember.
pub(crate) struct Pvsync;

impl Engine for Pvsync {
    const NAME: &'static CStr = c"pvsync";
    const HELP: &'static CStr = c"positioned synchronous I/O, vectored: preadv, pwritev";
    const FLAGS: u64 = IOE_F_SYNC;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Pvsync)
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let (at, offset) = (io.fd(), io.offset());
        // SAFETY: reads and writes alone come to the four calls, and the buffer of one that is this
        // request's is writable (a read's) or readable (a write's) until the request's end.
        let result = unsafe {
            match (io.op(), rwf(&io)) {
                (IOE_OP_READ, 0) => fd::readv_at(at, iovec::of(&io), offset),
                (IOE_OP_WRITE, 0) => fd::writev_at(at, iovec::of(&io), offset),
                (IOE_OP_READ, flags) => fd::read_at_with(at, iovec::of(&io), offset, flags),
                (IOE_OP_WRITE, flags) => fd::write_at_with(at, iovec::of(&io), offset, flags),
                _ => whole(&io).map(|()| io.len()),
            }
        };
        io.finish(result)
    }
}

impl Pvsync {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }
}
