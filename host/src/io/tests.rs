//! The loop against a toy engine that can be told to behave in every lawful and unlawful way, on a
//! clock that only moves when somebody sleeps.

use super::failures::{Failures, Tolerance};
use super::pace::{Pace, PaceRules};
use super::schedule::Limit;
use super::settings::Settings;
use super::signal::Signal;
use super::slots::{SlabShape, Slots};
use super::syncs::SyncPlan;
use super::trouble::{Breach, Trouble};
use super::worker::{Parts, Worker};
use super::zones::Lent;
use crate::ddir::{Ddir, PerDir};
use crate::plugin::handle::{Callback, Instance};
use crate::plugin::host_table;
use crate::plugin::lent::{FileFacts, FileTable, JobFacts, JobTable};
use crate::stats::live::WorkerPage;
use crate::sys::clock::{Clock, Ticks};
use crate::sys::memory::MemoryWish;
use crate::workload::{Content, Generator, Order, Recipe, Region, Repeat, Shape};
use iodyno_engine_api::abi::*;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

mod accuracy;
mod doors;
mod failures;
mod syncs;

/// How the toy behaves.
#[derive(Clone, Copy, Default)]
struct Manners {
    /// Units that it takes at once; 0 = it is synchronous.
    takes: usize,
    /// Every n-th piece moves only half of what was asked for.
    short_every: u64,
    /// At this request it does something unlawful.
    misdeed_at: Option<u64>,
    misdeed: Option<Misdeed>,
    /// This piece it refuses.
    refuses_at: Option<(u64, i32)>,
    /// At this request it fails with that errno.
    fails_at: Option<(u64, i32)>,
    /// Every n-th piece fails with that errno.
    fails_every: Option<(u64, i32)>,
    /// Its file is a block device.
    of_device: bool,
    /// It takes so long for a request, from `queue` on.
    takes_ns: u64,
    /// `commit` takes so long.
    commits_ns: u64,
    /// With this request the ramp is over.
    measures_after: Option<u64>,
    /// With this request the time is up.
    stops_after: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Misdeed {
    Status(i32),
    Resid,
    Errno,
    BusyForever,
    Twice,
    Invented,
    TooMany,
    TooFew,
    /// From then on `getevents` refuses.
    NothingBack,
    /// A field that each request sets anew.
    Offset,
    /// A field that is set once.
    Cookie,
    /// A byte behind the buffer.
    Beyond,
}

#[derive(Default)]
struct Toy {
    manners: Manners,
    held: Vec<*mut ioe_io>,
    seen: Vec<(u32, u64, u64)>,
    flags: Vec<u64>,
    files: Vec<u32>,
    pieces: u64,
    commits: u64,
    last: Option<*mut ioe_io>,
    /// The worker's clock, and what the supervisor says to it.
    clock: StillClock,
    signal: Option<&'static Signal>,
    /// When those that it holds were queued.
    since_ns: Vec<u64>,
}

/// Whether the toy holds a request to that file.
fn is_held(file: u32) -> bool {
    TOY.with_borrow(|toy| {
        // SAFETY: what the toy holds are units in flight, of files that live as long as the bench.
        toy.held.iter().any(|unit| unsafe { (*(**unit).file).index == file })
    })
}

thread_local! {
    static TOY: RefCell<Toy> = RefCell::default();
}

unsafe extern "C" fn queue(_: *mut c_void, unit: *mut ioe_io) -> i32 {
    TOY.with_borrow_mut(|toy| {
        // SAFETY: the loop offers live units only.
        let io = unsafe { &mut *unit };
        let sync = toy.manners.takes == 0;
        if !sync && toy.held.len() == toy.manners.takes {
            return IOE_Q_BUSY;
        }
        toy.pieces += 1;
        // SAFETY: a file of the table, which the bench disposes of after the loop.
        let file = unsafe { (*io.file).index };
        toy.files.push(file);
        toy.seen.push((io.op, io.offset, io.len));
        toy.flags.push(io.flags);
        if toy.manners.short_every > 0 && toy.pieces % toy.manners.short_every == 0 {
            io.resid = io.len / 2;
        }
        if let Some((at, errno)) = toy.manners.fails_at {
            if at == toy.pieces {
                (io.error, io.resid) = (errno, io.len);
            }
        }
        if let Some((every, errno)) = toy.manners.fails_every {
            if toy.pieces % every == 0 {
                (io.error, io.resid) = (errno, io.len);
            }
        }
        if let Some((at, errno)) = toy.manners.refuses_at {
            if at == toy.pieces {
                return -errno;
            }
        }
        if toy.manners.misdeed_at == Some(toy.pieces) {
            match toy.manners.misdeed {
                Some(Misdeed::Status(status)) => return status,
                Some(Misdeed::Resid) => io.resid = io.len + 1,
                Some(Misdeed::Errno) => io.error = -5,
                Some(Misdeed::BusyForever) => return IOE_Q_BUSY,
                Some(Misdeed::Offset) => io.offset += 512,
                Some(Misdeed::Cookie) => io.host_cookie += 1,
                // SAFETY: the buffers of a slab as small as these stand apart by a page more.
                Some(Misdeed::Beyond) => unsafe {
                    io.buf.cast::<u8>().add(io.len as usize + 2).write(1);
                },
                _ => {}
            }
        }
        for (at, to) in
            [(toy.manners.measures_after, Signal::MEASURE), (toy.manners.stops_after, Signal::STOP)]
        {
            if at == Some(toy.pieces) {
                toy.signal.iter().for_each(|signal| signal.raise(to));
            }
        }
        let now_ns = toy.clock.mono_ns();
        if sync {
            toy.clock.sleep_until(now_ns + toy.manners.takes_ns);
            return IOE_Q_COMPLETED;
        }
        toy.held.push(unit);
        toy.since_ns.push(now_ns);
        IOE_Q_QUEUED
    })
}

unsafe extern "C" fn commit(_: *mut c_void) -> i32 {
    TOY.with_borrow_mut(|toy| {
        toy.commits += 1;
        toy.clock.sleep_until(toy.clock.mono_ns() + toy.manners.commits_ns);
        // Whoever waits for a medium waits from here on.
        let now_ns = toy.clock.mono_ns();
        toy.since_ns.iter_mut().for_each(|since_ns| *since_ns = (*since_ns).max(now_ns));
    });
    0
}

/// Hands back the newest first, and never more than three.
unsafe extern "C" fn getevents(
    _: *mut c_void,
    min: u32,
    max: u32,
    _: i64,
    out: *mut *mut ioe_io,
) -> i32 {
    TOY.with_borrow_mut(|toy| {
        let misdeed = toy.manners.misdeed.filter(|_| Some(toy.pieces) >= toy.manners.misdeed_at);
        let n = (min.max(3.min(max)) as usize).min(toy.held.len());
        for i in 0..n {
            let unit = toy.held.pop().unwrap();
            let since_ns = toy.since_ns.pop().unwrap();
            toy.clock.sleep_until(since_ns + toy.manners.takes_ns);
            let unit = match misdeed {
                Some(Misdeed::Twice) => toy.last.unwrap_or(unit),
                Some(Misdeed::Invented) => unit.wrapping_byte_add(8),
                _ => unit,
            };
            toy.last = Some(unit);
            // SAFETY: the loop gives room for `max`, and n is at most that.
            unsafe { out.add(i).write(unit) }
        }
        match misdeed {
            Some(Misdeed::TooMany) => max as i32 + 1,
            Some(Misdeed::TooFew) => 0,
            Some(Misdeed::NothingBack) => -libc::EIO,
            _ => n as i32,
        }
    })
}

pub(super) static OPS: Table = Table(ioe_ops {
    struct_size: size_of::<ioe_ops>() as u32,
    n_options: 0,
    flags: 0,
    name: c"toy".as_ptr(),
    help: c"for tests".as_ptr(),
    options: std::ptr::null(),
    io_private_size: 0,
    reserved: 0,
    init: None,
    cleanup: None,
    get_caps: None,
    open_file: None,
    close_file: None,
    get_file_size: None,
    io_init: None,
    io_free: None,
    start: None,
    prep: None,
    queue: Some(queue),
    commit: Some(commit),
    getevents: Some(getevents),
    cancel: None,
    terminate: None,
    errdetails: None,
    get_extension: None,
});

pub(super) struct Table(pub(super) ioe_ops);
// SAFETY: never written; its pointers are static strings, null, or functions.
unsafe impl Sync for Table {}

/// Only moves when somebody sleeps, or by 100 ns a look.
#[derive(Clone, Default)]
pub(super) struct StillClock(pub(super) Rc<Cell<u64>>);

/// The same, of a machine that wakes its sleepers late.
#[derive(Clone, Default)]
struct LateClock(StillClock, u64);

impl Clock for LateClock {
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
        self.0.sleep_until(mono_ns + self.1);
    }
}

impl Clock for StillClock {
    fn ticks(&self) -> Ticks {
        self.0.set(self.0.get() + 100);
        Ticks(self.0.get())
    }
    fn ns_between(&self, start: Ticks, end: Ticks) -> u64 {
        end.0.saturating_sub(start.0)
    }
    fn mono_ns(&self) -> u64 {
        self.0.get()
    }
    fn sleep_until(&self, mono_ns: u64) {
        self.0.set(self.0.get().max(mono_ns));
    }
}

struct Bench {
    manners: Manners,
    depth: u32,
    settings: Settings,
    recipe: Recipe,
    limits: PerDir<Option<Limit>>,
    tolerance: Tolerance,
    /// Files that may be open at once, and whether each loop has new ones.
    doors: Option<(u32, bool)>,
    /// Sleeps end so much too late.
    oversleeps_ns: u64,
}

struct Outcome {
    page: &'static WorkerPage,
    toy: Toy,
    result: Result<(), Trouble>,
    elapsed_ns: u64,
    failures: Failures,
    /// What the doors did.
    doors: Vec<doors::Did>,
}

/// Of an asynchronous engine, one request at a time.
pub(super) fn settings(depth: u32) -> Settings {
    Settings {
        serialize_overlap: false,
        batch_submit: 1,
        complete_min: 1,
        complete_max: 1,
        low: depth,
        timed: true,
        stamps_batches: false,
        sync_engine: false,
        sets_issue: false,
        mixed: false,
        write_after_trim: false,
        moves_data: true,
        whole_files: false,
        runs: None,
        is_stream: false,
        piece_align: 1,
        fsync_every: 0,
        end_fsync: false,
        syncs: SyncPlan::default(),
    }
}

fn bench(takes: usize, depth: u32) -> Bench {
    Bench {
        manners: Manners { takes, ..Manners::default() },
        depth,
        settings: Settings { sync_engine: takes == 0, ..settings(depth) },
        recipe: Recipe {
            order: Order::Single { ddir: Ddir::Read, random: true },
            bs: PerDir::all((4096, 4096)),
            files: vec![Region { offset: 0, len: 4096 * 100 }],
            amount: 4096 * 100,
            rwmixread: 50,
            random_map: true,
            seed: 1,
            max_ios: None,
            repeat: Repeat::Loops(1),
            min_align: 0,
            shape: Shape::default(),
        },
        limits: PerDir::all(None),
        tolerance: Tolerance::default(),
        doors: None,
        oversleeps_ns: 0,
    }
}

impl Bench {
    fn run(self) -> Outcome {
        let clock = StillClock::default();
        let signal: &'static Signal = Box::leak(Box::default());
        let toy = Toy { manners: self.manners, clock: clock.clone(), ..Toy::default() };
        TOY.set(Toy { signal: Some(signal), ..toy });
        let page = fresh_page();
        let crumb: &'static AtomicU64 = Box::leak(Box::default());
        let job = JobFacts {
            name: "toy".to_owned(),
            iodepth: self.depth,
            numjobs: 1,
            job_index: 0,
            max_bs: 4096,
            align: 4096,
            direct: false,
            op_mask: 1,
            options: Vec::new(),
        };
        let file = FileFacts {
            name: "toy".to_owned(),
            size: 4096 * 100,
            kind: if self.manners.of_device { IOE_KIND_BLOCK } else { IOE_KIND_NONE },
            open_flags: 0,
            block_size: 512,
        };
        let job = JobTable::new(&job).unwrap();
        let mut engine = Instance::init(&OPS.0, host_table::table(), job, crumb).unwrap();
        let shape = SlabShape {
            depth: self.depth,
            spare: 0,
            max_bs: 4096,
            align: 4096,
            engine_memory: false,
            memory: MemoryWish::default(),
            populate: false,
        };
        let slots = Slots::new(shape, &mut engine).unwrap();
        if self.manners.measures_after.is_none() {
            signal.raise(Signal::MEASURE);
        }
        let did = Rc::default();
        let count = self.recipe.files.len() as u32;
        let mut worker = Worker::new(Parts {
            keeper: None,
            settings: self.settings,
            engine,
            slots,
            files: FileTable::new(&vec![file; count as usize]).unwrap(),
            generator: Generator::new(&self.recipe).unwrap(),
            content: Content::scrambled(1),
            pace: Pace::new(PaceRules { limits: self.limits, ..PaceRules::none() }, self.depth),
            tolerance: self.tolerance,
            crew: None,
            doorway: self.doors.map(|(limit, renews)| doors::doorway(&did, count, limit, renews)),
            zoned: None,
            page,
            signal,
            clock: LateClock(clock.clone(), self.oversleeps_ns),
        });
        let result = worker.run();
        let failures = worker.take_failures();
        let (engine, _crew, slots, files) = worker.into_parts();
        engine.cleanup();
        slots.dispose();
        files.dispose();
        let elapsed_ns = clock.mono_ns();
        let doors = did.take();
        Outcome { page, toy: TOY.take(), result, elapsed_ns, failures, doors }
    }
}

pub(super) fn fresh_page() -> &'static WorkerPage {
    // SAFETY: all-zero bytes are the valid empty state of a page, which consists of counters alone.
    unsafe {
        let mut page = Box::<WorkerPage>::new_uninit();
        page.as_mut_ptr().write_bytes(0, 1);
        Box::leak(page.assume_init())
    }
}

fn totals(outcome: &Outcome, ddir: Ddir) -> (u64, u64, u64) {
    let dir = &outcome.page.measure.dirs[ddir as usize];
    (dir.ios.get(), dir.bytes.get(), dir.short_ios.get())
}

#[test]
fn a_synchronous_engine_is_counted_exactly() {
    let outcome = bench(0, 1).run();
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(totals(&outcome, Ddir::Read), (100, 409_600, 0));
    let latencies = &outcome.page.latencies;
    assert_eq!(latencies.clat_ns[0].count.get(), 100);
    assert_eq!((latencies.slat_ns[0].count.get(), latencies.lat_ns[0].count.get()), (0, 0));
    assert_eq!(outcome.page.measure.depth_levels[0].get(), 100);
    let mut offsets: Vec<u64> = outcome.toy.seen.iter().map(|seen| seen.1).collect();
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq((0..100).map(|n| n * 4096)));
}

#[test]
fn seven_units_busy_out_of_order_and_short_end_in_exact_counts() {
    for depth in [1, 2, 7, 8, 32] {
        for batch in [1, 4, 32] {
            let mut bench = bench(7, depth);
            bench.settings.batch_submit = batch.min(depth);
            bench.settings.complete_max = batch.min(depth);
            bench.manners.short_every = 5;
            let outcome = bench.run();
            assert_eq!(outcome.result, Ok(()), "depth {depth} batch {batch}");
            let (ios, bytes, short) = totals(&outcome, Ddir::Read);
            assert_eq!((ios, bytes), (100, 409_600), "depth {depth} batch {batch}");
            // 100 requests, a fifth of all pieces short: n pieces, n / 5 continuations.
            assert_eq!(outcome.toy.pieces, 100 + outcome.toy.pieces / 5);
            assert!(short > 10 && short <= outcome.toy.pieces / 5);
            assert_eq!(outcome.page.latencies.lat_ns[0].count.get(), 100);
            assert_eq!(outcome.page.in_flight.get(), 0);
        }
    }
}

#[test]
fn continuations_begin_where_the_piece_before_ended() {
    let mut bench = bench(0, 1);
    bench.manners.short_every = 2;
    bench.recipe.amount = 4096;
    let outcome = bench.run();
    assert_eq!(outcome.toy.seen.len(), 1);
    let mut bench = self::bench(0, 1);
    bench.manners.short_every = 1;
    bench.recipe.amount = 4096;
    bench.settings.piece_align = 512;
    let outcome = bench.run();
    let (op, begin) = (IOE_OP_READ, outcome.toy.seen[0].1);
    let expected = [(0, 4096), (2048, 2048), (3072, 1024), (3584, 512)];
    let expected = expected.map(|(at, len)| (op, begin + at, len));
    // 512 cannot be halved at multiples of 512: no progress, which a read ends with.
    assert_eq!(outcome.toy.seen, expected);
    assert_eq!(totals(&outcome, Ddir::Read), (1, 3840, 1));
    assert_eq!(outcome.page.measure.dirs[0].cut_ios.get(), 1);
}

#[test]
fn a_stream_that_has_ended_ends_the_load() {
    for (is_stream, short_every, fails_at, ios, bytes, pieces) in [
        (false, 0, 50, 100, 99 * 4096, 100),
        (true, 0, 50, 49, 49 * 4096, 50),
        // The end in the middle of a request, which is counted with what came.
        (true, 50, 51, 50, 49 * 4096 + 2048, 51),
    ] {
        let mut bench = bench(0, 1);
        bench.settings.is_stream = is_stream;
        bench.manners.short_every = short_every;
        bench.manners.fails_at = Some((fails_at, 0));
        let outcome = bench.run();
        assert_eq!(outcome.result, Ok(()));
        let (found_ios, found_bytes, _) = totals(&outcome, Ddir::Read);
        assert_eq!((found_ios, found_bytes, outcome.toy.pieces), (ios, bytes, pieces));
    }
}

#[test]
fn a_write_without_progress_is_an_error() {
    let mut bench = bench(0, 1);
    bench.recipe.order = Order::Single { ddir: Ddir::Write, random: false };
    bench.manners.short_every = 1;
    bench.settings.piece_align = 4096;
    let outcome = bench.run();
    let Err(Trouble::Request(error)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!((error.errno, error.offset, error.len), (libc::EIO, 0, 4096));
    assert_eq!(outcome.page.measure.dirs[1].failed_ios.get(), 1);
    assert_eq!(outcome.page.first_error.get(), libc::EIO as u64);
}

#[test]
fn a_device_without_the_blocks_that_it_had_is_gone() {
    for takes in [0, 7] {
        let mut bench = bench(takes, takes.max(1) as u32);
        bench.manners.of_device = true;
        bench.manners.fails_at = Some((50, 0));
        let outcome = bench.run();
        let Err(Trouble::Request(error)) = &outcome.result else { panic!("{:?}", outcome.result) };
        assert_eq!((error.errno, error.len, &error.words), (libc::ENODEV, 4096, &None));
        let (ios, bytes, _) = totals(&outcome, Ddir::Read);
        assert_eq!(bytes, (ios - 1) * 4096, "the others are counted");
        assert_eq!(outcome.page.measure.dirs[0].failed_ios.get(), 1);
    }
}

#[test]
fn a_failed_request_ends_the_job_and_everything_comes_back() {
    let mut bench = bench(7, 7);
    bench.manners.fails_at = Some((50, libc::ENOSPC));
    let outcome = bench.run();
    let Err(Trouble::Request(error)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!(error.errno, libc::ENOSPC);
    assert!(outcome.toy.held.is_empty());
    assert_eq!(totals(&outcome, Ddir::Read).0, outcome.toy.pieces);
    assert_eq!(outcome.toy.pieces, 50, "the newest comes back first, and nothing begins after it");
}

#[test]
fn every_breach_is_named_and_ends_the_job() {
    use Callback::{GetEvents, Queue};
    let cases = [
        (0, Misdeed::Status(3), Queue, Breach::Status(3)),
        (7, Misdeed::Status(-5000), Queue, Breach::Status(-5000)),
        (0, Misdeed::Status(1), Queue, Breach::QueuedBySync),
        (0, Misdeed::Resid, Queue, Breach::Resid { resid: 4097, len: 4096 }),
        (0, Misdeed::Errno, Queue, Breach::Errno(-5)),
        (0, Misdeed::BusyForever, Queue, Breach::BusyForever),
        (7, Misdeed::TooMany, GetEvents, Breach::Count { got: 2, min: 1, max: 1 }),
        (7, Misdeed::TooFew, GetEvents, Breach::Count { got: 0, min: 1, max: 1 }),
    ];
    for (takes, misdeed, callback, breach) in cases {
        let mut bench = bench(takes, takes.max(1) as u32);
        (bench.manners.misdeed, bench.manners.misdeed_at) = (Some(misdeed), Some(20));
        let outcome = bench.run();
        let Err(Trouble::Fault(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
        assert_eq!((fault.callback, &fault.breach), (callback, &breach));
        assert!(outcome.toy.pieces <= 27, "the engine was called on");
    }
}

#[test]
fn units_that_are_not_in_flight_are_not_believed() {
    for (misdeed, twice) in [(Misdeed::Twice, true), (Misdeed::Invented, false)] {
        let mut bench = bench(7, 7);
        bench.settings.complete_max = 7;
        (bench.manners.misdeed, bench.manners.misdeed_at) = (Some(misdeed), Some(20));
        let outcome = bench.run();
        let Err(Trouble::Fault(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
        assert_eq!(fault.callback, Callback::GetEvents);
        assert_eq!(matches!(fault.breach, Breach::NotInFlight(_)), twice);
        assert_eq!(matches!(fault.breach, Breach::Invented(_)), !twice);
        assert!(fault.in_flight > 0);
    }
}

#[test]
fn what_an_engine_does_to_what_it_was_lent_is_a_breach() {
    for takes in [0, 7] {
        for misdeed in [Misdeed::Offset, Misdeed::Cookie, Misdeed::Beyond] {
            let mut bench = bench(takes, takes.max(1) as u32);
            (bench.manners.misdeed, bench.manners.misdeed_at) = (Some(misdeed), Some(20));
            let outcome = bench.run();
            let Err(Trouble::Fault(fault)) = outcome.result.clone() else {
                panic!("{:?}", outcome.result)
            };
            let at_once = if takes == 0 { Callback::Queue } else { Callback::GetEvents };
            let (callback, all) = match (misdeed, fault.breach) {
                (Misdeed::Offset, Breach::Altered { field: "offset", wanted, found, .. }) => {
                    assert_eq!(found, wanted + 512);
                    (at_once, false)
                }
                (
                    Misdeed::Cookie,
                    Breach::Altered { field: "host_cookie", unit, wanted, found },
                ) => {
                    assert_eq!((wanted, found), (u64::from(unit), u64::from(unit) + 1));
                    (Callback::None, true)
                }
                (_, Breach::Damage(damage)) => {
                    assert_eq!((damage.lent, damage.len, damage.at), (Lent::Buffer, 4096, 4098));
                    (Callback::None, true)
                }
                (_, other) => panic!("{other}"),
            };
            assert_eq!(fault.callback, callback);
            assert_eq!(totals(&outcome, Ddir::Read).0 == 100, all, "the figures are kept");
        }
    }
}

#[test]
fn damage_is_told_beside_another_breach() {
    let mut bench = bench(0, 1);
    (bench.manners.misdeed, bench.manners.misdeed_at) = (Some(Misdeed::Beyond), Some(20));
    bench.manners.fails_at = Some((21, -5));
    let outcome = bench.run();
    let Err(Trouble::Fault(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!(fault.callback, Callback::Queue);
    let words = fault.breach.to_string();
    assert!(
        words.contains("no errno") && words.contains("it also wrote beyond buffer 0"),
        "{words}"
    );
}

#[test]
fn syncs_come_after_so_many_writes_and_at_the_end() {
    let mut bench = bench(0, 1);
    bench.recipe.order = Order::Single { ddir: Ddir::Write, random: true };
    bench.settings.fsync_every = 30;
    bench.settings.end_fsync = true;
    let outcome = bench.run();
    assert_eq!(totals(&outcome, Ddir::Write).0, 100);
    assert_eq!(totals(&outcome, Ddir::Sync), (4, 0, 0));
    let syncs = outcome.toy.seen.iter().enumerate().filter(|(_, seen)| seen.0 == IOE_OP_FSYNC);
    assert!(syncs.map(|(at, _)| at).eq([30, 61, 92, 103]));
}

#[test]
fn rates_are_kept_to_the_request_on_a_virtual_clock() {
    let mut bench = bench(0, 1);
    bench.limits = PerDir::all(Some(Limit::Ios(1000)));
    let outcome = bench.run();
    assert_eq!(totals(&outcome, Ddir::Read).0, 100);
    let slack = outcome.elapsed_ns - 99 * 1_000_000;
    assert!(slack < 1_000_000, "{} ns", outcome.elapsed_ns);
}

#[test]
fn a_mix_keeps_the_rate_of_each_direction() {
    let mut bench = bench(0, 1);
    bench.recipe.order = Order::Mixed { random: true };
    bench.settings.mixed = true;
    bench.recipe.random_map = false;
    bench.recipe.amount = 4096 * 4000;
    bench.limits =
        PerDir { read: Some(Limit::Ios(3000)), write: Some(Limit::Ios(1000)), trim: None };
    let outcome = bench.run();
    let (reads, writes) = (totals(&outcome, Ddir::Read).0, totals(&outcome, Ddir::Write).0);
    assert_eq!(reads + writes, 4000);
    assert!(reads.abs_diff(3000) < 10, "{reads} reads, {writes} writes");
    assert!(outcome.elapsed_ns.abs_diff(1_000_000_000) < 10_000_000);
}

#[test]
fn batches_are_committed_and_reaped_as_asked() {
    let mut bench = bench(16, 16);
    bench.settings.batch_submit = 16;
    (bench.settings.complete_min, bench.settings.complete_max, bench.settings.low) = (4, 16, 0);
    let outcome = bench.run();
    assert_eq!(totals(&outcome, Ddir::Read).0, 100);
    assert_eq!(outcome.toy.commits, 7);
    assert_eq!(outcome.page.measure.submit_levels[3].get(), 6);
}

#[test]
fn with_a_minimum_of_zero_completions_are_looked_for_after_each_submit() {
    let mut bench = bench(16, 16);
    (bench.settings.complete_min, bench.settings.complete_max) = (0, 2);
    let outcome = bench.run();
    assert_eq!(totals(&outcome, Ddir::Read), (100, 409_600, 0));
    // The toy hands back what it has at once, so the queue never fills.
    assert_eq!(outcome.page.measure.depth_levels[0].get(), 100);
}

#[test]
fn gtod_reduce_counts_without_latencies() {
    for takes in [0, 7] {
        let mut bench = bench(takes, takes.max(1) as u32);
        bench.settings.timed = false;
        let outcome = bench.run();
        assert_eq!(totals(&outcome, Ddir::Read), (100, 409_600, 0));
        assert_eq!(outcome.page.latencies.clat_ns[0].count.get(), 0);
    }
}
