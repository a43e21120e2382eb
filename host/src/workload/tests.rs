//! The generator as its callers see it: fio's sequences, exactness, statistics, frozen numbers.

use super::*;
use crate::ddir::{Ddir, PerDir};
use proptest::prelude::*;

const K: u64 = 1024;

fn single(ddir: Ddir, random: bool) -> Order {
    Order::Single { ddir, random }
}

fn recipe(order: Order, len: u64) -> Recipe {
    Recipe {
        order,
        bs: PerDir::all((4 * K, 4 * K)),
        files: vec![Region { offset: 0, len }],
        amount: len,
        rwmixread: 50,
        random_map: true,
        seed: 1,
        max_ios: None,
        repeat: Repeat::Loops(1),
        min_align: 0,
        shape: Shape::default(),
    }
}

fn all(recipe: &Recipe) -> Vec<Request> {
    let mut generator = Generator::new(recipe).expect("the recipe is good");
    std::iter::from_fn(|| generator.next()).collect()
}

/// "r0/4 w4/4": direction, offset and length in KiB; the file where it is not the first.
fn words(requests: &[Request]) -> String {
    let word = |r: &Request| {
        let file = if r.file > 0 { format!("{}:", r.file) } else { String::new() };
        format!("{}{file}{}/{}", &r.ddir.name()[..1], r.offset / K, r.len / K)
    };
    requests.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn sequences_are_those_of_fio() {
    let read = single(Ddir::Read, false);
    let base = recipe(read, 16 * K);
    let two = vec![Region { offset: 0, len: 8 * K }; 2];
    let cases = [
        ("as it is", base.clone(), "r0/4 r4/4 r8/4 r12/4"),
        (
            "amount above the region wraps, and the last block is whole",
            Recipe { amount: 22 * K, ..base.clone() },
            "r0/4 r4/4 r8/4 r12/4 r0/4 r4/4",
        ),
        (
            "a pass that ends less than a block short is the last",
            Recipe { amount: 18 * K, ..recipe(read, 18 * K) },
            "r0/4 r4/4 r8/4 r12/4",
        ),
        ("size is cut to blocks", recipe(read, 10_000), "r0/4 r4/4"),
        ("amount below the region", Recipe { amount: 5 * K, ..base.clone() }, "r0/4 r4/4"),
        (
            "an offset that is no multiple of bs",
            Recipe {
                files: vec![Region { offset: 3 * K, len: 9 * K }],
                amount: 8 * K,
                ..base.clone()
            },
            "r3/4 r7/4",
        ),
        (
            "each loop begins afresh",
            Recipe { amount: 8 * K, repeat: Repeat::Loops(3), ..base.clone() },
            "r0/4 r4/4 r0/4 r4/4 r0/4 r4/4",
        ),
        (
            "number_ios holds across passes and in each loop",
            Recipe {
                files: vec![Region { offset: 0, len: 8 * K }],
                max_ios: Some(3),
                repeat: Repeat::Loops(2),
                ..base.clone()
            },
            "r0/4 r4/4 r0/4 r0/4 r4/4 r0/4",
        ),
        ("files take turns", Recipe { files: two, ..base.clone() }, "r0/4 r1:0/4 r4/4 r1:4/4"),
        (
            "a shorter file drops out",
            Recipe {
                files: [4, 12, 8].map(|k| Region { offset: 0, len: k * K }).to_vec(),
                amount: 24 * K,
                ..base.clone()
            },
            "r0/4 r1:0/4 r2:0/4 r1:4/4 r2:4/4 r1:8/4",
        ),
        (
            "trim, then write the same",
            Recipe { amount: 8 * K, ..recipe(Order::TrimWrite { random: false }, 16 * K) },
            "t0/4 w0/4 t4/4 w4/4",
        ),
        (
            "a trimmed block is written even at the amount's end",
            Recipe { amount: 6 * K, ..recipe(Order::TrimWrite { random: false }, 16 * K) },
            "t0/4 w0/4 t4/4 w4/4",
        ),
    ];
    for (what, recipe, expected) in cases {
        assert_eq!(words(&all(&recipe)), expected, "{what}");
    }
}

#[test]
fn a_sequential_mix_keeps_a_position_for_each_direction() {
    let mut next = PerDir::all(0);
    for request in all(&recipe(Order::Mixed { random: false }, 1024 * K)) {
        assert_eq!(request.offset, next[request.ddir]);
        next[request.ddir] += request.len;
    }
    assert_eq!(next.read + next.write, 1024 * K);
}

#[test]
fn a_sequential_mix_starts_over_when_one_direction_is_at_the_end() {
    let recipe = Recipe {
        amount: 4096 * K,
        rwmixread: 90,
        ..recipe(Order::Mixed { random: false }, 64 * K)
    };
    let requests = all(&recipe);
    assert_eq!(requests.iter().map(|r| r.len).sum::<u64>(), 4096 * K);
    assert!(requests.iter().filter(|r| r.ddir == Ddir::Read && r.offset == 0).count() > 40);
}

/// A seed is a promise across releases: if this test fails, the change breaks users' repeatability.
#[test]
fn sequences_are_frozen() {
    let random = recipe(single(Ddir::Read, true), 32 * K);
    let mixed = recipe(Order::Mixed { random: true }, 32 * K);
    let ranges =
        Recipe { bs: PerDir::all((K, 8 * K)), ..recipe(single(Ddir::Write, true), 32 * K) };
    let anywhere = Recipe { random_map: false, ..random.clone() };
    let again = Recipe { amount: 64 * K, ..random.clone() };
    let cases = [
        (random, "r20/4 r12/4 r24/4 r4/4 r8/4 r16/4 r0/4 r28/4"),
        (mixed, "w20/4 w12/4 w24/4 r4/4 r8/4 r16/4 r0/4 w28/4"),
        (ranges, "w13/6 w28/4 w3/3 w25/3 w6/6 w12/1 w0/2 w19/6 w2/1"),
        (anywhere, "r12/4 r28/4 r0/4 r24/4 r4/4 r12/4 r28/4 r12/4"),
        (
            again,
            "r20/4 r12/4 r24/4 r4/4 r8/4 r16/4 r0/4 r28/4 \
             r4/4 r16/4 r8/4 r20/4 r24/4 r0/4 r12/4 r28/4",
        ),
    ];
    for (recipe, expected) in cases {
        assert_eq!(words(&all(&recipe)), expected, "{recipe:?}");
    }
}

/// Marks what requests touch, in units; panics at a second touch.
fn cover(requests: &[Request], region: Region, unit: u64) -> Vec<bool> {
    let mut touched = vec![false; (region.len / unit) as usize];
    for request in requests {
        let first = (request.offset - region.offset) / unit;
        for place in &mut touched[first as usize..(first + request.len / unit) as usize] {
            assert!(!*place, "{request:?} repeats");
            *place = true;
        }
    }
    touched
}

#[test]
fn a_random_pass_touches_each_block_exactly_once() {
    for len in [4 * K, 8 * K, 10_000, 1000 * K, 4096 * K, 9999 * K] {
        for seed in 0..3 {
            let region = Region { offset: 12 * K, len };
            let base =
                Recipe { files: vec![region], seed, ..recipe(single(Ddir::Read, true), len) };
            let passes = Recipe { amount: 3 * (len - len % (4 * K)), ..base.clone() };
            let requests = all(&passes);
            for pass in requests.chunks(requests.len() / 3) {
                assert!(cover(pass, region, 4 * K).into_iter().all(|b| b), "len {len}");
            }
        }
    }
}

#[test]
fn a_random_pass_of_mixed_sizes_touches_each_unit_exactly_once() {
    let cases = [
        (single(Ddir::Read, true), PerDir::all((K, 8 * K))),
        (single(Ddir::Write, true), PerDir::all((3 * K, 8 * K))),
        (single(Ddir::Read, true), PerDir::all((K, 300 * K))),
        (
            Order::Mixed { random: true },
            PerDir { read: (4 * K, 4 * K), write: (8 * K, 8 * K), trim: (0, 0) },
        ),
        (
            Order::Mixed { random: true },
            PerDir { read: (8 * K, 8 * K), write: (12 * K, 12 * K), trim: (0, 0) },
        ),
    ];
    for (order, bs) in cases {
        let len = 1200 * K;
        let recipe = Recipe { bs, ..recipe(order, len) };
        let requests = all(&recipe);
        let touched = cover(&requests, recipe.files[0], K);
        assert!(touched.into_iter().all(|b| b), "{order:?} {bs:?}");
    }
}

#[test]
fn passes_and_loops_have_orders_of_their_own() {
    let mut generator = Generator::new(&Recipe {
        repeat: Repeat::Endless,
        ..recipe(single(Ddir::Read, true), 400 * K)
    })
    .expect("the recipe is good");
    let mut pass =
        || (0..100).map(|_| generator.next().expect("endless").offset).collect::<Vec<_>>();
    let (first, second) = (pass(), pass());
    assert_ne!(first, second);
    let sorted = |mut offsets: Vec<u64>| {
        offsets.sort_unstable();
        offsets
    };
    assert_eq!(sorted(first), sorted(second));
}

#[test]
fn the_mix_follows_rwmixread() {
    for random in [false, true] {
        for percent in [0u8, 1, 30, 50, 70, 99, 100] {
            let recipe =
                Recipe { rwmixread: percent, ..recipe(Order::Mixed { random }, 400_000 * K) };
            let requests = all(&recipe);
            let (n, p) = (requests.len() as f64, f64::from(percent) / 100.0);
            let reads = requests.iter().filter(|r| r.ddir == Ddir::Read).count() as f64;
            let deviation = (n * p * (1.0 - p)).sqrt();
            assert!((reads - n * p).abs() <= 4.0 * deviation, "{percent}%: {reads} of {n}");
        }
    }
}

/// Chi-square of counts against expectations, with the mean and deviation of its own law.
fn assert_follows(counts: &[f64], expected: &[f64], what: &str) {
    let chi: f64 = counts.iter().zip(expected).map(|(n, e)| (n - e).powi(2) / e).sum();
    let freedom = counts.len() as f64 - 1.0;
    assert!(chi < freedom + 5.0 * (2.0 * freedom).sqrt(), "{what}: chi-square {chi} of {freedom}");
}

#[test]
fn offsets_without_a_map_are_uniform() {
    let recipe = Recipe {
        random_map: false,
        amount: 400_000 * K,
        ..recipe(single(Ddir::Read, true), 400 * K)
    };
    let mut seen = [0.0; 100];
    all(&recipe).iter().for_each(|r| seen[(r.offset / (4 * K)) as usize] += 1.0);
    assert_follows(&seen, &[1000.0; 100], "offsets");
}

/// Where the blocks of a map lie does not depend on when they are drawn: the first tenth of a pass
/// is spread over the whole region.
#[test]
fn a_tenth_of_a_pass_is_spread_evenly() {
    for bs in [(4 * K, 4 * K), (K, 8 * K)] {
        let len = 40_000 * K;
        let recipe = Recipe {
            bs: PerDir::all(bs),
            amount: len / 10,
            ..recipe(single(Ddir::Read, true), len)
        };
        let requests = all(&recipe);
        let mut seen = [0.0; 20];
        requests.iter().for_each(|r| seen[(r.offset * 20 / len) as usize] += 1.0);
        let expected = requests.len() as f64 / 20.0;
        assert_follows(&seen, &[expected; 20], "places");
    }
}

#[test]
fn lengths_of_a_range_are_distributed_as_fio_does() {
    let cases = [
        ((K, 4 * K), &[(1, 0.25), (2, 0.25), (3, 0.25), (4, 0.25)][..]),
        // 8 KiB is no multiple of 3: it ends the last, shorter class.
        ((3 * K, 8 * K), &[(3, 0.375), (6, 0.375), (8, 0.25)]),
    ];
    for (bs, classes) in cases {
        let recipe =
            Recipe { bs: PerDir::all(bs), ..recipe(single(Ddir::Read, false), 60_000 * K) };
        let requests = all(&recipe);
        let whole = &requests[..requests.len() - 1];
        let count = |k: u64| whole.iter().filter(|r| r.len == k * K).count() as f64;
        let counts: Vec<f64> = classes.iter().map(|&(k, _)| count(k)).collect();
        let expected: Vec<f64> = classes.iter().map(|&(_, p)| p * whole.len() as f64).collect();
        assert_eq!(counts.iter().sum::<f64>(), whole.len() as f64);
        assert_follows(&counts, &expected, "lengths");
    }
}

#[test]
fn totals_are_known_unless_endless() {
    let base = recipe(single(Ddir::Read, false), 16 * K);
    let cases = [
        (base.clone(), Some(16 * K)),
        (Recipe { repeat: Repeat::Loops(3), ..base.clone() }, Some(48 * K)),
        (Recipe { max_ios: Some(2), ..base.clone() }, Some(8 * K)),
        (Recipe { max_ios: Some(2), bs: PerDir::all((K, 8 * K)), ..base.clone() }, None),
        (Recipe { repeat: Repeat::Endless, ..base }, None),
        (recipe(Order::TrimWrite { random: false }, 16 * K), Some(32 * K)),
    ];
    for (recipe, expected) in cases {
        let total = Generator::new(&recipe).expect("the recipe is good").total_bytes();
        assert_eq!(total, expected, "{recipe:?}");
    }
}

#[test]
fn a_finished_generator_stays_finished() {
    let mut generator =
        Generator::new(&recipe(single(Ddir::Read, true), 8 * K)).expect("the recipe is good");
    assert!(generator.next().is_some() && generator.next().is_some());
    for _ in 0..5 {
        assert_eq!(generator.next(), None);
    }
}

#[test]
fn recipes_without_load_are_refused_in_words() {
    let base = recipe(single(Ddir::Read, true), 16 * K);
    let cases = [
        (Recipe { files: vec![], ..base.clone() }, "no file to do I/O on"),
        (
            recipe(single(Ddir::Read, true), 3 * K),
            "file 0: its part of 3072 bytes is smaller than one read block of 4096 bytes",
        ),
        (
            Recipe { files: vec![Region { offset: u64::MAX, len: 16 * K }], ..base.clone() },
            "is beyond 2^63",
        ),
        (
            Recipe { bs: PerDir::all((8 * K, 4 * K)), ..base.clone() },
            "block size of read: 8192 to 4096 bytes is no range of sizes",
        ),
        (Recipe { bs: PerDir::all((0, 0)), ..base.clone() }, "is no range of sizes"),
        (
            Recipe {
                order: Order::TrimWrite { random: false },
                bs: PerDir { read: (1, 1), write: (K, K), trim: (2 * K, 2 * K) },
                ..base.clone()
            },
            "bs for write and trim must be equal, here (1024, 1024) and (2048, 2048) bytes",
        ),
        (Recipe { amount: 0, ..base.clone() }, "the amount of data is 0: nothing to do"),
        (Recipe { max_ios: Some(0), ..base.clone() }, "the number of requests is 0"),
        (Recipe { repeat: Repeat::Loops(0), ..base.clone() }, "the number of loops is 0"),
        (Recipe { rwmixread: 101, ..base.clone() }, "rwmixread=101 is no percentage"),
        (
            Recipe {
                files: vec![Region { offset: 0, len: 1 << 50 }],
                bs: PerDir::all((K, 2 * K)),
                ..base
            },
            "too many for a random map",
        ),
    ];
    for (recipe, expected) in cases {
        let error = Generator::new(&recipe).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error:?} should say {expected:?}");
    }
}

#[test]
fn a_file_of_8_exbibytes_needs_no_memory() {
    let recipe =
        Recipe { max_ios: Some(1000), ..recipe(single(Ddir::Read, true), i64::MAX as u64) };
    let requests = all(&recipe);
    assert_eq!(requests.len(), 1000);
    assert!(requests.iter().any(|r| r.offset > 1 << 62));
}

fn orders() -> impl Strategy<Value = Order> {
    let directions = prop_oneof![Just(Ddir::Read), Just(Ddir::Write), Just(Ddir::Trim)];
    prop_oneof![
        (directions, any::<bool>()).prop_map(|(ddir, random)| Order::Single { ddir, random }),
        any::<bool>().prop_map(|random| Order::Mixed { random }),
        Just(Order::TrimWrite { random: false }),
    ]
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let sizes = prop_oneof![
        (1u64..9).prop_map(|n| (n * 512, n * 512)),
        (1u64..9, 0u64..5000).prop_map(|(n, more)| (n * 512, n * 512 + more)),
    ];
    let file = (0u64..100_000, 9216u64..200_000).prop_map(|(offset, len)| Region { offset, len });
    let files = proptest::collection::vec(file, 1..4);
    let rest = (1u64..1_000_000, 0u8..=100, any::<bool>(), any::<u64>(), 1u64..4);
    (orders(), sizes.clone(), sizes, files, rest).prop_map(
        |(order, one, two, files, (amount, rwmixread, random_map, seed, loops))| Recipe {
            order,
            bs: PerDir { read: one, write: two, trim: two },
            files,
            amount,
            rwmixread,
            random_map,
            seed,
            max_ios: None,
            repeat: Repeat::Loops(loops),
            min_align: 0,
            shape: Shape::default(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn requests_keep_to_the_recipe(recipe in recipes()) {
        let requests = all(&recipe);
        let largest = recipe.bs.read.1.max(recipe.bs.write.1);
        for r in &requests {
            let region = recipe.files[r.file as usize];
            let (min, max) = recipe.bs[r.ddir];
            prop_assert!(recipe.order.uses(r.ddir));
            prop_assert!(r.len > 0 && r.len <= max);
            prop_assert!(r.offset >= region.offset);
            prop_assert!(r.offset + r.len <= region.offset + region.len);
            prop_assert!(r.len >= min || recipe.order.is_random() && recipe.random_map);
        }
        let Repeat::Loops(loops) = recipe.repeat else { unreachable!("made above") };
        let twice = if recipe.order == (Order::TrimWrite { random: false }) { 2 } else { 1 };
        let total: u64 = requests.iter().map(|r| r.len).sum();
        prop_assert!(total < loops * twice * (recipe.amount + largest));
        prop_assert!(total + loops * twice * largest > loops * twice * recipe.amount);
    }

    #[test]
    fn whole_blocks_make_the_exact_amount(
        order in orders(), blocks in 1u64..500, times in 1u64..5, seed: u64, files in 1usize..4
    ) {
        let region = Region { offset: 4 * K, len: blocks * 4 * K };
        let amount = files as u64 * times * region.len;
        let files = vec![region; files];
        let recipe = Recipe { files, amount, seed, ..recipe(order, region.len) };
        let total: u64 = all(&recipe).iter().map(|r| r.len).sum();
        prop_assert_eq!(Some(total), Generator::new(&recipe).expect("good").total_bytes());
    }

    #[test]
    fn no_block_repeats_within_a_pass(
        blocks in 1u64..2000, min in 1u64..5, more in 0u64..20, seed: u64, mixed: bool
    ) {
        let order = if mixed { Order::Mixed { random: true } } else { single(Ddir::Write, true) };
        let len = (blocks + min) * 512;
        let bs = PerDir { read: (512, 1024), ..PerDir::all((min * 512, (min + more) * 512)) };
        let recipe = Recipe { bs, seed, ..recipe(order, len) };
        let requests = all(&recipe);
        cover(&requests, recipe.files[0], 512);
    }
}
