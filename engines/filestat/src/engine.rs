//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes the files before the
//! start (IOE_F_NOEXTEND). Must not open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{
    look::{self, Look},
    prepare::{self, is_file},
    Action,
};
use std::ffi::CStr;

/// Looks at a file.
#[derive(Debug)]
pub(crate) struct FileStat(Look);

impl Action for FileStat {
    const NAME: &'static CStr = c"filestat";
    const HELP: &'static CStr = c"a request looks at a file: stat, lstat or statx";
    const FLAGS: u64 = IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = look::OPTIONS;
    const MAKES: bool = false;
    const SPENT: Errno = libc::ENOENT;

    fn new(job: &Job) -> Result<Self, Error> {
        Ok(FileStat(look::look(job)?))
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)?;
        prepare::is_there(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        (self.0)(name).map(drop)
    }
}
