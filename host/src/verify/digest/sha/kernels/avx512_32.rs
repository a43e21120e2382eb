//! SHA-256 in 16 lanes. All of it is AVX-512F and AVX-512BW.
//!
//! A part of the kernels, whose macros make `run` of these functions. Unsafe stands here for loads
//! from the streams. What enables the instructions can be called only from where they are enabled:
//! the kernels' constructor, which detects them, is the door.

use super::super::super::lanes::vectors::avx512;
use super::super::super::lanes::vectors::avx512::{add, all, read, write, Vector};
use super::{group, group_mut, Begins, States, K256 as K, PASS, WORDS};
use std::arch::x86_64::*;

pub(super) use super::super::super::lanes::vectors::avx512::LANES;

const CHUNK: usize = 64;
type Word = u32;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rotate<const RIGHT: i32, const LEFT: i32>(a: Vector) -> Vector {
    _mm512_ror_epi32::<RIGHT>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shift<const RIGHT: u32>(a: Vector) -> Vector {
    _mm512_srli_epi32::<RIGHT>(a)
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
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
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
    // SAFETY: a chunk is the 64 bytes that are asked for, and the caller vouches for it.
    let mut words = unsafe { avx512::transposed(begins, at) };
    for word in &mut words {
        *word = swapped(*word);
    }
    words
}

/// Of the first word of the state.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_a(a: Vector) -> Vector {
    xor(rotate::<2, 30>(a), rotate::<13, 19>(a), rotate::<22, 10>(a))
}

/// Of its fifth word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_e(a: Vector) -> Vector {
    xor(rotate::<6, 26>(a), rotate::<11, 21>(a), rotate::<25, 7>(a))
}

/// Of the schedule, 15 words back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_a(a: Vector) -> Vector {
    xor(rotate::<7, 25>(a), rotate::<18, 14>(a), shift::<3>(a))
}

/// Of the schedule, two words back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_b(a: Vector) -> Vector {
    xor(rotate::<17, 15>(a), rotate::<19, 13>(a), shift::<10>(a))
}

run!("avx512f,avx512bw");
