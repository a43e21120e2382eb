//! What a plain load is made of: how offsets come about, block sizes, what is known of each file.
//!
//! The parts of [`super::generator`], which walks them. Pure arithmetic; allocates in
//! [`FileState::new`] alone.

use super::bitmap::Bitmap;
use super::checks;
use super::permutation::Permutation;
use super::recipe::{Recipe, Region, WorkloadError};
use super::rng::Rng;
use crate::ddir::Ddir;

/// Directions that carry data.
pub(super) const DIRECTIONS: usize = Ddir::DATA.len();

/// How offsets come about in a plain load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// One behind the other.
    Sequential,
    /// Each block once, in a random order; one block size.
    Shuffled,
    /// Each unit once, in a random order; several block sizes.
    Mapped,
    /// Anywhere, also twice; one block size.
    Spots,
    /// The same, several block sizes.
    Anywhere,
}

/// Block sizes of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) min: u64,
    pub(super) max: u64,
    /// Offsets without a random map are multiples of it.
    pub(super) align: u64,
}

/// What is known about one file.
#[derive(Clone, Debug)]
pub(super) struct FileState {
    pub(super) region: Region,
    /// Whole units of the random map in it.
    pub(super) units: u64,
    /// Where the next sequential request of each direction goes.
    pub(super) position: [u64; DIRECTIONS],
    /// Number of random offsets of each direction without a map.
    pub(super) spots: [u64; DIRECTIONS],
    pub(super) order: Permutation,
    pub(super) map: Option<Bitmap>,
}

impl FileState {
    pub(super) fn new(
        index: usize,
        region: &Region,
        way: Way,
        unit: u64,
        blocks: &[Blocks; DIRECTIONS],
    ) -> Result<FileState, WorkloadError> {
        let units = region.len / unit;
        if way == Way::Mapped && units > checks::MAP_UNITS_MAX {
            return Err(WorkloadError::MapTooLarge { file: index, units, unit });
        }
        let map = (way == Way::Mapped).then(|| Bitmap::new(units));
        Ok(FileState {
            region: *region,
            units,
            position: [0; DIRECTIONS],
            // An offset counts if the smallest block fits behind it.
            spots: blocks.map(|b| region.len.saturating_sub(b.min) / b.align + 1),
            order: Permutation::new(units),
            map,
        })
    }

    /// The next sequential request of a direction, relative to the region's beginning.
    #[inline]
    pub(super) fn follow(&mut self, ddir: Ddir, want: u64, min: u64) -> Option<(u64, u64)> {
        let position = &mut self.position[ddir as usize];
        let left = self.region.len - *position;
        if left < min {
            return None;
        }
        let place = (*position, fit(want, left, min));
        *position += place.1;
        Some(place)
    }
}

/// A length of a direction: each byte count up to the largest is equally likely, rounded up to a
/// multiple of the smallest and cut at the largest, which is how fio draws from a range.
#[inline]
pub(super) fn draw_len(rng: &mut Rng, blocks: Blocks) -> u64 {
    if blocks.min == blocks.max {
        return blocks.min;
    }
    ((rng.below(blocks.max) / blocks.min + 1) * blocks.min).min(blocks.max)
}

/// `want` where so much is left, else what is left in whole smallest blocks.
#[inline]
pub(super) fn fit(want: u64, left: u64, min: u64) -> u64 {
    if want <= left {
        want
    } else {
        left - left % min
    }
}

pub(super) fn pick_way(recipe: &Recipe, unit: u64) -> Way {
    if !recipe.order.is_random() {
        return Way::Sequential;
    }
    let used = || Ddir::DATA.into_iter().filter(|&ddir| recipe.order.uses(ddir));
    if !recipe.random_map {
        let fixed = used().all(|ddir| recipe.bs[ddir].0 == recipe.bs[ddir].1);
        return if fixed { Way::Spots } else { Way::Anywhere };
    }
    if used().all(|ddir| recipe.bs[ddir] == (unit, unit)) {
        Way::Shuffled
    } else {
        Way::Mapped
    }
}
