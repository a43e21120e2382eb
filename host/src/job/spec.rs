//! The validated job: what `resolve` makes and everybody else only reads.
//!
//! Every field holds a checked value in its unit; nothing here is text that still has to be parsed.
//! Serializable, because the control process hands jobs to cells.

mod content;
mod errors;
mod load;
mod pace;
mod process;
mod report;
mod target;
mod time;
mod verify;

pub use content::*;
pub use errors::*;
pub use load::*;
pub use pace::*;
pub use process::*;
pub use report::*;
pub use target::*;
pub use time::*;
pub use verify::*;

use crate::catalogue::EngineValue;
use crate::units::Nanos;
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// What is written, and where the buffers lie.
    pub content: ContentSpec,
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
    /// What is verified, and how.
    pub verify: VerifySpec,
    /// What happens when a request fails.
    pub errors: ErrorsSpec,
    /// What is measured and shown.
    pub report: ReportSpec,
}

impl JobSpec {
    /// Something is verified.
    pub fn verifies(&self) -> bool {
        self.verify.method.is_some()
    }

    /// It compares what others wrote, and changes nothing.
    pub fn only_looks(&self) -> bool {
        let writes = self.load.rw.writes() || self.load.rw.trims();
        self.verifies() && self.verify.do_verify && (self.verify.verify_only || !writes)
    }

    /// It trims, by its load or by `trim_percentage`.
    pub fn trims(&self) -> bool {
        self.load.rw.trims() || (self.verifies() && self.verify.trim_percentage > 0)
    }

    /// What it writes is, or may be, read back.
    pub fn reads_back(&self) -> bool {
        let back = self.load.rw.writes() || self.verify.state_load;
        self.verifies() && back && self.verify.do_verify
    }
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Loaded from a sealed copy: somebody pins it, the job or an `engines.lock`.
    pub sealed: bool,
    /// `IOE_F_*` of the engine.
    pub flags: u64,
    /// A request is a whole file (a flag, for rooms that know no ABI).
    pub whole_files: bool,
    /// It does no I/O at all (likewise).
    pub no_io: bool,
    /// Without I/O: the job ends when no other job of its stage does any.
    pub ends_with_io: bool,
    /// Values indexed like the engine's option table.
    pub options: Vec<EngineValue>,
    /// Indices of the options that are redacted in every output.
    pub secrets: Vec<usize>,
    /// `engine_timeout`: a callback longer than this is a fault; none = only a note after 30 s.
    pub timeout: Option<Nanos>,
    /// The engines that it stands on.
    #[serde(default)]
    pub inner: Vec<InnerEngine>,
}

impl EngineSpec {
    /// Its name and, where it stands on others, theirs: "fault over psync".
    #[must_use]
    pub fn shown(&self) -> String {
        let inner: Vec<String> = self.inner.iter().map(|inner| inner.engine.shown()).collect();
        match inner.is_empty() {
            true => self.name.clone(),
            false => format!("{} over {}", self.name, inner.join(" and ")),
        }
    }

    /// It and all engines below it, the outermost first.
    #[must_use]
    pub fn all(&self) -> Vec<&EngineSpec> {
        let below = self.inner.iter().flat_map(|inner| inner.engine.all());
        std::iter::once(self).chain(below).collect()
    }
}

/// An engine that another one stands on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InnerEngine {
    /// Index of the option of the engine above that names it.
    pub option: usize,
    /// The engine.
    pub engine: EngineSpec,
}
