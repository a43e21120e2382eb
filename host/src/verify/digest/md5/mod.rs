//! MD5 of one block, and of many at once.
//!
//! Called by the digests' dispatch. One block goes to the md-5 crate, which is as fast as one chain
//! of MD5 can be; several go into the lanes of a vector register where the machine has some.
//! Allocates nothing.

mod kernels;
mod lanes;

use super::Digest;
use kernels::Kernel;
use std::sync::LazyLock;

/// Chosen at the first call.
static BEST: LazyLock<Path> =
    LazyLock::new(|| Path::avx512().or_else(Path::avx2).unwrap_or(Path::PORTABLE));

/// One way of going over several blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// From the narrowest to the widest: the first one with enough lanes is the fastest. None: one
    /// block after the other.
    kernels: Option<[Kernel; 3]>,
}

impl Path {
    /// One block after the other.
    pub(super) const PORTABLE: Path = Path { kernels: None };

    /// 16 or 32 lanes, and 8 of AVX2, which are sooner done where they are enough.
    pub(super) fn avx512() -> Option<Path> {
        let ([eight, _], [sixteen, both]) = (Kernel::avx2()?, Kernel::avx512()?);
        Some(Path { kernels: Some([eight, sixteen, both]) })
    }

    /// 8 or 16 lanes.
    pub(super) fn avx2() -> Option<Path> {
        let [eight, both] = Kernel::avx2()?;
        Some(Path { kernels: Some([eight, both, both]) })
    }

    /// What this machine is best at.
    pub(super) fn best() -> Path {
        *BEST
    }

    /// How many blocks it takes at once.
    pub(super) fn lanes(self) -> usize {
        self.kernels.map_or(1, |[.., widest]| widest.lanes())
    }

    /// The digest of each block.
    ///
    /// # Panics
    /// If there are not as many places as blocks.
    pub(super) fn many(self, blocks: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(blocks.len(), out.len(), "a place for each digest");
        match self.kernels {
            Some(kernels) if blocks.len() > 1 => lanes::many(kernels, blocks, out),
            _ => blocks.iter().zip(out).for_each(|(block, place)| *place = one(block)),
        }
    }
}

/// The digest of one block.
#[inline]
pub(super) fn one(block: &[u8]) -> Digest {
    Digest::new(<md5::Md5 as md5::Digest>::digest(block))
}
