//! Blocks that repeat others or compress to a part of their length.
//!
//! Used by [`super::Content`] for each write. No block is remembered: a block is what its number
//! makes of the seed, and a repetition is an old number again, so that the largest working set
//! costs no memory.

use super::quota::Quota;
use super::tile::Tile;
use super::{Compress, ContentRecipe, Dedupe, Repeats};
use crate::workload::fill::fill_from;
use crate::workload::rng::{mix_seed, Rng};

/// Makes one block after the other.
#[derive(Debug)]
pub(super) struct Blocks {
    seed: u64,
    /// Bytes of a block.
    block: usize,
    squeeze: Option<Squeeze>,
    repetition: Option<Repetition>,
    /// Different blocks so far.
    unique: u64,
}

/// What part of a block compresses.
#[derive(Debug)]
struct Squeeze {
    chunk: usize,
    /// Percent that does not.
    fresh: usize,
    /// What the rest is; zeros where there is none.
    pattern: Option<Tile>,
}

/// Which blocks repeat, and what.
#[derive(Debug)]
struct Repetition {
    quota: Quota,
    repeats: Repeats,
    rng: Rng,
}

impl Blocks {
    /// `seed` is of the data alone.
    pub(super) fn new(recipe: &ContentRecipe, seed: u64) -> Blocks {
        let block = recipe.block.clamp(1, recipe.max_bs.max(1));
        Blocks {
            seed,
            block: block as usize,
            squeeze: recipe.compress.map(|compress| Squeeze::new(compress, block, &recipe.pattern)),
            // Number u64::MAX is never reached by counting blocks.
            repetition: recipe
                .dedupe
                .map(|dedupe| Repetition::new(dedupe, mix_seed(seed, u64::MAX))),
            unique: 0,
        }
    }

    /// Fills a buffer with the next blocks.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        for block in buffer.chunks_mut(self.block) {
            let mut rng = Rng::new(mix_seed(self.seed, self.choose()));
            match &self.squeeze {
                None => fill_from(block, &mut rng),
                Some(squeeze) => squeeze.fill(block, &mut rng),
            }
        }
    }

    /// Number of the next block: a new one, or that of one that was there.
    fn choose(&mut self) -> u64 {
        let old = self.repetition.as_mut().and_then(|repetition| repetition.draw(self.unique));
        old.unwrap_or_else(|| {
            self.unique += 1;
            self.unique - 1
        })
    }
}

impl Repetition {
    fn new(dedupe: Dedupe, seed: u64) -> Repetition {
        let quota = Quota::new(dedupe.percentage);
        Repetition { quota, repeats: dedupe.repeats, rng: Rng::new(seed) }
    }

    fn draw(&mut self, unique: u64) -> Option<u64> {
        if !self.quota.draw(unique > 0, &mut self.rng) {
            return None;
        }
        Some(match self.repeats {
            Repeats::Last => unique - 1,
            Repeats::OneOf(set) => self.rng.below(unique.min(set.max(1))),
        })
    }
}

impl Squeeze {
    fn new(compress: Compress, block: u64, pattern: &[u8]) -> Squeeze {
        let chunk = if compress.chunk == 0 { block } else { compress.chunk.min(block) };
        Squeeze {
            chunk: chunk as usize,
            fresh: 100 - usize::from(compress.percentage.min(100)),
            pattern: Tile::new(pattern, chunk),
        }
    }

    /// Each chunk: first what does not compress, then what does.
    fn fill(&self, block: &mut [u8], rng: &mut Rng) {
        let mut carried = 0;
        for chunk in block.chunks_mut(self.chunk) {
            // What a chunk's length does not divide is made up for by the next ones.
            let hundredths = carried + chunk.len() * self.fresh;
            carried = hundredths % 100;
            let (fresh, rest) = chunk.split_at_mut(hundredths / 100);
            fill_from(fresh, rng);
            match &self.pattern {
                None => rest.fill(0),
                Some(tile) => tile.lay(rest),
            }
        }
    }
}
