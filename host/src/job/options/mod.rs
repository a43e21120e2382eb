//! The option table: one definition for each option of a job, and nowhere else.
//!
//! Read by `resolve` (parsing, defaults), by `cli` (help, reference) and by the generic test below.
//! An option is added by writing its definition into the file of its category; the engines' own
//! options come from the catalogue and are not here.

mod chance;
mod content;
mod depth;
mod description;
mod engine;
mod errors;
mod files;
pub(crate) mod known;
mod latency;
mod load;
mod memory;
mod order;
mod pace;
mod process;
mod region;
mod report;
mod steady;
mod sync;
mod target;
mod time;
mod verify;
mod verify_course;

use super::draft::Draft;
use super::spec::JobSpec;
use super::value::Value;
pub use super::value::{Kind, TimeUnit};
use crate::ddir::PerDir;
use crate::units::{Bytes, Nanos};

/// A chapter of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// What the job is called.
    Description,
    /// What does the I/O.
    Engine,
    /// Where it goes.
    Target,
    /// How files come to be and are opened.
    Files,
    /// What is asked for.
    Load,
    /// Where in the target, and how much.
    Region,
    /// Which request comes next.
    Chance,
    /// When it has to be on the medium.
    Sync,
    /// What is written.
    Content,
    /// Where the buffers lie.
    Memory,
    /// How many requests at once.
    Depth,
    /// How long.
    Time,
    /// How fast.
    Pace,
    /// What latency.
    Latency,
    /// Who begins when, who ends whom, who shares with whom.
    Order,
    /// Clones, CPUs, priorities.
    Process,
    /// Whether the data came back right.
    Verification,
    /// What happens when a request fails.
    Errors,
    /// What is measured and shown.
    Report,
}

impl Category {
    /// Heading of the chapter.
    pub fn title(self) -> &'static str {
        match self {
            Category::Description => "Name and description",
            Category::Engine => "Engine",
            Category::Target => "Target: where the I/O goes",
            Category::Files => "Files: how they are made and opened",
            Category::Load => "Load: directions and block sizes",
            Category::Region => "Region: where, and how much",
            Category::Chance => "Chance: which request comes next",
            Category::Sync => "Syncs: when it has to be on the medium",
            Category::Content => "Content: what is written",
            Category::Memory => "Memory: where the buffers lie",
            Category::Depth => "Depth: how many requests at once",
            Category::Time => "Time: how long",
            Category::Pace => "Pace: how fast",
            Category::Latency => "Latency: what a job has to keep to",
            Category::Order => "Order: when jobs begin, whom they end, how they share",
            Category::Process => "Clones, CPUs, priorities",
            Category::Verification => "Verification: whether the data came back right",
            Category::Errors => "Errors: what happens when a request fails",
            Category::Report => "Measurement and report",
        }
    }
}

/// Where an option may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a job, or in `[global]` for all jobs.
    Job,
    /// In `[global]` only: it concerns the whole run.
    Global,
    /// In fio's format only: it says how the file is read.
    Reading,
    /// The job's own name.
    Name,
}

/// One option.
pub struct JobOption {
    /// In job files.
    pub name: &'static str,
    /// Other names, as in fio.
    pub aliases: &'static [&'static str],
    /// Chapter.
    pub category: Category,
    /// Where it may stand.
    pub scope: Scope,
    /// Type and bounds.
    pub kind: Kind,
    /// In the syntax of fio's job files; empty = not set.
    pub default: &'static str,
    /// What happens where it is not set and has no default.
    pub unset: &'static str,
    /// One line.
    pub help: &'static str,
    /// A paragraph: units, pitfalls.
    pub doc: &'static str,
    /// Where it differs from fio's option of that name; empty = nowhere.
    pub fio: &'static str,
    /// A value as in fio's format.
    pub good: &'static [&'static str],
    /// Values that are refused.
    pub bad: &'static [&'static str],
    /// Values that fio knows and this version does not.
    pub(crate) later: fn(&str) -> bool,
    /// Writes the value into the job.
    pub(crate) apply: fn(&mut Draft, &Value),
    /// The value of a job in the syntax of TOML; none = not set.
    pub(crate) show: fn(&JobSpec) -> Option<String>,
}

/// What an option is unless it says otherwise.
const OPTION: JobOption = JobOption {
    name: "",
    aliases: &[],
    category: Category::Description,
    scope: Scope::Job,
    kind: Kind::Text,
    default: "",
    unset: "",
    help: "",
    doc: "",
    fio: "",
    good: &[],
    bad: &[],
    later: |_| false,
    apply: |_, _| {},
    show: |_| None,
};

/// All options, chapter by chapter.
pub fn all() -> impl Iterator<Item = &'static JobOption> {
    [
        description::OPTIONS,
        engine::OPTIONS,
        target::OPTIONS,
        files::OPTIONS,
        load::OPTIONS,
        region::OPTIONS,
        chance::OPTIONS,
        sync::OPTIONS,
        content::OPTIONS,
        memory::OPTIONS,
        depth::OPTIONS,
        time::OPTIONS,
        steady::OPTIONS,
        pace::OPTIONS,
        latency::OPTIONS,
        order::OPTIONS,
        process::OPTIONS,
        verify::OPTIONS,
        verify_course::OPTIONS,
        errors::OPTIONS,
        report::OPTIONS,
    ]
    .into_iter()
    .flatten()
}

/// An option by its name or an alias.
pub fn find(name: &str) -> Option<&'static JobOption> {
    all().find(|option| option.name == name || option.aliases.contains(&name))
}

/// All names and aliases.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|option| std::iter::once(option.name).chain(option.aliases.iter().copied()))
}

/// A proposal for a name that is none.
pub fn did_you_mean(name: &str) -> Option<String> {
    super::suggest::did_you_mean(name, names())
}

/// A text in TOML's quotes.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Bytes in the largest unit that divides them: `"4KiB"`, 1000.
pub(crate) fn bytes(bytes: Bytes) -> String {
    match unit(bytes.0) {
        (number, "") => number.to_string(),
        (number, unit) => format!("\"{number}{unit}\""),
    }
}

fn unit(bytes: u64) -> (u64, &'static str) {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |shift: u32| bytes != 0 && bytes.is_multiple_of(1 << shift);
    match units.into_iter().find(|(shift, _)| fits(*shift)) {
        Some((shift, unit)) => (bytes >> shift, unit),
        None => (bytes, ""),
    }
}

/// A time in the largest unit that divides it: `"10s"`.
pub(crate) fn nanos(time: Nanos) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
    let (size, unit) =
        units.into_iter().find(|(size, _)| time.0.is_multiple_of(*size)).unwrap_or((1, "ns"));
    format!("\"{}{unit}\"", time.0 / size)
}

/// One value where all directions agree, a list of three otherwise.
pub(crate) fn per_dir<T: Copy + PartialEq>(
    values: PerDir<T>,
    show: impl Fn(T) -> String,
) -> String {
    let PerDir { read, write, trim } = values;
    if read == write && write == trim {
        show(read)
    } else {
        format!("[{}, {}, {}]", show(read), show(write), show(trim))
    }
}

/// As [`per_dir`], where a direction may have nothing to show: none where none has.
pub(crate) fn some_dirs<T: PartialEq>(
    values: &PerDir<T>,
    show: impl Fn(&T) -> Option<String>,
) -> Option<String> {
    let PerDir { read, write, trim } = values;
    let all = [show(read), show(write), show(trim)];
    if all.iter().all(Option::is_none) {
        return None;
    }
    let [first, ..] = &all;
    if read == write && write == trim {
        return first.clone();
    }
    let shown = all.map(|value| value.unwrap_or_else(|| "\"\"".to_owned()));
    Some(format!("[{}]", shown.join(", ")))
}

pub(crate) fn list(elements: &[String]) -> Option<String> {
    let quoted: Vec<String> = elements.iter().map(|e| quoted(e)).collect();
    match &quoted[..] {
        [] => None,
        [one] => Some(one.clone()),
        more => Some(format!("[{}]", more.join(", "))),
    }
}

#[cfg(test)]
mod tests;
