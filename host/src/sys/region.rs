//! Anonymous memory straight from the kernel: zeroed, page-aligned, touched page by page. Called
//! by `io::slots` for units and buffers, which must not move and may be shared with a device. Must
//! not be used where an ordinary allocation does: each region is a mapping of its own.

use rustix::mm::{mmap_anonymous, munmap, MapFlags, ProtFlags};
use std::ptr::NonNull;

/// A private mapping that is given back when dropped.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
}

impl Region {
    /// At least `len` zero bytes (one page at least), aligned to `align`, a power of two.
    pub fn new(len: usize, align: usize) -> rustix::io::Result<Region> {
        let page = rustix::param::page_size();
        if !align.is_power_of_two() {
            return Err(rustix::io::Errno::INVAL);
        }
        let len = len.max(1).next_multiple_of(page);
        let slack = align.saturating_sub(page);
        let total = len.checked_add(slack).ok_or(rustix::io::Errno::NOMEM)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a fresh private mapping at an address that the kernel chooses overlaps nothing.
        let raw = unsafe { mmap_anonymous(std::ptr::null_mut(), total, protection, flags)? };
        let skip = raw.cast::<u8>().align_offset(align.max(page));
        // SAFETY: the parts before and behind the aligned one lie inside the fresh mapping (`skip`
        // is at most `slack`), are whole pages and are used by nobody.
        unsafe {
            if skip > 0 {
                munmap(raw, skip)?;
            }
            if slack > skip {
                munmap(raw.cast::<u8>().add(skip + len).cast(), slack - skip)?;
            }
        }
        // SAFETY: `skip` bytes into a mapping of `skip + len` bytes or more: inside and not null.
        let base = unsafe { NonNull::new_unchecked(raw.cast::<u8>().add(skip)) };
        Ok(Region { base, len })
    }

    /// Its first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: there is always a page.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping's remaining part, unmapped once; whoever
        // handed out pointers into it keeps the region alive for as long as they are used.
        let _unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignments_hold() {
        for align in [1, 64, 4096, 65536, 2 << 20] {
            let region = Region::new(10_000, align).unwrap();
            assert_eq!(region.base().as_ptr() as usize % align, 0);
            assert!(region.len() >= 10_000);
            // SAFETY: the last byte of the region.
            unsafe { region.base().as_ptr().add(region.len() - 1).write(1) };
        }
        assert!(Region::new(1, 3).is_err());
    }
}
