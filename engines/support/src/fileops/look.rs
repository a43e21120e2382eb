//! The option `stat_type` of engines that look at names, and its reading: which system call looks.
//!
//! Called by their actions. Reads checked values only: types and choices were judged by the host.

use crate::errno::Errno;
use crate::path;
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};
use std::ffi::CStr;

const STAT: u64 = 0;
const LSTAT: u64 = 1;
const STATX: u64 = 2;

/// The rows, for `Engine::OPTIONS`.
pub const OPTIONS: &[&ioe_option] = &[&Opt::choice(
    c"stat_type",
    c"which system call looks at a file",
    &[
        &choice(c"stat", STAT, c"stat(2): what the name leads to"),
        &choice(c"lstat", LSTAT, c"lstat(2): the name itself, also where it is a symbolic link"),
        &choice(c"statx", STATX, c"statx(2), asking for everything that there is"),
    ],
)
.default(c"stat")
.build()];

/// Looks at a name.
pub type Look = fn(&CStr) -> Result<libc::mode_t, Errno>;

/// The call that the job wants.
pub fn look(job: &Job) -> Result<Look, Error> {
    match job.uint("stat_type")?.unwrap_or(STAT) {
        STAT => Ok(path::stat),
        LSTAT => Ok(path::lstat),
        STATX => Ok(path::statx),
        other => Err(Error::new(libc::EINVAL, format!("stat_type: no choice has value {other}"))),
    }
}
