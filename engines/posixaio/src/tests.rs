//! posixaio through its raw table, on temporary files.
//!
//! What stays in flight as long as a test wants is a read from a pipe.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::File;
use std::io::{pipe, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const NO_LIMIT: i64 = -1;
const BLOCK: usize = 4096;
const OK: (u64, i32) = (0, 0);

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// A request with the private bytes that the engine asks for.
struct Slot {
    io: Box<ioe_io>,
    _place: Box<PrivateBytes>,
}

#[repr(C, align(64))]
struct PrivateBytes([u8; size_of::<libc::aiocb>()]);

impl Slot {
    fn new(op: u32, target: &mut ioe_file, offset: u64, buf: &mut [u8]) -> Slot {
        let mut place = Box::new(PrivateBytes([0; size_of::<libc::aiocb>()]));
        let mut io = request(op, target, offset, buf);
        io.engine_data = (&raw mut *place).cast();
        Slot { io, _place: place }
    }

    fn unit(&mut self) -> *mut ioe_io {
        &raw mut *self.io
    }
}

fn slots(op: u32, target: &mut ioe_file, buf: &mut [u8]) -> Vec<Slot> {
    let blocks = buf.chunks_mut(BLOCK).enumerate();
    blocks.map(|(n, block)| Slot::new(op, target, (n * BLOCK) as u64, block)).collect()
}

fn target(f: &File) -> Box<ioe_file> {
    file(f.as_raw_fd(), IOE_KIND_REGULAR)
}

fn outcome(slot: &Slot) -> (u64, i32) {
    (slot.io.resid, slot.io.error)
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

#[test]
fn the_table_says_what_it_needs() {
    let o = ops();
    assert_eq!((o.flags, o.n_options), (0, 0));
    assert_eq!(o.io_private_size as usize, size_of::<libc::aiocb>());
    assert!(o.cancel.is_some() && o.terminate.is_some() && o.open_file.is_none());
}

#[test]
fn what_was_written_is_read() {
    for depth in [1, 8, 64] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
        let i = host.open(ops(), &job).unwrap();
        let f = tempfile::tempfile().unwrap();
        let mut target = target(&f);
        let source: Vec<u8> = (0..depth as usize * BLOCK).map(|n| (n % 251) as u8).collect();
        let mut written = source.clone();
        for _ in 0..4 {
            let mut slots = slots(IOE_OP_WRITE, &mut target, &mut written);
            run(&i, &mut slots);
            assert!(slots.iter().all(|slot| outcome(slot) == OK));
        }
        assert_eq!(written, source, "a write leaves its source");
        let mut read = vec![0; source.len()];
        run(&i, &mut slots(IOE_OP_READ, &mut target, &mut read));
        assert_eq!(read, source);
    }
}

#[test]
fn units_come_back_only_after_commit_and_one_too_many_is_busy() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 3));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut target = target(&f);
    let mut buf = vec![1; 4 * BLOCK];
    let mut slots = slots(IOE_OP_WRITE, &mut target, &mut buf);
    let answers: Vec<i32> = slots.iter_mut().map(|slot| i.queue(&mut slot.io)).collect();
    assert_eq!(answers, [IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_BUSY]);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(i.getevents(0, 3, 0).unwrap().len(), 0, "not committed");
    assert_eq!(i.commit(), 0);
    assert_eq!(i.getevents(2, 2, NO_LIMIT).unwrap().len(), 2, "max is kept to");
    assert_eq!(i.queue(&mut slots[3].io), IOE_Q_QUEUED, "room again");
    assert_eq!(i.getevents(1, 3, NO_LIMIT).unwrap().len(), 1, "the last one is not committed");
    assert_eq!(i.commit(), 0);
    assert_eq!(i.getevents(1, 3, NO_LIMIT).unwrap(), [slots[3].unit()]);
    assert_eq!(i.getevents(0, 3, 0).unwrap().len(), 0, "no more");
}

#[test]
fn ends_of_files_and_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 1000]).unwrap();
    let reader = File::open(&path).unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    for (op, offset, expected) in [
        (IOE_OP_READ, 0, (24, 0)),
        (IOE_OP_READ, 600, (624, 0)),
        (IOE_OP_READ, 1000, (1024, 0)),
        (IOE_OP_READ, 5000, (1024, 0)),
        (IOE_OP_WRITE, 0, (1024, libc::EBADF)),
    ] {
        let (mut target, mut buf) = (target(&reader), [0; 1024]);
        let mut slots = [Slot::new(op, &mut target, offset, &mut buf)];
        run(&i, &mut slots);
        assert_eq!(outcome(&slots[0]), expected, "op {op} at {offset}");
    }
    for (op, offset, flags, errno) in [
        (IOE_OP_READ, 1 << 63, 0, libc::EINVAL),
        (IOE_OP_WRITE, 0, IOE_IO_FUA, libc::EOPNOTSUPP),
        (IOE_OP_ENGINE, 0, 0, libc::EOPNOTSUPP),
    ] {
        let (mut target, mut buf) = (target(&reader), [0; 1024]);
        let mut slot = Slot::new(op, &mut target, offset, &mut buf);
        slot.io.flags = flags;
        assert_eq!(i.queue(&mut slot.io), IOE_Q_COMPLETED);
        assert_eq!(outcome(&slot), (1024, errno), "op {op} at {offset}");
    }
}

#[test]
fn syncs_are_queued_where_the_library_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 1000]).unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    let reader = File::open(&path).unwrap();
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        let mut target = target(&writer);
        let mut slots = [Slot::new(op, &mut target, 0, &mut [])];
        slots[0].io.len = 1000;
        run(&i, &mut slots);
        assert_eq!(outcome(&slots[0]), OK);
        let mut target = self::target(&reader);
        let mut slot = Slot::new(op, &mut target, 0, &mut []);
        if i.queue(&mut slot.io) == IOE_Q_QUEUED {
            i.commit();
            assert_eq!(i.getevents(1, 1, NO_LIMIT).unwrap(), [slot.unit()]);
        }
        assert_eq!(outcome(&slot), OK, "as fsync(2) does");
    }
}

/// Reads from a pipe, in flight until something is written to it.
fn lasting(i: &TestInstance<'_>, count: usize) -> (Vec<Slot>, PipeWriter, impl Sized) {
    let (reader, writer) = pipe().unwrap();
    let mut target = file(reader.as_raw_fd(), IOE_KIND_PIPE);
    let mut buf = vec![0; count].into_boxed_slice();
    let mut slots: Vec<Slot> =
        buf.chunks_mut(1).map(|b| Slot::new(IOE_OP_READ, &mut target, 0, b)).collect();
    for slot in &mut slots {
        assert_eq!(i.queue(&mut slot.io), IOE_Q_QUEUED);
    }
    assert_eq!(i.commit(), 0);
    (slots, writer, (reader, target, buf))
}

#[test]
fn waits_keep_to_their_time() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let (_slots, mut writer, _kept) = lasting(&i, 2);
    for (min, limit_ms) in [(0, -1), (1, 0), (1, 30), (2, 250)] {
        let begin = Instant::now();
        let limit_ns = if limit_ms < 0 { limit_ms } else { limit_ms * 1_000_000 };
        assert_eq!(i.getevents(min, 4, limit_ns).unwrap().len(), 0);
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(limit_ms.max(0) as u64), "{took:?} {limit_ms}");
        assert!(limit_ms > 0 || took < Duration::from_secs(1), "{took:?} without a limit");
    }
    writer.write_all(b"x").unwrap();
    assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(150));
            writer.write_all(b"x").unwrap();
        });
        assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 1, "longer than one look");
    });
}

#[test]
fn terminate_ends_one_wait() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let (_slots, mut writer, _kept) = lasting(&i, 1);
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
    writer.write_all(b"x").unwrap();
    assert_eq!(i.getevents(1, 4, NO_LIMIT).unwrap().len(), 1);
}

#[test]
fn what_the_library_has_not_begun_can_be_canceled() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let (mut slots, mut writer, _kept) = lasting(&i, 3);
    let cancel = |slot: &mut Slot| {
        // SAFETY: the instance lives, and the request is one of its own.
        unsafe { ops().cancel.unwrap()(i.inst, slot.unit()) }
    };
    std::thread::sleep(Duration::from_millis(20)); // the first one is in a thread's hands by then
    assert_eq!(cancel(&mut slots[0]), IOE_CANCEL_PENDING, "it is being done");
    assert_eq!(cancel(&mut slots[1]), IOE_CANCELED, "it waits behind the first one");
    assert_eq!(i.getevents(1, 4, 20_000_000).unwrap().len(), 0, "and does not come back");
    writer.write_all(b"xy").unwrap();
    let back = i.getevents(2, 4, NO_LIMIT).unwrap();
    assert_eq!(back, [slots[0].unit(), slots[2].unit()]);
    assert!([0, 2].iter().all(|at| outcome(&slots[*at]) == OK));
    assert_eq!(cancel(&mut slots[0]), -libc::ENOENT, "long done");
}
