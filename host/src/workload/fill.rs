//! What is written: pseudo-random bytes, and a cheap touch that makes each request's data its own.
//!
//! Used by `content`, which decides what is called when: `fill` where a worker's buffers are laid
//! out, `scramble` before each write of a plain job. Neither is for checking: `verify` stamps its
//! own.

use super::rng::Rng;

/// Distance in bytes of the places that [`scramble`] touches, fio's `scramble_buffers`.
const STRIDE: usize = 512;
/// Bytes of a cache line: the two words of a place share one.
const LINE: usize = 64;

/// Fills `buffer` with pseudo-random bytes that depend on `seed` alone and cannot be compressed.
pub(super) fn fill(buffer: &mut [u8], seed: u64) {
    fill_from(buffer, &mut Rng::new(seed));
}

/// Fills `buffer` with the generator's next bytes, eight a step.
#[inline]
pub(super) fn fill_from(buffer: &mut [u8], from: &mut Rng) {
    // A copy that the compiler can keep in registers.
    let mut rng = from.clone();
    let mut words = buffer.chunks_exact_mut(8);
    for word in &mut words {
        word.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    let rest = words.into_remainder();
    let last = rng.next_u64().to_le_bytes();
    *from = rng;
    rest.copy_from_slice(&last[..rest.len()]);
}

/// Changes two words in each 512 bytes (and in what is left behind the last 512) to values that
/// depend on the place on the target and on `number`, the request's number: devices that compress
/// or deduplicate find no two blocks alike.
#[inline]
pub(super) fn scramble(buffer: &mut [u8], offset: u64, number: u64) {
    let mark = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ offset.rotate_left(32);
    let mut chunks = buffer.chunks_exact_mut(STRIDE);
    let mut value = mark;
    for chunk in &mut chunks {
        value = value.wrapping_add(0xbf58_476d_1ce4_e5b9);
        let line = (value >> 61) as usize * LINE;
        chunk[line..line + 8].copy_from_slice(&value.to_le_bytes());
        chunk[line + 8..line + 16].copy_from_slice(&offset.to_le_bytes());
    }
    let rest = chunks.into_remainder();
    let end = rest.len().min(8);
    rest[..end].copy_from_slice(&value.wrapping_mul(0x94d0_49bb_1331_11eb).to_le_bytes()[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_is_frozen() {
        let mut buffer = [0u8; 19];
        fill(&mut buffer, 1);
        let mut again = [0u8; 19];
        fill(&mut again, 1);
        assert_eq!(buffer, again);
        assert_eq!(buffer, FROZEN);
        fill(&mut again, 2);
        assert_ne!(buffer, again);
    }

    #[test]
    fn filling_has_all_bytes_equally_often() {
        let mut buffer = vec![0u8; 1 << 18];
        fill(&mut buffer, 3);
        let mut seen = [0f64; 256];
        buffer.iter().for_each(|&byte| seen[usize::from(byte)] += 1.0);
        let chi: f64 = seen.iter().map(|n| (n - 1024.0).powi(2) / 1024.0).sum();
        // 255 degrees of freedom: mean 255, standard deviation 22.6.
        assert!((160.0..350.0).contains(&chi), "chi-square {chi}");
    }

    #[test]
    fn scrambling_touches_every_512_bytes_and_little_else() {
        for len in [0, 1, 7, 8, 511, 512, 513, 4096, 5000] {
            let mut buffer = vec![0xa5u8; len];
            scramble(&mut buffer, 4096, 7);
            for chunk in buffer.chunks(STRIDE) {
                let changed = chunk.iter().filter(|&&byte| byte != 0xa5).count();
                assert!((1..=16).contains(&changed), "len {len}: {changed} bytes changed");
            }
        }
    }

    #[test]
    fn two_requests_never_write_the_same() {
        let scrambled = |offset, number| {
            let mut buffer = vec![0u8; 4096];
            scramble(&mut buffer, offset, number);
            buffer
        };
        assert_eq!(scrambled(0, 0), scrambled(0, 0));
        assert_ne!(scrambled(0, 0), scrambled(0, 1));
        assert_ne!(scrambled(0, 0), scrambled(4096, 0));
        assert_ne!(scrambled(0, 0)[..512], scrambled(0, 0)[512..1024]);
    }

    const FROZEN: [u8; 19] =
        [155, 194, 3, 111, 127, 208, 197, 207, 141, 224, 63, 150, 50, 65, 66, 191, 32, 245, 170];
}
