//! What a run tells while it runs: notes, errors, progress of layout, how things stand. Made by
//! `control`, shown by `progress`; nothing else bridges running and showing. Plain data: must know
//! nothing of terminals, and nobody who hears an event can change the run.

use crate::ddir::Ddir;
use crate::units::Nanos;

/// Something that happened, or how things stand.
#[derive(Clone, Debug)]
pub enum Event {
    /// Cells are up and workers are about to start.
    Starting {
        /// Workers of the whole run.
        workers: usize,
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
    /// A second or so went by.
    Tick(Status),
    /// Something a person should read now.
    Note(String),
    /// Something went wrong: in words, also in the report.
    Error(String),
    /// The run is over; nothing more comes.
    Finished,
}

/// How the run stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Time since the start of the run.
    pub elapsed: Nanos,
    /// Workers that run now.
    pub running: usize,
    /// Files they have open.
    pub open_files: u64,
    /// fio's letter of each worker, in the order of the plan: `P` set up, `I` ready, `R` `W` `M`
    /// sequential, `r` `w` `m` random, `D` `d` trim, `/` ramp, `F` drain, `_` done, `X` failed ...
    pub letters: Vec<char>,
    /// Part of the work that is done, 0 to 1; none where it cannot be told yet.
    pub done: Option<f64>,
    /// What remains, none where it cannot be told yet.
    pub eta: Option<Nanos>,
    /// Rates since the last tick by direction, for those that the jobs use.
    pub rates: Vec<Rate>,
    /// Callbacks that have not returned for long, in words; empty as a rule.
    pub stuck: Vec<String>,
}

/// Rates of one direction.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Direction.
    pub ddir: Ddir,
    /// Bytes a second.
    pub bytes_per_s: f64,
    /// Requests a second.
    pub iops: f64,
}
