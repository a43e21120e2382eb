//! The data that checks write: each word says where it belongs and which writing it is from, so
//! that wrong data tells what it is instead. Used by `rig` and the checks of data. Pure: knows no
//! file and no engine.

/// What one writing of a range looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Tells runs apart.
    pub seed: u64,
    /// Tells writings apart.
    pub generation: u64,
}

impl Pattern {
    /// The word at this multiple of eight bytes.
    fn word(self, offset: u64) -> u64 {
        // The finaliser of SplitMix64: neighbouring words share no bits that could hide a shift.
        let mut x = offset.wrapping_add(self.seed).wrapping_add(self.generation << 56);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Writes what belongs at `offset`, which need not be a multiple of anything.
    pub(super) fn fill(self, buf: &mut [u8], offset: u64) {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (word, len) = self.piece(at, rest.len());
            let (piece, behind) = rest.split_at_mut(len);
            piece.copy_from_slice(&word[8 - left_of_word(at)..][..len]);
            (at, rest) = (at.wrapping_add(len as u64), behind);
        }
    }

    /// The bytes of the word that `at` lies in, and how many of them from there on are wanted.
    fn piece(self, at: u64, wanted: usize) -> ([u8; 8], usize) {
        (self.word(at & !7).to_le_bytes(), left_of_word(at).min(wanted))
    }

    /// Where, in the file, the first byte stands that does not belong there.
    pub(super) fn first_wrong(self, buf: &[u8], offset: u64) -> Option<u64> {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (word, len) = self.piece(at, rest.len());
            let right = &word[8 - left_of_word(at)..][..len];
            let (piece, behind) = rest.split_at(len);
            if piece != right {
                let same = piece.iter().zip(right).take_while(|(is, right)| is == right).count();
                return Some(at.wrapping_add(same as u64));
            }
            (at, rest) = (at.wrapping_add(len as u64), behind);
        }
        None
    }
}

/// From here to the end of the word.
fn left_of_word(at: u64) -> usize {
    8 - (at & 7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_is_right_and_nothing_else() {
        let pattern = Pattern { seed: 7, generation: 1 };
        let mut buf = [0u8; 100];
        pattern.fill(&mut buf, 13);
        assert_eq!(pattern.first_wrong(&buf, 13), None);
        assert_eq!(pattern.first_wrong(&buf[9..], 22), None);
        assert_eq!(pattern.first_wrong(&buf, 14), Some(14));
        assert_eq!(Pattern { generation: 2, ..pattern }.first_wrong(&buf, 13), Some(13));
        buf[60] ^= 1;
        assert_eq!(pattern.first_wrong(&buf, 13), Some(73));
    }
}
