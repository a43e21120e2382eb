//! How a request is done: one system call each. Replace this by your own way of doing I/O.
//!
//! Called for every request, so nothing here allocates, locks or prints. Answers bytes done, or a
//! positive errno; a transfer that ends short is no error, the host asks again for the rest.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, Failed, FileView, Request};
use std::fmt;

/// A positive errno.
pub(crate) type Errno = i32;

/// Bit per operation that is done here; the host refuses jobs that need another one.
pub(crate) const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC;

/// Where a request goes to, copied out of it so that its buffer can be borrowed meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    fd: i32,
    offset: u64,
    rwf: i32,
}

impl Place {
    /// Place and manner of a read or write.
    pub(crate) fn of(io: &Request) -> Place {
        let mut rwf = 0;
        if io.flags() & IOE_IO_HIPRI != 0 {
            rwf |= libc::RWF_HIPRI;
        }
        if io.flags() & IOE_IO_FUA != 0 && io.op() == IOE_OP_WRITE {
            rwf |= libc::RWF_DSYNC; // the write ends when it is on the medium
        }
        Place {
            fd: io.fd(),
            offset: io.offset(),
            rwf,
        }
    }
}

/// Reads; 0 bytes = end of the file.
pub(crate) fn read(at: Place, buf: &mut [u8]) -> Result<u64, Errno> {
    let offset = signed(at.offset)?;
    let iov = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: one iovec over a slice that is writable during the call.
    retry(|| unsafe { libc::preadv2(at.fd, &iov, 1, offset, at.rwf) })
}

/// Writes.
pub(crate) fn write(at: Place, buf: &[u8]) -> Result<u64, Errno> {
    let offset = signed(at.offset)?;
    let iov = libc::iovec {
        iov_base: buf.as_ptr().cast_mut().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: one iovec over a slice that is readable during the call, which writes nothing there.
    retry(|| unsafe { libc::pwritev2(at.fd, &iov, 1, offset, at.rwf) })
}

/// What has no data: done as a whole, or not at all. What is unknown is refused, never ignored.
pub(crate) fn control(io: &Request) -> Result<u64, Errno> {
    let kind = io.file().map_or(IOE_KIND_NONE, |file| file.kind());
    let done = match (io.op(), kind) {
        // SAFETY: no memory is handed over; a bad descriptor is EBADF.
        (IOE_OP_FSYNC, _) => retry(|| unsafe { libc::fsync(io.fd()) } as isize),
        // SAFETY: as for fsync.
        (IOE_OP_FDATASYNC, _) => retry(|| unsafe { libc::fdatasync(io.fd()) } as isize),
        (IOE_OP_TRIM, IOE_KIND_REGULAR) => punch_hole(io.fd(), io.offset(), io.len()),
        (IOE_OP_TRIM, IOE_KIND_BLOCK) => discard(io.fd(), io.offset(), io.len()),
        _ => Err(libc::EOPNOTSUPP),
    };
    done.map(|_| io.len())
}

fn punch_hole(fd: i32, offset: u64, len: u64) -> Result<u64, Errno> {
    let (offset, len) = (signed(offset)?, signed(len)?);
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: no memory is handed over.
    retry(|| unsafe { libc::fallocate(fd, mode, offset, len) } as isize)
}

fn discard(fd: i32, offset: u64, len: u64) -> Result<u64, Errno> {
    const BLKDISCARD: libc::c_ulong = 0x1277;
    let range = [offset, len];
    // SAFETY: the request reads two u64 at the address.
    retry(|| unsafe { libc::ioctl(fd, BLKDISCARD as _, range.as_ptr()) } as isize)
}

/// Whether a target can be served at all; the host prints the words where it cannot.
pub(crate) fn accept(file: &FileView<'_>) -> Result<(), Error> {
    let what = match file.kind() {
        IOE_KIND_PIPE => "a pipe or socket, which has no offsets",
        IOE_KIND_DIR => "a directory",
        _ => return Ok(()),
    };
    let name = file.name().to_string_lossy();
    Err(Error::new(
        libc::EINVAL,
        format!("{name} is {what}; give a file or block device"),
    ))
}

/// Words for a request that failed.
pub(crate) fn describe(io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    let what = match io.op() {
        IOE_OP_READ => "read",
        IOE_OP_WRITE => "write",
        IOE_OP_TRIM => "trim",
        IOE_OP_FSYNC => "fsync",
        IOE_OP_FDATASYNC => "fdatasync",
        _ => "an operation that this engine does not know",
    };
    let why = std::io::Error::from_raw_os_error(io.error());
    write!(
        out,
        "{what} of {} bytes at offset {}: {why}",
        io.len(),
        io.offset()
    )
}

/// What the kernel cannot express is refused, never cut.
fn signed(n: u64) -> Result<libc::off_t, Errno> {
    libc::off_t::try_from(n).map_err(|_| libc::EINVAL)
}

/// Makes a system call until it is not interrupted: EINTR never crosses to the host.
fn retry(mut call: impl FnMut() -> isize) -> Result<u64, Errno> {
    loop {
        if let Ok(done) = u64::try_from(call()) {
            return Ok(done);
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            errno => return Err(errno.unwrap_or(libc::EIO)),
        }
    }
}
