//! vsync through its raw table: who is whose neighbour, and whose result is whose.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::File;
use std::os::fd::AsRawFd;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}
use iodyno_engine_support::fd;
use std::os::unix::fs::FileExt;

/// A target that the engine was told of, as a host does.
fn opened(i: &TestInstance<'_>, f: &File, index: u32) -> Box<ioe_file> {
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    target.index = index;
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { ops().open_file.unwrap()(i.inst, &mut *target) }, IOE_OPEN_HOST);
    target
}

/// Calls of write and its kin that this thread has made so far.
fn write_calls() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").expect("a kernel that counts");
    let line = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.expect("syscw").parse().expect("a number")
}

/// What came of units, in the order in which they came back: offset, bytes done, errno.
fn reap(i: &TestInstance<'_>, count: usize) -> Vec<(u64, u64, i32)> {
    assert_eq!(i.getevents(0, 64, 0).unwrap().len(), 0, "nothing before commit");
    assert_eq!(i.commit(), 0);
    let units = i.getevents(count as u32, 64, -1).unwrap();
    assert_eq!(units.len(), count);
    // SAFETY: the test's own requests, handed back.
    let result = |io: *mut ioe_io| unsafe { ((*io).offset, (*io).len - (*io).resid, (*io).error) };
    units.into_iter().map(result).collect()
}

#[test]
fn neighbours_are_taken_and_others_are_busy() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 8));
    let i = host.open(ops(), &job).unwrap();
    let (f, g) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    f.set_len(1 << 20).unwrap();
    let (mut t, mut other) = (opened(&i, &f, 0), opened(&i, &g, 1));
    let mut bufs = [[0; 512]; 9];
    let [b0, b1, b2, rest @ ..] = &mut bufs;
    let mut first = request(IOE_OP_READ, &mut *t, 4096, b0);
    let mut second = request(IOE_OP_READ, &mut *t, 4608, b1);
    let mut third = request(IOE_OP_READ, &mut *t, 5120, b2);
    assert_eq!(i.queue(&mut first), IOE_Q_QUEUED);
    assert_eq!(i.queue(&mut second), IOE_Q_QUEUED);
    let [hole, before, write, elsewhere, flagged, sync] = rest;
    let mut sync = request(IOE_OP_FSYNC, &mut *t, 0, &mut sync[..0]);
    let mut flagged = request(IOE_OP_READ, &mut *t, 5120, flagged);
    flagged.flags = IOE_IO_HIPRI;
    for (what, io) in [
        ("a hole between", &mut request(IOE_OP_READ, &mut *t, 6144, hole)),
        ("the one before", &mut request(IOE_OP_READ, &mut *t, 3584, before)),
        ("a write", &mut request(IOE_OP_WRITE, &mut *t, 5120, write)),
        ("another file", &mut request(IOE_OP_READ, &mut *other, 5120, elsewhere)),
        ("another flag", &mut flagged),
        ("a sync", &mut sync),
    ] {
        assert_eq!(i.queue(io), IOE_Q_BUSY, "{what}");
    }
    assert_eq!(i.queue(&mut third), IOE_Q_QUEUED, "Busy has changed nothing");
    let all = [(4096, 512, 0), (4608, 512, 0), (5120, 512, 0)];
    assert_eq!(reap(&i, 3), all);
    assert_eq!((i.queue(&mut sync), sync.error), (IOE_Q_COMPLETED, 0));
    assert_eq!(i.queue(&mut flagged), IOE_Q_QUEUED, "first of a chain of its own");
    reap(&i, 1);
}

#[test]
fn a_chain_is_one_call_and_no_seek_to_where_it_is() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut t = opened(&i, &f, 0);
    let mut bufs: Vec<[u8; 512]> = (1..=4).map(|n| [n; 512]).collect();
    for round in 0..3 {
        let mut ios: Vec<_> = bufs
            .iter_mut()
            .enumerate()
            .map(|(n, b)| request(IOE_OP_WRITE, &mut *t, (round * 4 + n as u64) * 512, b))
            .collect();
        assert!(ios.iter_mut().all(|io| i.queue(io) == IOE_Q_QUEUED));
        let before = write_calls();
        assert!(reap(&i, 4).iter().all(|(_, done, errno)| (*done, *errno) == (512, 0)));
        assert_eq!(write_calls() - before, 1, "four requests, one call");
    }
    let mut all = vec![0; 12 * 512];
    f.read_exact_at(&mut all, 0).unwrap();
    let expected: Vec<u8> = (0..12).flat_map(|n| [n % 4 + 1; 512]).collect();
    assert_eq!(all, expected);
    // Moved behind its back: the next chain begins where the descriptor is.
    fd::seek(f.as_raw_fd(), 0).unwrap();
    let mut io = request(IOE_OP_WRITE, &mut *t, 12 * 512, &mut bufs[3]);
    assert_eq!(i.queue(&mut io), IOE_Q_QUEUED);
    reap(&i, 1);
    f.read_exact_at(&mut all[..512], 0).unwrap();
    assert_eq!(all[..512], [4; 512]);
}

#[test]
fn the_end_of_a_file_ends_a_chain() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 8));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[9; 1000], 0).unwrap();
    let mut t = opened(&i, &f, 0);
    let mut bufs = [[0_u8; 512]; 4];
    let mut ios: Vec<_> =
        (0..).zip(&mut bufs).map(|(n, b)| request(IOE_OP_READ, &mut *t, n * 512, b)).collect();
    assert!(ios.iter_mut().all(|io| i.queue(io) == IOE_Q_QUEUED));
    assert_eq!(reap(&i, 4), [(0, 512, 0), (512, 488, 0), (1024, 0, 0), (1536, 0, 0)]);
    drop(ios);
    assert_eq!((bufs[0], bufs[1][487], bufs[1][488]), ([9; 512], 9, 0));
}

#[test]
fn an_error_is_of_the_requests_that_meet_it() {
    // The limit belongs to the process: a child of its own, so that other tests keep theirs.
    let f = tempfile::tempfile().unwrap();
    // SAFETY: the child makes system calls, runs the engine, which allocates little, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let limit = libc::rlimit { rlim_cur: 700, rlim_max: 700 };
        // SAFETY: plain system calls.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
        }
        let (host, job) = (TestHost::new(), TestJob::new(ops(), 8));
        let i = host.open(ops(), &job).unwrap();
        let mut t = opened(&i, &f, 0);
        let mut bufs = [[1_u8; 512]; 3];
        let mut ios: Vec<_> =
            (0..).zip(&mut bufs).map(|(n, b)| request(IOE_OP_WRITE, &mut *t, n * 512, b)).collect();
        let taken = ios.iter_mut().all(|io| i.queue(io) == IOE_Q_QUEUED);
        let too_large = libc::EFBIG;
        let as_told = taken && reap(&i, 3) == [(0, 512, 0), (512, 188, 0), (1024, 0, too_large)];
        // SAFETY: no destructor of the test process may run in the child.
        unsafe { libc::_exit(i32::from(!as_told)) };
    }
    let mut status = -1;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 8));
    let i = host.open(ops(), &job).unwrap();
    let mut t = file(-1, IOE_KIND_REGULAR);
    let mut bufs = [[1_u8; 512]; 2];
    let mut ios: Vec<_> =
        (0..).zip(&mut bufs).map(|(n, b)| request(IOE_OP_READ, &mut *t, n * 512, b)).collect();
    assert!(ios.iter_mut().all(|io| i.queue(io) == IOE_Q_QUEUED));
    assert_eq!(reap(&i, 2), [(0, 0, libc::EBADF), (512, 0, libc::EBADF)]);
}

#[test]
fn one_more_than_the_depth_is_busy_until_it_is_reaped() {
    for depth in [1, 3, 8] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
        let i = host.open(ops(), &job).unwrap();
        let f = tempfile::tempfile().unwrap();
        let mut t = opened(&i, &f, 0);
        let mut bufs = vec![[0_u8; 512]; depth as usize + 1];
        let mut ios: Vec<_> =
            (0..).zip(&mut bufs).map(|(n, b)| request(IOE_OP_READ, &mut *t, n * 512, b)).collect();
        let answers: Vec<i32> = ios.iter_mut().map(|io| i.queue(io)).collect();
        assert_eq!(answers.iter().filter(|a| **a == IOE_Q_QUEUED).count(), depth as usize);
        assert_eq!(i.commit(), 0);
        assert_eq!(i.queue(ios.last_mut().unwrap()), IOE_Q_BUSY, "done, not handed back");
        assert_eq!(i.getevents(depth, depth, -1).unwrap().len(), depth as usize);
        assert_eq!(i.queue(ios.last_mut().unwrap()), IOE_Q_QUEUED);
        reap(&i, 1);
    }
}
