//! Opening and closing of a worker's files: by the engine, or by the host for it.
//!
//! Called by [`super::targets`] before the start and after the end, and during the run, through
//! [`Doors`], by the loop of jobs whose files come and go. Runs on the worker's thread. The order
//! is the contract's: the engine is asked first and told before a descriptor is closed.

use super::protocol::ToControl;
use super::result::{ErrorKind, RunError};
use super::targets::{self, told};
use super::words::{io_error, place};
use super::worker::Context;
use crate::io::doors::{Doors, Doorway};
use crate::io::signal::Signal;
use crate::io::trouble::{Breach, Fault, FileTrouble, Trouble};
use crate::job::spec::JobSpec;
use crate::plugin::handle::{Callback, Instance, Refusal};
use crate::plugin::lent::{FileFacts, FileTable};
use crate::target::{self, Invalidated, Kind, Plan, Target, TargetError};
use iodyno_engine_api::abi::*;
use rustix::fd::{AsRawFd, OwnedFd};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::rc::Rc;

/// What the host keeps of a worker's files while the worker has the table.
pub(super) struct Opened {
    /// Their names.
    pub names: Vec<String>,
    /// The largest logical block size among them.
    pub block_size: u32,
    /// To be removed at the end.
    pub unlinked: Vec<PathBuf>,
    facts: Vec<FileFacts>,
    targets: Vec<Target>,
    plan: Plan,
    caps: ioe_caps,
    /// By file; closed by [`Opened::close`] alone: an engine that is left behind may still use
    /// them.
    descriptors: ManuallyDrop<Vec<Option<OwnedFd>>>,
    /// The engine has been told of these.
    is_told: Vec<bool>,
}

/// Whether the load opens its files on its way: fewer at once than there are, made when first used,
/// or made anew for each loop.
pub(super) fn are_used(job: &JobSpec, files: u32) -> bool {
    let target = &job.target;
    let some_at_once = target.openfiles > 0 && target.openfiles < files;
    some_at_once || target.create_on_open || target.unlink_each_loop
}

impl Opened {
    /// What they are.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// All are closed.
    pub(super) fn new(
        facts: Vec<FileFacts>,
        unlinked: Vec<PathBuf>,
        targets: Vec<Target>,
        plan: Plan,
        caps: ioe_caps,
    ) -> Opened {
        let files = targets.len();
        Opened {
            names: facts.iter().map(|facts| facts.name.clone()).collect(),
            facts,
            block_size: targets.iter().map(|target| target.block_size).max().unwrap_or(512),
            unlinked,
            targets,
            plan,
            caps,
            descriptors: ManuallyDrop::new((0..files).map(|_| None).collect()),
            is_told: vec![false; files],
        }
    }

    /// Files that are open now.
    pub(super) fn open_now(&self) -> u64 {
        self.is_told.iter().filter(|told| **told).count() as u64
    }

    /// A target, and where the load lies in it.
    pub(super) fn planned(&self, index: u32) -> (&Target, &target::FilePlan) {
        (&self.targets[index as usize], &self.plan.files[index as usize])
    }

    /// The files as another instance is to see them: sizes are those of `table`.
    pub(super) fn facts(&self, table: &FileTable) -> Vec<FileFacts> {
        let sized = |(index, facts): (usize, &FileFacts)| {
            let (size, block_size) = table.size(index as u32);
            FileFacts { size, block_size, ..facts.clone() }
        };
        self.facts.iter().enumerate().map(sized).collect()
    }

    /// Opens a file: the engine does, or the host where it says so.
    pub(super) fn open(
        &mut self,
        context: &Context,
        engine: &mut Instance<'_>,
        table: &mut FileTable,
        index: u32,
    ) -> Result<(), Trouble> {
        let job = &context.job;
        let at = index as usize;
        let (found, planned) = (&self.targets[at], &self.plan.files[at]);
        let size = found.size.max(planned.offset + planned.len);
        table.set_size(index, size, found.block_size);
        let answer = engine.open_file(table, index).map_err(Trouble::from)?;
        if answer > IOE_OPEN_HOST as u32 {
            let breach = Breach::OpenStatus(answer);
            return Err(Fault { callback: Callback::OpenFile, breach, in_flight: 0 }.into());
        }
        if answer == IOE_OPEN_HOST as u32 && self.caps.flags & (IOE_F_DISKLESS | IOE_F_NOIO) == 0 {
            let path = self.open_path(context, at);
            let descriptor = path.map_err(|error| trouble(told(job, &error)))?;
            table.set_fd(index, descriptor.as_raw_fd());
            self.descriptors[at] = Some(descriptor);
        }
        self.is_told[at] = true;
        engine.get_file_size(table, index).map(drop).map_err(Trouble::from)
    }

    /// The host opens the path for the engine.
    fn open_path(&self, context: &Context, at: usize) -> Result<OwnedFd, TargetError> {
        let job = &context.job;
        let (found, planned) = (&self.targets[at], &self.plan.files[at]);
        let wish = targets::open_wish(job);
        let descriptor = match found.kind {
            Kind::Pipe => {
                let is_over = || context.signal.get() >= Signal::STOP;
                let say = |words: &str| {
                    context.outbox.send(&ToControl::Note(format!("{}: {words}", place(job))));
                };
                target::open_pipe(&found.path, wish, is_over, say)?
            }
            _ => target::open(&found.path, wish)?,
        };
        // As in fio: what was read ahead is not dropped again.
        if job.target.invalidate && !job.target.pre_read {
            let (offset, len) = (planned.offset, planned.len);
            let done = target::invalidate(&descriptor, &found.path, found.kind, offset, len)?;
            if let Invalidated::NotAllowed(why) = done {
                context.outbox.send(&ToControl::Note(format!("{}: {why}", place(job))));
            }
        }
        target::advise(&descriptor, found.kind, job.load.rw.is_random());
        Ok(descriptor)
    }

    /// Closes a file, if it is open.
    pub(super) fn close(
        &mut self,
        engine: &mut Instance<'_>,
        table: &mut FileTable,
        index: u32,
    ) -> Result<(), Refusal> {
        let at = index as usize;
        if !std::mem::take(&mut self.is_told[at]) {
            return Ok(());
        }
        let closed = engine.close_file(table, index);
        if self.descriptors[at].take().is_some() {
            table.set_fd(index, -1);
        }
        closed
    }

    /// Removes the regular files among them, which are closed, and lays them out again.
    fn renew(&mut self, context: &Context) -> Result<(), RunError> {
        let job = &context.job;
        let whole = targets::per_file(job);
        let (files, _others) = targets::files_and_others(&self.targets, whole);
        if let Some(left) = target::remove(&files, whole).into_iter().next() {
            let words = format!("unlink_each_loop: {}: {}", left.path.display(), left.why);
            return Err(io_error(job, None, format!("{}: {words}", place(job))));
        }
        for target in self.targets.iter_mut().filter(|target| target.kind == Kind::Regular) {
            target.kind = Kind::Missing;
            target.size = 0;
        }
        targets::lay_out(context, &self.targets, &self.plan, &self.caps)
            .map_err(|error| told(job, &error))
    }
}

/// The files of a job that come and go.
struct Doorman<'a> {
    context: &'a Context,
    opened: Rc<RefCell<Opened>>,
}

impl std::fmt::Debug for Doorman<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorman").finish_non_exhaustive()
    }
}

/// The doors of a job that needs any during its run.
pub(super) fn doorway<'a>(
    context: &'a Context,
    opened: &Rc<RefCell<Opened>>,
    files: u32,
) -> Option<Doorway<'a>> {
    let job = &context.job;
    let doorman = || Doorman { context, opened: Rc::clone(opened) };
    are_used(job, files).then(|| {
        let target = &job.target;
        Doorway::new(Box::new(doorman()), files, target.openfiles, target.unlink_each_loop)
    })
}

impl Doors for Doorman<'_> {
    fn open(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
    ) -> Result<(), Trouble> {
        self.opened.borrow_mut().open(self.context, engine, files, file)
    }

    fn close(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
    ) -> Result<(), Trouble> {
        self.opened.borrow_mut().close(engine, files, file).map_err(Trouble::from)
    }

    fn renew_all(&mut self) -> Result<(), Trouble> {
        self.opened.borrow_mut().renew(self.context).map_err(trouble)
    }
}

/// The loop carries the words back to where they came from.
fn trouble(error: RunError) -> Trouble {
    let is_usage = error.kind == ErrorKind::Usage;
    FileTrouble { is_usage, errno: error.errno, message: error.message }.into()
}
