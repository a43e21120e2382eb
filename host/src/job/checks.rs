//! What no single option can be blamed for: options that contradict one another, the engine or the
//! machine.
//!
//! Called by `resolve` for each job when all of its options are applied. Only looks, changes
//! nothing.

pub(crate) mod between;
mod content;
mod engine;
mod files;
mod latency;
mod load;
mod pace;
mod process;
mod verify;
mod writers;

use super::diagnostic::{push_once, Diagnostic, Place};
use super::draft::Draft;
use super::effective::Provenance;
use super::entries::Speaker;
use super::expand::Environment;
use super::spec::Amount;
use crate::catalogue::EngineInfo;

/// An option that was given.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Its name in the option table; empty for an engine's.
    pub(crate) name: &'static str,
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) speaker: Speaker,
    pub(crate) from: Provenance,
}

/// A job to judge.
pub(crate) struct Judged<'a> {
    pub(crate) name: &'a str,
    pub(crate) draft: &'a Draft,
    pub(crate) said: &'a [Said],
    /// The job's header.
    pub(crate) section: &'a Place,
    /// None where it was not found.
    pub(crate) engine: Option<&'a EngineInfo>,
    /// It ends when no other job does I/O.
    pub(crate) ends_with_io: bool,
    pub(crate) readonly: bool,
    pub(crate) env: &'a Environment,
}

impl Judged<'_> {
    /// Who gave an option last.
    fn said(&self, name: &str) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.name == name)
    }

    /// The place of an option, or the job's header.
    fn place(&self, name: &str) -> &Place {
        self.said(name).map_or(self.section, |said| &said.place)
    }

    /// Both were given by the same section.
    fn together(&self, a: &str, b: &str) -> Option<(&Said, &Said)> {
        let (a, b) = (self.said(a)?, self.said(b)?);
        let one_section = matches!(a.speaker, Speaker::Global(_) | Speaker::Section(_));
        (one_section && a.speaker == b.speaker).then_some((a, b))
    }

    /// Warns of an option that was given and acts on nothing.
    fn no_effect(&self, name: &str, why: &str, out: &mut Vec<Diagnostic>) {
        let Some(said) = self.said(name) else { return };
        let message = format!("`{name}` has no effect: {why}");
        push_once(out, Diagnostic::warning(message).at(&said.place));
    }

    /// Refuses two options that one section may not give both.
    fn exclude(&self, a: &str, b: &str, out: &mut Vec<Diagnostic>) {
        let Some((a_said, b_said)) = self.together(a, b) else { return };
        let error = Diagnostic::error(format!("`{a}` and `{b}` in one section")).at(&b_said.place);
        push_once(out, error.related(&a_said.place, "the other").help("give one of them"));
    }

    /// Refuses an option that goes against another one, wherever that stands.
    fn refuse(
        &self,
        name: &str,
        other: &str,
        message: &str,
        help: &str,
        out: &mut Vec<Diagnostic>,
    ) {
        let mut error = Diagnostic::error(message).at(self.place(name)).help(help);
        if let Some(other) = self.said(other) {
            error = error.related(&other.place, "the other");
        }
        push_once(out, error);
    }
}

/// All checks of a job.
pub(crate) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    mix(job, out);
    load::check(job, out);
    files::check(job, out);
    content::check(job, out);
    amounts(job, out);
    times(job, out);
    pace::check(job, out);
    latency::check(job, out);
    depths(job, out);
    process::check(job, out);
    verify::check(job, out);
    engine::check(job, out);
    traps(job, out);
    if job.readonly && (job.draft.load.rw.writes() || job.draft.load.rw.trims()) {
        let message = format!("job {} writes, but `--readonly` was given", job.name);
        push_once(out, Diagnostic::error(message).at(job.place("rw")));
    }
}

/// `rwmixread` without a mix, and mixes that do not add up.
fn mix(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let rw = job.draft.load.rw;
    for name in ["rwmixread", "rwmixwrite"] {
        let Some(said) = job.said(name).filter(|_| !rw.is_mixed()) else { continue };
        let message = format!("`{name}` has no effect with `rw={}`", rw.name());
        let rw_said = job.said("rw");
        let rw_speaker = rw_said.map(|said| said.speaker);
        let changed_later = matches!(rw_speaker, Some(Speaker::CommandLine { .. }));
        let meant = match said.speaker {
            Speaker::Section(_) => !changed_later,
            Speaker::Global(_) => rw_speaker == Some(said.speaker),
            Speaker::CommandLine { .. } => false,
        };
        let found = if meant { Diagnostic::error(message) } else { Diagnostic::warning(message) };
        let mut found = found.at(&said.place);
        if let Some(rw_said) = rw_said {
            found = found.related(&rw_said.place, "the job goes one way");
        }
        push_once(out, found.help("a mixed load is `rw=rw` or `rw=randrw`"));
    }
    let Some((read, write)) = job.together("rwmixread", "rwmixwrite") else { return };
    let (reads, writes) = job.draft.mix_percent;
    if reads + writes != 100 {
        let message = format!("`rwmixread` {reads} and `rwmixwrite` {writes} do not add up to 100");
        let error = Diagnostic::error(message).at(&write.place);
        push_once(out, error.related(&read.place, "the other").help("give one of them"));
    }
}

fn amounts(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let block = job.draft.block_min();
    if let Some(size) = job.draft.size_bytes().filter(|size| *size < block) {
        let message = format!(
            "job {}: `size` is {} bytes, less than one block of {} bytes",
            job.name, size.0, block.0
        );
        push_once(out, Diagnostic::error(message).at(job.place("size")));
    }
    let Some(engine) = job.engine.filter(|engine| engine.diskless && !engine.no_io) else {
        return;
    };
    let load = &job.draft.load;
    if load.size.is_none() && job.draft.target.filesize.is_none() {
        let message = format!(
            "job {} needs `size`: engine {} has no target that could tell it",
            job.name, engine.name
        );
        push_once(out, Diagnostic::error(message).at(job.section).help("write `size=1g`"));
    }
    for (name, amount) in
        [("size", load.size), ("offset", load.offset), ("offset_increment", load.offset_increment)]
    {
        let what = match amount {
            Some(Amount::Percent(percent)) => format!("{percent}%"),
            Some(Amount::Zones(zones)) => format!("{zones}z"),
            _ => continue,
        };
        let message =
            format!("{name}: {what} of what? engine {} has no target with a size", engine.name);
        push_once(out, Diagnostic::error(message).at(job.place(name)).help("give bytes"));
    }
}

fn times(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let time = &job.draft.time;
    if time.time_based && time.runtime.is_none() {
        let message = format!("job {} is `time_based`, but has no `runtime`", job.name);
        let error = Diagnostic::error(message).at(job.place("time_based"));
        push_once(out, error.help("add `runtime=60`, or drop `time_based`"));
    }
}

fn depths(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let draft = job.draft;
    let synchronous = job.engine.filter(|engine| engine.synchronous && !draft.offload);
    if let Some(engine) = synchronous.filter(|_| draft.iodepth > 1) {
        let message =
            format!("`iodepth` has no effect: engine {} does one request at a time", engine.name);
        let help = "more at once: `numjobs`, `io_submit_mode=offload`, or an asynchronous engine";
        push_once(out, Diagnostic::warning(message).at(job.place("iodepth")).help(help));
    }
    for (name, value) in [
        ("iodepth_batch_submit", draft.batch_submit),
        ("iodepth_batch_complete_min", draft.batch_complete_min),
        ("iodepth_batch_complete_max", draft.batch_complete_max.unwrap_or(0)),
        ("iodepth_low", draft.low),
    ] {
        if value > draft.iodepth {
            let message =
                format!("`{name}` is cut from {value} to {}, the `iodepth`", draft.iodepth);
            push_once(out, Diagnostic::warning(message).at(job.place(name)));
        }
    }
    if draft.batch_complete_max.is_some_and(|max| max < draft.batch_complete_min) {
        let message = "`iodepth_batch_complete_max` is below `iodepth_batch_complete_min`";
        let error = Diagnostic::error(message).at(job.place("iodepth_batch_complete_max"));
        push_once(out, error);
    }
}

/// Engines that keep their promise only under conditions that nothing else tells.
fn traps(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let Some(engine) = job.engine.filter(|engine| engine.name == "libaio") else { return };
    if !job.draft.target.direct {
        let message = format!(
            "engine {} without `direct=1`: the kernel does buffered requests one at a time, \
             whatever the `iodepth`",
            engine.name
        );
        let place = job.said("direct").map_or(job.place("ioengine"), |said| &said.place);
        push_once(out, Diagnostic::warning(message).at(place).help("add `direct=1`"));
    }
}

/// What is allowed and often not meant; told where somebody asks what the job will do.
pub(crate) fn advise(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let time = &job.draft.time;
    if let Some(steady) = job.said("steadystate").filter(|_| !time.time_based && time.loops == 1) {
        let message = "`steadystate` without `time_based`: the amount may be done before";
        let warning = Diagnostic::warning(message).at(&steady.place);
        push_once(out, warning.help("`time_based` and `runtime` leave it the time it needs"));
    }
    let no_io = job.engine.is_some_and(|engine| engine.no_io);
    let Some(runtime) = job.said("runtime").filter(|_| !time.time_based && !no_io) else { return };
    if time.runtime.is_none() {
        return;
    }
    let message = format!(
        "job {} has `runtime` without `time_based`: it ends at its amount, where that comes first",
        job.name
    );
    let warning = Diagnostic::warning(message).at(&runtime.place);
    push_once(out, warning.help("`time_based` starts over until the time is up"));
}

/// An option that does nothing because another one is missing. Not for a value that is the default:
/// the printed job has those, and means nothing by them.
fn without(job: &Judged<'_>, name: &str, missing: &str, out: &mut Vec<Diagnostic>) {
    let Some(said) = job.said(name) else { return };
    let message = format!("`{name}` has no effect without `{missing}`");
    push_once(out, Diagnostic::warning(message).at(&said.place));
}
