//! mmap through its raw table: windows that slide, files that shrink, what cannot be mapped.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// What a request came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    resid: u64,
    error: i32,
}

const OK: Outcome = Outcome { resid: 0, error: 0 };
const WINDOW: u64 = 64 << 10;

fn failed(len: usize, error: i32) -> Outcome {
    Outcome { resid: len as u64, error }
}

/// A job with windows as small as can be, so that they slide.
fn small(windows: u64) -> TestJob {
    let job = TestJob::new(ops(), 1);
    job.set("window", ioe_value_v { u: WINDOW }).set("windows", ioe_value_v { u: windows })
}

/// Each way of copying that survives a file which is cut.
fn safe_ways() -> Vec<u64> {
    if cfg!(target_arch = "x86_64") {
        vec![0, 2]
    } else {
        vec![0]
    }
}

/// The target as a host shows it.
fn target(f: &File) -> Box<ioe_file> {
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    target.size = f.metadata().unwrap().len();
    target
}

fn open(i: &TestInstance<'_>, target: &mut ioe_file) -> i32 {
    // SAFETY: the instance lives, the file is whole.
    unsafe { ops().open_file.unwrap()(i.inst, target) }
}

fn run(
    i: &TestInstance<'_>,
    target: &mut ioe_file,
    (op, offset): (u32, u64),
    buf: &mut [u8],
) -> Outcome {
    let mut io = request(op, target, offset, buf);
    assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
    Outcome { resid: io.resid, error: io.error }
}

/// A file of this many bytes, each of which says where it stands.
fn numbered(len: usize) -> (File, Vec<u8>) {
    let f = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..len).map(|n| (n % 251) as u8 + 1).collect();
    f.write_all_at(&content, 0).unwrap();
    (f, content)
}

#[test]
fn it_is_synchronous_and_cannot_extend() {
    let o = ops();
    assert_eq!(o.flags, IOE_F_SYNC | IOE_F_NOEXTEND);
    assert!(o.getevents.is_none() && o.open_file.is_some() && o.close_file.is_some());
}

#[test]
fn windows_slide_and_requests_cross_their_borders() {
    let (f, mut content) = numbered(1 << 20);
    for windows in [1, 4, 64] {
        let (host, job) = (TestHost::new(), small(windows));
        let i = host.open(ops(), &job).unwrap();
        let mut target = target(&f);
        assert_eq!(open(&i, &mut target), IOE_OPEN_HOST);
        let mut random = 12345_u64;
        for round in 0..400_usize {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let len = 1 + (random >> 40) as usize % 100_000;
            let at = (random >> 17) as usize % (content.len() - len);
            if round % 3 == 0 {
                let mut source = vec![round as u8 | 1; len];
                assert_eq!(run(&i, &mut target, (IOE_OP_WRITE, at as u64), &mut source), OK);
                content[at..at + len].copy_from_slice(&source);
            } else {
                let mut read = vec![0; len];
                assert_eq!(run(&i, &mut target, (IOE_OP_READ, at as u64), &mut read), OK);
                assert!(read == content[at..at + len], "{len} bytes at {at}, {windows} windows");
            }
        }
        let mut found = vec![0; content.len()];
        f.read_exact_at(&mut found, 0).unwrap();
        assert!(found == content, "{windows} windows");
    }
}

#[test]
fn files_far_apart_and_far_inside() {
    let (host, job) = (TestHost::new(), small(2));
    let i = host.open(ops(), &job).unwrap();
    let files: Vec<File> = (0..5).map(|_| tempfile::tempfile().unwrap()).collect();
    let mut targets: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, f)| {
            f.set_len(1 << 40).unwrap(); // holes: a terabyte costs nothing
            let mut target = target(f);
            target.index = index as u32;
            open(&i, &mut target);
            target
        })
        .collect();
    for round in 0..3_u8 {
        for (index, offset) in [(0, 0), (4, (1 << 40) - 4096), (2, 1 << 35), (0, 1 << 39)] {
            let mut source = [round + index as u8 + 1; 4096];
            let at = (IOE_OP_WRITE, offset);
            assert_eq!(run(&i, &mut targets[index], at, &mut source), OK);
            let mut found = [0; 4096];
            files[index].read_exact_at(&mut found, offset).unwrap();
            assert_eq!(found, source);
        }
    }
}

#[test]
fn reads_at_the_end_are_short_and_writes_beyond_it_fail() {
    let (f, _) = numbered(10_000);
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let mut target = target(&f);
    open(&i, &mut target);
    for (offset, resid) in [(0, 0), (9_000, 24), (9_999, 1023), (10_000, 1024), (1 << 40, 1024)] {
        for op in [IOE_OP_READ, IOE_OP_WRITE] {
            let outcome = run(&i, &mut target, (op, offset), &mut [7; 1024]);
            let error = if resid == 1024 && op == IOE_OP_WRITE { libc::ENXIO } else { 0 };
            assert_eq!(outcome, Outcome { resid, error }, "op {op} at {offset}");
        }
    }
    assert_eq!(f.metadata().unwrap().len(), 10_000);
    let endless = run(&i, &mut target, (IOE_OP_READ, u64::MAX - 5), &mut [7; 1024]);
    assert_eq!(endless, failed(1024, libc::EINVAL));
    // A file that has grown meanwhile is read on.
    f.write_all_at(&[9; 300_000], 10_000).unwrap();
    assert_eq!(run(&i, &mut target, (IOE_OP_READ, 305_000), &mut [0; 1024]), OK);
}

#[test]
fn a_file_that_shrinks_is_no_crash() {
    for copy in safe_ways() {
        let (f, _) = numbered(1 << 20);
        let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
        let job = job.set("copy", ioe_value_v { u: copy });
        let i = host.open(ops(), &job).unwrap();
        let mut target = target(&f);
        open(&i, &mut target);
        let mut big = vec![0; 1 << 20];
        assert_eq!(run(&i, &mut target, (IOE_OP_READ, 0), &mut big), OK);
        f.set_len(10_100).unwrap();
        let all = run(&i, &mut target, (IOE_OP_READ, 0), &mut big);
        assert_eq!(all, Outcome { resid: (1 << 20) - 10_100, error: 0 });
        f.set_len(8_292).unwrap(); // inside a page that stays
        let tail = run(&i, &mut target, (IOE_OP_READ, 8_192), &mut [7; 1000]);
        assert_eq!(tail, Outcome { resid: 900, error: 0 }, "zeroes behind the end are no data");
        let tail = run(&i, &mut target, (IOE_OP_WRITE, 8_192), &mut [7; 1000]);
        assert_eq!(tail, Outcome { resid: 900, error: 0 }, "what is stored behind it is lost");
        f.set_len(0).unwrap();
        for offset in [0, 8_192, 1 << 19] {
            let outcome = run(&i, &mut target, (IOE_OP_READ, offset), &mut [7; 4096]);
            assert_eq!(outcome, failed(4096, 0), "read at {offset}");
            let outcome = run(&i, &mut target, (IOE_OP_WRITE, offset), &mut [7; 4096]);
            assert_eq!(outcome, failed(4096, libc::ENXIO), "write at {offset}");
        }
    }
}

/// A cut inside a page that stays is noticed by the very next request, whatever was done before.
#[test]
fn a_cut_inside_a_page_is_noticed_at_once() {
    for (copy, op) in safe_ways().into_iter().flat_map(|w| [(w, IOE_OP_READ), (w, IOE_OP_WRITE)]) {
        let (f, _) = numbered(64 << 10);
        f.write_all_at(&[0; 64 << 10], 0).unwrap(); // what ends with a zero is looked at twice
        let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
        let job = job.set("copy", ioe_value_v { u: copy });
        let i = host.open(ops(), &job).unwrap();
        let mut target = target(&f);
        open(&i, &mut target);
        for round in 0..3 {
            for page in [15, 3, 9, 0, 14, 15] {
                let outcome = run(&i, &mut target, (op, page * 4096), &mut [0; 4096]);
                assert_eq!(outcome, OK, "page {page}, round {round}");
            }
            for page in [9, 3] {
                f.set_len(page * 4096 + 96).unwrap();
                let outcome = run(&i, &mut target, (op, page * 4096), &mut [0; 4096]);
                assert_eq!(outcome, Outcome { resid: 4000, error: 0 }, "{page}, copy={copy}");
            }
            f.set_len(64 << 10).unwrap();
        }
    }
}

#[test]
fn a_file_that_shrinks_and_grows_all_the_time_is_no_crash() {
    for copy in safe_ways() {
        let (f, _) = numbered(1 << 20);
        let over = Arc::new(AtomicBool::new(false));
        let (other, is_over) = (f.try_clone().unwrap(), Arc::clone(&over));
        let cutter = std::thread::spawn(move || {
            for n in 0_u64.. {
                other.set_len(n * 7919 % (1 << 20)).unwrap();
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let others = [f.try_clone().unwrap(), f.try_clone().unwrap()];
        std::thread::scope(|scope| {
            others.iter().for_each(|f| {
                scope.spawn(move || move_while_it_is_cut(f, copy));
            });
        });
        over.store(true, Ordering::Relaxed);
        cutter.join().unwrap();
    }
}

fn move_while_it_is_cut(f: &File, copy: u64) {
    let (host, job) = (TestHost::new(), small(2).set("copy", ioe_value_v { u: copy }));
    let i = host.open(ops(), &job).unwrap();
    let mut target = target(f);
    open(&i, &mut target);
    let (mut n, mut moved) = (0, 0);
    // Where the machine lets the cutter rest after a cut to nothing, thousands move no byte.
    while n < 2_000 || moved == 0 {
        n += 1;
        let op = if n % 2 == 0 { IOE_OP_READ } else { IOE_OP_WRITE };
        let mut buf = vec![7; 50_000];
        let outcome = run(&i, &mut target, (op, n * 12_345 % (1 << 20)), &mut buf);
        assert!([0, libc::ENXIO, libc::EIO].contains(&outcome.error), "{n}: {outcome:?}");
        moved += 50_000 - outcome.resid;
    }
}

#[test]
fn one_msync_or_one_fsync() {
    for size in [1 << 20, 10_000] {
        let (f, _) = numbered(size);
        let (host, job) = (TestHost::new(), small(4));
        let i = host.open(ops(), &job).unwrap();
        let mut target = target(&f);
        open(&i, &mut target);
        for touched in [false, true] {
            if touched {
                assert_eq!(run(&i, &mut target, (IOE_OP_WRITE, 0), &mut [7; 4096]), OK);
            }
            for (op, flags, len) in [
                (IOE_OP_FSYNC, 0, 0),
                (IOE_OP_FDATASYNC, 0, 0),
                (IOE_OP_SYNC_RANGE, 0, 5_000),
                (IOE_OP_SYNC_RANGE, IOE_IO_SYNC_WRITE, 5_000),
                (IOE_OP_SYNC_RANGE, IOE_IO_SYNC_WAIT_AFTER, 500_000),
            ] {
                let mut io = request(op, &mut *target, 0, &mut []);
                (io.offset, io.len, io.flags) = (if len == 0 { 0 } else { 100 }, len, flags);
                assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
                assert_eq!((io.resid, io.error), (0, 0), "op {op} {flags:#x} of {size}");
            }
        }
        let mut io = request(IOE_OP_WRITE, &mut *target, 5_000, &mut [8; 1000]);
        io.flags = IOE_IO_FUA;
        assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
        assert_eq!((io.resid, io.error), (0, 0));
    }
}

#[test]
fn descriptors_for_one_direction() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 8192]).unwrap();
    let (reader, writer) =
        (File::open(&path).unwrap(), OpenOptions::new().write(true).open(&path).unwrap());
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let mut one = target(&reader);
    let mut two = target(&writer);
    two.index = 1;
    open(&i, &mut one);
    open(&i, &mut two);
    assert_eq!(run(&i, &mut one, (IOE_OP_WRITE, 0), &mut [2; 100]), failed(100, libc::EBADF));
    assert_eq!(run(&i, &mut two, (IOE_OP_WRITE, 0), &mut [2; 100]), OK);
    let mut read = [0; 100];
    assert_eq!(run(&i, &mut one, (IOE_OP_READ, 0), &mut read), OK);
    assert_eq!(read, [2; 100]);
    // Under its number another file may be opened later.
    let (other, content) = numbered(8192);
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { ops().close_file.unwrap()(i.inst, &mut *one) }, 0);
    let mut one = target(&other);
    open(&i, &mut one);
    assert_eq!(run(&i, &mut one, (IOE_OP_READ, 1000), &mut read), OK);
    assert_eq!(read, content[1000..1100]);
    let mut none = request(IOE_OP_READ, null_mut(), 0, &mut read);
    assert_eq!((i.queue(&mut none), none.error), (IOE_Q_COMPLETED, libc::EBADF));
}

#[test]
fn what_cannot_be_mapped_is_refused_in_words() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    for (kind, what) in [
        (IOE_KIND_PIPE, "a pipe or socket"),
        (IOE_KIND_CHAR, "a character device"),
        (IOE_KIND_DIR, "a directory"),
        (IOE_KIND_NONE, "neither a file nor a block device"),
    ] {
        assert_eq!(open(&i, &mut file(-1, kind)), -libc::ENODEV);
        let said = host.errors().pop().unwrap().1;
        assert!(said.contains("target") && said.contains(what), "{said}");
    }
    let mut job = TestJob::new(ops(), 1);
    job.raw().direct = 1;
    assert_eq!(host.open(ops(), &job).map(drop), Err(-libc::EINVAL));
    assert!(host.errors().pop().unwrap().1.starts_with("direct=1: "));
}

#[test]
fn options_change_the_way_and_not_the_data() {
    let (f, content) = numbered(300_000);
    let flag = |u| ioe_value_v { u };
    let others = [("thp", 1), ("advice", 1), ("advice", 2), ("copy", 1)];
    let ways = safe_ways().into_iter().map(|way| ("copy", way));
    for (name, value) in others.into_iter().chain(ways) {
        let (host, job) = (TestHost::new(), small(1).set(name, flag(value)));
        let i = match host.open(ops(), &job) {
            Err(status) if name == "thp" => {
                assert_eq!(status, -libc::EINVAL, "a kernel without huge pages");
                continue;
            }
            other => other.unwrap(),
        };
        let mut target = target(&f);
        open(&i, &mut target);
        for at in [0, 100_000, 250_000] {
            let mut read = vec![0; 50_000];
            assert_eq!(run(&i, &mut target, (IOE_OP_READ, at as u64), &mut read), OK);
            assert!(read == content[at..at + 50_000], "{name}={value} at {at}");
            assert_eq!(run(&i, &mut target, (IOE_OP_WRITE, at as u64), &mut read), OK);
        }
    }
}
