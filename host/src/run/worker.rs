//! A worker's life around its loop: make the instance, open the files, build the slab, wait for the
//! common start, run, and end everything in order.
//!
//! Runs on the worker's own thread, from the first callback to the last. What goes wrong becomes a
//! [`RunError`] with words; after a fault of the engine its memory is left where it is.

use super::cell::{CellEvent, Outbox};
use super::gate::Gate;
use super::plan::PlannedWorker;
use super::protocol::ToControl;
use super::result::{EngineFault, ErrorKind, RunError};
use super::targets::{self, Files};
use crate::ddir::{Ddir, PerDir};
use crate::io::pace::{Limit, Pacer};
use crate::io::settings::Settings;
use crate::io::signal::Signal;
use crate::io::slots::{SlabError, SlabShape, Slots};
use crate::io::trouble::{RequestError, Trouble};
use crate::io::worker::{Parts, Worker};
use crate::job::spec::{JobSpec, Rw};
use crate::plugin::handle::{Instance, Refusal};
use crate::plugin::host_table;
use crate::plugin::lent::{JobFacts, JobTable};
use crate::plugin::load::LoadedEngine;
use crate::stats::live::{WorkerPage, WorkerState};
use crate::sys::clock::{mono_ns, wall_ms, SystemClock};
use crate::sys::thread;
use crate::workload::{fill, mix_seed, Generator, Order, Recipe, Repeat};
use crossbeam::channel;
use crossbeam::utils::CachePadded;
use iodyno_engine_api::abi::*;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Alignment of the buffers where neither engine nor target asks for more.
const BUFFER_ALIGN: u32 = 4096;

/// Everything that a worker is given.
pub(super) struct Context {
    /// Which one it is.
    pub planned: PlannedWorker,
    /// Its job.
    pub job: JobSpec,
    /// Its engine.
    pub engine: &'static LoadedEngine,
    /// Its page.
    pub page: &'static WorkerPage,
    /// What the supervisor says.
    pub signal: Arc<CachePadded<Signal>>,
    /// The common start.
    pub gate: Arc<Gate>,
    /// The time.
    pub clock: SystemClock,
    /// One layout at a time, so that files lie one behind the other.
    pub layout: Arc<LayoutDesk>,
    /// To the control process.
    pub outbox: Outbox,
    /// To the cell.
    pub events: channel::Sender<CellEvent>,
}

/// What the workers of a cell share while they lay files out.
#[derive(Debug, Default)]
pub(super) struct LayoutDesk {
    /// Whose turn it is.
    pub turn: Mutex<()>,
    /// The run is to end.
    pub stop: AtomicBool,
}

/// The thread's whole life.
pub(super) fn run(context: Context) {
    let id = context.planned.id;
    let (outbox, events, page) = (context.outbox.clone(), context.events.clone(), context.page);
    outbox.send(&ToControl::Began { worker: id, tid: thread::tid(), start_ms: wall_ms() });
    page.state.set(WorkerState::Setup as u64);
    let job = context.job.name.clone();
    let outcome = catch_unwind(AssertUnwindSafe(move || live(&context))).unwrap_or_else(|_| {
        Err(RunError::engine(&job, "internal error: the worker panicked".to_owned()))
    });
    match outcome {
        Ok(()) => page.state.set(WorkerState::Done as u64),
        Err(error) => {
            page.state.set(WorkerState::Failed as u64);
            outbox.error(id, error);
        }
    }
    outbox.send(&ToControl::Ended { worker: id });
    let _alone = events.send(CellEvent::Ended(id));
}

fn live(context: &Context) -> Result<(), RunError> {
    let job = &context.job;
    if let Some(cpus) = &job.process.cpus_allowed {
        thread::bind_to_cpus(cpus).map_err(|errno| {
            RunError::usage(&job.name, format!("cpus_allowed: bind to CPUs {cpus:?}: {errno}"))
        })?;
    }
    let table = JobTable::new(&job_facts(context)).ok_or_else(|| {
        RunError::usage(&job.name, "a name or option value holds a NUL byte".to_owned())
    })?;
    let crumb = context.page.callback.as_atomic();
    let ops = &context.engine.ops;
    let mut engine = Instance::init(ops, host_table::table(), table, crumb)
        .map_err(|refusal| refused(context, &refusal))?;
    match prepare(context, &mut engine) {
        Ok((files, slots, generator, caps)) => {
            drive(context, engine, files, slots, generator, &caps)
        }
        Err(error) => {
            engine.cleanup();
            Err(error)
        }
    }
}

/// From the fresh instance to the start: files, load, slab.
fn prepare(
    context: &Context,
    engine: &mut Instance<'_>,
) -> Result<(Files, Slots, Generator, ioe_caps), RunError> {
    let job = &context.job;
    let caps = engine.caps().map_err(|refusal| refused(context, &refusal))?;
    check_caps(job, &caps)?;
    let mut files = targets::open(context, engine, &caps)?;
    let built = build(context, engine, &mut files, &caps);
    match built {
        Ok((slots, generator)) => Ok((files, slots, generator, caps)),
        Err(error) => {
            let _worse = files.close(engine, &context.job);
            Err(error)
        }
    }
}

fn build(
    context: &Context,
    engine: &mut Instance<'_>,
    files: &mut Files,
    caps: &ioe_caps,
) -> Result<(Slots, Generator), RunError> {
    let job = &context.job;
    context.page.open_files.set(u64::from(files.table.len()));
    let generator = Generator::new(&recipe(context, files))
        .map_err(|error| RunError::usage(&job.name, format!("{}: {error}", place(job))))?;
    context.page.goal_bytes.set(generator.total_bytes().unwrap_or(0));
    let shape = SlabShape {
        depth: if caps.flags & IOE_F_SYNC != 0 { 1 } else { job.depth.iodepth },
        max_bs: max_bs(job),
        align: caps.mem_align.max(BUFFER_ALIGN).next_power_of_two() as usize,
    };
    let mut slots = Slots::new(shape, engine).map_err(|error| match error {
        SlabError::Refused(words) => io_error(job, None, engine_words(job, &words)),
        error => RunError::usage(&job.name, error.to_string()),
    })?;
    if job.load.rw.writes() && caps.flags & IOE_F_FAKE == 0 {
        slots.fill_buffers(|buffer, index| fill(buffer, mix_seed(seed(context), u64::from(index))));
    }
    if let Err(refusal) = engine.start() {
        slots.free(engine);
        return Err(refused(context, &refusal));
    }
    for index in 0..files.table.len() {
        let facts = engine.identify(&mut files.table, index);
        if !facts.is_empty() {
            context.outbox.send(&ToControl::Identity { worker: context.planned.id, facts });
        }
    }
    Ok((slots, generator))
}

/// Waits for the start, runs, ends.
fn drive(
    context: &Context,
    engine: Instance<'_>,
    files: Files,
    slots: Slots,
    generator: Generator,
    caps: &ioe_caps,
) -> Result<(), RunError> {
    let (table, opened) = files.split();
    let mut worker = Worker::new(Parts {
        settings: settings(&context.job, caps, opened.block_size),
        pacer: Pacer::new(limits(&context.job)),
        page: context.page,
        signal: &context.signal,
        clock: context.clock.clone(),
        engine,
        slots,
        files: table,
        generator,
    });
    context.page.state.set(WorkerState::Ready as u64);
    let terminator = worker.terminator();
    let _alone = context.events.send(CellEvent::Ready(context.planned.id, terminator));
    let outcome = if context.gate.wait() { worker.run() } else { Ok(()) };
    let (mut engine, slots, table) = worker.into_parts();
    let outcome = outcome.map_err(|trouble| told(context, &opened.names, trouble));
    if outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::Engine) {
        slots.abandon();
        table.abandon();
        engine.abandon();
        opened.leave_open();
        return outcome;
    }
    context.page.state.set(WorkerState::Teardown as u64);
    slots.free(&mut engine);
    let files = Files::join(table, opened);
    let closed = files.close(&mut engine, &context.job);
    engine.cleanup();
    outcome.and(closed)
}

fn job_facts(context: &Context) -> JobFacts {
    let job = &context.job;
    let kinds = context.engine.option_kinds.iter().copied();
    JobFacts {
        name: job.name.clone(),
        iodepth: job.depth.iodepth,
        numjobs: job.process.numjobs,
        job_index: context.planned.clone,
        max_bs: max_bs(job),
        align: BUFFER_ALIGN,
        direct: job.target.direct,
        op_mask: op_mask(job),
        options: kinds.zip(job.engine.options.iter().cloned()).collect(),
    }
}

fn op_mask(job: &JobSpec) -> u32 {
    let rw = job.load.rw;
    let mut mask = 0;
    for (used, op) in [
        (rw.reads(), IOE_OP_READ),
        (rw.writes(), IOE_OP_WRITE),
        (rw.trims(), IOE_OP_TRIM),
        (job.load.fsync > 0 || job.load.end_fsync, IOE_OP_FSYNC),
    ] {
        if used {
            mask |= 1 << op;
        }
    }
    mask
}

/// The largest block of the directions that the job uses.
fn max_bs(job: &JobSpec) -> u64 {
    let rw = job.load.rw;
    let used = |ddir| match ddir {
        Ddir::Read => rw.reads(),
        Ddir::Write => rw.writes(),
        Ddir::Trim => rw.trims(),
        Ddir::Sync => false,
    };
    let sizes = job.load.bs.iter().filter(|(ddir, _)| used(*ddir)).map(|(_, bs)| bs.max.0);
    sizes.max().unwrap_or(0)
}

/// What the instance cannot do is said before the start.
fn check_caps(job: &JobSpec, caps: &ioe_caps) -> Result<(), RunError> {
    let engine = &job.engine.name;
    let sync = caps.flags & IOE_F_SYNC != 0;
    let refuse = |why: String| Err(RunError::usage(&job.name, format!("{}: {why}", place(job))));
    if caps.max_depth > 0 && job.depth.iodepth > caps.max_depth && !sync {
        return refuse(format!(
            "iodepth={} is more than engine {engine} takes at once: {}",
            job.depth.iodepth, caps.max_depth
        ));
    }
    if caps.max_transfer > 0 && max_bs(job) > caps.max_transfer {
        return refuse(format!(
            "blocks of {} bytes are more than engine {engine} moves at once: {}",
            max_bs(job),
            caps.max_transfer
        ));
    }
    let missing = u64::from(op_mask(job)) & !caps.ops;
    if caps.ops != 0 && missing != 0 {
        let names = ["read", "write", "trim", "fsync"];
        let name = names[missing.trailing_zeros() as usize % names.len()];
        return refuse(format!("engine {engine} cannot {name}"));
    }
    if caps.flags & IOE_F_UNIDIR != 0 && job.load.rw.is_mixed() {
        return refuse(format!(
            "rw={}: engine {engine} reads or writes, never both in one job",
            job.load.rw.name()
        ));
    }
    Ok(())
}

fn settings(job: &JobSpec, caps: &ioe_caps, block_size: u32) -> Settings {
    let depth = &job.depth;
    Settings {
        batch_submit: depth.batch_submit.max(1),
        complete_min: depth.batch_complete_min,
        complete_max: depth.batch_complete_max.max(1),
        low: depth.low,
        timed: !job.report.gtod_reduce,
        sync_engine: caps.flags & IOE_F_SYNC != 0,
        sets_issue: caps.flags & IOE_F_SETS_ISSUE != 0,
        mixed: job.load.rw.is_mixed(),
        write_after_trim: job.load.rw == Rw::TrimWrite,
        moves_data: caps.flags & IOE_F_FAKE == 0,
        piece_align: if job.target.direct { u64::from(block_size.max(1)) } else { 1 },
        fsync_every: job.load.fsync,
        end_fsync: job.load.end_fsync,
    }
}

fn limits(job: &JobSpec) -> PerDir<Option<Limit>> {
    let limit = |ddir: Ddir| {
        let bytes = job.pace.rate[ddir].map(|rate| Limit::Bytes(rate.0));
        bytes.or(job.pace.rate_iops[ddir].map(Limit::Ios))
    };
    PerDir { read: limit(Ddir::Read), write: limit(Ddir::Write), trim: limit(Ddir::Trim) }
}

fn recipe(context: &Context, files: &Files) -> Recipe {
    let job = &context.job;
    let load = &job.load;
    let single = |ddir| Order::Single { ddir, random: load.rw.is_random() };
    Recipe {
        order: match load.rw {
            Rw::Read | Rw::RandRead => single(Ddir::Read),
            Rw::Write | Rw::RandWrite => single(Ddir::Write),
            Rw::Trim | Rw::RandTrim => single(Ddir::Trim),
            Rw::Rw | Rw::RandRw => Order::Mixed { random: load.rw.is_random() },
            Rw::TrimWrite => Order::TrimWrite,
        },
        bs: load.bs.map(|bs| (bs.min.0, bs.max.0)),
        files: files.regions.clone(),
        amount: files.amount,
        rwmixread: load.rwmixread,
        random_map: !load.norandommap,
        seed: seed(context),
        max_ios: load.number_ios,
        repeat: match (job.time.time_based, job.time.loops) {
            (true, _) => Repeat::Endless,
            (false, loops) => Repeat::Loops(loops),
        },
        min_align: 0,
    }
}

/// The same in each run with `randrepeat`, and another one for each worker.
fn seed(context: &Context) -> u64 {
    let load = &context.job.load;
    // Mixed, not joined by xor: of two quick runs, time and thread id differ by as little.
    let base = if load.randrepeat { load.randseed } else { mix_seed(wall_ms(), mono_ns()) };
    mix_seed(mix_seed(base, u64::from(context.planned.job)), u64::from(context.planned.clone))
}

/// "job.fio:3: job reader", for messages.
pub(super) fn place(job: &JobSpec) -> String {
    match job.origin.line {
        0 => format!("job {}", job.name),
        line => format!("{}:{line}: job {}", job.origin.file, job.name),
    }
}

pub(super) fn engine_words(job: &JobSpec, words: &str) -> String {
    format!("{}: engine {}: {words}", place(job), job.engine.name)
}

pub(super) fn io_error(job: &JobSpec, errno: Option<i32>, message: String) -> RunError {
    RunError { kind: ErrorKind::Io, job: Some(job.name.clone()), errno, message, engine: None }
}

pub(super) fn refused(context: &Context, refusal: &Refusal) -> RunError {
    let job = &context.job;
    io_error(job, Some(refusal.errno), engine_words(job, &refusal.to_string()))
}

/// Words for what ended a worker.
fn told(context: &Context, names: &[String], trouble: Trouble) -> RunError {
    let job = &context.job;
    match trouble {
        Trouble::Request(error) => {
            io_error(job, Some(error.errno), request_words(job, names, &error))
        }
        Trouble::Refused(refusal) => {
            let caused = context.signal.get() >= Signal::ABORT && refusal.errno == libc::EINTR;
            let words = if caused { "interrupted by the end of the run" } else { "refused" };
            let message = engine_words(job, &format!("{words}: {refusal}"));
            io_error(job, Some(refusal.errno), message)
        }
        Trouble::Fault(fault) => {
            let callback = fault.callback.name();
            let mut error = RunError::engine(
                &job.name,
                engine_words(job, &format!("broke its contract: {callback} {}", fault.breach)),
            );
            error.engine = Some(Box::new(EngineFault {
                callback: Some(callback.to_owned()),
                in_flight: u64::from(fault.in_flight),
                ..EngineFault::default()
            }));
            error
        }
    }
}

fn request_words(job: &JobSpec, names: &[String], error: &RequestError) -> String {
    let os = std::io::Error::from_raw_os_error(error.errno);
    let name = names.get(error.file as usize).map_or("?", String::as_str);
    let what = match error.ddir {
        Ddir::Sync => format!("fsync of {name}"),
        ddir => {
            format!("{} of {} bytes at offset {} of {name}", ddir.name(), error.len, error.offset)
        }
    };
    let mut words = format!("{}: {what}: {os}", place(job));
    if let Some(details) = &error.words {
        words.push_str(&format!("; engine {}: {details}", job.engine.name));
    }
    if error.vendor_status != 0 {
        words.push_str(&format!(" (vendor status {:#x})", error.vendor_status));
    }
    if let Some(remedy) = remedy(job, error) {
        words.push_str(&format!(" ({remedy})"));
    }
    words
}

fn remedy(job: &JobSpec, error: &RequestError) -> Option<&'static str> {
    match error.errno {
        libc::ENOSPC => Some("free space there, or lower size"),
        libc::EFBIG => Some("the file may not grow that far: see ulimit -f, or lower size"),
        libc::EINVAL if job.target.direct => {
            Some("direct=1 wants bs and offset in multiples of the device's block size")
        }
        libc::EOPNOTSUPP if error.ddir == Ddir::Trim => Some("the target cannot discard"),
        _ => None,
    }
}
