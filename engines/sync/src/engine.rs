//! The engine: seeks where it has to, and reads or writes there.
//!
//! Runs on the worker's thread and answers Completed to everything. Knows where each descriptor
//! stands, and nothing else. Must not open or print, nor allocate after the files are open.

use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, OpenFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, File, Host, Io, Job, Opened};
use iodyno_engine_support::position::Positions;
use iodyno_engine_support::whole::{rwf, whole, OPS};
use iodyno_engine_support::{errno::Errno, fd, iovec};
use std::ffi::CStr;

/// An instance.
pub(crate) struct Sync {
    positions: Positions,
}

impl Engine for Sync {
    const NAME: &'static CStr = c"sync";
    const HELP: &'static CStr = c"lseek, where the position is another one, then read or write";
    const FLAGS: u64 = IOE_F_SYNC;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Sync { positions: Positions::default() })
    }

    #[inline]
    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let result = match io.op() {
            IOE_OP_READ | IOE_OP_WRITE => self.transfer(&mut io),
            _ => whole(&io).map(|()| io.len()),
        };
        io.finish(result)
    }
}

impl Sync {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens; the position of what it opens is not known yet.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        self.positions.opened(file);
        Ok(Opened::ByHost)
    }

    #[inline]
    fn transfer(&mut self, io: &mut Io<'_>) -> Result<u64, Errno> {
        let offset = io.offset();
        let at = match io.file() {
            Some(file) => {
                self.positions.go(&file, offset)?;
                file.fd()
            }
            None => return Err(libc::EBADF),
        };
        let result = match (io.op(), rwf(io)) {
            (IOE_OP_READ, 0) => fd::read(at, io.buf_mut()),
            (_, 0) => fd::write(at, io.buf()),
            // SAFETY: the buffer is this request's, writable until its end.
            (IOE_OP_READ, flags) => unsafe { fd::readv(at, &[iovec::of(io)], flags) },
            // SAFETY: the buffer is this request's, readable until its end.
            (_, flags) => unsafe { fd::writev(at, &[iovec::of(io)], flags) },
        };
        if let Some(file) = io.file() {
            self.positions.moved(&file, offset, result);
        }
        result
    }
}
