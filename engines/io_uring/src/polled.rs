//! Whether a target can be polled (option hipri), as far as that is known before the run.
//!
//! Asked by `engine` when a target is opened. Opens nothing: what is not known is left to the first
//! request.

use iodyno_engine_api::Error;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// Refuses a target whose device is known to have no queue that can be polled. What is not known,
/// such as a file that does not exist yet, is left to the first request.
pub(crate) fn check(name: &CStr) -> Result<(), Error> {
    let path = OsStr::from_bytes(name.to_bytes());
    let Ok(target) = std::fs::metadata(path) else { return Ok(()) };
    let device = if target.file_type().is_block_device() { target.rdev() } else { target.dev() };
    let (major, minor) = (libc::major(device), libc::minor(device));
    let at = |file: &str| std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/{file}"));
    // A partition has no queue of its own.
    let Ok(answer) = at("queue/io_poll").or_else(|_| at("../queue/io_poll")) else { return Ok(()) };
    match answer.trim() {
        "0" => Err(Error::new(
            libc::EOPNOTSUPP,
            format!(
                "hipri: {} lies on a device without poll queues (queue/io_poll is 0); for NVMe, \
                 load the driver with poll_queues=N",
                name.to_string_lossy()
            ),
        )),
        _ => Ok(()),
    }
}
