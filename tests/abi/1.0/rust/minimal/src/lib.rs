//! The smallest useful engine in Rust: positioned reads and writes, and fsync.
//!
//! Build it with `cargo build`, run it with `iodyno run JOB --engine ./librust_minimal.so`.

use iodyno_engine_api::{abi::*, export_plugin, Answer, Engine, Error, Host, Io, Job};
use std::ffi::CStr;

/// One instance per worker. Each request brings descriptor, buffer and range along: no state.
struct Minimal;

/// A system call's answer: bytes done, or errno.
fn outcome(answer: isize) -> Result<u64, i32> {
    u64::try_from(answer)
        .map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

impl Engine for Minimal {
    const NAME: &'static CStr = c"rust-minimal";
    const HELP: &'static CStr = c"example: pread, pwrite, fsync";
    const FLAGS: u64 = IOE_F_SYNC; // never answers Queued, so `queue` is all that it takes

    fn init(_host: Host, _job: &Job) -> Result<Self, Error> {
        Ok(Minimal)
    }

    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let (fd, offset) = (io.fd(), io.offset() as i64);
        let result = loop {
            let result = match io.op() {
                IOE_OP_READ => {
                    let buf = io.buf_mut();
                    // SAFETY: the slice is writable for its length.
                    outcome(unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), offset) })
                }
                IOE_OP_WRITE => {
                    let buf = io.buf();
                    // SAFETY: the slice is readable for its length.
                    outcome(unsafe { libc::pwrite(fd, buf.as_ptr().cast(), buf.len(), offset) })
                }
                // SAFETY: no memory is handed over.
                IOE_OP_FSYNC => outcome(unsafe { libc::fsync(fd) } as isize).map(|_| io.len()),
                _ => Err(libc::EOPNOTSUPP),
            };
            if result != Err(libc::EINTR) {
                break result;
            }
        };
        io.finish(result)
    }
}

export_plugin! {
    id: "org.iodyno.example.rust-minimal",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Minimal],
}
