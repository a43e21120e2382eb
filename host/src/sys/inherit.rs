//! What a process of ours does to itself at its start and at its end: signals, limits, descriptors.
//!
//! Called at the top of commands, before any foreign code is loaded; hidden ones (`__probe`,
//! `__cell`) take over what their parent left open. Must not know what they do after that.

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{
    getrlimit, set_parent_process_death_signal, setrlimit, Resource, Rlimit, Signal,
};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Lowest number that [`take`] hands out, far above standard input, output and error.
const FIRST_FD: RawFd = 10;

/// Takes over a descriptor that the parent left open under the number `raw`: the answer is a copy
/// that later children do not inherit. The original is closed, but for standard input, output and
/// error, whose numbers must not become free. To be called once for each number.
///
/// # Errors
/// No such descriptor.
pub fn take(raw: RawFd) -> io::Result<OwnedFd> {
    if raw < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: raw is not negative (checked above); the borrow ends with this call, and a number
    // behind which nothing is open makes fcntl answer EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(raw) };
    let copy = rustix::io::fcntl_dupfd_cloexec(borrowed, FIRST_FD)?;
    if raw > libc::STDERR_FILENO {
        // SAFETY: raw is open (it was copied above) and was left to this process by its parent, so
        // nothing here owns it; it is closed once, now.
        drop(unsafe { OwnedFd::from_raw_fd(raw) });
    }
    Ok(copy)
}

/// A file that grows beyond the limit (`ulimit -f`) is an error, which has words, not a signal,
/// which has none. Children inherit it.
pub fn outlive_file_limit() {
    ignore(libc::SIGXFSZ);
}

/// Only the parent says when this process ends: a service manager signals all processes at once,
/// and what is in flight is to be drained first.
pub fn leave_signals_to_parent() {
    ignore(libc::SIGINT);
    ignore(libc::SIGTERM);
    ignore(libc::SIGHUP);
}

/// Whether whoever started this process had it ignore a signal, as `nohup` does.
pub fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only (no new action), and the out pointer is to a whole struct, of which zeroes
    // are a value where the call fails.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

fn ignore(signal: libc::c_int) {
    // SAFETY: SIG_IGN is no function of ours, and all callers name signals that may be ignored.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// As many descriptors as the hard limit allows: each clone has files of its own. Where that is
/// refused, the limit stays, and who needs more says so.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _stays = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Standard input becomes empty, and what is printed to standard output goes to standard error.
///
/// # Errors
/// /dev/null cannot be opened.
pub fn detach_stdio() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(())
}

/// Ends with the parent, and leaves no core file behind. `lifeline` is a pipe to the parent: where
/// its other end is gone already, the answer is false.
///
/// # Errors
/// The kernel refuses.
pub fn live_and_die_with_parent(lifeline: impl AsFd) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let mut fds = [PollFd::new(&lifeline, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(!fds[0].revents().contains(PollFlags::ERR))
}

/// A crash ends the process by its own signal at once. Rust's runtime looks for stack overflows in
/// a handler of its own, which lets a SIGSEGV pass that was sent rather than caused.
pub fn let_crashes_kill() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: SIG_DFL is no function of ours; other threads do not exist yet.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Writes out what C code has printed and not written yet.
pub fn flush_c_streams() {
    // SAFETY: fflush takes a null pointer as "all streams" and touches nothing of ours.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Ends the process at once: no destructor, no `atexit` handler, nothing of a plugin runs any more.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit takes any number and does not return; nothing of ours is left to flush, since
    // all writing here is unbuffered.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::{AsRawFd, IntoRawFd};

    #[test]
    fn an_ignored_signal_is_known_as_such() {
        assert!(!is_ignored(libc::SIGWINCH));
        ignore(libc::SIGWINCH);
        assert!(is_ignored(libc::SIGWINCH));
    }

    #[test]
    fn takes_what_is_open_and_refuses_the_rest() {
        let (pipe, mut other_end) = std::io::pipe().unwrap();
        let copy = take(pipe.into_raw_fd()).unwrap();
        assert!(copy.as_raw_fd() >= FIRST_FD);
        drop(copy);
        // The original is closed as well: nobody is left to read.
        assert_eq!(other_end.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(take(-1).is_err());
        assert!(take(1_000_000).is_err());
    }
}
