//! Requests on descriptors: transfer, make durable, discard, zero.
//!
//! Each function is one system call, repeated when interrupted; the kernel judges the descriptor,
//! and what it does not support comes back as its errno. Offsets that a kernel cannot express are
//! EINVAL here, never cut.

use crate::errno::{retry, Errno};
use libc::{c_int, c_uint, iovec, off_t};

const BLKDISCARD: libc::c_ulong = 0x1277;
const BLKZEROOUT: libc::c_ulong = 0x127f;

fn signed(n: u64) -> Result<off_t, Errno> {
    off_t::try_from(n).map_err(|_| libc::EINVAL)
}

/// `pread`: bytes read, 0 at the end of the file.
#[inline]
pub fn read_at(fd: i32, buf: &mut [u8], offset: u64) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: the slice is writable for its length during the call.
    retry(|| unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), offset) })
}

/// `pwrite`: bytes written.
#[inline]
pub fn write_at(fd: i32, buf: &[u8], offset: u64) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: the slice is readable for its length during the call.
    retry(|| unsafe { libc::pwrite(fd, buf.as_ptr().cast(), buf.len(), offset) })
}

/// `preadv2` with `RWF_*` flags: bytes read, 0 at the end of the file.
///
/// # Safety
/// `iov` describes memory that is writable during the call.
#[inline]
pub unsafe fn read_at_with(fd: i32, iov: iovec, offset: u64, rwf: c_int) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: one iovec, whose memory the caller vouches for.
    retry(|| unsafe { libc::preadv2(fd, &iov, 1, offset, rwf) })
}

/// `pwritev2` with `RWF_*` flags: bytes written.
///
/// # Safety
/// `iov` describes memory that is readable during the call.
#[inline]
pub unsafe fn write_at_with(fd: i32, iov: iovec, offset: u64, rwf: c_int) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: one iovec, whose memory the caller vouches for.
    retry(|| unsafe { libc::pwritev2(fd, &iov, 1, offset, rwf) })
}

/// `lseek` to an offset from the beginning.
#[inline]
pub fn seek(fd: i32, offset: u64) -> Result<(), Errno> {
    let offset = signed(offset)?;
    // SAFETY: no memory is handed over; a bad descriptor is EBADF.
    retry(|| unsafe { libc::lseek(fd, offset, libc::SEEK_SET) } as isize).map(drop)
}

/// `read` at the descriptor's position, which moves: bytes read, 0 at the end of the file.
#[inline]
pub fn read(fd: i32, buf: &mut [u8]) -> Result<u64, Errno> {
    // SAFETY: the slice is writable for its length during the call.
    retry(|| unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) })
}

/// `write` at the descriptor's position, which moves: bytes written.
#[inline]
pub fn write(fd: i32, buf: &[u8]) -> Result<u64, Errno> {
    // SAFETY: the slice is readable for its length during the call.
    retry(|| unsafe { libc::write(fd, buf.as_ptr().cast(), buf.len()) })
}

/// An offset for which `preadv2` and `pwritev2` use, and move, the descriptor's position.
const HERE: off_t = -1;

/// `readv` at the descriptor's position, `preadv2` where there are `RWF_*` flags.
///
/// # Safety
/// Each of the iovecs, IOV_MAX of them at most, describes memory that is writable during the call.
#[inline]
pub unsafe fn readv(fd: i32, iov: &[iovec], rwf: c_int) -> Result<u64, Errno> {
    let count = iov.len() as c_int;
    // SAFETY: `count` iovecs, whose memory the caller vouches for.
    retry(|| unsafe {
        match rwf {
            0 => libc::readv(fd, iov.as_ptr(), count),
            flags => libc::preadv2(fd, iov.as_ptr(), count, HERE, flags),
        }
    })
}

/// `writev` at the descriptor's position, `pwritev2` where there are `RWF_*` flags.
///
/// # Safety
/// Each of the iovecs, IOV_MAX of them at most, describes memory that is readable during the call.
#[inline]
pub unsafe fn writev(fd: i32, iov: &[iovec], rwf: c_int) -> Result<u64, Errno> {
    let count = iov.len() as c_int;
    // SAFETY: `count` iovecs, whose memory the caller vouches for.
    retry(|| unsafe {
        match rwf {
            0 => libc::writev(fd, iov.as_ptr(), count),
            flags => libc::pwritev2(fd, iov.as_ptr(), count, HERE, flags),
        }
    })
}

/// `preadv` of one buffer: bytes read, 0 at the end of the file.
///
/// # Safety
/// `iov` describes memory that is writable during the call.
#[inline]
pub unsafe fn readv_at(fd: i32, iov: iovec, offset: u64) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: one iovec, whose memory the caller vouches for.
    retry(|| unsafe { libc::preadv(fd, &iov, 1, offset) })
}

/// `pwritev` of one buffer: bytes written.
///
/// # Safety
/// `iov` describes memory that is readable during the call.
#[inline]
pub unsafe fn writev_at(fd: i32, iov: iovec, offset: u64) -> Result<u64, Errno> {
    let offset = signed(offset)?;
    // SAFETY: one iovec, whose memory the caller vouches for.
    retry(|| unsafe { libc::pwritev(fd, &iov, 1, offset) })
}

/// `fsync`.
pub fn fsync(fd: i32) -> Result<(), Errno> {
    // SAFETY: no memory is handed over; a bad descriptor is EBADF.
    retry(|| unsafe { libc::fsync(fd) } as isize).map(drop)
}

/// `fdatasync`.
pub fn fdatasync(fd: i32) -> Result<(), Errno> {
    // SAFETY: as in fsync().
    retry(|| unsafe { libc::fdatasync(fd) } as isize).map(drop)
}

/// `sync_file_range` with `SYNC_FILE_RANGE_*` flags.
pub fn sync_range(fd: i32, offset: u64, len: u64, flags: c_uint) -> Result<(), Errno> {
    let (offset, len) = (signed(offset)?, signed(len)?);
    // SAFETY: as in fsync().
    retry(|| unsafe { libc::sync_file_range(fd, offset, len, flags) } as isize).map(drop)
}

fn fallocate(fd: i32, mode: c_int, offset: u64, len: u64) -> Result<(), Errno> {
    let (offset, len) = (signed(offset)?, signed(len)?);
    // SAFETY: as in fsync().
    retry(|| unsafe { libc::fallocate(fd, mode, offset, len) } as isize).map(drop)
}

fn block_range(fd: i32, request: libc::c_ulong, offset: u64, len: u64) -> Result<(), Errno> {
    let range = [offset, len];
    // SAFETY: both requests read two u64 at the address.
    retry(|| unsafe { libc::ioctl(fd, request, range.as_ptr()) } as isize).map(drop)
}

/// Allocates a range of a regular file, which grows as by a write.
pub fn allocate(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    fallocate(fd, 0, offset, len)
}

/// Allocates a range of a regular file; its size stays.
pub fn allocate_keeping(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    fallocate(fd, libc::FALLOC_FL_KEEP_SIZE, offset, len)
}

/// `ftruncate`: the file's new length.
pub fn truncate(fd: i32, len: u64) -> Result<(), Errno> {
    let len = signed(len)?;
    // SAFETY: as in fsync().
    retry(|| unsafe { libc::ftruncate(fd, len) } as isize).map(drop)
}

/// Punches a hole into a regular file; its size stays.
pub fn punch_hole(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    fallocate(fd, libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, offset, len)
}

/// Gives a range of a regular file its blocks; size and content stay. What has no such thing to do
/// (a block device, some file systems) is left as it is.
pub fn reserve(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    match fallocate(fd, libc::FALLOC_FL_KEEP_SIZE, offset, len) {
        Err(libc::EOPNOTSUPP | libc::ENODEV) => Ok(()),
        other => other,
    }
}

/// Zeroes a range of a regular file, which grows as by a write.
pub fn zero_range(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    fallocate(fd, libc::FALLOC_FL_ZERO_RANGE, offset, len)
}

/// Discards a range of a block device.
pub fn block_discard(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    block_range(fd, BLKDISCARD, offset, len)
}

/// Zeroes a range of a block device.
pub fn block_zero(fd: i32, offset: u64, len: u64) -> Result<(), Errno> {
    block_range(fd, BLKZEROOUT, offset, len)
}
