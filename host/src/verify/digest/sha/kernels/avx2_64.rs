//! SHA-512 in 4 lanes. All of it is AVX2 and what AVX2 implies.
//!
//! A part of the kernels, whose macros make `run` of these functions. Unsafe stands here for loads
//! from the streams. What enables the instructions can be called only from where they are enabled:
//! the kernels' constructor, which detects them, is the door.

use super::{group, group_mut, Begins, States, K512 as K, PASS, WORDS};
use std::arch::x86_64::*;

pub(super) const LANES: usize = 4;
const CHUNK: usize = 128;
type Vector = __m256i;
type Word = u64;

#[inline]
#[target_feature(enable = "avx2")]
fn all(word: u64) -> Vector {
    _mm256_set1_epi64x(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm256_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn read(from: &[u64; LANES]) -> Vector {
    // SAFETY: the array is as long as a register; this load needs no alignment.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn write(to: &mut [u64; LANES], a: Vector) {
    // SAFETY: the array is as long as a register; this store needs no alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), a) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const RIGHT: i32, const LEFT: i32>(a: Vector) -> Vector {
    _mm256_or_si256(_mm256_srli_epi64::<RIGHT>(a), _mm256_slli_epi64::<LEFT>(a))
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const RIGHT: i32>(a: Vector) -> Vector {
    _mm256_srli_epi64::<RIGHT>(a)
}

/// a ^ b ^ c
#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(a, _mm256_xor_si256(b, c))
}

/// a ? b : c
#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_xor_si256(c, _mm256_and_si256(a, _mm256_xor_si256(b, c)))
}

/// What two of three say.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
}

/// The bytes of each word the other way round.
#[inline]
#[target_feature(enable = "avx2")]
fn swapped(a: Vector) -> Vector {
    let order =
        _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607));
    _mm256_shuffle_epi8(a, order)
}

/// Reads a chunk of each lane, all at the same distance from its begin: the first word of each
/// lane, the second, and so on.
///
/// # Safety
/// A chunk is readable there, behind each begin.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn words(begins: &[*const u8; LANES], at: usize) -> [Vector; 16] {
    let mut words = [all(0); 16];
    for part in 0..4 {
        let mut rows = [all(0); LANES];
        for (row, begin) in rows.iter_mut().zip(begins) {
            // SAFETY: the caller vouches for the CHUNK bytes there, as many as four registers
            // have; this load needs no alignment.
            let read = unsafe { _mm256_loadu_si256(begin.add(at + part * CHUNK / 4).cast()) };
            *row = swapped(read);
        }
        // Within each half of a register: two rows' words 2q + j side by side, j of 0..2; then
        // the halves: 0x20 takes the low ones of both, 0x31 the high ones.
        let [a, b, c, d] = rows;
        let (ab, cd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpacklo_epi64(c, d));
        words[part * 4] = _mm256_permute2x128_si256::<0x20>(ab, cd);
        words[part * 4 + 2] = _mm256_permute2x128_si256::<0x31>(ab, cd);
        let (ab, cd) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
        words[part * 4 + 1] = _mm256_permute2x128_si256::<0x20>(ab, cd);
        words[part * 4 + 3] = _mm256_permute2x128_si256::<0x31>(ab, cd);
    }
    words
}

/// Of the first word of the state.
#[inline]
#[target_feature(enable = "avx2")]
fn big_a(a: Vector) -> Vector {
    xor(rotate::<28, 36>(a), rotate::<34, 30>(a), rotate::<39, 25>(a))
}

/// Of its fifth word.
#[inline]
#[target_feature(enable = "avx2")]
fn big_e(a: Vector) -> Vector {
    xor(rotate::<14, 50>(a), rotate::<18, 46>(a), rotate::<41, 23>(a))
}

/// Of the schedule, 15 words back.
#[inline]
#[target_feature(enable = "avx2")]
fn small_a(a: Vector) -> Vector {
    xor(rotate::<1, 63>(a), rotate::<8, 56>(a), shift::<7>(a))
}

/// Of the schedule, two words back.
#[inline]
#[target_feature(enable = "avx2")]
fn small_b(a: Vector) -> Vector {
    xor(rotate::<19, 45>(a), rotate::<61, 3>(a), shift::<6>(a))
}

run!("avx2");
