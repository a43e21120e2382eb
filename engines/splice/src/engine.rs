//! The engine: two system calls and a pipe for each request.
//!
//! Runs on the worker's thread and answers Completed to everything. Keeps the pipe and nothing
//! else; opens a new one where an error left something in the old one. Must not allocate or print
//! once there is an instance.

use crate::duct::Duct;
use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Request,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fd;
use iodyno_engine_support::whole::{whole, OPS};
use std::ffi::CStr;
use std::fmt;

/// An instance.
pub(crate) struct Splice {
    duct: Duct,
}

impl Engine for Splice {
    const NAME: &'static CStr = c"splice";
    const HELP: &'static CStr = c"splice between file and pipe; vmsplice from the buffer";
    const FLAGS: u64 = IOE_F_SYNC;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        let duct = Duct::new(job.max_bs()).map_err(|errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("no pipe to be had: {why}"))
        })?;
        Ok(Splice { duct })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let (at, offset, len) = (io.fd(), io.offset(), io.len());
        let result = match (io.op(), offset.checked_add(len)) {
            (IOE_OP_READ | IOE_OP_WRITE, None) => Err(libc::EINVAL),
            // SAFETY: the buffer is this request's, writable until its end.
            (IOE_OP_READ, _) => unsafe { self.duct.read(at, offset, io.buf_ptr(), len) },
            (IOE_OP_WRITE, _) => self.write(&io),
            _ => whole(&io).map(|()| len),
        };
        io.finish(result)
    }
}

impl Splice {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens. From pipe to pipe the buffer's own pages would go to the reader, who would
    /// see them change: what is no storage is refused.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let what = match file.kind() {
            IOE_KIND_PIPE => "a pipe or socket",
            IOE_KIND_DIR => "a directory",
            _ => return Ok(Opened::ByHost),
        };
        let name = file.name().to_string_lossy();
        let words = format!("{name} is {what}: there has to be a file or a device");
        Err(Error::new(libc::EINVAL, words))
    }

    /// splice has no flag for a write that is to be on the medium: it costs a call more.
    #[inline]
    fn write(&mut self, io: &Request) -> Result<u64, Errno> {
        // SAFETY: the buffer is this request's, readable and unchanged until its end.
        let done = unsafe { self.duct.write(io.fd(), io.offset(), io.buf_ptr(), io.len()) }?;
        if io.flags() & IOE_IO_FUA != 0 {
            fd::fdatasync(io.fd())?;
        }
        Ok(done)
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let direct = io.file().is_some_and(|file| file.open_flags() & IOE_OPEN_DIRECT != 0);
        match io.error() {
            libc::EINVAL if !direct && matches!(io.op(), IOE_OP_READ | IOE_OP_WRITE) => {
                out.write_str("the target's file system or device cannot splice, or not there")
            }
            errno => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }
}
