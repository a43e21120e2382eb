//! Memory that ends where nothing may be touched: whoever reads or writes one byte too many is
//! ended by SIGSEGV there and then.
//!
//! Called by `plugin` for tables that a plugin under check is shown. What is placed stays for ever,
//! so this is for children that end soon; a run has no use for it.

use rustix::mm::{mmap_anonymous, mprotect, MapFlags, MprotectFlags, ProtFlags};
use std::io;
use std::ptr::NonNull;

/// Copies `bytes` to where their end is the end of what may be touched. The address is a multiple
/// of every power of two that their length is a multiple of (up to a page).
///
/// # Errors
/// No memory.
pub fn place(bytes: &[u8]) -> io::Result<NonNull<u8>> {
    let page = rustix::param::page_size();
    let room = bytes.len().max(1).next_multiple_of(page);
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a fresh private mapping at an address that the kernel chooses overlaps nothing; its
    // last page, `room` bytes into it, is protected; `bytes` fit before that page, for `room` is
    // their length rounded up.
    let at = unsafe {
        let raw = mmap_anonymous(std::ptr::null_mut(), room + page, protection, flags)?;
        mprotect(raw.cast::<u8>().add(room).cast(), page, MprotectFlags::empty())?;
        let at = raw.cast::<u8>().add(room - bytes.len());
        at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        at
    };
    NonNull::new(at).ok_or_else(|| io::Error::other("the kernel mapped something at address 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_placed_ends_at_a_page_that_the_kernel_cannot_read_either() {
        let bytes: Vec<u8> = (0..88).collect();
        let at = place(&bytes).unwrap();
        let end = at.as_ptr() as usize + bytes.len();
        assert_eq!(end % rustix::param::page_size(), 0);
        assert_eq!(at.as_ptr() as usize % 8, 0);
        // SAFETY: 88 bytes were placed there, for ever.
        let placed = unsafe { std::slice::from_raw_parts(at.as_ptr(), bytes.len()) };
        assert_eq!(placed, bytes);
        let (_reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the kernel looks at the addresses for us and answers EFAULT where it may not.
        let written = unsafe {
            libc::write(std::os::fd::AsRawFd::as_raw_fd(&writer), end as *const libc::c_void, 1)
        };
        assert_eq!(written, -1);
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT));
    }
}
