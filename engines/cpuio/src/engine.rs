//! The engine: burns, rests, and comes back often.
//!
//! Runs on the worker's thread. A request is a step of a few milliseconds at most, after which the
//! host looks whether the job's time is up; the cycle of burning and resting goes on over steps.
//! Knows nothing of targets and buffers.

use crate::burn::Burner;
use crate::options::{burning, Burning, OPTIONS};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::OpenFn;
use iodyno_engine_api::{Answer, Engine, Error, File, Host, Io, Job, Opened};
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// The longest step.
const STEP: Duration = Duration::from_millis(2);

/// An instance.
pub(crate) struct Cpuio {
    burning: Burning,
    burner: Burner,
    /// When the present cycle began; none before the first step.
    cycle_begin: Option<Instant>,
}

impl Engine for Cpuio {
    const NAME: &'static CStr = c"cpuio";
    const HELP: &'static CStr = c"burns CPU time beside a load; does no I/O";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE | IOE_F_NOIO;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        let burning = burning(job)?;
        Ok(Cpuio { burning, burner: Burner::new(burning.sorts), cycle_begin: None })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        self.step(Instant::now());
        io.finish_all()
    }
}

impl Cpuio {
    /// A target is a name and nothing else.
    fn open_file(&mut self, _file: &mut File<'_>) -> Result<Opened, Error> {
        Ok(Opened::ByEngine)
    }

    fn step(&mut self, now: Instant) {
        let mut begin = *self.cycle_begin.get_or_insert(now);
        if now >= begin + self.burning.cycle {
            // What was lost to others is not made up for: that would be more than cpuload.
            begin = now;
            self.cycle_begin = Some(now);
        }
        let step_end = now + STEP;
        let burn_end = begin + self.burning.burn;
        if now < burn_end {
            return self.burner.until(burn_end.min(step_end));
        }
        let rest_end = (begin + self.burning.cycle).min(step_end);
        std::thread::sleep(rest_end.saturating_duration_since(now));
    }
}
