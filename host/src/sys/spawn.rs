//! Runs a short-lived child under watch: what it reports, what it prints, how it ends, and not
//! longer than a deadline.
//!
//! Called by `plugin::probe`. The child's standard output is the report, its standard error is what
//! it prints; both are bounded. Must not interpret either.

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{fcntl_getfl, fcntl_setfl, OFlags};
use rustix::process::{
    kill_process_group, pidfd_open, waitid, Pid, PidfdFlags, Signal, WaitId, WaitIdOptions,
};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two looks where the kernel cannot tell of a child's end.
const LOOK: Duration = Duration::from_millis(1);

/// Bounds of a child.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When it is killed.
    pub deadline: Duration,
    /// Bytes of its report that are kept.
    pub report_bytes_max: usize,
    /// Bytes of its prints that are kept.
    pub prints_bytes_max: usize,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was killed at the deadline.
    TimedOut,
}

/// What became of a child.
#[derive(Debug)]
pub struct Ended {
    /// Its standard output, at most as many bytes as allowed.
    pub report: Vec<u8>,
    /// Its standard error, at most as many bytes as allowed.
    pub prints: Vec<u8>,
    /// How it ended.
    pub end: End,
}

/// Runs `program` to its end or to the deadline, whichever is first; with it ends whatever it
/// started in its process group. Does `meanwhile` once the child is there, before it is watched.
///
/// # Errors
/// It could not be started or watched. Everything that the child itself does wrong is an [`Ended`].
pub fn run(
    program: &Path,
    args: &[&OsStr],
    stdin: Option<OwnedFd>,
    limits: &Limits,
    meanwhile: impl FnOnce(),
) -> io::Result<Ended> {
    let stdin = stdin.map_or_else(Stdio::null, Stdio::from);
    let mut child = Command::new(program)
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    meanwhile();
    let watched = watch(&mut child, limits);
    // The child is not reaped yet, so its number, and the group's, still mean this child.
    let group = Pid::from_child(&child);
    let killed = kill_process_group(group, Signal::KILL);
    let status = child.wait()?;
    let (report, prints, in_time) = watched?;
    if !in_time {
        killed?;
        return Ok(Ended { report, prints, end: End::TimedOut });
    }
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or(0)),
    };
    Ok(Ended { report, prints, end })
}

/// One pipe from the child.
struct Stream<R> {
    pipe: R,
    kept: Vec<u8>,
    bytes_max: usize,
    open: bool,
}

impl<R: Read + AsFd> Stream<R> {
    fn new(pipe: R, bytes_max: usize) -> io::Result<Self> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe, kept: Vec::new(), bytes_max, open: true })
    }

    /// Reads what is there now, a few pipes' worth at most, so that a flood does not keep the
    /// caller from its deadline; keeps the beginning, drops what exceeds the bound.
    fn drain(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        for _ in 0..16 {
            if !self.open {
                break;
            }
            match self.pipe.read(&mut chunk) {
                Ok(0) => self.open = false,
                Ok(n) => {
                    let room = self.bytes_max.saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(&chunk[..n.min(room)]);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Collects both pipes until the child has ended (true) or the deadline has come (false).
fn watch(child: &mut Child, limits: &Limits) -> io::Result<(Vec<u8>, Vec<u8>, bool)> {
    let until = Instant::now() + limits.deadline;
    let pid = Pid::from_child(child);
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        // Some sandboxes and instrumented runs have no such thing.
        Err(rustix::io::Errno::NOSYS) => None,
        pidfd => Some(pidfd?),
    };
    let missing = || io::Error::other("a pipe to the child is missing");
    let out: ChildStdout = child.stdout.take().ok_or_else(missing)?;
    let err: ChildStderr = child.stderr.take().ok_or_else(missing)?;
    let mut report = Stream::new(out, limits.report_bytes_max)?;
    let mut prints = Stream::new(err, limits.prints_bytes_max)?;
    let mut ended = false;
    while !ended {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        ended = match &pidfd {
            Some(pidfd) => wait_for_news(pidfd, &report, &prints, left)?,
            None => has_ended(pid)?,
        };
        report.drain()?;
        prints.drain()?;
    }
    Ok((report.kept, prints.kept, ended))
}

/// Whether the child has ended; sleeps a little where not. It stays to be reaped.
fn has_ended(pid: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended = waitid(WaitId::Pid(pid), options)?.is_some();
    if !ended {
        std::thread::sleep(LOOK);
    }
    Ok(ended)
}

/// Sleeps until one of the three has something to say; true once the child has ended.
fn wait_for_news(
    pidfd: &OwnedFd,
    report: &Stream<ChildStdout>,
    prints: &Stream<ChildStderr>,
    left: Duration,
) -> io::Result<bool> {
    let mut fds = vec![PollFd::new(pidfd, PollFlags::IN)];
    if report.open {
        fds.push(PollFd::new(&report.pipe, PollFlags::IN));
    }
    if prints.open {
        fds.push(PollFd::new(&prints.pipe, PollFlags::IN));
    }
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => Ok(fds[0].revents().contains(PollFlags::IN)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// A signal's name as the manual pages write it.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, deadline_ms: u64) -> Ended {
        let limits = Limits {
            deadline: Duration::from_millis(deadline_ms),
            report_bytes_max: 1000,
            prints_bytes_max: 1000,
        };
        let args = [OsStr::new("-c"), OsStr::new(script)];
        run(Path::new("/bin/sh"), &args, None, &limits, || ()).unwrap()
    }

    #[test]
    fn tells_report_from_prints() {
        let ended = sh("echo report; echo print >&2; exit 3", 10_000);
        assert_eq!(ended.report, b"report\n");
        assert_eq!(ended.prints, b"print\n");
        assert_eq!(ended.end, End::Exited(3));
    }

    #[test]
    fn tells_the_signal() {
        assert_eq!(sh("kill -SEGV $$", 10_000).end, End::Signalled(libc::SIGSEGV));
        assert_eq!(signal_name(libc::SIGSEGV), "SIGSEGV");
        assert_eq!(signal_name(libc::SIGKILL), "SIGKILL");
        assert_eq!(signal_name(40), "signal 40");
    }

    #[test]
    fn kills_at_the_deadline_and_keeps_what_was_said() {
        let begun = Instant::now();
        let ended = sh("echo early; exec sleep 60", 200);
        assert_eq!(ended.end, End::TimedOut);
        assert_eq!(ended.report, b"early\n");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_grandchild_with_the_pipes_open_delays_nothing() {
        let begun = Instant::now();
        let ended = sh("sleep 60 & echo done", 20_000);
        assert_eq!(ended.end, End::Exited(0));
        assert_eq!(ended.report, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn floods_are_bounded() {
        let ended = sh("head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2", 20_000);
        assert_eq!(ended.report.len(), 1000);
        assert_eq!(ended.prints.len(), 1000);
        assert_eq!(ended.end, End::Exited(0));
    }

    #[test]
    fn an_endless_flood_meets_the_deadline_too() {
        assert_eq!(sh("exec cat /dev/zero", 300).end, End::TimedOut);
    }

    #[test]
    fn an_end_is_seen_without_a_descriptor_for_it() {
        let mut child = Command::new("/bin/sh").args(["-c", "exit 3"]).spawn().unwrap();
        while !has_ended(Pid::from_child(&child)).unwrap() {}
        assert_eq!(child.wait().unwrap().code(), Some(3), "it is still there to be reaped");
    }
}
