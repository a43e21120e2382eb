//! What a request does, and what it needs to be there.
//!
//! Called by `fileops::PerFile`, on the worker's thread. The host makes none of its files. Must
//! not open what it was not asked to.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::fileops::{
    prepare::{self, is_file},
    Action,
};
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Makes a file.
#[derive(Debug)]
pub(crate) struct FileCreate;

impl Action for FileCreate {
    const NAME: &'static CStr = c"filecreate";
    const HELP: &'static CStr = c"a request makes a file: open with O_CREAT|O_EXCL, close";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = true;
    const SPENT: Errno = libc::EEXIST;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(FileCreate)
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)?;
        prepare::has_parent(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::create(name)
    }
}
