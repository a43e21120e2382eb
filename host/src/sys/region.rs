//! Anonymous memory straight from the kernel: zeroed, page-aligned, touched page by page. Called
//! by `io::slots` for units and buffers, which must not move and may be shared with a device. Must
//! not be used where an ordinary allocation does: each region is a mapping of its own, but for
//! those of a single page, which are made many at a time and kept for the next ones.

use rustix::mm::{mmap_anonymous, mprotect, munmap, MapFlags, MprotectFlags, ProtFlags};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// A private mapping that is given back when dropped.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    /// Bytes behind it that cannot be accessed.
    guard: usize,
}

/// Pages that nobody has, by address, all zero.
static PAGES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// So many are made at a time: a thousand workers would otherwise map and unmap a thousand times.
const PAGES_MADE: usize = 64;

impl Region {
    /// At least `len` zero bytes (one page at least), aligned to `align`, a power of two.
    pub fn new(len: usize, align: usize) -> rustix::io::Result<Region> {
        let page = rustix::param::page_size();
        if len <= page && align.is_power_of_two() && align <= page {
            return Region::one_page(page);
        }
        Region::make(len, align, 0)
    }

    fn one_page(page: usize) -> rustix::io::Result<Region> {
        let mut free = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
        if free.is_empty() {
            let made = ManuallyDrop::new(Region::make(page * PAGES_MADE, page, 0)?);
            let first = made.base.as_ptr() as usize;
            free.extend((0..PAGES_MADE).rev().map(|index| first + index * page));
        }
        let base = free.pop().and_then(|address| NonNull::new(address as *mut u8));
        let base = base.unwrap_or_else(|| unreachable!("some were made"));
        Ok(Region { base, len: page, guard: 0 })
    }

    /// The same with a page behind it that cannot be accessed: whoever runs over the end is told by
    /// a signal. Before Linux 6.13 it costs a mapping, of which a process has but so many.
    pub fn guarded(len: usize, align: usize) -> rustix::io::Result<Region> {
        Region::make(len, align, rustix::param::page_size())
    }

    fn make(len: usize, align: usize, guard: usize) -> rustix::io::Result<Region> {
        let page = rustix::param::page_size();
        if !align.is_power_of_two() {
            return Err(rustix::io::Errno::INVAL);
        }
        let len = len.max(1).next_multiple_of(page);
        let slack = align.saturating_sub(page);
        let whole = len.checked_add(guard).ok_or(rustix::io::Errno::NOMEM)?;
        let total = whole.checked_add(slack).ok_or(rustix::io::Errno::NOMEM)?;
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
                munmap(raw.cast::<u8>().add(skip + whole).cast(), slack - skip)?;
            }
        }
        // SAFETY: `skip` bytes into a mapping of `skip + whole` bytes or more: inside and not null.
        let base = unsafe { NonNull::new_unchecked(raw.cast::<u8>().add(skip)) };
        let region = Region { base, len, guard };
        if guard > 0 {
            // SAFETY: `len` is of whole pages, and `guard` more of them follow in the same mapping,
            // of which nobody knows yet.
            unsafe { close_off(base.as_ptr().add(len).cast(), guard)? };
        }
        Ok(region)
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
        if self.guard == 0 && self.len == rustix::param::page_size() {
            // SAFETY: one whole page of ours, and nobody uses it any more (as below).
            unsafe { self.base.as_ptr().write_bytes(0, self.len) };
            let mut free = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
            free.push(self.base.as_ptr() as usize);
            return;
        }
        // SAFETY: base and length are those of the mapping's remaining part, unmapped once; whoever
        // handed out pointers into it keeps the region alive for as long as they are used.
        let _unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len + self.guard) };
    }
}

/// `MADV_GUARD_INSTALL` of Linux 6.13: pages without access inside a mapping, which stays one.
const GUARD_INSTALL: libc::c_int = 102;

/// From now on these pages cannot be accessed.
///
/// # Safety
/// They are whole pages of a private anonymous mapping, and nobody uses them.
unsafe fn close_off(begin: *mut libc::c_void, len: usize) -> rustix::io::Result<()> {
    // SAFETY: as the caller says: whatever was in these pages may be lost.
    if unsafe { libc::madvise(begin, len, GUARD_INSTALL) } == 0 {
        return Ok(());
    }
    // An older kernel, or memory that is locked. SAFETY: as the caller says.
    unsafe { mprotect(begin, len, MprotectFlags::empty()) }
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

    #[test]
    fn a_page_is_zero_whoever_had_it() {
        for _ in 0..200 {
            let region = Region::new(100, 64).unwrap();
            // SAFETY: inside the region.
            unsafe {
                assert_eq!(region.base().as_ptr().add(99).read(), 0);
                region.base().as_ptr().add(99).write(7);
            }
        }
    }

    #[test]
    fn behind_a_guarded_region_nothing_can_be_read() {
        for align in [1, 65536] {
            let region = Region::guarded(5000, align).unwrap();
            // SAFETY: an address, which is not followed here.
            let end = unsafe { region.base().as_ptr().add(region.len()) };
            // The kernel follows addresses with care, and says EFAULT.
            let (file, len) = (std::fs::File::open("/dev/zero").unwrap(), 1usize);
            // SAFETY: whatever lies there, the byte behind the region is no object of ours.
            let read =
                unsafe { libc::read(std::os::fd::AsRawFd::as_raw_fd(&file), end.cast(), len) };
            assert_eq!(read, -1);
        }
    }
}
