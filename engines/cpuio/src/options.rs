//! The option table of cpuio, and its reading. Names and defaults are fio's. `engine` asks here how
//! long it is to burn and to rest; the host reads `exit_on_io_done` itself, for it knows when the
//! others are through. Reads checked values only.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};
use std::time::Duration;

const NOOP: u64 = 0;
const QSORT: u64 = 1;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::uint(c"cpuload", c"percent of one CPU to burn").range(1, 100).required().build(),
    &Opt::uint(
        c"cpuchunks",
        c"microseconds of burning at a time; a rest follows that makes cpuload",
    )
    .alias(c"cpuchunk")
    .range(1, 3_600_000_000)
    .default(c"50000")
    .build(),
    &Opt::choice(
        c"cpumode",
        c"how to burn",
        &[
            &choice(c"noop", NOOP, c"a loop that does nothing"),
            &choice(c"qsort", QSORT, c"sorting of random numbers, which takes more power"),
        ],
    )
    .default(c"noop")
    .build(),
    &Opt::boolean(c"exit_on_io_done", c"end when no other job does I/O, also before runtime")
        .default(c"0")
        .build(),
];

/// How an instance is to burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burning {
    /// At a time.
    pub(crate) burn: Duration,
    /// From the begin of one burning to that of the next.
    pub(crate) cycle: Duration,
    /// By sorting.
    pub(crate) sorts: bool,
}

/// What the job wants.
pub(crate) fn burning(job: &Job) -> Result<Burning, Error> {
    let needed = || Error::new(libc::EINVAL, "cpuload is needed: percent of a CPU, 1 to 100");
    let load = job.uint("cpuload")?.filter(|load| (1..=100).contains(load)).ok_or_else(needed)?;
    let burn_us = job.uint("cpuchunks")?.unwrap_or(50_000).max(1);
    Ok(Burning {
        burn: Duration::from_micros(burn_us),
        cycle: Duration::from_nanos(burn_us.saturating_mul(100_000) / load),
        sorts: job.uint("cpumode")?.unwrap_or(NOOP) == QSORT,
    })
}
