//! A worker's life around its loop: make the instance, open the files, build the slab, wait for the
//! common start, run, and end everything in order.
//!
//! Runs on the worker's own thread, from the first callback to the last. What goes wrong becomes a
//! [`RunError`] with words; after a fault of the engine its memory is left where it is.

use super::cell::CellEvent;
use super::content;
use super::crew;
use super::delay;
use super::doors::{self, Opened};
use super::fit;
use super::gate::Gate;
use super::outbox::Outbox;
use super::placement;
use super::plan::PlannedWorker;
use super::protocol::ToControl;
use super::result::{ErrorKind, RunError};
use super::targets::{self, Files, LayoutDesk};
use super::verdict;
use super::verifying;
use super::words::{self, place};
use super::zbd;
use crate::io::batch::Errand;
use crate::io::crew::Crew;
use crate::io::failures::Failures;
use crate::io::flow::{Flow, Partner};
use crate::io::kept::KeeperParts;
use crate::io::pace::Pace;
use crate::io::profile::ProfilingClock;
use crate::io::signal::Signal;
use crate::io::slots::{SlabError, Slots};
use crate::io::trouble::Trouble;
use crate::io::worker::{Parts, Worker};
use crate::io::zoned::Zoned;
use crate::job::spec::JobSpec;
use crate::plugin::handle::Instance;
use crate::plugin::host_table;
use crate::plugin::lent::JobTable;
use crate::plugin::load::LoadedEngine;
use crate::plugin::stack::Inner;
use crate::stats::live::{WorkerPage, WorkerState};
use crate::sys::clock::{wall_ms, Clock, SystemClock};
use crate::sys::crash;
use crate::sys::locked::Locked;
use crate::sys::thread;
use crate::verify::pool::Pool;
use crate::workload::{Content, Generator};
use crossbeam::channel;
use crossbeam::utils::CachePadded;
use iodyno_engine_api::abi::*;
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

/// Everything that a worker is given.
pub(super) struct Context {
    /// Which one it is.
    pub planned: PlannedWorker,
    /// Id of the run.
    pub run: u64,
    /// Its job.
    pub job: Arc<JobSpec>,
    /// Its engine.
    pub engine: &'static LoadedEngine,
    /// The engines that it stands on.
    pub inner: Vec<Inner>,
    /// Its page.
    pub page: &'static WorkerPage,
    /// The other workers of its flow.
    pub partners: Vec<Partner<'static>>,
    /// What the supervisor says.
    pub signal: Arc<CachePadded<Signal>>,
    /// The common start.
    pub gate: Arc<Gate>,
    /// `startdelay`: from the common start to its own, nanoseconds.
    pub delay_ns: u64,
    /// Threads that look at data; none: the worker does.
    pub pool: Option<Pool<Errand>>,
    /// The time.
    pub clock: SystemClock,
    /// Whose turn it is to lay files out.
    pub layout: Arc<LayoutDesk>,
    /// To the control process.
    pub outbox: Outbox,
    /// To the cell.
    pub events: channel::Sender<CellEvent>,
    /// The cell is about to end with this worker's wave: the thread need not be taken down apart.
    pub stays: bool,
}

/// How a worker ended.
struct Ending {
    outcome: Result<(), RunError>,
    /// The instance was not cleaned up: its engine may still look at what it was lent.
    left_behind: bool,
}

impl Ending {
    fn in_order(outcome: Result<(), RunError>) -> Ending {
        Ending { outcome, left_behind: false }
    }

    fn left_behind(error: RunError) -> Ending {
        Ending { outcome: Err(error), left_behind: true }
    }
}

/// The thread's whole life.
pub(super) fn run(context: Box<Context>) {
    let id = context.planned.id;
    let (outbox, events, page) = (context.outbox.clone(), context.events.clone(), context.page);
    let guard = crash::guard_thread(id);
    let stays = context.stays;
    page.start_ms.set(wall_ms());
    page.began_ns.set(context.clock.mono_ns());
    page.tid.set(u64::from(thread::tid()));
    page.state.set(WorkerState::Setup as u64);
    let job = Arc::clone(&context.job);
    // A panic is a defect of ours. What the engine was lent is leaked by default, so that
    // unwinding takes nothing away from it.
    let ending = catch_unwind(AssertUnwindSafe(move || live(&context))).unwrap_or_else(|_| {
        let message = "internal error: the worker panicked".to_owned();
        Ending::left_behind(RunError::engine(&job.name, message))
    });
    match ending.outcome {
        Ok(()) => page.state.set(WorkerState::Done as u64),
        Err(error) => {
            page.state.set(WorkerState::Failed as u64);
            outbox.error(id, error);
        }
    }
    let left_behind = ending.left_behind;
    let _alone = events.send(CellEvent::Ended { worker: id, left_behind });
    if stays {
        // Each thread's end flushes what all other processors know of memory; the end of a thousand
        // at once, with their process, does so once.
        std::mem::forget(guard);
        loop {
            std::thread::park();
        }
    }
}

fn live(context: &Context) -> Ending {
    let mut engine = match make(context) {
        Ok(engine) => engine,
        Err(error) => return Ending::in_order(Err(error)),
    };
    let made = CellEvent::Made(context.planned.id, engine.terminator());
    let _alone = context.events.send(made);
    match prepare(context, &mut engine) {
        Ok(prepared) => drive(context, engine, prepared),
        Err(error) if error.kind == ErrorKind::Engine => {
            engine.abandon();
            Ending::left_behind(error)
        }
        Err(error) => {
            engine.cleanup();
            // A wait for a peer that the end of the run interrupted is no failure.
            let canceled = error.errno == Some(libc::ECANCELED);
            let by_us = canceled && context.signal.get() >= Signal::STOP;
            Ending::in_order(if by_us { Ok(()) } else { Err(error) })
        }
    }
}

/// The instance.
fn make(context: &Context) -> Result<Instance<'static>, RunError> {
    let job = &context.job;
    placement::settle(job, context.planned.clone)
        .map_err(|why| RunError::usage(&job.name, format!("{}: {why}", place(job))))?;
    let facts = fit::job_facts(context);
    let table = JobTable::new(&facts).and_then(|table| table.over(&facts, &context.inner));
    let table = table.ok_or_else(|| {
        RunError::usage(&job.name, "a name or option value holds a NUL byte".to_owned())
    })?;
    let crumb = context.page.callback.as_atomic();
    Instance::init(&context.engine.ops, host_table::table(), table, crumb)
        .map_err(|refusal| words::refused(job, &refusal))
}

/// What stands ready for the start.
struct Prepared {
    files: Files,
    slots: Slots,
    generator: Generator,
    content: Content,
    crew: Option<Box<Crew>>,
    keeper: Option<KeeperParts>,
    zoned: Option<Box<Zoned<'static>>>,
    caps: ioe_caps,
    /// Held for its sake alone.
    locked: Option<Locked>,
}

/// From the fresh instance to the start: files, load, slab.
fn prepare(context: &Context, engine: &mut Instance<'_>) -> Result<Prepared, RunError> {
    let job = &context.job;
    let locked = content::lock(job)?;
    let caps = engine.caps().map_err(|refusal| words::refused(job, &refusal))?;
    let caps = fit::check_caps(job, caps, engine)?;
    let mut files = targets::open(context, engine, &caps)?;
    match build(context, engine, &mut files, &caps) {
        Ok(Built { slots, generator, content, crew, keeper, zoned }) => {
            Ok(Prepared { files, slots, generator, content, crew, keeper, zoned, caps, locked })
        }
        Err(error) => {
            if error.kind != ErrorKind::Engine {
                let _worse = files.close(engine, &context.job);
            }
            Err(error)
        }
    }
}

/// What is built once the files are open.
struct Built {
    slots: Slots,
    generator: Generator,
    content: Content,
    crew: Option<Box<Crew>>,
    keeper: Option<KeeperParts>,
    zoned: Option<Box<Zoned<'static>>>,
}

fn build(
    context: &Context,
    engine: &mut Instance<'_>,
    files: &mut Files,
    caps: &ioe_caps,
) -> Result<Built, RunError> {
    let job = &context.job;
    if let Some(why) = crew::obstacle(job, caps.flags, files.table.len()) {
        return Err(RunError::usage(&job.name, format!("{}: {why}", place(job))));
    }
    context.page.open_files.set(files.open_now());
    let zones = zbd::prepare(context, engine, files)?;
    let mut generator = Generator::new(&fit::recipe(context, files))
        .map_err(|error| RunError::usage(&job.name, format!("{}: {error}", place(job))))?;
    let keeper = verifying::keeper(context, files, &mut generator)?;
    let counts_bytes = caps.flags & (IOE_F_PER_FILE | IOE_F_NOIO) == 0;
    let goal = generator.total_bytes().filter(|_| counts_bytes && !files.unbounded);
    context.page.goal_bytes.set(goal.unwrap_or(0));
    let content = content::content(context, files)?;
    let shape = fit::slab_shape(job, caps);
    let zoned = match zones {
        Some(plan) => Some(Box::new(zbd::join(context, engine, files, plan, shape.depth)?)),
        None => None,
    };
    let slots = match job.depth.offload {
        false => Slots::new(shape, engine),
        true => Slots::apart(shape, engine.io_private_size()),
    };
    let mut slots = slots.map_err(|error| no_slab(job, &error))?;
    if job.load.rw.writes() && caps.flags & IOE_F_FAKE == 0 {
        slots.fill_buffers(|buffer, index| content.lay(buffer, index));
    }
    let crew = if job.depth.offload {
        Some(Box::new(crew::hire(context, &slots, &files.opened, &files.table)?))
    } else if let Err(refusal) = engine.start() {
        slots.free(engine);
        return Err(words::refused(job, &refusal));
    } else {
        None
    };
    for index in 0..files.table.len() {
        let facts = engine.identify(&mut files.table, index);
        if !facts.is_empty() {
            context.outbox.send(&ToControl::Identity { worker: context.planned.id, facts });
        }
    }
    Ok(Built { slots, generator, content, crew, keeper, zoned })
}

fn no_slab(job: &JobSpec, error: &SlabError) -> RunError {
    let told = words::of_engine(job, &error.to_string());
    match error {
        SlabError::Refused(_) => words::io_error(job, None, told),
        SlabError::NoEngineMemory | SlabError::Misaligned { .. } => {
            RunError::engine(&job.name, told)
        }
        SlabError::OnlyEngineMemory | SlabError::NotShared => RunError::usage(&job.name, told),
        SlabError::TooLarge | SlabError::Memory(_) => {
            RunError::usage(&job.name, format!("{}: {error}", place(job)))
        }
    }
}

/// Its part in its flow.
fn flow(context: &Context) -> Option<Flow<'static>> {
    let flow = context.job.pace.flow?;
    Some(Flow::new(context.page, flow.weight, context.partners.clone(), flow.sleep.0))
}

/// Waits for the start; whether there is one.
fn starts(context: &Context) -> bool {
    context.page.state.set(WorkerState::Ready as u64);
    let _alone = context.events.send(CellEvent::Ready(context.planned.id));
    context.gate.wait().is_some_and(|start_ns| {
        let begin_ns = start_ns.saturating_add(context.delay_ns);
        !context.job.target.create_only && delay::wait(begin_ns, &context.signal, &context.clock)
    })
}

/// What a run came to, in words.
fn told(
    context: &Context,
    opened: &Opened,
    outcome: Result<(), Trouble>,
    failures: &Failures,
) -> Result<(), RunError> {
    let (job, names) = (&context.job, &opened.names);
    let signal = context.signal.get();
    let hint = zbd::hint(job, opened, outcome.as_ref().err(), failures);
    let outcome = match outcome {
        // A file that was to be opened in mid-run waited for its peer until the run's end.
        Err(Trouble::File(file))
            if signal >= Signal::STOP && file.errno == Some(libc::ECANCELED) =>
        {
            Ok(())
        }
        other => other.map_err(|it| words::told(job, names, it, signal >= Signal::ABORT)),
    };
    words::with_failures(job, names, outcome, failures).map_err(|mut error| {
        error.message.push_str(&hint);
        error
    })
}

/// Waits for the start, runs, ends.
fn drive(context: &Context, engine: Instance<'_>, prepared: Prepared) -> Ending {
    let clock = context.clock.clone();
    match context.job.report.profile_harness {
        false => drive_by(clock, context, engine, prepared),
        true => drive_by(ProfilingClock::new(clock, context.page), context, engine, prepared),
    }
}

fn drive_by<C: Clock>(
    clock: C,
    context: &Context,
    engine: Instance<'_>,
    prepared: Prepared,
) -> Ending {
    let job = &context.job;
    let Prepared { files, slots, generator, content, crew, keeper, zoned, caps, locked } = prepared;
    let (table, opened) = files.split();
    let rules = fit::pace(context, flow(context));
    if rules.sleeps() {
        thread::sleep_precisely();
    }
    let block_size = opened.block_size;
    let opened = Rc::new(RefCell::new(opened));
    let mut worker = Worker::new(Parts {
        settings: fit::settings(job, &caps, block_size, &engine),
        tolerance: fit::tolerance(job),
        crew,
        doorway: doors::doorway(context, &opened, table.len()),
        zoned,
        pace: Pace::new(rules, slots.depth() - verifying::spare_slots(job)),
        keeper,
        page: context.page,
        signal: &context.signal,
        clock,
        engine,
        slots,
        files: table,
        generator,
        content,
    });
    let outcome = if starts(context) { worker.run() } else { Ok(()) };
    let (lost, failures) = (worker.in_flight(), worker.take_failures());
    let verdict = worker.take_verdict();
    let (mut engine, crew, mut slots, table) = worker.into_parts();
    let Some(opened) = Rc::into_inner(opened) else { unreachable!("the worker gave its doors up") };
    let opened = opened.into_inner();
    drop(locked);
    let names = &opened.names;
    for line in words::dump(job, names, &failures) {
        context.outbox.send(&ToControl::Note(line));
    }
    let mut outcome = told(context, &opened, outcome, &failures);
    if let Some(verdict) = verdict {
        outcome = verdict::conclude(context, names, outcome, verdict);
    }
    if lost > 0 {
        outcome = outcome.map_err(|error| words::with_loss(error, lost));
    }
    match outcome {
        Err(error) if error.kind == ErrorKind::Engine => {
            engine.abandon();
            Ending::left_behind(error)
        }
        outcome => {
            context.page.state.set(WorkerState::Teardown as u64);
            match crew {
                Some(crew) => crew.dismiss(),
                None => slots.free(&mut engine),
            }
            let mut files = Files::join(table, opened);
            let closed = files.close(&mut engine, job);
            engine.cleanup();
            // The end of the process gives all memory back at once, and that of each worker takes
            // as long as to start it.
            if !context.stays {
                slots.dispose();
                files.dispose();
            }
            Ending::in_order(outcome.and(closed))
        }
    }
}
