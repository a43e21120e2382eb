//! From a job's words about its targets to open files: names, sizes, safety, layout, opening.
//!
//! [`check`] looks at everything that can be seen without an engine, in the control process,
//! before a cell is started; [`open`] and [`Files::close`] run on the worker's thread. Where an
//! engine says IOE_F_DISKLESS the target is no path: nothing is looked at, laid out or opened
//! here.

use super::doors::{self, Opened};
use super::plan::{Plan, PlannedWorker};
use super::protocol::ToControl;
use super::result::{ErrorKind, RunError};
use super::words::{self, io_error, place, refused};
use super::worker::Context;
use crate::job::spec::{Amount, JobSpec, RunSpec};
use crate::plugin::handle::Instance;
use crate::plugin::lent::{FileFacts, FileTable};
use crate::target::{
    self, ErrorClass, Kind, LayoutOptions, Naming, OpenWish, Purpose, Target, TargetError, Wishes,
};
use crate::workload::{mix_seed, Region, Rng};
use iodyno_engine_api::abi::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// Between two words about a layout: not more often than anybody can look.
const TELL_EVERY_BYTES: u64 = 64 << 20;

/// A worker's files.
pub(super) struct Files {
    /// As the engine sees them.
    pub table: FileTable,
    /// Where the load of each lies.
    pub regions: Vec<Region>,
    /// Bytes to issue in one loop.
    pub amount: u64,
    pub opened: Opened,
}

/// The paths of a clone; empty where the engine's targets are none, or the names make no sense.
pub(super) fn paths(job: &JobSpec, clone: u32) -> Vec<PathBuf> {
    if job.engine.flags & IOE_F_DISKLESS != 0 {
        return Vec::new();
    }
    names(job, clone).unwrap_or_default()
}

fn names(job: &JobSpec, clone: u32) -> Result<Vec<PathBuf>, TargetError> {
    target::names(&Naming {
        prefix: &job.name,
        clone,
        filename: &job.target.filename,
        directory: &job.target.directory,
        nrfiles: job.target.nrfiles,
    })
}

/// Everything about the targets that can be judged before a cell is started. Empty: all is well.
pub fn check(spec: &RunSpec) -> Vec<RunError> {
    let plan = Plan::new(spec);
    let mut errors: Vec<RunError> = Vec::new();
    let mut known = Known::default();
    for worker in &plan.workers {
        let job = &spec.jobs[worker.job as usize];
        if let Err(error) = check_worker(job, worker, &mut known) {
            if !errors.iter().any(|told| told.message == error.message) {
                errors.push(error);
            }
        }
    }
    errors
}

/// What is known of paths while the workers are checked, one after the other.
#[derive(Default)]
struct Known {
    /// Looked at for other users.
    guarded: BTreeSet<PathBuf>,
    /// Files that a worker will have laid out: its stage, and their length.
    laid_out: BTreeMap<PathBuf, (u32, u64)>,
}

impl Known {
    /// The targets as they will be when a stage begins: earlier stages may have made them.
    fn foresee(&self, targets: &mut [Target], stage: u32) {
        for target in targets {
            let Some(&(made, len)) = self.laid_out.get(&target.path) else { continue };
            if made < stage && matches!(target.kind, Kind::Missing | Kind::Regular) {
                target.kind = Kind::Regular;
                target.size = target.size.max(len);
            }
        }
    }

    fn will_be(&mut self, path: &Path, stage: u32, len: u64) {
        let (made, known) = self.laid_out.entry(path.to_path_buf()).or_insert((stage, 0));
        *made = stage.min(*made);
        *known = len.max(*known);
    }
}

fn check_worker(job: &JobSpec, worker: &PlannedWorker, known: &mut Known) -> Result<(), RunError> {
    if job.engine.flags & IOE_F_DISKLESS != 0 {
        return Ok(());
    }
    let told = |error: TargetError| told(job, &error);
    let mut targets = discover(job, worker.clone).map_err(told)?;
    guard(job, &targets, &mut known.guarded).map_err(told)?;
    known.foresee(&mut targets, worker.stage);
    let plan = sized(job, worker.clone, &targets).map_err(told)?;
    if !job.target.unlink {
        for (target, file) in targets.iter().zip(&plan.files) {
            if let Some(len) = file.file_len {
                known.will_be(&target.path, worker.stage, len);
            }
        }
    }
    Ok(())
}

fn discover(job: &JobSpec, clone: u32) -> Result<Vec<Target>, TargetError> {
    let is_path = job.engine.flags & IOE_F_DISKLESS == 0;
    let look = |path: &PathBuf| {
        if is_path {
            target::discover(path)
        } else {
            Ok(Target::opaque(path, 0))
        }
    };
    names(job, clone)?.iter().map(look).collect()
}

/// Refuses to write to what somebody uses. Looks at each path once: that reads half of /proc.
fn guard(
    job: &JobSpec,
    targets: &[Target],
    guarded: &mut BTreeSet<PathBuf>,
) -> Result<(), TargetError> {
    let writes = job.load.rw.writes() || job.load.rw.trims();
    if !writes || job.target.allow_mounted_write {
        return Ok(());
    }
    let fresh = targets.iter().filter(|target| guarded.insert(target.path.clone()));
    fresh.into_iter().try_for_each(target::check_write)
}

fn sized(job: &JobSpec, clone: u32, targets: &[Target]) -> Result<target::Plan, TargetError> {
    let load = &job.load;
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
    target::plan(
        targets,
        &Wishes {
            size: amount(load.size),
            filesize: job.target.filesize.map(|(from, to)| (from.0, to.0)),
            offset: amount(load.offset),
            io_size: amount(load.io_size),
            unit: sizes.clone().min().unwrap_or(1),
            block: sizes.max().unwrap_or(1),
        },
        |below| rng.below(below),
    )
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

/// Finds, sizes, lays out and opens a worker's files.
pub(super) fn open(
    context: &Context,
    engine: &mut Instance<'_>,
    caps: &ioe_caps,
) -> Result<Files, RunError> {
    let job = &context.job;
    let clone = context.planned.clone;
    let fail = |error: TargetError| told(job, &error);
    let mut targets = discover(job, clone).map_err(fail)?;
    let facts: Vec<FileFacts> = targets.iter().map(|target| file_facts(job, target)).collect();
    let mut table = FileTable::new(&facts).ok_or_else(|| {
        RunError::usage(&job.name, format!("{}: a file name holds a NUL byte", place(job)))
    })?;
    ask_sizes(context, engine, &mut table, &mut targets)?;
    let plan = sized(job, clone, &targets).map_err(fail)?;
    for note in &plan.notes {
        context.outbox.send(&ToControl::Note(format!("{}: {note}", place(job))));
    }
    let diskless = caps.flags & IOE_F_DISKLESS != 0;
    if !diskless {
        lay_out(context, &targets, &plan, caps).map_err(fail)?;
    }
    let region = |file: &target::FilePlan| Region { offset: file.offset, len: file.len };
    let mut files = Files {
        table,
        regions: plan.files.iter().map(region).collect(),
        amount: plan.amount,
        opened: Opened::new(
            facts,
            if diskless { Vec::new() } else { to_unlink(context, &targets) },
            targets,
            plan,
            *caps,
        ),
    };
    match files.open_all(context, engine) {
        Ok(()) => Ok(files),
        Err(error) => {
            // After a breach of its contract nothing of the engine is called any more.
            if error.kind != ErrorKind::Engine {
                let _worse = files.close(engine, job);
            }
            Err(error)
        }
    }
}

/// The files that `unlink=1` will remove; a device among the targets stays, which is worth a note.
fn to_unlink(context: &Context, targets: &[Target]) -> Vec<PathBuf> {
    if !context.job.target.unlink {
        return Vec::new();
    }
    let (files, others) = files_and_others(targets);
    for other in others {
        let words = format!(
            "{}: {} stays: it is no regular file, and unlink=1 removes nothing else",
            place(&context.job),
            other.display()
        );
        context.outbox.send(&ToControl::Note(words));
    }
    files
}

pub(super) fn files_and_others(targets: &[Target]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_file = |target: &&Target| matches!(target.kind, Kind::Regular | Kind::Missing);
    let (files, others): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(is_file);
    let paths = |targets: Vec<&Target>| targets.iter().map(|target| target.path.clone()).collect();
    (paths(files), paths(others))
}

fn file_facts(job: &JobSpec, target: &Target) -> FileFacts {
    let rw = job.load.rw;
    let mut open_flags = 0;
    for (wanted, flag) in [
        (rw.reads(), IOE_OPEN_READ),
        (rw.writes() || rw.trims(), IOE_OPEN_WRITE),
        (rw.writes() && target.kind == Kind::Missing, IOE_OPEN_CREATE),
        (job.target.direct, IOE_OPEN_DIRECT),
    ] {
        if wanted {
            open_flags |= flag;
        }
    }
    FileFacts {
        name: target.path.to_string_lossy().into_owned(),
        size: target.size,
        kind: match target.kind {
            Kind::Regular | Kind::Missing => IOE_KIND_REGULAR,
            Kind::Block => IOE_KIND_BLOCK,
            Kind::Char => IOE_KIND_CHAR,
            Kind::Pipe => IOE_KIND_PIPE,
            Kind::Directory => IOE_KIND_DIR,
            Kind::Opaque => IOE_KIND_NONE,
        },
        open_flags,
        block_size: target.block_size,
    }
}

/// Before layout: what the engine knows of its targets' sizes.
fn ask_sizes(
    context: &Context,
    engine: &mut Instance<'_>,
    table: &mut FileTable,
    targets: &mut [Target],
) -> Result<(), RunError> {
    for (index, target) in targets.iter_mut().enumerate() {
        let asked = engine
            .get_file_size(table, index as u32)
            .map_err(|refusal| refused(&context.job, &refusal))?;
        if asked {
            let (size, block_size) = table.size(index as u32);
            target.size = size;
            target.block_size = block_size.max(1);
        }
    }
    Ok(())
}

/// Makes files as long as the load needs them; one worker at a time.
pub(super) fn lay_out(
    context: &Context,
    targets: &[Target],
    plan: &target::Plan,
    caps: &ioe_caps,
) -> Result<(), TargetError> {
    let job = &context.job;
    let _turn = context.layout.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let fill = job.load.rw.reads() || caps.flags & IOE_F_NOEXTEND != 0;
    let options = LayoutOptions {
        purpose: if fill { Purpose::Fill } else { Purpose::Reserve },
        seed: job.load.randseed,
        fsync: true,
        stop: &context.layout.stop,
    };
    for (target, file) in targets.iter().zip(&plan.files) {
        let Some(len) = file.file_len else { continue };
        let mut said = None;
        let mut tell = |done_bytes: u64, total_bytes: u64| {
            let is_news = said.is_none_or(|said| done_bytes >= said + TELL_EVERY_BYTES);
            if is_news || done_bytes == total_bytes {
                said = Some(done_bytes);
                context.outbox.send(&ToControl::Layout {
                    job: job.name.clone(),
                    files: targets.len() as u32,
                    total_bytes,
                    done_bytes,
                });
            }
        };
        let done = target::lay_out(target, len, &options, &mut tell)?;
        if let Some(why) = done.unreserved {
            context.outbox.send(&ToControl::Note(format!("{}: {why}", place(job))));
        }
    }
    Ok(())
}

impl Files {
    /// Opens all files, unless the load opens them on its way.
    fn open_all(&mut self, context: &Context, engine: &mut Instance<'_>) -> Result<(), RunError> {
        if doors::are_used(&context.job, self.table.len()) {
            return Ok(());
        }
        for index in 0..self.table.len() {
            let opened = self.opened.open(context, engine, &mut self.table, index);
            opened.map_err(|trouble| words::at_setup(&context.job, trouble))?;
        }
        Ok(())
    }

    /// Files that are open now.
    pub(super) fn open_now(&self) -> u64 {
        self.opened.open_now()
    }

    /// Apart, for the time of the run.
    pub(super) fn split(self) -> (FileTable, Opened) {
        (self.table, self.opened)
    }

    /// Gives back what the engine was lent. To be called once it is cleaned up.
    pub(super) fn dispose(self) {
        self.table.dispose();
    }

    /// Together again.
    pub(super) fn join(table: FileTable, opened: Opened) -> Files {
        Files { table, regions: Vec::new(), amount: 0, opened }
    }

    /// Closes everything, and removes what is to be removed. The first error is told.
    pub(super) fn close(
        &mut self,
        engine: &mut Instance<'_>,
        job: &JobSpec,
    ) -> Result<(), RunError> {
        let mut outcome = Ok(());
        for index in 0..self.table.len() {
            if let Err(refusal) = self.opened.close(engine, &mut self.table, index) {
                outcome = outcome.and(Err(refused(job, &refusal)));
            }
        }
        for left in target::remove(&self.opened.unlinked) {
            let words = format!("{}: unlink {}: {}", place(job), left.path.display(), left.why);
            outcome = outcome.and(Err(io_error(job, None, words)));
        }
        outcome
    }
}

pub(super) fn open_wish(job: &JobSpec) -> OpenWish {
    let rw = job.load.rw;
    let write = rw.writes() || rw.trims();
    OpenWish {
        read: rw.reads(),
        write,
        create: rw.writes(),
        direct: job.target.direct,
        ..OpenWish::default()
    }
}
