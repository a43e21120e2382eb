//! splice through its raw table: data both ways, ends, errors that leave nothing in the pipe.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;

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

/// An instance for one test, with a largest request of so many bytes.
fn with(max_bs: u64, test: impl FnOnce(&TestInstance<'_>)) {
    let (host, mut job) = (TestHost::new(), TestJob::new(ops(), 1));
    job.raw().max_bs = max_bs;
    test(&host.open(ops(), &job).unwrap());
}

fn run(i: &TestInstance<'_>, f: &File, (op, offset): (u32, u64), buf: &mut [u8]) -> Outcome {
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    let mut io = request(op, &mut *target, offset, buf);
    assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
    assert!(io.resid <= io.len);
    Outcome { resid: io.resid, error: io.error }
}

#[test]
fn it_is_synchronous_and_has_no_options() {
    let o = ops();
    assert_eq!((o.flags, o.n_options), (IOE_F_SYNC, 0));
    assert!(o.getevents.is_none() && o.commit.is_none());
}

#[test]
fn any_length_at_any_offset_goes_through_any_pipe() {
    for max_bs in [1, 4096, 1 << 20, 8 << 20, u64::MAX] {
        with(max_bs, |i| {
            let f = tempfile::tempfile().unwrap();
            for (len, offset) in
                [(1, 0), (4096, 4096), (4095, 1), (65_536, 3), (1 << 20, 12_345), (3_000_001, 7)]
            {
                let source: Vec<u8> = (0..len).map(|n| ((n + len) % 251) as u8).collect();
                let mut written = source.clone();
                assert_eq!(run(i, &f, (IOE_OP_WRITE, offset), &mut written), OK, "{len}");
                assert!(written == source, "a write leaves its source");
                // The buffer is the host's again: what it does with it is not in the file.
                written.fill(0xaa);
                let mut found = vec![0; len];
                f.read_exact_at(&mut found, offset).unwrap();
                assert!(found == source, "{len} bytes at {offset} were written, {max_bs}");
                assert_eq!(run(i, &f, (IOE_OP_READ, offset), &mut written), OK, "{len}");
                assert!(written == source, "{len} bytes at {offset} were read, {max_bs}");
            }
        });
    }
}

#[test]
fn reads_at_the_end_are_short_without_an_error() {
    with(4096, |i| {
        let f = tempfile::tempfile().unwrap();
        f.write_all_at(&[7; 1000], 0).unwrap();
        for (offset, resid) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
            let outcome = run(i, &f, (IOE_OP_READ, offset), &mut [0; 1024]);
            assert_eq!(outcome, Outcome { resid, error: 0 }, "at {offset}");
        }
    });
}

#[test]
fn errors_leave_nothing_for_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 8192]).unwrap();
    let reader = File::open(&path).unwrap();
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let appender = OpenOptions::new().append(true).open(&path).unwrap();
    with(4096, |i| {
        for (f, op, offset, error) in [
            (&reader, IOE_OP_WRITE, 0, Some(libc::EBADF)),
            (&writer, IOE_OP_READ, 0, Some(libc::EBADF)),
            (&appender, IOE_OP_WRITE, 0, Some(libc::EINVAL)),
            (&full, IOE_OP_WRITE, 0, None), // ENOSPC or EINVAL, by the kernel's version
            (&writer, IOE_OP_WRITE, 1 << 63, Some(libc::EINVAL)),
            (&reader, IOE_OP_READ, u64::MAX - 10, Some(libc::EINVAL)),
            (&reader, IOE_OP_ENGINE, 0, Some(libc::EOPNOTSUPP)),
        ] {
            let outcome = run(i, f, (op, offset), &mut [9; 4096]);
            assert_ne!(outcome.error, 0, "op {op} at {offset}");
            assert_eq!(outcome.resid, 4096, "op {op} at {offset}");
            assert!(error.is_none_or(|e| e == outcome.error), "{outcome:?}: {op} at {offset}");
            let mut read = [0; 4096];
            assert_eq!(run(i, &reader, (IOE_OP_READ, 0), &mut read), OK);
            assert_eq!(read, [1; 4096], "after op {op} at {offset}");
        }
        let mut none = request(IOE_OP_READ, null_mut(), 0, &mut [0; 16]);
        assert_eq!((i.queue(&mut none), none.error), (IOE_Q_COMPLETED, libc::EBADF));
    });
    assert_eq!(std::fs::read(&path).unwrap(), [1; 8192]);
}

#[test]
fn a_buffer_that_is_not_there_is_an_error_and_harms_nobody() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[1; 8192], 0).unwrap();
    with(4096, |i| {
        let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
        for op in [IOE_OP_READ, IOE_OP_WRITE] {
            let mut io = request(op, &mut *target, 0, &mut []);
            io.len = 4096;
            assert_eq!((i.queue(&mut io), io.error), (IOE_Q_COMPLETED, libc::EFAULT));
            let mut read = [0; 4096];
            assert_eq!(run(i, &f, (IOE_OP_READ, 0), &mut read), OK);
            assert_eq!(read, [1; 4096]);
        }
    });
}

#[test]
fn syncs_trims_and_zeroes_are_the_kernels() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 16_384], 0).unwrap();
    with(4096, |i| {
        let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
        for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC, IOE_OP_SYNC_RANGE] {
            let mut io = request(op, &mut *target, 0, &mut []);
            assert_eq!((i.queue(&mut io), io.error, io.resid), (IOE_Q_COMPLETED, 0, 0), "op {op}");
        }
        for (op, offset) in [(IOE_OP_TRIM, 4096), (IOE_OP_WRITE_ZEROES, 8192)] {
            let mut io = request(op, &mut *target, offset, &mut []);
            io.len = 4096;
            assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
            let mut block = [1; 4096];
            f.read_exact_at(&mut block, offset).unwrap();
            match io.error {
                0 => assert_eq!((io.resid, block), (0, [0; 4096]), "op {op}"),
                errno => assert_eq!((errno, block), (libc::EOPNOTSUPP, [7; 4096]), "op {op}"),
            }
        }
        let mut io = request(IOE_OP_WRITE, &mut *target, 0, &mut [8; 512]);
        io.flags = IOE_IO_FUA;
        assert_eq!((i.queue(&mut io), io.error, io.resid), (IOE_Q_COMPLETED, 0, 0));
    });
}

#[test]
fn pipes_and_directories_are_refused_in_words() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    for (kind, what) in [(IOE_KIND_PIPE, "a pipe or socket"), (IOE_KIND_DIR, "a directory")] {
        let mut target = file(-1, kind);
        // SAFETY: the instance lives, the file is whole.
        let status = unsafe { ops().open_file.unwrap()(i.inst, &mut *target) };
        assert_eq!(status, -libc::EINVAL);
        let said = host.errors().pop().unwrap().1;
        assert!(said.contains("target") && said.contains(what), "{said}");
    }
}
