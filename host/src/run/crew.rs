//! The threads of `io_submit_mode=offload`: an engine instance each, for one slot.
//!
//! Called by [`super::worker`] while a worker is set up. A member makes its instance, opens the
//! worker's files for it (descriptors of the host's are shared), announces its unit, serves, and
//! ends everything in order, all on its own thread, as the contract wants it. What goes wrong
//! becomes a [`RunError`] before the start, and a report to the worker after it.

use super::cell::CellEvent;
use super::doors::Opened;
use super::fit;
use super::result::RunError;
use super::words::{self, place, refused};
use super::worker::Context;
use crate::io::crew::{Crew, Post};
use crate::io::slots::Slots;
use crate::io::trouble::FileTrouble;
use crate::job::spec::JobSpec;
use crate::plugin::handle::{Callback, Instance, Terminator, UnitPtr};
use crate::plugin::host_table;
use crate::plugin::lent::{FileFacts, FileTable, JobFacts, JobTable};
use crate::plugin::load::LoadedEngine;
use crossbeam::channel::{self, Sender};
use iodyno_engine_api::abi::{IOE_F_SYNC, IOE_OPEN_HOST};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Stack of a member's thread, as large as C libraries expect; untouched pages cost nothing.
const STACK_BYTES: usize = 8 << 20;

/// What a member needs; a copy for each.
#[derive(Clone)]
struct Orders {
    job: JobSpec,
    facts: JobFacts,
    engine: &'static LoadedEngine,
    files: Vec<FileFacts>,
    /// Descriptors of the host's, or -1.
    fds: Vec<i32>,
    worker: u32,
    events: Sender<CellEvent>,
    ready: Sender<Result<(), RunError>>,
}

/// Why a job cannot be offloaded.
pub(super) fn obstacle(job: &JobSpec, flags: u64, files: u32) -> Option<String> {
    if !job.depth.offload {
        return None;
    }
    if flags & IOE_F_SYNC == 0 {
        return Some(format!(
            "io_submit_mode=offload gives synchronous engines a depth; engine {} has one of its \
             own (leave it out)",
            job.engine.name
        ));
    }
    super::doors::are_used(job, files).then(|| {
        "io_submit_mode=offload keeps all files open: it does not go together with openfiles below \
         nrfiles, create_on_open or unlink_each_loop"
            .to_owned()
    })
}

/// A member for each slot, all ready.
pub(super) fn hire(
    context: &Context,
    slots: &Slots,
    opened: &Opened,
    table: &FileTable,
) -> Result<Crew, RunError> {
    let job = &context.job;
    let (ready, told) = channel::bounded(slots.depth() as usize);
    let indices = 0..table.len();
    let orders = Orders {
        job: job.clone(),
        facts: JobFacts { iodepth: 1, ..fit::job_facts(context) },
        engine: context.engine,
        files: opened.facts(table),
        fds: indices.map(|index| table.fd(index)).collect(),
        worker: context.planned.id,
        events: context.events.clone(),
        ready,
    };
    let crew = Crew::hire(slots.depth(), context.page, |post| {
        let (orders, unit) = (orders.clone(), slots.unit(post.slot));
        let name: String = job.name.chars().take(15).collect();
        std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || {
            let lived = catch_unwind(AssertUnwindSafe(|| live(&orders, &post, unit)));
            if lived.is_err() {
                let message = "internal error: a submitting thread panicked".to_owned();
                let error = RunError::engine(&orders.job.name, message.clone());
                let _started = orders.ready.send(Err(error));
                let trouble = FileTrouble { is_usage: false, errno: None, message };
                post.break_off(trouble.into());
            }
        })
    });
    // `told` is to end when the last member has told.
    drop(orders);
    let crew = crew.map_err(|error| {
        let words = format!("{}: start a thread: {error} (lower iodepth)", place(job));
        RunError::usage(&job.name, words)
    })?;
    let all = told.iter().take(slots.depth() as usize);
    match all.filter_map(Result::err).next() {
        None => Ok(crew),
        Some(error) => {
            crew.dismiss();
            Err(error)
        }
    }
}

/// A member's whole life.
fn live(orders: &Orders, post: &Post, unit: UnitPtr) {
    let fail = |error: RunError| {
        let _gone = orders.ready.send(Err(error));
    };
    let Some(table) = JobTable::new(&orders.facts) else { unreachable!("the worker's was made") };
    let init = Instance::init(&orders.engine.ops, host_table::table(), table, &post.crumb);
    let mut engine = match init {
        Ok(engine) => engine,
        Err(refusal) => return fail(refused(&orders.job, &refusal)),
    };
    orders.tell(engine.terminator());
    let Some(mut files) = FileTable::new(&orders.files) else {
        unreachable!("the worker's table was made")
    };
    let prepared = prepare(orders, &mut engine, &mut files, unit);
    let is_ready = prepared.is_ok();
    let _gone = orders.ready.send(prepared);
    if is_ready && !post.serve(&mut engine, &files) {
        engine.abandon();
        return;
    }
    if is_ready {
        engine.io_free(unit);
    }
    for index in 0..files.len() {
        // The worker's own instance tells of what cannot be closed.
        let _worse = engine.close_file(&mut files, index);
    }
    engine.cleanup();
    files.dispose();
}

impl Orders {
    fn tell(&self, terminator: Terminator) {
        let _alone = self.events.send(CellEvent::Made(self.worker, terminator));
    }
}

fn prepare(
    orders: &Orders,
    engine: &mut Instance<'_>,
    files: &mut FileTable,
    unit: UnitPtr,
) -> Result<(), RunError> {
    let job = &orders.job;
    let refused = |refusal| refused(job, &refusal);
    for index in 0..files.len() {
        let answer = engine.open_file(files, index).map_err(refused)?;
        if answer > IOE_OPEN_HOST as u32 {
            let breach = format!("answered {answer}, which is neither 0 (opened) nor 1");
            return Err(words::fault(job, Callback::OpenFile, &breach, 0));
        }
        if answer == IOE_OPEN_HOST as u32 {
            files.set_fd(index, orders.fds[index as usize]);
        }
        engine.get_file_size(files, index).map_err(refused)?;
    }
    engine.io_init(unit).map_err(refused)?;
    engine.start().map_err(refused)
}
