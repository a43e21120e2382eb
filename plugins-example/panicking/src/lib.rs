//! An engine that panics where it is told to, after `after` good requests: for the project's tests
//! of the border, which a panic never crosses.
//!
//! The counterpart in Rust of `plugins-example/faulty`. Moves no data.

use iodyno_engine_api::engine::{PlainFn, ReapFn};
use iodyno_engine_api::{
    abi::*, choice, export_plugin, Answer, Engine, Error, Host, Io, Job, Opt, Reaped, Unit, Wait,
};
use std::ffi::CStr;

const INIT: u64 = 1;
const START: u64 = 2;
const QUEUE: u64 = 3;
const KEPT: u64 = 4;
const COMMIT: u64 = 5;
const GETEVENTS: u64 = 6;
const DROP: u64 = 7;

struct Panicking {
    place: u64,
    after: u64,
    good: u64,
    kept: Vec<Unit>,
}

impl Panicking {
    fn at(&self, place: u64) {
        let now = self.place == place && self.good >= self.after;
        assert!(!now, "bang after {} requests", self.good);
    }

    fn start(&mut self) -> Result<(), Error> {
        self.at(START);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.at(COMMIT);
        Ok(())
    }

    fn getevents(&mut self, _wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.at(GETEVENTS);
        while reaped.room() > 0 {
            let Some(unit) = self.kept.pop() else { break };
            reaped.push_all(unit);
        }
        Ok(())
    }
}

impl Engine for Panicking {
    const NAME: &'static CStr = c"panicking";
    const HELP: &'static CStr = c"panics where it is told to";
    const FLAGS: u64 = IOE_F_DISKLESS | IOE_F_FAKE;
    const OPTIONS: &'static [&'static ioe_option] = &[
        &Opt::choice(
            c"panic_in",
            c"the callback",
            &[
                &choice(c"nothing", 0, c"a correct engine"),
                &choice(c"init", INIT, c"init"),
                &choice(c"start", START, c"start"),
                &choice(c"queue", QUEUE, c"queue, before the request is kept"),
                &choice(c"kept", KEPT, c"queue, once the request is kept"),
                &choice(c"commit", COMMIT, c"commit"),
                &choice(c"getevents", GETEVENTS, c"getevents"),
                &choice(c"drop", DROP, c"the end of the instance"),
            ],
        )
        .default(c"nothing")
        .build(),
        &Opt::uint(c"after", c"good requests before it").default(c"0").range(0, 1 << 32).build(),
    ];
    const START: Option<PlainFn<Self>> = Some(Self::start);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        let place = job.uint("panic_in")?.unwrap_or(0);
        let after = job.uint("after")?.unwrap_or(0);
        let engine = Panicking { place, after, good: 0, kept: Vec::new() };
        if place == INIT {
            engine.at(INIT);
        }
        Ok(engine)
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        self.at(QUEUE);
        let (unit, answer) = io.keep();
        self.kept.push(unit);
        self.at(KEPT);
        self.good += 1;
        answer
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        assert!(self.place != DROP, "bang after {} requests", self.good);
    }
}

export_plugin! {
    id: "org.iodyno.example.panicking",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Panicking],
}
