//! Digests against the standards' own answers, and against each other over what a generator makes.

use super::lanes::{Limit, Path};
use super::self_test::run;
use super::*;
use crate::workload::Rng;
use iodyno_tests::needs;

/// Answers of the standards' documents and of their own reference programs.
const ANSWERS: &str = include_str!("answers.txt");

/// Bytes as they stand in [`ANSWERS`].
fn text(written: &str) -> Vec<u8> {
    let hex = |digits: &str| from_hex(digits).as_bytes().to_vec();
    match written.split(' ').collect::<Vec<_>>()[..] {
        ["bytes", digits] => hex(digits),
        ["repeat", count, digits] => hex(digits).repeat(count.parse().expect("a count")),
        _ => written.as_bytes().to_vec(),
    }
}

/// The digest that these digits stand for.
fn from_hex(digits: &str) -> Digest {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    Digest::new((0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>())
}

#[test]
fn standards_have_their_answers() {
    let mut answered = Vec::new();
    for line in ANSWERS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [name, written, known] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not an answer: {line}");
        };
        let algorithm: Algorithm = name.parse().expect("a digest");
        let (text, known) = (text(written), from_hex(known));
        assert_eq!(algorithm.digest(&text), known, "{line}");
        let mut batch = [Digest::default(); 3];
        algorithm.digest_many(&[&text, b"other", &text], &mut batch);
        assert_eq!([batch[0], batch[2]], [known; 2], "{line}");
        answered.push(algorithm);
    }
    for algorithm in Algorithm::ALL {
        assert!(answered.contains(&algorithm), "{algorithm} has no answer");
    }
}

#[test]
fn names_are_fios_and_lead_back() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
        assert_eq!(format!("{algorithm:<9}|"), format!("{:<9}|", algorithm.name()));
        assert_eq!(algorithm.digest(b"").as_bytes().len(), algorithm.len());
        assert!(algorithm.len() <= MAX_DIGEST_LEN);
    }
    assert_eq!("crc32c-intel".parse(), Ok(Algorithm::Crc32c));
    for other in ["pattern", "pattern_hdr", "meta", "null", "MD5", "", "sha3"] {
        let error = other.parse::<Algorithm>().expect_err("no digest");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("no digest is called {other:?}; there are md5, ")),
            "{text}"
        );
    }
}

#[test]
fn digests_are_what_stands_in_a_stamp() {
    let digest = Algorithm::Crc32.digest(b"123456789");
    assert_eq!(digest, Digest::new([0xcb, 0xf4, 0x39, 0x26]));
    assert_eq!(format!("{digest:?}"), "Digest(cbf43926)");
    assert_ne!(digest, Digest::new([0xcb, 0xf4, 0x39, 0x26, 0]));
    assert!(Digest::default().as_bytes().is_empty());
}

/// Bit by bit, as the catalogue of parametrised CRC algorithms defines it; polynomials and values
/// are aligned to the top of 64 bits.
fn slow_crc(width: u32, poly: u64, reflected: bool, init: u64, xorout: u64, data: &[u8]) -> u64 {
    let (poly, mut crc) = (poly << (64 - width), init << (64 - width));
    for byte in data {
        let byte = if reflected { byte.reverse_bits() } else { *byte };
        crc ^= u64::from(byte) << 56;
        for _ in 0..8 {
            let carry = crc >> 63 == 1;
            crc = (crc << 1) ^ if carry { poly } else { 0 };
        }
    }
    let crc = crc >> (64 - width);
    let crc = if reflected { crc.reverse_bits() >> (64 - width) } else { crc };
    crc ^ xorout
}

#[test]
fn checksums_are_those_of_their_definition() {
    let mut rng = Rng::new(7);
    let lengths = (0..300).chain([511, 512, 513, 1000, 4000, 4096, 4097, 10_000]);
    for length in lengths {
        let data = random_bytes(&mut rng, length + 64);
        let data = &data[rng.below(64) as usize..][..length];
        let (all32, all64) = (u64::from(u32::MAX), u64::MAX);
        let cases = [
            (Algorithm::Crc7, slow_crc(7, 0x09, false, 0, 0, data)),
            (Algorithm::Crc16, slow_crc(16, 0x8005, true, 0, 0, data)),
            (Algorithm::Crc32, slow_crc(32, 0x04c1_1db7, true, all32, all32, data)),
            (Algorithm::Crc32c, slow_crc(32, 0x1edc_6f41, true, all32, all32, data)),
            (Algorithm::Crc64, slow_crc(64, 0xad93_d235_94c9_3659, true, all64, all64, data)),
        ];
        for (algorithm, crc) in cases {
            let bytes = crc.to_be_bytes();
            let defined = Digest::new(&bytes[bytes.len() - algorithm.len()..]);
            assert_eq!(algorithm.digest(data), defined, "{algorithm} of {length} bytes");
        }
    }
}

#[test]
fn a_flipped_bit_is_seen_wherever_it_is() {
    let mut rng = Rng::new(11);
    for algorithm in Algorithm::ALL {
        for _ in 0..200 {
            let length = 1 + rng.below(5000) as usize;
            let mut data = random_bytes(&mut rng, length);
            let before = algorithm.digest(&data);
            let bit = rng.below(8 * length as u64) as usize;
            data[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(algorithm.digest(&data), before, "{algorithm}, bit {bit} of {length} bytes");
        }
    }
}

#[test]
fn batches_are_what_single_blocks_are() {
    let mut rng = Rng::new(13);
    for algorithm in Algorithm::ALL {
        for count in [0, 1, 2, 3, 8, 33, 100] {
            let data = random_bytes(&mut rng, 3000);
            let blocks: Vec<&[u8]> = (0..count).map(|_| piece(&mut rng, &data, 600)).collect();
            let mut batch = vec![Digest::default(); count];
            algorithm.digest_many(&blocks, &mut batch);
            let single: Vec<Digest> = blocks.iter().map(|block| algorithm.digest(block)).collect();
            assert_eq!(batch, single, "{algorithm}, {count} blocks");
        }
    }
}

#[test]
#[should_panic(expected = "a place for each digest")]
fn a_batch_needs_a_place_for_each() {
    Algorithm::Crc32.digest_many(&[b"a", b"b"], &mut [Digest::default()]);
}

fn random_bytes(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for eight in bytes.chunks_mut(8) {
        eight.copy_from_slice(&rng.next_u64().to_le_bytes()[..eight.len()]);
    }
    bytes
}

/// Somewhere in the data, at most so long.
fn piece<'a>(rng: &mut Rng, data: &'a [u8], longest: usize) -> &'a [u8] {
    let length = rng.below(longest as u64 + 1) as usize;
    let begin = rng.below((data.len() - length) as u64 + 1) as usize;
    &data[begin..begin + length]
}

/// Puts the digest of each block into its place.
type Many<'a> = &'a dyn Fn(&[&[u8]], &mut [Digest]);

/// A way over several blocks, and what the crate says of each of them.
struct Way<'a> {
    many: Many<'a>,
    right: fn(&[u8]) -> Digest,
    what: String,
}

impl Way<'_> {
    fn assert_exact(&self, blocks: &[&[u8]]) {
        let mut out = vec![Digest::new([0xee; 64]); blocks.len()];
        (self.many)(blocks, &mut out);
        for (n, (found, block)) in out.iter().zip(blocks).enumerate() {
            let (of, bytes, what) = (blocks.len(), block.len(), &self.what);
            assert_eq!(*found, (self.right)(block), "block {n} of {of}, {bytes} bytes, {what}");
        }
    }
}

/// Whatever way there is over several blocks, judged block by block.
fn way_is_exact(way: &Way<'_>) {
    let mut rng = Rng::new(17);
    let long = random_bytes(&mut rng, 200_000);
    // Every length up to some chunks, every count of lanes with some over.
    for length in 0..300 {
        way.assert_exact(&[&long[length..2 * length]; 3]);
        way.assert_exact(&[&long[length..2 * length]; 16]);
    }
    for count in 0..=70 {
        let length = rng.below(700) as usize;
        let blocks: Vec<&[u8]> = (0..count).map(|n| &long[n * 33..][..length]).collect();
        way.assert_exact(&blocks);
    }
    // What verification has: batches of one length, at any alignment.
    for length in [512, 4000, 4096, 65_536 - 128] {
        let begin = rng.below(64) as usize;
        let blocks: Vec<&[u8]> = (0..32).map(|n| &long[begin + n * 500..][..length]).collect();
        way.assert_exact(&blocks);
    }
    // Anything else: other lengths in each lane, long ones last, first, among empty ones.
    for longest in [100, 1000, 1000, 20_000, 70_000] {
        let count = 1 + rng.below(45) as usize;
        let blocks: Vec<&[u8]> = (0..count).map(|_| piece(&mut rng, &long, longest)).collect();
        way.assert_exact(&blocks);
    }
    way.assert_exact(&[b"", &long[..70_000], b"", b"a"]);
    // All bits set and none.
    way.assert_exact(&[&[0xff; 5000], &[0; 5000]]);
    way.assert_exact(&[[0xff; 5000]; 16].each_ref().map(|block| &block[..]));
}

fn path_is_exact<W: Copy + std::fmt::Debug, const WORDS: usize, const CHUNK: usize>(
    algorithm: Algorithm,
    instructions: &str,
    path: Option<Path<W, WORDS, CHUNK>>,
) {
    let what = format!("{algorithm} in lanes of {instructions}");
    let Some(path) = path else {
        return needs::skip(&format!("{what}: this processor has none"));
    };
    let many = |blocks: &[&[u8]], out: &mut [Digest]| path.many(blocks, out);
    let right = match algorithm {
        Algorithm::Md5 => |block: &[u8]| Digest::new(<::md5::Md5 as ::md5::Digest>::digest(block)),
        Algorithm::Sha256 => |block: &[u8]| Digest::new(sha2::Sha256::digest(block)),
        _ => |block: &[u8]| Digest::new(sha2::Sha512::digest(block)),
    };
    way_is_exact(&Way { many: &many, right, what });
    let judged = run(algorithm, right, many);
    assert_eq!(judged, Ok(()), "{algorithm}, {instructions}");
}

#[test]
fn md5_is_exact_in_lanes() {
    path_is_exact(Algorithm::Md5, "none", Some(md5::portable()));
    path_is_exact(Algorithm::Md5, "AVX2", md5::avx2());
    path_is_exact(Algorithm::Md5, "AVX-512", md5::avx512());
}

#[test]
fn sha256_is_exact_in_lanes() {
    path_is_exact(Algorithm::Sha256, "none", Some(sha::portable().0));
    path_is_exact(Algorithm::Sha256, "AVX2", sha::avx2_256());
    path_is_exact(Algorithm::Sha256, "AVX-512", sha::avx512_256());
}

#[test]
fn sha512_is_exact_in_lanes() {
    path_is_exact(Algorithm::Sha512, "none", Some(sha::portable().1));
    path_is_exact(Algorithm::Sha512, "AVX2", sha::avx2_512());
    path_is_exact(Algorithm::Sha512, "AVX-512", sha::avx512_512());
}

/// Whatever the processor has, the bench and a doubtful user can do without it.
#[test]
fn lanes_can_be_switched_off() {
    let narrower = [("avx512", 3), ("avx2", 2), ("none", 1)];
    for (word, expected) in narrower {
        let limit = Limit::of(Some(word)).expect("a word that is known");
        assert_eq!(limit.choose(|| Some(3), || Some(2), 1), expected, "{word}");
    }
    assert_eq!(Limit::of(None).expect("the default").choose(|| Some(3), || Some(2), 1), 3);
    let machine = |wide: Option<u8>, narrow| Limit::Avx512.choose(|| wide, || narrow, 1);
    assert_eq!([machine(None, Some(2)), machine(None, None)], [2, 1]);
    assert_eq!(Limit::Avx2.choose(|| Some(3), || None, 1), 1);
    for word in ["", "AVX2", "sse"] {
        let error = Limit::of(Some(word)).expect_err("not a word").to_string();
        assert!(error.starts_with(&format!("IODYNO_DIGEST_LANES={word}: ")), "{error}");
    }
}

#[test]
fn all_pass_their_self_test() {
    for algorithm in Algorithm::ALL {
        algorithm.self_test().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// One thing wrong at a time; the self-test must find each.
#[test]
fn self_tests_find_what_is_wrong() {
    type One = fn(&[u8]) -> Digest;
    type Many = fn(&[&[u8]], &mut [Digest]);
    let right: One = |block| Algorithm::Crc32c.digest(block);
    let right_many: Many = |blocks, out| Algorithm::Crc32c.digest_many(blocks, out);
    let cases: [(&str, One, Many, &str); 4] = [
        ("another polynomial", |block| Algorithm::Crc32.digest(block), right_many, "cbf43926, not"),
        (
            "looks at the first bytes only",
            |block| Algorithm::Crc32c.digest(&block[..block.len().min(100)]),
            |blocks, out| {
                for (block, place) in blocks.iter().zip(out) {
                    *place = Algorithm::Crc32c.digest(&block[..block.len().min(100)]);
                }
            },
            "was flipped and nothing was seen",
        ),
        (
            "two lanes swapped",
            right,
            |blocks, out| {
                Algorithm::Crc32c.digest_many(blocks, out);
                out.swap(6, 7);
            },
            "block 6 of 33 has another digest in a batch",
        ),
        (
            "the last one forgotten",
            right,
            |blocks, out| {
                let all = blocks.len() - 1;
                Algorithm::Crc32c.digest_many(&blocks[..all], &mut out[..all]);
            },
            "block 32 of 33 has another digest in a batch",
        ),
    ];
    for (what, one, many, says) in cases {
        let text = run(Algorithm::Crc32c, one, many).expect_err(what).to_string();
        assert!(text.starts_with("self-test of crc32c failed: "), "{what}: {text}");
        assert!(text.contains(says), "{what}: {text}");
    }
}

#[test]
fn costs_grow_with_bytes_and_blocks() {
    for algorithm in Algorithm::ALL {
        let cost = Cost::measure(algorithm);
        let one = cost.worth(1, 4096);
        assert!(one.0 > 0, "{algorithm}: nothing is free");
        assert!(cost.worth(1, 65_536) > one, "{algorithm}");
        let many = cost.worth(10 * algorithm.lanes(), 4096);
        assert!(many > cost.worth(algorithm.lanes(), 4096), "{algorithm}");
        assert_eq!(cost.worth(0, 4096).0, 0);
        assert_eq!(cost.worth(7, 0).0, 0);
    }
}
