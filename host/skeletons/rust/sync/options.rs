//! What a job file may say to this engine. The table is data: iodyno parses, checks, documents and
//! completes it without an instance (`iodyno engines show`). One function per option reads its
//! value, which has been checked against the table by then.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job, Opt};
use std::time::Duration;

const DELAY_NS_MAX: i64 = 10_000_000;

/// The rows, for `Engine::OPTIONS`. In a job file: `delay = "50us"`, or `__NAME__.delay`, which
/// holds only while this engine is chosen.
pub(crate) const OPTIONS: &[&ioe_option] = &[&Opt::time_ns(
    c"delay",
    c"wait this long before each request, as a slow device would",
)
.default(c"0")
.range(0, DELAY_NS_MAX)
.build()];

/// How long each request waits.
pub(crate) fn delay(job: &Job) -> Result<Duration, Error> {
    Ok(Duration::from_nanos(job.uint("delay")?.unwrap_or(0)))
}
