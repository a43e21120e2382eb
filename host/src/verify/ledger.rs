//! What must be on the targets: for each interval the write that ended there last, and what is on
//! its way.
//!
//! Kept by a worker while it writes, asked when it reads back. It lies in words that outlive the
//! worker's process (`run` shares them with the control process), so that after a crash the saved
//! state still tells what must be there; therefore there is no pointer in it, and each word is
//! whole at any time. A sparse table of two levels: a chunk is used when one of its intervals is
//! written first. Allocates nothing after it was made.

use super::check::Expectation;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

mod saved;
mod tally;

pub use saved::{Adopted, Chunk, Dump, DumpError, Flight};
pub use tally::Tally;

/// Intervals of a chunk.
const CHUNK: u64 = 64;
/// Words of an interval: last write with flags, and the last one before that a flush covered.
const ENTRY: u64 = 2;
/// Words at the beginning.
const HEAD: u64 = 16;
/// Words of a request that is on its way.
const FLIGHT: u64 = 4;
/// Words of a target.
const FILE: u64 = 5;

const MAGIC: u64 = u64::from_le_bytes(*b"iodledg1");

/// Places in the head.
mod head {
    pub(super) const MAGIC: u64 = 0;
    pub(super) const INTERVAL: u64 = 1;
    pub(super) const DEPTH: u64 = 2;
    pub(super) const FILES: u64 = 3;
    pub(super) const ARENA: u64 = 4;
    pub(super) const CHUNKS: u64 = 5;
    pub(super) const CHUNKS_MAX: u64 = 6;
    pub(super) const NEXT: u64 = 7;
    pub(super) const RUN: u64 = 8;
    pub(super) const WORKER: u64 = 9;
    pub(super) const SEED: u64 = 10;
    /// Intervals for which there was no room: nothing is known of them.
    pub(super) const LOST: u64 = 11;
}

/// Places in a target's words.
mod file {
    pub(super) const OFFSET: u64 = 0;
    pub(super) const INTERVALS: u64 = 1;
    pub(super) const TABLE: u64 = 2;
    pub(super) const SYNCED: u64 = 3;
    pub(super) const TARGET: u64 = 4;
}

/// Bits beside a write's number.
mod flag {
    /// A write ended here.
    pub(super) const WRITTEN: u64 = 1;
    /// One failed, or was on its way at the end: nothing can be said.
    pub(super) const UNSURE: u64 = 2;
    /// It was trimmed since.
    pub(super) const TRIMMED: u64 = 4;
    /// It was read back and is right.
    pub(super) const CHECKED: u64 = 8;
    /// It was read back and is wrong.
    pub(super) const WRONG: u64 = 16;
    /// The write was on its way when the state was saved: it, or the older one, is there.
    pub(super) const OPEN: u64 = 32;
    /// Bits of flags.
    pub(super) const BITS: u32 = 8;
}

/// A target's part that a worker goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// What stamps call the target.
    pub target: u64,
}

/// What a ledger is made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerShape {
    /// Bytes of an interval.
    pub interval: u64,
    /// Bytes of the largest request.
    pub block_max: u64,
    /// Requests on their way at once.
    pub depth: u32,
    /// Writes and trims at most, where that is known.
    pub writes_max: Option<u64>,
    /// The targets.
    pub files: Vec<Extent>,
    /// This run.
    pub run: u64,
    /// This worker.
    pub worker: u32,
    /// Of the payloads.
    pub seed: u64,
}

impl LedgerShape {
    /// Words that it needs at most; as long as a part is not used, it takes no memory.
    pub fn words(&self) -> u64 {
        self.arena().saturating_add(self.chunks_max().saturating_mul(CHUNK * ENTRY))
    }

    /// Bytes that it takes in the worst case.
    pub fn bytes(&self) -> u64 {
        self.words().saturating_mul(8)
    }

    fn intervals(&self, extent: &Extent) -> u64 {
        extent.len / self.interval
    }

    fn slots(&self) -> u64 {
        let slots = self.files.iter().map(|extent| self.intervals(extent).div_ceil(CHUNK));
        slots.fold(0, u64::saturating_add)
    }

    fn tables(&self) -> u64 {
        HEAD + u64::from(self.depth) * FLIGHT + self.files.len() as u64 * FILE
    }

    fn arena(&self) -> u64 {
        self.tables().saturating_add(self.slots())
    }

    /// A write touches so many chunks at most.
    fn chunks_max(&self) -> u64 {
        let touched = (self.block_max / self.interval).div_ceil(CHUNK) + 1;
        let touched = if self.block_max <= self.interval { 1 } else { touched };
        let by_writes = self.writes_max.map(|writes| writes.saturating_mul(touched));
        by_writes.unwrap_or(u64::MAX).min(self.slots())
    }
}

/// What a request on its way does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Doing {
    /// It writes.
    Write = 1,
    /// It trims.
    Trim = 2,
    /// It reads back: nothing may change before it ended.
    Look = 3,
}

const LOOK: u64 = Doing::Look as u64;

/// A part of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Which target.
    pub file: u32,
    /// Where it begins.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// Where a walk through a ledger is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    file: u64,
    interval: u64,
}

/// A ledger in words of somebody.
#[derive(Debug)]
pub struct Ledger<W> {
    words: W,
    interval: u64,
    /// Trimmed intervals must read as zeros.
    zeros: bool,
    /// Only what a flush covered must be there.
    fsynced: bool,
}

impl<W: Deref<Target = [AtomicU64]>> Ledger<W> {
    /// Makes an empty one of zeroed words.
    ///
    /// # Panics
    /// If there are fewer words than [`LedgerShape::words`].
    pub fn new(words: W, shape: &LedgerShape) -> Ledger<W> {
        assert!(words.len() as u64 >= shape.words(), "fewer words than were asked for");
        let ledger = Ledger { words, interval: shape.interval, zeros: false, fsynced: false };
        let head = [
            (head::INTERVAL, shape.interval),
            (head::DEPTH, u64::from(shape.depth)),
            (head::FILES, shape.files.len() as u64),
            (head::ARENA, shape.arena()),
            (head::CHUNKS_MAX, shape.chunks_max()),
            (head::NEXT, 1),
            (head::RUN, shape.run),
            (head::WORKER, u64::from(shape.worker)),
            (head::SEED, shape.seed),
        ];
        head.into_iter().for_each(|(at, value)| ledger.set(at, value));
        let mut table = shape.tables();
        for (number, extent) in shape.files.iter().enumerate() {
            let base = ledger.file_base(number as u64);
            ledger.set(base + file::OFFSET, extent.offset);
            ledger.set(base + file::INTERVALS, shape.intervals(extent));
            ledger.set(base + file::TABLE, table);
            ledger.set(base + file::TARGET, extent.target);
            table += shape.intervals(extent).div_ceil(CHUNK);
        }
        ledger.set(head::MAGIC, MAGIC);
        ledger
    }

    /// Whether trimmed intervals must read as zeros, and whether only what a flush covered counts.
    pub fn with_rules(self, zeros: bool, fsynced: bool) -> Ledger<W> {
        Ledger { zeros, fsynced, ..self }
    }

    /// Bytes of an interval.
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// The number of the next write.
    pub fn take_generation(&self) -> u64 {
        let generation = self.get(head::NEXT);
        self.set(head::NEXT, generation + 1);
        generation
    }

    /// Whether something on its way touches this part.
    #[inline]
    pub fn is_busy(&self, span: &Span) -> bool {
        (0..self.get(head::DEPTH)).any(|slot| {
            let base = flight_base(slot);
            let other = (self.get(base + 1), self.get(base + 2), self.get(base + 3));
            self.get(base) != 0
                && (other.0 & 0xff_ffff) == u64::from(span.file)
                && other.1 < span.offset + span.len
                && span.offset < other.1 + other.2
        })
    }

    /// A request begins.
    #[inline]
    pub fn begin(&self, slot: u32, doing: Doing, span: &Span, generation: u64) {
        let base = flight_base(u64::from(slot));
        // The number shares its word with the file's, so that a reader never sees half of it.
        self.set(base + 1, generation << 24 | u64::from(span.file));
        self.set(base + 2, span.offset);
        self.set(base + 3, span.len);
        self.set(base, doing as u64);
    }

    /// The request in this slot ended, well or ill: what is to be read there is what it wrote, or
    /// nothing that can be told.
    #[inline]
    pub fn end(&self, slot: u32, well: bool) {
        let base = flight_base(u64::from(slot));
        let (doing, number) = (self.get(base), self.get(base + 1));
        let span = Span {
            file: (number & 0xff_ffff) as u32,
            offset: self.get(base + 2),
            len: self.get(base + 3),
        };
        let generation = number >> 24;
        match (doing, well) {
            (0, _) => return,
            (LOOK, _) => {}
            (_, false) => self.mark(&span, |_| flag::UNSURE | generation << flag::BITS),
            (1, true) => self.mark(&span, |_| flag::WRITTEN | generation << flag::BITS),
            (_, true) => self.mark(&span, |_| flag::TRIMMED | generation << flag::BITS),
        }
        self.set(base, 0);
    }

    /// Whether a part of a target divides into intervals.
    pub fn divides(&self, span: &Span) -> bool {
        let base = self.get(self.file_base(u64::from(span.file)) + file::OFFSET);
        span.offset >= base
            && (span.offset - base).is_multiple_of(self.interval)
            && span.len.is_multiple_of(self.interval)
    }

    /// A part of a target was emptied as a whole: what was written there is gone.
    pub fn emptied(&self, span: &Span) {
        let base = self.get(self.file_base(u64::from(span.file)) + file::OFFSET);
        let first = span.offset.saturating_sub(base) / self.interval;
        let end = (span.offset + span.len).saturating_sub(base) / self.interval;
        let generation = self.take_generation();
        let entries = (first..end).filter_map(|at| self.entry(u64::from(span.file), at));
        for entry in entries.filter(|&entry| self.get(entry) != 0) {
            self.set(entry, flag::TRIMMED | generation << flag::BITS);
        }
    }

    /// What was written before is on the medium: to be called with what
    /// [`Ledger::flush_begins`] gave when the flush began.
    pub fn flushed(&self, file: u32, covered: u64) {
        let at = self.file_base(u64::from(file)) + file::SYNCED;
        self.set(at, self.get(at).max(covered));
    }

    /// A flush begins: it covers the writes up to this number.
    pub fn flush_begins(&self) -> u64 {
        let on_their_way = (0..self.get(head::DEPTH)).filter_map(|slot| {
            let base = flight_base(slot);
            // What is only looked at has no number.
            (!matches!(self.get(base), 0 | LOOK)).then(|| self.get(base + 1) >> 24)
        });
        on_their_way.min().unwrap_or(self.get(head::NEXT)).saturating_sub(1)
    }

    /// What must be in an interval of a target.
    #[inline]
    pub fn expect(&self, file: u32, offset: u64) -> Expectation {
        let base = self.file_base(u64::from(file));
        let at = offset.wrapping_sub(self.get(base + file::OFFSET)) / self.interval;
        match self.entry(u64::from(file), at) {
            Some(entry) => self.expectation(base, entry),
            None => Expectation::Unknown,
        }
    }

    fn expectation(&self, file_base: u64, entry: u64) -> Expectation {
        let word = self.get(entry);
        let generation = word >> flag::BITS;
        let counts = !self.fsynced || generation <= self.get(file_base + file::SYNCED);
        if word & flag::TRIMMED != 0 && self.zeros && counts {
            return Expectation::Zeros;
        }
        if word & flag::WRITTEN == 0 {
            return Expectation::Unknown;
        }
        if counts && word & flag::OPEN == 0 {
            return Expectation::Own { oldest: generation, newest: generation };
        }
        match self.get(entry + 1) {
            0 => Expectation::Unknown,
            oldest => Expectation::Own { oldest, newest: generation },
        }
    }

    /// An interval was read back.
    pub fn checked(&self, file: u32, offset: u64, right: bool) {
        let base = self.file_base(u64::from(file));
        let at = offset.wrapping_sub(self.get(base + file::OFFSET)) / self.interval;
        if let Some(entry) = self.entry(u64::from(file), at) {
            let bit = if right { flag::CHECKED } else { flag::WRONG };
            self.set(entry, self.get(entry) | bit);
        }
    }

    /// The next part that must hold something, in the order of files and offsets: at most so many
    /// bytes, and never across a multiple of that.
    pub fn next_span(&self, cursor: &mut Cursor, len_max: u64) -> Option<Span> {
        let most = (len_max / self.interval).max(1);
        while cursor.file < self.get(head::FILES) {
            let base = self.file_base(cursor.file);
            let intervals = self.get(base + file::INTERVALS);
            let Some(first) = self.next_expected(cursor.file, base, cursor.interval, intervals)
            else {
                *cursor = Cursor { file: cursor.file + 1, interval: 0 };
                continue;
            };
            let end = (first / most + 1) * most;
            let mut last = first + 1;
            while last < end.min(intervals) && self.is_expected(cursor.file, base, last) {
                last += 1;
            }
            cursor.interval = last;
            return Some(Span {
                file: cursor.file as u32,
                offset: self.get(base + file::OFFSET) + first * self.interval,
                len: (last - first) * self.interval,
            });
        }
        None
    }

    fn next_expected(&self, file: u64, base: u64, from: u64, intervals: u64) -> Option<u64> {
        let mut at = from;
        while at < intervals {
            if self.get(self.get(base + file::TABLE) + at / CHUNK) == 0 {
                at = (at / CHUNK + 1) * CHUNK;
            } else if self.is_expected(file, base, at) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    fn is_expected(&self, file: u64, base: u64, at: u64) -> bool {
        self.entry(file, at)
            .is_some_and(|entry| self.expectation(base, entry) != Expectation::Unknown)
    }

    /// Puts what an ended request left into the entries of a part.
    fn mark(&self, span: &Span, word: impl Fn(u64) -> u64) {
        let base = self.file_base(u64::from(span.file));
        let first = span.offset.wrapping_sub(self.get(base + file::OFFSET)) / self.interval;
        let synced = self.get(base + file::SYNCED);
        for at in first..first + span.len.div_ceil(self.interval) {
            let Some(entry) = self.entry_for_writing(base, at) else {
                // More was written than was said beforehand: it counts as not verified.
                self.set(head::LOST, self.get(head::LOST) + 1);
                continue;
            };
            let old = self.get(entry);
            let generation = old >> flag::BITS;
            if old & flag::WRITTEN != 0 && generation <= synced {
                self.set(entry + 1, generation);
            } else if old & (flag::UNSURE | flag::TRIMMED) != 0 {
                self.set(entry + 1, 0);
            }
            self.set(entry, word(old));
        }
    }

    fn entry_for_writing(&self, file_base: u64, at: u64) -> Option<u64> {
        if at >= self.get(file_base + file::INTERVALS) {
            return None;
        }
        let slot = self.get(file_base + file::TABLE) + at / CHUNK;
        if self.get(slot) == 0 {
            let chunk = self.get(head::CHUNKS);
            if chunk >= self.get(head::CHUNKS_MAX) {
                return None;
            }
            self.set(head::CHUNKS, chunk + 1);
            self.set(slot, chunk + 1);
        }
        Some(self.place(slot, at))
    }

    fn entry(&self, file: u64, at: u64) -> Option<u64> {
        let base = self.file_base(file);
        if file >= self.get(head::FILES) || at >= self.get(base + file::INTERVALS) {
            return None;
        }
        let slot = self.get(base + file::TABLE) + at / CHUNK;
        (self.get(slot) != 0).then(|| self.place(slot, at))
    }

    fn place(&self, slot: u64, at: u64) -> u64 {
        let chunk = self.get(slot) - 1;
        self.get(head::ARENA) + (chunk * CHUNK + at % CHUNK) * ENTRY
    }

    fn file_base(&self, file: u64) -> u64 {
        HEAD + self.get(head::DEPTH) * FLIGHT + file * FILE
    }

    #[inline]
    fn get(&self, at: u64) -> u64 {
        self.words.get(at as usize).map_or(0, |word| word.load(Relaxed))
    }

    #[inline]
    fn set(&self, at: u64, value: u64) {
        if let Some(word) = self.words.get(at as usize) {
            word.store(value, Relaxed);
        }
    }
}

fn flight_base(slot: u64) -> u64 {
    HEAD + slot * FLIGHT
}
