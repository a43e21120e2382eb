//! dircreate, dirstat, dirdelete: what a request does to a directory.
//!
//! Called by `engine`. The host makes no directories: those of dirstat and dirdelete are made here
//! when their names are opened, before the start.

use crate::engine::Action;
use crate::files::{IS_GONE, IS_THERE};
use crate::options::{look, Look, OPTIONS};
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Makes the directory where it is not there.
fn have_directory(name: &CStr) -> Result<(), Error> {
    match path::lstat(name) {
        Ok(mode) if mode & libc::S_IFMT == libc::S_IFDIR => Ok(()),
        Ok(_) => {
            let name = name.to_string_lossy();
            let why = "the requests of this engine are directories, and this is none";
            Err(Error::new(libc::ENOTDIR, format!("{name}: {why} (name something else)")))
        }
        Err(libc::ENOENT) => match path::mkdir(name) {
            // Another clone was faster.
            Err(libc::EEXIST) => Ok(()),
            made => made.map_err(|errno| path::failed("mkdir", name, errno)),
        },
        Err(errno) => Err(path::failed("look at", name, errno)),
    }
}

/// Makes a directory.
pub(crate) struct DirCreate;

impl Action for DirCreate {
    const NAME: &'static CStr = c"dircreate";
    const HELP: &'static CStr = c"a request makes a directory: mkdir";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = true;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(DirCreate)
    }

    fn prepare(&self, _name: &CStr, _kind: u32) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::mkdir(name)
    }

    fn words(errno: Errno) -> Option<&'static str> {
        (errno == libc::EEXIST).then_some(IS_THERE)
    }
}

/// Looks at a directory.
pub(crate) struct DirStat(Look);

impl Action for DirStat {
    const NAME: &'static CStr = c"dirstat";
    const HELP: &'static CStr = c"a request looks at a directory: stat, lstat or statx";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const MAKES: bool = false;

    fn new(job: &Job) -> Result<Self, Error> {
        Ok(DirStat(look(job)?))
    }

    fn prepare(&self, name: &CStr, _kind: u32) -> Result<(), Error> {
        have_directory(name)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        (self.0)(name).map(drop)
    }

    fn words(_errno: Errno) -> Option<&'static str> {
        None
    }
}

/// Removes a directory.
pub(crate) struct DirDelete;

impl Action for DirDelete {
    const NAME: &'static CStr = c"dirdelete";
    const HELP: &'static CStr = c"a request removes an empty directory: rmdir";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = false;

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

    fn words(errno: Errno) -> Option<&'static str> {
        (errno == libc::ENOENT).then_some(IS_GONE)
    }
}
