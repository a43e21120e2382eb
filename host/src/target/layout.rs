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
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a file is laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be read (or for an engine that cannot make a file longer): filled with data.
    Fill,
    /// To be written: created, and room set aside.
    Reserve(Room),
}

/// `fallocate`: how room is set aside for a file that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Not at all: the file is created, and empty.
    None,
    /// fallocate(2); a file system that cannot is left alone, as fio does.
    Native,
    /// As posix_fallocate(3): where the file system cannot, a byte is written into each block.
    Posix,
    /// fallocate(2) that keeps the file's length; a file system that cannot is left alone.
    Keep,
    /// ftruncate(2): a length without blocks.
    Truncate,
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
    /// Bytes that were filled or set aside, or by which the file became longer.
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
        Purpose::Reserve(room) => reserve(&file, room, start, len).or_else(|failure| {
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

/// Sets room aside; answers how much.
fn reserve(file: &File, room: Room, start: u64, len: u64) -> Result<u64, Failure> {
    let failed = |error: io::Error| Failure { error, written: 0 };
    let done = match room {
        Room::None => return Ok(0),
        Room::Truncate => file.set_len(len).map(|()| true),
        Room::Keep => allocate(file, FallocateFlags::KEEP_SIZE, start, len),
        Room::Native | Room::Posix => allocate(file, FallocateFlags::empty(), start, len),
    };
    match done.map_err(failed)? {
        true => Ok(len - start),
        false if room == Room::Posix => touch_blocks(file, start, len).map_err(failed),
        false => Ok(0),
    }
}

/// False: the file system cannot.
fn allocate(file: &File, flags: FallocateFlags, start: u64, len: u64) -> io::Result<bool> {
    loop {
        match rustix::fs::fallocate(file, flags, start, len - start) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// What the C library does for posix_fallocate where the system call is missing.
fn touch_blocks(file: &File, start: u64, len: u64) -> io::Result<u64> {
    let block = file.metadata()?.blksize().max(512);
    let mut at = start;
    while at < len {
        file.write_all_at(&[0], at)?;
        at = (at / block + 1) * block;
    }
    file.set_len(len)?;
    Ok(len - start)
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
mod tests;
