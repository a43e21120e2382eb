//! The option table of null, and its reading. The table is what `iodyno engines show null` prints;
//! `engine` asks here what an instance is to be. Reads checked values only: types and choices were
//! judged by the host.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};

const AUTO: u64 = 0;
const SYNC: u64 = 1;
const ASYNC: u64 = 2;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[&Opt::choice(
    c"completion",
    c"when a request is answered: in queue() itself, or later through getevents()",
    &[
        &choice(c"auto", AUTO, c"sync at iodepth 1, async above"),
        &choice(c"sync", SYNC, c"in queue(), at any iodepth"),
        &choice(c"async", ASYNC, c"through commit() and getevents(), at any iodepth"),
    ],
)
.default(c"auto")
.build()];

/// Whether the job's instance answers Queued.
pub(crate) fn is_async(job: &Job) -> Result<bool, Error> {
    match job.uint("completion")?.unwrap_or(AUTO) {
        AUTO => Ok(job.iodepth() > 1),
        SYNC => Ok(false),
        ASYNC => Ok(true),
        other => Err(Error::new(libc::EINVAL, format!("completion: no choice has value {other}"))),
    }
}
