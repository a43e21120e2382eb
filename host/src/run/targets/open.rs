//! A worker's files from their names to the engine's table, and back: sizes, layout, opening,
//! closing, removing.
//!
//! Runs on the worker's thread, before its start and after its end. Where an engine says
//! IOE_F_DISKLESS the target is no path: nothing is looked at, laid out or opened here.

use super::super::doors::{self, Opened};
use super::super::protocol::ToControl;
use super::super::result::{ErrorKind, RunError};
use super::super::words::{self, io_error, place, refused};
use super::super::worker::Context;
use super::{discover, layout, per_file, root_of_made, rules, sized, told};
use crate::job::spec::{JobSpec, SyncMode};
use crate::plugin::handle::Instance;
use crate::plugin::lent::{FileFacts, FileTable};
use crate::target::{self, Kind, OpenWish, Plan, Target, TargetError};
use crate::workload::Region;
use iodyno_engine_api::abi::*;
use std::path::PathBuf;

/// A worker's files.
pub(in super::super) struct Files {
    /// As the engine sees them.
    pub table: FileTable,
    /// Where the load of each lies.
    pub regions: Vec<Region>,
    /// Bytes to issue in one loop.
    pub amount: u64,
    /// Nobody knows how much it will be: until there is no space left.
    pub unbounded: bool,
    pub opened: Opened,
}

/// Finds, sizes, lays out and opens a worker's files.
pub(in super::super) fn open(
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
    if diskless {
        if job.target.pre_read {
            let words =
                format!("{}: pre_read: engine {} has no files", place(job), job.engine.name);
            context.outbox.send(&ToControl::Note(words));
        }
    } else {
        rules::judge(job, &targets, &plan).map_err(fail)?;
        if root_of_made(job, clone).is_some() {
            targets.iter().try_for_each(|t| target::make_directories(&t.path)).map_err(fail)?;
        }
        layout::lay_out(context, &targets, &plan, caps).map_err(fail)?;
        pre_read(context, &targets, &plan).map_err(fail)?;
    }
    let region = |file: &target::FilePlan| Region { offset: file.offset, len: file.len };
    let mut files = Files {
        table,
        regions: plan.files.iter().map(region).collect(),
        amount: plan.amount,
        unbounded: plan.unbounded,
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

/// `pre_read`: reads each file once; one that will be made by its first writer has nothing to read.
fn pre_read(context: &Context, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    if !context.job.target.pre_read {
        return Ok(());
    }
    for (target, file) in targets.iter().zip(&plan.files) {
        if target.kind == Kind::Block || target.path.is_file() {
            let stop = &context.layout.stop;
            target::pre_read(&target.path, file.offset, file.len, stop)?;
        }
    }
    Ok(())
}

/// The files that `unlink=1` will remove; a device among the targets stays, which is worth a note.
fn to_unlink(context: &Context, targets: &[Target]) -> Vec<PathBuf> {
    if !context.job.target.unlink {
        return Vec::new();
    }
    let (files, others) = files_and_others(targets, per_file(&context.job));
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

/// Regular files (and directories, where requests are such), and all else.
pub(in super::super) fn files_and_others(
    targets: &[Target],
    and_directories: bool,
) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_file = |target: &&Target| match target.kind {
        Kind::Regular | Kind::Missing => true,
        Kind::Directory => and_directories,
        Kind::Block | Kind::Char | Kind::Pipe | Kind::Opaque => false,
    };
    let (files, others): (Vec<&Target>, Vec<&Target>) = targets.iter().partition(is_file);
    let paths = |targets: Vec<&Target>| targets.iter().map(|target| target.path.clone()).collect();
    (paths(files), paths(others))
}

fn file_facts(job: &JobSpec, target: &Target) -> FileFacts {
    let rw = job.load.rw;
    let mut open_flags = 0;
    for (wanted, flag) in [
        (rw.reads() || job.reads_back(), IOE_OPEN_READ),
        (rw.writes() || rw.trims(), IOE_OPEN_WRITE),
        (
            rw.writes() && target.kind == Kind::Missing && job.target.allow_file_create,
            IOE_OPEN_CREATE,
        ),
        (job.target.direct, IOE_OPEN_DIRECT),
        (job.target.sync == SyncMode::Sync, IOE_OPEN_SYNC),
        (job.target.sync == SyncMode::Dsync, IOE_OPEN_DSYNC),
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
    pub(in super::super) fn open_now(&self) -> u64 {
        self.opened.open_now()
    }

    /// Apart, for the time of the run.
    pub(in super::super) fn split(self) -> (FileTable, Opened) {
        (self.table, self.opened)
    }

    /// Gives back what the engine was lent. To be called once it is cleaned up.
    pub(in super::super) fn dispose(self) {
        self.table.dispose();
    }

    /// Together again.
    pub(in super::super) fn join(table: FileTable, opened: Opened) -> Files {
        Files { table, regions: Vec::new(), amount: 0, unbounded: false, opened }
    }

    /// Closes everything, and removes what is to be removed. The first error is told.
    pub(in super::super) fn close(
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
        for left in target::remove(&self.opened.unlinked, per_file(job)) {
            let words = format!("{}: unlink {}: {}", place(job), left.path.display(), left.why);
            outcome = outcome.and(Err(io_error(job, None, words)));
        }
        outcome
    }
}

/// How the host opens a file of the job.
pub(in super::super) fn open_wish(job: &JobSpec) -> OpenWish {
    let rw = job.load.rw;
    OpenWish {
        read: rw.reads() || job.reads_back(),
        write: rw.writes() || rw.trims(),
        create: rw.writes() && job.target.allow_file_create,
        truncate: false,
        direct: job.target.direct,
        sync: job.target.sync == SyncMode::Sync,
        dsync: job.target.sync == SyncMode::Dsync,
    }
}
