//! filecreate, filestat, filedelete: what a request does to a file.
//!
//! Called by `engine`. The host makes the files of filestat and filedelete before the start
//! (IOE_F_NOEXTEND), and none of filecreate's.

use crate::engine::Action;
use crate::options::{look, Look, OPTIONS};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Job};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::path;
use std::ffi::CStr;

/// Words for a name that is there already.
pub(crate) const IS_THERE: &str =
    "it was made before: loops and time_based need unlink_each_loop=1, and clones names of their \
     own";
/// Words for a name that is not there.
pub(crate) const IS_GONE: &str =
    "it is not there: loops and time_based need unlink_each_loop=1, and clones names of their own";

/// Refuses everything that is no regular file.
fn is_file(name: &CStr, kind: u32) -> Result<(), Error> {
    if kind == IOE_KIND_REGULAR {
        return Ok(());
    }
    let name = name.to_string_lossy();
    let why = "the requests of this engine are regular files, and this is none";
    Err(Error::new(libc::EINVAL, format!("{name}: {why} (name a file, or set directory=)")))
}

/// Makes a file.
pub(crate) struct FileCreate;

impl Action for FileCreate {
    const NAME: &'static CStr = c"filecreate";
    const HELP: &'static CStr = c"a request makes a file: open with O_CREAT|O_EXCL, close";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = true;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(FileCreate)
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::create(name)
    }

    fn words(errno: Errno) -> Option<&'static str> {
        (errno == libc::EEXIST).then_some(IS_THERE)
    }
}

/// Looks at a file.
pub(crate) struct FileStat(Look);

impl Action for FileStat {
    const NAME: &'static CStr = c"filestat";
    const HELP: &'static CStr = c"a request looks at a file: stat, lstat or statx";
    const FLAGS: u64 = IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const MAKES: bool = false;

    fn new(job: &Job) -> Result<Self, Error> {
        Ok(FileStat(look(job)?))
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        (self.0)(name).map(drop)
    }

    fn words(_errno: Errno) -> Option<&'static str> {
        None
    }
}

/// Removes a file.
pub(crate) struct FileDelete;

impl Action for FileDelete {
    const NAME: &'static CStr = c"filedelete";
    const HELP: &'static CStr = c"a request removes a file: unlink";
    const FLAGS: u64 = IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = &[];
    const MAKES: bool = false;

    fn new(_job: &Job) -> Result<Self, Error> {
        Ok(FileDelete)
    }

    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error> {
        is_file(name, kind)
    }

    #[inline]
    fn act(&self, name: &CStr) -> Result<(), Errno> {
        path::unlink(name)
    }

    fn words(errno: Errno) -> Option<&'static str> {
        (errno == libc::ENOENT).then_some(IS_GONE)
    }
}
