//! libaio through its raw table, on temporary files.
//!
//! What stays in flight as long as a test wants is a poll of an eventfd: the test rewrites what the
//! kernel is to be given between queue and commit.

use crate::ioe_plugin_entry_v1;
use crate::request::Iocb;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

const NO_LIMIT: i64 = -1;
const BLOCK: usize = 4096;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// A request with the private bytes that the engine asks for.
struct Slot {
    io: Box<ioe_io>,
    place: Box<PrivateBytes>,
}

#[repr(C, align(64))]
struct PrivateBytes(Iocb);

impl Slot {
    fn new(op: u32, target: &mut ioe_file, offset: u64, buf: &mut [u8]) -> Slot {
        let mut place = Box::new(PrivateBytes(Iocb::default()));
        let mut io = request(op, target, offset, buf);
        io.engine_data = (&raw mut *place).cast();
        Slot { io, place }
    }

    fn unit(&mut self) -> *mut ioe_io {
        &raw mut *self.io
    }
}

/// Slots of one operation, block after block of a buffer.
fn slots(op: u32, target: &mut ioe_file, buf: &mut [u8]) -> Vec<Slot> {
    let blocks = buf.chunks_mut(BLOCK).enumerate();
    blocks.map(|(n, block)| Slot::new(op, target, (n * BLOCK) as u64, block)).collect()
}

fn target(f: &File) -> Box<ioe_file> {
    file(f.as_raw_fd(), IOE_KIND_REGULAR)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// Offers all, commits, and waits for all.
fn run(i: &TestInstance<'_>, slots: &mut [Slot]) {
    for slot in &mut *slots {
        assert_eq!(i.queue(&mut slot.io), IOE_Q_QUEUED);
    }
    assert_eq!(i.commit(), 0);
    let count = slots.len() as u32;
    let mut back = i.getevents(count, count, NO_LIMIT).unwrap();
    let mut units: Vec<_> = slots.iter_mut().map(Slot::unit).collect();
    back.sort_unstable();
    units.sort_unstable();
    assert_eq!(back, units, "each once");
}

fn outcome(slot: &Slot) -> (u64, i32) {
    (slot.io.resid, slot.io.error)
}

const OK: (u64, i32) = (0, 0);

/// Jobs that differ only in how completions are fetched.
fn ways(depth: u32) -> [TestJob; 2] {
    [0, 1].map(|u| TestJob::new(ops(), depth).set("userspace_reap", ioe_value_v { u }))
}

#[test]
fn the_table_says_what_it_needs() {
    let o = ops();
    assert_eq!((o.flags, o.io_private_size), (0, 64));
    assert!(o.commit.is_some() && o.getevents.is_some() && o.terminate.is_some());
}

#[test]
fn what_was_written_is_read() {
    for (job, depth) in [1, 8, 64].into_iter().flat_map(|d| ways(d).map(|job| (job, d as usize))) {
        let host = TestHost::new();
        let i = host.open(ops(), &job).unwrap();
        let f = tempfile::tempfile().unwrap();
        let mut target = target(&f);
        let source = pattern(depth * BLOCK);
        let mut written = source.clone();
        // More rounds than the ring has places, so that it wraps.
        for round in 0..20 {
            let mut slots = slots(IOE_OP_WRITE, &mut target, &mut written);
            run(&i, &mut slots);
            assert!(slots.iter().all(|slot| outcome(slot) == OK), "round {round}");
        }
        assert_eq!(written, source, "a write leaves its source");
        let mut read = vec![0; depth * BLOCK];
        run(&i, &mut slots(IOE_OP_READ, &mut target, &mut read));
        assert_eq!(read, source);
    }
}

#[test]
fn units_come_back_only_after_commit_and_one_too_many_is_busy() {
    for depth in [1, 3, 8] {
        for job in ways(depth) {
            let host = TestHost::new();
            let i = host.open(ops(), &job).unwrap();
            let f = tempfile::tempfile().unwrap();
            let mut target = target(&f);
            let mut buf = vec![1; (depth as usize + 1) * BLOCK];
            let mut slots = slots(IOE_OP_WRITE, &mut target, &mut buf);
            let answers: Vec<i32> = slots.iter_mut().map(|slot| i.queue(&mut slot.io)).collect();
            let (last, taken) = answers.split_last().unwrap();
            assert!(taken.iter().all(|a| *a == IOE_Q_QUEUED) && *last == IOE_Q_BUSY, "{answers:?}");
            assert_eq!(i.getevents(0, depth, 0).unwrap().len(), 0, "not committed");
            assert_eq!(i.commit(), 0);
            let mut back = i.getevents(1, 1, NO_LIMIT).unwrap();
            assert_eq!(back.len(), 1, "max is kept to");
            assert_eq!(i.queue(&mut slots[depth as usize].io), IOE_Q_QUEUED, "room again");
            assert_eq!(i.commit(), 0);
            back.extend(i.getevents(depth, depth, NO_LIMIT).unwrap());
            assert_eq!(back.len(), depth as usize + 1);
            assert_eq!(i.getevents(0, depth, 0).unwrap().len(), 0, "no more");
        }
    }
}

#[test]
fn reads_at_the_end_are_short_without_an_error() {
    let f = tempfile::tempfile().unwrap();
    (&f).write_all(&[7; 1000]).unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let mut target = target(&f);
    for (offset, resid) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
        let mut buf = [0; 1024];
        let mut slots = [Slot::new(IOE_OP_READ, &mut target, offset, &mut buf)];
        run(&i, &mut slots);
        assert_eq!(outcome(&slots[0]), (resid, 0), "at {offset}");
    }
}

#[test]
fn one_that_the_kernel_refuses_ends_alone() {
    let f = tempfile::tempfile().unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 8));
    let i = host.open(ops(), &job).unwrap();
    let (mut good, mut bad) = (target(&f), file(-1, IOE_KIND_NONE));
    let mut buf = pattern(6 * BLOCK);
    // First, in the middle, twice in a row, last.
    for refused in [vec![0], vec![2], vec![1, 2], vec![5], (0..6).collect()] {
        let mut slots = slots(IOE_OP_WRITE, &mut good, &mut buf);
        for at in &refused {
            slots[*at].io.file = &raw mut *bad;
        }
        run(&i, &mut slots);
        for (at, slot) in slots.iter().enumerate() {
            let expected = if refused.contains(&at) { (BLOCK as u64, libc::EBADF) } else { OK };
            assert_eq!(outcome(slot), expected, "{at} of {refused:?}");
        }
    }
}

#[test]
fn errors_come_back_as_errno() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 512]).unwrap();
    let reader = File::open(&path).unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 2));
    let i = host.open(ops(), &job).unwrap();
    let (mut read_only, mut buf) = (target(&reader), [0; 512]);
    let mut slots = [Slot::new(IOE_OP_WRITE, &mut read_only, 0, &mut buf)];
    run(&i, &mut slots);
    assert_eq!(outcome(&slots[0]), (512, libc::EBADF));
    for (op, offset, errno) in [
        (IOE_OP_READ, 1 << 63, libc::EINVAL),
        (IOE_OP_READ, u64::MAX, libc::EINVAL),
        (IOE_OP_ENGINE, 0, libc::EOPNOTSUPP),
    ] {
        let (mut target, mut buf) = (target(&reader), [0; 512]);
        let mut slot = Slot::new(op, &mut target, offset, &mut buf);
        assert_eq!(i.queue(&mut slot.io), IOE_Q_COMPLETED, "known without the kernel");
        assert_eq!(outcome(&slot), (512, errno), "op {op} at {offset}");
    }
}

#[test]
fn syncs_are_requests_like_others_where_the_kernel_takes_them() {
    let f = tempfile::tempfile().unwrap();
    (&f).write_all(&[7; 8192]).unwrap();
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let (mut regular, mut device) = (target(&f), file(null.as_raw_fd(), IOE_KIND_CHAR));
    let sync = |op, target: &mut ioe_file| {
        let mut slot = Slot::new(op, target, 0, &mut []);
        slot.io.len = 8192;
        slot
    };
    let mut slots = [
        sync(IOE_OP_FSYNC, &mut regular),
        sync(IOE_OP_FSYNC, &mut device),
        sync(IOE_OP_FDATASYNC, &mut regular),
    ];
    run(&i, &mut slots);
    assert_eq!(slots.each_ref().map(outcome), [OK, (8192, libc::EINVAL), OK]);
    // A target that cannot be synced says nothing about the kernel: the next one is queued again.
    run(&i, &mut [sync(IOE_OP_FSYNC, &mut regular)]);
}

#[test]
fn what_is_done_at_once_lets_the_batch_go_first() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 16384], 0).unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let (mut target, mut buf) = (target(&f), vec![1; BLOCK]);
    for op in [IOE_OP_SYNC_RANGE, IOE_OP_TRIM, IOE_OP_WRITE_ZEROES] {
        let mut write = Slot::new(IOE_OP_WRITE, &mut target, 0, &mut buf);
        let mut range = Slot::new(op, &mut target, 4096, &mut []);
        range.io.len = 4096;
        assert_eq!(i.queue(&mut write.io), IOE_Q_QUEUED);
        assert_eq!(i.queue(&mut range.io), IOE_Q_BUSY);
        assert_eq!(i.commit(), 0);
        assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap(), [write.unit()]);
        assert_eq!(i.queue(&mut range.io), IOE_Q_COMPLETED);
        let (resid, error) = outcome(&range);
        assert!((resid, error) == OK || error == libc::EOPNOTSUPP, "op {op}: {error}");
    }
}

/// A request that is in flight until its eventfd is written to.
struct Lasting {
    slot: Slot,
    event: OwnedFd,
    _byte: Box<[u8; 1]>,
}

impl Lasting {
    fn queue(i: &TestInstance<'_>, target: &mut ioe_file) -> Lasting {
        // SAFETY: no memory is handed over, and the descriptor is nobody else's.
        let event = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
        let mut byte = Box::new([0]);
        let mut slot = Slot::new(IOE_OP_READ, target, 0, &mut byte[..]);
        assert_eq!(i.queue(&mut slot.io), IOE_Q_QUEUED);
        slot.place.0 = Iocb::polling(slot.place.0.data, event.as_raw_fd());
        assert_eq!(i.commit(), 0);
        Lasting { slot, event, _byte: byte }
    }
}

/// Ends a [`Lasting`] by its event.
fn end(event: &OwnedFd) {
    let one = 1_u64;
    // SAFETY: eight bytes to read.
    let n = unsafe { libc::write(event.as_raw_fd(), (&raw const one).cast(), 8) };
    assert_eq!(n, 8);
}

#[test]
fn waits_keep_to_their_time() {
    for job in ways(4) {
        let host = TestHost::new();
        let i = host.open(ops(), &job).unwrap();
        let f = tempfile::tempfile().unwrap();
        let mut target = target(&f);
        let mut two = [Lasting::queue(&i, &mut target), Lasting::queue(&i, &mut target)];
        for (min, limit_ms) in [(0, -1), (1, 0), (1, 30), (2, 250)] {
            let begin = Instant::now();
            let limit_ns = if limit_ms < 0 { limit_ms } else { limit_ms * 1_000_000 };
            assert_eq!(i.getevents(min, 4, limit_ns).unwrap().len(), 0);
            let took = begin.elapsed();
            assert!(took >= Duration::from_millis(limit_ms.max(0) as u64), "{took:?} {limit_ms}");
            assert!(limit_ms > 0 || took < Duration::from_secs(1), "{took:?} without a limit");
        }
        end(&two[0].event);
        let unit = two[0].slot.unit();
        assert_eq!(i.getevents(2, 4, 30_000_000).unwrap(), [unit], "what there is by then");
        let event = &two[1].event;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(150));
                end(event);
            });
            assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 1, "longer than one look");
        });
    }
}

#[test]
fn terminate_ends_one_wait() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut target = target(&f);
    let lasting = Lasting::queue(&i, &mut target);
    let inst = i.inst as usize;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            // SAFETY: the instance lives until the end of the test.
            unsafe { ops().terminate.unwrap()(inst as *mut _) };
        });
        let begin = Instant::now();
        assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 0);
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    });
    let begin = Instant::now();
    assert_eq!(i.getevents(1, 4, 200_000_000).unwrap().len(), 0);
    assert!(begin.elapsed() >= Duration::from_millis(200), "the next wait is a whole one");
    end(&lasting.event);
    assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 1);
}

#[test]
fn a_depth_beyond_the_machine_is_refused_in_words() {
    for (depth, words) in [(4_000_000, "fs.aio-max-nr"), (u32::MAX, "iodepth 4294967295")] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
        let errno = host.open(ops(), &job).map(|_| ()).unwrap_err();
        assert!([-libc::EAGAIN, -libc::EINVAL].contains(&errno), "{errno}");
        assert!(host.errors().iter().any(|(_, text)| text.contains(words)), "{:?}", host.errors());
    }
}

#[test]
fn options_that_cannot_work_are_refused_in_words() {
    let yes = ioe_value_v { u: 1 };
    let text = |name, text| TestJob::new(ops(), 1).set_text(name, text);
    let on = |name| TestJob::new(ops(), 1).set(name, yes);
    let mut direct = on("uncached");
    direct.raw().direct = 1;
    let mut reads = on("atomic");
    (reads.raw().direct, reads.raw().op_mask) = (1, 1);
    for (job, words) in [
        (direct, "uncached"),
        (on("atomic"), "direct=1"),
        (reads, "no"),
        (text("cmdprio_percentage", "101"), "cmdprio_percentage"),
        (text("cmdprio", "3"), "cmdprio"),
        (text("cmdprio_bssplit", "4k"), "cmdprio_bssplit"),
    ] {
        let host = TestHost::new();
        assert_eq!(host.open(ops(), &job).map(|_| ()), Err(-libc::EINVAL), "{words}");
        assert!(host.errors().iter().any(|(_, text)| text.contains(words)), "{:?}", host.errors());
    }
}

#[test]
fn flags_and_priorities_reach_the_kernel() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; BLOCK], 0).unwrap();
    let yes = ioe_value_v { u: 1 };
    let best_effort = TestJob::new(ops(), 1)
        .set_text("cmdprio_percentage", "100")
        .set_text("cmdprio_class", "2")
        .set_text("cmdprio", "3");
    // What a kernel or file system cannot do, it may refuse, but not in silence.
    let may_refuse = [libc::EOPNOTSUPP, libc::EAGAIN, libc::EINVAL];
    for (job, allowed) in [
        (best_effort, &[][..]),
        (TestJob::new(ops(), 1).set("nowait", yes), &may_refuse),
        (TestJob::new(ops(), 1).set("uncached", yes), &may_refuse),
    ] {
        let host = TestHost::new();
        let i = host.open(ops(), &job).unwrap();
        for (op, flags) in
            [(IOE_OP_READ, 0), (IOE_OP_WRITE, IOE_IO_FUA), (IOE_OP_READ, IOE_IO_HIPRI)]
        {
            let (mut target, mut buf) = (target(&f), [7; BLOCK]);
            let mut slots = [Slot::new(op, &mut target, 0, &mut buf)];
            slots[0].io.flags = flags;
            run(&i, &mut slots);
            let (resid, error) = outcome(&slots[0]);
            assert!((resid, error) == OK || allowed.contains(&error), "{error}");
        }
    }
}
