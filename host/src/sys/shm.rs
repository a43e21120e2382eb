//! Memory that processes share: a memfd, its mapping in a cell, its reading by the control
//! process.
//!
//! The writer maps; the reader uses `pread`, because reading a hole through a mapping would
//! allocate the page that the writer never touched. Must not know what lies in it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{ftruncate, memfd_create, MemfdFlags};
use rustix::io::{pread, pwrite};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A type that may stand in shared memory.
///
/// # Safety
/// Every bit pattern must be a valid value, all fields must be atomics (other processes read at any
/// time), there must be no pointer in it, and its alignment must be at most 8.
pub unsafe trait Shared {}

// SAFETY: an atomic, for which every bit pattern is a value, aligned to 8.
unsafe impl Shared for std::sync::atomic::AtomicU64 {}

/// A shared memory object.
#[derive(Debug)]
pub struct SharedMemory {
    fd: OwnedFd,
}

impl SharedMemory {
    /// Makes one of `len` zero bytes; untouched pages cost nothing.
    pub fn create(name: &str, len: u64) -> rustix::io::Result<Self> {
        let fd = memfd_create(name, MemfdFlags::CLOEXEC)?;
        ftruncate(&fd, len)?;
        Ok(SharedMemory { fd })
    }

    /// Takes over a descriptor that another process made.
    pub fn from_fd(fd: OwnedFd) -> Self {
        SharedMemory { fd }
    }

    /// The descriptor, to hand to another process.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Writes bytes at `offset`.
    pub fn write(&self, mut bytes: &[u8], mut offset: u64) -> rustix::io::Result<()> {
        while !bytes.is_empty() {
            let n = pwrite(&self.fd, bytes, offset)?;
            bytes = &bytes[n..];
            offset += n as u64;
        }
        Ok(())
    }

    /// Copies `len` bytes from `offset`, which must be a multiple of 8, as 8-byte words.
    pub fn read_words(&self, offset: u64, len: usize) -> rustix::io::Result<Vec<u64>> {
        let mut bytes = vec![0u8; len];
        let mut done = 0;
        while done < len {
            match pread(&self.fd, &mut bytes[done..], offset + done as u64)? {
                0 => return Err(rustix::io::Errno::IO),
                n => done += n,
            }
        }
        Ok(bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect())
    }

    /// Where the next page after `offset` lies that was ever written to; none: there is none. Where
    /// the kernel cannot tell, every page counts as written.
    pub fn data_from(&self, offset: u64) -> Option<u64> {
        // The position belongs to nobody: all reading and writing here names its offset.
        match rustix::fs::seek(&self.fd, rustix::fs::SeekFrom::Data(offset)) {
            Ok(at) => Some(at),
            Err(rustix::io::Errno::NXIO) => None,
            Err(_) => Some(offset),
        }
    }

    /// Maps one `T` at `offset`, for ever, for reading and writing.
    pub fn map<T: Shared>(&self, offset: u64) -> rustix::io::Result<&'static T> {
        self.map_array(offset, 1)?.first().ok_or(rustix::io::Errno::INVAL)
    }

    /// Maps `count` of them, one behind the other: a single mapping, of which a process has but so
    /// many.
    pub fn map_array<T: Shared>(
        &self,
        offset: u64,
        count: usize,
    ) -> rustix::io::Result<&'static [T]> {
        let bytes = size_of::<T>().checked_mul(count).filter(|&bytes| bytes > 0);
        let bytes = bytes.ok_or(rustix::io::Errno::INVAL)?;
        let end = offset.checked_add(bytes as u64).ok_or(rustix::io::Errno::INVAL)?;
        if (rustix::fs::fstat(&self.fd)?.st_size as u64) < end {
            return Err(rustix::io::Errno::INVAL);
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping of our own descriptor at an address that the kernel chooses
        // overlaps no object of this process.
        let base = unsafe {
            mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, &self.fd, offset)?
        };
        // SAFETY: the length was checked against the object's size above and it is never cut; the
        // mapping is page-aligned and is never unmapped; `T: Shared` accepts every bit pattern and
        // holds only atomics, so that other processes' writes are no data race.
        Ok(unsafe { std::slice::from_raw_parts(base.cast::<T>(), count) })
    }
}

/// Words of a shared memory object, mapped as long as this lives.
#[derive(Debug)]
pub struct SharedWords {
    base: NonNull<AtomicU64>,
    len: usize,
    /// The object, where it goes with the words.
    object: Option<SharedMemory>,
}

// SAFETY: atomics may be used from any thread, and the mapping belongs to this value alone.
unsafe impl Send for SharedWords {}

impl SharedMemory {
    /// Maps its first `len` words for reading and writing.
    pub fn map_words(&self, len: usize) -> rustix::io::Result<SharedWords> {
        let bytes = len.checked_mul(8).filter(|&bytes| bytes > 0);
        let bytes = bytes.ok_or(rustix::io::Errno::INVAL)?;
        if rustix::fs::fstat(&self.fd)?.st_size < bytes as i64 {
            return Err(rustix::io::Errno::INVAL);
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a fresh mapping of our own descriptor at an address that the kernel chooses
        // overlaps no object of this process.
        let base = unsafe { mmap(std::ptr::null_mut(), bytes, protection, flags, &self.fd, 0)? };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(SharedWords { base, len, object: None })
    }

    /// As [`SharedMemory::map_words`]; the object stays open as long as its words are mapped.
    pub fn into_words(self, len: usize) -> rustix::io::Result<SharedWords> {
        let mut words = self.map_words(len)?;
        words.object = Some(self);
        Ok(words)
    }
}

impl SharedWords {
    /// The object's descriptor, where it went with the words.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.object.as_ref().map(SharedMemory::fd)
    }
}

impl std::ops::Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: so many words were mapped, page-aligned, inside of the object, which is never
        // cut; every bit pattern is an atomic, so that other processes' writes are no data race;
        // the mapping stays until this value is dropped.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping, which is unmapped once; references into
        // it cannot outlive this value.
        let _unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len * 8) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[repr(C)]
    struct Pair(AtomicU64, AtomicU64);
    // SAFETY: two atomics, no pointer, alignment 8.
    unsafe impl Shared for Pair {}

    #[test]
    fn what_is_stored_through_the_mapping_is_read_from_the_object() {
        let memory = SharedMemory::create("test", 8192).unwrap();
        let pair: &Pair = memory.map(4096).unwrap();
        pair.1.store(7, Relaxed);
        assert_eq!(memory.read_words(4096, 16).unwrap(), [0, 7]);
        memory.write(&9u64.to_ne_bytes(), 4096).unwrap();
        assert_eq!(pair.0.load(Relaxed), 9);
    }

    #[test]
    fn words_are_shared_while_they_are_mapped() {
        let memory = SharedMemory::create("test", 4096).unwrap();
        let words = memory.map_words(512).unwrap();
        words[511].store(5, Relaxed);
        drop(words);
        assert_eq!(memory.read_words(4088, 8).unwrap(), [5]);
        assert!(memory.map_words(513).is_err());
        assert!(memory.map_words(0).is_err());
    }

    #[test]
    fn a_mapping_beyond_the_end_is_refused() {
        let memory = SharedMemory::create("test", 4096).unwrap();
        assert!(memory.map::<Pair>(4096).is_err());
    }
}
