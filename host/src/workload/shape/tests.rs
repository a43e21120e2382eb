//! Loads that are not plain: fio's sequences word by word, exactness, shares, windows of files,
//! what holds for any of them, frozen numbers, and what is refused.
//! Everything goes through the generator as its callers see it; plain loads are in `tests`.

use crate::ddir::{Ddir, PerDir};
use crate::workload::{
    FileChoice, Generator, Law, Order, Recipe, Region, Repeat, Request, Shape, Zoning,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const K: u64 = 1024;

fn order(ddir: Ddir, random: bool) -> Order {
    Order::Single { ddir, random }
}

fn recipe(order: Order, kib: u64, shape: Shape) -> Recipe {
    Recipe {
        order,
        bs: PerDir::all((4 * K, 4 * K)),
        files: vec![Region { offset: 0, len: kib * K }],
        amount: kib * K,
        rwmixread: 50,
        random_map: true,
        seed: 1,
        max_ios: None,
        repeat: Repeat::Loops(1),
        min_align: 0,
        shape,
    }
}

fn sequential(kib: u64, shape: Shape) -> Recipe {
    recipe(order(Ddir::Read, false), kib, shape)
}

fn random(kib: u64, shape: Shape) -> Recipe {
    recipe(order(Ddir::Read, true), kib, shape)
}

fn all(recipe: &Recipe) -> Vec<Request> {
    let mut generator = Generator::new(recipe).expect("the recipe is good");
    std::iter::from_fn(|| generator.next()).collect()
}

/// "r0/4 w1:4/4": direction, file where it is not the first, offset and length in KiB.
fn words(requests: &[Request]) -> String {
    let word = |r: &Request| {
        let file = if r.file > 0 { format!("{}:", r.file) } else { String::new() };
        let kib = |bytes: u64| bytes as f64 / K as f64;
        format!("{}{file}{}/{}", &r.ddir.name()[..1], kib(r.offset), kib(r.len))
    };
    requests.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn offsets(requests: &[Request]) -> Vec<u64> {
    requests.iter().map(|request| request.offset / K).collect()
}

fn plus(seq_add: i64) -> Shape {
    Shape { seq_add, ..Shape::default() }
}

fn strided(size: u64, range: u64, skip: u64) -> Shape {
    let zoning = Zoning { size: size * K, range: range * K, skip: skip * K };
    Shape { strided: Some(zoning), ..Shape::default() }
}

/// Where fio 3.33 differs on purpose of ours, the case says so.
#[test]
fn skips_are_those_of_fio() {
    let cut = Recipe { amount: 36 * K, ..sequential(36, plus(4096)) };
    let cases: [(&str, Recipe, &[u64]); 11] = [
        ("a hole behind each", sequential(32, plus(4096)), &[0, 8, 16, 24, 0, 8, 16, 24]),
        ("fio ends where the last block ends the region", cut, &[0, 8, 16, 24, 32, 0, 8, 16, 24]),
        ("a step above the region", sequential(16, plus(64 << 10)), &[0, 0, 0, 0]),
        ("backwards: fio begins with 0", sequential(16, plus(-8192)), &[8, 4, 0, 8]),
        (
            "holes backwards",
            sequential(64, plus(-12288)),
            &[52, 44, 36, 28, 20, 12, 4, 52, 44, 36, 28, 20, 12, 4, 52, 44],
        ),
        ("on the spot", sequential(16, plus(-4096)), &[0, 0, 0, 0]),
        ("overlapping", sequential(16, plus(-2048)), &[0, 2, 4, 6]),
        ("back beyond the region", sequential(16, plus(-(64 << 10))), &[12, 12, 12, 12]),
        ("the largest step", sequential(8, plus(i64::MAX)), &[0, 0]),
        ("the largest step back", sequential(8, plus(i64::MIN)), &[4, 4]),
        (
            "from the region's offset",
            Recipe {
                files: vec![Region { offset: 100 * K, len: 32 * K }],
                ..sequential(32, plus(-8192))
            },
            &[124, 120, 116, 112, 108, 104, 100, 124],
        ),
    ];
    for (what, recipe, expected) in cases {
        assert_eq!(offsets(&all(&recipe))[..expected.len()], *expected, "{what}");
    }
    let odd = all(&sequential(32, plus(8)));
    assert_eq!(odd[..3].iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 4104, 8208]);
}

#[test]
fn a_skipping_mix_and_trimwrite_keep_their_places() {
    let mut next = PerDir::all(0);
    for r in all(&recipe(Order::Mixed { random: false }, 64, plus(4096))) {
        if r.offset != next[r.ddir] {
            assert_eq!(r.offset, 0, "begun again");
            next = PerDir::all(0);
        }
        next[r.ddir] = r.offset + 8 * K;
    }
    let pairs = all(&recipe(Order::TrimWrite { random: false }, 16, plus(4096)));
    assert_eq!(words(&pairs), "t0/4 w0/4 t8/4 w8/4 t0/4 w0/4 t8/4 w8/4");
}

#[test]
fn strided_zones_are_those_of_fio() {
    let pass = [0, 4, 8, 12, 48, 52, 56, 60, 96, 100, 104, 108];
    let cases: [(&str, Recipe, Vec<u64>); 7] = [
        ("a part of each zone", sequential(144, strided(16, 32, 16)), pass.repeat(3)),
        (
            "zones without a gap",
            sequential(64, strided(8, 16, 0)),
            [0, 4, 16, 20, 32, 36, 48, 52].repeat(2),
        ),
        (
            "gone through again",
            sequential(48, strided(16, 8, 16)),
            vec![0, 4, 0, 4, 24, 28, 24, 28, 0, 4, 0, 4],
        ),
        (
            "a cut zone gives what it has",
            sequential(52, strided(16, 32, 16)),
            vec![0, 4, 8, 12, 48, 0, 4, 8, 12, 48, 0, 4, 8],
        ),
        (
            "a zone that holds no block is none",
            sequential(50, strided(16, 32, 16)),
            [0, 4, 8, 12].repeat(3),
        ),
        ("a region shorter than a zone", sequential(16, strided(8, 32, 16)), [0, 4].repeat(2)),
        (
            "all of it is one zone",
            sequential(16, strided(1 << 40, 1 << 40, 1 << 50)),
            vec![0, 4, 8, 12],
        ),
    ];
    for (what, recipe, expected) in cases {
        assert_eq!(offsets(&all(&recipe))[..expected.len()], expected, "{what}");
    }
    let mixed = all(&recipe(Order::Mixed { random: false }, 240, strided(16, 32, 16)));
    for zone in mixed.chunks(4).take(5) {
        assert!(zone.iter().all(|r| r.offset / (48 * K) == zone[0].offset / (48 * K)), "{zone:?}");
    }
}

#[test]
fn random_zones_give_each_block_at_most_once_a_visit() {
    let requests = all(&random(4800, strided(16, 32, 16)));
    for (visit, zone) in requests.chunks(4).enumerate() {
        let begin = visit as u64 % 100 * 48;
        assert_eq!(offsets(zone).into_iter().collect::<BTreeSet<_>>().len(), 4);
        assert!(offsets(zone).iter().all(|o| (begin..begin + 32).contains(o)), "{zone:?}");
    }
    let twice = all(&random(96, strided(64, 32, 16)));
    for pass in twice.chunks(8) {
        assert_eq!(offsets(pass).into_iter().collect::<BTreeSet<_>>().len(), 8);
    }
    assert_eq!(offsets(&twice[..16]).iter().max(), Some(&28));
    assert!(offsets(&twice[16..]).iter().all(|o| (48..80).contains(o)));
}

fn nr(seq_nr: u32, identical: bool) -> Shape {
    Shape { seq_nr, identical, ..Shape::default() }
}

#[test]
fn runs_go_on_behind_a_random_offset() {
    for kib in [128u64, 124, 4, 8, 1000] {
        let requests = all(&random(kib, nr(8, false)));
        let blocks: BTreeSet<u64> = offsets(&requests).into_iter().collect();
        assert_eq!(blocks, (0..kib / 4).map(|b| b * 4).collect(), "each block of {kib} KiB once");
        let seeks =
            requests.windows(2).filter(|pair| pair[1].offset != pair[0].offset + pair[0].len);
        assert!(seeks.count() as u64 <= (kib / 4).div_ceil(8));
    }
    // Several sizes: the run is as long as there is room.
    let sizes = Recipe { bs: PerDir::all((4 * K, 16 * K)), ..random(100_000, nr(4, false)) };
    let requests = all(&Recipe { amount: 10_000 * K, ..sizes });
    let on = requests.windows(2).filter(|pair| pair[1].offset == pair[0].offset + pair[0].len);
    let share = on.count() as f64 / requests.len() as f64;
    assert!((0.68..0.78).contains(&share), "{share} of 3/4");
}

#[test]
fn a_mix_of_runs_covers_each_block_once() {
    for (kib, mix) in [(4096u64, 50), (4092, 90), (36, 50), (8, 50)] {
        let recipe =
            Recipe { rwmixread: mix, ..recipe(Order::Mixed { random: true }, kib, nr(8, false)) };
        let requests = all(&recipe);
        let blocks: BTreeSet<u64> = offsets(&requests).into_iter().collect();
        assert_eq!((blocks.len() as u64, requests.len() as u64), (kib / 4, kib / 4));
    }
}

#[test]
fn identical_runs_repeat_the_offset() {
    let requests = all(&random(256, nr(4, true)));
    let mut places = BTreeSet::new();
    for run in requests.chunks(4) {
        assert!(run.iter().all(|r| r == &run[0]), "{run:?}");
        assert!(places.insert(run[0].offset), "each offset in one run");
    }
    assert_eq!((requests.len(), places.len()), (64, 16));
}

#[test]
fn a_share_of_the_requests_is_random() {
    for random_map in [true, false] {
        for percent in [0u8, 20, 50, 80, 100] {
            let shape = Shape { percentage_random: PerDir::all(percent), ..Shape::default() };
            let recipe = Recipe { random_map, amount: 80_000 * K, ..random(400_000, shape) };
            let requests = all(&recipe);
            let on = requests.windows(2).filter(|p| p[1].offset == p[0].offset + p[0].len).count();
            let share = on as f64 * 100.0 / requests.len() as f64;
            let asked = f64::from(100 - percent);
            assert!((share - asked).abs() < 1.0, "{share} % sequential instead of {asked}");
        }
    }
}

#[test]
fn random_requests_of_a_share_keep_the_map() {
    let shape = Shape { percentage_random: PerDir::all(50), ..Shape::default() };
    let requests = all(&random(4000, shape));
    let jumps: Vec<u64> = requests
        .windows(2)
        .filter(|pair| pair[1].offset != pair[0].offset + pair[0].len)
        .map(|pair| pair[1].offset)
        .collect();
    let places: BTreeSet<&u64> = jumps.iter().collect();
    assert_eq!(places.len(), jumps.len(), "no random offset twice");
}

#[test]
fn directions_have_shares_of_their_own() {
    let shape =
        Shape { percentage_random: PerDir { read: 0, write: 100, trim: 100 }, ..Shape::default() };
    let requests = all(&recipe(Order::Mixed { random: true }, 4000, shape));
    let mut reads = requests.iter().filter(|r| r.ddir == Ddir::Read).map(|r| r.offset);
    let mut next = reads.next().expect("half of them read");
    for offset in reads {
        next = (next + 4 * K) % (4000 * K);
        assert_eq!(offset, next);
    }
    let writes: Vec<u64> =
        requests.iter().filter(|r| r.ddir == Ddir::Write).map(|r| r.offset).collect();
    assert_eq!(writes.iter().collect::<BTreeSet<_>>().len(), writes.len());
}

#[test]
fn sizes_come_by_their_shares() {
    let split = vec![(4 * K, 50u8), (16 * K, 30), (64 * K, 15), (6 * K, 5)];
    let shape = Shape { bssplit: PerDir::all(split.clone()), ..Shape::default() };
    for (random, random_map) in [(false, true), (true, false)] {
        let base = recipe(order(Ddir::Read, random), 1 << 20, shape.clone());
        let requests = all(&Recipe { random_map, ..base });
        for &(size, percent) in &split {
            let n = requests.iter().filter(|r| r.len == size).count();
            let share = n as f64 * 100.0 / requests.len() as f64;
            assert!((share - f64::from(percent)).abs() < 0.7, "{size}: {share} %");
        }
    }
    // With the map: each unit of 2 KiB once.
    let requests = all(&random(4000, shape));
    let mut touched = vec![false; 2000];
    for r in &requests {
        for unit in r.offset / (2 * K)..(r.offset + r.len) / (2 * K) {
            assert!(!std::mem::replace(&mut touched[unit as usize], true));
        }
    }
    assert!(touched.into_iter().all(|unit| unit));
}

#[test]
fn unaligned_sizes_are_any_of_the_range() {
    let shape = Shape { unaligned: true, ..Shape::default() };
    let bs = PerDir::all((4 * K, 9 * K));
    let requests = all(&Recipe { bs, ..sequential(400_000, shape.clone()) });
    let classes = 1 + 5 * K;
    let mean = requests.iter().map(|r| r.len).sum::<u64>() as f64 / requests.len() as f64;
    assert!((mean / (6.5 * K as f64) - 1.0).abs() < 0.01, "{mean}");
    let lengths: BTreeSet<u64> = requests.iter().map(|r| r.len).collect();
    assert!(lengths.len() as u64 > classes * 9 / 10);
    assert!(requests.windows(2).all(|pair| pair[1].offset == pair[0].offset + pair[0].len));
    let requests = all(&Recipe { bs, amount: 2000 * K, ..random(4000, shape) });
    assert!(requests.iter().all(|r| r.offset % (4 * K) == 0));
    let mut ends: Vec<(u64, u64)> = requests.iter().map(|r| (r.offset, r.offset + r.len)).collect();
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "no byte twice");
}

#[test]
fn sizes_go_by_order_instead_of_direction() {
    let bs = PerDir { read: (4 * K, 4 * K), write: (16 * K, 16 * K), trim: (K, K) };
    let shape = Shape { seq_rand: true, ..Shape::default() };
    for ddir in [Ddir::Read, Ddir::Write, Ddir::Trim] {
        for (is_random, size) in [(false, 4 * K), (true, 16 * K)] {
            let base = recipe(order(ddir, is_random), 1600, shape.clone());
            let requests = all(&Recipe { bs, ..base });
            assert!(requests.iter().all(|r| r.len == size), "{ddir:?} {is_random}");
        }
    }
    let shape = Shape { percentage_random: PerDir::all(50), ..shape };
    let requests = all(&Recipe { bs, ..random(160_000, shape) });
    for pair in requests.windows(2) {
        let follows = pair[1].offset == pair[0].offset + pair[0].len;
        assert!(pair[1].len == 4 * K || !follows || pair[1].offset % (16 * K) == 0);
    }
    let small = requests.iter().filter(|r| r.len == 4 * K).count() as f64;
    assert!((small / requests.len() as f64 - 0.5).abs() < 0.02);
}

#[test]
fn blockalign_moves_random_offsets_only() {
    for align in [512, 2 * K, 8 * K, 3 * K] {
        let shape = Shape { blockalign: PerDir::all(Some(align)), ..Shape::default() };
        let base = random(1000, shape.clone());
        let moved = Recipe { files: vec![Region { offset: 12 * K, len: 1000 * K }], ..base };
        let requests = all(&moved);
        let at: BTreeSet<u64> = requests.iter().map(|r| r.offset - 12 * K).collect();
        assert!(at.iter().all(|offset| offset % align == 0), "{align}");
        assert!(at.len() < requests.len(), "no map");
        assert!(at.iter().any(|offset| offset % (2 * align) != 0));
        assert_eq!(offsets(&all(&sequential(16, shape))), [0, 4, 8, 12]);
    }
}

#[test]
fn laws_rule_offsets_and_need_no_map() {
    let zipf = Law::Zipf { theta: 1.2, center: Some(0.25) };
    let zoned = Law::Zoned(vec![(90, 10), (10, 90)]);
    for (law, from, to, share) in [(zipf, 1000, 1004, 0.2307), (zoned, 0, 400, 0.9)] {
        let shape = Shape { laws: PerDir::all(law), ..Shape::default() };
        let requests = all(&Recipe { amount: 40_000 * K, ..random(4000, shape) });
        assert_eq!(requests.len(), 10_000, "the amount, though blocks repeat");
        let hot = requests.iter().filter(|r| (from * K..to * K).contains(&r.offset)).count();
        assert!((hot as f64 / 10_000.0 - share).abs() < 0.02, "{hot}");
    }
    let laws = PerDir { read: Law::Zoned(vec![(100, 50), (0, 50)]), ..PerDir::default() };
    let recipe = recipe(Order::Mixed { random: true }, 4000, Shape { laws, ..Shape::default() });
    for r in all(&recipe) {
        assert!(r.ddir == Ddir::Write || r.offset < 2000 * K, "each direction its law");
    }
}

#[test]
fn randtrimwrite_writes_what_it_trimmed() {
    for shape in [Shape::default(), nr(4, false), nr(4, true), strided(16, 32, 16)] {
        let requests = all(&recipe(Order::TrimWrite { random: true }, 256, shape.clone()));
        assert_eq!(requests.len(), 128, "{shape:?}");
        for pair in requests.chunks(2) {
            assert_eq!((pair[0].ddir, pair[1].ddir), (Ddir::Trim, Ddir::Write));
            assert_eq!((pair[0].offset, pair[0].len), (pair[1].offset, pair[1].len));
        }
    }
}

#[test]
fn a_mix_of_anything_is_within_one_percent_over_100_000() {
    for shape in [
        Shape::default(),
        nr(8, false),
        Shape { percentage_random: PerDir::all(30), ..Shape::default() },
        Shape { laws: PerDir::all(Law::Zipf { theta: 1.1, center: None }), ..Shape::default() },
        strided(16, 64, 64),
    ] {
        for is_random in [false, true] {
            for rwmixread in [10, 50, 70] {
                let base = recipe(Order::Mixed { random: is_random }, 400_000, shape.clone());
                let requests = all(&Recipe { rwmixread, ..base });
                assert_eq!(requests.len(), 100_000);
                let reads = requests.iter().filter(|r| r.ddir == Ddir::Read).count() as f64;
                assert!((reads / 1000.0 - f64::from(rwmixread)).abs() < 1.0, "{reads} reads");
            }
        }
    }
}

fn many(count: usize, shape: Shape) -> Recipe {
    let files = vec![Region { offset: 0, len: 16 * K }; count];
    Recipe { files, amount: count as u64 * 16 * K, ..sequential(16, shape) }
}

fn choice(files: FileChoice, files_every: u32, openfiles: u32) -> Shape {
    Shape { files, files_every, openfiles, ..Shape::default() }
}

#[test]
fn files_come_in_the_order_of_fio() {
    use FileChoice::{RoundRobin, Sequential};
    let cases: [(&str, Shape, &[u32]); 6] = [
        ("in turn", choice(RoundRobin, 1, 0), &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]),
        ("two of them open", choice(RoundRobin, 1, 2), &[0, 1, 0, 1, 0, 1, 0, 1, 2, 2, 2, 2]),
        ("every two", choice(RoundRobin, 2, 0), &[0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]),
        ("every three", choice(RoundRobin, 3, 0), &[0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2]),
        ("one by one", choice(Sequential, 1, 0), &[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
        ("one open", choice(RoundRobin, 1, 1), &[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
    ];
    for (what, shape, expected) in cases {
        let named = |shape| all(&many(3, shape)).iter().map(|r| r.file).collect::<Vec<_>>();
        assert_eq!(named(shape), expected, "{what}");
    }
}

#[test]
fn random_files_are_each_finished_once_a_pass() {
    for (every, openfiles) in [(1, 0), (2, 0), (1, 7), (3, 2)] {
        let requests = all(&many(20, choice(FileChoice::Random, every, openfiles)));
        let mut seen: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for r in &requests {
            seen.entry(r.file).or_default().push(r.offset / K);
        }
        assert!(seen.len() == 20 && seen.values().all(|file| file == &[0, 4, 8, 12]));
        let turns = requests.windows(2).filter(|pair| pair[0].file != pair[1].file).count();
        assert!(turns > 19, "not one by one");
    }
}

#[test]
fn files_by_law_follow_it() {
    let count = 50;
    for (files, first, share) in [
        (FileChoice::Zipf(1.2), 0..1, 0.285),
        (FileChoice::Pareto(0.2), 0..10, 0.8),
        (FileChoice::Gauss(10.0), 20..30, 0.683),
    ] {
        for openfiles in [0, 5] {
            let base = many(count, choice(files, 1, openfiles));
            let requests = all(&Recipe { amount: 80_000 * K, ..base });
            let hot = requests.iter().filter(|r| first.contains(&r.file)).count();
            let seen = hot as f64 / requests.len() as f64;
            assert!((seen - share).abs() < 0.02, "{files:?}: {seen} instead of {share}");
        }
    }
}

/// Who is live, from what a caller sees: named and not told as retired.
fn check_window(recipe: &Recipe) -> (u64, usize) {
    let room = match recipe.shape.openfiles {
        0 => recipe.files.len(),
        files => files as usize,
    };
    let mut generator = Generator::new(recipe).expect("the recipe is good");
    let (mut live, mut retired) = (BTreeSet::new(), 0);
    while let Some(request) = generator.next() {
        while let Some(file) = generator.retired() {
            live.remove(&file);
            retired += 1;
        }
        live.insert(request.file);
        assert!(live.len() <= room, "{live:?} of {room}");
    }
    (generator.loops_done(), retired)
}

#[test]
fn no_file_is_named_outside_of_the_window() {
    use FileChoice::{Gauss, Pareto, Random, RoundRobin, Sequential, Zipf};
    for files in [RoundRobin, Random, Sequential, Zipf(1.1), Pareto(0.3), Gauss(20.0)] {
        for openfiles in [1, 2, 5, 19, 20, 0] {
            for (every, loops, amount) in [(1, 1, 16), (3, 3, 16), (1, 2, 40), (2, 3, 7)] {
                let recipe = Recipe {
                    amount: amount * 20 * K,
                    repeat: Repeat::Loops(loops),
                    ..many(20, choice(files, every, openfiles))
                };
                let (done, retired) = check_window(&recipe);
                assert_eq!(done, loops);
                assert!(retired > 0 || loops == 1, "{files:?}");
            }
        }
    }
}

#[test]
fn a_plain_load_tells_of_retired_files_and_loops_too() {
    let recipe = Recipe { repeat: Repeat::Loops(2), ..many(3, Shape::default()) };
    let mut generator = Generator::new(&recipe).expect("the recipe is good");
    (0..12).for_each(|_| assert!(generator.next().is_some()));
    assert_eq!((generator.loops_done(), generator.retired()), (0, None));
    assert_eq!(generator.next().map(|r| (r.file, r.offset)), Some((0, 0)));
    assert_eq!(generator.loops_done(), 1);
    let retired: Vec<u32> = std::iter::from_fn(|| generator.retired()).collect();
    assert_eq!(retired, [0, 1, 2]);
    (0..11).for_each(|_| assert!(generator.next().is_some()));
    assert_eq!((generator.next(), generator.next()), (None, None));
    assert_eq!(generator.loops_done(), 2);
}

#[test]
fn a_looked_at_direction_is_the_next() {
    for shape in
        [nr(4, false), strided(16, 32, 16), Shape { seq_nr: 2, ..choice(FileChoice::Random, 1, 0) }]
    {
        let base = recipe(Order::Mixed { random: true }, 400, shape);
        let files = vec![Region { offset: 0, len: 200 * K }; 2];
        let mut generator = Generator::new(&Recipe { files, ..base }).expect("good");
        while let Some(ddir) = generator.peek() {
            let Some(request) = generator.next() else { break };
            assert_eq!(request.ddir, ddir);
        }
        assert_eq!(generator.next(), None);
    }
}

#[test]
fn totals_of_any_shape_are_known() {
    let split = Shape { bssplit: PerDir::all(vec![(K, 50), (8 * K, 50)]), ..Shape::default() };
    let cases = [
        (sequential(16, plus(4096)), Some(16 * K)),
        (Recipe { repeat: Repeat::Loops(3), ..random(16, nr(4, true)) }, Some(48 * K)),
        (Recipe { max_ios: Some(2), ..sequential(16, plus(4096)) }, Some(8 * K)),
        (Recipe { max_ios: Some(2), ..sequential(16, split.clone()) }, None),
        (sequential(16, split), Some(16 * K)),
        (Recipe { repeat: Repeat::Endless, ..sequential(16, plus(4096)) }, None),
        (recipe(Order::TrimWrite { random: true }, 16, nr(2, false)), Some(32 * K)),
    ];
    for (recipe, expected) in cases {
        let total = Generator::new(&recipe).expect("the recipe is good").total_bytes();
        assert_eq!(total, expected, "{recipe:?}");
        if let (Some(total), true) = (total, recipe.shape.bssplit.read.is_empty()) {
            assert_eq!(all(&recipe).iter().map(|r| r.len).sum::<u64>(), total);
        }
    }
}

#[test]
fn shapes_without_a_meaning_are_refused_in_words() {
    let with = |shape| random(16, shape);
    let law = |law| with(Shape { laws: PerDir::all(law), ..Shape::default() });
    let split = |split: &[(u64, u8)]| {
        with(Shape { bssplit: PerDir::all(split.to_vec()), ..Shape::default() })
    };
    let percent = Shape { percentage_random: PerDir::all(101), ..Shape::default() };
    let align = Shape { blockalign: PerDir::all(Some(0)), ..Shape::default() };
    let beyond = Law::ZonedAbs(vec![(50, 16 * K), (50, 16 * K)]);
    let splits = PerDir { write: vec![(K, 100)], ..PerDir::default() };
    let cases = [
        (split(&[(K, 50), (2 * K, 49)]), "bssplit of read adds up to 99 percent (make it 100)"),
        (split(&[(0, 100)]), "block size of read"),
        (with(percent), "percentage_random of read: 101 is no percentage"),
        (with(align), "blockalign of read is 0"),
        (
            law(Law::Zipf { theta: -1.0, center: None }),
            "random_distribution of read: zipf's theta -1",
        ),
        (law(beyond), "zone 2 begins behind the end of the 16384 bytes"),
        (with(choice(FileChoice::Gauss(0.0), 1, 0)), "file_service_type: normal's deviation 0"),
        (with(strided(0, 16, 0)), "zonesize 0 and zonerange 16384 bytes hold no request"),
        (with(strided(16, 2, 0)), "at least one block of 4096 bytes"),
        (
            Recipe {
                files: vec![Region { offset: 0, len: 1 << 50 }],
                ..split(&[(K, 50), (2 * K, 50)])
            },
            "too many for a random map",
        ),
        (split(&[(32 * K, 100)]), "smaller than one read block of 32768 bytes"),
        (
            recipe(
                Order::TrimWrite { random: true },
                16,
                Shape { bssplit: splits, ..Shape::default() },
            ),
            "bs for write and trim must be equal",
        ),
    ];
    for (recipe, expected) in cases {
        let error = Generator::new(&recipe).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error:?} should say {expected:?}");
    }
}

/// A seed is a promise across releases and machines: see the test of the same name for plain loads.
#[test]
fn sequences_of_shapes_are_frozen() {
    let laws = |law| Shape { laws: PerDir::all(law), ..Shape::default() };
    let percent = Shape { percentage_random: PerDir::all(50), ..Shape::default() };
    let split = Shape { bssplit: PerDir::all(vec![(4 * K, 60), (8 * K, 40)]), ..Shape::default() };
    let unaligned = Recipe {
        bs: PerDir::all((4 * K, 5 * K)),
        ..sequential(32, Shape { unaligned: true, ..Shape::default() })
    };
    let cases = [
        (
            random(48, nr(3, false)),
            "r12/4 r16/4 r20/4 r24/4 r28/4 r32/4 r0/4 r4/4 r8/4 r36/4 r40/4 r44/4",
        ),
        (
            recipe(Order::Mixed { random: true }, 48, nr(2, true)),
            "w28/4 w28/4 w32/4 r16/4 r16/4 r8/4 r8/4 w32/4 w44/4 r4/4 w44/4 r4/4",
        ),
        (random(48, percent), "r0/4 r4/4 r28/4 r32/4 r32/4 r16/4 r8/4 r44/4 r4/4 r24/4 r28/4 r0/4"),
        (random(48, split), "r20/8 r40/8 r4/4 r36/4 r8/8 r16/4 r0/4 r28/8"),
        (
            unaligned,
            "r0/4.732421875 r4.732421875/4.759765625 r9.4921875/4.3701171875 \
             r13.8623046875/4.3359375 r18.1982421875/4.6455078125 r22.84375/4.0361328125 \
             r26.8798828125/4.1708984375",
        ),
        (
            random(48, Shape { blockalign: PerDir::all(Some(K)), ..Shape::default() }),
            "r19/4 r39/4 r5/4 r35/4 r8/4 r18/4 r40/4 r20/4 r13/4 r3/4 r11/4 r16/4",
        ),
        (
            random(48, laws(Law::Zipf { theta: 0.9, center: None })),
            "r12/4 r28/4 r24/4 r28/4 r40/4 r12/4 r28/4 r32/4 r4/4 r44/4 r36/4 r12/4",
        ),
        (
            random(48, laws(Law::Pareto { h: 0.3, center: Some(0.5) })),
            "r28/4 r24/4 r4/4 r24/4 r44/4 r32/4 r24/4 r28/4 r36/4 r12/4 r40/4 r32/4",
        ),
        (
            random(48, laws(Law::Normal { deviation: 20.0, center: 0.5 })),
            "r20/4 r32/4 r20/4 r24/4 r8/4 r20/4 r32/4 r20/4 r20/4 r16/4 r8/4 r16/4",
        ),
        (
            random(48, laws(Law::ZonedAbs(vec![(70, 8 * K), (30, 16 * K)]))),
            "r4/4 r4/4 r0/4 r12/4 r0/4 r0/4 r4/4 r4/4 r4/4 r4/4 r4/4 r16/4",
        ),
        (
            random(48, strided(8, 16, 8)),
            "r4/4 r8/4 r32/4 r36/4 r0/4 r8/4 r24/4 r28/4 r8/4 r0/4 r28/4 r32/4",
        ),
        (
            many(3, choice(FileChoice::Random, 1, 2)),
            "r1:0/4 r0/4 r1:4/4 r4/4 r1:8/4 r8/4 r1:12/4 r12/4 r2:0/4 r2:4/4 r2:8/4 r2:12/4",
        ),
        (
            many(3, choice(FileChoice::Zipf(1.1), 2, 0)),
            "r0/4 r4/4 r1:0/4 r1:4/4 r8/4 r12/4 r2:0/4 r2:4/4 r0/4 r4/4 r8/4 r12/4",
        ),
    ];
    let seen: Vec<String> = cases.iter().map(|(recipe, _)| words(&all(recipe))).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, expected)| *expected).collect();
    assert_eq!(seen, expected);
}

fn laws() -> impl Strategy<Value = Law> {
    let center = || proptest::option::of(0.0..=1.0f64);
    prop_oneof![
        4 => Just(Law::Uniform),
        1 => (0.1..3.0f64, center()).prop_map(|(theta, center)| Law::Zipf { theta, center }),
        1 => (0.01..0.99f64, center()).prop_map(|(h, center)| Law::Pareto { h, center }),
        1 => (0.1..100.0f64, 0.0..=1.0f64)
            .prop_map(|(deviation, center)| Law::Normal { deviation, center }),
        1 => Just(Law::Zoned(vec![(60, 10), (30, 20), (0, 30), (10, 40)])),
        1 => Just(Law::ZonedAbs(vec![(60, 2048), (40, 50_000)])),
    ]
}

fn choices() -> impl Strategy<Value = FileChoice> {
    prop_oneof![
        Just(FileChoice::RoundRobin),
        Just(FileChoice::Random),
        Just(FileChoice::Sequential),
        (0.1..3.0f64).prop_map(FileChoice::Zipf),
        (0.01..0.99f64).prop_map(FileChoice::Pareto),
        (0.1..100.0f64).prop_map(FileChoice::Gauss),
    ]
}

fn shapes() -> impl Strategy<Value = Shape> {
    let modifiers = (
        prop_oneof![Just(0i64), -40_000..40_000i64],
        0..9u32,
        any::<bool>(),
        prop_oneof![Just(100u8), 0..=100u8],
        any::<bool>(),
        any::<bool>(),
    );
    let split = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec![(512, 10u8), (4096, 60), (1536, 30)]),
        1 => Just(vec![(1000, 50u8), (3000, 50)]),
    ];
    let align = proptest::option::of((1u64..20).prop_map(|n| n * 512));
    let zoning = proptest::option::of((1u64..60_000, 4608u64..40_000, 0u64..40_000))
        .prop_map(|zoning| zoning.map(|(size, range, skip)| Zoning { size, range, skip }));
    let files = (choices(), 0..4u32, 0..5u32);
    (modifiers, split, align, laws(), zoning, files).prop_map(
        |(
            (seq_add, seq_nr, identical, percent, unaligned, seq_rand),
            split,
            align,
            law,
            strided,
            (files, files_every, openfiles),
        )| Shape {
            seq_add,
            seq_nr,
            identical,
            percentage_random: PerDir { read: percent, write: 100 - percent / 2, trim: percent },
            bssplit: PerDir::all(split),
            unaligned,
            seq_rand,
            blockalign: PerDir::all(align),
            laws: PerDir::all(law),
            strided,
            files,
            files_every,
            openfiles,
        },
    )
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let directions = prop_oneof![Just(Ddir::Read), Just(Ddir::Write), Just(Ddir::Trim)];
    let orders = prop_oneof![
        (directions, any::<bool>()).prop_map(|(ddir, random)| Order::Single { ddir, random }),
        any::<bool>().prop_map(|random| Order::Mixed { random }),
        any::<bool>().prop_map(|random| Order::TrimWrite { random }),
    ];
    let sizes = prop_oneof![
        (1u64..9).prop_map(|n| (n * 512, n * 512)),
        (1u64..9, 0u64..5000).prop_map(|(n, more)| (n * 512, n * 512 + more)),
    ];
    let file = (0u64..100_000, 10_000u64..200_000).prop_map(|(offset, len)| Region { offset, len });
    let files = proptest::collection::vec(file, 1..6);
    let rest = (1u64..600_000, 0u8..=100, any::<bool>(), any::<u64>(), 1u64..3);
    (orders, sizes.clone(), sizes, files, rest, shapes()).prop_map(
        |(order, one, two, files, (amount, rwmixread, random_map, seed, loops), shape)| Recipe {
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
            shape,
        },
    )
}

/// Smallest and largest request of a direction.
fn size_range(recipe: &Recipe, ddir: Ddir) -> (u64, u64) {
    let of = |ddir: Ddir| match &recipe.shape.bssplit[ddir][..] {
        [] => recipe.bs[ddir],
        split => {
            let sizes = || split.iter().map(|share| share.0);
            (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0))
        }
    };
    if !recipe.shape.seq_rand {
        return of(ddir);
    }
    let ((a, b), (c, d)) = (of(Ddir::Read), of(Ddir::Write));
    (a.min(c), b.max(d))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn requests_of_any_shape_keep_to_the_recipe(recipe in recipes()) {
        let requests = all(&recipe);
        let law = |ddir: Ddir| {
            recipe.shape.blockalign[ddir].is_some() || recipe.shape.laws[ddir] != Law::Uniform
        };
        for r in &requests {
            let region = recipe.files[r.file as usize];
            let (_, max) = size_range(&recipe, r.ddir);
            prop_assert!(recipe.order.uses(r.ddir));
            prop_assert!(r.len > 0 && r.len <= max, "{:?}", r);
            prop_assert!(r.offset >= region.offset);
            prop_assert!(r.offset + r.len <= region.offset + region.len);
            if let Some(zoning) = recipe.shape.strided {
                let at = (r.offset - region.offset) % (zoning.range + zoning.skip);
                prop_assert!(at + r.len <= zoning.range, "{:?} leaves its zone", r);
            }
            let Some(align) = recipe.shape.blockalign[r.ddir] else { continue };
            if law(r.ddir) && recipe.order.is_random() && recipe.shape.strided.is_none()
                && recipe.shape.percentage_random == PerDir::all(100) && recipe.shape.seq_nr <= 1
            {
                prop_assert_eq!((r.offset - region.offset) % align, 0);
            }
        }
        let Repeat::Loops(loops) = recipe.repeat else { unreachable!("made above") };
        let twice = if matches!(recipe.order, Order::TrimWrite { .. }) { 2 } else { 1 };
        let largest = Ddir::DATA.map(|ddir| size_range(&recipe, ddir).1).into_iter().max();
        let slack = loops * twice * largest.unwrap_or(0);
        let total: u64 = requests.iter().map(|r| r.len).sum();
        prop_assert!(total < loops * twice * recipe.amount + slack);
        prop_assert!(total + slack > loops * twice * recipe.amount);
    }

    #[test]
    fn the_window_holds_for_any_shape(recipe in recipes()) {
        let Repeat::Loops(loops) = recipe.repeat else { unreachable!("made above") };
        let (done, _) = check_window(&recipe);
        prop_assert_eq!(done, loops);
    }

    #[test]
    fn the_same_recipe_is_the_same_sequence(recipe in recipes()) {
        prop_assert_eq!(all(&recipe), all(&recipe));
    }
}
