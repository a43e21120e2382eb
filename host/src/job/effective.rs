//! The effective job: every option, its value, and who said so.
//!
//! `resolve` records it on the way, `cli lint` prints it.

use super::options;
use super::spec::{JobSpec, Origin};

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Nobody.
    Default,
    /// A `[global]` section.
    Global(Origin),
    /// The job's own section.
    Section(Origin),
    /// An argument, as typed.
    CommandLine(String),
    /// Something that iodyno does on its own, in words.
    Implied(String),
}

/// One option of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveOption {
    /// As in TOML; `ENGINE.key` for the engine's.
    pub key: String,
    /// In the syntax of TOML; none = not set.
    pub value: Option<String>,
    /// What it means that it is not set.
    pub unset: &'static str,
    /// Who said so.
    pub from: Provenance,
}

/// All options of a job, in the order of the option table, then the engine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveJob {
    /// Its name.
    pub name: String,
    /// See there.
    pub options: Vec<EffectiveOption>,
}

/// The options of the table as lines `key = value`, those that are set.
pub(crate) fn lines(job: &JobSpec) -> Vec<String> {
    let shown = options::all().filter_map(|option| {
        let value = (option.show)(job)?;
        Some(format!("{} = {value}", option.name))
    });
    shown.collect()
}
