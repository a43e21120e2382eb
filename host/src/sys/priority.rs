//! Priorities of the calling thread: of its CPU time and of its I/O.
//!
//! Called by `run` when a worker's thread is set up. On Linux both belong to a thread, not to its
//! process; threads that it starts inherit them.

use std::io;

/// The calling thread, for `ioprio_set`.
const WHO_PROCESS: libc::c_int = 1;

/// Where the class stands above the level.
const CLASS_SHIFT: u32 = 13;

/// Sets the nice value of the calling thread.
pub fn set_nice(nice: i32) -> io::Result<()> {
    // Number 0 is the calling thread: POSIX speaks of its process, Linux does otherwise.
    Ok(rustix::process::setpriority_process(None, nice)?)
}

/// Sets the I/O priority of the calling thread: class 1 realtime, 2 best effort, 3 idle; level 0
/// (highest) to 7.
pub fn set_io_priority(class: u8, level: u8) -> io::Result<()> {
    let value = libc::c_int::from(class) << CLASS_SHIFT | libc::c_int::from(level);
    // SAFETY: three numbers, no pointer: the kernel reads no memory of ours and writes none.
    let status = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) };
    match status {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_be_nicer_and_others_are_not() {
        let seen = |tid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap();
            let after_name = stat.rsplit(')').next().unwrap().to_owned();
            after_name.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let tid = crate::sys::thread::tid;
        let before = seen(tid());
        let thread = move || {
            set_nice(before + 1).unwrap();
            set_io_priority(2, 6).unwrap();
            seen(tid())
        };
        assert_eq!(std::thread::spawn(thread).join().unwrap(), before + 1);
        assert_eq!(seen(tid()), before);
    }

    #[test]
    fn a_class_that_is_none_is_refused() {
        assert_eq!(set_io_priority(5, 0).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
