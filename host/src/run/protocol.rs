//! What control process and cells say to each other: one JSON document a line over a socket.
//!
//! Control-plane only: nothing is sent between `measure` and `drain` but a worker's end.

use super::plan::PlannedWorker;
use super::result::RunError;
use crate::catalogue::PluginInfo;
use crate::job::spec::JobSpec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// To a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToCell {
    /// What there is to do; comes first, once.
    Plan(Box<CellPlan>),
    /// Set the workers of a stage up.
    Start {
        /// The stage.
        stage: u32,
    },
    /// All cells are ready: begin.
    Go,
    /// Drain now.
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
    /// All jobs of the run.
    pub jobs: Vec<JobSpec>,
    /// The plugins of the run, as probed.
    pub plugins: Vec<PluginInfo>,
    /// The workers of this cell.
    pub workers: Vec<PlannedWorker>,
}

/// To the control process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToControl {
    /// All workers of the stage wait for the start, or failed.
    Ready,
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
    /// A worker's thread is there.
    Began {
        /// The worker.
        worker: u32,
        /// Kernel thread id.
        tid: u32,
        /// Wall clock, milliseconds since the epoch.
        start_ms: u64,
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
    /// Something that a reader of the figures should know.
    Note(String),
    /// A worker is through, well or ill.
    Ended {
        /// The worker.
        worker: u32,
    },
    /// All workers of the stage are through.
    StageDone,
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
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// The reading end.
#[derive(Debug)]
pub struct Receiver(BufReader<UnixStream>);

impl Receiver {
    /// Takes a stream over.
    pub fn new(stream: UnixStream) -> Self {
        Receiver(BufReader::new(stream))
    }

    /// The next message; none where the peer is gone, or speaks no sense (a plugin may write into
    /// any descriptor it finds).
    pub fn receive<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(n) if n > 0 => serde_json::from_str(&line).ok(),
            _ => None,
        }
    }
}
