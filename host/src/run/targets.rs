//! From a job's words about its targets to open files: names, sizes, safety, layout, opening.
//!
//! [`check`] looks at everything that can be seen without an engine, in the control process,
//! before a cell is started; [`explain`] says the same for `iodyno lint`; [`open`] and
//! [`Files::close`] run on the worker's thread. Where an engine says IOE_F_DISKLESS the target is
//! no path: nothing is looked at, laid out or opened here; nor is it where one does no I/O at all
//! (IOE_F_NOIO). Where requests are whole files (IOE_F_PER_FILE), the load of a file is the file.

mod check;
mod explain;
mod layout;
mod open;
mod rules;
mod writers;
pub(super) mod zoned;

#[cfg(test)]
mod tests;

pub use check::check;
pub use explain::{explain, FileOutlook, SpaceOutlook, WorkerOutlook, ENGINES_OWN};
pub(super) use layout::{lay_out, LayoutDesk};
pub(super) use open::{files_and_others, open, open_wish, Files};

use super::result::{ErrorKind, RunError};
use super::words::place;
use crate::job::spec::{Amount, JobSpec};
use crate::target::{self, ErrorClass, Naming, Target, TargetError, Wishes};
use crate::workload::{mix_seed, Rng};
use iodyno_engine_api::abi::*;
use std::path::{Path, PathBuf};

/// The paths of a clone; empty where the engine's targets are none, or the names make no sense.
pub(super) fn paths(job: &JobSpec, clone: u32) -> Vec<PathBuf> {
    if diskless(job) {
        return Vec::new();
    }
    names(job, clone).unwrap_or_default()
}

/// The engine's targets are no paths.
fn diskless(job: &JobSpec) -> bool {
    job.engine.flags & (IOE_F_DISKLESS | IOE_F_NOIO) != 0
}

/// The engine does no I/O: its one target is a name that says nothing.
fn without_io(job: &JobSpec) -> bool {
    job.engine.flags & IOE_F_NOIO != 0
}

/// A request of the engine is a whole file, or directory.
pub(super) fn per_file(job: &JobSpec) -> bool {
    job.engine.flags & IOE_F_PER_FILE != 0
}

fn names(job: &JobSpec, clone: u32) -> Result<Vec<PathBuf>, TargetError> {
    let words = &job.target;
    if without_io(job) {
        return Ok(vec![PathBuf::from(&job.name)]);
    }
    if words.opendir.is_empty() {
        return target::names(&Naming {
            prefix: &job.name,
            clone,
            filename: &words.filename,
            directory: &words.directory,
            nrfiles: words.nrfiles,
            format: words.filename_format.as_deref(),
        });
    }
    if diskless(job) {
        let why = format!("engine {} has no files that could lie there", job.engine.name);
        return Err(TargetError::Refused { doing: "opendir".into(), why });
    }
    let directory = Path::new(words.directory.first().map_or("", String::as_str));
    let mut names: Vec<PathBuf> = words.filename.iter().map(|name| directory.join(name)).collect();
    for below in &words.opendir {
        names.extend(target::files_below(Path::new(below))?);
    }
    if words.nrfiles > 1 && words.nrfiles as usize != names.len() {
        let why = format!("opendir finds {} files (leave nrfiles out)", names.len());
        return Err(TargetError::Refused { doing: format!("nrfiles={}", words.nrfiles), why });
    }
    Ok(names)
}

fn discover(job: &JobSpec, clone: u32) -> Result<Vec<Target>, TargetError> {
    let root = root_of_made(job, clone);
    let look = |path: &PathBuf| match root {
        _ if diskless(job) => Ok(Target::opaque(path, 0)),
        Some(root) => target::discover_below(root, path),
        None => target::discover(path),
    };
    names(job, clone)?.iter().map(look).collect()
}

/// Where the directories of names by `filename_format` are made; none where no name has any.
fn root_of_made(job: &JobSpec, clone: u32) -> Option<&Path> {
    let words = &job.target;
    let is_format = words.filename.is_empty() && words.opendir.is_empty();
    words.filename_format.as_ref().filter(|format| is_format && format.contains('/'))?;
    let list = &words.directory;
    Some(Path::new(match list.is_empty() {
        true => ".",
        false => list[clone as usize % list.len()].as_str(),
    }))
}

fn sized(job: &JobSpec, clone: u32, targets: &[Target]) -> Result<target::Plan, TargetError> {
    let load = &job.load;
    if per_file(job) || without_io(job) {
        return Ok(whole_files(job, clone, targets));
    }
    let amount = |amount: Option<Amount>| {
        amount.map(|amount| match amount {
            Amount::Bytes(bytes) => target::Amount::Bytes(bytes.0),
            Amount::Percent(percent) => target::Amount::Percent(percent),
            Amount::Zones(zones) => target::Amount::Zones(zones),
        })
    };
    let used = [
        (load.rw.reads(), load.bs.read.min.0),
        (load.rw.writes(), load.bs.write.min.0),
        (load.rw.trims(), load.bs.trim.min.0),
    ];
    let sizes = used.iter().filter(|(used, _)| *used).map(|(_, size)| *size);
    let mut rng = Rng::new(mix_seed(load.randseed, u64::from(clone)));
    let mut plan = target::plan(
        targets,
        &Wishes {
            size: amount(load.size),
            filesize: job.target.filesize.map(|(from, to)| (from.0, to.0)),
            offset: amount(load.offset),
            increment: amount(load.offset_increment),
            clone,
            offset_align: load.offset_align.0,
            fill: load.fill_device,
            io_size: amount(load.io_size),
            unit: sizes.clone().min().unwrap_or(1),
            block: sizes.max().unwrap_or(1),
        },
        |below| rng.below(below),
    )?;
    zoned::round(job, targets, &mut plan);
    Ok(plan)
}

/// One request a file. The host makes files for engines that cannot (IOE_F_NOEXTEND), of the
/// length that the job names, or empty; all others make what they need, or nothing.
fn whole_files(job: &JobSpec, clone: u32, targets: &[Target]) -> target::Plan {
    let mut rng = Rng::new(mix_seed(job.load.randseed, u64::from(clone)));
    let share = match job.load.size {
        Some(Amount::Bytes(bytes)) => bytes.0 / (targets.len() as u64).max(1),
        _ => 0,
    };
    let is_made = per_file(job) && job.engine.flags & IOE_F_NOEXTEND != 0;
    let mut one = |target: &Target| {
        let len = match job.target.filesize {
            Some((from, to)) if from.0 < to.0 => from.0 + rng.below(to.0 - from.0 + 1),
            Some((len, _)) => len.0,
            None => share,
        };
        let is_file = matches!(target.kind, target::Kind::Regular | target::Kind::Missing);
        target::FilePlan { offset: 0, len: 0, file_len: (is_made && is_file).then_some(len) }
    };
    target::Plan {
        files: targets.iter().map(&mut one).collect(),
        amount: targets.len() as u64,
        unbounded: false,
        notes: Vec::new(),
    }
}

/// Words for what is wrong with a target, at the job's place.
pub(super) fn told(job: &JobSpec, error: &TargetError) -> RunError {
    let kind = match error.class() {
        ErrorClass::Usage => ErrorKind::Usage,
        ErrorClass::Io => ErrorKind::Io,
    };
    RunError {
        kind,
        job: Some(job.name.clone()),
        errno: error.errno(),
        message: format!("{}: {error}", place(job)),
        engine: None,
    }
}
