//! The engine: one ftruncate(2) for each write.
//!
//! Runs on the worker's thread and answers Completed to everything. Cuts files that exist: what
//! lies behind the request is gone. Must not touch a buffer.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, OpenFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, File, Host, Io, Job, Opened};
use iodyno_engine_support::{fd, whole::whole};
use std::ffi::CStr;

/// An instance; there is nothing to remember.
pub(crate) struct Ftruncate;

/// Bit per operation.
const OPS: u64 = 1 << IOE_OP_WRITE | 1 << IOE_OP_FSYNC | 1 << IOE_OP_FDATASYNC;

impl Engine for Ftruncate {
    const NAME: &'static CStr = c"ftruncate";
    const HELP: &'static CStr = c"ftruncate as requests: a write sets the file's length";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_FAKE;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Ftruncate)
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let len = io.len();
        let result = match io.op() {
            IOE_OP_WRITE => fd::truncate(io.fd(), io.offset().saturating_add(len)),
            IOE_OP_FSYNC | IOE_OP_FDATASYNC => whole(&io),
            _ => Err(libc::EOPNOTSUPP),
        };
        io.finish(result.map(|()| len))
    }
}

impl Ftruncate {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens what has a length that can be set.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if file.kind() != IOE_KIND_REGULAR {
            let name = file.name().to_string_lossy();
            let why = "ftruncate sets the length of regular files, and this is none";
            return Err(Error::new(libc::EINVAL, format!("{name}: {why} (name a file)")));
        }
        Ok(Opened::ByHost)
    }
}
