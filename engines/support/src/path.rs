//! System calls on names: open, make, look at, remove.
//!
//! Called by engines that open their targets themselves or whose requests are whole files. Each
//! function is one system call (`create` two), repeated when interrupted. Follows symbolic links
//! only where the call by its nature does.

use crate::errno::{retry, Errno};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, FileView};
use libc::c_int;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;

/// Rights of a file that is made, before the umask.
const FILE_MODE: libc::mode_t = 0o644;
/// Rights of a directory that is made, before the umask.
const DIR_MODE: libc::mode_t = 0o755;

/// `open` for reading and writing, as the file's `IOE_OPEN_*` want it; closed on exec.
pub fn open(file: &FileView<'_>) -> Result<i32, Errno> {
    let asked = file.open_flags();
    let flags = [
        (IOE_OPEN_CREATE, libc::O_CREAT),
        (IOE_OPEN_TRUNC, libc::O_TRUNC),
        (IOE_OPEN_DIRECT, libc::O_DIRECT),
        (IOE_OPEN_SYNC, libc::O_SYNC),
        (IOE_OPEN_DSYNC, libc::O_DSYNC),
    ];
    let flags = flags.iter().filter(|(flag, _)| asked & flag != 0);
    open_with(file.name(), flags.fold(libc::O_RDWR, |all, (_, flag)| all | flag))
}

fn open_with(name: &CStr, flags: c_int) -> Result<i32, Errno> {
    // SAFETY: a C string; no other memory is handed over.
    let opened =
        retry(|| unsafe { libc::open(name.as_ptr(), flags | libc::O_CLOEXEC, FILE_MODE) } as isize);
    opened.map(|fd| fd as i32)
}

/// Opens a file without a name, in the directory of this one, for reading and writing: what it can
/// do, the other can. Not every file system has such files.
pub fn open_nameless(beside: &CStr) -> Result<i32, Errno> {
    open_with(&parent(beside), libc::O_RDWR | libc::O_TMPFILE)
}

/// The directory of a name: all up to its last part, which slashes may follow.
pub fn parent(name: &CStr) -> CString {
    let bytes = name.to_bytes();
    let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let parent = match bytes[..end].iter().rposition(|&byte| byte == b'/') {
        Some(0) => &b"/"[..],
        Some(slash) => &bytes[..slash],
        None => &b"."[..],
    };
    CString::new(parent).unwrap_or_default()
}

/// What stands in the way of a name, in words.
pub fn failed(doing: &str, name: &CStr, errno: Errno) -> Error {
    let why = std::io::Error::from_raw_os_error(errno);
    Error::new(errno, format!("{doing} {}: {why}", name.to_string_lossy()))
}

/// `close`. Linux gives the descriptor up whatever it answers: an interrupted call is not repeated.
pub fn close(fd: i32) {
    // SAFETY: the caller's own descriptor; a bad one is EBADF.
    unsafe { libc::close(fd) };
}

/// Makes a regular file that must not be there yet: `open` with O_CREAT and O_EXCL, `close`.
pub fn create(name: &CStr) -> Result<(), Errno> {
    open_with(name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL).map(close)
}

/// `unlink`.
pub fn unlink(name: &CStr) -> Result<(), Errno> {
    // SAFETY: a C string.
    retry(|| unsafe { libc::unlink(name.as_ptr()) } as isize).map(drop)
}

/// `mkdir`.
pub fn mkdir(name: &CStr) -> Result<(), Errno> {
    // SAFETY: a C string.
    retry(|| unsafe { libc::mkdir(name.as_ptr(), DIR_MODE) } as isize).map(drop)
}

/// `rmdir`.
pub fn rmdir(name: &CStr) -> Result<(), Errno> {
    // SAFETY: a C string.
    retry(|| unsafe { libc::rmdir(name.as_ptr()) } as isize).map(drop)
}

/// `stat`: the mode of what the name leads to.
pub fn stat(name: &CStr) -> Result<libc::mode_t, Errno> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a C string, and room for a stat.
    retry(|| unsafe { libc::stat(name.as_ptr(), found.as_mut_ptr()) } as isize)?;
    // SAFETY: the call succeeded and filled it in.
    Ok(unsafe { found.assume_init() }.st_mode)
}

/// `lstat`: the mode of the name itself.
pub fn lstat(name: &CStr) -> Result<libc::mode_t, Errno> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: as in stat().
    retry(|| unsafe { libc::lstat(name.as_ptr(), found.as_mut_ptr()) } as isize)?;
    // SAFETY: as in stat().
    Ok(unsafe { found.assume_init() }.st_mode)
}

/// `statx` with all basic facts, of what the name leads to: its mode.
pub fn statx(name: &CStr) -> Result<libc::mode_t, Errno> {
    let mut found = MaybeUninit::<libc::statx>::uninit();
    let (mask, at) = (libc::STATX_ALL, found.as_mut_ptr());
    // SAFETY: a C string, and room for a statx.
    retry(|| unsafe { libc::statx(libc::AT_FDCWD, name.as_ptr(), 0, mask, at) } as isize)?;
    // SAFETY: the call succeeded and filled it in.
    Ok(libc::mode_t::from(unsafe { found.assume_init() }.stx_mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lies_in_its_directory() {
        for (name, expected) in [
            (c"file", c"."),
            (c"dir/", c"."),
            (c"./file", c"."),
            (c"/file", c"/"),
            (c"/dir//", c"/"),
            (c"a/b", c"a"),
            (c"/a/b\xff/c\n", c"/a/b\xff"),
            (c"a//b", c"a/"),
        ] {
            assert_eq!(parent(name).as_c_str(), expected, "{name:?}");
        }
    }
}
