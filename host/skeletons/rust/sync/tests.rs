//! The engine through its raw table, as iodyno calls it, on files without a name. `iodyno check`
//! tests the contract; here stands what is this engine's own.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// A file that is gone when it is closed.
fn scratch() -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("__NAME__-test-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

/// One request from beginning to end: bytes that were not done, and errno.
fn run(target: &File, edit: impl FnOnce(&mut ioe_io), buf: &mut [u8]) -> (u64, i32) {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).unwrap();
    let mut target = file(target.as_raw_fd(), IOE_KIND_REGULAR);
    let mut io = request(IOE_OP_READ, &mut *target, 0, buf);
    edit(&mut io);
    assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
    (io.resid, io.error)
}

fn at(op: u32, offset: u64) -> impl FnOnce(&mut ioe_io) {
    move |io| (io.op, io.offset) = (op, offset)
}

#[test]
fn what_was_written_is_read() {
    let target = scratch();
    let source: Vec<u8> = (0..8192).map(|n| (n % 251) as u8).collect();
    assert_eq!(
        run(&target, at(IOE_OP_WRITE, 4096), &mut source.clone()),
        (0, 0)
    );
    let mut read = vec![0; 8192];
    assert_eq!(run(&target, at(IOE_OP_READ, 4096), &mut read), (0, 0));
    assert_eq!(read, source);
    let flags = |io: &mut ioe_io| (io.op, io.flags) = (IOE_OP_WRITE, IOE_IO_FUA);
    assert_eq!(run(&target, flags, &mut [7; 512]), (0, 0));
}

#[test]
fn the_end_of_the_file_is_no_error() {
    let target = scratch();
    target.write_all_at(&[7; 1000], 0).unwrap();
    for (offset, left) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
        assert_eq!(
            run(&target, at(IOE_OP_READ, offset), &mut [0; 1024]),
            (left, 0),
            "{offset}"
        );
    }
}

#[test]
fn requests_without_data_are_done_or_refused() {
    let target = scratch();
    target.write_all_at(&[7; 16384], 0).unwrap();
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        assert_eq!(run(&target, at(op, 0), &mut []), (0, 0), "{op}");
    }
    let unknown = |io: &mut ioe_io| (io.op, io.len) = (IOE_OP_ENGINE, 4096);
    assert_eq!(run(&target, unknown, &mut []), (4096, libc::EOPNOTSUPP));
    let trim = |io: &mut ioe_io| (io.op, io.offset, io.len) = (IOE_OP_TRIM, 4096, 4096);
    let answer = run(&target, trim, &mut []);
    let mut block = [1; 4096];
    target.read_exact_at(&mut block, 4096).unwrap();
    // Not every file system can, but none may do nothing in silence.
    let trimmed = (answer, block) == ((0, 0), [0; 4096]);
    assert!(
        trimmed || (answer, block) == ((4096, libc::EOPNOTSUPP), [7; 4096]),
        "{answer:?}"
    );
}

#[test]
fn a_failure_has_words() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).unwrap();
    let mut target = file(-1, IOE_KIND_REGULAR);
    let mut buf = [0; 512];
    let mut io = request(IOE_OP_READ, &mut *target, 4096, &mut buf);
    assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
    assert_eq!((io.resid, io.error), (512, libc::EBADF));
    let mut words = [0_u8; 256];
    let errdetails = ops().errdetails.unwrap();
    // SAFETY: the instance lives, the request is back, and the buffer has this length.
    let status = unsafe { errdetails(instance.inst, &*io, words.as_mut_ptr().cast(), words.len()) };
    assert_eq!(status, 0);
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(
        words.starts_with("read of 512 bytes at offset 4096: "),
        "{words}"
    );
}

#[test]
fn a_pipe_is_refused_in_words() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).unwrap();
    let open_file = ops().open_file.unwrap();
    for (kind, status) in [
        (IOE_KIND_PIPE, -libc::EINVAL),
        (IOE_KIND_REGULAR, IOE_OPEN_HOST),
    ] {
        let mut target = file(-1, kind);
        // SAFETY: the instance lives, the file is whole.
        assert_eq!(unsafe { open_file(instance.inst, &mut *target) }, status);
    }
    assert!(
        host.errors()[0].1.contains("no offsets"),
        "{:?}",
        host.errors()
    );
}

#[test]
fn the_option_delay_holds() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let job = job.set("delay", ioe_value_v { u: 5_000_000 });
    let instance = host.open(ops(), &job).unwrap();
    let target = scratch();
    let mut target = file(target.as_raw_fd(), IOE_KIND_REGULAR);
    let mut buf = [0; 512];
    let mut io = request(IOE_OP_WRITE, &mut *target, 0, &mut buf);
    let begin = Instant::now();
    assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
    assert!(begin.elapsed() >= Duration::from_millis(5));
}
