//! Failures of a ring in words: why there is none, why buffers cannot be fixed.
//!
//! Called off the fast path. An errno says what; these words say what to do about it.

use super::ring::NoRing;
use crate::errno::Errno;
use iodyno_engine_api::Error;

const SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

fn limit_in_words() -> String {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: an rlimit to write to.
    match unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } {
        0 if limit.rlim_cur == libc::RLIM_INFINITY => "RLIMIT_MEMLOCK is unlimited".to_owned(),
        0 => format!("RLIMIT_MEMLOCK is {} KiB", limit.rlim_cur / 1024),
        _ => "RLIMIT_MEMLOCK is unknown".to_owned(),
    }
}

/// There is no ring; `newer` says what the kernel may be too old for.
pub fn no_ring(why: NoRing, sqpoll: Option<Option<u32>>, newer: &str) -> Error {
    let errno = match why {
        NoRing::Setup(errno) | NoRing::Map(errno) => errno,
        NoRing::TooOld => libc::ENOSYS,
    };
    let words = match why {
        NoRing::TooOld => "this kernel's io_uring is too old: Linux 5.11 or newer".to_owned(),
        NoRing::Map(errno) => {
            format!("map the ring's memory: {}", std::io::Error::from_raw_os_error(errno))
        }
        NoRing::Setup(libc::ENOSYS) => "this kernel has no io_uring, or a seccomp filter hides it \
             (containers do): Linux 5.11 or newer, and a profile that allows io_uring_setup"
            .to_owned(),
        NoRing::Setup(libc::EPERM) => forbidden(std::fs::read_to_string(SWITCH).ok()),
        NoRing::Setup(libc::ENOMEM) => {
            format!("no memory for a ring ({}: ulimit -l raises it)", limit_in_words())
        }
        NoRing::Setup(libc::EINVAL) => match sqpoll {
            Some(Some(cpu)) => format!(
                "the kernel refuses a ring with these options: is processor {cpu} \
                 (sqthread_poll_cpu) there, online, and allowed to this process?"
            ),
            _ => format!("the kernel refuses a ring with these options: {newer}"),
        },
        NoRing::Setup(errno) => {
            format!("io_uring_setup: {}", std::io::Error::from_raw_os_error(errno))
        }
    };
    Error::new(errno, words)
}

/// `io_uring_setup` is not permitted; `switch` is what the sysctl says.
fn forbidden(switch: Option<String>) -> String {
    match switch.as_deref().map(str::trim) {
        Some("2") => "io_uring is switched off on this machine: sysctl kernel.io_uring_disabled=2 \
             (0 allows it)"
            .to_owned(),
        Some("1") => "io_uring is for privileged processes on this machine: sysctl \
             kernel.io_uring_disabled=1 (run as root, join the group of \
             kernel.io_uring_group, or set it to 0)"
            .to_owned(),
        _ => "io_uring is not permitted here, probably by a seccomp filter (containers have one): \
             use a profile that allows io_uring_setup"
            .to_owned(),
    }
}

/// The buffers cannot be registered.
pub fn no_buffers(errno: Errno, len: u64) -> Error {
    let mib = len.div_ceil(1 << 20);
    let words = match errno {
        libc::ENOMEM => format!(
            "fixedbufs: cannot lock {mib} MiB of buffers ({}; raise it with ulimit -l, or use a \
             smaller iodepth or bs)",
            limit_in_words()
        ),
        libc::EOPNOTSUPP => {
            "fixedbufs: the kernel cannot fix buffers that lie in a file: choose another mem="
                .to_owned()
        }
        errno => {
            format!("fixedbufs: register: {}", std::io::Error::from_raw_os_error(errno))
        }
    };
    Error::new(errno, words)
}

#[cfg(test)]
mod tests {
    use super::forbidden;

    #[test]
    fn the_switch_is_named() {
        for (switch, word) in [
            (Some("2\n"), "kernel.io_uring_disabled=2"),
            (Some("1\n"), "io_uring_group"),
            (Some("0\n"), "seccomp"),
            (None, "seccomp"),
        ] {
            let words = forbidden(switch.map(str::to_owned));
            assert!(words.contains(word), "{switch:?}: {words}");
        }
    }
}
