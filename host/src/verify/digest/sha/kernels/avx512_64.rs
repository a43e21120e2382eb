//! SHA-512 in 8 lanes. All of it is AVX-512F and AVX-512BW.
//!
//! A part of the kernels, whose macros make `run` of these functions. Unsafe stands here for loads
//! from the streams. What enables the instructions can be called only from where they are enabled:
//! the kernels' constructor, which detects them, is the door.

use super::{group, group_mut, Begins, States, K512 as K, PASS, WORDS};
use std::arch::x86_64::*;

pub(super) const LANES: usize = 8;
const CHUNK: usize = 128;
type Vector = __m512i;
type Word = u64;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all(word: u64) -> Vector {
    _mm512_set1_epi64(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn read(from: &[u64; LANES]) -> Vector {
    // SAFETY: the array is as long as a register; this load needs no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn write(to: &mut [u64; LANES], a: Vector) {
    // SAFETY: the array is as long as a register; this store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), a) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rotate<const RIGHT: i32, const LEFT: i32>(a: Vector) -> Vector {
    _mm512_ror_epi64::<RIGHT>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shift<const RIGHT: u32>(a: Vector) -> Vector {
    _mm512_srli_epi64::<RIGHT>(a)
}

// The tables of three inputs read: bit 4a + 2b + c is what comes out for these bits.

/// a ^ b ^ c
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

/// a ? b : c
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn choose(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xca>(a, b, c)
}

/// What two of three say.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn majority(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0xe8>(a, b, c)
}

/// The bytes of each word the other way round.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swapped(a: Vector) -> Vector {
    let order =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607));
    _mm512_shuffle_epi8(a, order)
}

/// Reads a chunk of each lane, all at the same distance from its begin: the first word of each
/// lane, the second, and so on.
///
/// # Safety
/// A chunk is readable there, behind each begin.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn words(begins: &[*const u8; LANES], at: usize) -> [Vector; 16] {
    let mut words = [all(0); 16];
    for half in 0..2 {
        let mut rows = [all(0); LANES];
        for (row, begin) in rows.iter_mut().zip(begins) {
            // SAFETY: the caller vouches for the CHUNK bytes there, as many as two registers
            // have; this load needs no alignment.
            let read = unsafe { _mm512_loadu_si512(begin.add(at + half * CHUNK / 2).cast()) };
            *row = swapped(read);
        }
        // Within each quarter of a register: two rows' words 2q + j side by side, j of 0..2.
        let mut twos = [all(0); LANES];
        for n in (0..LANES).step_by(2) {
            twos[n] = _mm512_unpacklo_epi64(rows[n], rows[n + 1]);
            twos[n + 1] = _mm512_unpackhi_epi64(rows[n], rows[n + 1]);
        }
        // Then the quarters: 0x88 takes quarters 0 and 2 of both, 0xdd quarters 1 and 3.
        for j in 0..2 {
            let [a, b, c, d] = [twos[j], twos[j + 2], twos[j + 4], twos[j + 6]];
            let ab = _mm512_shuffle_i32x4::<0x88>(a, b);
            let cd = _mm512_shuffle_i32x4::<0x88>(c, d);
            words[half * 8 + j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            words[half * 8 + j + 4] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            let ab = _mm512_shuffle_i32x4::<0xdd>(a, b);
            let cd = _mm512_shuffle_i32x4::<0xdd>(c, d);
            words[half * 8 + j + 2] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            words[half * 8 + j + 6] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        }
    }
    words
}

/// Of the first word of the state.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_a(a: Vector) -> Vector {
    xor(rotate::<28, 36>(a), rotate::<34, 30>(a), rotate::<39, 25>(a))
}

/// Of its fifth word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_e(a: Vector) -> Vector {
    xor(rotate::<14, 50>(a), rotate::<18, 46>(a), rotate::<41, 23>(a))
}

/// Of the schedule, 15 words back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_a(a: Vector) -> Vector {
    xor(rotate::<1, 63>(a), rotate::<8, 56>(a), shift::<7>(a))
}

/// Of the schedule, two words back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_b(a: Vector) -> Vector {
    xor(rotate::<19, 45>(a), rotate::<61, 3>(a), shift::<6>(a))
}

run!("avx512f,avx512bw");
