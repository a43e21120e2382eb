//! A cell as the control process sees it: a child with a socket, or a thread with one.
//!
//! Starts it, reads what it says and prints, notices its end however it comes, and can kill it.
//! Interprets nothing of what is said.

use super::cell;
use super::protocol::{Receiver, Sender, ToCell, ToControl};
use crate::sys::shm::SharedMemory;
use crossbeam::channel;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// How long a cell whose socket is closed may take to end before it is killed.
const FAREWELL_MS: i64 = 2000;

/// Lines that a cell may print before the rest is dropped.
const PRINTED_LINES_MAX: usize = 20;

/// Bytes of such a line that are kept.
const PRINTED_BYTES_MAX: usize = 400;

/// What reaches the control process from its cells.
#[derive(Debug)]
pub(super) enum CellNews {
    /// It says something.
    Says(ToControl),
    /// Something in it printed a line.
    Printed(String),
    /// It is gone: how, in words, where it did not end in order.
    Gone(Option<Death>),
}

/// An end that was not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Death {
    /// "SIGSEGV" and the like.
    pub signal: Option<String>,
    /// In words, after "the cell".
    pub how: String,
}

/// A running cell.
#[derive(Debug)]
pub(super) struct CellHandle {
    sender: Sender,
    stream: UnixStream,
    pidfd: Option<Arc<OwnedFd>>,
}

impl CellHandle {
    /// Starts a child process.
    pub(super) fn spawn(
        number: u32,
        memory: &SharedMemory,
        news: channel::Sender<(u32, CellNews)>,
    ) -> std::io::Result<CellHandle> {
        let (ours, theirs) = UnixStream::pair()?;
        let page = rustix::io::fcntl_dupfd_cloexec(memory.fd(), 3)?;
        rustix::io::fcntl_setfd(&page, rustix::io::FdFlags::empty())?;
        let (printed, printer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let child = Command::new("/proc/self/exe")
            .arg0("iodyno")
            .args(["__cell", "--page-fd", &page.as_raw_fd().to_string()])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(printer.try_clone()?))
            .stderr(Stdio::from(printer))
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        let pidfd = Arc::new(pidfd_open(pid, PidfdFlags::empty())?);
        watch_printing(number, printed, news.clone());
        watch_child(number, child, Arc::clone(&pidfd), ours.try_clone()?, news);
        Ok(CellHandle { sender: Sender::new(ours.try_clone()?), stream: ours, pidfd: Some(pidfd) })
    }

    /// Starts a thread of this process (`isolation = none`).
    pub(super) fn in_process(
        number: u32,
        memory: &SharedMemory,
        news: channel::Sender<(u32, CellNews)>,
    ) -> std::io::Result<CellHandle> {
        let (ours, theirs) = UnixStream::pair()?;
        let memory = SharedMemory::from_fd(memory.fd().try_clone_to_owned()?);
        let stream = ours.try_clone()?;
        std::thread::spawn(move || {
            let served = cell::serve(theirs, memory);
            served.err().map(|error| error.to_string())
        });
        std::thread::spawn(move || {
            read_all(number, stream, &news);
            let _nobody = news.send((number, CellNews::Gone(None)));
        });
        Ok(CellHandle { sender: Sender::new(ours.try_clone()?), stream: ours, pidfd: None })
    }

    /// Tells it something. A cell that is gone is told about by its news.
    pub(super) fn send(&mut self, message: &ToCell) {
        let _gone = self.sender.send(message);
    }

    /// Lets it go home: it sees the end of its socket.
    pub(super) fn dismiss(&self) {
        let _gone = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Kills it. A thread cannot be killed: it is heard of no more and ends with the process.
    pub(super) fn kill(&self) {
        let _gone = match &self.pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, Signal::KILL).map_err(std::io::Error::from),
            None => self.stream.shutdown(std::net::Shutdown::Both),
        };
    }
}

fn read_all(number: u32, stream: UnixStream, news: &channel::Sender<(u32, CellNews)>) {
    let mut receiver = Receiver::new(stream);
    while let Some(message) = receiver.receive() {
        if news.send((number, CellNews::Says(message))).is_err() {
            return;
        }
    }
}

/// Reads the cell's socket to its end, then its exit status.
fn watch_child(
    number: u32,
    mut child: Child,
    pidfd: Arc<OwnedFd>,
    stream: UnixStream,
    news: channel::Sender<(u32, CellNews)>,
) {
    std::thread::spawn(move || {
        read_all(number, stream, &news);
        let mut fds = [PollFd::new(&*pidfd, PollFlags::IN)];
        let farewell = rustix::time::Timespec {
            tv_sec: FAREWELL_MS / 1000,
            tv_nsec: FAREWELL_MS % 1000 * 1_000_000,
        };
        let hangs = matches!(poll(&mut fds, Some(&farewell)), Ok(0));
        if hangs {
            let _gone = pidfd_send_signal(&*pidfd, Signal::KILL);
        }
        let death = match child.wait() {
            Ok(status) if status.success() => None,
            Ok(_) if hangs => Some(Death {
                signal: None,
                how: "closed its socket, did not end, and was killed".to_owned(),
            }),
            Ok(status) => Some(describe(status)),
            Err(error) => {
                Some(Death { signal: None, how: format!("cannot be waited for: {error}") })
            }
        };
        let _nobody = news.send((number, CellNews::Gone(death)));
    });
}

fn describe(status: std::process::ExitStatus) -> Death {
    match status.signal() {
        Some(number) => {
            let name = signal_name(number);
            Death { how: format!("was killed by {name}"), signal: Some(name) }
        }
        None => Death {
            signal: None,
            how: format!("ended by itself with status {}", status.code().unwrap_or(-1)),
        },
    }
}

/// "SIGSEGV" for 11.
pub(super) fn signal_name(number: i32) -> String {
    match signal_hook::low_level::signal_name(number) {
        Some(name) => name.to_owned(),
        None => format!("signal {number}"),
    }
}

/// Collects what the cell prints, bounded in lines and bytes; reads on so that it never blocks.
fn watch_printing(number: u32, printed: OwnedFd, news: channel::Sender<(u32, CellNews)>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(std::fs::File::from(printed));
        let mut lines = 0;
        let mut line = Vec::new();
        while let Ok(n) = read_bounded(&mut reader, &mut line) {
            if n == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines += 1;
            if lines <= PRINTED_LINES_MAX && !text.is_empty() {
                let _nobody = news.send((number, CellNews::Printed(text)));
            }
        }
    });
}

/// Reads one line, of which at most [`PRINTED_BYTES_MAX`] bytes are kept.
fn read_bounded(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    line.clear();
    let mut total = 0;
    loop {
        let available = reader.fill_buf()?;
        let end = available.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(available.len(), |end| end + 1);
        let room = PRINTED_BYTES_MAX.saturating_sub(line.len()).min(used);
        line.extend_from_slice(&available[..room]);
        reader.consume(used);
        total += used;
        if used == 0 || end.is_some() {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_next_one_is_whole() {
        let text = format!("{}\nnext\n", "x".repeat(100_000));
        let mut reader = BufReader::new(text.as_bytes());
        let mut line = Vec::new();
        assert_eq!(read_bounded(&mut reader, &mut line).unwrap(), 100_001);
        assert_eq!(line.len(), PRINTED_BYTES_MAX);
        read_bounded(&mut reader, &mut line).unwrap();
        assert_eq!(line, b"next\n");
        assert_eq!(read_bounded(&mut reader, &mut line).unwrap(), 0);
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(signal_name(11), "SIGSEGV");
        assert_eq!(signal_name(9), "SIGKILL");
    }
}
