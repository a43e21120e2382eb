//! What the kernel's page cache is told of a target: `invalidate=1` drops its pages, so that reads
//! meet the device, `pre_read=1` brings them in, and the order of the load says whether reading
//! ahead makes sense.
//!
//! Called by `run` on each opened target, before the workers start.

use super::discover::Kind;
use super::error::TargetError;
use super::open::{open, OpenWish};
use crate::sys::block;
use rustix::fs::Advice;
use rustix::io::Errno;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidated {
    /// The pages were dropped (dirty ones of a file stay until they are written).
    Done,
    /// Nothing to drop: no page cache stands before this kind of target.
    Nothing,
    /// It may not be done: why and what follows, for a note.
    NotAllowed(String),
}

/// Drops the cached pages of `len` bytes from `offset` on; of a block device always all of them.
/// A length of 0 reaches to the end.
///
/// # Errors
/// The system's answer, where it is not merely that only root may.
pub fn invalidate<Fd: AsFd>(
    fd: Fd,
    path: &Path,
    kind: Kind,
    offset: u64,
    len: u64,
) -> Result<Invalidated, TargetError> {
    let failed = |errno| TargetError::io(format!("drop cached pages of {}", path.display()), errno);
    match kind {
        Kind::Regular | Kind::Missing => {
            let len = NonZeroU64::new(len);
            rustix::fs::fadvise(fd, offset, len, Advice::DontNeed).map_err(failed)?;
            Ok(Invalidated::Done)
        }
        Kind::Block => match block::flush_buffers(fd) {
            Ok(()) => Ok(Invalidated::Done),
            Err(Errno::ACCESS | Errno::PERM) => Ok(Invalidated::NotAllowed(format!(
                "{}: cached pages stay, only root may drop those of a device: reads may be \
                 answered from memory (run as root, or set direct=1)",
                path.display()
            ))),
            Err(errno) => Err(failed(errno)),
        },
        Kind::Char | Kind::Pipe | Kind::Directory | Kind::Opaque => Ok(Invalidated::Nothing),
    }
}

/// Tells the kernel how the target will be read: at random, where reading ahead would bring in
/// pages that nobody asked for and make a small read a large one, or in order. A hint: where the
/// kernel does not take it, nothing is lost.
pub fn advise<Fd: AsFd>(fd: Fd, kind: Kind, random: bool) {
    let advice = if random { Advice::Random } else { Advice::Sequential };
    if matches!(kind, Kind::Regular | Kind::Missing | Kind::Block) {
        let _hint = rustix::fs::fadvise(fd, 0, None, advice);
    }
}

/// `pre_read`: reads `len` bytes from `offset` on once, through the page cache; less where the file
/// ends before. Answers how much it read. Ends early once `stop` is set.
///
/// # Errors
/// A file that cannot be opened or read.
pub fn pre_read(path: &Path, offset: u64, len: u64, stop: &AtomicBool) -> Result<u64, TargetError> {
    let file = File::from(open(path, OpenWish { read: true, ..OpenWish::default() })?);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut done = 0;
    while done < len && !stop.load(Ordering::Relaxed) {
        let chunk = &mut buffer[..(len - done).min(CHUNK_BYTES as u64) as usize];
        match file.read_at(chunk, offset + done) {
            Ok(0) => break,
            Ok(bytes) => done += bytes as u64,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                let doing = format!("pre_read of {} at {}", path.display(), offset + done);
                return Err(TargetError::io(doing, error));
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{skip, LoopDevice};
    use super::*;

    /// Bytes that this thread has had read from devices; none where the kernel does not count.
    fn fetched() -> Option<u64> {
        let counters = std::fs::read_to_string("/proc/thread-self/io").ok()?;
        counters.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
    }

    #[test]
    fn at_random_a_read_brings_in_no_more_than_itself() {
        const LEN: u64 = 1 << 20;
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().write_all_at(&vec![1; LEN as usize], 0).expect("filled");
        file.as_file().sync_all().expect("on the device");
        let fetched_by_reads = |random| {
            let fresh = File::open(file.path()).expect("opened");
            invalidate(&fresh, file.path(), Kind::Regular, 0, 0).expect("dropped");
            advise(&fresh, Kind::Regular, random);
            let before = fetched()?;
            // The second of two neighbours is what looks like a reader in order.
            for offset in [LEN / 2, LEN / 2 + 4096] {
                fresh.read_exact_at(&mut [0; 4096], offset).expect("read");
            }
            Some(fetched()? - before).filter(|&bytes| bytes > 0)
        };
        let (Some(random), Some(in_order)) = (fetched_by_reads(true), fetched_by_reads(false))
        else {
            return skip("no device is under the temporary directory, or nobody counts its reads")
                .unwrap_or_default();
        };
        assert!(in_order > random, "{random} bytes at random, {in_order} in order");
    }

    #[test]
    fn kinds_are_treated_as_they_need() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path();
        let done = invalidate(file.as_file(), path, Kind::Regular, 0, 0).expect("dropped");
        assert_eq!(done, Invalidated::Done);
        let null = File::open("/dev/null").expect("/dev/null");
        let done = invalidate(null, Path::new("/dev/null"), Kind::Char, 0, 0).expect("nothing");
        assert_eq!(done, Invalidated::Nothing);
        let error = invalidate(file.as_file(), path, Kind::Block, 0, 0).expect_err("no device");
        assert!(error.to_string().starts_with("drop cached pages of /"), "{error}");
    }

    #[test]
    fn a_device_is_flushed_as_root() {
        let Some(device) = LoopDevice::new(1 << 20) else { return };
        let file = File::open(&device.path).expect("a device");
        let done = invalidate(file, &device.path, Kind::Block, 0, 0).expect("flushed");
        assert_eq!(done, Invalidated::Done);
    }

    #[test]
    fn reading_once_brings_in_the_region_and_no_more_than_there_is() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(3 << 20).expect("a length");
        let read = |offset, len, stop: bool| {
            pre_read(file.path(), offset, len, &AtomicBool::new(stop)).expect("read")
        };
        assert_eq!(read(0, 3 << 20, false), 3 << 20);
        assert_eq!(read(1 << 20, 1 << 20, false), 1 << 20);
        assert_eq!(read(2 << 20, 5 << 20, false), 1 << 20);
        assert_eq!(read(0, 3 << 20, true), 0);
        let error = pre_read(Path::new("/none"), 0, 1, &AtomicBool::new(false)).expect_err("none");
        assert!(error.to_string().starts_with("open /none: it does not exist"), "{error}");
    }
}
