//! Which options concern a job, in the order in which they act: `[global]`, the section, the
//! command line.
//!
//! Called by `resolve`; `parse` lets it judge the sections as a whole. Knows where options stand
//! and what they are called, not what they mean.

use super::diagnostic::{Diagnostic, Place};
use super::effective::Provenance;
use super::number::Dialect;
use super::options;
use super::overrides::SetOption;
use super::raw::{RawOption, RawRun, RawSection};
use super::source::Source;
use std::collections::HashMap;

/// Who said it, for the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// A `[global]` section, by its index.
    Global(usize),
    /// The job's section, by its index.
    Section(usize),
    CommandLine {
        /// `--set JOB:KEY=VALUE`.
        one_job: bool,
    },
}

/// An option that concerns a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) option: &'a RawOption,
    pub(crate) speaker: Speaker,
    /// With the `kb_base` that holds at its place.
    pub(crate) dialect: Dialect,
    /// As typed, where it is the command line.
    pub(crate) argument: Option<&'a str>,
}

impl Entry<'_> {
    /// For the effective job.
    pub(crate) fn provenance(&self, sources: &[Source]) -> Provenance {
        let origin = match &self.option.key_place {
            Place::File { source, span } => sources.get(*source).map(|s| s.origin(span.start)),
            Place::Argument { .. } => None,
        };
        match (self.speaker, origin) {
            (Speaker::Global(_), Some(origin)) => Provenance::Global(origin),
            (Speaker::Section(_), Some(origin)) => Provenance::Section(origin),
            _ => Provenance::CommandLine(self.argument.unwrap_or_default().to_owned()),
        }
    }
}

/// Everything that concerns the job of section `index`, the later ones win.
pub(crate) fn of_job<'a>(raw: &'a RawRun, index: usize, sets: &'a [SetOption]) -> Vec<Entry<'a>> {
    let section = &raw.sections[index];
    let mut entries = Vec::new();
    let mut kb_base = 1024;
    for (at, other) in raw.sections.iter().enumerate().take(index + 1) {
        let concerns = other.source == section.source && (other.job.is_none() || at == index);
        if !concerns {
            continue;
        }
        kb_base = kb_base_of(other).unwrap_or(kb_base);
        let speaker = if at == index { Speaker::Section(at) } else { Speaker::Global(at) };
        entries.extend(other.options.iter().map(|option| {
            let dialect = match option.dialect {
                Dialect::Fio { .. } => Dialect::Fio { kb_base },
                Dialect::Stated => Dialect::Stated,
            };
            Entry { option, speaker, dialect, argument: None }
        }));
    }
    let name = section.job.as_deref();
    let concerned = sets.iter().filter(|set| set.job.is_none() || set.job.as_deref() == name);
    entries.extend(concerned.map(|set| Entry {
        option: &set.option,
        speaker: Speaker::CommandLine { one_job: set.job.is_some() },
        dialect: set.option.dialect,
        argument: Some(&set.argument),
    }));
    entries
}

fn kb_base_of(section: &RawSection) -> Option<u32> {
    let option = section.options.iter().rev().find(|option| option.key == "kb_base")?;
    match option.item.value.as_typed(",").as_str() {
        "1000" => Some(1000),
        "1024" => Some(1024),
        _ => None,
    }
}

/// Keys that are there twice, jobs of one name, no jobs at all.
pub(crate) fn check_sections(
    sections: &[RawSection],
    sources: &[Source],
    out: &mut Vec<Diagnostic>,
) {
    for section in sections {
        check_keys(section, out);
    }
    let mut jobs: HashMap<&str, &Place> = HashMap::new();
    for section in sections {
        let Some(name) = section.job.as_deref() else { continue };
        if let Some(first) = jobs.insert(name, &section.place) {
            let message = format!("two jobs are called `{name}`");
            let help = "give each job a name of its own; `numjobs` makes clones";
            let second = Diagnostic::error(message).at(&section.place).label("the second");
            out.push(second.related(first, "the first").help(help));
            jobs.insert(name, first);
        }
    }
    if jobs.is_empty() && !out.iter().any(Diagnostic::is_error) {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let help = "a job is a section `[name]` in fio's format, `[[job]]` in TOML";
        out.push(Diagnostic::error(format!("no jobs in {}", names.join(", "))).help(help));
    }
}

/// An option and its alias are one key.
fn check_keys(section: &RawSection, out: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, &RawOption> = HashMap::new();
    for option in &section.options {
        let name = options::find(&option.key).map_or(option.key.as_str(), |known| known.name);
        let Some(first) = seen.get(name) else {
            seen.insert(name, option);
            continue;
        };
        let message = if first.key == option.key {
            format!("`{}` is given twice in one section", option.key)
        } else {
            format!(
                "`{}` is given twice in one section: `{}` is the same option",
                option.key, first.key
            )
        };
        let second = Diagnostic::error(message).at(&option.key_place).label("the second");
        out.push(second.related(&first.key_place, "the first").help("keep one of them"));
    }
}
