//! Between the begin of `measure` and the end of `drain` the host neither allocates nor makes a
//! system call of its own.
//!
//! The loop runs with an engine that does nothing, in a forked child under a seccomp filter that
//! kills it at the first system call (but for the clock, the thread's usage at both ends, and
//! exit), with an allocator that counts. Must not use the test harness's threads in the child.

use iodyno::ddir::{Ddir, PerDir};
use iodyno::io::failures::Tolerance;
use iodyno::io::pace::{Pace, PaceRules};
use iodyno::io::settings::Settings;
use iodyno::io::signal::Signal;
use iodyno::io::slots::{SlabShape, Slots};
use iodyno::io::syncs::SyncPlan;
use iodyno::io::worker::{Parts, Worker};
use iodyno::plugin::handle::Instance;
use iodyno::plugin::host_table;
use iodyno::plugin::lent::{FileFacts, FileTable, JobFacts, JobTable};
use iodyno::stats::live::WorkerPage;
use iodyno::sys::clock::SystemClock;
use iodyno::sys::memory::MemoryWish;
use iodyno::workload::{Compress, Content, ContentRecipe, Dedupe};
use iodyno::workload::{Generator, Order, Recipe, Region, Repeat, Repeats, Shape};
use iodyno_engine_api::abi::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Counting;
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: RefCell<Vec<*mut ioe_io>> = RefCell::new(Vec::with_capacity(64));
}

unsafe extern "C" fn complete(_: *mut c_void, _: *mut ioe_io) -> i32 {
    IOE_Q_COMPLETED
}

unsafe extern "C" fn hold(_: *mut c_void, io: *mut ioe_io) -> i32 {
    HELD.with_borrow_mut(|held| held.push(io));
    IOE_Q_QUEUED
}

unsafe extern "C" fn hand_back(
    _: *mut c_void,
    min: u32,
    _: u32,
    _: i64,
    out: *mut *mut ioe_io,
) -> i32 {
    HELD.with_borrow_mut(|held| {
        for i in 0..min as usize {
            // SAFETY: the loop gives room for `max`, which is at least `min`; it asks for no more
            // than it queued.
            unsafe { out.add(i).write(held.pop().unwrap_or(std::ptr::null_mut())) }
        }
    });
    min as i32
}

type QueueFn = unsafe extern "C" fn(*mut c_void, *mut ioe_io) -> i32;

fn ops(queue: QueueFn) -> &'static ioe_ops {
    Box::leak(Box::new(ioe_ops {
        struct_size: size_of::<ioe_ops>() as u32,
        n_options: 0,
        flags: 0,
        name: c"nothing".as_ptr(),
        help: c"does nothing".as_ptr(),
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
        commit: None,
        getevents: Some(hand_back),
        cancel: None,
        terminate: None,
        errdetails: None,
        get_extension: None,
    }))
}

fn page() -> &'static WorkerPage {
    // SAFETY: all-zero bytes are the valid empty state of a page, which consists of counters alone.
    unsafe {
        let mut page = Box::<WorkerPage>::new_uninit();
        page.as_mut_ptr().write_bytes(0, 1);
        Box::leak(page.assume_init())
    }
}

const IOS: u64 = 100_000;

fn file() -> FileFacts {
    FileFacts {
        name: "file".to_owned(),
        size: 0,
        kind: IOE_KIND_NONE,
        open_flags: 0,
        block_size: 512,
    }
}

fn settings(depth: u32, timed: bool) -> Settings {
    Settings {
        batch_submit: (depth / 2).max(1),
        complete_min: (depth / 4).max(1),
        complete_max: depth,
        low: depth,
        timed,
        stamps_batches: false,
        sync_engine: depth == 1,
        sets_issue: false,
        mixed: true,
        write_after_trim: false,
        serialize_overlap: false,
        moves_data: true,
        whole_files: false,
        runs: None,
        is_stream: false,
        piece_align: 1,
        fsync_every: 1000,
        end_fsync: true,
        syncs: SyncPlan::default(),
    }
}

fn worker(
    queue: QueueFn,
    depth: u32,
    timed: bool,
    content: Content,
    page: &'static WorkerPage,
) -> Worker<'static, SystemClock> {
    let facts = JobFacts {
        name: "job".to_owned(),
        iodepth: depth,
        numjobs: 1,
        job_index: 0,
        max_bs: 4096,
        align: 4096,
        direct: false,
        op_mask: 1,
        options: Vec::new(),
    };
    let job = JobTable::new(&facts).unwrap();
    let crumb = page.callback.as_atomic();
    let mut engine = Instance::init(ops(queue), host_table::table(), job, crumb).unwrap();
    let shape = SlabShape {
        depth,
        spare: 0,
        max_bs: 4096,
        align: 4096,
        engine_memory: false,
        memory: MemoryWish::default(),
        populate: false,
    };
    let slots = Slots::new(shape, &mut engine).unwrap();
    let recipe = Recipe {
        order: Order::Mixed { random: true },
        bs: PerDir::all((4096, 4096)),
        files: vec![Region { offset: 0, len: IOS * 4096 }],
        amount: IOS * 4096,
        rwmixread: 50,
        random_map: true,
        seed: 1,
        max_ios: None,
        repeat: Repeat::Loops(1),
        min_align: 0,
        shape: Shape::default(),
    };
    let signal: &'static Signal = Box::leak(Box::default());
    signal.raise(Signal::MEASURE);
    Worker::new(Parts {
        settings: settings(depth, timed),
        engine,
        slots,
        files: FileTable::new(&[file()]).unwrap(),
        generator: Generator::new(&recipe).unwrap(),
        content,
        pace: Pace::new(PaceRules::none(), depth),
        tolerance: Tolerance::default(),
        crew: None,
        doorway: None,
        keeper: None,
        zoned: None,
        page,
        signal,
        clock: SystemClock::new(),
    })
}

/// Kills the calling process at any system call but these.
fn forbid_system_calls() -> bool {
    const NR_OFFSET: u32 = 0;
    let allowed = [libc::SYS_clock_gettime, libc::SYS_getrusage, libc::SYS_exit_group];
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let jump = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let ret = libc::BPF_RET | libc::BPF_K;
    let line = |code: u32, jt: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = [line(ret, 0, libc::SECCOMP_RET_KILL_PROCESS); 6];
    program[0] = line(load, 0, NR_OFFSET);
    for (i, nr) in allowed.into_iter().enumerate() {
        program[1 + i] = line(jump, (3 - i) as u8, nr as u32);
    }
    program[5] = line(ret, 0, libc::SECCOMP_RET_ALLOW);
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: both calls get what prctl(2) asks for; the program lives across the call.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) == 0
    }
}

/// Runs the loop in a child; how it ended, as wait(2) tells it.
fn run_in_child(queue: QueueFn, depth: u32, timed: bool, content: Content) -> i32 {
    let page = page();
    HELD.with_borrow(|held| assert!(held.is_empty()));
    let mut worker = worker(queue, depth, timed, content, page);
    // SAFETY: the child calls nothing but the loop, which needs no lock of another thread, and ends
    // by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let forbidden = forbid_system_calls();
            let before = ALLOCATIONS.load(Relaxed);
            let outcome = worker.run();
            let allocated = ALLOCATIONS.load(Relaxed) != before;
            let ios: u64 = page.measure.dirs.iter().map(|dir| dir.ios.get()).sum();
            let syncs = page.measure.dirs[Ddir::Sync as usize].ios.get();
            let code = match () {
                () if !forbidden => 3,
                () if outcome.is_err() => 4,
                () if allocated => 5,
                () if ios != IOS + syncs || syncs == 0 => 6,
                () => 0,
            };
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: our own child, and a live out pointer.
            unsafe { libc::waitpid(pid, &mut status, 0) };
            status
        }
    }
}

#[test]
fn the_loop_makes_no_system_call_and_allocates_nothing() {
    for timed in [true, false] {
        for (queue, depth) in [(complete as QueueFn, 1), (hold, 32)] {
            let status = run_in_child(queue, depth, timed, Content::scrambled(1));
            assert_eq!(status, 0, "depth {depth}, timed {timed}: wait status (31 = system call)");
        }
    }
}

#[test]
fn data_that_is_made_for_each_write_costs_neither() {
    let plain = ContentRecipe { block: 4096, max_bs: 4096, mixed: true, ..Default::default() };
    let shaped = ContentRecipe {
        compress: Some(Compress { percentage: 50, chunk: 512 }),
        dedupe: Some(Dedupe { percentage: 50, repeats: Repeats::OneOf(1000) }),
        ..plain.clone()
    };
    let pattern = ContentRecipe { pattern: b"abc".to_vec(), ..plain.clone() };
    for recipe in [ContentRecipe { refill: true, ..plain }, shaped, pattern] {
        let status = run_in_child(complete, 1, true, Content::new(&recipe));
        assert_eq!(status, 0, "{recipe:?}: wait status (31 = system call)");
    }
}

#[test]
fn the_filter_does_kill() {
    // SAFETY: as in `run_in_child`.
    match unsafe { libc::fork() } {
        0 => {
            forbid_system_calls();
            // SAFETY: harmless, if it were allowed.
            unsafe { libc::getppid() };
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: our own child, and a live out pointer.
            unsafe { libc::waitpid(pid, &mut status, 0) };
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS);
        }
    }
}
