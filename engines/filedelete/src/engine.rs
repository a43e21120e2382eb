//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes the files before the
//! start (IOE_F_NOEXTEND). Must not open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{
    prepare::{self, is_file},
    Action,
};
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Removes a file.
#[derive(Debug)]
pub(crate) struct FileDelete;

impl Action for FileDelete {
    const NAME: &'static CStr = c"filedelete";
    const HELP: &'static CStr = c"a request removes a file: unlink";
    const FLAGS: u64 = IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = false;
    const SPENT: Errno = libc::ENOENT;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(FileDelete)
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)?;
        prepare::has_parent(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::unlink(name)
    }
}
