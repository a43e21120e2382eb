//! The engine: what iodyno calls, on the worker's thread. One value is one instance: one worker's.
//!
//! What `queue` costs is measured as if it were the device: after `init` nothing here allocates,
//! locks or prints. iodyno's `docs/engines.md` tells the order of the calls.

use crate::calls::{self, Place};
use crate::options::{self, OPTIONS};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use std::ffi::CStr;
use std::fmt;
use std::time::Duration;

/// An instance. Descriptor, buffer and range come with each request: little to remember.
pub(crate) struct __Type__ {
    delay: Duration,
}

impl Engine for __Type__ {
    const NAME: &'static CStr = c"__NAME__";
    const HELP: &'static CStr = c"positioned reads and writes, one system call each";
    const FLAGS: u64 = IOE_F_SYNC; // never answers Queued
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    // What is not named here is absent: the host sees a null pointer and does without.
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        let delay = options::delay(job)?;
        Ok(Self { delay })
    }

    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        let at = Place::of(&io);
        let result = match io.op() {
            IOE_OP_READ => calls::read(at, io.buf_mut()),
            IOE_OP_WRITE => calls::write(at, io.buf()),
            _ => calls::control(&io),
        };
        io.finish(result)
    }
}

impl __Type__ {
    /// What this instance can do; the flags stay as they are in the constant above.
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(calls::OPS);
        Ok(())
    }

    /// Refuses what cannot be served; all else the host opens, with the flags of the job.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        calls::accept(file)?;
        Ok(Opened::ByHost)
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        calls::describe(io, out)
    }
}
