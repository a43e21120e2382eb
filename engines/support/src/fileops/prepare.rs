//! What a name must have before the start, so that the job is refused in words and not ended by its
//! first request. Called by actions when their names are opened.
//!
//! The host makes the files of engines that say IOE_F_NOEXTEND; it makes no directories, and those
//! that a request looks at or removes are made here.

use crate::path;
use iodyno_engine_api::abi::IOE_KIND_REGULAR;
use iodyno_engine_api::Error;
use std::ffi::CStr;

/// Refuses everything that is no regular file, by what the host knows of it.
pub fn is_file(name: &CStr, kind: u32) -> Result<(), Error> {
    if kind == IOE_KIND_REGULAR {
        return Ok(());
    }
    let name = name.to_string_lossy();
    let why = "the requests of this engine are regular files, and this is none";
    Err(Error::new(libc::EINVAL, format!("{name}: {why} (name a file, or set directory=)")))
}

/// Refuses a name that leads to nothing.
pub fn is_there(name: &CStr) -> Result<(), Error> {
    path::lstat(name).map(drop).map_err(|errno| path::failed("look at", name, errno))
}

/// Refuses a name that nothing can be made by, because its directory is missing or is none.
pub fn has_parent(name: &CStr) -> Result<(), Error> {
    match path::stat(&path::parent(name)) {
        Ok(mode) if mode & libc::S_IFMT == libc::S_IFDIR => Ok(()),
        Ok(_) => Err(path::failed("make", name, libc::ENOTDIR)),
        Err(errno) => Err(path::failed("make", name, errno)),
    }
}

/// Makes the directory where it is not there.
pub fn have_directory(name: &CStr) -> Result<(), Error> {
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
