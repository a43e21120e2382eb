//! The engine: a request is a run of the program.
//!
//! Runs on the worker's thread. `queue` starts the program, `getevents` waits for its end, and a
//! wait that `terminate` interrupts ends it: SIGTERM, a grace, SIGKILL. One program at a time.
//! Knows nothing of targets and buffers.

use crate::options::{order, Order, OPTIONS};
use crate::program::{Ended, Program};
use crate::waiting::Bell;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, OpenFn, ReapFn};
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Reaped, Unit, Wait,
};
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An instance.
pub(crate) struct Exec {
    host: Host,
    order: Order,
    bell: Arc<Bell>,
    running: Option<Running>,
    /// Why the last run failed.
    words: String,
}

/// A program and the request that it serves.
struct Running {
    program: Program,
    unit: Option<Unit>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // An instance that ends before its program takes the request with it: nobody will ask.
        if let Some(unit) = self.unit.take() {
            let _lost = unit.into_raw();
        }
    }
}

impl Engine for Exec {
    const NAME: &'static CStr = c"exec";
    const HELP: &'static CStr = c"runs a program beside a load; does no I/O of its own";
    const FLAGS: u64 = IOE_F_DISKLESS | IOE_F_FAKE | IOE_F_NOIO;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let bell = Bell::new().map_err(|error| {
            Error::new(error.raw_os_error().unwrap_or(libc::EIO), format!("eventfd: {error}"))
        })?;
        let bell = Arc::new(bell);
        let rung = Arc::clone(&bell);
        host.on_terminate(move || rung.ring())?;
        Ok(Exec { order: order(job)?, host, bell, running: None, words: String::new() })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.running.is_some() {
            return io.busy();
        }
        match Program::start(&self.order) {
            Ok(program) => {
                let (unit, answer) = io.keep();
                self.running = Some(Running { program, unit: Some(unit) });
                answer
            }
            Err(why) => {
                self.words = format!("start {}: {why}", self.order.program.display());
                io.finish(Err(why.raw_os_error().unwrap_or(libc::EIO)))
            }
        }
    }
}

impl Exec {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_max_depth(1);
        Ok(())
    }

    /// A target is a name and nothing else.
    fn open_file(&mut self, _file: &mut File<'_>) -> Result<Opened, Error> {
        Ok(Opened::ByEngine)
    }

    fn getevents(&mut self, asked: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let limit = if asked.min == 0 { Some(Duration::ZERO) } else { asked.timeout() };
        let until = limit.map(|limit| Instant::now() + limit);
        while reaped.room() > 0 {
            let Some(running) = &mut self.running else { return Ok(()) };
            if self.host.take_interrupt() {
                running.program.end();
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let waited = running.program.wait(&self.bell, left);
            let ended = waited.map_err(|why| {
                let errno = why.raw_os_error().unwrap_or(libc::EIO);
                Error::new(errno, format!("wait for {}: {why}", self.order.program.display()))
            })?;
            match ended {
                Some(ended) => self.hand_back(ended, reaped),
                None if left == Some(Duration::ZERO) => return Ok(()),
                None => {}
            }
        }
        Ok(())
    }

    fn hand_back(&mut self, ended: Ended, reaped: &mut Reaped<'_>) {
        let Some(unit) = self.running.take().and_then(|mut running| running.unit.take()) else {
            return;
        };
        let program = self.order.program.display();
        let output = match &self.order.files {
            Some((_, stderr)) => format!(" (what it said is in {})", stderr.display()),
            None => String::new(),
        };
        let failure = match ended {
            Ended::Well => None,
            Ended::Killed => {
                let grace = self.order.grace.as_secs();
                let text = format!("{program} did not end within {grace} s of SIGTERM: killed");
                self.host.log(Level::Warn, &text);
                None
            }
            Ended::Status(status) => Some(format!("{program} ended with status {status}{output}")),
            Ended::Signal(signal) => {
                Some(format!("{program} was ended by signal {signal}, not by this job{output}"))
            }
        };
        match failure {
            None => reaped.push_all(unit),
            Some(words) => {
                self.words = words;
                reaped.push(unit, Err(libc::EIO));
            }
        }
    }

    fn errdetails(&mut self, _failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(&self.words)
    }
}
