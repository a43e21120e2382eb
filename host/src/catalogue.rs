//! What engines there are: plain data about plugins, written by a probe, read by everybody else.
//!
//! A word of the whole house: `plugin` fills it in a child process, `job` resolves engine names and
//! options against it, `report` and `cli` show it. Holds no pointer and loads nothing.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One plugin file that was found, trusted, preflighted and probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// Where it was found, absolute.
    pub path: PathBuf,
    /// Digest of the file's bytes, lower-case hex.
    pub sha256: String,
    /// GNU build id, lower-case hex, where the file has one.
    pub build_id: Option<String>,
    /// Whether the content was pinned (`engine_sha256`, `engines.lock`) and is loaded from a sealed
    /// copy.
    pub pinned: bool,
    /// Who pins it: `engine_sha256`, file and line of an `engines.lock`. Empty where nobody does.
    pub pinned_by: Vec<String>,
    /// Why the file is trusted, or what was overlooked by `--allow-untrusted-engines`.
    pub trust: Trust,
    /// Reverse DNS id.
    pub id: String,
    /// Who made it.
    pub vendor: String,
    /// The plugin's own version.
    pub version: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// Where to ask.
    pub url: Option<String>,
    /// ABI that it was compiled with.
    pub abi_major: u16,
    /// ABI that it was compiled with.
    pub abi_minor: u16,
    /// Oldest host minor that it can work with.
    pub need_minor: u16,
    /// Whether the plugin exports its layout and abi_stable found it compatible.
    pub layout_checked: bool,
    /// What it carries.
    pub engines: Vec<EngineInfo>,
    /// What the probe found odd but bearable.
    pub warnings: Vec<String>,
}

/// The verdict about a file's place and rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// All rules hold.
    Trusted,
    /// A rule does not hold, and the user said to go on: the rule in words.
    Overridden(String),
}

/// One engine of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Name in job files.
    pub name: String,
    /// One line.
    pub help: String,
    /// `IOE_F_*`.
    pub flags: u64,
    /// Never answers Queued: one request at a time (a flag, for rooms that know no ABI).
    pub synchronous: bool,
    /// Has no target, neither file nor device (a flag, too).
    pub diskless: bool,
    /// A request is a whole file (likewise).
    #[serde(default)]
    pub whole_files: bool,
    /// Does no I/O at all (likewise).
    #[serde(default)]
    pub no_io: bool,
    /// Moves no data, whatever a request's direction says (likewise).
    #[serde(default)]
    pub fake: bool,
    /// What goes through it has no offsets (likewise).
    #[serde(default)]
    pub stream: bool,
    /// Those of `flags` that an engine over this one has as well, since it goes to the same
    /// targets in the same way (likewise).
    #[serde(default)]
    pub passed_on: u64,
    /// Names of the callbacks that are present, in the order of the ops table.
    pub callbacks: Vec<String>,
    /// Options, indexed like the engine's own table.
    pub options: Vec<EngineOption>,
}

impl EngineInfo {
    /// This engine over another one: with what the other one passes on.
    #[must_use]
    pub fn over(&self, inner: &EngineInfo) -> EngineInfo {
        EngineInfo {
            flags: self.flags | inner.passed_on,
            passed_on: self.passed_on | inner.passed_on,
            diskless: self.diskless | inner.diskless,
            whole_files: self.whole_files | inner.whole_files,
            no_io: self.no_io | inner.no_io,
            fake: self.fake | inner.fake,
            stream: self.stream | inner.stream,
            ..self.clone()
        }
    }
}

/// One option of an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineOption {
    /// Name in job files.
    pub name: String,
    /// Second name.
    pub alias: Option<String>,
    /// Type of its value.
    pub kind: EngineOptionKind,
    /// In job-file syntax.
    pub default: Option<String>,
    /// One line.
    pub help: String,
    /// Heading in the help.
    pub group: Option<String>,
    /// Smallest and largest value; none = unbounded.
    pub range: Option<(i64, i64)>,
    /// 0 = any, 1 = power of two, n = multiple of n.
    pub step: u64,
    /// For ENUM and FLAGSET.
    pub choices: Vec<EngineChoice>,
    /// A job without it is refused.
    pub required: bool,
    /// Redacted in every output.
    pub secret: bool,
    /// Not shown in help.
    pub hidden: bool,
    /// Still works, warned of.
    pub deprecated: bool,
}

/// One choice of an ENUM or FLAGSET option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineChoice {
    /// As written in a job file.
    pub name: String,
    /// What the engine gets.
    pub value: u64,
    /// One line.
    pub help: String,
}

/// `IOE_OPT_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineOptionKind {
    /// 0 or 1.
    Bool,
    /// Signed integer.
    Int,
    /// Unsigned integer.
    Uint,
    /// Bytes.
    Size,
    /// Time, in nanoseconds.
    TimeNs,
    /// Floating point.
    Float,
    /// Text.
    Str,
    /// A path.
    Path,
    /// One of the choices.
    Enum,
    /// Any of the choices, joined by `,` or `|`.
    Flagset,
    /// Another engine's name or path.
    Engine,
}

/// The parsed value of an engine's option, ready to be written into an `ioe_value`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineValue {
    /// Neither given nor defaulted.
    Unset,
    /// INT.
    Int(i64),
    /// BOOL, UINT, SIZE, TIME_NS, ENUM, FLAGSET.
    Uint(u64),
    /// FLOAT.
    Float(f64),
    /// STR, PATH, ENGINE.
    Text(String),
}
