//! The engine: which mode of fallocate(2) serves which request.
//!
//! Runs on the worker's thread and answers Completed to everything. Opens its files itself, since
//! fallocate wants a descriptor that may be written to, also where the job only reads. Must not
//! touch a buffer.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, FileFn, OpenFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, File, Host, Io, Job, Opened};
use iodyno_engine_support::{fd, path, whole::whole};
use std::ffi::CStr;

/// An instance; there is nothing to remember.
pub(crate) struct Falloc;

/// Bit per operation.
const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC;

impl Engine for Falloc {
    const NAME: &'static CStr = c"falloc";
    const HELP: &'static CStr = c"fallocate as requests: allocate, keep the size, punch holes";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_FAKE;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Falloc)
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let (at, offset, len) = (io.fd(), io.offset(), io.len());
        let result = match io.op() {
            IOE_OP_READ => fd::allocate_keeping(at, offset, len),
            IOE_OP_WRITE => fd::allocate(at, offset, len),
            IOE_OP_TRIM => fd::punch_hole(at, offset, len),
            IOE_OP_FSYNC | IOE_OP_FDATASYNC => whole(&io),
            _ => Err(libc::EOPNOTSUPP),
        };
        io.finish(result.map(|()| len))
    }
}

impl Falloc {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if file.kind() != IOE_KIND_REGULAR {
            let name = file.name().to_string_lossy();
            let why = "falloc allocates blocks of regular files, and this is none";
            return Err(Error::new(libc::EINVAL, format!("{name}: {why} (name a file)")));
        }
        let fd = path::open(file).map_err(|errno| path::failed("open", file.name(), errno))?;
        file.set_fd(fd);
        Ok(Opened::ByEngine)
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        path::close(file.fd());
        file.set_fd(-1);
        Ok(())
    }
}
