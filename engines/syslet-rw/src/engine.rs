//! The engine: tries, and hands over what would have to wait.
//!
//! Runs on the worker's thread. Reads and writes that need no waiting are Completed in `queue`;
//! all else is Queued, handed to a thread in `commit` and handed back in `getevents`. All memory
//! and all threads are made in `init`. Must not wait but in `getevents`, and takes no lock
//! anywhere.

use crate::calls::{attempt, Attempt};
use crate::options::OPTIONS;
use crate::pool::Pool;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, OpenFn, PlainFn, ReapFn};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, File, Host, Io, Job, Opened, Reaped, Request, Wait,
};
use iodyno_engine_support::whole::OPS;
use std::ffi::CStr;

/// Threads, and so requests in flight, of an instance at most.
const THREADS_MAX: u32 = 1024;

/// An instance.
pub(crate) struct SysletRw {
    host: Host,
    pool: Pool,
    tries: Vec<Tries>,
}

/// What of a file is worth a try.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    reads: bool,
    writes: bool,
}

impl Engine for SysletRw {
    const NAME: &'static CStr = c"syslet-rw";
    const HELP: &'static CStr =
        c"tries without waiting (RWF_NOWAIT), else a thread for each request";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true;

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        // A job that is deeper is refused by the host, which asks get_caps.
        let pool = Pool::new(job.iodepth().clamp(1, THREADS_MAX))?;
        let waker = pool.waker();
        host.on_terminate(move || waker.wake())?;
        Ok(SysletRw { host, pool, tries: Vec::new() })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let done = match self.attempt(&io) {
            Attempt::Over(result) => return io.finish(result),
            Attempt::Waits(done) => done,
            Attempt::Unasked => 0,
        };
        if !self.pool.has_room() {
            return io.busy();
        }
        let (unit, answer) = io.keep();
        self.pool.take(unit, done);
        answer
    }
}

impl SysletRw {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        caps.set_max_depth(THREADS_MAX);
        Ok(())
    }

    /// The host opens. Without the page cache every transfer has to wait for the device, and the
    /// kernel would do just that in spite of RWF_NOWAIT: nothing is tried then.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let index = file.index() as usize;
        if self.tries.len() <= index {
            self.tries.resize(index + 1, Tries::default());
        }
        let set = |flags| file.open_flags() & flags != 0;
        let (direct, durable) = (set(IOE_OPEN_DIRECT), set(IOE_OPEN_SYNC | IOE_OPEN_DSYNC));
        self.tries[index] = Tries { reads: !direct, writes: !direct && !durable };
        Ok(Opened::ByHost)
    }

    /// Tries what may be done without waiting; the rest is not even asked.
    #[inline]
    fn attempt(&mut self, io: &Request) -> Attempt {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(tries) = self.tries.get_mut(index) else { return Attempt::Unasked };
        let worth = match io.op() {
            IOE_OP_READ => &mut tries.reads,
            IOE_OP_WRITE if io.flags() & IOE_IO_FUA == 0 => &mut tries.writes,
            _ => return Attempt::Unasked,
        };
        if !*worth {
            return Attempt::Unasked;
        }
        let attempt = attempt(io);
        if attempt == Attempt::Unasked {
            *worth = false; // one system call saved on each request from now on
        }
        attempt
    }

    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        self.pool.submit();
        Ok(())
    }

    #[inline]
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.pool.reap(wait, reaped, &self.host);
        Ok(())
    }
}
