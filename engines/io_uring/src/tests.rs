//! io_uring through its raw table: data, depth, waiting, what is registered, and what is refused.
//!
//! Skips aloud where the kernel has no io_uring; what needs another kernel or a filter is done in a
//! child process, so that the tests can run side by side.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use iodyno_engine_support::uring::ring::{Ring, TaskRun, Wish};
use iodyno_engine_support::uring::share;
use iodyno_tests::require;
use std::ffi::{c_char, c_void, CStr};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

mod refusals;

const BLOCK: usize = 4096;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn on() -> ioe_value_v {
    ioe_value_v { u: 1 }
}

/// A job with these BOOL options.
fn job(depth: u32, options: &[&str]) -> TestJob {
    options.iter().fold(TestJob::new(ops(), depth), |job, name| job.set(name, on()))
}

/// Opens a target as the host does: its open_file, then the descriptor.
fn open(i: &TestInstance<'_>, f: &File) -> Box<ioe_file> {
    let mut target = file(-1, IOE_KIND_REGULAR);
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { i.ops.open_file.unwrap()(i.inst, &mut *target) }, IOE_OPEN_HOST);
    target.fd = f.as_raw_fd();
    target
}

fn start(i: &TestInstance<'_>) {
    // SAFETY: the instance lives.
    assert_eq!(unsafe { i.ops.start.unwrap()(i.inst) }, 0);
}

/// A request with room for what the engine keeps in it.
struct Unit {
    io: Box<ioe_io>,
    _private: Box<[u128; 4]>,
}

fn unit(op: u32, target: &mut ioe_file, offset: u64, buf: &mut [u8]) -> Unit {
    let mut private = Box::new([0_u128; 4]);
    let mut io = request(op, target, offset, buf);
    io.engine_data = private.as_mut_ptr().cast();
    Unit { io, _private: private }
}

/// One request, to its end: resid and error.
fn run(i: &TestInstance<'_>, io: &mut Unit) -> (u64, i32) {
    match i.queue(&mut io.io) {
        IOE_Q_COMPLETED => {}
        IOE_Q_QUEUED => {
            assert_eq!(i.commit(), 0);
            assert_eq!(i.getevents(1, 1, -1).unwrap(), [&raw mut *io.io]);
        }
        other => panic!("queue answers {other}"),
    }
    (io.io.resid, io.io.error)
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|n| ((n * 7 + seed) % 251) as u8).collect()
}

#[test]
fn what_was_written_is_read_whatever_the_options() {
    require!(io_uring);
    for options in [
        &[][..],
        &["registerfiles"],
        &["sqthread_poll"],
        &["sqthread_poll", "attach_wq"],
        &["attach_wq"],
        &["force_async"],
    ] {
        for vectored in [false, true] {
            let (host, mut job) = (TestHost::new(), job(8, options));
            if vectored {
                job = job.set("nonvectored", ioe_value_v { i: 0 });
            }
            let i = host.open(ops(), &job).unwrap();
            let f = tempfile::tempfile().unwrap();
            let mut target = open(&i, &f);
            start(&i);
            let source = pattern(8 * BLOCK, 1);
            let mut data = source.clone();
            let mut written: Vec<Unit> = data
                .chunks_mut(BLOCK)
                .enumerate()
                .map(|(n, b)| unit(IOE_OP_WRITE, &mut target, (n * BLOCK) as u64, b))
                .collect();
            for io in &mut written {
                assert_eq!(i.queue(&mut io.io), IOE_Q_QUEUED);
            }
            assert_eq!(i.commit(), 0);
            assert_eq!(i.getevents(8, 8, -1).unwrap().len(), 8);
            assert!(written.iter().all(|io| (io.io.resid, io.io.error) == (0, 0)));
            assert_eq!(data, source, "a write leaves its source");
            let mut back = vec![0; 8 * BLOCK];
            assert_eq!(run(&i, &mut unit(IOE_OP_READ, &mut target, 0, &mut back)), (0, 0));
            assert_eq!(back, source, "{options:?}");
        }
    }
}

#[test]
fn depth_is_room_and_nothing_moves_before_a_commit() {
    require!(io_uring);
    let f = tempfile::tempfile().unwrap();
    f.set_len(BLOCK as u64).unwrap();
    for depth in [1, 2, 3, 8] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
        let i = host.open(ops(), &job).unwrap();
        let mut target = open(&i, &f);
        let mut bufs = vec![[1_u8; 512]; depth as usize + 1];
        let mut ios: Vec<Unit> =
            bufs.iter_mut().map(|b| unit(IOE_OP_READ, &mut target, 0, b)).collect();
        for round in 0..3 {
            let answers: Vec<i32> = ios.iter_mut().map(|io| i.queue(&mut io.io)).collect();
            assert_eq!(answers.iter().filter(|a| **a == IOE_Q_QUEUED).count(), depth as usize);
            assert_eq!(answers.last(), Some(&IOE_Q_BUSY));
            assert_eq!(i.getevents(0, depth, 0).unwrap().len(), 0, "round {round}");
            assert_eq!(i.commit(), 0);
            let mut seen = i.getevents(depth, depth, 1_000_000_000).unwrap();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), depth as usize, "each unit once");
        }
    }
}

#[test]
fn ends_and_errors_are_told() {
    require!(io_uring);
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let mut f = tempfile::tempfile().unwrap();
    f.write_all(&[7; 1000]).unwrap();
    let mut target = open(&i, &f);
    let mut buf = [0; 1024];
    for (op, offset, expected) in [
        (IOE_OP_READ, 0, (24, 0)),
        (IOE_OP_READ, 1000, (1024, 0)),
        (IOE_OP_READ, 5000, (1024, 0)),
        (IOE_OP_READ, u64::MAX, (1024, libc::EINVAL)),
        (IOE_OP_WRITE, 1 << 63, (1024, libc::EINVAL)),
        (IOE_OP_ENGINE, 0, (1024, libc::EOPNOTSUPP)),
    ] {
        let got = run(&i, &mut unit(op, &mut target, offset, &mut buf));
        assert_eq!(got, expected, "op {op} at {offset}");
    }
    let mut closed = file(-1, IOE_KIND_REGULAR);
    let got = run(&i, &mut unit(IOE_OP_READ, &mut closed, 0, &mut buf));
    assert_eq!(got, (1024, libc::EBADF));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut target = open(&i, &full);
    let got = run(&i, &mut unit(IOE_OP_WRITE, &mut target, 0, &mut buf));
    assert_eq!(got, (1024, libc::ENOSPC));
}

#[test]
fn syncs_holes_and_zeroes() {
    require!(io_uring);
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 16384], 0).unwrap();
    f.sync_all().unwrap();
    let mut target = open(&i, &f);
    let mut ranged = |op, offset, len, flags| {
        let mut io = unit(op, &mut target, offset, &mut []);
        (io.io.len, io.io.flags) = (len, flags);
        run(&i, &mut io)
    };
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        assert_eq!(ranged(op, 0, 0, 0), (0, 0), "op {op}");
    }
    for flags in [0, IOE_IO_SYNC_WRITE, IOE_IO_SYNC_WAIT_BEFORE | IOE_IO_SYNC_WAIT_AFTER] {
        assert_eq!(ranged(IOE_OP_SYNC_RANGE, 0, 4096, flags), (0, 0), "flags {flags:#x}");
    }
    assert_eq!(ranged(IOE_OP_SYNC_RANGE, 0, 1 << 33, 0), (0, 0), "more than the ring can say");
    let mut block = [1; BLOCK];
    for (op, offset) in [(IOE_OP_TRIM, 4096), (IOE_OP_WRITE_ZEROES, 8192)] {
        let (resid, error) = ranged(op, offset, 4096, 0);
        f.read_exact_at(&mut block, offset).unwrap();
        match error {
            0 => assert_eq!((resid, block), (0, [0; BLOCK]), "op {op}"),
            errno => assert_eq!((errno, block), (libc::EOPNOTSUPP, [7; BLOCK]), "op {op}"),
        }
    }
    f.read_exact_at(&mut block, 0).unwrap();
    assert_eq!((block, f.metadata().unwrap().len()), ([7; BLOCK], 16384), "nothing else changed");
}

#[test]
fn request_flags_reach_the_kernel_or_are_refused() {
    require!(io_uring);
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut target = open(&i, &f);
    let mut buf = [3; 512];
    for (flags, expected) in [(IOE_IO_FUA, (0, 0)), (IOE_IO_HIPRI, (512, libc::EOPNOTSUPP))] {
        let mut io = unit(IOE_OP_WRITE, &mut target, 0, &mut buf);
        io.io.flags = flags;
        assert_eq!(run(&i, &mut io), expected, "flags {flags}");
    }
}

/// An instance with a read of an empty pipe in flight.
fn with_a_read_that_waits(test: impl FnOnce(&TestInstance<'_>, &mut Unit, &mut dyn Write)) {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 2));
    let i = host.open(ops(), &job).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut target = file(reader.as_raw_fd(), IOE_KIND_PIPE);
    let mut buf = [0; 16];
    let mut io = unit(IOE_OP_READ, &mut target, 0, &mut buf);
    assert_eq!(i.queue(&mut io.io), IOE_Q_QUEUED);
    assert_eq!(i.commit(), 0);
    test(&i, &mut io, &mut writer);
}

#[test]
fn a_wait_keeps_its_time() {
    require!(io_uring);
    with_a_read_that_waits(|i, io, writer| {
        assert_eq!(i.getevents(1, 2, 0).unwrap().len(), 0);
        let begin = Instant::now();
        assert_eq!(i.getevents(1, 2, 30_000_000).unwrap().len(), 0);
        assert!(begin.elapsed() >= Duration::from_millis(29), "{:?}", begin.elapsed());
        writer.write_all(b"0123456789").unwrap();
        assert_eq!(i.getevents(1, 2, -1).unwrap().len(), 1);
        assert_eq!((io.io.resid, io.io.error), (6, 0));
    });
}

#[test]
fn terminate_ends_one_wait_and_the_next_is_whole() {
    require!(io_uring);
    with_a_read_that_waits(|i, io, writer| {
        for _ in 0..3 {
            let (inst, terminate) = (i.inst as usize, i.ops.terminate.unwrap());
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                // SAFETY: any thread may, as long as the instance lives: it is joined below.
                unsafe { terminate(inst as *mut c_void) };
            });
            let begin = Instant::now();
            assert_eq!(i.getevents(1, 2, -1).unwrap().len(), 0);
            let waited = begin.elapsed();
            other.join().unwrap();
            assert!(waited < Duration::from_secs(1), "{waited:?}");
            assert_eq!(i.getevents(1, 2, 20_000_000).unwrap().len(), 0);
        }
        writer.write_all(b"0123456789abcdef").unwrap();
        assert_eq!(i.getevents(1, 2, -1).unwrap().len(), 1);
        assert_eq!((io.io.resid, io.io.error), (0, 0));
    });
}

#[test]
fn a_cancelled_request_comes_back() {
    require!(io_uring);
    with_a_read_that_waits(|i, io, writer| {
        // SAFETY: the instance lives; the request is whole.
        let cancel = |io: &mut Unit| unsafe { i.ops.cancel.unwrap()(i.inst, &mut *io.io) };
        match cancel(io) {
            // A kernel before 6.0 cannot.
            answer if answer == -libc::EOPNOTSUPP => writer.write_all(&[1; 16]).unwrap(),
            answer => assert_eq!(answer, IOE_CANCEL_PENDING),
        }
        assert_eq!(i.getevents(1, 2, -1).unwrap().len(), 1);
        assert!([0, libc::ECANCELED].contains(&io.io.error), "{}", io.io.error);
        assert_eq!(cancel(io), -libc::ENOENT, "nothing is in flight any more");
    });
}

#[test]
fn registered_files_follow_their_opening_and_closing() {
    require!(io_uring);
    let (host, job) = (TestHost::new(), job(2, &["registerfiles"]));
    let i = host.open(ops(), &job).unwrap();
    start(&i);
    let keep: Vec<File> = (0..3)
        .map(|seed| {
            let f = tempfile::tempfile().unwrap();
            f.write_all_at(&pattern(BLOCK, seed), 0).unwrap();
            f
        })
        .collect();
    let mut entry = file(-1, IOE_KIND_REGULAR);
    let own = keep[0].try_clone().unwrap();
    for round in 0..9 {
        let seed = round % 3;
        // SAFETY: two descriptors of this test's: the number stays, the file behind it changes.
        assert!(unsafe { libc::dup2(keep[seed].as_raw_fd(), own.as_raw_fd()) } >= 0);
        // SAFETY: the instance lives, the file is whole.
        assert_eq!(unsafe { ops().open_file.unwrap()(i.inst, &mut *entry) }, IOE_OPEN_HOST);
        entry.fd = own.as_raw_fd();
        for _ in 0..2 {
            let mut buf = vec![0; BLOCK];
            assert_eq!(run(&i, &mut unit(IOE_OP_READ, &mut entry, 0, &mut buf)), (0, 0));
            assert_eq!(buf, pattern(BLOCK, seed), "round {round}");
        }
        // SAFETY: as above; nothing is in flight.
        assert_eq!(unsafe { ops().close_file.unwrap()(i.inst, &mut *entry) }, 0);
        assert!(entry.engine_data.is_null());
    }
}

/// `add` of the engine's iodyno.iomem/1.
fn add(i: &TestInstance<'_>, region: &mut [u8]) -> i32 {
    let id = c"iodyno.iomem/1".as_ptr();
    // SAFETY: the table of this id is a constant of that type; the region outlives the instance.
    unsafe {
        let table = i.ops.get_extension.unwrap()(i.inst, id).cast::<ioe_iomem_1>();
        (*table).add.unwrap()(i.inst, region.as_mut_ptr().cast(), region.len() as u64, 0)
    }
}

#[test]
fn fixed_buffers_inside_the_region_and_ordinary_ones_outside() {
    require!(io_uring);
    let mut region = pattern(4 * BLOCK, 1);
    let mut outside = pattern(BLOCK, 2);
    let (host, job) = (TestHost::new(), job(2, &["fixedbufs", "registerfiles"]));
    let i = host.open(ops(), &job).unwrap();
    match add(&i, &mut region) {
        0 => {}
        // Not as root, with the small limit that systems have.
        errno => return assert_eq!(errno, -libc::ENOMEM, "{:?}", host.errors()),
    }
    let f = tempfile::tempfile().unwrap();
    let mut target = open(&i, &f);
    start(&i);
    let end = 4 * BLOCK as u64;
    assert_eq!(run(&i, &mut unit(IOE_OP_WRITE, &mut target, 0, &mut region)), (0, 0));
    assert_eq!(run(&i, &mut unit(IOE_OP_WRITE, &mut target, end, &mut outside)), (0, 0));
    let (head, tail) = region.split_at_mut(BLOCK);
    assert_eq!(run(&i, &mut unit(IOE_OP_READ, &mut target, end, head)), (0, 0));
    assert_eq!(head, pattern(BLOCK, 2));
    assert_eq!(tail, &pattern(4 * BLOCK, 1)[BLOCK..]);
    assert_eq!(run(&i, &mut unit(IOE_OP_READ, &mut target, 0, &mut outside)), (0, 0));
    assert_eq!(outside, pattern(BLOCK, 1));
}

#[test]
fn an_extension_that_nobody_knows_is_null() {
    let id = c"iodyno.zbd/1".as_ptr();
    // SAFETY: without an instance; a C string.
    assert!(unsafe { ops().get_extension.unwrap()(null_mut(), id) }.is_null());
}

#[test]
fn attached_rings_share_the_thread_that_submits() {
    require!(io_uring);
    let wish = Wish {
        entries: 4,
        iopoll: false,
        sqpoll: Some(None),
        task_run: TaskRun::Auto,
        attach: None,
    };
    let told = |ring: &Ring| {
        let fd = ring.descriptor().as_raw_fd();
        let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("SqThread:"));
        line.map(|pid| pid.trim().to_owned())
    };
    // SAFETY: no argument.
    let own = unsafe { libc::gettid() }.to_string();
    let thread_of = |ring: &Ring| loop {
        // The kernel tells the thread that made the ring until its own has begun.
        match told(ring) {
            Some(pid) if pid == own => std::thread::yield_now(),
            other => break other,
        }
    };
    let (one, two) = (share::attached(&wish).ok().unwrap(), share::attached(&wish).ok().unwrap());
    let alone = Ring::new(&wish).ok().unwrap();
    assert_eq!(thread_of(&one), thread_of(&two));
    if let Some(pid) = thread_of(&alone).filter(|pid| pid != "-1") {
        assert_ne!(Some(pid), thread_of(&one));
    }
    drop(one); // the first one's end leaves the others a back end
    let three = share::attached(&wish).ok().unwrap();
    assert_eq!(thread_of(&three), thread_of(&two));
}

#[test]
fn every_way_of_task_work_that_the_kernel_has() {
    require!(io_uring);
    for (value, kernel) in [(1, "6.1"), (2, "5.19"), (3, "5.11")] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
        let job = job.set("taskrun", ioe_value_v { u: value });
        match host.open(ops(), &job) {
            Ok(i) => {
                let f = tempfile::tempfile().unwrap();
                let mut target = open(&i, &f);
                let mut buf = [5; 512];
                assert_eq!(run(&i, &mut unit(IOE_OP_WRITE, &mut target, 0, &mut buf)), (0, 0));
            }
            Err(errno) => {
                assert_eq!(errno, -libc::EINVAL);
                iodyno_tests::needs::skip(&format!("taskrun {value} needs Linux {kernel}"));
            }
        };
    }
}

/// The words of errdetails for a request that ended with this errno.
fn details(i: &TestInstance<'_>, io: &mut Unit, errno: i32) -> String {
    io.io.error = errno;
    let mut text = [0 as c_char; 512];
    // SAFETY: the instance lives, the request is whole, and the buffer has that many bytes.
    unsafe {
        let told = i.ops.errdetails.unwrap()(i.inst, &*io.io, text.as_mut_ptr(), text.len());
        assert_eq!(told, 0);
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

#[test]
fn failures_are_put_into_words() {
    require!(io_uring);
    for (options, percent, errno, word) in [
        (&["nowait"][..], None, libc::EAGAIN, "ignore_error=EAGAIN"),
        (&["uncached"], None, libc::EOPNOTSUPP, "6.14"),
        (&[], Some("10"), libc::EPERM, "CAP_SYS_NICE"),
        (&[], None, libc::EINVAL, "direct=1"),
        (&[], None, libc::ENOSPC, "No space"),
    ] {
        let (host, mut job) = (TestHost::new(), job(1, options));
        if let Some(percent) = percent {
            job = job.set_text("cmdprio_percentage", percent);
        }
        let i = host.open(ops(), &job).unwrap();
        let (mut target, mut buf) = (file(-1, IOE_KIND_REGULAR), [0; 16]);
        let mut io = unit(IOE_OP_READ, &mut target, 0, &mut buf);
        let words = details(&i, &mut io, errno);
        assert!(words.contains(word), "{words}");
    }
}
