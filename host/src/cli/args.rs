//! The command line: what can be said, and the help that teaches it.
//!
//! Completions and the man page are generated from here. Decides nothing: each command's own file
//! does.

use super::engine::Lang;
use crate::plugin::kept::Handed;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A dynamometer for storage I/O engines: bolt one on, drive it with a described load, measure it.
#[derive(Debug, Parser)]
#[command(name = "iodyno", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  iodyno run job.toml                         run a job file
  iodyno run job.fio --engine ./libmy.so      the same job with another engine, no rebuild
  iodyno run job.toml --set bs=64KiB --set writer:iodepth=8
  iodyno lint job.fio                         what would this job do? (runs nothing)
  iodyno verify /dev/sdx --bs 1MiB            is what a verifying run wrote still right?
  iodyno engines                              which engines are here?
  iodyno engines show psync                   what can this one do?
  iodyno engine new my-engine --lang c        a project for an engine of my own
  iodyno check ./libmy.so                     does my engine keep to the contract?

Exit status:
  0 clean, 1 I/O error, 2 bad usage or bad job, 3 miscompare, 4 verification incomplete,
  5 an engine could not be loaded, crashed, hung or broke its contract, 128 ended by a signal";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run job files and report what was measured
    Run(RunArgs),
    /// Check what a verifying run wrote, without its job file
    Verify(VerifyArgs),
    /// Parse and resolve job files, print the effective job, run nothing
    Lint(LintArgs),
    /// List the engines that are here, or show one
    Engines(EnginesArgs),
    /// Make the project of a new engine
    Engine(EngineArgs),
    /// Check a plugin against the engine contract, one rule after the other
    Check(CheckArgs),
    /// Print the reference of all job options
    Options(OptionsArgs),
    /// Print shell completions
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
    /// Print the manual page (troff)
    Man,
    /// Load one plugin and say what it offers (used by iodyno itself)
    #[command(name = "__probe", hide = true)]
    Probe(ProbeArgs),
    /// Run one check (used by iodyno itself)
    #[command(name = "__check", hide = true)]
    CheckOne {
        /// What to do, as JSON.
        order: String,
    },
    /// Run workers (used by iodyno itself)
    #[command(name = "__cell", hide = true)]
    Cell(CellArgs),
}

/// A number of bytes: 4096, 64k, 1MiB.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().trim_end_matches("ib") {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err("say bytes, or k, m, g (64k, 1MiB)".to_owned()),
    };
    let number = number.parse::<u64>().map_err(|error| error.to_string())?;
    let bytes = number.checked_mul(1 << shift).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| "from 1 to 2^64 - 1 bytes".to_owned())
}

/// `iodyno verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// A file or device that was written with verify=
    #[arg(value_name = "TARGET")]
    pub target: PathBuf,
    /// Bytes of a read, at most; it may be another size than that of the writes
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub bs: u64,
    /// Reads at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub iodepth: u32,
    /// Read through this engine: a name, a path, or PLUGIN-ID:NAME
    #[arg(long, value_name = "NAME|PATH", default_value = "psync")]
    pub engine: String,
    /// Threads that check what was read
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub verify_async: u32,
    /// Only what the run with this id wrote is right (16 hexadecimal digits)
    #[arg(long, value_name = "ID")]
    pub verify_run: Option<String>,
    /// Do not go through the page cache
    #[arg(long)]
    pub direct: bool,
    /// Where engines come from.
    #[command(flatten)]
    pub search: EngineSearch,
    /// What is shown.
    #[command(flatten)]
    pub show: Showing,
}

/// Where engines come from.
#[derive(Debug, Clone, Default, Args)]
pub struct EngineSearch {
    /// Look for engines here first (repeatable)
    #[arg(long = "engine-path", value_name = "DIR")]
    pub engine_path: Vec<PathBuf>,
    /// Load plugins whose place or rights fail the trust rules (noted in the report)
    #[arg(long)]
    pub allow_untrusted_engines: bool,
}

/// What is shown of a run, and where.
#[derive(Debug, Clone, Args)]
pub struct Showing {
    /// Form of the report
    #[arg(long, value_enum, default_value_t = OutputFormat::Normal)]
    pub output_format: OutputFormat,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show the status line: always, never, or when standard error is a terminal
    #[arg(long, value_enum, default_value_t = Eta::Auto)]
    pub eta: Eta,
}

/// Which jobs, and what to change about them.
#[derive(Debug, Clone, Args)]
pub struct JobSource {
    /// Job files: TOML (*.toml) or fio's format (anything else); `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Use this engine in every job: a name, a path, or PLUGIN-ID:NAME
    #[arg(long, value_name = "NAME|PATH")]
    pub engine: Option<String>,
    /// Set an option in every job, or in one (repeatable; wins over the file)
    #[arg(long = "set", value_name = "[JOB:]KEY=VALUE")]
    pub sets: Vec<String>,
    /// A callback of an engine that takes longer is a fault (default: only a note after 30 s)
    #[arg(long, value_name = "TIME")]
    pub engine_timeout: Option<String>,
}

/// `iodyno run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Which jobs.
    #[command(flatten)]
    pub source: JobSource,
    /// Where engines come from.
    #[command(flatten)]
    pub search: EngineSearch,
    /// What is shown.
    #[command(flatten)]
    pub show: Showing,
    /// Refuse jobs that write or trim
    #[arg(long)]
    pub readonly: bool,
    /// Tell where the tester's own time goes: sampled stage by stage, and beside each job a run of
    /// the same shape with the engine null (0.2 s)
    #[arg(long)]
    pub profile_harness: bool,
}

/// `iodyno lint`.
#[derive(Debug, Clone, Args)]
pub struct LintArgs {
    /// Which jobs.
    #[command(flatten)]
    pub source: JobSource,
    /// Where engines come from.
    #[command(flatten)]
    pub search: EngineSearch,
}

/// `iodyno engines`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EnginesArgs {
    /// What about them.
    #[command(subcommand)]
    pub command: Option<EnginesCommand>,
    /// Where engines come from.
    #[command(flatten)]
    pub search: EngineSearch,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `iodyno engines ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum EnginesCommand {
    /// Show one engine: plugin, version, flags, options, file, digest, trust
    Show {
        /// Name, path, or PLUGIN-ID:NAME
        #[arg(value_name = "NAME|PATH")]
        engine: String,
        /// Where engines come from.
        #[command(flatten)]
        search: EngineSearch,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `iodyno check`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = AFTER_CHECK_HELP)]
pub struct CheckArgs {
    /// The plugin: a path, or the name of an engine that is found
    #[arg(value_name = "PLUGIN", required_unless_present = "list")]
    pub plugin: Option<String>,
    /// Check this engine of the plugin alone (default: all of them)
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// A directory for the checks' files, or a device, whose content is lost (default: a directory
    /// in the temporary one); host and port where the engine has no files
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// How much: 1 loading, 2 instances, 3 requests, 4 stress
    #[arg(long, value_name = "1..4", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=4))]
    pub level: u8,
    /// Only checks whose id this regular expression matches
    #[arg(long, value_name = "REGEX")]
    pub only: Option<String>,
    /// Where random choices begin (printed at the end; default: another one each time)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Set an option of the engine (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Write the verdicts as JSON to this file; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the verdicts as JUnit's XML to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Run the checks in this process, for a debugger: a crash ends it, a hang stays, and files
    /// that the engine makes without being asked land in the working directory
    #[arg(long)]
    pub in_process: bool,
    /// List the checks with their rules, and run none
    #[arg(long)]
    pub list: bool,
    /// With --list: print docs/checks.md
    #[arg(long, requires = "list")]
    pub markdown: bool,
    /// Where engines come from.
    #[command(flatten)]
    pub search: EngineSearch,
}

const AFTER_CHECK_HELP: &str = "\
Each check runs in a child process with a deadline. Verdicts: pass; warn (bearable); skip (the
engine or this machine cannot have it, or another check has told already); fail; crash; timeout.

Examples:
  iodyno check ./libmine.so                     all checks on temporary files
  iodyno check ./libmine.so --only '^getevents' some of them
  iodyno check ./libmine.so --target /dev/sdX   on a device: its content is lost
  gdb --args iodyno check ./libmine.so --only queue.status --in-process

Exit status: 0 without fail, crash and timeout; 5 with one; 2 bad usage.";

/// `iodyno engine`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "`iodyno engines` lists the engines that are here, `iodyno engines show NAME` \
                        shows one."
)]
pub struct EngineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EngineCommand,
}

/// `iodyno engine ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum EngineCommand {
    /// Write a project that builds, loads and passes `iodyno check`
    #[command(after_long_help = AFTER_ENGINE_NEW)]
    New(EngineNewArgs),
}

const AFTER_ENGINE_NEW: &str = "\
Examples:
  iodyno engine new fast                       ./fast: a crate, synchronous
  iodyno engine new fast --lang c --async      ./fast: C and a Makefile, asynchronous
  iodyno engine new fast --id com.acme.fast --dir ~/src/iodyno-fast

What is made does real I/O on files and block devices, has one option, errors in words and tests of
its own. Its README.md says what to change first.";

/// `iodyno engine new`.
#[derive(Debug, Clone, Args)]
pub struct EngineNewArgs {
    /// The engine's name, as in `ioengine = NAME`: 1 to 32 of a-z, 0-9, _ and -
    pub name: String,
    /// Language of the project
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    pub lang: Lang,
    /// Answer requests later, through commit and getevents, not in queue itself
    #[arg(long = "async")]
    pub asynchronous: bool,
    /// Where to make the project: a directory that is empty or not there yet (default: ./NAME)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The plugin's id in reverse DNS, such as com.acme.fast (default: org.example.NAME)
    #[arg(long)]
    pub id: Option<String>,
    /// Take the crate iodyno-engine-api from this checkout, instead of a copy in the project
    #[arg(long, value_name = "PATH")]
    pub engine_api: Option<PathBuf>,
}

/// `iodyno options`.
#[derive(Debug, Clone, Args)]
pub struct OptionsArgs {
    /// Only this option
    pub name: Option<String>,
    /// Print docs/options.md
    #[arg(long)]
    pub markdown: bool,
}

/// `iodyno __probe`.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Descriptor that the report goes to.
    #[arg(long)]
    pub report_fd: i32,
    /// What to load: the plugin's absolute path, or /proc/self/fd/N of a sealed copy.
    pub load_path: PathBuf,
}

/// `iodyno __cell`.
#[derive(Debug, Clone, Args)]
pub struct CellArgs {
    /// Descriptor of the shared page.
    #[arg(long)]
    pub page_fd: i32,
    /// Sealed copy of a pinned plugin: FD:SHA256:PATH.
    #[arg(long)]
    pub sealed_copy: Vec<Handed>,
}

/// Form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// fio's lines
    Normal,
    /// fio's JSON, with an object `iodyno` more
    Json,
}

/// When to show the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Eta {
    /// When standard error is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
