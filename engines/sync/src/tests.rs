//! sync through its raw table: above all, that it knows where its descriptor stands.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// A target that the engine was told of, as a host does.
fn opened(i: &TestInstance<'_>, f: &File) -> Box<ioe_file> {
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { ops().open_file.unwrap()(i.inst, &mut *target) }, IOE_OPEN_HOST);
    target
}

/// One request: bytes done, or errno.
fn run(i: &TestInstance<'_>, t: &mut ioe_file, op: u32, at: u64, buf: &mut [u8]) -> (u64, i32) {
    let mut io = request(op, t, at, buf);
    assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
    (io.len - io.resid, io.error)
}

fn position(f: &File) -> i64 {
    // SAFETY: a plain system call.
    unsafe { libc::lseek(f.as_raw_fd(), 0, libc::SEEK_CUR) }
}

#[test]
fn data_goes_where_it_belongs_in_any_order() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut t = opened(&i, &f);
    for n in [3_u64, 4, 5, 0, 2, 1, 7, 6] {
        let mut block = [n as u8 + 1; 512];
        assert_eq!(run(&i, &mut t, IOE_OP_WRITE, n * 512, &mut block), (512, 0));
    }
    for n in [0_u64, 1, 7, 3, 4] {
        let mut block = [0; 512];
        assert_eq!(run(&i, &mut t, IOE_OP_READ, n * 512, &mut block), (512, 0));
        assert_eq!(block, [n as u8 + 1; 512]);
    }
    let mut block = [0; 512];
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 8 * 512 - 100, &mut block), (100, 0), "short");
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 1 << 40, &mut block), (0, 0), "beyond the end");
}

#[test]
fn it_does_not_seek_to_where_it_is() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    f.set_len(1 << 20).unwrap();
    let mut t = opened(&i, &f);
    let mut block = [0; 4096];
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 8192, &mut block), (4096, 0));
    // Behind its back: what it then reads at its own position, it reads there without a seek.
    // SAFETY: a plain system call.
    unsafe { libc::lseek(f.as_raw_fd(), 40960, libc::SEEK_SET) };
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 12288, &mut block), (4096, 0));
    assert_eq!(position(&f), 40960 + 4096);
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 0, &mut block), (4096, 0));
    assert_eq!(position(&f), 4096, "elsewhere it seeks");
    // A file that is opened again stands at its beginning, whatever was known of it.
    let again = tempfile::tempfile().unwrap();
    again.set_len(1 << 20).unwrap();
    let mut t = opened(&i, &again);
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 4096, &mut block), (4096, 0));
    assert_eq!(position(&again), 8192);
}

#[test]
fn after_an_error_it_seeks_again() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let path = tempfile::NamedTempFile::new().unwrap();
    path.as_file().set_len(8192).unwrap();
    let reader = File::open(path.path()).unwrap();
    let mut t = opened(&i, &reader);
    let mut block = [0; 4096];
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 0, &mut block), (4096, 0));
    assert_eq!(run(&i, &mut t, IOE_OP_WRITE, 4096, &mut block), (0, libc::EBADF));
    // SAFETY: a plain system call.
    unsafe { libc::lseek(reader.as_raw_fd(), 0, libc::SEEK_SET) };
    assert_eq!(run(&i, &mut t, IOE_OP_READ, 4096, &mut block), (4096, 0));
    assert_eq!(position(&reader), 8192);
    for at in [1 << 63, u64::MAX] {
        assert_eq!(run(&i, &mut t, IOE_OP_READ, at, &mut block), (0, libc::EINVAL), "{at}");
    }
}

#[test]
fn a_pipe_has_no_positions() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let (mut from, mut to) =
        (file(reader.as_raw_fd(), IOE_KIND_PIPE), file(writer.as_raw_fd(), IOE_KIND_PIPE));
    let mut block = [0; 4];
    assert_eq!(run(&i, &mut to, IOE_OP_WRITE, 0, &mut [1, 2, 3, 4]), (4, 0));
    assert_eq!(run(&i, &mut from, IOE_OP_READ, 4096, &mut block), (4, 0));
    assert_eq!(block, [1, 2, 3, 4]);
}

#[test]
fn flags_and_other_operations_reach_the_kernel() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let f = tempfile::tempfile().unwrap();
    let mut t = opened(&i, &f);
    let mut block = [7; 512];
    let mut io = request(IOE_OP_WRITE, &mut *t, 512, &mut block);
    io.flags = IOE_IO_FUA;
    assert_eq!((i.queue(&mut io), io.error, io.resid), (IOE_Q_COMPLETED, 0, 0));
    assert_eq!(position(&f), 1024, "by position, with the flag");
    for op in [IOE_OP_FSYNC, IOE_OP_FDATASYNC] {
        assert_eq!(run(&i, &mut t, op, 0, &mut []), (0, 0), "op {op}");
    }
    let unknown = run(&i, &mut t, IOE_OP_ENGINE, 0, &mut block);
    assert_eq!(unknown, (0, libc::EOPNOTSUPP));
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut block);
    assert_eq!((i.queue(&mut io), io.error), (IOE_Q_COMPLETED, libc::EBADF));
}
