//! A job as its engine and its loop need it: facts for the instance, what the instance can and
//! cannot do, settings of the loop, limits, the recipe of the load.
//!
//! Called by [`super::worker`] while a worker is set up. Pure but for the seed of a job that wants
//! another sequence each time; opens nothing and calls no engine.

use super::content;
use super::result::RunError;
use super::targets::Files;
use super::verifying;
use super::words::{self, place};
use super::worker::Context;
use crate::catalogue::EngineValue;
use crate::ddir::{Ddir, PerDir};
use crate::io::failures::{Tolerance, Tolerated};
use crate::io::flow::Flow;
use crate::io::pace::{PaceRules, Records};
use crate::io::schedule::{Limit, Spread};
use crate::io::settings::Settings;
use crate::io::slots::SlabShape;
use crate::io::syncs::SyncPlan;
use crate::io::target_depth::TargetRule;
use crate::io::thinktime::ThinkRule;
use crate::job::spec::{
    self as job_spec, BlockShare, Distribution, JobSpec, PaceSpec, RandomGenerator, RateProcess,
    Rw, Sequencer, ThinktimeBlocks,
};
use crate::plugin::handle::{Callback, Instance};
use crate::plugin::lent::JobFacts;
use crate::sys::clock::{mono_ns, wall_ms};
use crate::units::Nanos;
use crate::workload::{mix_seed, FileChoice, Law, Order, Recipe, Region, Repeat, Shape, Zoning};
use iodyno_engine_api::abi::*;

/// Alignment of the buffers where the job names none.
const BUFFER_ALIGN: u32 = 4096;

/// Sets the times of `rate_process=poisson` apart from the other uses of a worker's seed.
const POISSON_STREAM: u64 = 0x7061_6365;

/// Largest alignment that an engine or a job may ask for.
const MEM_ALIGN_MAX: u32 = 1 << 30;

/// Facts for the instance.
pub(super) fn job_facts(context: &Context) -> JobFacts {
    let job = &context.job;
    let kinds = context.engine.option_kinds.iter().copied();
    let values = job.engine.options.iter().map(|value| option_value(job, value));
    JobFacts {
        name: job.name.clone(),
        iodepth: job.depth.iodepth,
        numjobs: job.process.numjobs,
        job_index: context.planned.clone,
        max_bs: max_bs(job),
        align: buffer_align(job),
        direct: job.target.direct,
        op_mask: op_mask(job),
        options: kinds.zip(values).collect(),
    }
}

/// An option's value. In texts of engines without I/O, which run programs, `%r` is the runtime in
/// seconds and `%n` the job's name, as in fio: the engine is told of no runtime.
fn option_value(job: &JobSpec, value: &EngineValue) -> EngineValue {
    match value {
        EngineValue::Text(text) if job.engine.no_io => {
            let seconds = job.time.runtime.map_or(0, |runtime| runtime.0 / Nanos::SECOND.0);
            let text = text.replace("%r", &seconds.to_string());
            EngineValue::Text(text.replace("%n", &job.name))
        }
        other => other.clone(),
    }
}

fn op_mask(job: &JobSpec) -> u32 {
    if job.engine.flags & IOE_F_NOIO != 0 {
        return 0;
    }
    let rw = job.load.rw;
    let mut mask = 0;
    let load = &job.load;
    let ranges = load.sync_file_range.is_some_and(|range| range.every > 0);
    let fsyncs = load.fsync > 0 || load.end_fsync || job.target.fsync_on_close;
    for (used, op) in [
        (rw.reads() || job.reads_back(), IOE_OP_READ),
        (rw.writes(), IOE_OP_WRITE),
        (job.trims() && load.zbd.is_none(), IOE_OP_TRIM),
        (rw.writes() && fsyncs, IOE_OP_FSYNC),
        (rw.writes() && load.fdatasync > 0, IOE_OP_FDATASYNC),
        (rw.writes() && ranges, IOE_OP_SYNC_RANGE),
    ] {
        if used {
            mask |= 1 << op;
        }
    }
    mask
}

/// The largest request of the job: the largest block of the directions that it uses.
pub(super) fn max_bs(job: &JobSpec) -> u64 {
    let rw = job.load.rw;
    let used = |ddir| match ddir {
        // By order, not by direction.
        Ddir::Read | Ddir::Write if job.load.bs_is_seq_rand => true,
        Ddir::Read => rw.reads(),
        Ddir::Write => rw.writes(),
        // The reset of a zone is no request of the engine's.
        Ddir::Trim => rw.trims() && job.load.zbd.is_none(),
        Ddir::Sync => false,
    };
    let sizes = job.load.bs.iter().filter(|(ddir, _)| used(*ddir)).map(|(_, bs)| bs.max.0);
    sizes.max().unwrap_or(0)
}

/// What the instance says of itself, checked; what it cannot do is said before the start.
pub(super) fn check_caps(
    job: &JobSpec,
    mut caps: ioe_caps,
    engine: &Instance<'_>,
) -> Result<ioe_caps, RunError> {
    if let Some(breach) = breach_of_caps(job, &caps) {
        return Err(words::fault(job, Callback::GetCaps, &breach, 0));
    }
    if !engine.has(Callback::GetEvents) {
        // Without getevents nothing can be handed back: it is synchronous, whatever it says.
        caps.flags |= IOE_F_SYNC;
    }
    match limit_of_caps(job, &caps) {
        Some(why) => Err(RunError::usage(&job.name, format!("{}: {why}", place(job)))),
        None => Ok(caps),
    }
}

/// A lie about itself.
fn breach_of_caps(job: &JobSpec, caps: &ioe_caps) -> Option<String> {
    let unknown = caps.flags >> 32 << 32 & !IOE_F_MUST_MEM;
    if unknown != 0 {
        return Some(format!("sets flags that this iodyno does not know: {unknown:#x}"));
    }
    for (flag, name) in [
        (IOE_F_DISKLESS, "IOE_F_DISKLESS"),
        (IOE_F_PER_FILE, "IOE_F_PER_FILE"),
        (IOE_F_NOIO, "IOE_F_NOIO"),
    ] {
        if (caps.flags ^ job.engine.flags) & flag != 0 {
            return Some(format!("changes {name}, by which the targets were judged already"));
        }
    }
    let align = caps.mem_align;
    if align != 0 && (!align.is_power_of_two() || align > MEM_ALIGN_MAX) {
        return Some(format!("sets mem_align to {align}, which is no power of two up to 1 GiB"));
    }
    None
}

/// Something that the job wants and the instance cannot.
fn limit_of_caps(job: &JobSpec, caps: &ioe_caps) -> Option<String> {
    let engine = &job.engine.name;
    let align = job.content.mem_align.0;
    if caps.flags & IOE_F_NOIO != 0 && job.depth.offload {
        return Some(format!("io_submit_mode=offload: engine {engine} does no I/O"));
    }
    if align != 0 && (!align.is_power_of_two() || align > u64::from(MEM_ALIGN_MAX)) {
        return Some(format!("mem_align={align} is no power of two up to 1 GiB"));
    }
    let sync = caps.flags & IOE_F_SYNC != 0;
    if caps.max_depth > 0 && job.depth.iodepth > caps.max_depth && !sync {
        return Some(format!(
            "iodepth={} is more than engine {engine} takes at once: {}",
            job.depth.iodepth, caps.max_depth
        ));
    }
    if caps.max_transfer > 0 && max_bs(job) > caps.max_transfer {
        return Some(format!(
            "blocks of {} bytes are more than engine {engine} moves at once: {}",
            max_bs(job),
            caps.max_transfer
        ));
    }
    let missing = u64::from(op_mask(job)) & !caps.ops;
    if caps.ops != 0 && missing != 0 {
        let names = ["read", "write", "trim", "fsync", "fdatasync", "sync_file_range"];
        let name = names[missing.trailing_zeros() as usize % names.len()];
        return Some(format!("engine {engine} cannot {name}"));
    }
    if caps.flags & IOE_F_UNIDIR != 0 && job.load.rw.is_mixed() {
        return Some(format!(
            "rw={}: engine {engine} reads or writes, never both in one job",
            job.load.rw.name()
        ));
    }
    None
}

/// Alignment that the job asks for: `mem_align`, or a page.
fn buffer_align(job: &JobSpec) -> u32 {
    match job.content.mem_align.0 {
        0 => BUFFER_ALIGN,
        // More is refused before a buffer is made.
        align => u32::try_from(align).unwrap_or(MEM_ALIGN_MAX),
    }
}

/// One request at a time: the worker itself calls an engine that never answers Queued.
fn is_serial(job: &JobSpec, caps: &ioe_caps) -> bool {
    caps.flags & IOE_F_SYNC != 0 && !job.depth.offload
}

/// Shape of the slab.
pub(super) fn slab_shape(job: &JobSpec, caps: &ioe_caps) -> SlabShape {
    SlabShape {
        depth: if is_serial(job, caps) { 1 } else { job.depth.iodepth },
        spare: verifying::spare_slots(job),
        max_bs: max_bs(job),
        align: caps.mem_align.max(buffer_align(job)) as usize,
        engine_memory: caps.flags & IOE_F_MUST_MEM != 0,
        memory: content::memory(&job.content),
        // An engine that moves no data touches no buffer: a thousand idle ones cost nothing.
        populate: caps.flags & IOE_F_FAKE == 0,
    }
}

/// How the loop is to go about it.
pub(super) fn settings(
    job: &JobSpec,
    caps: &ioe_caps,
    block_size: u32,
    engine: &Instance<'_>,
) -> Settings {
    let depth = &job.depth;
    Settings {
        // A crew's member begins at once: there is no batch that could begin together.
        batch_submit: if depth.offload { 1 } else { depth.batch_submit.max(1) },
        complete_min: depth.batch_complete_min,
        complete_max: depth.batch_complete_max.max(1),
        low: depth.low,
        timed: is_timed(job),
        stamps_batches: engine.has(Callback::Commit) && depth.batch_submit > 1 && !depth.offload,
        sync_engine: is_serial(job, caps),
        sets_issue: caps.flags & IOE_F_SETS_ISSUE != 0,
        mixed: is_mixed(job),
        write_after_trim: job.load.rw.is_trimwrite(),
        // What is verified is made by who verifies.
        moves_data: caps.flags & IOE_F_FAKE == 0 && !job.verifies(),
        whole_files: caps.flags & IOE_F_PER_FILE != 0,
        runs: (caps.flags & IOE_F_NOIO != 0).then_some(job.time.loops),
        is_stream: caps.flags & IOE_F_PIPE != 0,
        piece_align: if job.target.direct { u64::from(block_size.max(1)) } else { 1 },
        fsync_every: job.load.fsync,
        end_fsync: job.load.end_fsync,
        // The ledger of a verifying job orders them.
        serialize_overlap: job.verify.serialize_overlap && !job.verifies(),
        syncs: sync_plan(job),
    }
}

/// Syncs beside fsync.
fn sync_plan(job: &JobSpec) -> SyncPlan {
    let range = job.load.sync_file_range;
    let flags = range.map_or(0, |range| {
        [
            (range.wait_before, IOE_IO_SYNC_WAIT_BEFORE),
            (range.write, IOE_IO_SYNC_WRITE),
            (range.wait_after, IOE_IO_SYNC_WAIT_AFTER),
        ]
        .into_iter()
        .filter(|(asked, _)| *asked)
        .fold(0, |all, (_, flag)| all | flag)
    });
    SyncPlan {
        fdatasync_every: job.load.fdatasync,
        range_every: range.map_or(0, |range| range.every),
        range_flags: flags,
        barrier_every: job.load.write_barrier,
        on_close: job.target.fsync_on_close,
    }
}

/// What failures do.
pub(super) fn tolerance(job: &JobSpec) -> Tolerance {
    let errors = &job.errors;
    Tolerance {
        reads: Tolerated {
            goes_on: errors.continue_on_error.read,
            ignored: errors.ignore_error.read.clone(),
        },
        writes: Tolerated {
            goes_on: errors.continue_on_error.write,
            ignored: errors.ignore_error.write.clone(),
        },
        dump: errors.error_dump,
        fill_device: job.load.fill_device,
    }
}

/// Whether directions may change places: a mix that is all of one kind is none.
fn is_mixed(job: &JobSpec) -> bool {
    job.load.rw.is_mixed() && (1..100).contains(&job.load.rwmixread)
}

/// Whether anything is to be known of latencies.
fn is_timed(job: &JobSpec) -> bool {
    let judged = job.pace.latency_target.is_some()
        || job.pace.max_latency.iter().any(|(_, limit)| limit.is_some());
    let records = records(job);
    let limited = limits(job).iter().any(|(_, limit)| limit.is_some());
    judged || records.slat || records.clat || records.lat || (records.response && limited)
}

/// Which latencies are recorded.
fn records(job: &JobSpec) -> Records {
    let report = &job.report;
    let wanted = |disabled: bool| !disabled && !report.gtod_reduce;
    Records {
        slat: wanted(report.disable_slat),
        clat: wanted(report.disable_clat),
        lat: wanted(report.disable_lat),
        response: !report.gtod_reduce,
    }
}

/// How fast, and what is asked of latencies.
pub(super) fn pace<'a>(context: &Context, flow: Option<Flow<'a>>) -> PaceRules<'a> {
    let job = &context.job;
    let pace = &job.pace;
    PaceRules {
        limits: limits(job),
        spread: match pace.rate_process {
            RateProcess::Linear => Spread::Linear,
            RateProcess::Poisson => Spread::Poisson(mix_seed(seed(context), POISSON_STREAM)),
        },
        think: think(pace),
        flow,
        target: pace.latency_target.map(|rule| TargetRule {
            target_ns: rule.target.0,
            window_ns: rule.window.0,
            percentile: rule.percentile,
            run: rule.run,
        }),
        max_latency_ns: pace.max_latency.map(|limit| limit.map(|limit| limit.0)),
        records: records(job),
    }
}

/// Pauses. Without a number of requests, a job pauses after each of them, or, where it is told a
/// time of I/O, by that alone.
fn think(pace: &PaceSpec) -> Option<ThinkRule> {
    let by_default = u64::from(pace.thinktime_iotime.0 == 0);
    (pace.thinktime.0 > 0).then(|| ThinkRule {
        pause_ns: pace.thinktime.0,
        spin_ns: pace.thinktime_spin.0,
        blocks: match pace.thinktime_blocks {
            0 => by_default,
            blocks => u64::from(blocks),
        },
        by_issue: pace.thinktime_blocks_type == ThinktimeBlocks::Issue,
        iotime_ns: pace.thinktime_iotime.0,
    })
}

/// Limits of the rates, of the directions that the job issues: others would be owed for ever.
fn limits(job: &JobSpec) -> PerDir<Option<Limit>> {
    let limit = |ddir: Ddir| {
        let bytes = job.pace.rate[ddir].map(|rate| Limit::Bytes(rate.0));
        let limit = bytes.or(job.pace.rate_iops[ddir].map(Limit::Ios));
        limit.filter(|_| is_issued(job, ddir))
    };
    PerDir { read: limit(Ddir::Read), write: limit(Ddir::Write), trim: limit(Ddir::Trim) }
}

fn is_issued(job: &JobSpec, ddir: Ddir) -> bool {
    let (rw, rwmixread) = (job.load.rw, job.load.rwmixread);
    match ddir {
        Ddir::Read => rw.reads() && (!rw.is_mixed() || rwmixread > 0),
        Ddir::Write => rw.writes() && (!rw.is_mixed() || rwmixread < 100),
        Ddir::Trim => rw.trims(),
        Ddir::Sync => false,
    }
}

/// What the generator is made from.
pub(super) fn recipe(context: &Context, files: &Files) -> Recipe {
    let job = &context.job;
    let recipe = recipe_by_bytes(context, files);
    match job.engine.flags & (IOE_F_PER_FILE | IOE_F_NOIO) {
        0 => recipe,
        _ => recipe_by_files(recipe, job),
    }
}

/// The same where requests are whole files: one "byte" is one file, and each has one of them.
fn recipe_by_files(recipe: Recipe, job: &JobSpec) -> Recipe {
    let ddir = if job.load.rw.reads() { Ddir::Read } else { Ddir::Write };
    let Shape { files, files_every, openfiles, .. } = recipe.shape;
    Recipe {
        order: match recipe.order {
            Order::Mixed { .. } => Order::Mixed { random: false },
            Order::Single { ddir, .. } => Order::Single { ddir, random: false },
            Order::TrimWrite { .. } => Order::Single { ddir, random: false },
        },
        bs: PerDir { read: (1, 1), write: (1, 1), trim: (1, 1) },
        amount: recipe.files.len() as u64,
        files: recipe.files.iter().map(|_| Region { offset: 0, len: 1 }).collect(),
        shape: Shape { files, files_every, openfiles, ..Shape::default() },
        ..recipe
    }
}

fn recipe_by_bytes(context: &Context, files: &Files) -> Recipe {
    let job = &context.job;
    let load = &job.load;
    let single = |ddir| Order::Single { ddir, random: load.rw.is_random() };
    Recipe {
        order: match load.rw {
            Rw::Read | Rw::RandRead => single(Ddir::Read),
            Rw::Write | Rw::RandWrite => single(Ddir::Write),
            Rw::Trim | Rw::RandTrim => single(Ddir::Trim),
            Rw::Rw | Rw::RandRw => Order::Mixed { random: load.rw.is_random() },
            Rw::TrimWrite | Rw::RandTrimWrite => Order::TrimWrite { random: load.rw.is_random() },
        },
        bs: load.bs.map(|bs| (bs.min.0, bs.max.0)),
        files: files.regions.clone(),
        amount: files.amount,
        rwmixread: load.rwmixread,
        // lfsr is asked for where each block is to come once in spite of norandommap.
        random_map: !load.norandommap || load.random_generator == RandomGenerator::Lfsr,
        seed: seed(context),
        max_ios: load.number_ios,
        repeat: match (job.time.time_based, job.time.loops) {
            (true, _) => Repeat::Endless,
            (false, loops) => Repeat::Loops(loops),
        },
        min_align: 0,
        shape: shape(job),
    }
}

fn shape(job: &JobSpec) -> Shape {
    let load = &job.load;
    let split = |shares: &Vec<BlockShare>| -> Vec<(u64, u8)> {
        shares.iter().map(|share| (share.bs.0, share.percent)).collect()
    };
    Shape {
        seq_add: load.seq_add,
        seq_nr: load.seq_nr,
        identical: load.rw_sequencer == Sequencer::Identical,
        percentage_random: load.percentage_random,
        bssplit: load.bssplit.clone().map(|shares| split(&shares)),
        unaligned: load.bs_unaligned,
        seq_rand: load.bs_is_seq_rand,
        blockalign: load.blockalign.map(|align| align.map(|align| align.0)),
        laws: load.random_distribution.clone().map(|distribution| law(&distribution)),
        strided: load.strided.map(|strided| Zoning {
            size: strided.size.0,
            range: strided.range.0,
            skip: strided.skip.0,
        }),
        files: match load.file_service {
            job_spec::FileChoice::RoundRobin => FileChoice::RoundRobin,
            job_spec::FileChoice::Random => FileChoice::Random,
            job_spec::FileChoice::Sequential => FileChoice::Sequential,
            job_spec::FileChoice::Zipf(theta) => FileChoice::Zipf(theta),
            job_spec::FileChoice::Pareto(h) => FileChoice::Pareto(h),
            job_spec::FileChoice::Gauss(deviation) => FileChoice::Gauss(deviation),
        },
        files_every: load.file_service_every,
        openfiles: job.target.openfiles,
    }
}

fn law(distribution: &Distribution) -> Law {
    match *distribution {
        Distribution::Random => Law::Uniform,
        Distribution::Zipf { theta, center } => Law::Zipf { theta, center },
        Distribution::Pareto { h, center } => Law::Pareto { h, center },
        Distribution::Normal { deviation, center } => {
            Law::Normal { deviation, center: center.unwrap_or(0.5) }
        }
        Distribution::Zoned(ref zones) => Law::Zoned(zones.clone()),
        Distribution::ZonedAbs(ref zones) => {
            Law::ZonedAbs(zones.iter().map(|&(access, size)| (access, size.0)).collect())
        }
    }
}

/// The same in each run with `randrepeat`, and another one for each worker.
pub(super) fn seed(context: &Context) -> u64 {
    let load = &context.job.load;
    // Mixed, not joined by xor: of two quick runs, time and thread id differ by as little.
    let base = if load.randrepeat { load.randseed } else { mix_seed(wall_ms(), mono_ns()) };
    mix_seed(mix_seed(base, u64::from(context.planned.job)), u64::from(context.planned.clone))
}
