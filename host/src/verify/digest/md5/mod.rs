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

/// The best that this machine has.
static BEST: LazyLock<Path> =
    LazyLock::new(|| Path::avx512().or_else(Path::avx2).unwrap_or(Path::PORTABLE));

/// One way of going over several blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// For messages by the register's width, and by twice of it; none: one block after the other.
    kernels: Option<[Kernel; 2]>,
}

impl Path {
    /// One block after the other.
    pub(super) const PORTABLE: Path = Path { kernels: None };

    /// 16 or 32 lanes.
    pub(super) fn avx512() -> Option<Path> {
        Kernel::avx512().map(|kernels| Path { kernels: Some(kernels) })
    }

    /// 8 or 16 lanes.
    pub(super) fn avx2() -> Option<Path> {
        Kernel::avx2().map(|kernels| Path { kernels: Some(kernels) })
    }

    /// What [`many`] takes here.
    pub(super) fn best() -> Path {
        *BEST
    }

    /// How many blocks it takes at once.
    pub(super) fn lanes(self) -> usize {
        self.kernels.map_or(1, |[_, wide]| wide.lanes())
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
