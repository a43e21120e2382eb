//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes no directories: they are
//! made when their names are opened, before the start. Must not open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{
    look::{self, Look},
    prepare::have_directory,
    Action,
};
use std::ffi::CStr;

/// Looks at a directory.
#[derive(Debug)]
pub(crate) struct DirStat(Look);

impl Action for DirStat {
    const NAME: &'static CStr = c"dirstat";
    const HELP: &'static CStr = c"a request looks at a directory: stat, lstat or statx";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = look::OPTIONS;
    const MAKES: bool = false;
    const SPENT: Errno = libc::ENOENT;

    fn new(job: &Job) -> Result<Self, Error> {
        Ok(DirStat(look::look(job)?))
    }

    fn prepare(&self, name: &CStr, _kind: u32) -> Result<(), Error> {
        have_directory(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        (self.0)(name).map(drop)
    }
}
