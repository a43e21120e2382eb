//! The engine: what iodyno calls, on the worker's thread. One value is one instance: one worker's.
//!
//! `queue` takes, `commit` submits what was taken, `getevents` hands back. What that costs is
//! measured as if it were the device: after `init` nothing here allocates or prints. iodyno's
//! `docs/engines.md` tells the order of the calls.

use crate::calls;
use crate::options::{self, OPTIONS};
use crate::pool::Pool;
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn, PlainFn, ReapFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use iodyno_engine_api::{Reaped, Unit, Wait};
use std::ffi::CStr;
use std::fmt;

/// An instance.
pub(crate) struct __Type__ {
    host: Host,
    pool: Pool,
    depth: usize,
    held: usize,      // units that are the engine's: taken, at work or done
    taken: Vec<Unit>, // by queue(), not committed yet
}

impl Engine for __Type__ {
    const NAME: &'static CStr = c"__NAME__";
    const HELP: &'static CStr = c"positioned reads and writes on threads of its own";
    const FLAGS: u64 = 0; // without IOE_F_SYNC it may answer Queued
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    // What is not named here is absent: the host sees a null pointer and does without.
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true; // a wait can be interrupted
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let depth = job.iodepth() as usize;
        let pool = Pool::new(options::threads(job)?, depth)?;
        let waker = pool.waker();
        host.on_terminate(move || waker.wake())?;
        Ok(Self {
            host,
            pool,
            depth,
            held: 0,
            taken: Vec::with_capacity(depth),
        })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.held == self.depth {
            return io.busy(); // nothing was taken; the host commits, reaps, offers it again
        }
        let (unit, answer) = io.keep();
        self.taken.push(unit);
        self.held += 1;
        answer
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

    fn commit(&mut self) -> Result<(), Error> {
        self.pool.submit(&mut self.taken);
        Ok(())
    }

    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        // An interrupt is taken once: it shortens one wait, the next is a whole one, so that units
        // drain.
        self.pool.reap(wait, reaped, || self.host.take_interrupt());
        self.held -= reaped.count() as usize;
        Ok(())
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        calls::describe(io, out)
    }
}
