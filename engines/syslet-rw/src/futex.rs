//! Sleeping until a number changes, and waking who sleeps.
//!
//! Called by `pool`. Private to the process; may return for no reason, so that callers look again.

use std::ptr::null;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while the number is `expected`, at most as long as `limit` says.
pub(crate) fn wait(number: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(null(), std::ptr::from_ref);
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: a number that lives during the call, and null or a time.
    unsafe { libc::syscall(libc::SYS_futex, number.as_ptr(), operation, expected, limit) };
}

/// Wakes one who sleeps there; there is one at most.
pub(crate) fn wake(number: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: a number that lives during the call.
    unsafe { libc::syscall(libc::SYS_futex, number.as_ptr(), operation, 1) };
}
