//! The threads of `io_submit_mode=offload`: an engine instance each, for one slot.
//!
//! Called by [`super::worker`] while a worker is set up. A member makes its instance, opens the
//! worker's files for it (descriptors of the host's are shared), announces its unit, serves, and
//! ends everything in order, all on its own thread, as the contract wants it. What goes wrong
//! becomes a [`RunError`] before the start, and a report to the worker after it.

use super::cell::CellEvent;
use super::doors::Opened;
use super::fit;
use super::result::{ErrorKind, RunError};
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
use crate::plugin::stack::Inner;
use crate::sys::crash;
use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender};
use iodyno_engine_api::abi::{IOE_F_SYNC, IOE_OPEN_HOST};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// Stack of a member's thread, as large as C libraries expect; untouched pages cost nothing.
const STACK_BYTES: usize = 8 << 20;

/// Between two looks at what members are at.
const LOOK: Duration = Duration::from_millis(100);

/// What a member needs; a copy for each.
#[derive(Clone)]
struct Orders {
    job: Arc<JobSpec>,
    facts: JobFacts,
    engine: &'static LoadedEngine,
    inner: Vec<Inner>,
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
        job: Arc::clone(job),
        facts: JobFacts { iodepth: 1, ..fit::job_facts(context) },
        engine: context.engine,
        inner: context.inner.clone(),
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
        // After a breach the worker calls nothing of its engine any more.
        let breach = worst(told.try_iter()).filter(|error| error.kind == ErrorKind::Engine);
        breach.unwrap_or_else(|| RunError::usage(&job.name, words))
    })?;
    match worst(setups(&crew, &told, slots.depth())) {
        None => Ok(crew),
        Some(error) => {
            crew.dismiss();
            Err(error)
        }
    }
}

/// How each member's set-up went; what one of them is at meanwhile is seen in the page.
fn setups<'a>(
    crew: &'a Crew,
    told: &'a Receiver<Result<(), RunError>>,
    members: u32,
) -> impl Iterator<Item = Result<(), RunError>> + 'a {
    let next = move || loop {
        match told.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => crew.show_setup(),
            told => {
                crew.show_setup();
                return told.ok();
            }
        }
    };
    std::iter::from_fn(next).take(members as usize)
}

/// A breach of the contract, if there is one, or else the first error.
fn worst(setups: impl Iterator<Item = Result<(), RunError>>) -> Option<RunError> {
    let mut errors: Vec<RunError> = setups.filter_map(Result::err).collect();
    let breach = errors.iter().position(|error| error.kind == ErrorKind::Engine);
    (!errors.is_empty()).then(|| errors.swap_remove(breach.unwrap_or(0)))
}

/// A member's whole life.
fn live(orders: &Orders, post: &Post, unit: UnitPtr) {
    let _guard = crash::guard_thread(orders.worker);
    let fail = |error: RunError| {
        let _gone = orders.ready.send(Err(error));
    };
    let table = JobTable::new(&orders.facts);
    let Some(table) = table.and_then(|table| table.over(&orders.facts, &orders.inner)) else {
        unreachable!("the worker's was made")
    };
    let init = Instance::init(&orders.engine.ops, host_table::table(), table, &post.crumb);
    let mut engine = match init {
        Ok(engine) => engine,
        Err(refusal) => return fail(refused(&orders.job, &refusal)),
    };
    orders.tell(engine.terminator());
    let Some(mut files) = FileTable::new(&orders.files) else {
        unreachable!("the worker's table was made")
    };
    let mut lent = Lent::default();
    let prepared = prepare(orders, &mut engine, &mut files, unit, &mut lent);
    let is_ready = prepared.is_ok();
    let broke = prepared.as_ref().is_err_and(|error| error.kind == ErrorKind::Engine);
    let _gone = orders.ready.send(prepared);
    if broke || (is_ready && !post.serve(&mut engine, &files)) {
        engine.abandon();
        return;
    }
    if lent.unit {
        engine.io_free(unit);
    }
    for index in 0..lent.files {
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

/// What a member's instance was shown, and is to see off again.
#[derive(Default)]
struct Lent {
    files: u32,
    unit: bool,
}

fn prepare(
    orders: &Orders,
    engine: &mut Instance<'_>,
    files: &mut FileTable,
    unit: UnitPtr,
    lent: &mut Lent,
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
        lent.files = index + 1;
        engine.get_file_size(files, index).map_err(refused)?;
    }
    engine.io_init(unit).map_err(refused)?;
    lent.unit = true;
    engine.start().map_err(refused)
}
