//! What each way of writing leaves in the buffers, counted independently of how it was made.

use super::*;
use std::collections::HashSet;

const BLOCK: usize = 4096;

fn recipe() -> ContentRecipe {
    let (block, max_bs) = (BLOCK as u64, BLOCK as u64);
    ContentRecipe { block, max_bs, seed: 7, ..ContentRecipe::default() }
}

/// Everything that `count` writes of `len` bytes through one buffer write.
fn written(recipe: &ContentRecipe, count: usize, len: usize) -> Vec<Vec<u8>> {
    let mut content = Content::new(recipe);
    let mut buffer = vec![0xee; len];
    content.lay(&mut buffer, 0);
    let offsets = (0..count).map(|number| (number * len) as u64);
    let mut blocks = Vec::new();
    for offset in offsets {
        content.before_write(&mut buffer, offset);
        blocks.push(buffer.clone());
    }
    blocks
}

fn different(blocks: &[Vec<u8>]) -> usize {
    blocks.iter().collect::<HashSet<_>>().len()
}

#[test]
fn constant_content_stays_what_it_is() {
    let zero = ContentRecipe { zero: true, scramble: true, refill: true, ..recipe() };
    assert!(written(&zero, 3, BLOCK).concat().iter().all(|byte| *byte == 0));
    let pattern = ContentRecipe { pattern: b"abc".to_vec(), ..zero };
    let expected: Vec<u8> = b"abc".iter().copied().cycle().take(BLOCK).collect();
    assert_eq!(written(&pattern, 3, BLOCK), vec![expected; 3]);
}

#[test]
fn a_read_into_the_buffer_does_not_change_what_is_written() {
    let mixed = ContentRecipe { mixed: true, zero: true, ..recipe() };
    for (recipe, first) in
        [(mixed.clone(), 0), (ContentRecipe { pattern: b"p".to_vec(), ..mixed }, b'p')]
    {
        let mut content = Content::new(&recipe);
        let mut buffer = vec![0x99; 512];
        content.before_write(&mut buffer, 0);
        assert_eq!(buffer, vec![first; 512]);
    }
}

#[test]
fn data_differs_where_it_should() {
    let cases = [
        (recipe(), 1),
        (ContentRecipe { scramble: true, ..recipe() }, 50),
        (ContentRecipe { refill: true, ..recipe() }, 50),
        (ContentRecipe { refill: true, scramble: true, ..recipe() }, 50),
    ];
    for (recipe, expected) in cases {
        assert_eq!(different(&written(&recipe, 50, BLOCK)), expected, "{recipe:?}");
    }
}

#[test]
fn repetitions_are_as_many_as_asked_for() {
    for percentage in [1, 30, 50, 70, 99, 100] {
        for repeats in [Repeats::Last, Repeats::OneOf(1), Repeats::OneOf(40)] {
            let dedupe = Some(Dedupe { percentage, repeats });
            let blocks =
                written(&ContentRecipe { dedupe, scramble: true, ..recipe() }, 1000, BLOCK);
            let expected = (1000 - 10 * usize::from(percentage)).max(1);
            assert_eq!(different(&blocks), expected, "{percentage} {repeats:?}");
        }
    }
}

#[test]
fn what_is_repeated() {
    let dedupe = Some(Dedupe { percentage: 50, repeats: Repeats::Last });
    let blocks = written(&ContentRecipe { dedupe, ..recipe() }, 400, BLOCK);
    let mut seen = HashSet::new();
    for (number, block) in blocks.iter().enumerate() {
        let fresh = seen.insert(block);
        assert!(fresh || blocks[number - 1] == *block, "block {number} repeats another");
    }
    let dedupe = Some(Dedupe { percentage: 50, repeats: Repeats::OneOf(10) });
    let blocks = written(&ContentRecipe { dedupe, ..recipe() }, 400, BLOCK);
    let mut seen: Vec<&Vec<u8>> = Vec::new();
    for block in &blocks {
        match seen.iter().position(|other| *other == block) {
            Some(place) => assert!(place < 10, "the working set is the first ten"),
            None => seen.push(block),
        }
    }
}

#[test]
fn large_writes_repeat_in_blocks_of_the_smallest() {
    let dedupe = Some(Dedupe { percentage: 60, repeats: Repeats::Last });
    let recipe = ContentRecipe { dedupe, block: 512, max_bs: 8192, ..recipe() };
    let data = written(&recipe, 100, 8192).concat();
    let blocks: Vec<Vec<u8>> = data.chunks(512).map(<[u8]>::to_vec).collect();
    assert_eq!(different(&blocks), 1600 * 40 / 100);
}

#[test]
fn so_much_of_each_chunk_compresses() {
    let cases = [(50, 512), (25, 512), (75, 0), (100, 512), (33, 100), (1, 7), (99, 4096)];
    for (percentage, chunk) in cases {
        let compress = Some(Compress { percentage, chunk });
        let zeros = ContentRecipe { compress, scramble: true, ..recipe() };
        let data = written(&zeros, 64, BLOCK).concat();
        let zero = data.iter().filter(|byte| **byte == 0).count() as f64;
        // A random byte is zero once in 256.
        let random = data.len() as f64 * f64::from(100 - percentage) / 100.0;
        let expected = data.len() as f64 - random + random / 256.0;
        let off = (zero - expected).abs() / data.len() as f64;
        assert!(off < 0.004, "{percentage} {chunk}: {zero} of {}, not {expected}", data.len());
    }
}

#[test]
fn the_compressible_part_is_the_pattern_and_comes_last() {
    let compress = Some(Compress { percentage: 50, chunk: 16 });
    let recipe = ContentRecipe { compress, pattern: b"xyz".to_vec(), ..recipe() };
    for block in written(&recipe, 4, BLOCK) {
        for chunk in block.chunks(16) {
            assert_eq!(&chunk[8..], b"xyzxyzxy");
            assert_ne!(&chunk[..8], b"xyzxyzxy");
        }
    }
}

#[test]
fn blocks_that_repeat_may_compress_as_well() {
    let dedupe = Some(Dedupe { percentage: 40, repeats: Repeats::OneOf(5) });
    let compress = Some(Compress { percentage: 50, chunk: 512 });
    let blocks = written(&ContentRecipe { dedupe, compress, ..recipe() }, 100, BLOCK);
    assert_eq!(different(&blocks), 60);
    assert!(blocks.iter().all(|block| block[256..512].iter().all(|byte| *byte == 0)));
}

#[test]
fn the_seed_decides_and_is_frozen() {
    let dedupe = Some(Dedupe { percentage: 30, repeats: Repeats::OneOf(4) });
    let compress = Some(Compress { percentage: 50, chunk: 512 });
    let cases = [
        ContentRecipe { scramble: true, ..recipe() },
        ContentRecipe { refill: true, ..recipe() },
        ContentRecipe { dedupe, ..recipe() },
        ContentRecipe { dedupe, compress, ..recipe() },
    ];
    let sums = |seed| {
        let of_seed = |recipe: &ContentRecipe| ContentRecipe { seed, ..recipe.clone() };
        let sum = |recipe| crc32fast::hash(&written(&of_seed(recipe), 50, BLOCK).concat());
        cases.each_ref().map(sum)
    };
    assert_eq!(sums(7), FROZEN);
    assert!(sums(8).iter().zip(FROZEN).all(|(sum, frozen)| *sum != frozen));
}

/// Checksums of fifty blocks each.
const FROZEN: [u32; 4] = [2_060_735_764, 772_517_998, 2_959_540_366, 3_272_175_076];
