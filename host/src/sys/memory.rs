//! Memory for I/O buffers, from wherever a job wants it: anonymous, a file's, System V shared
//! memory, each in ordinary or in huge pages.
//!
//! Called by `io::slots` before the start. Leaves nothing behind, whatever ends the process: a
//! segment is marked for removal and a file unlinked as soon as they are mapped. Fails with words
//! on what to do. Must not know who uses the memory, nor for what.

use super::hugepages;
use super::region::Region;
use rustix::fd::OwnedFd;
use rustix::fs::{self, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{madvise, mmap, mmap_anonymous, munmap, Advice, MapFlags, ProtFlags};
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr::{null_mut, NonNull};
use std::time::Duration;

/// Type of a hugetlbfs in `statfs`.
const HUGETLBFS: i64 = 0x9584_58f6;
/// Where the logarithm of a page's size stands in the flags of `mmap` and `shmget`.
const HUGE_SHIFT: u32 = 26;
/// Looks at a file of the name that is there already: another worker unlinks its own at once.
const TRIES: u32 = 50;

/// Where memory comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// From the kernel, as programs get theirs.
    #[default]
    Anonymous,
    /// A file that is made for it.
    File(PathBuf),
    /// System V shared memory.
    Segment,
}

/// Whether the pages are huge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// They are not.
    #[default]
    Small,
    /// They are, of this size; 0 = the kernel's.
    Huge(u64),
}

/// What memory is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryWish {
    /// From where.
    pub source: Source,
    /// In what pages.
    pub pages: Pages,
}

/// Memory that stays where it is until it is dropped.
#[derive(Debug)]
pub struct Memory {
    holding: Holding,
    base: NonNull<u8>,
    len: usize,
}

/// How it is held, and so how it is given back.
#[derive(Debug)]
enum Holding {
    Region { _region: Region },
    Mapping { raw: NonNull<c_void>, len: usize },
    Segment { raw: NonNull<c_void> },
}

/// Why there is no memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The kernel gave none.
    #[error("{0} (lower iodepth, bs or numjobs)")]
    None(Errno),
    /// It has no pages of that size.
    #[error("hugepage-size={size}: this kernel has no huge pages of that size; it has: {has}")]
    HugeSize {
        /// Bytes of a page, as asked for.
        size: u64,
        /// What there is, in words.
        has: String,
    },
    /// It has no huge pages at all.
    #[error("this kernel has no huge pages (mem=malloc works everywhere)")]
    NoHuge,
    /// Too few are free.
    #[error("{wanted} huge pages of {size} bytes are needed, {free}: {errno} ({remedy})")]
    HugeShort {
        /// Pages needed by this worker.
        wanted: u64,
        /// Bytes of one.
        size: u64,
        /// How many are free, in words.
        free: String,
        /// The kernel's word.
        errno: Errno,
        /// What to do.
        remedy: String,
    },
    /// Not for this user.
    #[error(
        "huge pages of shared memory are not for this user: {0} (run as root, or write a group of \
         yours into /proc/sys/vm/hugetlb_shm_group)"
    )]
    HugeForbidden(Errno),
    /// Limits of shared memory.
    #[error("{len} bytes of shared memory: {errno} ({remedy})")]
    Segment {
        /// Bytes wanted.
        len: u64,
        /// The kernel's word.
        errno: Errno,
        /// What to do.
        remedy: &'static str,
    },
    /// Something about the file.
    #[error("{}: {words}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What, and what to do.
        words: String,
    },
}

impl Memory {
    /// At least `len` zero bytes, aligned to `align`, a power of two.
    ///
    /// # Errors
    /// There is none, in words.
    pub fn new(len: usize, align: usize, wish: &MemoryWish) -> Result<Memory, MemoryError> {
        if !align.is_power_of_two() {
            return Err(MemoryError::None(Errno::INVAL));
        }
        match (&wish.source, wish.pages) {
            (Source::Anonymous, Pages::Small) => Memory::region(len, align),
            (Source::Anonymous, Pages::Huge(size)) => {
                let size = huge_size(size)?;
                let total = total(len, align, size)?;
                let raw = map_huge(total, size).map_err(|errno| huge_short(total, size, errno))?;
                Ok(Memory::aligned(Holding::Mapping { raw, len: total }, raw, len, align))
            }
            (Source::Segment, pages) => {
                let size = match pages {
                    Pages::Small => None,
                    Pages::Huge(size) => Some(huge_size(size)?),
                };
                let unit = size.unwrap_or(rustix::param::page_size() as u64);
                let total = total(len, align, unit)?;
                let raw = attach(total, size)?;
                Ok(Memory::aligned(Holding::Segment { raw }, raw, len, align))
            }
            (Source::File(path), pages) => Memory::of_file(path, pages, len, align),
        }
    }

    fn region(len: usize, align: usize) -> Result<Memory, MemoryError> {
        let region = Region::guarded(len, align).map_err(MemoryError::None)?;
        let (base, len) = (region.base(), region.len());
        Ok(Memory { holding: Holding::Region { _region: region }, base, len })
    }

    fn of_file(path: &Path, pages: Pages, len: usize, align: usize) -> Result<Memory, MemoryError> {
        let told = |words: String| MemoryError::File { path: path.to_owned(), words };
        let file = make(path).map_err(told)?;
        let facts = fs::fstatfs(&file).map_err(|errno| told(errno.to_string()))?;
        let is_huge = facts.f_type as i64 == HUGETLBFS;
        let unit = if is_huge { facts.f_bsize as u64 } else { rustix::param::page_size() as u64 };
        match pages {
            Pages::Huge(_) if !is_huge => {
                let words = "does not lie on a hugetlbfs (mount -t hugetlbfs none DIRECTORY)";
                return Err(told(words.to_owned()));
            }
            Pages::Huge(size) if size != 0 && size != unit => {
                return Err(told(format!(
                    "the pages of that hugetlbfs are of {unit} bytes, and hugepage-size={size} \
                     (mount it with pagesize={size})"
                )));
            }
            _ => {}
        }
        let total = total(len, align, unit)?;
        let short = |errno: Errno| match is_huge {
            true => huge_short(total, unit, errno),
            false => told(format!("{total} bytes: {errno} (make room there, or lower iodepth)")),
        };
        reserve(&file, total).map_err(short)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address that the kernel chooses overlaps nothing. Nobody
        // else can shorten the file under it: it was made here and has no name any more.
        let raw = unsafe { mmap(null_mut(), total, protection, MapFlags::SHARED, &file, 0) };
        let raw = non_null(raw.map_err(short)?);
        Ok(Memory::aligned(Holding::Mapping { raw, len: total }, raw, len, align))
    }

    /// The aligned part of what is held; [`total`] left room for it.
    fn aligned(holding: Holding, raw: NonNull<c_void>, len: usize, align: usize) -> Memory {
        let raw = raw.cast::<u8>();
        let skip = raw.as_ptr().align_offset(align);
        // SAFETY: `total` bytes were mapped, which is `len` and whatever the alignment may skip.
        let base = unsafe { raw.add(skip) };
        Memory { holding, base, len: len.max(1) }
    }

    /// Brings every page in, so that nobody waits for one later. What is in them stays.
    ///
    /// # Errors
    /// There is not as much memory as there are addresses.
    pub fn populate(&self) -> Result<(), MemoryError> {
        let page = rustix::param::page_size();
        let start = self.base.as_ptr() as usize / page * page;
        let end = (self.base.as_ptr() as usize + self.len).next_multiple_of(page);
        let first = self.base.as_ptr().wrapping_sub(self.base.as_ptr() as usize - start);
        // SAFETY: the pages from the one with the first byte to the one with the last are mapped
        // (`len` bytes are ours, and mappings are of whole pages); populating changes no content.
        match unsafe { madvise(first.cast(), end - start, Advice::LinuxPopulateWrite) } {
            // A kernel before 5.14: each page by hand.
            Err(Errno::INVAL) => {
                for offset in (0..self.len).step_by(page) {
                    // SAFETY: below `len`; nobody else knows of the memory yet, and every byte of
                    // it was initialised by the kernel.
                    unsafe {
                        let byte = self.base.as_ptr().add(offset);
                        byte.write_volatile(byte.read_volatile());
                    }
                }
                Ok(())
            }
            answer => answer.map_err(MemoryError::None),
        }
    }

    /// Its first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        match &self.holding {
            Holding::Region { .. } => {}
            Holding::Mapping { raw, len } => {
                // SAFETY: mapped by `new` with this length and unmapped here alone; whoever handed
                // out pointers into it keeps it alive for as long as they are used.
                let _unmapped = unsafe { munmap(raw.as_ptr(), *len) };
            }
            Holding::Segment { raw } => {
                // SAFETY: attached by `new` at this address and detached here alone, as above.
                let _detached = unsafe { libc::shmdt(raw.as_ptr()) };
            }
        }
    }
}

/// Bytes to map, so that `len` aligned ones are among them: whole pages of `unit` bytes.
fn total(len: usize, align: usize, unit: u64) -> Result<usize, MemoryError> {
    let none = MemoryError::None(Errno::NOMEM);
    let unit = usize::try_from(unit).unwrap_or(usize::MAX);
    let slack = align.saturating_sub(unit);
    let total = len.max(1).checked_add(slack).and_then(|sum| sum.checked_next_multiple_of(unit));
    total.filter(|total| isize::try_from(*total).is_ok()).ok_or(none)
}

/// The size of a huge page: what was asked for if there is such a thing, else the kernel's.
fn huge_size(asked: u64) -> Result<u64, MemoryError> {
    match asked {
        0 => hugepages::default_size().ok_or(MemoryError::NoHuge),
        size if hugepages::has_size(size) => Ok(size),
        size => Err(MemoryError::HugeSize { size, has: hugepages::sizes() }),
    }
}

fn huge_short(total: usize, size: u64, errno: Errno) -> MemoryError {
    let wanted = total as u64 / size;
    let free = match hugepages::free(size) {
        Some(free) => format!("{free} are free"),
        None => "the kernel does not tell how many are free".to_owned(),
    };
    let remedy = hugepages::remedy(size, wanted);
    MemoryError::HugeShort { wanted, size, free, errno, remedy }
}

/// Maps anonymous huge pages, which are set aside at once.
fn map_huge(total: usize, size: u64) -> Result<NonNull<c_void>, Errno> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let size_bits = MapFlags::from_bits_retain(size.ilog2() << HUGE_SHIFT);
    let flags = MapFlags::PRIVATE | MapFlags::HUGETLB | size_bits;
    // SAFETY: a fresh private mapping at an address that the kernel chooses overlaps nothing.
    let raw = unsafe { mmap_anonymous(null_mut(), total, protection, flags)? };
    Ok(non_null(raw))
}

/// A shared segment of our own, which goes away with its last user: us.
fn attach(total: usize, huge: Option<u64>) -> Result<NonNull<c_void>, MemoryError> {
    let huge_bits = huge.map_or(0, |size| libc::SHM_HUGETLB | (size.ilog2() << HUGE_SHIFT) as i32);
    let mode = libc::IPC_CREAT | 0o600 | huge_bits;
    // SAFETY: takes numbers alone.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, total, mode) };
    if id < 0 {
        return Err(segment_error(total, huge, last_errno()));
    }
    // SAFETY: the segment is fresh, and the kernel chooses where its mapping overlaps nothing.
    let raw = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    let attached = if raw as isize == -1 { Err(last_errno()) } else { Ok(non_null(raw)) };
    // SAFETY: takes a null pointer for this command. Attached or not, the segment ends with us.
    let _marked = unsafe { libc::shmctl(id, libc::IPC_RMID, null_mut()) };
    attached.map_err(|errno| segment_error(total, huge, errno))
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn segment_error(total: usize, huge: Option<u64>, errno: Errno) -> MemoryError {
    let remedy = match (errno, huge) {
        (Errno::PERM, Some(_)) => return MemoryError::HugeForbidden(errno),
        (Errno::NOMEM, Some(size)) => return huge_short(total, size, errno),
        (Errno::INVAL, _) => "see sysctl kernel.shmmax; or lower iodepth or bs",
        (Errno::NOSPC, _) => "see sysctl kernel.shmall and kernel.shmmni, and ipcs -m",
        _ => "lower iodepth, bs or numjobs",
    };
    MemoryError::Segment { len: total as u64, errno, remedy }
}

/// A new file that has no name any more.
fn make(path: &Path) -> Result<OwnedFd, String> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut tries = 0;
    loop {
        match fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                fs::unlink(path).map_err(|errno| format!("remove its name: {errno}"))?;
                return Ok(file);
            }
            Err(Errno::EXIST) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Errno::EXIST) => {
                return Err("is there already, and the buffers would overwrite it (name a file \
                            that does not exist: it is made and removed)"
                    .to_owned());
            }
            Err(Errno::NOENT) => return Err("its directory does not exist".to_owned()),
            Err(errno) => return Err(format!("make it: {errno}")),
        }
    }
}

/// Room for all of it now, for a lack of it later would be a signal, not an error.
fn reserve(file: &OwnedFd, len: usize) -> Result<(), Errno> {
    match fs::fallocate(file, FallocateFlags::empty(), 0, len as u64) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fs::ftruncate(file, len as u64),
        answer => answer,
    }
}

fn non_null(raw: *mut c_void) -> NonNull<c_void> {
    NonNull::new(raw).unwrap_or_else(|| unreachable!("the kernel maps nothing at address 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(source: Source) -> MemoryWish {
        MemoryWish { source, pages: Pages::Small }
    }

    #[test]
    fn every_kind_is_zero_aligned_and_writable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buffers");
        for source in [Source::Anonymous, Source::Segment, Source::File(path.clone())] {
            for align in [1, 512, 4096, 65536, 2 << 20] {
                let memory = Memory::new(10_000, align, &wish(source.clone())).unwrap();
                assert_eq!(memory.base().as_ptr() as usize % align, 0, "{source:?} {align}");
                memory.populate().unwrap();
                // SAFETY: the region's own bytes, which nobody else knows of.
                let bytes =
                    unsafe { std::slice::from_raw_parts_mut(memory.base().as_ptr(), 10_000) };
                assert!(bytes.iter().all(|byte| *byte == 0), "{source:?} {align}");
                bytes.fill(1);
                assert!(!path.exists(), "a file has no name while it is used");
            }
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let error = Memory::new(4096, 4096, &wish(Source::File(path.clone()))).unwrap_err();
        assert!(error.to_string().contains("would overwrite it"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
        let nowhere = dir.path().join("missing/file");
        let error = Memory::new(4096, 4096, &wish(Source::File(nowhere))).unwrap_err();
        assert!(error.to_string().contains("directory does not exist"), "{error}");
    }

    #[test]
    fn what_cannot_be_is_told() {
        let too_much = Memory::new(1 << 60, 4096, &wish(Source::Segment)).unwrap_err();
        assert!(too_much.to_string().contains("shared memory"), "{too_much}");
        let pages = Pages::Huge(3 << 20);
        for source in [Source::Anonymous, Source::Segment] {
            let error = Memory::new(1, 1, &MemoryWish { source, pages }).unwrap_err().to_string();
            assert!(error.contains("no huge pages of that size"), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        let source = Source::File(dir.path().join("small"));
        let error = Memory::new(1, 1, &MemoryWish { source, pages: Pages::Huge(0) }).unwrap_err();
        assert!(error.to_string().contains("mount -t hugetlbfs"), "{error}");
        assert!(Memory::new(1, 3, &MemoryWish::default()).is_err());
    }
}
