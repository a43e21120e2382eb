//! The engine: answers at once, or keeps the unit until it is asked for.
//!
//! Runs on the worker's thread, a few nanoseconds a call. Touches neither buffer nor result: the
//! host zeroed the result, and zero means done in full. Must not allocate, lock or make a system
//! call after `init`.

use crate::options::{is_async, OPTIONS};
use crate::ring::Ring;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, OpenFn, PlainFn, ReapFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, File, Host, Io, Job, Opened, Reaped, Wait};
use std::ffi::CStr;

/// An instance: with a ring if it is asynchronous.
pub(crate) struct Null {
    ring: Option<Ring>,
}

/// Bit per operation of ABI 1.0: nothing is as easy as all of them.
const OPS: u64 = (1 << (IOE_OP_WRITE_ZEROES + 1)) - 1;

impl Engine for Null {
    const NAME: &'static CStr = c"null";
    const HELP: &'static CStr = c"does nothing, instantly: measures the host itself";
    const FLAGS: u64 = IOE_F_DISKLESS | IOE_F_FAKE;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        let ring = is_async(job)?.then(|| Ring::new(job.iodepth() as usize));
        Ok(Null { ring })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        match &mut self.ring {
            None => io.finish_all(),
            Some(ring) if ring.has_room() => {
                let (unit, answer) = io.keep();
                ring.take(unit);
                answer
            }
            Some(_) => io.busy(),
        }
    }
}

impl Null {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        if self.ring.is_none() {
            caps.set_flags(caps.flags() | IOE_F_SYNC);
        }
        Ok(())
    }

    /// A target is a name and nothing else.
    fn open_file(&mut self, _file: &mut File<'_>) -> Result<Opened, Error> {
        Ok(Opened::ByEngine)
    }

    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        if let Some(ring) = &mut self.ring {
            ring.commit();
        }
        Ok(())
    }

    /// What is committed is done, so there is nothing to wait for, whatever `wait` asks.
    #[inline]
    fn getevents(&mut self, _wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        if let Some(ring) = &mut self.ring {
            ring.hand_back(reaped);
        }
        Ok(())
    }
}
