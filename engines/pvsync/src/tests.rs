//! pvsync through its raw table: data, ends, errors.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::os::fd::AsRawFd;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

/// One request: bytes done, or errno.
fn run(fd: i32, op: u32, offset: u64, flags: u64, buf: &mut [u8]) -> (u64, i32) {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let mut target = file(fd, IOE_KIND_REGULAR);
    let mut io = request(op, &mut *target, offset, buf);
    io.flags = flags;
    assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
    (io.len - io.resid, io.error)
}

#[test]
fn what_was_written_is_read() {
    let f = tempfile::tempfile().unwrap();
    let at = f.as_raw_fd();
    let source: Vec<u8> = (0..8192).map(|n| (n % 251) as u8).collect();
    for flags in [0, IOE_IO_FUA] {
        assert_eq!(run(at, IOE_OP_WRITE, 4096, flags, &mut source.clone()), (8192, 0));
        let mut read = vec![0; 8192];
        assert_eq!(run(at, IOE_OP_READ, 4096, 0, &mut read), (8192, 0));
        assert_eq!(read, source);
    }
    assert_eq!(run(at, IOE_OP_READ, 12000, 0, &mut [0; 1024]), (288, 0), "short at the end");
    assert_eq!(run(at, IOE_OP_READ, 1 << 40, 0, &mut [0; 1024]), (0, 0), "beyond the end");
    assert_eq!(run(at, IOE_OP_FSYNC, 0, 0, &mut []), (0, 0));
}

#[test]
fn errors_come_back_as_errno_with_nothing_done() {
    let f = tempfile::tempfile().unwrap();
    let at = f.as_raw_fd();
    for (fd, op, offset, errno) in [
        (-1, IOE_OP_READ, 0, libc::EBADF),
        (at, IOE_OP_WRITE, 1 << 63, libc::EINVAL),
        (at, IOE_OP_READ, u64::MAX, libc::EINVAL),
        (at, IOE_OP_ENGINE, 0, libc::EOPNOTSUPP),
    ] {
        assert_eq!(run(fd, op, offset, 0, &mut [0; 512]), (0, errno), "op {op} at {offset}");
    }
}
