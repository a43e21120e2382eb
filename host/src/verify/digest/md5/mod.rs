//! MD5 of one block, and of many at once.
//!
//! Called by the digests' dispatch. One block goes to the md-5 crate, which is as fast as one chain
//! of MD5 can be; several go into the lanes of a vector register where the machine has some.
//! Allocates nothing.

mod kernels;

use super::lanes::{self, Chain};
use super::Digest;
use kernels::{CHUNK, WORDS};
use std::sync::LazyLock;

/// RFC 1321.
static CHAIN: Chain<u32, WORDS, CHUNK> = Chain {
    initial: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476],
    compress: md5::block_api::compress,
    length_len: 8,
    length: u64::to_le_bytes,
    digest: |state| Digest::new(state.map(u32::to_le_bytes).as_flattened()),
};

/// Chosen at the first call.
static BEST: LazyLock<Path> = LazyLock::new(|| lanes::best(avx512, avx2, Path::one_by_one(&CHAIN)));

/// One way of going over several blocks.
pub(super) type Path = lanes::Path<u32, WORDS, CHUNK>;

/// One block after the other.
#[cfg(test)]
pub(super) fn portable() -> Path {
    Path::one_by_one(&CHAIN)
}

/// 16 or 32 lanes, and 8 of AVX2, which are sooner done where they are enough.
pub(super) fn avx512() -> Option<Path> {
    let ([eight, _], [sixteen, both]) = (kernels::avx2()?, kernels::avx512()?);
    Some(Path::in_lanes(&CHAIN, [eight, sixteen, both], 2))
}

/// 8 or 16 lanes.
pub(super) fn avx2() -> Option<Path> {
    let [eight, both] = kernels::avx2()?;
    Some(Path::in_lanes(&CHAIN, [eight, both, both], 2))
}

/// What this machine is best at.
pub(super) fn best() -> &'static Path {
    &BEST
}

/// The digest of one block.
#[inline]
pub(super) fn one(block: &[u8]) -> Digest {
    Digest::new(<md5::Md5 as md5::Digest>::digest(block))
}
