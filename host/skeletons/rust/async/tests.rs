//! The engine through its raw table, as iodyno calls it, on files without a name. `iodyno check`
//! tests the contract; here stands what is this engine's own.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn job(depth: u32, threads: u64) -> TestJob {
    TestJob::new(ops(), depth).set("threads", ioe_value_v { u: threads })
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

/// Queues, commits and waits for all of them.
fn run_all(instance: &TestInstance<'_>, ios: &mut [Box<ioe_io>]) {
    let count = ios.len() as u32;
    for io in ios.iter_mut() {
        assert_eq!(instance.queue(io), IOE_Q_QUEUED);
    }
    assert_eq!(instance.commit(), 0);
    let mut back = instance.getevents(count, count, -1).unwrap();
    let mut sent: Vec<*mut ioe_io> = ios.iter_mut().map(|io| &raw mut **io).collect();
    back.sort_unstable();
    sent.sort_unstable();
    assert_eq!(back, sent, "each unit once");
}

/// One request from beginning to end: bytes that were not done, and errno.
fn run(target: &File, edit: impl FnOnce(&mut ioe_io), buf: &mut [u8]) -> (u64, i32) {
    let (host, job) = (TestHost::new(), job(1, 1));
    let instance = host.open(ops(), &job).unwrap();
    let mut target = file(target.as_raw_fd(), IOE_KIND_REGULAR);
    let mut ios = [request(IOE_OP_READ, &mut *target, 0, buf)];
    edit(&mut ios[0]);
    run_all(&instance, &mut ios);
    (ios[0].resid, ios[0].error)
}

#[test]
fn what_was_written_is_read() {
    let (host, job) = (TestHost::new(), job(16, 3));
    let instance = host.open(ops(), &job).unwrap();
    let scratch = scratch();
    let mut target = file(scratch.as_raw_fd(), IOE_KIND_REGULAR);
    let target: *mut ioe_file = &mut *target;
    let mut blocks: Vec<Vec<u8>> = (0..16).map(|n| vec![n; 4096]).collect();
    for op in [IOE_OP_WRITE, IOE_OP_READ] {
        let offsets = (0..).map(|n| n * 4096);
        let requests = blocks.iter_mut().zip(offsets);
        let mut ios: Vec<_> = requests
            .map(|(block, offset)| request(op, target, offset, block))
            .collect();
        run_all(&instance, &mut ios);
        assert!(ios.iter().all(|io| (io.resid, io.error) == (0, 0)));
        let right = (0..16).map(|n| vec![n; 4096]);
        assert!(
            blocks.iter().cloned().eq(right),
            "a write leaves its source, a read fetches it"
        );
        if op == IOE_OP_WRITE {
            blocks.iter_mut().for_each(|block| block.fill(0xff));
        }
    }
}

#[test]
fn one_more_than_the_depth_is_busy() {
    let (host, job) = (TestHost::new(), job(2, 1));
    let instance = host.open(ops(), &job).unwrap();
    let scratch = scratch();
    let mut target = file(scratch.as_raw_fd(), IOE_KIND_REGULAR);
    let target: *mut ioe_file = &mut *target;
    let mut bufs = [[0; 512]; 3];
    let mut ios: Vec<_> = bufs
        .iter_mut()
        .map(|buf| request(IOE_OP_WRITE, target, 0, buf))
        .collect();
    let answers: Vec<i32> = ios.iter_mut().map(|io| instance.queue(io)).collect();
    assert_eq!(answers, [IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_BUSY]);
    assert_eq!(
        instance.getevents(0, 2, 0).unwrap().len(),
        0,
        "not committed"
    );
    assert_eq!(instance.commit(), 0);
    assert_eq!(instance.getevents(2, 2, -1).unwrap().len(), 2);
    run_all(&instance, &mut ios[2..]);
}

#[test]
fn waits_end_by_time_or_by_terminate() {
    let (host, job) = (TestHost::new(), job(1, 1));
    let instance = host.open(ops(), &job).unwrap();
    // Nothing is in flight: without these ends the waits would last for ever.
    assert_eq!(instance.getevents(1, 1, 0).unwrap().len(), 0);
    assert_eq!(instance.getevents(1, 1, 1_000_000).unwrap().len(), 0);
    // SAFETY: the instance lives.
    unsafe { ops().terminate.unwrap()(instance.inst) };
    assert_eq!(
        instance.getevents(1, 1, -1).unwrap().len(),
        0,
        "the interrupted wait"
    );
    let scratch = scratch();
    let mut target = file(scratch.as_raw_fd(), IOE_KIND_REGULAR);
    let mut buf = [0; 512];
    run_all(
        &instance,
        &mut [request(IOE_OP_WRITE, &mut *target, 0, &mut buf)],
    );
}

#[test]
fn the_end_of_the_file_is_no_error() {
    let target = scratch();
    target.write_all_at(&[7; 1000], 0).unwrap();
    for (offset, left) in [(0, 24), (600, 624), (1000, 1024), (5000, 1024)] {
        let at = |io: &mut ioe_io| io.offset = offset;
        assert_eq!(run(&target, at, &mut [0; 1024]), (left, 0), "{offset}");
    }
}

#[test]
fn requests_without_data_are_done_or_refused() {
    let target = scratch();
    target.write_all_at(&[7; 16384], 0).unwrap();
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        assert_eq!(run(&target, |io| io.op = op, &mut []), (0, 0), "{op}");
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
    let (host, job) = (TestHost::new(), job(1, 1));
    let instance = host.open(ops(), &job).unwrap();
    let mut target = file(-1, IOE_KIND_REGULAR);
    let mut buf = [0; 512];
    let mut ios = [request(IOE_OP_READ, &mut *target, 4096, &mut buf)];
    run_all(&instance, &mut ios);
    let io = &ios[0];
    assert_eq!((io.resid, io.error), (512, libc::EBADF));
    let mut words = [0_u8; 256];
    let errdetails = ops().errdetails.unwrap();
    // SAFETY: the instance lives, the request is back, and the buffer has this length.
    let status =
        unsafe { errdetails(instance.inst, &**io, words.as_mut_ptr().cast(), words.len()) };
    assert_eq!(status, 0);
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(
        words.starts_with("read of 512 bytes at offset 4096: "),
        "{words}"
    );
}

#[test]
fn a_pipe_is_refused_in_words() {
    let (host, job) = (TestHost::new(), job(1, 1));
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
