//! What the command line changes about the jobs: `--set`, `--engine`, `--engine-timeout`,
//! `--readonly`.
//!
//! Turned into options like those of a file, so that everything behind treats them alike.

use super::diagnostic::{Diagnostic, Place};
use super::number::Dialect;
use super::raw::{RawItem, RawOption, RawValue};
use super::suggest::did_you_mean;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `KEY=VALUE` for every job or `JOB:KEY=VALUE` for one.
    pub sets: Vec<String>,
    /// Replaces `ioengine` in every job.
    pub engine: Option<String>,
    /// Replaces `engine_timeout` in every job.
    pub engine_timeout: Option<String>,
    /// Refuses jobs that write or trim.
    pub readonly: bool,
}

/// An option of the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SetOption {
    /// None: every job.
    pub(crate) job: Option<String>,
    pub(crate) option: RawOption,
    /// As typed, for the effective job.
    pub(crate) argument: String,
}

/// All of them, in the order in which they act: for every job, for one, the flags of their own.
pub(crate) fn options(
    overrides: &Overrides,
    jobs: &[&str],
    out: &mut Vec<Diagnostic>,
) -> Vec<SetOption> {
    let mut options: Vec<SetOption> =
        overrides.sets.iter().filter_map(|set| parse_set(set, jobs, out)).collect();
    options.sort_by_key(|option| option.job.is_some());
    for (flag, key, value) in [
        ("--engine", "ioengine", &overrides.engine),
        ("--engine-timeout", "engine_timeout", &overrides.engine_timeout),
    ] {
        let Some(value) = value else { continue };
        let argument = format!("{flag} {value}");
        let place = |start, end| Place::Argument { text: argument.clone(), span: start..end };
        let item = RawItem {
            value: RawValue::Text(value.clone()),
            place: place(flag.len() + 1, argument.len()),
        };
        let key_place = place(0, flag.len());
        let option = RawOption { key: key.to_owned(), key_place, item, dialect: Dialect::Stated };
        options.push(SetOption { job: None, option, argument: argument.clone() });
    }
    options
}

const SET: &str = "--set ";

fn parse_set(set: &str, jobs: &[&str], out: &mut Vec<Diagnostic>) -> Option<SetOption> {
    let argument = format!("{SET}{set}");
    let place =
        |start: usize, end: usize| Place::Argument { text: argument.clone(), span: start..end };
    let begin = SET.len();
    let Some((left, value)) = set.split_once('=') else {
        let message = "`--set` without a value";
        let help = "write `--set KEY=VALUE` or `--set JOB:KEY=VALUE`";
        out.push(Diagnostic::error(message).at(&place(begin, argument.len())).help(help));
        return None;
    };
    let (job, key) = match left.rsplit_once(':') {
        Some((job, key)) => (Some(job), key),
        None => (None, left),
    };
    if let Some(job) = job.filter(|job| !jobs.contains(job)) {
        let message = format!("no job is called `{job}`");
        let help = did_you_mean(job, jobs.iter().copied())
            .unwrap_or_else(|| format!("the jobs are: {}", jobs.join(", ")));
        out.push(Diagnostic::error(message).at(&place(begin, begin + job.len())).help(help));
        return None;
    }
    let key_end = begin + left.len();
    let item = RawItem {
        value: RawValue::Text(value.trim().to_owned()),
        place: place(if value.is_empty() { key_end } else { key_end + 1 }, argument.len()),
    };
    let option = RawOption {
        key: key.trim().to_owned(),
        key_place: place(key_end - key.len(), key_end),
        item,
        dialect: Dialect::Stated,
    };
    Some(SetOption { job: job.map(str::to_owned), option, argument: argument.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_speak_to_all_jobs_or_to_one() {
        let sets = ["b:iodepth=2", "bs=4k", "filename=/dev/x:y=z", "a:psync.x=1"];
        let overrides = Overrides {
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            engine: Some("null".to_owned()),
            engine_timeout: Some("5s".to_owned()),
            readonly: false,
        };
        let mut out = Vec::new();
        let options = options(&overrides, &["a", "b"], &mut out);
        assert_eq!(out, vec![]);
        let found: Vec<(Option<&str>, &str, String)> = options
            .iter()
            .map(|o| (o.job.as_deref(), o.option.key.as_str(), o.option.item.value.as_typed(",")))
            .collect();
        assert_eq!(
            found,
            vec![
                (None, "bs", "4k".to_owned()),
                (None, "filename", "/dev/x:y=z".to_owned()),
                (Some("b"), "iodepth", "2".to_owned()),
                (Some("a"), "psync.x", "1".to_owned()),
                (None, "ioengine", "null".to_owned()),
                (None, "engine_timeout", "5s".to_owned()),
            ]
        );
        for SetOption { option, .. } in &options {
            let Place::Argument { text, span } = &option.item.place else { unreachable!() };
            assert_eq!(text[span.clone()], option.item.value.as_typed(","));
        }
    }
}
