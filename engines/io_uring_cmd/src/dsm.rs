//! The ranges of Dataset Management: trims that lie side by side become one range, and several
//! ranges one command.
//!
//! Called by `engine` when trims are committed. Pure: ranges in, a list out; allocates nothing.

use crate::command::{Range, RANGE_BLOCKS_MAX};

/// Ranges in one command at most: their number has a byte.
pub(crate) const RANGES_MAX: usize = 256;

/// What one command of a controller may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Ranges; 1 to [`RANGES_MAX`].
    pub(crate) ranges: usize,
    /// Blocks of one range; at least 1.
    pub(crate) range_blocks: u64,
    /// Blocks of all ranges together; at least 1.
    pub(crate) blocks: u64,
}

impl Limits {
    /// What holds where a controller tells nothing.
    pub(crate) const NONE: Limits =
        Limits { ranges: RANGES_MAX, range_blocks: RANGE_BLOCKS_MAX, blocks: u64::MAX };

    /// Out of what Identify says of the command set: bytes 0 to 15, where 0 is no limit.
    pub(crate) fn new(page: &[u8]) -> Limits {
        let number =
            |bytes: &[u8]| bytes.iter().rev().fold(0, |n: u64, byte| n << 8 | u64::from(*byte));
        let limit = |told: u64, without: u64| if told == 0 { without } else { told.min(without) };
        Limits {
            ranges: limit(u64::from(page[3]), RANGES_MAX as u64) as usize,
            range_blocks: limit(number(&page[4..8]), Limits::NONE.range_blocks),
            blocks: limit(number(&page[8..16]), Limits::NONE.blocks),
        }
    }

    /// As much of a trim as a range may cover.
    pub(crate) fn covered(&self, blocks: u64) -> u64 {
        blocks.min(self.range_blocks).min(self.blocks)
    }
}

/// A list that is being filled.
#[derive(Debug)]
pub(crate) struct List {
    ranges: Box<[Range]>,
    used: usize,
    blocks: u64,
    /// The last range, still open for a neighbour.
    last: (u64, u64),
}

impl List {
    pub(crate) fn new() -> List {
        List { ranges: vec![Range::default(); RANGES_MAX].into(), used: 0, blocks: 0, last: (0, 0) }
    }

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        (self.used, self.blocks) = (0, 0);
    }

    /// Adds a range of blocks, joined with the one before where it begins at its end. False: the
    /// controller takes no more in one command.
    pub(crate) fn add(&mut self, lba: u64, blocks: u64, limits: &Limits) -> bool {
        if self.blocks + blocks > limits.blocks {
            return false;
        }
        let (first, length) = self.last;
        let joins = self.used > 0
            && first + length == lba
            && length + blocks <= limits.range_blocks.min(RANGE_BLOCKS_MAX);
        let wanted = if joins { (first, length + blocks) } else { (lba, blocks) };
        let Some(range) = Range::new(wanted.0, wanted.1) else { return false };
        if !joins {
            if self.used >= limits.ranges.min(RANGES_MAX) {
                return false;
            }
            self.used += 1;
        }
        self.ranges[self.used - 1] = range;
        self.last = wanted;
        self.blocks += blocks;
        true
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut list = List::new();
        for (lba, blocks) in [(8, 8), (16, 8), (32, 1), (33, 7)] {
            assert!(list.add(lba, blocks, &Limits::NONE));
        }
        let expected = [Range::new(8, 16), Range::new(32, 8)].map(|range| range.expect("fits"));
        assert_eq!(list.ranges(), expected);
        list.clear();
        assert_eq!(list.ranges(), []);
        assert!(list.add(16, 8, &Limits::NONE));
        assert_eq!(list.ranges().len(), 1, "what was before is forgotten");
    }

    #[test]
    fn a_list_keeps_to_the_limits() {
        let mut list = List::new();
        let narrow = Limits { ranges: 2, range_blocks: 6, blocks: 11 };
        assert!(list.add(0, 4, &narrow));
        assert!(list.add(4, 4, &narrow), "a neighbour, in a range of its own");
        assert_eq!(list.ranges().len(), 2);
        assert!(!list.add(200, 1, &narrow), "a third range");
        assert!(list.add(8, 2, &narrow), "a neighbour needs no range");
        assert!(!list.add(10, 2, &narrow), "too many blocks");
        let mut full = List::new();
        for range in 0..RANGES_MAX as u64 {
            assert!(full.add(range * 2, 1, &Limits::NONE));
        }
        assert!(!full.add(1 << 40, 1, &Limits::NONE));
        assert_eq!(full.ranges().len(), RANGES_MAX);
    }

    #[test]
    fn limits_as_identify_tells_them() {
        assert_eq!(Limits::new(&[0; 16]), Limits::NONE);
        let mut page = [0; 16];
        (page[3], page[5], page[9]) = (64, 1, 16);
        assert_eq!(Limits::new(&page), Limits { ranges: 64, range_blocks: 256, blocks: 4096 });
        assert_eq!(Limits::new(&page).covered(1 << 20), 256);
    }
}
