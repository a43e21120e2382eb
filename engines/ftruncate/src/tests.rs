//! ftruncate through its raw table, on temporary files.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
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
    (answer, fd, host.errors().pop().map_or_else(String::new, |(_, words)| words))
}

fn len(f: &File) -> u64 {
    f.metadata().expect("it is open").len()
}

#[test]
fn it_is_synchronous_and_moves_nothing() {
    assert_eq!((ops().flags, ops().n_options), (IOE_F_SYNC | IOE_F_FAKE, 0));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

#[test]
fn a_write_makes_the_file_end_where_it_ends() {
    let mut f = tempfile::tempfile().expect("a file");
    f.write_all(&[7; 8192]).expect("it takes some bytes");
    for (offset, bytes) in [(0, 1), (1 << 30, 4096), (4096, 4096), (4096, 0), (0, 0)] {
        assert_eq!(on(&f, IOE_OP_WRITE, offset, bytes), 0);
        assert_eq!(len(&f), offset + bytes);
    }
}

#[test]
fn syncs_work_and_the_impossible_is_an_errno() {
    let f = tempfile::tempfile().expect("a file");
    assert_eq!((on(&f, IOE_OP_FSYNC, 0, 0), on(&f, IOE_OP_FDATASYNC, 0, 0)), (0, 0));
    for (op, offset, errno) in [
        (IOE_OP_READ, 0, libc::EOPNOTSUPP),
        (IOE_OP_TRIM, 0, libc::EOPNOTSUPP),
        (IOE_OP_WRITE, 1 << 63, libc::EINVAL),
        (IOE_OP_WRITE, u64::MAX, libc::EINVAL),
    ] {
        assert_eq!(on(&f, op, offset, 4096), errno, "operation {op} at {offset}");
    }
    assert_eq!(len(&f), 0);
}

#[test]
fn the_host_opens_regular_files_and_nothing_else() {
    let path = Path::new("never opened");
    assert_eq!(open(path, IOE_KIND_REGULAR, 0), (IOE_OPEN_HOST, -1, String::new()));
    for kind in [IOE_KIND_BLOCK, IOE_KIND_CHAR, IOE_KIND_PIPE, IOE_KIND_NONE] {
        let (answer, fd, words) = open(path, kind, 0);
        assert_eq!((answer, fd), (-libc::EINVAL, -1), "kind {kind}");
        assert!(words.contains("length of regular files, and this is none"), "{words}");
    }
}
