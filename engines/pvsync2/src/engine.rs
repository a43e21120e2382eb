//! The engine: one system call with flags for each request.
//!
//! Runs on the worker's thread and answers Completed to everything. Knows its flags and the state
//! of its dice. What a target's kernel lacks is refused in `open_file`, by the probe. Must not
//! allocate or print once the files are open.

use crate::dice::Dice;
use crate::options::{self, OPTIONS};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Request,
};
use iodyno_engine_support::kernel::{Flags, Probe};
use iodyno_engine_support::whole::{rwf, whole, OPS};
use iodyno_engine_support::{fd, iovec};
use std::ffi::CStr;
use std::fmt;

/// An instance.
pub(crate) struct Pvsync2 {
    flags: Flags,
    probe: Probe,
    dice: Dice,
}

impl Engine for Pvsync2 {
    const NAME: &'static CStr = c"pvsync2";
    const HELP: &'static CStr = c"positioned synchronous I/O with flags: preadv2, pwritev2";
    const FLAGS: u64 = IOE_F_SYNC;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let flags = options::read(&host, job)?;
        let probe = Probe::new(host, job, flags);
        Ok(Pvsync2 { flags, probe, dice: Dice::new(job.job_index()) })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let (at, offset) = (io.fd(), io.offset());
        // SAFETY: reads and writes alone come to the two calls, and the buffer of one that is this
        // request's is writable (a read's) or readable (a write's) until the request's end.
        let result = unsafe {
            match io.op() {
                IOE_OP_READ => fd::read_at_with(at, iovec::of(&io), offset, self.rwf(&io)),
                IOE_OP_WRITE => {
                    let flags = self.rwf(&io) | self.flags.writes;
                    fd::write_at_with(at, iovec::of(&io), offset, flags)
                }
                _ => whole(&io).map(|()| io.len()),
            }
        };
        io.finish(result)
    }
}

impl Pvsync2 {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens, if the target can do what the options ask for.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        self.probe.judge(file)?;
        Ok(Opened::ByHost)
    }

    /// The flags of one request: those of all, its own, and what the dice say.
    #[inline]
    fn rwf(&mut self, io: &Request) -> i32 {
        let flags = self.flags.always | rwf(io);
        match self.flags.hipri_percent {
            0 | 100 => flags,
            percent => flags | if self.dice.throw() < percent { libc::RWF_HIPRI } else { 0 },
        }
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let nowait = self.flags.always & libc::RWF_NOWAIT != 0;
        match io.error() {
            libc::EAGAIN if nowait => out.write_str(
                "it would have had to wait, and nowait=1 (ignore_error=EAGAIN counts it as done)",
            ),
            libc::EOPNOTSUPP if matches!(io.op(), IOE_OP_READ | IOE_OP_WRITE) => {
                out.write_str("the target lacks what hipri, nowait, uncached or atomic ask for")
            }
            errno => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }
}
