//! The random map of mixed block sizes: which units of a region were touched in this pass.
//!
//! Called by the generator where lengths vary. One bit a unit, and above it levels of one bit for
//! each full word, so that the next free unit is found in a few steps however full the map is.
//! Starting a pass over a full map costs nothing: the meaning of the bits is turned around.

const WORD_BITS: u64 = u64::BITS as u64;

/// Units 0..count, each free or taken.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    count: u64,
    free: u64,
    /// Level 0 has one bit a unit; level n + 1 one bit for each full word of level n.
    levels: Vec<Vec<u64>>,
    /// All ones while a 1 means free. Bits beyond the end always mean taken.
    turned: u64,
}

impl Bitmap {
    /// All free; `count` must not be 0.
    pub(super) fn new(count: u64) -> Bitmap {
        debug_assert!(count > 0);
        let mut levels = Vec::new();
        let mut bits = count;
        loop {
            let words = bits.div_ceil(WORD_BITS);
            let mut level = vec![0; words as usize];
            if let Some(last) = level.last_mut() {
                *last = beyond_the_end(bits);
            }
            levels.push(level);
            if words == 1 {
                return Bitmap { count, free: count, levels, turned: 0 };
            }
            bits = words;
        }
    }

    /// Frees all units.
    pub(super) fn clear(&mut self) {
        let full = self.free == 0;
        if full {
            self.turned = !self.turned;
        }
        let mut bits = self.count;
        for level in &mut self.levels {
            let beyond = beyond_the_end(bits);
            bits = level.len() as u64;
            if !full {
                level.fill(self.turned);
            }
            if let Some(last) = level.last_mut() {
                *last = (self.turned & !beyond) | (beyond & !self.turned);
            }
        }
        self.free = self.count;
    }

    /// Takes up to `want` units (at least 1) in a row, beginning with the first free one at or
    /// behind `start`, else from the beginning on. Answers where and how many; none when all are
    /// taken.
    #[inline]
    pub(super) fn take(&mut self, start: u64, want: u64) -> Option<(u64, u64)> {
        if self.free == 0 {
            return None;
        }
        let first = self.next_free(start).or_else(|| self.next_free(0))?;
        let taken = self.take_run(first, want);
        self.free -= taken;
        Some((first, taken))
    }

    fn word(&self, level: usize, index: usize) -> u64 {
        self.levels[level][index] ^ self.turned
    }

    fn next_free(&self, start: u64) -> Option<u64> {
        let mut at = start;
        for level in 0..self.levels.len() {
            let index = (at / WORD_BITS) as usize;
            if index >= self.levels[level].len() {
                return None;
            }
            let free = !self.word(level, index) & (u64::MAX << (at % WORD_BITS));
            if free != 0 {
                let found = index as u64 * WORD_BITS + u64::from(free.trailing_zeros());
                return Some(self.descend(level, found));
            }
            at = index as u64 + 1;
        }
        None
    }

    /// The first free unit below bit `at` of `level`, which is known to be not full.
    fn descend(&self, level: usize, at: u64) -> u64 {
        (0..level).rev().fold(at, |index, below| {
            let free = !self.word(below, index as usize);
            index * WORD_BITS + u64::from(free.trailing_zeros())
        })
    }

    /// Takes free units from `first` on, up to `want` or the next taken one.
    fn take_run(&mut self, first: u64, want: u64) -> u64 {
        let mut taken = 0;
        // Bounded by `want` and by the map's end, beyond which all bits mean taken.
        while taken < want {
            let at = first + taken;
            let (index, shift) = ((at / WORD_BITS) as usize, at % WORD_BITS);
            if index >= self.levels[0].len() {
                break;
            }
            let word = self.word(0, index);
            let free = u64::from((word >> shift).trailing_zeros()).min(WORD_BITS - shift);
            let run = free.min(want - taken);
            if run == 0 {
                break;
            }
            let mask = (u64::MAX >> (WORD_BITS - run)) << shift;
            self.levels[0][index] ^= mask;
            if word | mask == u64::MAX {
                self.note_full(index as u64);
            }
            taken += run;
            if run < WORD_BITS - shift {
                break;
            }
        }
        taken
    }

    #[cold]
    fn note_full(&mut self, word: u64) {
        let mut at = word;
        for level in 1..self.levels.len() {
            let index = (at / WORD_BITS) as usize;
            self.levels[level][index] ^= 1 << (at % WORD_BITS);
            if self.word(level, index) != u64::MAX {
                return;
            }
            at = index as u64;
        }
    }
}

/// The bits of the last word that stand for nothing.
fn beyond_the_end(bits: u64) -> u64 {
    match bits % WORD_BITS {
        0 => 0,
        used => u64::MAX << used,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::Rng;
    use super::*;

    /// The same in plain words: a vector of booleans.
    struct Plain(Vec<bool>);

    impl Plain {
        fn take(&mut self, start: u64, want: u64) -> Option<(u64, u64)> {
            let count = self.0.len();
            let first =
                (start as usize..count).chain(0..start as usize).find(|&unit| !self.0[unit])?;
            let run = self.0[first..].iter().take(want as usize).take_while(|&&b| !b).count();
            self.0[first..first + run].fill(true);
            Some((first as u64, run as u64))
        }
    }

    #[test]
    fn agrees_with_a_vector_of_booleans() {
        let mut rng = Rng::new(11);
        for count in [1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 10_000] {
            let mut map = Bitmap::new(count);
            for pass in 0..4 {
                let mut plain = Plain(vec![false; count as usize]);
                // The third pass stops halfway, so that a map that is not full is cleared, too.
                let limit = if pass == 2 { count / 2 } else { u64::MAX };
                let mut taken = 0;
                while taken < limit {
                    let (start, want) = (rng.below(count), 1 + rng.below(150));
                    let expected = plain.take(start, want);
                    assert_eq!(map.take(start, want), expected, "count {count} pass {pass}");
                    let Some((_, run)) = expected else { break };
                    taken += run;
                }
                map.clear();
            }
        }
    }

    #[test]
    fn a_large_map_is_small() {
        let map = Bitmap::new(1 << 22);
        let bytes: usize = map.levels.iter().map(|level| level.len() * 8).sum();
        assert!(bytes < (1 << 19) + (1 << 14), "{bytes} bytes for 2^22 units");
    }
}
