//! An asynchronous engine of the guide: every request ends a fixed time after its commit. Shown in
//! `docs/engines.md` word for word and driven by the test `guide`, so that the guide's example
//! compiles and works. Moves no data: it shows ownership, depth and waiting, nothing else.

use iodyno_engine_api::abi::{ioe_option, IOE_F_DISKLESS, IOE_F_FAKE};
use iodyno_engine_api::engine::{PlainFn, ReapFn};
use iodyno_engine_api::{Answer, Engine, Error, Host, Io, Job, Opt, Reaped, Unit, Wait};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::time::Duration;

pub(crate) struct Deferred {
    host: Host,
    delay_ns: u64,
    depth: usize,
    taken: Vec<Unit>,               // by queue(), not committed yet
    running: VecDeque<(u64, Unit)>, // committed; when it ends, on the host's clock
}

impl Engine for Deferred {
    const NAME: &'static CStr = c"deferred";
    const HELP: &'static CStr = c"example: requests end a fixed time after their commit";
    const FLAGS: u64 = IOE_F_DISKLESS | IOE_F_FAKE;
    const OPTIONS: &'static [&'static ioe_option] =
        &[&Opt::time_ns(c"delay", c"how long a request takes").default(c"100us").build()];
    // What is not named here is absent from the table that the host sees.
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true;

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let depth = job.iodepth() as usize;
        Ok(Deferred {
            delay_ns: job.uint("delay")?.unwrap_or(100_000),
            depth,
            taken: Vec::with_capacity(depth), // all memory is made here, none per request
            running: VecDeque::with_capacity(depth),
            host,
        })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.taken.len() + self.running.len() == self.depth {
            return io.busy();
        }
        let (unit, answer) = io.keep();
        self.taken.push(unit);
        answer
    }
}

impl Deferred {
    fn commit(&mut self) -> Result<(), Error> {
        let end = self.host.now_ns() + self.delay_ns;
        self.running.extend(self.taken.drain(..).map(|unit| (end, unit)));
        Ok(())
    }

    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let begin = self.host.now_ns();
        loop {
            let now = self.host.now_ns();
            while reaped.room() > 0 && self.running.front().is_some_and(|(end, _)| *end <= now) {
                if let Some((_, unit)) = self.running.pop_front() {
                    let all = unit.len();
                    reaped.push(unit, Ok(all));
                }
            }
            let over = wait.timeout().is_some_and(|t| u128::from(now - begin) >= t.as_nanos());
            // An interrupt is taken once: the next wait is a whole one, so that units drain.
            if reaped.count() >= wait.min || over || self.host.take_interrupt() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(10));
        }
    }
}
