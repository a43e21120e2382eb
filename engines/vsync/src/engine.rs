//! The engine: takes neighbours until commit, refuses what does not fit, hands back what is done.
//!
//! Runs on the worker's thread. Reads and writes are Queued, everything else is Completed at once,
//! but never before what was taken earlier: then it is Busy, and the host commits first. All memory
//! is made in `init`. Must not open or print, nor wait in `getevents`: commit has done the work.

use crate::chain::Chain;
use crate::options::OPTIONS;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, OpenFn, PlainFn, ReapFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, File, Host, Io, Job, Opened, Reaped, Wait};
use iodyno_engine_support::whole::{whole, OPS};
use std::ffi::CStr;

/// An instance.
pub(crate) struct Vsync {
    chain: Chain,
}

impl Engine for Vsync {
    const NAME: &'static CStr = c"vsync";
    const HELP: &'static CStr = c"one readv or writev for requests that follow one another";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        Ok(Vsync { chain: Chain::new(job.iodepth() as usize) })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        match io.op() {
            IOE_OP_READ | IOE_OP_WRITE if self.chain.fits(&io) => {
                let (unit, answer) = io.keep();
                self.chain.take(unit);
                answer
            }
            IOE_OP_READ | IOE_OP_WRITE => io.busy(),
            _ if !self.chain.is_empty() => io.busy(),
            _ => {
                let result = whole(&io).map(|()| io.len());
                io.finish(result)
            }
        }
    }
}

impl Vsync {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens; the position of what it opens is not known yet.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        self.chain.opened(file);
        Ok(Opened::ByHost)
    }

    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        self.chain.transfer();
        Ok(())
    }

    #[inline]
    fn getevents(&mut self, _wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.chain.hand_back(reaped);
        Ok(())
    }
}
