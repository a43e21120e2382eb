//! SHA-256 and SHA-512 of one block, and of many at once.
//!
//! Called by the digests' dispatch. One block goes to the sha2 crate, which uses the instructions
//! for SHA-256 where there are some; several go into the lanes of a vector register where that is
//! faster. Allocates nothing.

mod kernels;

use super::lanes::{self, Chain};
use super::Digest;
use kernels::WORDS;
use std::sync::LazyLock;

/// The square roots of the first 8 primes, 64 bits behind the point (FIPS 180-4, 5.3.5).
#[rustfmt::skip]
const ROOTS: [u64; WORDS] = [
    0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
];

/// FIPS 180-4; it begins with 32 bits of [`ROOTS`] (5.3.3).
static CHAIN_256: Chain<u32, WORDS, 64> = Chain {
    initial: {
        let mut halves = [0; WORDS];
        let mut at = 0;
        while at < WORDS {
            halves[at] = (ROOTS[at] >> 32) as u32;
            at += 1;
        }
        halves
    },
    compress: sha2::block_api::compress256,
    length_len: 8,
    length: u64::to_be_bytes,
    digest: |state| Digest::new(state.map(u32::to_be_bytes).as_flattened()),
};

/// FIPS 180-4.
static CHAIN_512: Chain<u64, WORDS, 128> = Chain {
    initial: ROOTS,
    compress: sha2::block_api::compress512,
    length_len: 16,
    length: u64::to_be_bytes,
    digest: |state| Digest::new(state.map(u64::to_be_bytes).as_flattened()),
};

/// One way of going over several blocks.
pub(super) type Path256 = lanes::Path<u32, WORDS, 64>;

/// One way of going over several blocks.
pub(super) type Path512 = lanes::Path<u64, WORDS, 128>;

/// SHA-256 at this machine's best.
pub(super) fn best_256() -> &'static Path256 {
    static BEST: LazyLock<Path256> = LazyLock::new(|| {
        // One block after the other is sooner done by instructions for it than by AVX2.
        let avx2 = || avx2_256().filter(|_| !has_instructions());
        lanes::best(avx512_256, avx2, Path256::one_by_one(&CHAIN_256))
    });
    &BEST
}

/// SHA-512 at this machine's best.
pub(super) fn best_512() -> &'static Path512 {
    static BEST: LazyLock<Path512> =
        LazyLock::new(|| lanes::best(avx512_512, avx2_512, Path512::one_by_one(&CHAIN_512)));
    &BEST
}

/// 16 lanes.
pub(super) fn avx512_256() -> Option<Path256> {
    let pays_from = if has_instructions() { 10 } else { 2 };
    Some(Path256::in_lanes(&CHAIN_256, [kernels::avx512_32()?; 3], pays_from))
}

/// 8 lanes.
pub(super) fn avx2_256() -> Option<Path256> {
    Some(Path256::in_lanes(&CHAIN_256, [kernels::avx2_32()?; 3], 2))
}

/// 8 lanes.
pub(super) fn avx512_512() -> Option<Path512> {
    Some(Path512::in_lanes(&CHAIN_512, [kernels::avx512_64()?; 3], 2))
}

/// 4 lanes.
pub(super) fn avx2_512() -> Option<Path512> {
    Some(Path512::in_lanes(&CHAIN_512, [kernels::avx2_64()?; 3], 2))
}

/// One block after the other.
#[cfg(test)]
pub(super) fn portable() -> (Path256, Path512) {
    (Path256::one_by_one(&CHAIN_256), Path512::one_by_one(&CHAIN_512))
}

/// Whether the processor has instructions for SHA-256, which the sha2 crate uses.
fn has_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("sha");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
