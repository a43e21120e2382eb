//! What a worker writes and the memory that it does it in, made from the job: patterns are read
//! from their files, the recipe of the content is put together, memory is locked.
//!
//! Called by [`super::worker`] before the start. What fails here is the job's affair, not the
//! engine's, and is told in the job's words.

use super::fit::{max_bs, seed};
use super::result::RunError;
use super::targets::Files;
use super::words::place;
use super::worker::Context;
use crate::ddir::Ddir;
use crate::job::spec::{ContentSpec, DedupeMode, JobSpec, MemoryKind, PatternPart};
use crate::sys::locked::Locked;
use crate::sys::memory::{MemoryWish, Pages, Source};
use crate::workload::{Compress, Content, ContentRecipe, Dedupe, Repeats};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What the worker writes.
///
/// # Errors
/// A file of `buffer_pattern` cannot be read.
pub(super) fn content(context: &Context, files: &Files) -> Result<Content, RunError> {
    let job = &context.job;
    let spec = &job.content;
    let block = job.load.bs[Ddir::Write].min.0.max(1);
    let max_bs = max_bs(job);
    let size: u64 = files.regions.iter().map(|region| region.len).sum();
    let pattern = match job.load.rw.writes() {
        true => pattern(&spec.buffer_pattern, max_bs)
            .map_err(|words| RunError::usage(&job.name, format!("{}: {words}", place(job))))?,
        false => Vec::new(),
    };
    Ok(Content::new(&ContentRecipe {
        refill: spec.refill_buffers,
        zero: spec.zero_buffers,
        scramble: spec.scramble_buffers,
        pattern,
        compress: (spec.compress_percentage > 0).then_some(Compress {
            percentage: spec.compress_percentage,
            chunk: spec.compress_chunk.0,
        }),
        dedupe: (spec.dedupe_percentage > 0).then_some(Dedupe {
            percentage: spec.dedupe_percentage,
            repeats: repeats(spec, size / block),
        }),
        block,
        max_bs,
        mixed: job.load.rw.is_mixed(),
        seed: seed(context),
    }))
}

fn repeats(spec: &ContentSpec, blocks: u64) -> Repeats {
    match spec.dedupe_mode {
        DedupeMode::Repeat => Repeats::Last,
        DedupeMode::WorkingSet => {
            let percent = u128::from(spec.dedupe_working_set_percentage);
            Repeats::OneOf((u128::from(blocks) * percent / 100).max(1) as u64)
        }
    }
}

/// What can be said of a pattern's files before anything is made.
///
/// # Errors
/// A file that is not there, or that cannot be read from.
pub(super) fn check(job: &JobSpec) -> Result<(), RunError> {
    let files = job.content.buffer_pattern.iter().filter_map(|part| match part {
        PatternPart::File(path) => Some(path),
        PatternPart::Bytes(_) => None,
    });
    for path in files {
        look_at(path).map_err(|words| {
            let words = format!("{}: buffer_pattern: {}: {words}", place(job), path.display());
            RunError::usage(&job.name, words)
        })?;
    }
    Ok(())
}

/// Looks before somebody opens it: a pipe would wait for somebody who writes.
fn look_at(path: &Path) -> Result<(), String> {
    let kind = std::fs::metadata(path).map_err(|error| error.to_string())?.file_type();
    match kind.is_file() || kind.is_char_device() || kind.is_block_device() {
        true => Ok(()),
        false => Err("a pattern is read from a file or a device".to_owned()),
    }
}

/// All parts in a row; of a file as much as a request can hold.
pub(super) fn pattern(parts: &[PatternPart], max_bs: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            PatternPart::Bytes(more) => bytes.extend_from_slice(more),
            PatternPart::File(path) => append(path, max_bs, &mut bytes)
                .map_err(|words| format!("buffer_pattern: {}: {words}", path.display()))?,
        }
    }
    Ok(bytes)
}

pub(super) fn append(path: &Path, max_len: u64, bytes: &mut Vec<u8>) -> Result<(), String> {
    let words = |error: std::io::Error| error.to_string();
    look_at(path)?;
    let file = File::open(path).map_err(words)?;
    match file.take(max_len).read_to_end(bytes).map_err(words)? {
        0 => Err("the file is empty, so there is no pattern in it".to_owned()),
        _ => Ok(()),
    }
}

/// Where the buffers come from.
pub(super) fn memory(spec: &ContentSpec) -> MemoryWish {
    let (source, is_huge) = match &spec.mem {
        MemoryKind::Malloc | MemoryKind::Mmap(None) => (Source::Anonymous, false),
        MemoryKind::Mmap(Some(path)) => (Source::File(path.clone()), false),
        MemoryKind::Shm => (Source::Segment, false),
        MemoryKind::MmapHuge(None) => (Source::Anonymous, true),
        MemoryKind::MmapHuge(Some(path)) => (Source::File(path.clone()), true),
        MemoryKind::ShmHuge => (Source::Segment, true),
    };
    let pages = if is_huge { Pages::Huge(spec.hugepage_size.0) } else { Pages::Small };
    MemoryWish { source, pages }
}

/// Takes the memory of `lockmem` away from everybody else, for as long as the answer lives.
///
/// # Errors
/// More than is there or than this user may lock.
pub(super) fn lock(job: &JobSpec) -> Result<Option<Locked>, RunError> {
    let bytes = job.content.lockmem.0;
    if bytes == 0 {
        return Ok(None);
    }
    Locked::new(bytes).map(Some).map_err(|error| {
        RunError::usage(&job.name, format!("{}: lockmem={bytes}: {error}", place(job)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_joined_and_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pattern");
        std::fs::write(&file, "0123456789").unwrap();
        let parts = [PatternPart::Bytes(b"ab".to_vec()), PatternPart::File(file)];
        assert_eq!(pattern(&parts, 4096).unwrap(), b"ab0123456789");
        assert_eq!(pattern(&parts, 4).unwrap(), b"ab0123");
        assert_eq!(pattern(&[], 4096).unwrap(), b"");
    }

    #[test]
    fn files_that_hold_no_pattern_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        let cases = [
            (dir.path().join("missing"), "No such file"),
            (dir.path().to_owned(), "from a file or a device"),
            (empty, "is empty"),
        ];
        for (path, words) in cases {
            let error = pattern(&[PatternPart::File(path.clone())], 4096).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_working_set_is_a_part_of_the_blocks() {
        let spec = |percent| ContentSpec {
            dedupe_mode: DedupeMode::WorkingSet,
            dedupe_working_set_percentage: percent,
            ..ContentSpec::default()
        };
        for (percent, blocks, set) in [(5, 1000, 50), (100, 7, 7), (5, 3, 1), (0, 1000, 1)] {
            assert_eq!(repeats(&spec(percent), blocks), Repeats::OneOf(set));
        }
        assert_eq!(repeats(&ContentSpec::default(), 1000), Repeats::Last);
    }
}
