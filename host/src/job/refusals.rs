//! The words for options that a job may not have: unknown, misplaced, of another engine, of a wrong
//! value.
//!
//! Called by `one_job`. Decides nothing but how to say it and what to propose.

use super::diagnostic::{is_told, push_once, Diagnostic};
use super::engine_options;
use super::engines::Catalogue;
use super::entries::{Entry, Speaker};
use super::number::Dialect;
use super::options::{self, known, JobOption, Scope};
use super::raw::RawValue;
use super::suggest::did_you_mean;
use super::value::Fault;
use crate::catalogue::EngineInfo;

const LATER: &str = "known to fio, but not there yet in this version of iodyno";

/// `ENGINE.key` of an engine that is not chosen: only its name can be judged.
pub(crate) fn of_other_engine(
    entry: &Entry<'_>,
    prefix: &str,
    key: &str,
    catalogue: &Catalogue,
) -> Option<Diagnostic> {
    let place = &entry.option.key_place;
    if let Some(other) = catalogue.by_name(prefix) {
        if engine_options::find(&other.options, key).is_some() {
            return None;
        }
        return Some(no_such_option(entry, key, other));
    }
    if catalogue.known_names().any(|name| name == prefix) {
        return None;
    }
    if options::find(prefix).is_some() {
        let message = format!("`{prefix}` is an option, and no option takes a table");
        return Some(Diagnostic::error(message).at(place));
    }
    let message = format!("no engine `{prefix}` is known here: `{prefix}.{key}` has no effect");
    let guess = did_you_mean(prefix, catalogue.known_names());
    Some(Diagnostic::warning(message).at(place).maybe_help(guess))
}

/// `ENGINE.key` that the engine does not have.
pub(crate) fn no_such_option(entry: &Entry<'_>, key: &str, engine: &EngineInfo) -> Diagnostic {
    let message = format!("engine {} has no option `{key}`", engine.name);
    let help = match options::find(key) {
        Some(_) => {
            Some(format!("`{key}` is no engine's option: write it without `{}.`", engine.name))
        }
        None => did_you_mean(key, engine.options.iter().map(|option| option.name.as_str())),
    };
    Diagnostic::error(message).at(&entry.option.key_place).maybe_help(help)
}

/// A bare key that is neither in the option table nor in that of the job's engine; one that was
/// told already comes without a proposal.
pub(crate) fn unknown(
    entry: &Entry<'_>,
    job: &str,
    engine: &EngineInfo,
    catalogue: &Catalogue,
    told: &[Diagnostic],
) -> Diagnostic {
    let key = entry.option.key.as_str();
    let place = &entry.option.key_place;
    let error = Diagnostic::error(format!("unknown option `{key}`")).at(place);
    // For a thousand jobs, a proposal takes a thousand times as long to find.
    if is_told(told, &error) {
        return error;
    }
    let has_it = |other: &&EngineInfo| engine_options::find(&other.options, key).is_some();
    if let Some(other) = catalogue.engines().find(has_it) {
        let other = &other.name;
        let help = format!("write `{other}.{key}`: it applies only while engine {other} is chosen");
        let message = format!("engine {} has no option `{key}`", engine.name);
        let error = Diagnostic::error(message).at(place);
        return error.note(format!("job {job} uses engine {}", engine.name)).help(help);
    }
    match known::owner(key) {
        Some(known::Owner::Core) => {
            let error = Diagnostic::error(format!("option `{key}` is {LATER}")).at(place);
            error.maybe_help(known::instead(key).map(str::to_owned))
        }
        Some(known::Owner::Engine) => {
            let message = format!(
                "option `{key}` is known to some of fio's engines, but engine {} has none of that \
                 name",
                engine.name
            );
            let help = format!("`iodyno engines show {}` lists its options", engine.name);
            Diagnostic::error(message).at(place).help(help)
        }
        None => {
            let mut names: Vec<&str> = options::names().collect();
            names.extend(engine.options.iter().map(|option| option.name.as_str()));
            let guess = did_you_mean(key, names).or_else(|| did_you_mean(key, known::all()));
            let help = guess.unwrap_or_else(|| "`iodyno options` lists all options".to_owned());
            error.help(help)
        }
    }
}

/// An option at a place where it may not stand.
pub(crate) fn misplaced(option: &JobOption, entry: &Entry<'_>) -> Option<Diagnostic> {
    let (message, help) = match (option.scope, entry.speaker) {
        (Scope::Global, Speaker::Section(_) | Speaker::CommandLine { one_job: true }) => {
            let message = format!("`{}` concerns the whole run", option.name);
            (message, "put it into `[global]`")
        }
        (Scope::Reading, Speaker::CommandLine { .. }) => {
            let message = format!("`{}` says how a job file is read", option.name);
            (message, "write it into the job file")
        }
        (Scope::Reading, _) if entry.dialect == Dialect::Stated => {
            let message = format!("`{}` has no meaning in TOML", option.name);
            (message, "the unit states it: KiB = 1024, kB = 1000")
        }
        (Scope::Name, _) => (
            "`name` cannot be set here".to_owned(),
            "the header of the section is the name; in TOML it is `name` below `[[job]]`",
        ),
        _ => return None,
    };
    Some(Diagnostic::error(message).at(&entry.option.key_place).help(help))
}

/// A value that the option does not take.
pub(crate) fn bad_value(entry: &Entry<'_>, fault: Fault) -> Diagnostic {
    let key = &entry.option.key;
    let colon = if fault.message.starts_with('`') { ":" } else { "" };
    let item = &entry.option.item;
    let place = if item.value == RawValue::Flag { &entry.option.key_place } else { &item.place };
    let place = fault.place.as_ref().unwrap_or(place);
    Diagnostic::error(format!("{key}{colon} {}", fault.message)).at(place).maybe_help(fault.help)
}

/// A value that fio takes and this version does not.
pub(crate) fn later_value(entry: &Entry<'_>) -> Diagnostic {
    let (key, item) = (&entry.option.key, &entry.option.item);
    let message = format!("{key}: `{}` is {LATER}", item.value.as_typed(","));
    Diagnostic::error(message).at(&item.place)
}

/// Where fio's reading surprises.
pub(crate) fn push_remarks(entry: &Entry<'_>, remarks: &[String], out: &mut Vec<Diagnostic>) {
    for remark in remarks {
        let message = format!("{}: {remark}", entry.option.key);
        let warning = Diagnostic::warning(message).at(&entry.option.item.place);
        let help = "a number without a unit, or a TOML job file, says it plainly";
        push_once(out, warning.help(help));
    }
}
