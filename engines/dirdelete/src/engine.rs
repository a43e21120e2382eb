//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes no directories: they are
//! made when their names are opened, before the start. Must not open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{prepare::have_directory, Action};
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Removes an empty directory.
#[derive(Debug)]
pub(crate) struct DirDelete;

impl Action for DirDelete {
    const NAME: &'static CStr = c"dirdelete";
    const HELP: &'static CStr = c"a request removes an empty directory: rmdir";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = false;
    const SPENT: Errno = libc::ENOENT;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(DirDelete)
    }

    fn prepare(&self, name: &CStr, _kind: u32) -> Result<(), Error> {
        have_directory(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::rmdir(name)
    }
}
