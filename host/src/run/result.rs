//! What a run ended with: the one snapshot that every report is a pure function of. Made by
//! `gather` (by `cli` where a job was refused before it began) and read by `report`. Plain data:
//! nothing here refers to pages, cells or engines that may be gone.

use crate::catalogue::PluginInfo;
use crate::job::spec::JobSpec;
use crate::stats::snapshot::PhaseSnapshot;
use crate::stats::window::DirWindows;
pub use crate::sys::disks::DiskFacts;
pub use crate::sys::diskstats::{DiskCounters, DiskGrowth as DiskUtil};
pub use crate::sys::steal::CpuTimes as StealFacts;
pub use crate::verify::damage::Miscompare;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The whole run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// iodyno's version, "0.1.0".
    pub version: String,
    /// Wall clock at the end, milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// The options of `[global]` as typed.
    pub global_given: Vec<(String, String)>,
    /// Fingerprint of the effective job: equal for runs that asked for the same.
    pub fingerprint: String,
    /// One for each worker, in the order of the plan.
    pub workers: Vec<WorkerResult>,
    /// Loaded plugins, each once.
    pub plugins: Vec<PluginInfo>,
    /// What went wrong, in the order in which it was seen.
    pub errors: Vec<RunError>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    /// What the disks under the targets did while jobs ran, for jobs with `disk_util`.
    pub disks: Vec<DiskUtil>,
    /// What the disks under the targets are.
    pub devices: Vec<DiskFacts>,
    /// Where it ran.
    pub host: HostFacts,
    /// What the CPUs that the run may use did meanwhile; none where the kernel does not tell.
    pub steal: Option<StealFacts>,
    /// With `--profile-harness`: the same jobs with an engine that does nothing.
    pub null_runs: Vec<NullRun>,
    /// The program's exit status.
    pub exit_status: u8,
}

/// One worker: a clone of a job.
#[derive(Clone, Debug)]
pub struct WorkerResult {
    /// Its job.
    pub job: JobSpec,
    /// Which clone, from 0.
    pub clone: u32,
    /// Reporting group, from 0.
    pub group: u32,
    /// Thread id where it ran; 0 where it never did.
    pub tid: u32,
    /// Wall clock at its start, milliseconds since the epoch; 0 where it never started.
    pub start_ms: u64,
    /// From its start to its end, nanoseconds.
    pub elapsed_ns: u64,
    /// errno of its first error; 0 = none.
    pub error: i32,
    /// The measure phase.
    pub measure: PhaseSnapshot,
    /// Windows by direction, in the order of [`crate::ddir::Ddir::ALL`].
    pub windows: [DirWindows; 4],
    /// How `steadystate` went, where the job asks for it.
    pub steady: Option<SteadyOutcome>,
    /// What came of verification, where the job asks for it.
    pub verify: Option<VerifyResult>,
    /// What its target is, through `iodyno.identify/1` (model, serial, firmware ...).
    pub identity: Vec<(String, String)>,
}

/// A job's shape, driven with an engine that does nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct NullRun {
    /// The job.
    pub job: String,
    /// A worker's time per request, nanoseconds, or why it is not known.
    pub ns_per_io: Result<f64, String>,
}

/// What came of a worker's verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyResult {
    /// `verify`.
    pub method: String,
    /// Bytes of an interval.
    pub interval: u64,
    /// Id of the run that wrote.
    pub run: u64,
    /// Bytes that were to be verified: those last written by the job, or those that it read.
    pub bytes: u64,
    /// Of these: read back and right.
    pub verified_bytes: u64,
    /// Intervals that are wrong.
    pub wrong: u64,
    /// Bytes of which nothing can be said, because a write failed or did not end.
    pub unsure_bytes: u64,
    /// Bytes that are zeros, where nobody knows whether they were written.
    pub blank_bytes: u64,
    /// Bytes that were trimmed.
    pub trimmed_bytes: u64,
    /// Why not all was looked at; none: all was.
    pub unfinished: Option<String>,
    /// The first miscompares.
    pub miscompares: Vec<MiscompareResult>,
}

/// An interval that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MiscompareResult {
    /// Name of the target.
    pub target: String,
    /// What is wrong with it.
    pub miscompare: Miscompare,
}

impl VerifyResult {
    /// Adds another worker's.
    pub fn merge(&mut self, other: &VerifyResult) {
        self.bytes += other.bytes;
        self.verified_bytes += other.verified_bytes;
        self.wrong += other.wrong;
        self.unsure_bytes += other.unsure_bytes;
        self.blank_bytes += other.blank_bytes;
        self.trimmed_bytes += other.trimmed_bytes;
        self.unfinished = self.unfinished.take().or_else(|| other.unfinished.clone());
        self.miscompares.extend(other.miscompares.iter().cloned());
    }

    /// Percent of what was to be verified that was looked at.
    pub fn coverage(&self) -> f64 {
        match self.bytes {
            0 => 100.0,
            bytes => {
                let looked = self.verified_bytes + self.wrong * self.interval;
                looked.min(bytes) as f64 * 100.0 / bytes as f64
            }
        }
    }
}

/// How a job with `steadystate` went. Jobs with `group_reporting` are judged together; each of
/// their workers then has the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SteadyOutcome {
    /// It was steady for as long as asked for.
    pub attained: bool,
    /// What the criterion came to at the last look, in its unit or in percent.
    pub criterion: f64,
    /// Largest deviation from the mean among the last looks, in the metric's unit.
    pub max_deviation: f64,
    /// Slope of the line through the last looks, in the metric's unit a look.
    pub slope: f64,
    /// Bandwidth at each of the last looks, bytes a second.
    pub bw: Vec<f64>,
    /// Requests a second at each of the last looks.
    pub iops: Vec<f64>,
    /// Mean total latency at each of the last looks, nanoseconds.
    pub lat_ns: Vec<f64>,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunError {
    /// Its class, which also decides the exit status.
    pub kind: ErrorKind,
    /// The job that it befell.
    pub job: Option<String>,
    /// errno, where there is one.
    pub errno: Option<i32>,
    /// What, where, why, what to do: for a person.
    pub message: String,
    /// For engine errors and faults: who did it.
    pub engine: Option<Box<EngineFault>>,
}

impl RunError {
    /// An engine that could not be used, without more to say about it.
    pub fn engine(job: &str, message: String) -> RunError {
        RunError {
            kind: ErrorKind::Engine,
            job: Some(job.to_owned()),
            errno: None,
            message,
            engine: None,
        }
    }

    /// Something about the job that cannot work.
    pub fn usage(job: &str, message: String) -> RunError {
        RunError {
            kind: ErrorKind::Usage,
            job: Some(job.to_owned()),
            errno: None,
            message,
            engine: None,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.engine.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl fmt::Display for EngineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "engine {}", self.name)?;
        if !self.path.is_empty() {
            // Enough of a digest to tell files apart.
            let digest = self.sha256.get(..12).unwrap_or(&self.sha256);
            write!(f, ": {} {}, {}, sha256 {digest}", self.id, self.version, self.path)?;
        }
        if let Some(callback) = &self.callback {
            write!(f, "; in callback {callback}")?;
        }
        if self.in_flight > 0 {
            write!(f, "; {} in flight lost", self.in_flight)?;
        }
        self.signal.iter().try_for_each(|signal| write!(f, "; ended by {signal}"))?;
        self.address.iter().try_for_each(|address| write!(f, " at {address}"))?;
        let data = self.data_address.iter();
        data.into_iter().try_for_each(|address| write!(f, " (address {address})"))
    }
}

/// Class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Bad usage or a job that cannot run (status 2).
    Usage,
    /// An I/O error (status 1).
    Io,
    /// Data that is not what was written (status 3).
    Miscompare,
    /// Verification was asked for, and not all was looked at (status 4).
    Unverified,
    /// An engine that could not be loaded, crashed, hung or broke its contract (status 5).
    Engine,
}

/// Who broke the contract, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineFault {
    /// Engine name.
    pub name: String,
    /// Plugin id.
    pub id: String,
    /// Plugin version.
    pub version: String,
    /// Plugin file.
    pub path: String,
    /// Its digest.
    pub sha256: String,
    /// The callback that was being executed.
    pub callback: Option<String>,
    /// Requests that were in flight and are lost.
    pub in_flight: u64,
    /// The signal that ended the cell.
    pub signal: Option<String>,
    /// Where the code was then, as file and offset ("libfoo.so+0x1234"), and for code that is no
    /// plugin's, where in a plugin it was called from.
    pub address: Option<String>,
    /// The address that could not be accessed, where the signal is about one.
    pub data_address: Option<String>,
}

/// Where it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu: String,
    /// Processors that the run may use.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Seconds that local time is ahead of UTC, for the dates in the reports.
    #[serde(default)]
    pub utc_offset_s: i32,
    /// Clock behind the latencies: "tsc" or "monotonic".
    pub clock: String,
    /// LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH as they stood in the environment.
    pub loader_environment: Vec<(String, String)>,
}
