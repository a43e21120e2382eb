//! How an interval is verified: the methods of `verify`, with or without a stamp, a digest, a
//! pattern.
//!
//! `run` makes one of the job's word; the numbers stand in stamps, for ever. What a digest is, is
//! [`super::digest`]'s.

use super::digest::Algorithm;

/// A method of `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A stamp and a digest.
    Digest(Algorithm),
    /// The stamp alone (`meta`).
    Meta,
    /// A stamp and a pattern that is compared (`pattern_hdr`).
    PatternHdr,
    /// A pattern that is compared (`pattern`).
    Pattern,
    /// Nothing: what the machinery costs (`null`).
    Null,
}

/// The digests by their numbers in a stamp.
const DIGESTS: [(u8, Algorithm); 14] = [
    (2, Algorithm::Md5),
    (3, Algorithm::Crc64),
    (4, Algorithm::Crc32),
    (5, Algorithm::Crc32c),
    (7, Algorithm::Crc16),
    (8, Algorithm::Crc7),
    (9, Algorithm::Sha256),
    (10, Algorithm::Sha512),
    (11, Algorithm::Sha3_224),
    (12, Algorithm::Sha3_256),
    (13, Algorithm::Sha3_384),
    (14, Algorithm::Sha3_512),
    (15, Algorithm::Xxhash),
    (16, Algorithm::Sha1),
];

const META: u8 = 1;
const PATTERN_HDR: u8 = 17;
const PATTERN: u8 = 18;
const NULL: u8 = 19;

impl Method {
    /// Its number in a stamp.
    pub fn number(self) -> u8 {
        match self {
            Method::Meta => META,
            Method::PatternHdr => PATTERN_HDR,
            Method::Pattern => PATTERN,
            Method::Null => NULL,
            Method::Digest(algorithm) => {
                let found = DIGESTS.iter().find(|(_, each)| *each == algorithm);
                found.map_or(0, |(number, _)| *number)
            }
        }
    }

    /// The one with this number.
    pub fn of_number(number: u8) -> Option<Method> {
        match number {
            META => Some(Method::Meta),
            PATTERN_HDR => Some(Method::PatternHdr),
            PATTERN => Some(Method::Pattern),
            NULL => Some(Method::Null),
            _ => {
                let found = DIGESTS.iter().find(|(each, _)| *each == number);
                found.map(|(_, algorithm)| Method::Digest(*algorithm))
            }
        }
    }

    /// fio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Digest(algorithm) => algorithm.name(),
            Method::Meta => "meta",
            Method::PatternHdr => "pattern_hdr",
            Method::Pattern => "pattern",
            Method::Null => "null",
        }
    }

    /// Whether intervals begin with a stamp.
    pub fn stamps(self) -> bool {
        !matches!(self, Method::Pattern | Method::Null)
    }

    /// Bytes of the digest behind the stamp.
    pub fn digest_len(self) -> usize {
        match self {
            Method::Digest(algorithm) => algorithm.len(),
            _ => 0,
        }
    }

    /// How many intervals are best made or looked at together.
    pub fn lanes(self) -> usize {
        match self {
            Method::Digest(algorithm) => algorithm.lanes(),
            _ => 1,
        }
    }

    /// Whether what it says has to be confirmed by making the payload again: digests that let one
    /// damage in 65536 pass, or more.
    pub fn is_weak(self) -> bool {
        matches!(self, Method::Digest(algorithm) if algorithm.len() < 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_one_method_each() {
        let found: Vec<Method> = (0..=255).filter_map(Method::of_number).collect();
        assert_eq!(found.len(), DIGESTS.len() + 4);
        for method in found {
            assert_eq!(Method::of_number(method.number()), Some(method));
            assert_ne!(method.number(), 0);
        }
    }
}
