//! The digests that verification stamps blocks with: standard ones, each at the hardware's speed.
//!
//! Called with one block ([`Algorithm::digest`]) or with a batch ([`Algorithm::digest_many`]),
//! which is faster where several blocks fit the lanes of one register. Pure: knows no stamps and
//! no jobs, and allocates nothing in a call (crc7 makes its constants at its first). `cost` tells
//! what a batch will take, `self_test` whether an algorithm sees what it must see.

mod cost;
mod lanes;
mod md5;
mod self_test;
mod sha;
#[cfg(test)]
mod tests;

pub use cost::Cost;
pub use self_test::SelfTestFailed;

use crc_fast::{CrcAlgorithm, CrcParams};
use sha2::Digest as _;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// Bytes of the longest digest.
pub const MAX_DIGEST_LEN: usize = 64;

/// A digest that blocks can be stamped with, by fio's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RFC 1321.
    Md5,
    /// CRC-32/ISO-HDLC: that of zip, Ethernet and POSIX tools.
    Crc32,
    /// CRC-32/ISCSI (Castagnoli), also called `crc32c-intel`.
    Crc32c,
    /// CRC-64/NVME (Rocksoft): the storage standard's own, as in NVMe's 64-bit guards.
    Crc64,
    /// CRC-16/ARC.
    Crc16,
    /// CRC-7/MMC, in the low bits of its byte.
    Crc7,
    /// XXH3 of 64 bits, seed 0.
    Xxhash,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha512,
    /// FIPS 202.
    Sha3_224,
    /// FIPS 202.
    Sha3_256,
    /// FIPS 202.
    Sha3_384,
    /// FIPS 202.
    Sha3_512,
}

/// A digest: at most [`MAX_DIGEST_LEN`] bytes, on the stack. Checksums stand with their most
/// significant byte first, so that the hexadecimal form is the one that other tools print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Zero behind `len`.
    bytes: [u8; MAX_DIGEST_LEN],
    len: u8,
}

/// What is not the name of an algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no digest is called {name:?}; there are {}", Algorithm::names().join(", "))]
pub struct UnknownAlgorithm {
    name: String,
}

impl Algorithm {
    /// All of them, in the order of fio's manual.
    pub const ALL: [Algorithm; 14] = [
        Algorithm::Md5,
        Algorithm::Crc64,
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc16,
        Algorithm::Crc7,
        Algorithm::Xxhash,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
        Algorithm::Sha3_224,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
    ];

    /// fio's name.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Crc32 => "crc32",
            Algorithm::Crc32c => "crc32c",
            Algorithm::Crc64 => "crc64",
            Algorithm::Crc16 => "crc16",
            Algorithm::Crc7 => "crc7",
            Algorithm::Xxhash => "xxhash",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::Sha3_224 => "sha3-224",
            Algorithm::Sha3_256 => "sha3-256",
            Algorithm::Sha3_384 => "sha3-384",
            Algorithm::Sha3_512 => "sha3-512",
        }
    }

    /// The names of [`Algorithm::ALL`].
    pub fn names() -> [&'static str; Algorithm::ALL.len()] {
        Algorithm::ALL.map(Algorithm::name)
    }

    /// Bytes of its digests.
    #[allow(clippy::len_without_is_empty)] // none is empty
    pub const fn len(self) -> usize {
        match self {
            Algorithm::Crc7 => 1,
            Algorithm::Crc16 => 2,
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64 | Algorithm::Xxhash => 8,
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha3_224 => 28,
            Algorithm::Sha256 | Algorithm::Sha3_256 => 32,
            Algorithm::Sha3_384 => 48,
            Algorithm::Sha512 | Algorithm::Sha3_512 => 64,
        }
    }

    /// How many blocks of a batch this machine takes at once: a batch pays best if it is a multiple
    /// of that, and hardly more than one block by one if it is 1.
    pub fn lanes(self) -> usize {
        match self {
            Algorithm::Md5 => md5::best().lanes(),
            Algorithm::Sha256 => sha::best_256().lanes(),
            Algorithm::Sha512 => sha::best_512().lanes(),
            _ => 1,
        }
    }

    /// The digest of one block.
    #[inline]
    pub fn digest(self, block: &[u8]) -> Digest {
        match self {
            Algorithm::Md5 => md5::one(block),
            Algorithm::Crc32 => Digest::new(crc32fast::hash(block).to_be_bytes()),
            Algorithm::Crc32c => Digest::new(crc_fast::crc32_iscsi(block).to_be_bytes()),
            Algorithm::Crc64 => Digest::new(crc_fast::crc64_nvme(block).to_be_bytes()),
            Algorithm::Crc16 => Digest::new(crc16(block).to_be_bytes()),
            Algorithm::Crc7 => Digest::new([crc7(block)]),
            Algorithm::Xxhash => Digest::new(twox_hash::XxHash3_64::oneshot(block).to_be_bytes()),
            Algorithm::Sha1 => Digest::new(sha1::Sha1::digest(block)),
            Algorithm::Sha256 => Digest::new(sha2::Sha256::digest(block)),
            Algorithm::Sha512 => Digest::new(sha2::Sha512::digest(block)),
            Algorithm::Sha3_224 => Digest::new(sha3::Sha3_224::digest(block)),
            Algorithm::Sha3_256 => Digest::new(sha3::Sha3_256::digest(block)),
            Algorithm::Sha3_384 => Digest::new(sha3::Sha3_384::digest(block)),
            Algorithm::Sha3_512 => Digest::new(sha3::Sha3_512::digest(block)),
        }
    }

    /// The digest of each block: the same as [`Algorithm::digest`] of each, sooner where there are
    /// [`Algorithm::lanes`].
    ///
    /// # Panics
    /// If there are not as many places as blocks.
    pub fn digest_many(self, blocks: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(blocks.len(), out.len(), "a place for each digest");
        match self {
            Algorithm::Md5 => md5::best().many(blocks, out),
            Algorithm::Sha256 => sha::best_256().many(blocks, out),
            Algorithm::Sha512 => sha::best_512().many(blocks, out),
            _ => blocks.iter().zip(out).for_each(|(block, place)| *place = self.digest(block)),
        }
    }

    /// Whether a known text has its known digest, and whether a single flipped bit is seen, one
    /// block at a time and in each lane.
    ///
    /// # Errors
    /// What did not come out as it must: no verdict of this algorithm can be trusted.
    pub fn self_test(self) -> Result<(), SelfTestFailed> {
        if let Err(unknown) = lanes::Limit::given() {
            return Err(SelfTestFailed::Lanes(unknown.clone()));
        }
        self_test::run(
            self,
            |block| self.digest(block),
            |blocks, out| self.digest_many(blocks, out),
        )
    }
}

fn crc16(block: &[u8]) -> u16 {
    crc_fast::checksum(CrcAlgorithm::Crc16Arc, block) as u16
}

/// A remainder of 7 bits is one of 32 whose polynomial and remainder are shifted by 25, for which
/// there are fast ways.
fn crc7(block: &[u8]) -> u8 {
    static PARAMS: LazyLock<CrcParams> = LazyLock::new(|| {
        let (poly, check) = (0x09 << 25, 0x75 << 25);
        CrcParams::new("CRC-7/MMC", 32, poly, 0, false, 0, check)
    });
    (crc_fast::checksum_with_params(*PARAMS, block) >> 25) as u8
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Algorithm, UnknownAlgorithm> {
        let name = if name == "crc32c-intel" { "crc32c" } else { name };
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| UnknownAlgorithm { name: name.to_owned() })
    }
}

impl Digest {
    /// A digest of these bytes, at most [`MAX_DIGEST_LEN`] of them: one read from a stamp.
    ///
    /// # Panics
    /// If there are more.
    #[inline]
    pub fn new(bytes: impl AsRef<[u8]>) -> Digest {
        let given = bytes.as_ref();
        let mut digest = Digest::default();
        digest.bytes[..given.len()].copy_from_slice(given);
        digest.len = given.len() as u8;
        digest
    }

    /// As it stands in a stamp: [`Algorithm::len`] bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// None yet: no bytes.
impl Default for Digest {
    #[inline]
    fn default() -> Digest {
        Digest { bytes: [0; MAX_DIGEST_LEN], len: 0 }
    }
}

/// Hexadecimal, lower case.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
