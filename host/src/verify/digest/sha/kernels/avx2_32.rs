//! SHA-256 in 8 lanes. All of it is AVX2 and what AVX2 implies.
//!
//! A part of the kernels, whose macros make `run` of these functions. Unsafe stands here for loads
//! from the streams. What enables the instructions can be called only from where they are enabled:
//! the kernels' constructor, which detects them, is the door.

use super::super::super::lanes::vectors::avx2;
use super::super::super::lanes::vectors::avx2::{add, all, read, write, Vector};
use super::{group, group_mut, Begins, States, K256 as K, PASS, WORDS};
use std::arch::x86_64::*;

pub(super) use super::super::super::lanes::vectors::avx2::LANES;

const CHUNK: usize = 64;
type Word = u32;

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const RIGHT: i32, const LEFT: i32>(a: Vector) -> Vector {
    _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(a), _mm256_slli_epi32::<LEFT>(a))
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const RIGHT: i32>(a: Vector) -> Vector {
    _mm256_srli_epi32::<RIGHT>(a)
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
        _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
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
    // SAFETY: a chunk is the 64 bytes that are asked for, and the caller vouches for it.
    let mut words = unsafe { avx2::transposed(begins, at) };
    for word in &mut words {
        *word = swapped(*word);
    }
    words
}

/// Of the first word of the state.
#[inline]
#[target_feature(enable = "avx2")]
fn big_a(a: Vector) -> Vector {
    xor(rotate::<2, 30>(a), rotate::<13, 19>(a), rotate::<22, 10>(a))
}

/// Of its fifth word.
#[inline]
#[target_feature(enable = "avx2")]
fn big_e(a: Vector) -> Vector {
    xor(rotate::<6, 26>(a), rotate::<11, 21>(a), rotate::<25, 7>(a))
}

/// Of the schedule, 15 words back.
#[inline]
#[target_feature(enable = "avx2")]
fn small_a(a: Vector) -> Vector {
    xor(rotate::<7, 25>(a), rotate::<18, 14>(a), shift::<3>(a))
}

/// Of the schedule, two words back.
#[inline]
#[target_feature(enable = "avx2")]
fn small_b(a: Vector) -> Vector {
    xor(rotate::<17, 15>(a), rotate::<19, 13>(a), shift::<10>(a))
}

run!("avx2");
