//! A cell as the control process sees it: a child with a socket, or a thread with one.
//!
//! Starts it, reads what it says and prints, notices its end however it comes, and can kill it.
//! Interprets nothing of what is said.

use super::cell;
use super::protocol::{Heard, Receiver, Sender, ToCell, ToControl};
use crate::plugin::kept;
use crate::sys::shm::SharedMemory;
use crate::sys::spawn::signal_name;
use crossbeam::channel;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{kill_process_group, pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::io::{BufRead, BufReader};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Seconds that a cell whose socket is closed may take to end before it is killed.
const FAREWELL_S: i64 = 2;

/// How long the last printed lines of a dead cell are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Reads of what a dead cell had said; a socket holds far less.
const LAST_READS_MAX: usize = 1000;

/// Bytes of a line from a cell; the longest messages are errors in words.
const LINE_MAX: usize = 1 << 20;

const NOT_AT_ALL: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Lines that a cell may print before the rest is dropped.
const PRINTED_LINES_MAX: usize = 20;

/// Bytes of such a line that are kept.
const PRINTED_BYTES_MAX: usize = 400;

/// What reaches the control process from its cells, with the number of the cell's start.
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
    /// Which start this is.
    pub(super) birth: u32,
    sender: Sender,
    pidfd: Option<Arc<OwnedFd>>,
    /// Its process; none where it is a thread of this one.
    pub(super) pid: Option<u32>,
    /// The plugin that it is loading, and since when.
    pub(super) loading: Option<(PathBuf, Instant)>,
    /// When it was told to go home.
    pub(super) dismissed: Option<Instant>,
    /// When it was killed.
    pub(super) killed: Option<Instant>,
    /// Why it was killed, in words after "the cell"; none where the user wanted it.
    pub(super) verdict: Option<String>,
}

impl CellHandle {
    /// Starts a child process.
    pub(super) fn spawn(
        birth: u32,
        memory: &SharedMemory,
        news: channel::Sender<(u32, CellNews)>,
    ) -> std::io::Result<CellHandle> {
        let (ours, theirs) = UnixStream::pair()?;
        let sender = Sender::new(ours.try_clone()?);
        let page = rustix::io::fcntl_dupfd_cloexec(memory.fd(), 3)?;
        rustix::io::fcntl_setfd(&page, rustix::io::FdFlags::empty())?;
        let copies = kept::hand_over()?;
        let (printed, printer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let mut child = Command::new("/proc/self/exe")
            .arg0("iodyno")
            .args(["__cell", "--page-fd", &page.as_raw_fd().to_string()])
            .args(
                copies.iter().flat_map(|(copy, _)| ["--sealed-copy".to_owned(), copy.to_string()]),
            )
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(printer.try_clone()?))
            .stderr(Stdio::from(printer))
            .process_group(0)
            .spawn()?;
        let watched = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(std::io::Error::from)
            .and_then(|pidfd| Ok((Arc::new(pidfd), watch_printing(birth, printed, &news)?)));
        let (pidfd, printing) = match watched {
            Ok(watched) => watched,
            Err(error) => {
                let _gone = child.kill();
                child.wait()?;
                return Err(error);
            }
        };
        let pid = child.id();
        // Where no thread can be had, the socket is closed, which ends the cell.
        let watcher = Watcher {
            child,
            pidfd: Arc::clone(&pidfd),
            printing,
            ear: Ear { birth, receiver: Receiver::bounded(ours, LINE_MAX), news, noted: false },
        };
        thread("cell").spawn(move || watcher.watch())?;
        Ok(CellHandle::new(birth, sender, Some((pidfd, pid))))
    }

    /// Starts a thread of this process (`isolation = none`).
    pub(super) fn in_process(
        birth: u32,
        memory: &SharedMemory,
        news: channel::Sender<(u32, CellNews)>,
    ) -> std::io::Result<CellHandle> {
        let (ours, theirs) = UnixStream::pair()?;
        let memory = SharedMemory::from_fd(memory.fd().try_clone_to_owned()?);
        let sender = Sender::new(ours.try_clone()?);
        let (ended, end) = channel::bounded(1);
        thread("serve").spawn(move || {
            let served = cell::serve(theirs, memory, false);
            let _killed = ended.send(served.err().map(|error| error.to_string()));
        })?;
        let mut ear =
            Ear { birth, receiver: Receiver::bounded(ours, LINE_MAX), news, noted: false };
        thread("cell").spawn(move || {
            while ear.wait(None) && ear.listen() {}
            let error = end.recv_timeout(LAST_WORDS).unwrap_or_default();
            let how = |error| Death { signal: None, how: format!("failed: {error}") };
            ear.tell(CellNews::Gone(error.map(how)));
        })?;
        Ok(CellHandle::new(birth, sender, None))
    }

    fn new(birth: u32, sender: Sender, child: Option<(Arc<OwnedFd>, u32)>) -> CellHandle {
        let (pidfd, pid) = child.unzip();
        CellHandle {
            birth,
            sender,
            pidfd,
            pid,
            loading: None,
            dismissed: None,
            killed: None,
            verdict: None,
        }
    }

    /// Tells it something. A cell that is gone is told about by its news.
    pub(super) fn send(&mut self, message: &ToCell) {
        let _gone = self.sender.send(message);
    }

    /// Lets it go home: it sees the end of its socket.
    pub(super) fn dismiss(&mut self) {
        if self.dismissed.is_none() {
            self.dismissed = Some(Instant::now());
            self.sender.shutdown(Shutdown::Write);
        }
    }

    /// Kills it. A thread cannot be killed: it is heard of no more and ends with the process.
    pub(super) fn kill(&mut self, verdict: Option<String>) {
        if self.killed.is_some() {
            return;
        }
        self.killed = Some(Instant::now());
        self.verdict = verdict;
        match &self.pidfd {
            Some(pidfd) => {
                let _gone = pidfd_send_signal(pidfd, Signal::KILL);
            }
            None => self.sender.shutdown(Shutdown::Both),
        }
    }
}

fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

/// Reads what a cell says, and passes it on.
struct Ear {
    birth: u32,
    receiver: Receiver,
    news: channel::Sender<(u32, CellNews)>,
    noted: bool,
}

impl Ear {
    fn tell(&self, news: CellNews) {
        let _nobody = self.news.send((self.birth, news));
    }

    /// Waits until the cell says something, at most for `limit`; false where it does not.
    fn wait(&self, limit: Option<&Timespec>) -> bool {
        let mut fds = [PollFd::new(self.receiver.stream(), PollFlags::IN)];
        !matches!(poll(&mut fds, limit), Ok(0))
    }

    /// Passes on what is there, one read of it; false at the end.
    fn listen(&mut self) -> bool {
        let open = match self.receiver.read_now() {
            Ok(n) => n > 0,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        while let Some(heard) = self.receiver.take() {
            match heard {
                Heard::Message(message) => self.tell(CellNews::Says(message)),
                Heard::Garbage if self.noted => {}
                Heard::Garbage => {
                    self.noted = true;
                    let text = "something in a cell wrote into the socket between the cell and \
                                the control process; it was ignored (does an engine write to a \
                                descriptor that is not its own?)";
                    self.tell(CellNews::Says(ToControl::Note(text.to_owned())));
                }
            }
        }
        open
    }

    /// Passes on what the dead cell had said; a process that it left may go on for ever.
    fn listen_to_the_end(&mut self) {
        for _ in 0..LAST_READS_MAX {
            if !self.wait(Some(&NOT_AT_ALL)) || !self.listen() {
                return;
            }
        }
    }
}

/// Waits for a child's end.
struct Watcher {
    child: Child,
    pidfd: Arc<OwnedFd>,
    /// Disconnected once everything printed is passed on.
    printing: channel::Receiver<()>,
    ear: Ear,
}

impl Watcher {
    /// Listens until the child is dead, whoever still holds its socket; then ends whatever it left
    /// in its process group.
    fn watch(mut self) {
        let hangs = self.listen_until_death();
        // The child is not reaped yet, so its number, and the group's, still mean this child.
        let _nobody = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        self.ear.listen_to_the_end();
        let death = match self.child.wait() {
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
        let _silent = self.printing.recv_timeout(LAST_WORDS);
        self.ear.tell(CellNews::Gone(death));
    }

    /// Whether it had to be killed, because its socket was closed and it did not end.
    fn listen_until_death(&mut self) -> bool {
        let farewell = Timespec { tv_sec: FAREWELL_S, tv_nsec: 0 };
        loop {
            let mut fds = [
                PollFd::new(&*self.pidfd, PollFlags::IN),
                PollFd::new(self.ear.receiver.stream(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) if !fds[0].revents().is_empty() => return false,
                Ok(_) if self.ear.listen() => {}
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let mut fds = [PollFd::new(&*self.pidfd, PollFlags::IN)];
        let hangs = matches!(poll(&mut fds, Some(&farewell)), Ok(0));
        if hangs {
            let _gone = pidfd_send_signal(&*self.pidfd, Signal::KILL);
            let _dead = poll(&mut fds, None);
        }
        hangs
    }
}

fn describe(status: std::process::ExitStatus) -> Death {
    match status.signal() {
        Some(number) => {
            let name = signal_name(number);
            Death { how: format!("was killed by {name}"), signal: Some(name) }
        }
        None if status.code() == Some(i32::from(cell::MUTE)) => Death {
            signal: None,
            how: "could not talk to the control process any more, and ended (does an engine close \
                  descriptors that are not its own?)"
                .to_owned(),
        },
        None => Death {
            signal: None,
            how: format!("ended by itself with status {}", status.code().unwrap_or(-1)),
        },
    }
}

/// Collects what the cell prints, bounded in lines and bytes; reads on so that it never blocks.
/// The answer is disconnected at the end.
fn watch_printing(
    birth: u32,
    printed: OwnedFd,
    news: &channel::Sender<(u32, CellNews)>,
) -> std::io::Result<channel::Receiver<()>> {
    let news = news.clone();
    let (done, printing) = channel::bounded(0);
    thread("printing").spawn(move || {
        let _at_the_end = done;
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
                let _nobody = news.send((birth, CellNews::Printed(text)));
            }
        }
    })?;
    Ok(printing)
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
}
