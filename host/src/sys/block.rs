//! What only the kernel knows of a block device, asked through an open descriptor.
//!
//! Called by `target`. Knows no path and decides nothing.

use rustix::fs::ioctl_blksszget;
use rustix::io::Result;
use rustix::ioctl::{ioctl, opcode, Getter, NoArg, Opcode};
use std::os::fd::AsFd;

const BLKGETSIZE64: Opcode = opcode::read::<usize>(0x12, 114);
const BLKFLSBUF: Opcode = opcode::none(0x12, 97);

/// Size in bytes (`BLKGETSIZE64`).
///
/// # Errors
/// ENOTTY where `fd` is no block device.
pub fn size_bytes<Fd: AsFd>(fd: Fd) -> Result<u64> {
    // SAFETY: BLKGETSIZE64 writes one u64 to its argument, and `Getter` hands it memory of the
    // type that is named here; another kind of file answers ENOTTY and writes nothing.
    unsafe { ioctl(fd, Getter::<BLKGETSIZE64, u64>::new()) }
}

/// Logical block size in bytes (`BLKSSZGET`).
///
/// # Errors
/// ENOTTY where `fd` is no block device.
pub fn logical_block_bytes<Fd: AsFd>(fd: Fd) -> Result<u32> {
    ioctl_blksszget(fd)
}

/// Writes dirty pages of the device back and drops them from the page cache (`BLKFLSBUF`).
///
/// # Errors
/// EACCES without CAP_SYS_ADMIN; ENOTTY where `fd` is no block device.
pub fn flush_buffers<Fd: AsFd>(fd: Fd) -> Result<()> {
    // SAFETY: BLKFLSBUF ignores its argument, and `NoArg` passes none.
    unsafe { ioctl(fd, NoArg::<BLKFLSBUF>::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_regular_file_is_no_block_device() {
        let file = tempfile::tempfile().expect("a temporary file");
        assert!(size_bytes(&file).is_err());
        assert!(logical_block_bytes(&file).is_err());
        assert!(flush_buffers(&file).is_err());
    }

    #[test]
    fn the_numbers_are_those_of_the_kernel() {
        assert_eq!(BLKGETSIZE64, 0x8008_1272);
        assert_eq!(BLKFLSBUF, 0x1261);
    }

    #[test]
    fn a_directory_is_refused_too() {
        let root = File::open("/").expect("the root directory");
        assert!(size_bytes(root).is_err());
    }
}
