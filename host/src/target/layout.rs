//! Lays files out before the start: real blocks for those who read, room for those who write.
//!
//! Called by `run` in its phase of the same name. Only ever adds behind a file's end: what is there
//! is neither overwritten nor cut off, and devices are never touched.

use super::discover::{Kind, Target};
use super::error::TargetError;
use super::open::{open, OpenWish};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a file is laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be read (or for an engine that cannot make a file longer): filled with data.
    Fill,
    /// To be written: created, and room set aside where the file system can (`fallocate=native`).
    Reserve,
}

/// How.
#[derive(Debug)]
pub struct LayoutOptions<'a> {
    /// For what.
    pub purpose: Purpose,
    /// The data depends on it and on the place in the file alone.
    pub seed: u64,
    /// `create_fsync`: make it durable before the run begins.
    pub fsync: bool,
    /// Looked at between two chunks: once set, the layout ends early.
    pub stop: &'a AtomicBool,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaidOut {
    /// The file was not there before.
    pub created: bool,
    /// Bytes that were filled or set aside.
    pub added: u64,
    /// It was told to stop; the file is shorter than it should be.
    pub stopped: bool,
    /// There is no room for all that is to be written: in words, for a note. The run goes on, for
    /// what it writes until then is worth measuring.
    pub unreserved: Option<String>,
}

/// Brings a regular or missing file to `len` bytes; does nothing for everything else. `progress`
/// hears how many bytes of how many are done, about once a chunk.
///
/// # Errors
/// A file that cannot be opened or written. Where the space runs out, what was added is taken back.
pub fn lay_out(
    target: &Target,
    len: u64,
    options: &LayoutOptions<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<LaidOut, TargetError> {
    let missing = target.kind == Kind::Missing;
    let is_file = missing || target.kind == Kind::Regular;
    if !is_file || (target.size >= len && !missing) {
        return Ok(LaidOut::default());
    }
    let wish = OpenWish { read: false, write: true, create: missing, ..OpenWish::default() };
    let file = File::from(open(&target.path, wish)?);
    let doing = || format!("lay out {}", target.path.display());
    // Another clone that shares the file may have been here since the target was looked at.
    let start = file.metadata().map_err(|error| TargetError::io(doing(), error))?.len();
    let mut done = LaidOut { created: missing, ..LaidOut::default() };
    if start >= len {
        return Ok(done);
    }
    let outcome = match options.purpose {
        Purpose::Fill => fill(&file, start, len, options, progress),
        Purpose::Reserve => reserve(&file, start, len).or_else(|failure| {
            done.unreserved = Some(no_room(target, len - start, failure)?);
            Ok(0)
        }),
    };
    match outcome {
        Ok(added) => {
            done.added = added;
            done.stopped = options.purpose == Purpose::Fill && added < len - start;
        }
        Err(Failure { error, written }) => {
            return Err(take_back(target, &file, start, error, written, len - start));
        }
    }
    if options.fsync && done.added > 0 && !done.stopped {
        file.sync_all().map_err(|error| TargetError::io(doing(), error))?;
    }
    Ok(done)
}

struct Failure {
    error: io::Error,
    written: u64,
}

/// Writes pseudo-random data from `start` to `len`; answers how much, which is less when stopped.
fn fill(
    file: &File,
    start: u64,
    len: u64,
    options: &LayoutOptions<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, Failure> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut at = start;
    progress(0, len - start);
    while at < len && !options.stop.load(Ordering::Relaxed) {
        // Up to the next multiple of the chunk, so that all writes but the first are aligned.
        let room = CHUNK_BYTES as u64 - at % CHUNK_BYTES as u64;
        let chunk = &mut buffer[..room.min(len - at) as usize];
        randomize(chunk, options.seed ^ at);
        let failed = |error| Failure { error, written: at - start };
        file.write_all_at(chunk, at).map_err(failed)?;
        at += chunk.len() as u64;
        progress(at - start, len - start);
    }
    Ok(at - start)
}

/// Sets room aside; a file system that cannot is left alone, as fio does.
fn reserve(file: &File, start: u64, len: u64) -> Result<u64, Failure> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), start, len - start) {
            Ok(()) => return Ok(len - start),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(0),
            Err(errno) => return Err(Failure { error: errno.into(), written: 0 }),
        }
    }
}

/// Words for a reservation that the file system has no room for; other failures stay failures.
fn no_room(target: &Target, needed: u64, failure: Failure) -> Result<String, Failure> {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match failure.error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Ok(format!(
            "{}: no room for {needed} bytes ({}): the run may end there",
            target.path.display(),
            failure.error
        )),
        _ => Err(failure),
    }
}

/// A full file system is not left full: the file goes back to what it was.
fn take_back(
    target: &Target,
    file: &File,
    start: u64,
    error: io::Error,
    written: u64,
    needed: u64,
) -> TargetError {
    let path = &target.path;
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let undone = if target.kind == Kind::Missing && start == 0 {
        std::fs::remove_file(path)
    } else {
        file.set_len(start)
    };
    match undone {
        Ok(()) if is_full => TargetError::NoSpace { path: path.clone(), written, needed },
        Ok(()) => TargetError::io(format!("lay out {}", path.display()), error),
        Err(second) => {
            let doing = format!("lay out {}: {error}; then take it back", path.display());
            TargetError::io(doing, second)
        }
    }
}

/// Data that neither compresses nor repeats: splitmix64 from a state for each chunk.
fn randomize(chunk: &mut [u8], seed: u64) {
    let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95);
    for word in chunk.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bytes = (z ^ (z >> 31)).to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::discover::discover;
    use super::super::error::ErrorClass;
    use super::super::testbed::{skip, LoopDevice};
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    static GO: AtomicBool = AtomicBool::new(false);

    fn options(purpose: Purpose) -> LayoutOptions<'static> {
        LayoutOptions { purpose, seed: 1, fsync: true, stop: &GO }
    }

    fn lay(path: &Path, len: u64, purpose: Purpose) -> Result<LaidOut, TargetError> {
        let target = discover(path).expect("it can be looked at");
        lay_out(&target, len, &options(purpose), &mut |_, _| {})
    }

    #[test]
    fn a_missing_file_gets_real_blocks() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("file");
        let len = 2 * CHUNK_BYTES as u64 + 100;
        let done = lay(&path, len, Purpose::Fill).expect("a layout");
        assert_eq!(done, LaidOut { created: true, added: len, ..LaidOut::default() });
        let data = fs::read(&path).expect("a file");
        assert_eq!(data.len() as u64, len);
        assert!(fs::metadata(&path).expect("a file").blocks() * 512 >= len);
        let mut seen = [0u32; 256];
        data.iter().for_each(|&byte| seen[usize::from(byte)] += 1);
        let mean = len as u32 / 256;
        assert!(seen.iter().all(|n| n.abs_diff(mean) < mean / 10), "bytes are not random");
        assert_ne!(data[..CHUNK_BYTES], data[CHUNK_BYTES..2 * CHUNK_BYTES]);
    }

    #[test]
    fn what_is_there_stays_and_is_continued() {
        let here = tempfile::tempdir().expect("a directory");
        for purpose in [Purpose::Fill, Purpose::Reserve] {
            let path = here.path().join(format!("{purpose:?}"));
            fs::write(&path, b"precious").expect("a file");
            let done = lay(&path, 5000, purpose).expect("a layout");
            assert!(!done.created);
            assert_eq!(&fs::read(&path).expect("a file")[..8], b"precious");
            assert_eq!(lay(&path, 3, purpose).expect("a layout"), LaidOut::default());
            assert!(fs::metadata(&path).expect("a file").len() >= done.added);
        }
        assert_eq!(fs::metadata(here.path().join("Fill")).expect("a file").len(), 5000);
    }

    #[test]
    fn a_writer_gets_a_file_with_room_where_the_file_system_can() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("file");
        let done = lay(&path, 100_000, Purpose::Reserve).expect("a layout");
        assert!(done.created && !done.stopped);
        let file = fs::metadata(&path).expect("a file");
        assert_eq!(file.len(), done.added);
        assert!(done.added == 0 || file.blocks() * 512 >= 100_000);
    }

    #[test]
    fn only_files_are_laid_out() {
        assert_eq!(
            lay(Path::new("/dev/null"), 4096, Purpose::Fill).expect("fine"),
            LaidOut::default()
        );
        let Some(device) = LoopDevice::new(1 << 20) else { return };
        assert_eq!(lay(&device.path, 4 << 20, Purpose::Fill).expect("fine"), LaidOut::default());
        assert_eq!(discover(&device.path).expect("a device").size, 1 << 20);
    }

    #[test]
    fn it_stops_when_told_and_goes_on_the_next_time() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("file");
        let stop = AtomicBool::new(false);
        let len = 3 * CHUNK_BYTES as u64;
        let target = discover(&path).expect("it can be looked at");
        let stopping = LayoutOptions { stop: &stop, ..options(Purpose::Fill) };
        let mut heard = Vec::new();
        let done = lay_out(&target, len, &stopping, &mut |bytes, total| {
            heard.push((bytes, total));
            stop.store(bytes > 0, Ordering::Relaxed);
        });
        let one = CHUNK_BYTES as u64;
        assert_eq!(
            done.expect("stopped"),
            LaidOut { created: true, added: one, stopped: true, unreserved: None }
        );
        assert_eq!(heard, [(0, len), (one, len)]);
        let again = lay(&path, len, Purpose::Fill).expect("a layout");
        assert_eq!(again, LaidOut { added: 2 * one, ..LaidOut::default() });
        let whole = here.path().join("whole");
        lay(&whole, len, Purpose::Fill).expect("a layout");
        assert!(fs::read(path).expect("a file") == fs::read(whole).expect("a file"));
    }

    #[test]
    fn a_full_file_system_is_told_and_left_as_it_was() {
        let Some(small) = SmallTmpfs::new() else { return };
        let (old, new) = (small.0.path().join("old"), small.0.path().join("new"));
        fs::write(&old, b"precious").expect("a file");
        for path in [&old, &new] {
            let error = lay(path, 64 << 20, Purpose::Fill).expect_err("it is full");
            assert_eq!(error.class(), ErrorClass::Io);
            assert!(error.to_string().contains("no space left after"), "{error}");
        }
        assert_eq!(fs::read(&old).expect("a file"), b"precious");
        assert!(!new.exists());
        let done = lay(&new, 64 << 20, Purpose::Reserve).expect("the run may go on");
        assert_eq!((done.created, done.added), (true, 0));
        assert!(done.unreserved.expect("words").contains("no room for 67108864 bytes"));
    }

    /// A tmpfs of 4 MiB.
    struct SmallTmpfs(tempfile::TempDir);

    impl SmallTmpfs {
        fn new() -> Option<SmallTmpfs> {
            if !rustix::process::geteuid().is_root() {
                return skip("needs root to mount a tmpfs");
            }
            let point = tempfile::tempdir().expect("a directory");
            let path = point.path().display().to_string();
            let args = ["-t", "tmpfs", "-o", "size=4m", "none", &path];
            super::super::testbed::run("mount", &args).map(|()| SmallTmpfs(point))
        }
    }

    impl Drop for SmallTmpfs {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg(self.0.path()).status();
        }
    }
}
