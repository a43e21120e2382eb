//! What control process and cells say to each other: one JSON document a line over a socket.
//!
//! Control-plane only: nothing is sent between `measure` and `drain` but a worker's end.

use super::plan::PlannedWorker;
use super::result::{RunError, VerifyResult};
use crate::job::spec::JobSpec;
use crate::plugin::kept::Checked;
use crate::sys::clock::Look;
use rustix::net::{recv, send, RecvFlags, SendFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// To a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToCell {
    /// What there is to do; comes first, once.
    Plan(Box<CellPlan>),
    /// Set the workers of a wave up.
    Start {
        /// The wave.
        wave: u32,
    },
    /// All cells are ready: the wave begins.
    Go {
        /// The wave.
        wave: u32,
    },
    /// These workers end in order: drain, report.
    End {
        /// The workers.
        workers: Vec<u32>,
    },
    /// Drain now, all of you.
    Stop,
    /// A worker is stuck in its engine: go on without it.
    Abandon {
        /// The worker.
        worker: u32,
    },
}

/// What a cell is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellPlan {
    /// Which cell it is.
    pub cell: u32,
    /// Id of the run, in every stamp.
    pub run: u64,
    /// When the control process looked at the clocks: what the cell measures time by.
    pub clocks: Look,
    /// Plugins whose content is known already.
    pub checked: Vec<Checked>,
    /// All jobs of the run.
    pub jobs: Vec<JobSpec>,
    /// The workers of this cell.
    pub workers: Vec<PlannedWorker>,
    /// The workers of all cells whose jobs share a flow.
    pub flow_workers: Vec<PlannedWorker>,
}

/// To the control process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToControl {
    /// All workers of the wave wait for the start, or failed.
    Ready {
        /// The wave.
        wave: u32,
    },
    /// A job's files are being laid out.
    Layout {
        /// The job.
        job: String,
        /// Files to lay out.
        files: u32,
        /// Bytes to write.
        total_bytes: u64,
        /// Bytes written so far.
        done_bytes: u64,
    },
    /// What its target is.
    Identity {
        /// The worker.
        worker: u32,
        /// Facts.
        facts: Vec<(String, String)>,
    },
    /// Something went wrong with a worker.
    Error {
        /// The worker.
        worker: u32,
        /// What.
        error: RunError,
    },
    /// A plugin is being loaded and set up: foreign code runs in the cell, outside any worker.
    Loading(PathBuf),
    /// It is loaded, or was refused.
    Loaded,
    /// Where the memory of its verification lies, which is to outlive the cell.
    Ledger {
        /// The worker.
        worker: u32,
        /// The memory's descriptor in the cell.
        fd: i32,
        /// Where in it stands what it is about.
        about_at: u64,
        /// Bytes of that.
        about_len: u64,
    },
    /// What came of its verification.
    Verdict {
        /// The worker.
        worker: u32,
        /// What came of it.
        verdict: Box<VerifyResult>,
    },
    /// Something that a reader of the figures should know.
    Note(String),
    /// A worker is through, well or ill.
    Ended {
        /// The worker.
        worker: u32,
    },
    /// All workers of the wave are through.
    WaveDone {
        /// The wave.
        wave: u32,
    },
}

/// The writing end.
#[derive(Debug)]
pub struct Sender(UnixStream);

impl Sender {
    /// Takes a stream over.
    pub fn new(stream: UnixStream) -> Self {
        Sender(stream)
    }

    /// Sends one message. A peer that is gone is told about by the reading end.
    pub fn send<T: Serialize>(&mut self, message: &T) -> std::io::Result<()> {
        self.send_all(std::slice::from_ref(message))
    }

    /// Sends several messages at once.
    pub fn send_all<T: Serialize>(&mut self, messages: &[T]) -> std::io::Result<()> {
        // On lines of their own, whatever someone else wrote into the socket before them.
        let mut lines = vec![b'\n'];
        for message in messages {
            serde_json::to_writer(&mut lines, message)?;
            lines.push(b'\n');
        }
        let mut rest = &lines[..];
        while !rest.is_empty() {
            // Not write(2): whoever closed this descriptor may have opened a file in its place.
            match send(&self.0, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => rest = &rest[sent..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Ends the conversation in this direction, or in both.
    pub fn shutdown(&self, how: Shutdown) {
        let _gone = self.0.shutdown(how);
    }
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// A message.
    Message(T),
    /// Something that is none: a plugin may write into any descriptor that it finds.
    Garbage,
}

/// The reading end. Every line stands for itself: what is no message costs no message.
#[derive(Debug)]
pub struct Receiver {
    stream: UnixStream,
    lines: Lines,
}

impl Receiver {
    /// Takes a stream over whose writer is trusted.
    pub fn new(stream: UnixStream) -> Self {
        Self::bounded(stream, usize::MAX)
    }

    /// Takes a stream over; longer lines are garbage, and are not kept.
    pub fn bounded(stream: UnixStream, line_max: usize) -> Self {
        Receiver { stream, lines: Lines::new(line_max) }
    }

    /// The stream, to wait for.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The next message; waits for it. None where the peer is gone.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            match self.take() {
                Some(Heard::Message(message)) => return Some(message),
                Some(Heard::Garbage) => {}
                None if matches!(self.fill(RecvFlags::empty()), Ok(1..)) => {}
                None => return None,
            }
        }
    }

    /// Reads once without waiting: how many bytes, 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there; else the peer is gone.
    pub fn read_now(&mut self) -> std::io::Result<usize> {
        self.fill(RecvFlags::DONTWAIT)
    }

    fn fill(&mut self, flags: RecvFlags) -> std::io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let n = loop {
            match recv(&self.stream, &mut chunk, flags) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?.0,
            }
        };
        self.lines.push(&chunk[..n]);
        Ok(n)
    }

    /// The next line of those that were read already; empty ones are nothing.
    pub fn take<T: DeserializeOwned>(&mut self) -> Option<Heard<T>> {
        self.lines.take()
    }
}

/// What was received and not handed out yet, whatever it came in by.
#[derive(Debug)]
pub(super) struct Lines {
    /// A line that was too long is not among it.
    bytes: VecDeque<u8>,
    /// Bytes at the front that are known to hold no end of a line.
    searched: usize,
    line_max: usize,
    /// Within a line that was too long.
    skipping: bool,
}

impl Lines {
    /// Longer lines are garbage, and are not kept.
    pub(super) fn new(line_max: usize) -> Self {
        Lines { bytes: VecDeque::new(), searched: 0, line_max, skipping: false }
    }

    /// Adds what came in, wherever it was cut.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next line; none where its end has not come in yet.
    pub(super) fn take<T: DeserializeOwned>(&mut self) -> Option<Heard<T>> {
        loop {
            let (line, cut) = self.line()?;
            if line == b"\n" && !cut {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(message) if !cut => Some(Heard::Message(message)),
                _ => Some(Heard::Garbage),
            };
        }
    }

    /// The next line, and whether it was too long to be kept.
    fn line(&mut self) -> Option<(Vec<u8>, bool)> {
        let unsearched = self.bytes.range(self.searched..);
        let end = unsearched.into_iter().position(|&byte| byte == b'\n');
        let Some(end) = end.map(|end| self.searched + end) else {
            self.searched = self.bytes.len();
            if self.bytes.len() > self.line_max {
                self.skipping = true;
                self.bytes.clear();
                self.searched = 0;
            }
            return None;
        };
        let line: Vec<u8> = self.bytes.drain(..=end).collect();
        self.searched = 0;
        let cut = std::mem::take(&mut self.skipping) || line.len() > self.line_max;
        Some((line, cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pair(line_max: usize) -> (UnixStream, Receiver) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (theirs, Receiver::bounded(ours, line_max))
    }

    #[test]
    fn garbage_costs_no_message() {
        let (mut writer, mut receiver) = pair(1000);
        writer
            .write_all(b"no sense\n\xff\xfe\n\"Loaded\"\n{\"Note\":\"x\"}\n{\"WaveDone\":{\"wa")
            .unwrap();
        receiver.read_now().unwrap();
        assert!(matches!(receiver.take::<ToControl>(), Some(Heard::Garbage)));
        assert!(matches!(receiver.take::<ToControl>(), Some(Heard::Garbage)));
        assert!(matches!(receiver.take(), Some(Heard::Message(ToControl::Loaded))));
        assert!(matches!(receiver.take(), Some(Heard::Message(ToControl::Note(_)))));
        assert!(receiver.take::<ToControl>().is_none());
        let nothing = receiver.read_now().unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        writer.write_all(b"ve\":3}}\n").unwrap();
        drop(writer);
        assert!(matches!(receiver.receive(), Some(ToControl::WaveDone { wave: 3 })));
        assert!(receiver.receive::<ToControl>().is_none());
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let (mut writer, mut receiver) = pair(100_000);
        let flood = std::thread::spawn(move || {
            writer.write_all(&vec![b'x'; 5_000_000]).unwrap();
            writer.write_all(b"\n\"Loaded\"\n").unwrap();
        });
        let mut garbage = 0;
        loop {
            receiver.fill(RecvFlags::empty()).unwrap();
            match receiver.take::<ToControl>() {
                Some(Heard::Garbage) => garbage += 1,
                Some(Heard::Message(_)) => break,
                None => assert!(receiver.lines.bytes.len() <= 100_000),
            }
            if garbage > 0 {
                assert!(matches!(receiver.receive(), Some(ToControl::Loaded)));
                break;
            }
        }
        assert_eq!(garbage, 1);
        flood.join().unwrap();
    }
}
