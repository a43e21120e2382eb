//! The validated job: what `resolve` makes and everybody else only reads.
//!
//! Every field holds a checked value in its unit; nothing here is text that still has to be parsed.
//! Serializable, because the control process hands jobs to cells.

use crate::catalogue::EngineValue;
use crate::ddir::PerDir;
use crate::units::{Bytes, Nanos};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that one `iodyno run` is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The options of `[global]` as typed, in order.
    pub global_given: Vec<(String, String)>,
    /// Which jobs share a process.
    pub isolation: Isolation,
    /// In the order of the job files.
    pub jobs: Vec<JobSpec>,
}

/// Which jobs share a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// One cell for all jobs.
    #[default]
    Run,
    /// A cell for each job: a crash costs one job.
    Job,
    /// No cell: for debuggers and profilers.
    None,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Its name, unique in the run.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// Where its section begins.
    pub origin: Origin,
    /// The section's own options as typed, in order; flags without a value have "".
    pub given: Vec<(String, String)>,
    /// What does the I/O.
    pub engine: EngineSpec,
    /// What is asked for.
    pub load: LoadSpec,
    /// Where it goes.
    pub target: TargetSpec,
    /// How many requests at once.
    pub depth: DepthSpec,
    /// How long.
    pub time: TimeSpec,
    /// How fast.
    pub pace: PaceSpec,
    /// Clones, groups, CPUs.
    pub process: ProcessSpec,
    /// What is measured and shown.
    pub report: ReportSpec,
}

/// A place in a job file or on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file's name as the user gave it; "--set" and the like for the command line.
    pub file: String,
    /// From 1; 0 where there is none.
    pub line: u32,
}

/// The chosen engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineSpec {
    /// As the job or `--engine` says it: name, path, `external:PATH` or `PLUGIN-ID:NAME`.
    pub asked: String,
    /// The engine's name within its plugin.
    pub name: String,
    /// The plugin's reverse DNS id.
    pub plugin_id: String,
    /// The plugin's file.
    pub plugin: PathBuf,
    /// Digest of the plugin's file as it was probed.
    pub sha256: String,
    /// `engine_sha256`, lower-case hex: load only this content, from a sealed copy.
    pub pin: Option<String>,
    /// `IOE_F_*` of the engine.
    pub flags: u64,
    /// Values indexed like the engine's option table.
    pub options: Vec<EngineValue>,
    /// Indices of the options that are redacted in every output.
    pub secrets: Vec<usize>,
    /// `engine_timeout`: a callback longer than this is a fault; none = only a note after 30 s.
    pub timeout: Option<Nanos>,
}

/// `rw`: which directions, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rw {
    /// Sequential reads.
    Read,
    /// Sequential writes.
    Write,
    /// Random reads.
    RandRead,
    /// Random writes.
    RandWrite,
    /// Sequential reads and writes, mixed.
    Rw,
    /// Random reads and writes, mixed.
    RandRw,
    /// Sequential trims.
    Trim,
    /// Random trims.
    RandTrim,
    /// Each block trimmed, then written.
    TrimWrite,
}

impl Rw {
    /// fio's word.
    pub fn name(self) -> &'static str {
        match self {
            Rw::Read => "read",
            Rw::Write => "write",
            Rw::RandRead => "randread",
            Rw::RandWrite => "randwrite",
            Rw::Rw => "rw",
            Rw::RandRw => "randrw",
            Rw::Trim => "trim",
            Rw::RandTrim => "randtrim",
            Rw::TrimWrite => "trimwrite",
        }
    }

    /// Offsets are drawn at random.
    pub fn is_random(self) -> bool {
        matches!(self, Rw::RandRead | Rw::RandWrite | Rw::RandRw | Rw::RandTrim)
    }

    /// Reads and writes are mixed by `rwmixread`.
    pub fn is_mixed(self) -> bool {
        matches!(self, Rw::Rw | Rw::RandRw)
    }

    /// Issues reads.
    pub fn reads(self) -> bool {
        matches!(self, Rw::Read | Rw::RandRead | Rw::Rw | Rw::RandRw)
    }

    /// Issues writes.
    pub fn writes(self) -> bool {
        matches!(self, Rw::Write | Rw::RandWrite | Rw::Rw | Rw::RandRw | Rw::TrimWrite)
    }

    /// Issues trims.
    pub fn trims(self) -> bool {
        matches!(self, Rw::Trim | Rw::RandTrim | Rw::TrimWrite)
    }
}

/// An amount of data: a number, or a part of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// That many bytes.
    Bytes(Bytes),
    /// Percent of the target's size, 1 to 100.
    Percent(u8),
}

/// Smallest and largest block of a direction; equal for a fixed `bs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRange {
    /// Smallest block.
    pub min: Bytes,
    /// Largest block.
    pub max: Bytes,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// `rw`.
    pub rw: Rw,
    /// `bs`, `bsrange`.
    pub bs: PerDir<BlockRange>,
    /// `size`: of all files of one clone together; none = what is there.
    pub size: Option<Amount>,
    /// `io_size`: how much to transfer; none = `size`.
    pub io_size: Option<Amount>,
    /// `offset`: where the region begins.
    pub offset: Option<Amount>,
    /// `rwmixread`: percent of requests that read.
    pub rwmixread: u8,
    /// `norandommap`: blocks may repeat.
    pub norandommap: bool,
    /// `randrepeat`: the same sequence in each run.
    pub randrepeat: bool,
    /// `randseed`.
    pub randseed: u64,
    /// `fsync`: after so many writes; 0 = never.
    pub fsync: u32,
    /// `end_fsync`.
    pub end_fsync: bool,
    /// `number_ios`: ends after so many requests.
    pub number_ios: Option<u64>,
}

/// Where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// `filename`, split at `:`; empty = made from the job's name.
    pub filename: Vec<String>,
    /// `directory`, split at `:`; clones are spread over them.
    pub directory: Vec<String>,
    /// `nrfiles`.
    pub nrfiles: u32,
    /// `filesize`: of each file; a range is drawn from by the job's seed.
    pub filesize: Option<(Bytes, Bytes)>,
    /// `direct`.
    pub direct: bool,
    /// `unlink`: remove the files after the run.
    pub unlink: bool,
    /// `invalidate`: drop the target's cached pages before the start.
    pub invalidate: bool,
    /// `allow_mounted_write`: write to a device that somebody uses.
    pub allow_mounted_write: bool,
}

/// How many requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthSpec {
    /// `iodepth`.
    pub iodepth: u32,
    /// `iodepth_batch_submit`: requests to a commit.
    pub batch_submit: u32,
    /// `iodepth_batch_complete_min`: reap at least so many; 0 = look without waiting.
    pub batch_complete_min: u32,
    /// `iodepth_batch_complete_max`: reap at most so many.
    pub batch_complete_max: u32,
    /// `iodepth_low`: once full, drain to this before filling again.
    pub low: u32,
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpec {
    /// `runtime`: of the measure phase; none = until the amount is done.
    pub runtime: Option<Nanos>,
    /// `time_based`: start over until `runtime` is up.
    pub time_based: bool,
    /// `ramp_time`.
    pub ramp_time: Nanos,
    /// `loops`.
    pub loops: u64,
}

/// How fast; none = as fast as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceSpec {
    /// `rate`, bytes a second.
    pub rate: PerDir<Option<Bytes>>,
    /// `rate_iops`, requests a second.
    pub rate_iops: PerDir<Option<u64>>,
}

/// Clones, groups, CPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// `numjobs`.
    pub numjobs: u32,
    /// `group_reporting`.
    pub group_reporting: bool,
    /// `stonewall`: wait for all jobs before this one; begins a new group.
    pub stonewall: bool,
    /// `thread`: accepted; workers are always threads of a cell.
    pub thread: bool,
    /// `cpus_allowed`, sorted; none = all.
    pub cpus_allowed: Option<Vec<u32>>,
}

/// What is measured and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportSpec {
    /// `gtod_reduce`: no clock reads for latencies.
    pub gtod_reduce: bool,
    /// `percentile_list`, ascending.
    pub percentile_list: Vec<f64>,
}
