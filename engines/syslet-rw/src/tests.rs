//! syslet-rw through its raw table: what is Completed, what is Queued, and how it comes back.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000_000;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// An instance for one test.
fn with(depth: u32, test: impl FnOnce(&TestInstance<'_>)) {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
    test(&host.open(ops(), &job).unwrap());
}

/// A file as the host shows it, and opened by it.
fn opened(i: &TestInstance<'_>, f: &File, open_flags: u32) -> Box<ioe_file> {
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    target.open_flags |= open_flags;
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { ops().open_file.unwrap()(i.inst, &mut *target) }, IOE_OPEN_HOST);
    target
}

/// Brings one request to its end, however it goes there; whether it was Queued.
fn finish(i: &TestInstance<'_>, io: &mut ioe_io) -> bool {
    match i.queue(io) {
        IOE_Q_COMPLETED => false,
        IOE_Q_QUEUED => {
            assert_eq!(i.commit(), 0);
            assert_eq!(i.getevents(1, 4, -1).unwrap(), [&raw mut *io]);
            true
        }
        other => panic!("queue answered {other}"),
    }
}

#[test]
fn what_was_written_is_read_with_and_without_a_try() {
    let f = tempfile::tempfile().unwrap();
    for (round, flags) in [0, IOE_OPEN_DIRECT, IOE_OPEN_SYNC].into_iter().enumerate() {
        with(1, |i| {
            let mut target = opened(i, &f, flags);
            let source: Vec<u8> = (0..50_000).map(|n| ((n + round) % 251) as u8).collect();
            let mut buf = source.clone();
            let mut write = request(IOE_OP_WRITE, &mut *target, 1000, &mut buf);
            let queued = finish(i, &mut write);
            assert_eq!((write.error, write.resid), (0, 0));
            assert!(queued || flags == 0, "a write that has to wait is not tried");
            let mut found = vec![0; 50_000];
            f.read_exact_at(&mut found, 1000).unwrap();
            assert!(found == source && buf == source);
            found.fill(0);
            let mut read = request(IOE_OP_READ, &mut *target, 1000, &mut found);
            let queued = finish(i, &mut read);
            assert_eq!((read.error, read.resid), (0, 0));
            assert!(found == source, "flags {flags:#x}");
            assert!(queued || flags & IOE_OPEN_DIRECT == 0, "no try without the page cache");
        });
    }
}

#[test]
fn what_is_in_memory_is_answered_in_place() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 4096], 0).unwrap();
    let mut buf = [0_u8; 4096];
    let part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    // SAFETY: one iovec over an array that is writable.
    let asked = unsafe { libc::preadv2(f.as_raw_fd(), &part, 1, 0, libc::RWF_NOWAIT) };
    with(1, |i| {
        let mut target = opened(i, &f, 0);
        for _ in 0..3 {
            let mut read = request(IOE_OP_READ, &mut *target, 0, &mut buf);
            let queued = finish(i, &mut read);
            assert_eq!((read.error, read.resid), (0, 0));
            assert_eq!(queued, asked != 4096, "the kernel says {asked} to RWF_NOWAIT");
        }
    });
}

#[test]
fn what_ends_first_comes_first() {
    let f = tempfile::tempfile().unwrap();
    let in_file = |at, byte| {
        let begin = Instant::now();
        let mut found = [0];
        while f.read_at(&mut found, at).unwrap() != 1 || found[0] != byte {
            assert!(begin.elapsed() < Duration::from_secs(30), "{byte} at {at}");
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(50)); // what is written is soon told
    };
    with(2, |i| {
        let mut target = opened(i, &f, IOE_OPEN_DIRECT); // all go to threads
        let (mut one, mut two) = ([1; 1], [1; 1]);
        let mut ios = [
            request(IOE_OP_WRITE, &mut *target, 0, &mut one),
            request(IOE_OP_WRITE, &mut *target, 1, &mut two),
        ];
        for (n, io) in ios.iter_mut().enumerate() {
            assert_eq!(i.queue(io), IOE_Q_QUEUED);
            assert_eq!(i.commit(), 0);
            in_file(n as u64, 1);
        }
        // The first one, queued again and done again, does not get ahead of the second.
        for (round, n) in [0, 1, 0, 1, 0].into_iter().enumerate() {
            assert_eq!(i.getevents(1, 1, -1).unwrap(), [&raw mut *ios[n]], "round {round}");
            let byte = round as u8 + 2;
            // SAFETY: the buffer of this request, which is the test's at this moment.
            unsafe { ios[n].buf.cast::<u8>().write(byte) };
            assert_eq!(i.queue(&mut ios[n]), IOE_Q_QUEUED);
            assert_eq!(i.commit(), 0);
            in_file(n as u64, byte);
        }
        assert_eq!(i.getevents(2, 2, -1).unwrap().len(), 2);
    });
}

#[test]
fn the_end_of_a_file_is_no_error_and_errors_are_told() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 1000], 0).unwrap();
    for flags in [0, IOE_OPEN_DIRECT] {
        with(1, |i| {
            let mut target = opened(i, &f, flags);
            for (offset, resid) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
                let mut buf = [0; 1024];
                let mut io = request(IOE_OP_READ, &mut *target, offset, &mut buf);
                finish(i, &mut io);
                assert_eq!((io.error, io.resid), (0, resid), "at {offset}");
            }
            for (op, offset, error) in [
                (IOE_OP_READ, u64::MAX, libc::EINVAL),
                (IOE_OP_WRITE, 1 << 63, libc::EINVAL),
                (IOE_OP_ENGINE, 0, libc::EOPNOTSUPP),
            ] {
                let mut buf = [0; 16];
                let mut io = request(op, &mut *target, offset, &mut buf);
                finish(i, &mut io);
                assert_eq!((io.error, io.resid), (error, 16), "op {op} at {offset}");
            }
            let mut buf = [0; 16];
            let mut none = request(IOE_OP_READ, null_mut(), 0, &mut buf);
            finish(i, &mut none);
            assert_eq!((none.error, none.resid), (libc::EBADF, 16));
        });
    }
}

#[test]
fn syncs_are_queued_and_done() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 8192], 0).unwrap();
    with(1, |i| {
        let mut target = opened(i, &f, 0);
        for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC, IOE_OP_SYNC_RANGE] {
            let mut io = request(op, &mut *target, 0, &mut []);
            assert!(finish(i, &mut io), "op {op} may wait");
            assert_eq!((io.error, io.resid), (0, 0), "op {op}");
        }
    });
}

#[test]
fn every_unit_comes_back_once_at_any_depth() {
    let f = tempfile::tempfile().unwrap();
    f.set_len(1 << 20).unwrap();
    for depth in [1, 3, 64, 65, 200] {
        with(depth, |i| {
            let mut target = opened(i, &f, IOE_OPEN_DIRECT); // all go to threads
            let mut bufs = vec![[0_u8; 4096]; depth as usize + 1];
            let mut ios: Vec<_> =
                bufs.iter_mut().map(|buf| request(IOE_OP_WRITE, &mut *target, 0, buf)).collect();
            for round in 0..20_u8 {
                for (n, io) in ios.iter_mut().enumerate() {
                    io.offset = n as u64 * 4096;
                    // SAFETY: the buffer of this request, which is the test's at this moment.
                    unsafe { io.buf.cast::<u8>().write_bytes(round + n as u8, 4096) };
                    let last = n == depth as usize;
                    let expected = if last { IOE_Q_BUSY } else { IOE_Q_QUEUED };
                    assert_eq!(i.queue(io), expected, "{n} of {depth}");
                }
                assert_eq!(i.getevents(0, depth, 0).unwrap().len(), 0, "not committed");
                assert_eq!(i.commit(), 0);
                let mut back = i.getevents(1, 2, -1).unwrap();
                while back.len() < depth as usize {
                    let left = depth - back.len() as u32;
                    back.extend(i.getevents(left.min(3), left, -1).unwrap());
                }
                assert_eq!(i.getevents(0, depth, 0).unwrap().len(), 0);
                let mut expected: Vec<*mut ioe_io> =
                    ios[..depth as usize].iter_mut().map(|io| &raw mut **io).collect();
                back.sort();
                expected.sort();
                assert_eq!(back, expected);
                assert!(ios[..depth as usize].iter().all(|io| io.error == 0 && io.resid == 0));
                for n in 0..u64::from(depth) {
                    let mut found = [0; 4096];
                    f.read_exact_at(&mut found, n * 4096).unwrap();
                    assert_eq!(found, [round + n as u8; 4096]);
                }
            }
        });
    }
}

#[test]
fn a_wait_ends_with_its_time_or_by_terminate() {
    let (ours, _theirs) = std::io::pipe().unwrap();
    with(2, |i| {
        let mut target = file(ours.as_raw_fd(), IOE_KIND_PIPE);
        let mut io = request(IOE_OP_SYNC_RANGE, &mut *target, 0, &mut []);
        assert!(finish(i, &mut io));
        assert_ne!(io.error, 0, "a pipe has no range");
        let begin = Instant::now();
        assert_eq!(i.getevents(1, 2, SECOND / 50).unwrap().len(), 0);
        assert!(begin.elapsed() >= Duration::from_millis(20));
        let inst = i.inst as usize;
        let waker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            // SAFETY: terminate may come from any thread while the instance lives.
            unsafe { ops().terminate.unwrap()(inst as *mut _) };
        });
        assert_eq!(i.getevents(1, 2, 60 * SECOND).unwrap().len(), 0);
        assert!(begin.elapsed() < Duration::from_secs(30), "terminate woke it");
        waker.join().unwrap();
    });
}

#[test]
fn threads_are_as_many_as_the_job_is_deep_and_end_with_the_instance() {
    let threads = || {
        let all = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        all.filter(|t| {
            let name = std::fs::read_to_string(t.path().join("comm")).unwrap_or_default();
            name.trim() == "syslet-rw"
        })
        .count()
    };
    // Other tests of this process have threads of the same name: what is certain is a lower bound.
    with(500, |i| {
        assert!(threads() >= 500);
        let mut caps = ioe_caps {
            struct_size: size_of::<ioe_caps>() as u32,
            max_depth: 0,
            flags: 0,
            ops: 0,
            max_transfer: 0,
            mem_align: 0,
            reserved: 0,
        };
        // SAFETY: the instance lives.
        assert_eq!(unsafe { ops().get_caps.unwrap()(i.inst, &mut caps) }, 0);
        assert_eq!((caps.max_depth, caps.flags, caps.ops), (1024, 0, 0x7f));
    });
    let begin = Instant::now();
    while threads() >= 500 {
        assert!(begin.elapsed() < Duration::from_secs(10), "{} are left", threads());
        std::thread::yield_now();
    }
}
