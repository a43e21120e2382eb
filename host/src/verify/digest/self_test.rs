//! Whether an algorithm, on this machine and the way it is called here, sees what it must see.
//!
//! Run before a verifying job counts for anything: a digest that is wrong in the same way when
//! writing and when checking would pass everything. A known answer proves the standard, planted
//! bits prove that a difference comes out; both alone and in each lane of a batch.

use super::lanes::UnknownLimit;
use super::{Algorithm, Digest};

/// The text of all known answers.
const TEXT: &[u8] = b"123456789";

/// A batch that fills the widest lanes, and leaves one over.
const BATCH: usize = 33;

/// Bytes of each block: some whole chunks of every algorithm, and a rest.
const BLOCK: usize = 500;

/// Why no verdict of an algorithm can be trusted on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfTestFailed {
    /// What the environment says of lanes is not known.
    #[error(transparent)]
    Lanes(UnknownLimit),
    /// The digest of a known text is another one than the standard says.
    #[error(
        "self-test of {algorithm} failed: the digest of \"123456789\" is {found}, not {known}: \
         this machine or this build computes wrongly, nothing may be verified with it"
    )]
    Answer {
        /// Which.
        algorithm: Algorithm,
        /// What came out.
        found: String,
        /// What the standard says.
        known: &'static str,
    },
    /// A batch gave another digest than the block alone.
    #[error(
        "self-test of {algorithm} failed: block {block} of {BATCH} has another digest in a batch \
         than alone: this machine or this build computes wrongly, nothing may be verified with it"
    )]
    Batch {
        /// Which.
        algorithm: Algorithm,
        /// The block's place in the batch.
        block: usize,
    },
    /// A planted bit was not seen.
    #[error(
        "self-test of {algorithm} failed: bit {bit} of a block was flipped and nothing was seen: \
         this machine or this build computes wrongly, nothing may be verified with it"
    )]
    Blind {
        /// Which.
        algorithm: Algorithm,
        /// The flipped bit, from the block's begin.
        bit: usize,
    },
}

/// The digests of [`TEXT`], from the catalogue of parametrised CRC algorithms, the xxHash and the
/// standards' own reference programs.
const fn known(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Md5 => "25f9e794323b453885f5181f1b624d0b",
        Algorithm::Crc32 => "cbf43926",
        Algorithm::Crc32c => "e3069283",
        Algorithm::Crc64 => "ae8b14860a799888",
        Algorithm::Crc16 => "bb3d",
        Algorithm::Crc7 => "75",
        Algorithm::Xxhash => "72dcb18b67a17dff",
        Algorithm::Sha1 => "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
        Algorithm::Sha256 => "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        Algorithm::Sha512 => {
            "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b3\
             13d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85"
        }
        Algorithm::Sha3_224 => "5795c3d628fd638c9835a4c79a55809f265068c88729a1a3fcdf8522",
        Algorithm::Sha3_256 => "87cd084d190e436f147322b90e7384f6a8e0676c99d21ef519ea718e51d45f9c",
        Algorithm::Sha3_384 => {
            "8b90ede4d095409f1a12492c2520599683a9478dc70b7566d23b3e41ece8538c6cde92382a5e\
             38786490375c54672abf"
        }
        Algorithm::Sha3_512 => {
            "e1e44d20556e97a180b6dd3ed7ae5c465cafd553fa8747dca038fb95635b77a37318f7ddf7ae\
             c1f6c3c14bb160ba2497007decf38dd361cab199e3b8c8fe1f5c"
        }
    }
}

/// Judges these two ways of computing it.
pub(super) fn run(
    algorithm: Algorithm,
    one: impl Fn(&[u8]) -> Digest,
    many: impl Fn(&[&[u8]], &mut [Digest]),
) -> Result<(), SelfTestFailed> {
    let (found, known) = (one(TEXT).to_string(), known(algorithm));
    if found != known {
        return Err(SelfTestFailed::Answer { algorithm, found, known });
    }
    let mut data = [[0; BLOCK]; BATCH];
    for (n, byte) in data.as_flattened_mut().iter_mut().enumerate() {
        // Any content will do that is not the same everywhere.
        *byte = (n * n / 7 + n / 251) as u8;
    }
    let whole = digests(&many, &data);
    for (block, (digest, bytes)) in whole.iter().zip(&data).enumerate() {
        if *digest != one(bytes) {
            return Err(SelfTestFailed::Batch { algorithm, block });
        }
    }
    for half in 0..2 {
        let mut damaged = data;
        let planted = |block: usize| (block % 2 == half).then_some(block * 977 % (BLOCK * 8));
        for (block, bytes) in damaged.iter_mut().enumerate() {
            // Another byte and another bit in each lane.
            planted(block).inspect(|bit| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        let batch = digests(&many, &damaged);
        for (block, bytes) in damaged.iter().enumerate() {
            let seen = batch[block] != whole[block];
            match planted(block) {
                Some(bit) if !seen || one(bytes) == whole[block] => {
                    return Err(SelfTestFailed::Blind { algorithm, bit });
                }
                None if seen => return Err(SelfTestFailed::Batch { algorithm, block }),
                _ => {}
            }
        }
    }
    Ok(())
}

fn digests(
    many: &impl Fn(&[&[u8]], &mut [Digest]),
    data: &[[u8; BLOCK]; BATCH],
) -> [Digest; BATCH] {
    let mut out = [Digest::default(); BATCH];
    many(&data.each_ref().map(|block| &block[..]), &mut out);
    out
}
