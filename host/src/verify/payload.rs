//! What is in an interval beside its stamp: a function of the seed, so that the expected bytes can
//! be made again by whoever wants to tell what is wrong.
//!
//! Used where intervals are sealed, and where damage is looked at. The random bytes are part of
//! the format (docs/verify-format.md): any eight of them follow from the seed and their place
//! alone, so that they are made at the speed of memory and any part of them can be made apart.

use super::stamp::PayloadKind;
use crate::workload::mix_seed;

/// Distance of the seeds of neighbouring words, and what their product is folded with; those of
/// Wang Yi's wyrand.
const STEP: u64 = 0xa076_1d64_78bd_642f;
const FOLD: u64 = 0xe703_7ed1_a0b4_28db;

/// What payloads of a job are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Random bytes.
    Random,
    /// `verify_pattern`.
    Pattern(Pattern),
    /// Random bytes, of which each chunk's last part is zeros, or a pattern
    /// (`buffer_compress_percentage`).
    Squeezed {
        /// Bytes of a chunk, from 1.
        chunk: usize,
        /// Bytes of it that are random.
        fresh: usize,
        /// What the rest is; empty: zeros.
        rest: Vec<u8>,
    },
}

/// A pattern with places that say where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// The bytes; those of the places are of no meaning.
    pub bytes: Vec<u8>,
    /// Where the interval's offset is to stand (`%o`), eight bytes each, the lowest first.
    pub offsets: Vec<usize>,
}

impl Payload {
    /// What stamps call it.
    pub fn kind(&self) -> PayloadKind {
        match self {
            Payload::Random => PayloadKind::Random,
            Payload::Pattern(_) => PayloadKind::Pattern,
            Payload::Squeezed { .. } => PayloadKind::Squeezed,
        }
    }

    /// Fills a whole interval that begins at `offset` of its target.
    #[inline]
    pub(super) fn fill(&self, interval: &mut [u8], seed: u64, offset: u64) {
        match self {
            Payload::Random => random(interval, seed),
            Payload::Pattern(pattern) => pattern.fill(interval, offset),
            Payload::Squeezed { chunk, fresh, rest } => {
                random(interval, seed);
                for piece in interval.chunks_mut(*chunk) {
                    let fresh = (*fresh).min(piece.len());
                    tile(&mut piece[fresh..], rest);
                }
            }
        }
    }
}

impl Pattern {
    fn fill(&self, interval: &mut [u8], offset: u64) {
        tile(interval, &self.bytes);
        let bytes = offset.to_le_bytes();
        for repetition in interval.chunks_mut(self.bytes.len().max(1)) {
            for &place in &self.offsets {
                let end = (place + bytes.len()).min(repetition.len());
                if let Some(room) = repetition.get_mut(place..end) {
                    room.copy_from_slice(&bytes[..room.len()]);
                }
            }
        }
    }
}

fn tile(room: &mut [u8], pattern: &[u8]) {
    if pattern.is_empty() {
        return room.fill(0);
    }
    for piece in room.chunks_mut(pattern.len()) {
        piece.copy_from_slice(&pattern[..piece.len()]);
    }
}

/// Word number `at` of the random bytes of a seed.
#[inline(always)]
fn word(seed: u64, at: u64) -> u64 {
    let walk = seed.wrapping_add((at + 1).wrapping_mul(STEP));
    let product = u128::from(walk) * u128::from(walk ^ FOLD);
    (product >> 64) as u64 ^ product as u64
}

#[inline]
fn random(interval: &mut [u8], seed: u64) {
    // Neighbouring seeds would give words that are alike.
    let seed = mix_seed(seed, 0);
    let mut words = interval.chunks_exact_mut(8);
    let mut at = 0;
    for room in &mut words {
        room.copy_from_slice(&word(seed, at).to_le_bytes());
        at += 1;
    }
    let rest = words.into_remainder();
    let last = word(seed, at).to_le_bytes();
    rest.copy_from_slice(&last[..rest.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_frozen() {
        let mut bytes = [0u8; 19];
        random(&mut bytes, 1);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "efa2d196a0c8d011a25e40cfb10a3a9bcec06f");
    }

    #[test]
    fn all_bytes_are_equally_frequent_and_seeds_are_unrelated() {
        let mut bytes = vec![0u8; 1 << 18];
        random(&mut bytes, 3);
        let mut seen = [0f64; 256];
        bytes.iter().for_each(|&byte| seen[usize::from(byte)] += 1.0);
        let chi: f64 = seen.iter().map(|n| (n - 1024.0).powi(2) / 1024.0).sum();
        // 255 degrees of freedom: mean 255, standard deviation 22.6.
        assert!((160.0..350.0).contains(&chi), "chi-square {chi}");
        let mut others = vec![0u8; 1 << 18];
        random(&mut others, 4);
        let bits: u32 = bytes.iter().zip(&others).map(|(a, b)| (a ^ b).count_ones()).sum();
        let share = f64::from(bits) / f64::from(8 << 18);
        assert!((0.49..0.51).contains(&share), "{share} of the bits differ");
    }

    #[test]
    fn a_pattern_knows_where_it_stands() {
        let pattern = Pattern { bytes: b"ab........c".to_vec(), offsets: vec![2] };
        let payload = Payload::Pattern(pattern);
        let mut bytes = [0u8; 30];
        payload.fill(&mut bytes, 9, 0x1020);
        assert_eq!(&bytes[..13], b"ab\x20\x10\0\0\0\0\0\0cab");
        assert_eq!(&bytes[13..], b"\x20\x10\0\0\0\0\0\0cab\x20\x10\0\0\0\0");
    }

    #[test]
    fn what_compresses_is_behind_what_does_not() {
        let payload = Payload::Squeezed { chunk: 16, fresh: 4, rest: b"xyz".to_vec() };
        let mut bytes = [0u8; 40];
        payload.fill(&mut bytes, 9, 0);
        assert_eq!(&bytes[4..16], b"xyzxyzxyzxyz");
        assert_eq!(&bytes[36..], b"xyzx");
        assert_ne!(bytes[..4], bytes[16..20]);
    }
}
