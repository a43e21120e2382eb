//! What holds a job back, and what is asked of latencies: the loop with a toy engine.
//!
//! Its requests take time on a virtual clock, and it stalls when it is told to.

use super::super::failures::Tolerance;
use super::super::flow::{Flow, Partner};
use super::super::pace::{Pace, PaceRules, Records};
use super::super::schedule::{Limit, Spread};
use super::super::settings::Settings;
use super::super::signal::Signal;
use super::super::slots::{SlabShape, Slots};
use super::super::target_depth::TargetRule;
use super::super::tests::{fresh_page, StillClock, Table, OPS};
use super::super::thinktime::ThinkRule;
use super::super::trouble::{TooSlow, Trouble};
use super::super::worker::{Parts, Worker};
use crate::ddir::{Ddir, PerDir};
use crate::plugin::handle::Instance;
use crate::plugin::host_table;
use crate::plugin::lent::{FileFacts, FileTable, JobFacts, JobTable};
use crate::stats::live::{Histogram, WorkerPage, WorkerState};
use crate::stats::snapshot::HistogramSnapshot;
use crate::sys::clock::{Clock, Ticks};
use crate::sys::memory::MemoryWish;
use crate::workload::{Content, Generator, Order, Recipe, Region, Repeat, Shape};
use iodyno_engine_api::abi::*;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// A machine wakes a sleeper late.
const OVERSLEEP_NS: u64 = 7_000;

/// The engine: each request takes as long as the device says, on the virtual clock.
#[derive(Default)]
struct Device {
    clock: StillClock,
    sync: bool,
    /// A request takes so long by itself.
    service_ns: u64,
    /// And so much more for each other one in flight.
    crowding_ns: u64,
    /// From, to: nothing ends in between.
    stalls: Vec<(u64, u64)>,
    held: VecDeque<(u64, usize)>,
    /// (op, time) of each request.
    issued: Vec<(u32, u64)>,
    most_held: usize,
    /// Raised to STOP at this time.
    stop: Option<(u64, Arc<Signal>)>,
    /// Raised to MEASURE at this time.
    measure: Option<(u64, Arc<Signal>)>,
}

impl Device {
    fn done_at(&self, now_ns: u64) -> u64 {
        let done_ns = now_ns + self.service_ns + self.crowding_ns * self.held.len() as u64;
        let stall = self.stalls.iter().find(|stall| (stall.0..stall.1).contains(&done_ns));
        stall.map_or(done_ns, |stall| stall.1 + (done_ns - stall.0).min(self.service_ns))
    }

    /// The supervisor: looks whenever the engine is called.
    fn supervise(&self) {
        let now_ns = self.clock.mono_ns();
        for (alarm, to) in [(&self.measure, Signal::MEASURE), (&self.stop, Signal::STOP)] {
            if let Some((at_ns, signal)) = alarm {
                if now_ns >= *at_ns {
                    signal.raise(to);
                }
            }
        }
    }
}

thread_local! {
    static DEVICE: RefCell<Device> = RefCell::default();
}

unsafe extern "C" fn queue(_: *mut c_void, unit: *mut ioe_io) -> i32 {
    DEVICE.with_borrow_mut(|device| {
        let now_ns = device.clock.mono_ns();
        // SAFETY: the loop offers live units only.
        device.issued.push((unsafe { (*unit).op }, now_ns));
        let done_ns = device.done_at(now_ns);
        if device.sync {
            device.clock.sleep_until(done_ns);
            device.supervise();
            return IOE_Q_COMPLETED;
        }
        device.held.push_back((done_ns, unit as usize));
        device.most_held = device.most_held.max(device.held.len());
        device.supervise();
        IOE_Q_QUEUED
    })
}

/// Waits as it is told to, and hands back what is done by then.
unsafe extern "C" fn getevents(
    _: *mut c_void,
    min: u32,
    max: u32,
    timeout_ns: i64,
    out: *mut *mut ioe_io,
) -> i32 {
    DEVICE.with_borrow_mut(|device| {
        device.held.make_contiguous().sort_unstable();
        let limit_ns = match timeout_ns {
            ..0 => u64::MAX,
            _ => device.clock.mono_ns() + timeout_ns as u64,
        };
        if min > 0 {
            let needed_ns = device.held[min as usize - 1].0;
            device.clock.sleep_until(needed_ns.min(limit_ns));
        }
        let now_ns = device.clock.mono_ns();
        let mut n = 0;
        while n < max && device.held.front().is_some_and(|held| held.0 <= now_ns) {
            let unit = device.held.pop_front().unwrap().1 as *mut ioe_io;
            // SAFETY: the loop gives room for `max`, and n is below that.
            unsafe { out.add(n as usize).write(unit) }
            n += 1;
        }
        device.supervise();
        n as i32
    })
}

static DEVICE_OPS: Table =
    Table(ioe_ops { queue: Some(queue), getevents: Some(getevents), commit: None, ..OPS.0 });

/// A job for it.
struct Job {
    depth: u32,
    sync: bool,
    rwmixread: u8,
    order: Order,
    bs: PerDir<(u64, u64)>,
    rules: PaceRules<'static>,
    timed: bool,
    stop_ns: u64,
    ramp_ns: u64,
    ios: Option<u64>,
    device: Device,
    page: &'static WorkerPage,
}

struct Outcome {
    page: &'static WorkerPage,
    device: Device,
    result: Result<(), Trouble>,
    elapsed_ns: u64,
}

const READS: Order = Order::Single { ddir: Ddir::Read, random: false };
const MIX: Order = Order::Mixed { random: true };

fn job(depth: u32) -> Job {
    Job {
        depth,
        sync: false,
        rwmixread: 50,
        order: READS,
        bs: PerDir::all((4096, 4096)),
        rules: PaceRules::none(),
        timed: true,
        stop_ns: 10 * S,
        ramp_ns: 0,
        ios: None,
        device: Device { service_ns: 20_000, ..Device::default() },
        page: fresh_page(),
    }
}

fn iops(read: Option<u64>, write: Option<u64>) -> PerDir<Option<Limit>> {
    PerDir { read: read.map(Limit::Ios), write: write.map(Limit::Ios), trim: None }
}

impl Job {
    fn settings(&self) -> Settings {
        Settings {
            batch_submit: 1,
            complete_min: 1,
            complete_max: self.depth,
            low: self.depth,
            timed: self.timed,
            sync_engine: self.sync,
            mixed: self.order == MIX,
            ..super::super::tests::settings(self.depth)
        }
    }

    fn recipe(&self) -> Recipe {
        Recipe {
            order: self.order,
            bs: self.bs,
            files: vec![Region { offset: 0, len: 4096 * 4096 }],
            amount: 4096 * 4096,
            rwmixread: self.rwmixread,
            random_map: false,
            seed: 1,
            max_ios: self.ios,
            repeat: if self.ios.is_some() { Repeat::Loops(1) } else { Repeat::Endless },
            min_align: 0,
            shape: Shape::default(),
        }
    }

    fn run(mut self) -> Outcome {
        let signal = Arc::new(Signal::default());
        if self.ramp_ns == 0 {
            signal.raise(Signal::MEASURE);
        } else {
            self.device.measure = Some((self.ramp_ns, Arc::clone(&signal)));
        }
        self.device.stop = Some((self.stop_ns, Arc::clone(&signal)));
        self.device.sync = self.sync;
        let clock = self.device.clock.clone();
        let (settings, recipe) = (self.settings(), self.recipe());
        DEVICE.set(std::mem::take(&mut self.device));
        let facts = JobFacts {
            name: "device".to_owned(),
            iodepth: self.depth,
            numjobs: 1,
            job_index: 0,
            max_bs: 65536,
            align: 4096,
            direct: false,
            op_mask: 3,
            options: Vec::new(),
        };
        let file = FileFacts {
            name: "device".to_owned(),
            size: 4096 * 4096,
            kind: IOE_KIND_NONE,
            open_flags: 0,
            block_size: 512,
        };
        let table = JobTable::new(&facts).unwrap();
        let crumb: &'static AtomicU64 = Box::leak(Box::default());
        let mut engine = Instance::init(&DEVICE_OPS.0, host_table::table(), table, crumb).unwrap();
        let shape = SlabShape {
            depth: self.depth,
            spare: 0,
            max_bs: 65536,
            align: 4096,
            engine_memory: false,
            memory: MemoryWish::default(),
            populate: false,
        };
        let slots = Slots::new(shape, &mut engine).unwrap();
        let mut worker = Worker::new(Parts {
            keeper: None,
            settings,
            engine,
            slots,
            files: FileTable::new(&[file]).unwrap(),
            generator: Generator::new(&recipe).unwrap(),
            content: Content::scrambled(1),
            pace: Pace::new(self.rules, self.depth),
            tolerance: Tolerance::default(),
            crew: None,
            doorway: None,
            zoned: None,
            page: self.page,
            signal: &signal,
            clock: Supervised(clock.clone()),
        });
        let result = worker.run();
        let (engine, _, slots, files) = worker.into_parts();
        engine.cleanup();
        slots.dispose();
        files.dispose();
        Outcome { page: self.page, device: DEVICE.take(), result, elapsed_ns: clock.mono_ns() }
    }
}

/// The virtual clock, with the supervisor looking whenever somebody sleeps.
struct Supervised(StillClock);

impl Clock for Supervised {
    fn ticks(&self) -> Ticks {
        self.0.ticks()
    }
    fn ns_between(&self, start: Ticks, end: Ticks) -> u64 {
        self.0.ns_between(start, end)
    }
    fn mono_ns(&self) -> u64 {
        self.0.mono_ns()
    }
    fn sleep_until(&self, mono_ns: u64) {
        self.0.sleep_until(mono_ns + OVERSLEEP_NS);
        DEVICE.with_borrow(Device::supervise);
    }
}

impl Outcome {
    fn ios(&self, ddir: Ddir) -> u64 {
        self.page.measure.dirs[ddir as usize].ios.get()
    }

    /// Of reads.
    fn percentile_ms(&self, rows: &[Histogram; 4], percent: f64) -> u64 {
        snapshot(&rows[0]).percentile(percent).unwrap() / MS
    }

    /// Times at which requests of one kind were issued.
    fn times(&self, op: u32) -> Vec<u64> {
        let of_op = self.device.issued.iter().filter(|issued| issued.0 == op);
        of_op.map(|issued| issued.1).collect()
    }
}

fn snapshot(from: &Histogram) -> HistogramSnapshot {
    let filled = from.buckets.iter().enumerate().filter(|(_, n)| n.get() > 0);
    HistogramSnapshot {
        count: from.count.get(),
        sum: u128::from(from.sum.get()),
        min: u64::MAX - from.min_inverted.get(),
        max: from.max.get(),
        buckets: filled.map(|(index, n)| (index as u32, n.get())).collect(),
    }
}

#[track_caller]
fn assert_near(value: u64, expected: u64, percent: f64) {
    let off = (value as f64 / expected as f64 - 1.0).abs() * 100.0;
    assert!(off <= percent, "{value}, not {expected}");
}

/// No request before its time: the n-th is not issued before n / rate.
#[track_caller]
fn assert_never_early(times: &[u64], begin_ns: u64, per_s: u64) {
    for (n, &at_ns) in times.iter().enumerate() {
        let due_ns = begin_ns + (n as u64 * S).div_ceil(per_s);
        assert!(at_ns >= due_ns, "request {n} at {at_ns}, due at {due_ns}");
    }
}

#[test]
fn rates_are_kept_in_every_mode() {
    for (depth, sync) in [(1, true), (1, false), (32, false)] {
        let mut sequential = job(depth);
        (sequential.sync, sequential.rules.limits) = (sync, iops(Some(1000), Some(77)));
        let outcome = sequential.run();
        assert_near(outcome.ios(Ddir::Read), 10_000, 0.05);
        assert_never_early(&outcome.times(IOE_OP_READ), 0, 1000);

        // By bytes, with sizes that vary.
        let mut bytes = job(depth);
        bytes.bs = PerDir::all((4096, 65536));
        bytes.rules.limits.read = Some(Limit::Bytes(10_000_000));
        let outcome = bytes.run();
        assert_near(outcome.page.measure.dirs[0].bytes.get(), 100_000_000, 0.5);

        for (read, write) in [(Some(3000), Some(1000)), (Some(500), Some(4000))] {
            let mut mix = job(depth);
            (mix.sync, mix.order, mix.rules.limits) = (sync, MIX, iops(read, write));
            let outcome = mix.run();
            assert_near(outcome.ios(Ddir::Read), read.unwrap() * 10, 0.05);
            assert_near(outcome.ios(Ddir::Write), write.unwrap() * 10, 0.05);
            assert_never_early(&outcome.times(IOE_OP_READ), 0, read.unwrap());
            assert_never_early(&outcome.times(IOE_OP_WRITE), 0, write.unwrap());
        }

        // One direction is limited, the other one goes as fast as it can.
        let mut mix = job(depth);
        (mix.sync, mix.order, mix.rules.limits) = (sync, MIX, iops(None, Some(1000)));
        mix.stop_ns = 2 * S;
        let outcome = mix.run();
        assert_near(outcome.ios(Ddir::Write), 2_000, 0.5);
        assert!(outcome.ios(Ddir::Read) > 50_000, "{} reads", outcome.ios(Ddir::Read));
        assert_never_early(&outcome.times(IOE_OP_WRITE), 0, 1000);
    }
}

#[test]
fn poisson_keeps_its_mean_and_repeats_itself() {
    let run = |seed, depth| {
        let mut job = job(depth);
        job.rules.limits = iops(Some(20_000), None);
        job.rules.spread = Spread::Poisson(seed);
        job.run()
    };
    // 200 000 arrivals: a standard deviation of 0.22 %.
    let outcome = run(1, 32);
    assert_near(outcome.ios(Ddir::Read), 200_000, 0.5);
    assert_eq!(run(1, 32).ios(Ddir::Read), outcome.ios(Ddir::Read));
    assert_ne!(run(2, 32).ios(Ddir::Read), outcome.ios(Ddir::Read));
}

#[test]
fn nothing_saved_up_in_the_ramp_bursts_into_the_measurement() {
    for spread in [Spread::Linear, Spread::Poisson(3)] {
        let mut job = job(32);
        (job.ramp_ns, job.stop_ns) = (S, 2 * S);
        // The last half of the ramp stands still.
        job.device.stalls = vec![(S / 2, S)];
        (job.rules.limits, job.rules.spread) = (iops(Some(1000), None), spread);
        let outcome = job.run();
        let begin_ns = outcome.page.measure.begin_ns.get();
        let times = outcome.times(IOE_OP_READ);
        let first = times.iter().filter(|at_ns| (begin_ns..begin_ns + S / 10).contains(at_ns));
        let most = if spread == Spread::Linear { 101 } else { 150 };
        assert!(first.count() <= most);
        assert!(outcome.page.measure.backlog_max.get() < 5);
    }
}

#[test]
fn a_stall_shows_in_response_times_and_is_made_up_for() {
    for (depth, sync) in [(1, true), (1, false), (32, false)] {
        for spread in [Spread::Linear, Spread::Poisson(11)] {
            let mut job = job(depth);
            job.sync = sync;
            job.device.stalls = vec![(4 * S, 5 * S)];
            (job.rules.limits, job.rules.spread) = (iops(Some(1000), None), spread);
            let outcome = job.run();
            let to = &outcome.page.latencies;
            let p99 = outcome.percentile_ms(&to.rlat_ns, 99.0);
            assert!((850..=950).contains(&p99), "{depth} {spread:?}: {p99}");
            assert!(outcome.percentile_ms(&to.clat_ns, 99.0) < 10);
            assert!(to.qlat_ns[0].max.get() < 1001 * MS);
            let n = outcome.ios(Ddir::Read);
            assert_eq!((to.rlat_ns[0].count.get(), to.qlat_ns[0].count.get()), (n, n));
            let measure = &outcome.page.measure;
            let backlog_max = measure.backlog_max.get();
            assert!((900..=1100).contains(&backlog_max), "{backlog_max}");
            assert!(measure.backlog_looks.get() >= n);
            // A thousand starts, each with what the stall had left behind.
            if spread == Spread::Linear {
                assert_near(n, 10_000, 0.05);
                assert_never_early(&outcome.times(IOE_OP_READ), 0, 1000);
                assert_near(measure.backlog_sum.get(), 1000 * 1000 / 2, 10.0);
                // On time again when the debt is paid.
                let times = outcome.times(IOE_OP_READ);
                let late = times[6000..].iter().zip(6000..);
                let late_ns = late.map(|(at_ns, n): (&u64, u64)| at_ns - n * MS).max();
                assert!(late_ns <= Some(20_000), "{late_ns:?}");
            }
        }
    }
}

#[test]
fn what_is_owed_at_the_end_is_seen() {
    let mut job = job(1);
    job.device.stalls = vec![(S, 20 * S)];
    job.rules.limits = iops(Some(1000), None);
    let outcome = job.run();
    assert_near(outcome.page.measure.backlog_max.get(), 19_000, 0.5);
}

#[test]
fn pauses_come_as_asked_and_are_made_up_for_by_rates() {
    let rule =
        ThinkRule { pause_ns: 10 * MS, spin_ns: 2 * MS, blocks: 5, by_issue: false, iotime_ns: 0 };
    for by_issue in [false, true] {
        let mut job = job(32);
        job.device.service_ns = MS;
        (job.rules.think, job.ios) = (Some(ThinkRule { by_issue, ..rule }), Some(500));
        let outcome = job.run();
        assert_eq!((outcome.result, outcome.device.most_held), (Ok(()), 5));
        // 99 pauses between 100 rounds; the last one has no pause behind it.
        let round_ns = if by_issue { 10 * MS } else { 11 * MS };
        assert_near(outcome.elapsed_ns, 99 * round_ns + MS, 0.5);
    }
    // 10 ms of I/O, 10 ms of rest.
    let mut by_time = job(1);
    let rule = ThinkRule { blocks: 0, iotime_ns: 10 * MS, ..rule };
    (by_time.rules.think, by_time.stop_ns) = (Some(rule), S);
    by_time.device.service_ns = 100_000;
    assert_near(by_time.run().ios(Ddir::Read), 5000, 1.0);
    // With a rate, what was not issued in pauses is owed.
    let mut rated = job(1);
    (rated.rules.think, rated.rules.limits) = (Some(rule), iops(Some(2000), None));
    assert_near(rated.run().ios(Ddir::Read), 20_000, 0.5);
}

#[test]
fn a_pause_ends_with_the_run() {
    let mut job = job(1);
    let pause_ns = 3600 * S;
    job.rules.think =
        Some(ThinkRule { pause_ns, spin_ns: 0, blocks: 1, by_issue: false, iotime_ns: 0 });
    job.stop_ns = S;
    let outcome = job.run();
    assert_eq!(outcome.ios(Ddir::Read), 1);
    assert!(outcome.elapsed_ns < S + 25 * MS, "{}", outcome.elapsed_ns);
}

#[test]
fn who_is_ahead_of_a_partner_waits() {
    let mut job = job(4);
    let partner = fresh_page();
    partner.state.set(WorkerState::Measure as u64);
    partner.flow_issued.set(200);
    let partners = vec![Partner { page: partner, weight: 2 }];
    // Joins at 300, and may have one round of 3 more.
    job.rules.flow = Some(Flow::new(job.page, 3, partners, 5 * MS));
    job.stop_ns = S;
    let outcome = job.run();
    assert_eq!(outcome.page.flow_issued.get(), 303);
    assert_eq!(outcome.ios(Ddir::Read), 3);
}

#[test]
fn the_largest_depth_that_keeps_to_the_latency_is_found() {
    // 100 us, and 10 us more for each other request: 17 at once take 260 us.
    for (depth, sync, found) in [(32, false, 17), (8, false, 8), (1, true, 1)] {
        let mut job = job(depth);
        job.sync = sync;
        (job.device.service_ns, job.device.crowding_ns) = (100_000, 10_000);
        let rule =
            TargetRule { target_ns: 265_000, window_ns: 50 * MS, percentile: 99.0, run: false };
        job.rules.target = Some(rule);
        job.stop_ns = 100 * S;
        let outcome = job.run();
        assert_eq!(outcome.result, Ok(()));
        let measure = &outcome.page.measure;
        assert_eq!((measure.latency_depth.get(), measure.latency_met.get()), (found, 1));
        assert!(outcome.elapsed_ns < S);
        assert!(outcome.device.most_held <= depth as usize);
    }
}

#[test]
fn a_target_that_one_request_misses_ends_the_job() {
    let rule = TargetRule { target_ns: 50_000, window_ns: 10 * MS, percentile: 50.0, run: false };
    let mut job = job(32);
    (job.device.service_ns, job.rules.target) = (100_000, Some(rule));
    let outcome = job.run();
    let Err(Trouble::TooSlow(slow)) = outcome.result else { panic!("{:?}", outcome.result) };
    let TooSlow::Target { target_ns, ios, slow_ios, .. } = *slow else { panic!("{slow:?}") };
    assert_eq!((target_ns, ios), (50_000, slow_ios));
    assert_eq!(outcome.page.measure.latency_met.get(), 0);
    // One that goes on does so.
    let mut job = self::job(32);
    job.device.service_ns = 100_000;
    job.rules.target = Some(TargetRule { run: true, ..rule });
    (job.stop_ns, job.device.most_held) = (S, 0);
    let outcome = job.run();
    assert_eq!((outcome.result, outcome.device.most_held), (Ok(()), 1));
}

#[test]
fn a_request_above_max_latency_ends_the_job() {
    for (depth, sync) in [(1, true), (4, false)] {
        let mut job = job(depth);
        job.sync = sync;
        job.device.stalls = vec![(S, S + 10 * MS)];
        job.rules.max_latency_ns.read = Some(5 * MS);
        let outcome = job.run();
        let Err(Trouble::TooSlow(slow)) = outcome.result else { panic!("{:?}", outcome.result) };
        let TooSlow::Request { ddir, len, lat_ns, limit_ns, .. } = *slow else {
            panic!("{slow:?}")
        };
        assert_eq!((ddir, len, limit_ns), (Ddir::Read, 4096, 5 * MS));
        assert!((10 * MS..11 * MS).contains(&lat_ns), "{lat_ns}");
        assert!(outcome.elapsed_ns < S + 20 * MS);
        assert!(outcome.device.held.is_empty());
    }
}

#[test]
fn what_is_disabled_is_not_recorded() {
    let all = [(true, true, true), (false, true, true), (true, false, true), (true, true, false)];
    for (sync, (slat, clat, lat)) in [true, false].into_iter().flat_map(|s| all.map(|a| (s, a))) {
        let mut job = job(1);
        (job.sync, job.ios) = (sync, Some(100));
        job.rules.records = Records { slat, clat, lat, response: true };
        let to = &job.run().page.latencies;
        let counts = [&to.slat_ns, &to.clat_ns, &to.lat_ns].map(|rows| rows[0].count.get());
        let expected = [slat && !sync, clat, lat && !(sync && clat)];
        assert_eq!(counts, expected.map(|is| if is { 100 } else { 0 }), "{sync} {slat} {clat}");
        assert_eq!(to.rlat_ns[0].count.get(), 0);
    }
    // Nothing is timed: no look at the latency clock, rates and all.
    let mut job = job(1);
    (job.timed, job.rules.limits, job.ios) = (false, iops(Some(1000), None), Some(100));
    job.rules.records = Records { slat: false, clat: false, lat: false, response: false };
    let outcome = job.run();
    assert_eq!(outcome.ios(Ddir::Read), 100);
    assert_eq!(outcome.page.latencies.rlat_ns[0].count.get(), 0);
    assert_eq!(outcome.page.measure.backlog_looks.get(), 100);
}
