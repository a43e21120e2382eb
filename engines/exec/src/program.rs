//! A program from its start to its end. Called by `engine`.
//!
//! It leads a process group of its own, so that what it starts is ended with it, and it does not
//! outlive the thread that runs it. Where it was told to end, nothing of its group is left. Must be
//! waited for: what is dropped is killed and waited for, so that no zombie is left.

use crate::options::Order;
use crate::waiting::{pidfd, wait, Bell};
use std::fs::File;
use std::io::{Error, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// One that runs, or has just ended.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    process: OwnedFd,
    grace: Duration,
    /// It was told to end: when its grace is over.
    kill_at: Option<Instant>,
    /// It did not end by itself.
    killed: bool,
    over: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with success; or because it was told to.
    Well,
    /// It was told to, and only SIGKILL helped.
    Killed,
    /// By itself, with this status.
    Status(i32),
    /// By a signal of somebody else's.
    Signal(i32),
}

impl Program {
    pub(crate) fn start(order: &Order) -> Result<Program> {
        let mut command = Command::new(&order.program);
        command.args(&order.arguments).stdin(Stdio::null()).process_group(0);
        let (stdout, stderr) = outputs(order)?;
        command.stdout(stdout).stderr(stderr);
        let parent = std::process::id();
        // SAFETY: between fork and exec only system calls are made, which such a place allows.
        unsafe { command.pre_exec(move || settle(parent)) };
        let mut child = command.spawn()?;
        let process = pidfd(child.id()).inspect_err(|_| {
            let _gone = child.kill();
            let _reaped = child.wait();
        })?;
        let grace = order.grace;
        Ok(Program { child, process, grace, kill_at: None, killed: false, over: false })
    }

    /// SIGTERM; SIGKILL follows when its grace is over.
    pub(crate) fn end(&mut self) {
        if self.kill_at.is_none() {
            self.signal(libc::SIGTERM);
            self.kill_at = Some(Instant::now() + self.grace);
        }
    }

    /// How it ended, if it has, within `limit` (none: for ever).
    pub(crate) fn wait(&mut self, bell: &Bell, limit: Option<Duration>) -> Result<Option<Ended>> {
        if self.has_ended()? {
            if self.kill_at.is_some() {
                // What it started and left behind: the number is the program's until the next line.
                self.signal(libc::SIGKILL);
            }
            let status = self.child.wait()?;
            self.over = true;
            return Ok(Some(self.judge(status)));
        }
        let left = self.kill_at.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) && !self.killed {
            self.killed = true;
            self.signal(libc::SIGKILL);
        }
        let left = left.filter(|_| !self.killed);
        let limit = left.into_iter().chain(limit).min();
        if limit != Some(Duration::ZERO) {
            wait(&self.process, bell, limit);
        }
        Ok(None)
    }

    /// Whether it has ended and only waits to be waited for.
    fn has_ended(&self) -> Result<bool> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: room for a siginfo.
        let looked = unsafe { libc::waitid(libc::P_PID, self.child.id(), info.as_mut_ptr(), how) };
        match looked {
            // SAFETY: integers, of which the call leaves those of a child that runs as they were,
            // zero; and the number is one of those that a SIGCHLD has.
            0 => Ok(unsafe { info.assume_init().si_pid() } != 0),
            _ => Err(Error::last_os_error()),
        }
    }

    fn judge(&self, status: ExitStatus) -> Ended {
        match (status.code(), status.signal()) {
            _ if self.killed => Ended::Killed,
            _ if self.kill_at.is_some() => Ended::Well,
            (Some(0), _) => Ended::Well,
            (Some(code), _) => Ended::Status(code),
            (None, signal) => Ended::Signal(signal.unwrap_or(0)),
        }
    }

    /// To its whole group. Its number is its own until it is waited for.
    fn signal(&self, signal: i32) {
        // SAFETY: no memory is handed over. Called before wait() alone, so the number belongs to
        // this program, be it alive or a zombie.
        unsafe { libc::kill(-(self.child.id() as i32), signal) };
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.over {
            self.signal(libc::SIGKILL);
            let _reaped = self.child.wait();
        }
    }
}

/// Where its output goes.
fn outputs(order: &Order) -> Result<(Stdio, Stdio)> {
    match &order.files {
        Some((stdout, stderr)) => {
            let make = |path: &std::path::Path| {
                let named = |e: Error| Error::new(e.kind(), format!("{}: {e}", path.display()));
                File::create(path).map_err(named)
            };
            Ok((make(stdout)?.into(), make(stderr)?.into()))
        }
        // Standard output carries a report: it is nobody else's.
        None => {
            let stderr = std::io::stderr();
            let again = || stderr.as_fd().try_clone_to_owned().map(Stdio::from);
            Ok((again()?, again()?))
        }
    }
}

/// In the new process, before the program: signals as programs expect them, and no life beyond that
/// of the thread that started it.
fn settle(parent: u32) -> Result<()> {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the default action, no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: a number and no memory.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: takes nothing. Who died before the line above signals nobody.
    match unsafe { libc::getppid() } {
        now if now as u32 == parent => Ok(()),
        _ => Err(Error::from_raw_os_error(libc::ESRCH)),
    }
}
