//! What a job file may say to this engine. The table is data: iodyno parses, checks, documents and
//! completes it without an instance (`iodyno engines show`). One function per option reads its
//! value, which has been checked against the table by then.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job, Opt};

/// The rows, for `Engine::OPTIONS`. In a job file: `threads = 8`, or `__NAME__.threads`, which
/// holds only while this engine is chosen.
pub(crate) const OPTIONS: &[&ioe_option] =
    &[
        &Opt::uint(c"threads", c"threads that do the requests of one job")
            .default(c"4")
            .range(1, 64)
            .build(),
    ];

/// How many threads an instance has.
pub(crate) fn threads(job: &Job) -> Result<u64, Error> {
    Ok(job.uint("threads")?.unwrap_or(4))
}
