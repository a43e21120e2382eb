//! A sealed copy of bytes in memory, which nobody can change any more, not even its maker.
//!
//! Called by `plugin::pin`: a pinned plugin is loaded from such a copy, so that what was hashed is
//! what runs. Must not read files.

use rustix::fs::{fcntl_add_seals, memfd_create, MemfdFlags, SealFlags};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// Copies `bytes` into a new memory file and seals it against writing, growing and shrinking.
///
/// # Errors
/// No memory, no descriptors, or memory files are forbidden here.
pub fn sealed_copy(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holds_the_bytes_and_takes_no_others() {
        let file = File::from(sealed_copy("test", b"frozen").unwrap());
        let mut read = [0; 6];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"frozen");
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(0).is_err());
        assert!(file.set_len(100).is_err());
    }
}
