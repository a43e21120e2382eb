//! What is verified, how, and what happens when it is not as it should be.
//!
//! Filled by the options of the same chapter; `run` makes the stamps, the ledger and the pool by
//! it. Lengths of digests and of the stamp stand here, where a job's shape is judged by them:
//! `verify` may not have another opinion.

use crate::units::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes of a stamp without its digest.
pub const STAMP_LEN: u64 = 80;

/// `verify`: how data is told from other data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VerifyMethod {
    /// MD5.
    Md5,
    /// CRC-32 of IEEE 802.3.
    Crc32,
    /// CRC-32C (Castagnoli); `crc32c-intel` in fio, too.
    Crc32c,
    /// CRC-64.
    Crc64,
    /// CRC-16.
    Crc16,
    /// CRC-7.
    Crc7,
    /// xxHash, XXH3 with 64 bits.
    Xxhash,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// `verify_pattern` alone, without a stamp.
    Pattern,
    /// A stamp, and `verify_pattern` behind it.
    PatternHdr,
    /// A stamp without a digest.
    Meta,
    /// Reads, and looks at nothing.
    Null,
}

impl VerifyMethod {
    /// All of them, in the order of the reference.
    pub const ALL: [VerifyMethod; 18] = [
        VerifyMethod::Md5,
        VerifyMethod::Crc32,
        VerifyMethod::Crc32c,
        VerifyMethod::Crc64,
        VerifyMethod::Crc16,
        VerifyMethod::Crc7,
        VerifyMethod::Xxhash,
        VerifyMethod::Sha1,
        VerifyMethod::Sha256,
        VerifyMethod::Sha512,
        VerifyMethod::Sha3_224,
        VerifyMethod::Sha3_256,
        VerifyMethod::Sha3_384,
        VerifyMethod::Sha3_512,
        VerifyMethod::Pattern,
        VerifyMethod::PatternHdr,
        VerifyMethod::Meta,
        VerifyMethod::Null,
    ];

    /// fio's word.
    pub fn name(self) -> &'static str {
        match self {
            VerifyMethod::Md5 => "md5",
            VerifyMethod::Crc32 => "crc32",
            VerifyMethod::Crc32c => "crc32c",
            VerifyMethod::Crc64 => "crc64",
            VerifyMethod::Crc16 => "crc16",
            VerifyMethod::Crc7 => "crc7",
            VerifyMethod::Xxhash => "xxhash",
            VerifyMethod::Sha1 => "sha1",
            VerifyMethod::Sha256 => "sha256",
            VerifyMethod::Sha512 => "sha512",
            VerifyMethod::Sha3_224 => "sha3-224",
            VerifyMethod::Sha3_256 => "sha3-256",
            VerifyMethod::Sha3_384 => "sha3-384",
            VerifyMethod::Sha3_512 => "sha3-512",
            VerifyMethod::Pattern => "pattern",
            VerifyMethod::PatternHdr => "pattern_hdr",
            VerifyMethod::Meta => "meta",
            VerifyMethod::Null => "null",
        }
    }

    /// The method of that name; none where there is none.
    pub fn of_name(name: &str) -> Option<VerifyMethod> {
        let name = if name == "crc32c-intel" { "crc32c" } else { name };
        VerifyMethod::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Bytes of its digest; 0 where it has none.
    pub fn digest_len(self) -> u64 {
        match self {
            VerifyMethod::Crc7 => 1,
            VerifyMethod::Crc16 => 2,
            VerifyMethod::Crc32 | VerifyMethod::Crc32c => 4,
            VerifyMethod::Crc64 | VerifyMethod::Xxhash => 8,
            VerifyMethod::Md5 => 16,
            VerifyMethod::Sha1 => 20,
            VerifyMethod::Sha3_224 => 28,
            VerifyMethod::Sha256 | VerifyMethod::Sha3_256 => 32,
            VerifyMethod::Sha3_384 => 48,
            VerifyMethod::Sha512 | VerifyMethod::Sha3_512 => 64,
            VerifyMethod::Pattern
            | VerifyMethod::PatternHdr
            | VerifyMethod::Meta
            | VerifyMethod::Null => 0,
        }
    }

    /// Whether each interval carries a stamp.
    pub fn has_stamp(self) -> bool {
        !matches!(self, VerifyMethod::Pattern | VerifyMethod::Null)
    }

    /// Bytes that stamp and digest take of each interval.
    pub fn stamp_len(self) -> u64 {
        if self.has_stamp() {
            STAMP_LEN + self.digest_len()
        } else {
            0
        }
    }

    /// Whether it compares with `verify_pattern`, and so needs one.
    pub fn needs_pattern(self) -> bool {
        matches!(self, VerifyMethod::Pattern | VerifyMethod::PatternHdr)
    }
}

/// A piece of `verify_pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyPart {
    /// These bytes.
    Bytes(Vec<u8>),
    /// `%o`: the offset of the interval within its file, 8 bytes, the lowest first.
    Offset,
    /// What is in this file when the run begins.
    File(PathBuf),
}

/// `verify_policy`: from when on a write has to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyPolicy {
    /// Once it was completed.
    #[default]
    Completed,
    /// Once a flush that began after its completion has covered it.
    Fsynced,
}

impl VerifySpec {
    /// The job writes nothing itself: it looks at what an earlier run wrote.
    pub fn only_looks(&self) -> bool {
        self.method.is_some() && (self.verify_only || self.state_load)
    }
}

/// What is verified, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    /// `verify`; none = nothing is verified.
    pub method: Option<VerifyMethod>,
    /// `do_verify`: read what was written, and look at it.
    pub do_verify: bool,
    /// `verify_only`: only look, the writes were made by an earlier run.
    pub verify_only: bool,
    /// `verify_interval`; 0 = the smallest block of the job.
    pub interval: Bytes,
    /// Zeros are no miscompare, and count as not verified (`iodyno verify`).
    #[serde(default)]
    pub blank: bool,
    /// `verify_offset`: where in an interval the stamp lies.
    pub offset: Bytes,
    /// `verify_pattern`, in order; empty = none.
    pub pattern: Vec<VerifyPart>,
    /// `verify_fatal`: the first miscompare ends the job.
    pub fatal: bool,
    /// `verify_dump`: both blocks of a miscompare go into files.
    pub dump: bool,
    /// `verify_backlog`: look after so many writes; 0 = once all are made.
    pub backlog: u64,
    /// `verify_backlog_batch`: blocks to look at then; 0 = as many as `backlog`.
    pub backlog_batch: u64,
    /// `verify_async`: threads of the pool; 0 = the worker does it.
    pub threads: u32,
    /// `verify_async_cpus`, sorted; none = all.
    pub cpus: Option<Vec<u32>>,
    /// `verify_state_save`: an interrupted job leaves a file of what has to be there.
    pub state_save: bool,
    /// `verify_state_load`: look at what such a file says.
    pub state_load: bool,
    /// `verify_policy`.
    pub policy: VerifyPolicy,
    /// `verify_write_sequence`: compare the generation; none = where it can be known.
    pub write_sequence: Option<bool>,
    /// `verify_header_seed`: compare the seed of the payload; none = where it can be known.
    pub header_seed: Option<bool>,
    /// `verify_run`: stamps of this run only; none = of any.
    pub run: Option<u64>,
    /// `verify_ledger_max`; none = a quarter of the memory.
    pub ledger_max: Option<Bytes>,
    /// `serialize_overlap`: requests that overlap wait for one another.
    pub serialize_overlap: bool,
    /// `trim_percentage`: percent of the written blocks that are trimmed.
    pub trim_percentage: u8,
    /// `trim_verify_zero`: trimmed blocks have to read as zeros.
    pub trim_verify_zero: bool,
    /// `trim_backlog`: trim after so many writes; 0 = once all are made.
    pub trim_backlog: u64,
    /// `trim_backlog_batch`: blocks to trim then; 0 = as many as `trim_backlog`.
    pub trim_backlog_batch: u64,
    /// `experimental_verify`: accepted for fio's sake.
    pub experimental: bool,
    /// `verify_selftest`: show first that the method finds a damaged block.
    pub selftest: bool,
}
