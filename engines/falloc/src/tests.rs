//! falloc through its raw table, on temporary files.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn on(f: &File, op: u32, offset: u64, len: u64) -> i32 {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).expect("no options");
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    let mut io = request(op, &mut *target, offset, &mut []);
    io.len = len;
    assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
    assert_eq!(io.resid, if io.error == 0 { 0 } else { len });
    io.error
}

/// `open_file` of a name: its answer, what became of the descriptor, and the words.
fn open(path: &Path, kind: u32, flags: u32) -> (i32, i32, String) {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).expect("no options");
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without NUL");
    let mut target = file(-1, kind);
    (target.name, target.open_flags) = (name.as_ptr(), flags);
    // SAFETY: the instance, the file and its name live until the end of this.
    let answer = unsafe { ops().open_file.expect("open_file")(instance.inst, &mut *target) };
    let fd = target.fd;
    if answer == 0 {
        // SAFETY: as above; no request is in flight.
        let closed = unsafe { ops().close_file.expect("close_file")(instance.inst, &mut *target) };
        assert_eq!((closed, target.fd), (0, -1));
    }
    (answer, fd, host.errors().pop().map_or_else(String::new, |(_, words)| words))
}

const KIB: u64 = 1024;

/// A file of one byte: no blocks but the first.
fn small() -> File {
    let mut f = tempfile::tempfile().expect("a file");
    f.write_all(b"x").expect("it takes a byte");
    f
}

fn look(f: &File) -> (u64, u64) {
    let found = f.metadata().expect("it is open");
    (found.len(), found.blocks() * 512)
}

#[test]
fn it_is_synchronous_and_moves_nothing() {
    assert_eq!((ops().flags, ops().n_options), (IOE_F_SYNC | IOE_F_FAKE, 0));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

#[test]
fn reads_keep_the_size_and_writes_do_not() {
    let f = small();
    assert_eq!(on(&f, IOE_OP_READ, 0, 256 * KIB), 0);
    let (len, blocks) = look(&f);
    assert!(len == 1 && blocks >= 256 * KIB, "{len} bytes, {blocks} allocated");
    assert_eq!(on(&f, IOE_OP_WRITE, 256 * KIB, 256 * KIB), 0);
    let (len, blocks) = look(&f);
    assert!(len == 512 * KIB && blocks >= 512 * KIB, "{len} bytes, {blocks} allocated");
}

#[test]
fn trims_punch_holes() {
    let f = small();
    assert_eq!(on(&f, IOE_OP_WRITE, 0, 512 * KIB), 0);
    let (_, before) = look(&f);
    assert_eq!(on(&f, IOE_OP_TRIM, 128 * KIB, 256 * KIB), 0);
    let (len, after) = look(&f);
    assert!(len == 512 * KIB && after <= before - 256 * KIB, "{len} bytes, {before} to {after}");
}

#[test]
fn syncs_work_and_the_impossible_is_an_errno() {
    let f = small();
    assert_eq!((on(&f, IOE_OP_FSYNC, 0, 0), on(&f, IOE_OP_FDATASYNC, 0, 0)), (0, 0));
    for (op, offset, len, errno) in [
        (IOE_OP_WRITE_ZEROES, 0, 4096, libc::EOPNOTSUPP),
        (IOE_OP_WRITE, 0, 0, libc::EINVAL),
        (IOE_OP_WRITE, 1 << 63, 4096, libc::EINVAL),
        (IOE_OP_READ, 0, 1 << 63, libc::EINVAL),
        (IOE_OP_WRITE, i64::MAX as u64 - 10, 4096, libc::EFBIG),
    ] {
        assert_eq!(on(&f, op, offset, len), errno, "operation {op} at {offset}, {len} bytes");
    }
    assert_eq!(look(&f).0, 1);
}

#[test]
fn it_opens_regular_files_itself_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let read = IOE_OPEN_READ;
    let (answer, _, words) = open(&path, IOE_KIND_REGULAR, read);
    assert!(answer == -libc::ENOENT && words.contains("No such file"), "{answer} {words}");
    let (answer, fd, _) = open(&path, IOE_KIND_REGULAR, read | IOE_OPEN_WRITE | IOE_OPEN_CREATE);
    assert!(answer == 0 && fd >= 0 && path.is_file(), "{answer} {fd}");
    for kind in [IOE_KIND_BLOCK, IOE_KIND_CHAR, IOE_KIND_PIPE, IOE_KIND_NONE] {
        let (answer, fd, words) = open(&path, kind, read);
        assert_eq!((answer, fd), (-libc::EINVAL, -1), "kind {kind}");
        assert!(words.contains("blocks of regular files, and this is none"), "{words}");
    }
}
