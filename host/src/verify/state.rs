//! The file in which an interrupted run leaves what has to be on its targets
//! (`verify_state_save`), for a later one to look (`verify_state_load`).
//!
//! Written and read by `run`; docs/verify-state.md has the format. What is read may be of anybody:
//! each length is checked before it is believed, and nothing is used before the checksum is right.
//! Knows no file names.

use super::ledger::{Chunk, Dump, LedgerShape};
use crc_fast::{CrcAlgorithm, Digest};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// How a file begins.
pub const MAGIC: [u8; 8] = *b"\x89iodst\r\n";

/// Version of the format.
pub const VERSION: u32 = 1;

/// Bytes before the head.
const FIXED: usize = 16;

/// In place of a target's number: no more chunks.
const END: u32 = u32::MAX;

/// Who wrote, what, and how: enough to make all of it again, and to tell another job's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the host.
    pub host: String,
    /// The job.
    pub job: String,
    /// Which clone of it.
    pub clone: u32,
    /// `verify`.
    pub method: String,
    /// `verify_offset`.
    pub place: u64,
    /// What the payload is made of, in one word.
    pub payload: String,
    /// Names of the targets.
    pub targets: Vec<String>,
    /// Each write is durable when it ends (`sync`).
    pub durable: bool,
    /// Interval, run, worker, seed, and each target's part.
    pub shape: LedgerShape,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Of whom.
    pub about: About,
    /// Wall clock when it was saved, milliseconds since 1970.
    pub saved_ms: u64,
    /// Why not all was read back, in words.
    pub why: String,
    /// What was on its way, and what was flushed.
    pub dump: Dump,
    /// What is known of the intervals.
    pub chunks: Vec<Chunk>,
}

/// What stands behind the chunks.
#[derive(Serialize, Deserialize)]
struct Tail {
    saved_ms: u64,
    why: String,
    #[serde(flatten)]
    dump: Dump,
}

/// Why a file is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It does not begin like one.
    #[error("it is no state of iodyno's (fio's have the same name and another format)")]
    Foreign,
    /// Another version wrote it.
    #[error("it is of version {0} of the format, and this iodyno reads version {VERSION}")]
    Version(u32),
    /// It is not as it was written.
    #[error("it is damaged or cut: {0}")]
    Damaged(&'static str),
}

/// Writes a state: first who, then the chunks as they come, then the rest.
pub struct Writer<W> {
    out: W,
    crc: Digest,
}

impl<W: Write> Writer<W> {
    /// Begins.
    ///
    /// # Errors
    /// Those of writing, here as below.
    pub fn new(out: W, about: &About) -> io::Result<Writer<W>> {
        let head = serde_json::to_vec(about)?;
        let len = u32::try_from(head.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut writer = Writer { out, crc: Digest::new(CrcAlgorithm::Crc32Iscsi) };
        writer.put(&MAGIC)?;
        writer.put(&VERSION.to_le_bytes())?;
        writer.put(&len.to_le_bytes())?;
        writer.put(&head)?;
        Ok(writer)
    }

    /// Adds what is known of 64 intervals.
    pub fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        let mask = |is_set: &dyn Fn(&(u64, u64)) -> bool| -> u64 {
            let bits = chunk.entries.iter().enumerate();
            bits.map(|(at, entry)| u64::from(is_set(entry)) << at).sum()
        };
        let words = mask(&|entry| entry.0 != 0);
        let older = mask(&|entry| entry.1 != 0);
        let mut bytes = Vec::with_capacity(28 + chunk.entries.len() * 16);
        bytes.extend_from_slice(&chunk.file.to_le_bytes());
        for word in [chunk.number, words, older] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let firsts = chunk.entries.iter().map(|entry| entry.0);
        let seconds = chunk.entries.iter().map(|entry| entry.1);
        for word in firsts.chain(seconds).filter(|&word| word != 0) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        self.put(&bytes)
    }

    /// Ends.
    pub fn finish(mut self, dump: Dump, why: &str, saved_ms: u64) -> io::Result<W> {
        let tail = serde_json::to_vec(&Tail { saved_ms, why: why.to_owned(), dump })?;
        let len = u32::try_from(tail.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.put(&END.to_le_bytes())?;
        self.put(&len.to_le_bytes())?;
        self.put(&tail)?;
        let crc = self.crc.finalize() as u32;
        self.out.write_all(&crc.to_le_bytes())?;
        Ok(self.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.out.write_all(bytes)
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// Reads a whole file.
///
/// # Errors
/// It is none, or not as it was written.
pub fn read(bytes: &[u8]) -> Result<State, StateError> {
    let version = bytes.get(8..12).and_then(|bytes| bytes.try_into().ok());
    let version = version.map(u32::from_le_bytes);
    match (bytes.starts_with(&MAGIC), version) {
        (true, Some(VERSION)) => {}
        (true, Some(other)) => return Err(StateError::Version(other)),
        (true, None) => return Err(StateError::Damaged("its end is missing")),
        (false, _) => return Err(StateError::Foreign),
    }
    let Some((sealed, crc)) = bytes.split_last_chunk::<4>() else {
        return Err(StateError::Foreign);
    };
    if crc_fast::crc32_iscsi(sealed) != u32::from_le_bytes(*crc) {
        return Err(StateError::Damaged("its checksum does not fit"));
    }
    let mut rest = Rest(&sealed[FIXED - 4..]);
    let about: About = rest.json("who wrote it")?;
    let mut chunks = Vec::new();
    loop {
        match rest.word32()? {
            END => break,
            file => chunks.push(rest.chunk(file)?),
        }
    }
    let Tail { saved_ms, why, dump } = rest.json("what was on its way")?;
    let state = State { about, saved_ms, why, dump, chunks };
    if !rest.0.is_empty() || !is_sane(&state) {
        return Err(StateError::Damaged("it contradicts itself"));
    }
    Ok(state)
}

/// Whether what it says can be: a checksum keeps accidents away, not malice.
fn is_sane(State { about, dump, chunks, .. }: &State) -> bool {
    let shape = &about.shape;
    shape.interval > 0
        && dump.chunks == chunks.len() as u64
        && dump.synced.len() == shape.files.len()
        && about.targets.len() == shape.files.len()
        && dump.next >> 40 == 0
        && dump.synced.iter().all(|&covered| covered < dump.next)
        && dump.flights.iter().all(|flight| shape.is_possible(flight, dump.next))
        && chunks.iter().all(|chunk| shape.is_sane(chunk, dump.next))
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or(StateError::Damaged("a length is wrong"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn word32(&mut self) -> Result<u32, StateError> {
        let bytes = self.take(4)?.try_into();
        bytes.map(u32::from_le_bytes).map_err(|_| StateError::Damaged("a length is wrong"))
    }

    fn word64(&mut self) -> Result<u64, StateError> {
        Ok(u64::from(self.word32()?) | u64::from(self.word32()?) << 32)
    }

    fn json<T: serde::de::DeserializeOwned>(
        &mut self,
        what: &'static str,
    ) -> Result<T, StateError> {
        let len = self.word32()? as usize;
        serde_json::from_slice(self.take(len)?).map_err(|_| StateError::Damaged(what))
    }

    fn chunk(&mut self, file: u32) -> Result<Chunk, StateError> {
        let (number, words, older) = (self.word64()?, self.word64()?, self.word64()?);
        let mut chunk = Chunk { file, number, entries: [(0, 0); 64] };
        for at in (0..64).filter(|at| words >> at & 1 != 0) {
            chunk.entries[at].0 = self.word64()?;
        }
        for at in (0..64).filter(|at| older >> at & 1 != 0) {
            chunk.entries[at].1 = self.word64()?;
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests;
