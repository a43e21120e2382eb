//! A ledger on its way into a state file and out of one again.
//!
//! `run` reads a [`Dump`] from the words of a worker that may be dead, whose process ran foreign
//! code that may have written anywhere: the places come from the shape that was told before, and
//! each word is judged before it is used. A later run's ledger adopts what was kept. No pointer and
//! no place of memory is in what is kept.

use super::{flag, flight_base, head, Doing, Ledger, LedgerShape, Span};
use super::{CHUNK, ENTRY, FILE, FLIGHT, HEAD};
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::atomic::AtomicU64;

/// Words of a table that are read at once.
const TABLE_STEP: u64 = 4096;

/// What is kept of an interval's flags.
const KEPT: u64 = flag::WRITTEN | flag::UNSURE | flag::TRIMMED | flag::OPEN;

/// A request that was on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// It trims; else it writes.
    pub trims: bool,
    /// Which target.
    pub file: u32,
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Its number.
    pub generation: u64,
}

/// What is known of 64 intervals that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which target.
    pub file: u32,
    /// Its place among the 64s of that target.
    pub number: u64,
    /// Of each: flags and number of the last write, and the last one before it that a flush
    /// covered.
    pub entries: [(u64, u64); CHUNK as usize],
}

/// What a ledger holds beside its chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Number of the next write.
    pub next: u64,
    /// Intervals for which there was no room.
    pub lost: u64,
    /// Of each target: a flush covered the writes up to this one.
    pub synced: Vec<u64>,
    /// What was on its way.
    pub flights: Vec<Flight>,
    /// Chunks that follow.
    pub chunks: u64,
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Its memory cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It says what cannot be.
    #[error("something wrote over it: {0}")]
    Damaged(&'static str),
}

/// What became of what a ledger adopted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Bytes of which nothing can be said: their writes failed, or were on their way over nothing
    /// that is known.
    pub unknown: u64,
    /// Bytes where a write was on its way: it, or the one before it.
    pub either: u64,
}

impl Flight {
    /// Its place.
    pub fn span(&self) -> Span {
        Span { file: self.file, offset: self.offset, len: self.len }
    }
}

type Read<'a> = dyn FnMut(u64, u64) -> std::io::Result<Vec<u64>> + 'a;

impl LedgerShape {
    /// Reads a ledger of this shape from the words that `read(first, count)` gives, and hands out
    /// each chunk of it.
    ///
    /// # Errors
    /// The words cannot be read, or say what no ledger says; or `take` cannot take a chunk.
    pub fn dump(
        &self,
        read: &mut Read<'_>,
        take: &mut dyn FnMut(&Chunk) -> std::io::Result<()>,
    ) -> Result<Dump, DumpError> {
        let words = read(0, self.tables())?;
        let next = words[head::NEXT as usize];
        if words[head::MAGIC as usize] != super::MAGIC || next == 0 || next >> 40 != 0 {
            return Err(DumpError::Damaged("its head"));
        }
        let files = HEAD + u64::from(self.depth) * FLIGHT;
        let synced = |file: u64| words[(files + file * FILE + super::file::SYNCED) as usize];
        let mut dump = Dump {
            next,
            lost: words[head::LOST as usize],
            synced: (0..self.files.len() as u64).map(synced).collect(),
            flights: self.flights(&words, next)?,
            chunks: 0,
        };
        if dump.synced.iter().any(|&covered| covered >= next) {
            return Err(DumpError::Damaged("the flushes"));
        }
        let mut table = self.tables();
        for (file, extent) in (0..).zip(&self.files) {
            let slots = self.intervals(extent).div_ceil(CHUNK);
            dump.chunks += self.dump_file(file, table..table + slots, next, read, take)?;
            table += slots;
        }
        Ok(dump)
    }

    fn flights(&self, words: &[u64], next: u64) -> Result<Vec<Flight>, DumpError> {
        let mut flights = Vec::new();
        for slot in 0..u64::from(self.depth) {
            let base = flight_base(slot) as usize;
            let doing = words[base];
            let flight = Flight {
                trims: doing == Doing::Trim as u64,
                file: (words[base + 1] & 0xff_ffff) as u32,
                offset: words[base + 2],
                len: words[base + 3],
                generation: words[base + 1] >> 24,
            };
            match doing {
                0 | super::LOOK => {}
                1 | 2 if self.is_possible(&flight, next) => flights.push(flight),
                _ => return Err(DumpError::Damaged("a request on its way")),
            }
        }
        Ok(flights)
    }

    /// Whether there can be such a request.
    pub fn is_possible(&self, flight: &Flight, next: u64) -> bool {
        let Some(extent) = self.files.get(flight.file as usize) else { return false };
        let end = flight.offset.checked_add(flight.len);
        flight.offset >= extent.offset
            && end.is_some_and(|end| end <= extent.offset.saturating_add(extent.len))
            && flight.generation > 0
            && flight.generation < next
    }

    /// Whether there can be such a chunk.
    pub fn is_sane(&self, chunk: &Chunk, next: u64) -> bool {
        let Some(extent) = self.files.get(chunk.file as usize) else { return false };
        let known = flag::WRITTEN | flag::UNSURE | flag::TRIMMED | flag::CHECKED | flag::WRONG;
        let flags = (known | flag::OPEN) as u8;
        chunk.number < self.intervals(extent).div_ceil(CHUNK)
            && chunk.entries.iter().all(|&(word, older)| {
                let generation = word >> flag::BITS;
                word as u8 & !flags == 0 && generation < next && older <= generation
            })
    }

    fn dump_file(
        &self,
        file: u32,
        table: std::ops::Range<u64>,
        next: u64,
        read: &mut Read<'_>,
        take: &mut dyn FnMut(&Chunk) -> std::io::Result<()>,
    ) -> Result<u64, DumpError> {
        let mut taken = 0;
        let mut at = table.start;
        while at < table.end {
            let count = TABLE_STEP.min(table.end - at);
            let slots = read(at, count)?;
            for (number, &slot) in (at - table.start..).zip(&slots) {
                if slot == 0 {
                    continue;
                }
                if slot > self.chunks_max() {
                    return Err(DumpError::Damaged("its table"));
                }
                let words = read(self.arena() + (slot - 1) * CHUNK * ENTRY, CHUNK * ENTRY)?;
                let entry = |at: usize| (words[at * 2], words[at * 2 + 1]);
                let chunk = Chunk { file, number, entries: std::array::from_fn(entry) };
                if !self.is_sane(&chunk, next) {
                    return Err(DumpError::Damaged("what it says of an interval"));
                }
                let kept = chunk
                    .entries
                    .map(|(word, older)| (word & (KEPT | u64::MAX << flag::BITS), older));
                take(&Chunk { entries: kept, ..chunk })?;
                taken += 1;
            }
            at += count;
        }
        Ok(taken)
    }

    /// The shape of a ledger that adopts so many chunks of this one and takes nothing more.
    pub fn to_adopt(&self, chunks: u64) -> LedgerShape {
        let (interval, writes_max) = (self.interval, Some(chunks));
        LedgerShape { block_max: interval, writes_max, ..self.clone() }
    }
}

impl<W: Deref<Target = [AtomicU64]>> Ledger<W> {
    /// Takes over what was kept of 64 intervals, which [`LedgerShape::is_sane`] found possible.
    pub fn adopt(&self, chunk: &Chunk, adopted: &mut Adopted) {
        let base = self.file_base(u64::from(chunk.file));
        for (at, &(word, older)) in (chunk.number * CHUNK..).zip(&chunk.entries) {
            if word == 0 {
                continue;
            }
            let Some(entry) = self.entry_for_writing(base, at) else { continue };
            let unsure = word & flag::UNSURE != 0;
            adopted.unknown += if unsure { self.interval } else { 0 };
            self.set(entry, if unsure { 0 } else { word });
            self.set(entry + 1, older);
        }
    }

    /// Takes over what was kept beside the chunks, once these are there: where a write was on its
    /// way it may be there, or the one before it.
    pub fn adopt_rest(&self, dump: &Dump, adopted: &mut Adopted) {
        self.set(head::NEXT, dump.next);
        adopted.unknown += dump.lost * self.interval;
        for (file, &covered) in (0..).zip(&dump.synced) {
            self.set(self.file_base(file) + super::file::SYNCED, covered);
        }
        for flight in &dump.flights {
            let base = self.file_base(u64::from(flight.file));
            let begin = flight.offset - self.get(base + super::file::OFFSET);
            let first = begin / self.interval;
            for at in first..(begin + flight.len).div_ceil(self.interval) {
                match self.entry(u64::from(flight.file), at) {
                    Some(entry) => self.leave_open(base, entry, flight, adopted),
                    None => adopted.unknown += self.interval,
                }
            }
        }
    }

    fn leave_open(&self, file_base: u64, entry: u64, flight: &Flight, adopted: &mut Adopted) {
        let word = self.get(entry);
        let generation = word >> flag::BITS;
        if generation == flight.generation {
            // It had ended, and only its slot was not free yet.
            return;
        }
        if flight.trims || word & flag::WRITTEN == 0 {
            adopted.unknown += self.interval;
            return self.set(entry, 0);
        }
        let covered = self.get(file_base + super::file::SYNCED);
        if !self.fsynced || generation <= covered {
            self.set(entry + 1, generation);
        }
        adopted.either += self.interval;
        self.set(entry, flag::WRITTEN | flag::OPEN | flight.generation << flag::BITS);
    }

    /// The words; for tests, which play the death of a process.
    #[cfg(test)]
    pub(in super::super) fn into_words(self) -> W {
        self.words
    }

    /// A ledger of words that hold one.
    #[cfg(test)]
    pub(in super::super) fn reopen(words: W, shape: &LedgerShape) -> Ledger<W> {
        Ledger { words, interval: shape.interval, zeros: false, fsynced: false }
    }

    /// Of each chunk of a target: where the table says where it lies.
    pub(super) fn slots_of(&self, file_base: u64) -> std::ops::Range<u64> {
        let table = self.get(file_base + super::file::TABLE);
        table..table + self.get(file_base + super::file::INTERVALS).div_ceil(CHUNK)
    }
}
