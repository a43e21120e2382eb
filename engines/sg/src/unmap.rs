//! The parameter list of UNMAP: trims that lie side by side become one range, and several ranges
//! one command.
//!
//! Called by `engine` when trims are committed. Pure: ranges in, bytes out; allocates nothing.

/// Before the first range.
const HEAD_BYTES: usize = 8;
/// Of one range.
const RANGE_BYTES: usize = 16;
/// Ranges in one command at most, whatever a device allows: a page of them.
pub(crate) const RANGES_MAX: usize = 255;
/// Bytes of the longest list.
pub(crate) const LIST_BYTES_MAX: usize = HEAD_BYTES + RANGES_MAX * RANGE_BYTES;

/// What one command of a device may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Ranges; at least 1.
    pub(crate) ranges: usize,
    /// Blocks of all ranges together; at least 1.
    pub(crate) blocks: u64,
}

/// A list that is being filled.
pub(crate) struct List {
    bytes: Box<[u8]>,
    ranges: usize,
    blocks: u64,
    /// The last range, still open for a neighbour.
    last: Option<(u64, u64)>,
}

impl List {
    pub(crate) fn new() -> List {
        List { bytes: vec![0; LIST_BYTES_MAX].into(), ranges: 0, blocks: 0, last: None }
    }

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        (self.ranges, self.blocks, self.last) = (0, 0, None);
    }

    /// Adds a range of blocks, joined with the one before where it begins at its end. False: the
    /// device takes no more in one command.
    pub(crate) fn add(&mut self, lba: u64, blocks: u64, limits: Limits) -> bool {
        if self.blocks + blocks > limits.blocks.min(u64::from(u32::MAX)) {
            return false;
        }
        match self.last {
            Some((first, length)) if first + length == lba => {
                self.last = Some((first, length + blocks));
            }
            _ if self.ranges >= limits.ranges.min(RANGES_MAX) => return false,
            _ => {
                self.ranges += 1;
                self.last = Some((lba, blocks));
            }
        }
        self.blocks += blocks;
        self.put_last();
        true
    }

    fn put_last(&mut self) {
        let Some((lba, blocks)) = self.last else { return };
        let at = HEAD_BYTES + (self.ranges - 1) * RANGE_BYTES;
        self.bytes[at..at + 8].copy_from_slice(&lba.to_be_bytes());
        self.bytes[at + 8..at + 12].copy_from_slice(&(blocks as u32).to_be_bytes());
        self.bytes[at + 12..at + 16].fill(0);
    }

    /// The list as the device wants it; empty where nothing was added.
    pub(crate) fn finish(&mut self) -> &[u8] {
        let ranges_bytes = self.ranges * RANGE_BYTES;
        let all = HEAD_BYTES + ranges_bytes;
        self.bytes[0..2].copy_from_slice(&((all - 2) as u16).to_be_bytes());
        self.bytes[2..4].copy_from_slice(&(ranges_bytes as u16).to_be_bytes());
        &self.bytes[..if self.ranges == 0 { 0 } else { all }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Limits = Limits { ranges: 64, blocks: 1 << 20 };

    #[test]
    fn neighbours_become_one_range() {
        let mut list = List::new();
        for (lba, blocks) in [(8, 8), (16, 8), (32, 1), (33, 7)] {
            assert!(list.add(lba, blocks, MANY));
        }
        let expected = [
            &[0, 38, 0, 32, 0, 0, 0, 0][..],
            &[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 8, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(list.finish(), expected);
        list.clear();
        assert_eq!(list.finish(), []);
    }

    #[test]
    fn a_list_keeps_to_the_limits() {
        let mut list = List::new();
        let narrow = Limits { ranges: 2, blocks: 10 };
        assert!(list.add(0, 4, narrow));
        assert!(list.add(100, 4, narrow));
        assert!(!list.add(200, 1, narrow), "a third range");
        assert!(list.add(104, 2, narrow), "a neighbour needs no range");
        assert!(!list.add(106, 1, narrow), "too many blocks");
        let mut full = List::new();
        let wide = Limits { ranges: usize::MAX, blocks: u64::MAX };
        for range in 0..RANGES_MAX as u64 {
            assert!(full.add(range * 2, 1, wide));
        }
        assert!(!full.add(1 << 40, 1, wide));
        assert_eq!(full.finish().len(), LIST_BYTES_MAX);
    }
}
