//! Two writers on one target, one of which verifies: what one writes the other would take for
//! damage.
//!
//! Called by `between`, once for all jobs. Judges by names and numbers alone, and only what is
//! certain: links, sizes of files and more clones than a few are looked at when the run begins.

use super::between::{run_together, stages};
use super::Judged;
use crate::job::diagnostic::{push_once, Diagnostic};
use crate::job::spec::Amount;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Clones of a job, and users of a file, that are compared.
const CLONES_MOST: u32 = 64;
const USERS_MOST: usize = 4096;

/// A part of a file, in bytes or in percent of it.
#[derive(Clone, Copy)]
struct Part {
    percent: bool,
    start: u64,
    /// None: to the end of the file.
    end: Option<u64>,
}

impl Part {
    /// Both certainly have something in common.
    fn meets(&self, other: &Part) -> bool {
        let is_all = |part: &Part| part.start == 0 && part.end.is_none();
        let both_begin = self.start == 0 && other.start == 0;
        let before = |a: &Part, b: &Part| b.end.is_none_or(|end| a.start < end);
        let one_measure = self.percent == other.percent;
        is_all(self)
            || is_all(other)
            || both_begin
            || (one_measure && before(self, other) && before(other, self))
    }
}

/// A clone that uses a part of a file.
struct User {
    job: usize,
    clone: u32,
    part: Part,
}

/// Refuses the first pair of each job that verifies.
pub(super) fn check(jobs: &[Judged<'_>], out: &mut Vec<Diagnostic>) {
    if !jobs.iter().any(looks) {
        return;
    }
    let mut files: BTreeMap<PathBuf, Vec<User>> = BTreeMap::new();
    for (index, job) in jobs.iter().enumerate().filter(|(_, job)| looks(job) || changes(job)) {
        for clone in 0..clones(job) {
            let paths = paths(job, clone);
            let Some(part) = part(job, clone, paths.len() as u64) else { continue };
            for path in paths {
                let users = files.entry(path).or_default();
                if users.len() < USERS_MOST {
                    users.push(User { job: index, clone, part });
                }
            }
        }
    }
    let stages = stages(jobs);
    let mut told = vec![false; jobs.len()];
    for (path, users) in &files {
        for user in users.iter().filter(|user| looks(&jobs[user.job])) {
            if told[user.job] {
                continue;
            }
            let other = users.iter().find(|other| {
                (other.job, other.clone) != (user.job, user.clone)
                    && changes(&jobs[other.job])
                    && user.part.meets(&other.part)
                    && (user.job == other.job || run_together(jobs, &stages, user.job, other.job))
            });
            if let Some(other) = other {
                told[user.job] = true;
                told[other.job] = true;
                refuse(&jobs[user.job], &jobs[other.job], path, out);
            }
        }
    }
}

/// It compares what it reads with what was written.
fn looks(job: &Judged<'_>) -> bool {
    let verify = &job.draft.verify;
    verify.method.is_some() && verify.do_verify && moves_data(job)
}

/// It writes or trims.
fn changes(job: &Judged<'_>) -> bool {
    let draft = job.draft;
    let rw = draft.load.rw;
    (rw.writes() || rw.trims())
        && !draft.verify.only_looks()
        && !draft.target.create_only
        && moves_data(job)
}

fn moves_data(job: &Judged<'_>) -> bool {
    let idle = |engine: &crate::catalogue::EngineInfo| {
        engine.fake || engine.no_io || engine.whole_files || engine.diskless
    };
    job.engine.is_some_and(|engine| !idle(engine))
}

/// Clones whose files or parts may differ.
fn clones(job: &Judged<'_>) -> u32 {
    job.draft.process.numjobs.min(CLONES_MOST)
}

/// Files of a clone that other jobs or clones may have, too: names of its own are its own.
fn paths(job: &Judged<'_>, clone: u32) -> Vec<PathBuf> {
    let target = &job.draft.target;
    if !target.opendir.is_empty() {
        return Vec::new();
    }
    let directory = match target.directory.len() {
        0 => Path::new(""),
        n => Path::new(&target.directory[clone as usize % n]),
    };
    let names: Vec<String> = match &target.filename_format {
        _ if !target.filename.is_empty() => target.filename.clone(),
        Some(format) => {
            let format = format.replace("$jobname", job.name);
            let format = format.replace("$jobnum", &clone.to_string());
            let made = 0..target.nrfiles.min(CLONES_MOST);
            made.map(|file| format.replace("$filenum", &file.to_string())).collect()
        }
        None => return Vec::new(),
    };
    names.iter().map(|name| plain(&directory.join(name))).collect()
}

/// Without what says nothing: `./a` is `a`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// The part of each of its files that a clone uses; none where only the run will know.
fn part(job: &Judged<'_>, clone: u32, files: u64) -> Option<Part> {
    let load = &job.draft.load;
    let amounts = [load.offset, load.offset_increment, load.size];
    let given = || amounts.iter().flatten();
    let percent = given().any(|amount| matches!(amount, Amount::Percent(_)));
    let bytes = given().any(|amount| matches!(amount, Amount::Bytes(_)));
    let zones = given().any(|amount| matches!(amount, Amount::Zones(_)));
    if zones || (percent && bytes) {
        return None;
    }
    let number = |amount: Amount| match amount {
        Amount::Bytes(bytes) => bytes.0,
        Amount::Percent(percent) => u64::from(percent),
        Amount::Zones(zones) => zones,
    };
    let [offset, increment, size] = amounts.map(|amount| amount.map(number));
    let further = increment.unwrap_or(0).saturating_mul(u64::from(clone));
    let start = offset.unwrap_or(0).saturating_add(further);
    // Percent are of each file, bytes of all of them together.
    let of_one = |size: u64| if percent { size } else { size / files.max(1) };
    let by_file = job.draft.target.filesize.filter(|_| !percent).map(|(least, _)| least.0);
    let len = [size.map(of_one), by_file].into_iter().flatten().min();
    Some(Part { percent, start, end: len.map(|len| start.saturating_add(len)) })
}

fn refuse(job: &Judged<'_>, other: &Judged<'_>, path: &Path, out: &mut Vec<Diagnostic>) {
    let path = path.display();
    let (message, help) = if job.name == other.name {
        let clones = job.draft.process.numjobs;
        let message = format!(
            "`verify`: the {clones} clones of job {} write to the same part of {path} at the same \
             time: each would take what the others write for damage",
            job.name
        );
        (message, "`offset_increment` of at least `size`, or a file for each: no `filename`")
    } else {
        let message = format!(
            "`verify`: job {} verifies a part of {path} that job {} writes to at the same time: it \
             would take that for damage",
            job.name, other.name
        );
        (message, "a part for each (`offset`, `size`), a file for each, or `stonewall` between")
    };
    let error = Diagnostic::error(message).at(job.place("verify")).help(help);
    let error = match job.name == other.name {
        true => error.related(job.place("numjobs"), "the clones"),
        false => error.related(other.section, "the other writer"),
    };
    push_once(out, error);
}
