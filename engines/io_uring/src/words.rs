//! Failures of requests in words.
//!
//! Called by `engine` off the fast path. An errno says what; these words say what to do about it.

use crate::options::Settings;
use iodyno_engine_api::abi::{IOE_OP_READ, IOE_OP_WRITE};
use iodyno_engine_api::Failed;
use std::fmt;

/// A request failed.
pub(crate) fn request(
    settings: &Settings,
    failed: &Failed<'_>,
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let is_data = matches!(failed.op(), IOE_OP_READ | IOE_OP_WRITE);
    write!(out, "{}", std::io::Error::from_raw_os_error(failed.error()))?;
    let more = match failed.error() {
        libc::EOPNOTSUPP if is_data && settings.hipri => {
            "hipri: the device or its file system \
             cannot be polled; it needs poll queues"
        }
        libc::EOPNOTSUPP if is_data && settings.uncached => {
            "uncached: this kernel or file system \
             has no uncached buffered I/O (RWF_DONTCACHE: Linux 6.14, ext4, XFS, ...)"
        }
        libc::EOPNOTSUPP if is_data && settings.nowait => {
            "nowait: this file system cannot tell \
             whether it would have to wait"
        }
        libc::EAGAIN if settings.nowait => {
            "nowait: the request would have had to wait; \
             ignore_error=EAGAIN goes on"
        }
        libc::EPERM if settings.priority.as_ref().is_some_and(|p| p.has_realtime()) => {
            "the realtime priority class (cmdprio_class=1) needs CAP_SYS_NICE or CAP_SYS_ADMIN"
        }
        libc::EINVAL if is_data => {
            "with direct=1, offset, length and buffer have to be multiples \
             of the target's block size"
        }
        _ => return Ok(()),
    };
    write!(out, " ({more})")
}
