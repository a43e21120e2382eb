//! What a worker writes: decided once from the job, asked before each write.
//!
//! `run` makes it and lays the first data into the buffers with it; `io` calls
//! [`Content::before_write`] once a write, never for engines that move no data. Allocates when it
//! is made and never again, reads no file, and depends on its seed alone: the same seed writes the
//! same data on every machine.

mod blocks;
mod quota;
mod tile;

#[cfg(test)]
mod tests;

use super::fill::{fill, fill_from, scramble};
use super::rng::{mix_seed, Rng};
use blocks::Blocks;
use tile::Tile;

/// Sets the data of the run apart from the order of its requests, which has the same seed.
const DATA: u64 = 0x6461_7461;

/// What is asked of the content.
#[derive(Clone, Debug, Default)]
pub struct ContentRecipe {
    /// Fresh data for each write (`refill_buffers`).
    pub refill: bool,
    /// Zeros (`zero_buffers`).
    pub zero: bool,
    /// A change to each write's data (`scramble_buffers`).
    pub scramble: bool,
    /// This, again and again from the beginning of each block (`buffer_pattern`); empty = none.
    pub pattern: Vec<u8>,
    /// A part of each block that compresses away.
    pub compress: Option<Compress>,
    /// A part of the blocks that were written before.
    pub dedupe: Option<Dedupe>,
    /// Bytes of the blocks that are compared by who removes duplicates: the smallest write.
    pub block: u64,
    /// The largest request.
    pub max_bs: u64,
    /// The buffers take in what is read as well.
    pub mixed: bool,
    /// Everything follows from it.
    pub seed: u64,
}

/// `buffer_compress_percentage` and `buffer_compress_chunk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compress {
    /// Percent of each chunk that is zeros or the pattern, 0 to 100.
    pub percentage: u8,
    /// Bytes of a chunk; 0 = the whole block.
    pub chunk: u64,
}

/// `dedupe_percentage` and what goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// Percent of the blocks that are repetitions, 0 to 100.
    pub percentage: u8,
    /// What they repeat.
    pub repeats: Repeats,
}

/// What a repeated block repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// The last block that was no repetition.
    Last,
    /// Any of the first so many blocks that were none, as far as they are written already.
    OneOf(u64),
}

/// What a worker writes.
#[derive(Debug)]
pub struct Content {
    seed: u64,
    /// Number of the last write that was scrambled.
    number: u64,
    each: Each,
    base: Base,
}

/// What happens to a buffer before each write.
#[derive(Debug)]
enum Each {
    /// Two words in each 512 bytes change.
    Scramble,
    /// Nothing: what is there is written.
    Keep,
    /// The base again, for a read may have overwritten it.
    Restore,
    /// Fresh random bytes.
    Fresh(Rng),
    /// Blocks that repeat or compress.
    Blocks(Box<Blocks>),
}

/// What a buffer holds from the start.
#[derive(Debug)]
enum Base {
    Random,
    Zeros,
    Pattern(Tile),
}

impl Content {
    /// Decides and allocates. Who compresses or deduplicates wins over the pattern (which then is
    /// the part that compresses), the pattern over zeros, zeros over fresh data, and fresh data
    /// over scrambling.
    pub fn new(recipe: &ContentRecipe) -> Content {
        let pattern = Tile::new(&recipe.pattern, recipe.max_bs);
        let constant = pattern.is_some() || recipe.zero;
        let shaped = recipe.compress.is_some() || recipe.dedupe.is_some();
        let each = match (shaped, constant, recipe.refill, recipe.scramble) {
            (true, ..) => Each::Blocks(Box::new(Blocks::new(recipe, mix_seed(recipe.seed, DATA)))),
            (_, true, ..) if recipe.mixed => Each::Restore,
            (_, true, ..) => Each::Keep,
            (_, _, true, _) => Each::Fresh(Rng::new(mix_seed(recipe.seed, DATA))),
            (.., true) => Each::Scramble,
            _ => Each::Keep,
        };
        let base = match pattern {
            Some(pattern) => Base::Pattern(pattern),
            None if recipe.zero => Base::Zeros,
            None => Base::Random,
        };
        Content { seed: recipe.seed, number: 0, each, base }
    }

    /// Random data, scrambled before each write: what a job writes that says nothing about it.
    pub fn scrambled(seed: u64) -> Content {
        Content::new(&ContentRecipe { scramble: true, seed, ..ContentRecipe::default() })
    }

    /// Lays the first data into the buffer with this number.
    pub fn lay(&self, buffer: &mut [u8], index: u32) {
        match &self.base {
            Base::Random => fill(buffer, mix_seed(self.seed, u64::from(index))),
            Base::Zeros => buffer.fill(0),
            Base::Pattern(tile) => tile.lay(buffer),
        }
    }

    /// Makes a buffer ready to be written at `offset`.
    #[inline(always)]
    pub fn before_write(&mut self, buffer: &mut [u8], offset: u64) {
        match self.each {
            Each::Scramble => {
                self.number += 1;
                scramble(buffer, offset, self.number);
            }
            _ => self.remake(buffer),
        }
    }

    #[inline(never)]
    fn remake(&mut self, buffer: &mut [u8]) {
        match &mut self.each {
            Each::Scramble | Each::Keep => {}
            Each::Restore => self.lay(buffer, 0),
            Each::Fresh(rng) => fill_from(buffer, rng),
            Each::Blocks(blocks) => blocks.fill(buffer),
        }
    }
}
