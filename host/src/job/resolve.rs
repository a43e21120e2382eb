//! Decides what the jobs mean: raw options + the engines' catalogue -> [`RunSpec`].
//!
//! Called by `cli` once the engines were looked up. Collects every error that can be found, so that
//! a user mends a file in one go.

use super::checks;
use super::diagnostic::{are_enough, push_once, the_first, Diagnostic, Place};
use super::effective::EffectiveJob;
use super::engine_options;
use super::engines::{Catalogue, EngineWish};
use super::entries::{self, Entry};
use super::expand::Environment;
use super::one_job::Job;
use super::options;
use super::overrides::{self, Overrides};
use super::raw::{RawOption, RawRun};
use super::spec::{Isolation, RunSpec};
use super::stack::Stack;
use super::value::Reading;
use crate::catalogue::EngineInfo;

/// What `resolve` makes.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What is to be done.
    pub spec: RunSpec,
    /// What is odd about it.
    pub warnings: Vec<Diagnostic>,
    /// What is allowed and often not meant; for `lint`.
    pub advice: Vec<Diagnostic>,
    /// Where each value comes from.
    pub effective: Vec<EffectiveJob>,
}

/// The engines to look up before `resolve`, each once. A wish that cannot be read is left out:
/// `resolve` says what is wrong with it.
pub fn engines_wanted(raw: &RawRun, overrides: &Overrides) -> Vec<EngineWish> {
    let sets = overrides::options(overrides, &job_names(raw), &mut Vec::new());
    let mut wishes = Vec::new();
    for (index, _) in jobs(raw) {
        let wish = wish(&entries::of_job(raw, index, &sets));
        wishes.extend(wish.filter(|wish| !wishes.contains(wish)));
    }
    wishes
}

/// The engines to look up next, each once: those that engines which were found stand on.
pub(crate) fn inner_wanted(
    raw: &RawRun,
    overrides: &Overrides,
    catalogue: &Catalogue,
) -> Vec<EngineWish> {
    let sets = overrides::options(overrides, &job_names(raw), &mut Vec::new());
    let mut wishes: Vec<EngineWish> = Vec::new();
    for (index, _) in jobs(raw) {
        let entries = entries::of_job(raw, index, &sets);
        let found = wish(&entries).and_then(|wish| catalogue.answer(&wish)?.as_ref().ok());
        let Some(found) = found else { continue };
        for gap in Stack::explore(&entries, catalogue, found).gaps {
            if catalogue.answer(&gap.wish).is_none() && !wishes.contains(&gap.wish) {
                wishes.push(gap.wish);
            }
        }
    }
    wishes
}

/// Validates everything.
///
/// # Errors
///
/// At least one message that is an error; warnings may be among them.
pub fn resolve(
    raw: &RawRun,
    overrides: &Overrides,
    catalogue: &Catalogue,
    env: &Environment,
) -> Result<Resolved, Vec<Diagnostic>> {
    let mut out = raw.warnings.clone();
    let sets = overrides::options(overrides, &job_names(raw), &mut out);
    let mut specs = Vec::new();
    let mut effective = Vec::new();
    let mut advice = Vec::new();
    let mut all = Vec::new();
    let mut isolations: Vec<(Isolation, Option<Place>)> = Vec::new();
    for (index, name) in jobs(raw) {
        let mut job = Job::new(raw, index, name, catalogue);
        job.find_engine(&sets, &mut out);
        for entry in entries::of_job(raw, index, &sets) {
            job.apply(&entry, &mut out);
            if are_enough(&out) {
                return Err(the_first(out));
            }
        }
        job.finish_engine_options(&mut out);
        let judged = job.judged(overrides.readonly, env);
        checks::check(&judged, &mut out);
        checks::advise(&judged, &mut advice);
        let place = job.said("isolation").map(|said| said.place.clone());
        isolations.push((job.draft.isolation, place));
        if let Some(spec) = job.spec(&sets, env) {
            effective.push(job.effective(&spec));
            specs.push(spec);
        }
        all.push(job);
    }
    let judged: Vec<_> = all.iter().map(|job| job.judged(overrides.readonly, env)).collect();
    checks::between::check(&judged, &mut out);
    check_isolation(&isolations, &mut out);
    let (out, advice) = (the_first(out), the_first(advice));
    if out.iter().any(Diagnostic::is_error) {
        return Err(out);
    }
    let isolation = isolations.first().map_or(Isolation::Run, |(isolation, _)| *isolation);
    let global = raw.sections.iter().filter(|section| section.job.is_none());
    let global_given = global.flat_map(|s| s.options.iter()).map(|o| given(o, catalogue)).collect();
    Ok(Resolved {
        spec: RunSpec { global_given, isolation, jobs: specs },
        warnings: out,
        advice,
        effective,
    })
}

fn jobs(raw: &RawRun) -> impl Iterator<Item = (usize, &str)> {
    let sections = raw.sections.iter().enumerate();
    sections.filter_map(|(index, section)| Some((index, section.job.as_deref()?)))
}

fn job_names(raw: &RawRun) -> Vec<&str> {
    jobs(raw).map(|(_, name)| name).collect()
}

pub(crate) fn last<'a>(entries: &[Entry<'a>], key: &str) -> Option<Entry<'a>> {
    entries.iter().rev().find(|entry| entry.option.key == key).copied()
}

/// The engine of a job; none where what is written cannot be read.
pub(crate) fn wish(entries: &[Entry<'_>]) -> Option<EngineWish> {
    let text = |key: &str| {
        let option = options::find(key)?;
        match last(entries, key) {
            None => Some((!option.default.is_empty()).then(|| option.default.to_owned())),
            Some(entry) => {
                let mut remarks = Vec::new();
                let mut reading = Reading { dialect: entry.dialect, remarks: &mut remarks };
                let value = option.kind.parse(&entry.option.item, &mut reading).ok()?;
                Some(Some(value.text().to_owned()))
            }
        }
    };
    let asked = text("ioengine")??;
    Some(EngineWish { asked, pin: text("engine_sha256")? })
}

/// One process cannot be shared and not shared.
fn check_isolation(isolations: &[(Isolation, Option<Place>)], out: &mut Vec<Diagnostic>) {
    let Some((first, first_place)) = isolations.first() else { return };
    let Some((_, other_place)) = isolations.iter().find(|(other, _)| other != first) else {
        return;
    };
    let mut error = Diagnostic::error("the job files disagree about `isolation`")
        .help("say it in one of them, or with `--set isolation=...`");
    let mut places = [first_place, other_place].into_iter().flatten();
    error.place = places.next().cloned();
    error.related.extend(places.map(|place| (place.clone(), "differs".to_owned())));
    push_once(out, error);
}

/// An option as typed, secrets and what may be one left out.
pub(crate) fn given(option: &RawOption, catalogue: &Catalogue) -> (String, String) {
    let separator = options::find(&option.key).map_or(",", |known| known.kind.separator());
    let shown = match option.key.split_once('.') {
        _ if options::find(&option.key).is_some() => true,
        Some((label, key)) => match labelled(catalogue, label) {
            Some(engine) => !is_secret(engine, key),
            None => false,
        },
        None => !catalogue.engines().any(|engine| is_secret(engine, &option.key)),
    };
    let value = if shown { option.item.value.as_typed(separator) } else { "(hidden)".to_owned() };
    (option.key.clone(), value)
}

/// The engine behind NAME or, for a further one of that name in a stack, NAME-2.
fn labelled<'c>(catalogue: &'c Catalogue, label: &str) -> Option<&'c EngineInfo> {
    catalogue.by_name(label).or_else(|| {
        let (name, number) = label.rsplit_once('-')?;
        number.parse::<u8>().ok().and_then(|_| catalogue.by_name(name))
    })
}

fn is_secret(engine: &EngineInfo, key: &str) -> bool {
    engine_options::find(&engine.options, key).is_some_and(|at| engine.options[at].secret)
}
