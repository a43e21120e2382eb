//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes no directories. Must not
//! open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{prepare::has_parent, Action};
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Makes a directory.
#[derive(Debug)]
pub(crate) struct DirCreate;

impl Action for DirCreate {
    const NAME: &'static CStr = c"dircreate";
    const HELP: &'static CStr = c"a request makes a directory: mkdir";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = true;
    const SPENT: Errno = libc::EEXIST;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(DirCreate)
    }

    fn prepare(&self, name: &CStr, _kind: u32) -> Result<(), Error> {
        has_parent(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::mkdir(name)
    }
}
