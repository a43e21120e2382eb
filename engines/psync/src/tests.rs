//! psync through its raw table, on temporary files and on devices that every Linux has.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;
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

/// Queues one request; the engine must complete it.
fn run(fd: i32, kind: u32, edit: impl FnOnce(&mut ioe_io), buf: &mut [u8]) -> Outcome {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let mut target = file(fd, kind);
    let mut io = request(IOE_OP_READ, &mut *target, 0, buf);
    edit(&mut io);
    assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
    assert!(io.resid <= io.len);
    Outcome { resid: io.resid, error: io.error }
}

fn transfer(f: &File, op: u32, offset: u64, buf: &mut [u8]) -> Outcome {
    let edit = |io: &mut ioe_io| (io.op, io.offset) = (op, offset);
    run(f.as_raw_fd(), IOE_KIND_REGULAR, edit, buf)
}

/// A request for a range and without data.
fn range(f: &File, kind: u32, op: u32, offset: u64, len: u64) -> Outcome {
    let edit = |io: &mut ioe_io| (io.op, io.offset, io.len) = (op, offset, len);
    run(f.as_raw_fd(), kind, edit, &mut [])
}

#[test]
fn it_is_synchronous_and_names_its_operations() {
    let o = ops();
    assert_eq!((o.flags, o.n_options), (IOE_F_SYNC, 0));
    assert!(o.getevents.is_none() && o.commit.is_none() && o.open_file.is_none());
    let (host, job) = (TestHost::new(), TestJob::new(o, 1));
    let i = host.open(o, &job).unwrap();
    let mut caps = ioe_caps {
        struct_size: size_of::<ioe_caps>() as u32,
        max_depth: 0,
        flags: o.flags,
        ops: 0,
        max_transfer: 0,
        mem_align: 0,
        reserved: 0,
    };
    // SAFETY: the instance lives.
    assert_eq!(unsafe { o.get_caps.unwrap()(i.inst, &mut caps) }, 0);
    assert_eq!((caps.ops, caps.flags), (0x7f, IOE_F_SYNC));
}

#[test]
fn what_was_written_is_read() {
    let f = tempfile::tempfile().unwrap();
    let source: Vec<u8> = (0..8192).map(|n| (n % 251) as u8).collect();
    let mut written = source.clone();
    assert_eq!(transfer(&f, IOE_OP_WRITE, 4096, &mut written), OK);
    assert_eq!(written, source, "a write leaves its source");
    let mut read = vec![0; 8192];
    assert_eq!(transfer(&f, IOE_OP_READ, 4096, &mut read), OK);
    assert_eq!(read, source);
    assert_eq!(f.metadata().unwrap().len(), 12288);
}

#[test]
fn reads_at_the_end_are_short_without_an_error() {
    let f = tempfile::tempfile().unwrap();
    (&f).write_all(&[7; 1000]).unwrap();
    for (offset, resid) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
        let outcome = transfer(&f, IOE_OP_READ, offset, &mut [0; 1024]);
        assert_eq!(outcome, Outcome { resid, error: 0 }, "at {offset}");
    }
}

#[test]
fn errors_come_back_as_errno_with_nothing_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, [1; 512]).unwrap();
    let reader = File::open(&path).unwrap();
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (f, op, offset, error) in [
        (&reader, IOE_OP_WRITE, 0, libc::EBADF),
        (&writer, IOE_OP_READ, 0, libc::EBADF),
        (&full, IOE_OP_WRITE, 0, libc::ENOSPC),
        (&writer, IOE_OP_WRITE, 1 << 63, libc::EINVAL),
        (&reader, IOE_OP_READ, u64::MAX, libc::EINVAL),
        (&reader, IOE_OP_ENGINE, 0, libc::EOPNOTSUPP),
    ] {
        let outcome = transfer(f, op, offset, &mut [0; 512]);
        assert_eq!(outcome, Outcome { resid: 512, error }, "op {op} at {offset}");
    }
    let no_file = run(-1, IOE_KIND_NONE, |io| io.file = null_mut(), &mut [0; 16]);
    assert_eq!(no_file, Outcome { resid: 16, error: libc::EBADF });
}

#[test]
fn a_file_size_limit_cuts_a_write_short() {
    // The limit belongs to the process: a child of its own, so that other tests keep theirs.
    let f = tempfile::tempfile().unwrap();
    // SAFETY: the child makes system calls, runs the engine, which allocates little, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let limit = libc::rlimit { rlim_cur: 1000, rlim_max: 1000 };
        // SAFETY: plain system calls.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
        }
        let short = transfer(&f, IOE_OP_WRITE, 0, &mut [1; 4096]);
        let none = transfer(&f, IOE_OP_WRITE, 1000, &mut [1; 4096]);
        let as_told = short == Outcome { resid: 3096, error: 0 }
            && none == Outcome { resid: 4096, error: libc::EFBIG };
        // SAFETY: no destructor of the test process may run in the child.
        unsafe { libc::_exit(i32::from(!as_told)) };
    }
    let mut status = -1;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
}

#[test]
fn data_is_made_durable() {
    let f = tempfile::tempfile().unwrap();
    (&f).write_all(&[7; 8192]).unwrap();
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        assert_eq!(range(&f, IOE_KIND_REGULAR, op, 0, 0), OK, "op {op}");
    }
    let sync_range = |flags| {
        let edit = |io: &mut ioe_io| {
            (io.op, io.len, io.flags) = (IOE_OP_SYNC_RANGE, 4096, flags);
        };
        run(f.as_raw_fd(), IOE_KIND_REGULAR, edit, &mut [])
    };
    let (before, write) = (IOE_IO_SYNC_WAIT_BEFORE, IOE_IO_SYNC_WRITE);
    for flags in [0, before, write, before | write, before | write | IOE_IO_SYNC_WAIT_AFTER] {
        assert_eq!(sync_range(flags), OK, "flags {flags:#x}");
    }
    let (reader, _writer) = UnixStream::pair().unwrap();
    let outcome = run(reader.as_raw_fd(), IOE_KIND_PIPE, |io| io.op = IOE_OP_FSYNC, &mut []);
    assert_eq!(outcome.error, libc::EINVAL);
}

#[test]
fn request_flags_reach_the_kernel() {
    let f = tempfile::tempfile().unwrap();
    for (op, flags) in [(IOE_OP_WRITE, IOE_IO_FUA), (IOE_OP_READ, IOE_IO_FUA | IOE_IO_HIPRI)] {
        let edit = |io: &mut ioe_io| (io.op, io.flags) = (op, flags);
        let outcome = run(f.as_raw_fd(), IOE_KIND_REGULAR, edit, &mut [3; 512]);
        // A kernel or file system may refuse to poll, but not in silence.
        assert!(outcome == OK || outcome.error == libc::EOPNOTSUPP, "{outcome:?}");
    }
    assert_eq!(f.metadata().unwrap().len(), 512);
}

#[test]
fn trim_and_write_zeroes_change_what_they_say_or_say_no() {
    let f = tempfile::tempfile().unwrap();
    f.write_all_at(&[7; 16384], 0).unwrap();
    f.sync_all().unwrap();
    let before = f.metadata().unwrap().blocks();
    let mut block = [1; 4096];
    for (op, offset) in [(IOE_OP_TRIM, 4096), (IOE_OP_WRITE_ZEROES, 8192)] {
        let outcome = range(&f, IOE_KIND_REGULAR, op, offset, 4096);
        f.read_exact_at(&mut block, offset).unwrap();
        match outcome.error {
            0 => assert_eq!((outcome.resid, block), (0, [0; 4096]), "op {op}"),
            errno => assert_eq!((errno, block), (libc::EOPNOTSUPP, [7; 4096]), "op {op}"),
        }
    }
    f.read_exact_at(&mut block, 0).unwrap();
    assert_eq!(block, [7; 4096], "nothing else changed");
    assert_eq!(f.metadata().unwrap().len(), 16384);
    assert!(f.metadata().unwrap().blocks() <= before);

    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    for op in [IOE_OP_TRIM, IOE_OP_WRITE_ZEROES] {
        assert_eq!(range(&null, IOE_KIND_CHAR, op, 0, 512).error, libc::EOPNOTSUPP);
        // Not a block device, whatever the kind says: the kernel has the last word.
        assert_ne!(range(&f, IOE_KIND_BLOCK, op, 0, 512).error, 0);
    }
}
