//! Damage in memory: each class by each method, and what must not be taken for damage.

use super::check::{check, Block, Expectation, Findings, Rules};
use super::damage::{Damage, Miscompare};
use super::digest::Algorithm;
use super::ledger::{Cursor, Doing, Extent, Ledger, LedgerShape, Span};
use super::method::Method;
use super::payload::{Pattern, Payload};
use super::recipe::{Recipe, Sealing};
use crate::workload::Rng;
use std::sync::atomic::AtomicU64;

const INTERVAL: usize = 4096;

fn methods() -> Vec<Method> {
    let digests = Algorithm::ALL.into_iter().map(Method::Digest);
    digests.chain([Method::Meta, Method::PatternHdr, Method::Pattern]).collect()
}

fn recipe(method: Method) -> Recipe {
    let pattern = Pattern { bytes: b"pattern ........ and".to_vec(), offsets: vec![8] };
    Recipe {
        method,
        interval: INTERVAL,
        place: 0,
        payload: match method {
            Method::Pattern | Method::PatternHdr => Payload::Pattern(pattern),
            _ => Payload::Random,
        },
        run: 77,
        worker: 3,
        seed: 5,
        targets: vec![1001, 1002],
    }
}

const RULES: Rules =
    Rules { generation: true, seed: true, run: Some(77), origin: true, blank: false, dump: false };

/// What a reading job compares.
const ANY: Rules =
    Rules { generation: false, seed: false, run: None, origin: false, blank: false, dump: false };

fn sealed(recipe: &Recipe, file: u32, offset: u64, generation: u64, intervals: usize) -> Vec<u8> {
    let mut data = vec![0xcc; recipe.interval * intervals];
    recipe.seal([Sealing { data: &mut data, file, offset, generation }], 1_700_000_000_000_000_000);
    data
}

fn own(generation: u64) -> Expectation {
    Expectation::Own { oldest: generation, newest: generation }
}

fn judged(recipe: &Recipe, rules: &Rules, data: &mut [u8], expected: Expectation) -> Findings {
    let expected = vec![expected; data.len().div_ceil(recipe.interval)];
    let before = data.to_vec();
    let mut findings = Findings::default();
    let block = Block { data: &mut *data, file: 0, offset: 8192, expected: &expected };
    check(recipe, rules, [block], &mut findings);
    assert_eq!(data, before, "the bytes are as they were");
    findings
}

/// The one damage of one interval.
fn damage(recipe: &Recipe, data: &[u8]) -> Option<Damage> {
    let findings = judged(recipe, &RULES, &mut data.to_vec(), own(9));
    assert_eq!(findings.right + findings.miscompares.len() as u64, 1);
    findings.miscompares.first().map(|miscompare| miscompare.damage)
}

#[test]
fn what_was_sealed_is_right() {
    for method in methods() {
        for (interval, place) in [(512, 0), (512, 300), (4096, 0), (4096, 1000), (65536, 512)] {
            if place + 80 + method.digest_len() > interval {
                continue;
            }
            let recipe = Recipe { interval, place, ..recipe(method) };
            // More of the small ones than are made at once.
            let count = if interval > 4096 { 20 } else { 70 };
            let mut data = sealed(&recipe, 0, 8192, 9, count);
            for (rules, expected) in [(RULES, own(9)), (ANY, Expectation::Stamped)] {
                let findings = judged(&recipe, &rules, &mut data, expected);
                assert_eq!(findings.miscompares, [], "{method:?} {interval} {place}");
                assert_eq!(findings.right, count as u64);
            }
        }
    }
}

#[test]
fn a_payload_that_compresses_is_right_and_told_apart() {
    let payload = Payload::Squeezed { chunk: 512, fresh: 100, rest: Vec::new() };
    let recipe = Recipe { payload, ..recipe(Method::Digest(Algorithm::Crc7)) };
    let mut data = sealed(&recipe, 0, 8192, 9, 1);
    assert_eq!(damage(&recipe, &data), None);
    data[4095] ^= 4;
    assert_eq!(damage(&recipe, &data), Some(Damage::BitFlips { bits: 1 }));
}

/// Every single bit, in stamp, digest and payload, of every method that looks at it.
#[test]
fn each_flipped_bit_is_found_and_counted() {
    for method in methods() {
        let recipe = Recipe { interval: 512, ..recipe(method) };
        let mut data = sealed(&recipe, 0, 8192, 9, 1);
        let bits = (0..160 * 8).chain((160 * 8..512 * 8).step_by(101));
        for bit in bits {
            // The stamp's time can be told by the stamp alone, and meta looks at nothing else.
            let in_time = method.stamps() && (64 * 8..72 * 8).contains(&bit);
            if method == Method::Meta && bit >= 80 * 8 {
                continue;
            }
            data[bit / 8] ^= 1 << (bit % 8);
            let found = damage(&recipe, &data);
            data[bit / 8] ^= 1 << (bit % 8);
            match found {
                Some(Damage::BitFlips { bits: 1 }) => {}
                other => assert!(in_time && other.is_some(), "{method:?} bit {bit}: {other:?}"),
            }
        }
        assert_eq!(damage(&recipe, &data), None);
    }
}

#[test]
fn each_class_is_named() {
    let methods = methods().into_iter().filter(|method| method.stamps() && *method != Method::Meta);
    for method in methods {
        let recipe = recipe(method);
        let good = sealed(&recipe, 0, 8192, 9, 1);
        let old = sealed(&recipe, 0, 8192, 4, 1);
        let cases: Vec<(Vec<u8>, Damage)> = vec![
            (old.clone(), Damage::Stale { generation: Some(4) }),
            (sealed(&recipe, 0, 8192, 12, 1), Damage::Newer { generation: 12 }),
            (
                sealed(&Recipe { run: 5, ..recipe.clone() }, 0, 8192, 9, 1),
                Damage::Stale { generation: None },
            ),
            (
                sealed(&recipe, 0, 16384, 9, 1),
                Damage::Misdirected { offset: 16384, other_target: false },
            ),
            (
                sealed(&recipe, 1, 8192, 9, 1),
                Damage::Misdirected { offset: 8192, other_target: true },
            ),
            (
                sealed(&Recipe { worker: 4, ..recipe.clone() }, 0, 8192, 9, 1),
                Damage::OtherWriter { worker: 4 },
            ),
            (vec![0; INTERVAL], Damage::Zeros),
            (random(1), Damage::Foreign),
            ([&[0; 24], &good[..INTERVAL - 24]].concat(), Damage::Shifted { by: 24 }),
            ([&good[512..], &good[..512]].concat(), Damage::Shifted { by: 3584 }),
        ];
        for (data, expected) in cases {
            assert_eq!(damage(&recipe, &data), Some(expected), "{method:?}");
        }
        if matches!(recipe.payload, Payload::Random) {
            let torn = [&good[..1024], &old[1024..]].concat();
            assert_eq!(damage(&recipe, &torn), Some(Damage::Torn { at: 1024 }), "{method:?}");
            let torn = [&old[..1024], &good[1024..]].concat();
            assert_eq!(damage(&recipe, &torn), Some(Damage::Torn { at: 1024 }), "{method:?}");
            let patched = [&good[..1024], &random(2)[..512], &good[1536..]].concat();
            let expected = Damage::Overwritten { at: 1024, len: 512 };
            assert_eq!(damage(&recipe, &patched), Some(expected), "{method:?}");
        }
    }
}

#[test]
fn the_stamp_alone_tells_what_it_can() {
    let recipe = recipe(Method::Meta);
    let mut data = sealed(&recipe, 0, 8192, 9, 1);
    data[200] ^= 1;
    assert_eq!(damage(&recipe, &data), None, "meta looks at the stamp alone");
    assert_eq!(
        damage(&recipe, &sealed(&recipe, 0, 8192, 4, 1)),
        Some(Damage::Stale { generation: Some(4) })
    );
}

#[test]
fn a_reading_job_accepts_any_run_and_no_other_shape() {
    for method in methods() {
        let other = Recipe { run: 1, worker: 9, seed: 1, targets: vec![4], ..recipe(method) };
        let recipe = recipe(method);
        let mut data = sealed(&other, 0, 8192, 1, 3);
        let findings = judged(&recipe, &ANY, &mut data, Expectation::Stamped);
        assert_eq!((findings.right, findings.miscompares.len()), (3, 0), "{method:?}");
        if !method.stamps() {
            continue;
        }
        let named = Rules { run: Some(2), ..ANY };
        let findings = judged(&recipe, &named, &mut data, Expectation::Stamped);
        assert_eq!(findings.miscompares.len(), 3);
        let mut data = sealed(&Recipe { place: 64, ..other }, 0, 8192, 1, 1);
        let findings = judged(&recipe, &ANY, &mut data, Expectation::Stamped);
        assert_eq!(findings.miscompares.len(), 1, "{method:?}");
    }
}

#[test]
fn what_ends_early_is_cut() {
    let recipe = recipe(Method::Digest(Algorithm::Md5));
    let mut data = sealed(&recipe, 0, 8192, 9, 2);
    let findings = judged(&recipe, &RULES, &mut data[..5000], own(9));
    assert_eq!(findings.right, 1);
    assert_eq!(findings.miscompares[0].damage, Damage::Cut { len: 904 });
    assert_eq!(findings.miscompares[0].offset, 8192 + 4096);
    // Nothing at all came: then nothing is right, whatever must be there.
    for expected in [own(9), Expectation::Stamped, Expectation::Zeros] {
        for blank in [false, true] {
            let rules = Rules { blank, ..RULES };
            let expected = &[expected; 2];
            let block = Block { data: &mut [], file: 0, offset: 8192, expected };
            let mut findings = Findings::default();
            check(&recipe, &rules, [block], &mut findings);
            assert_eq!((findings.right, findings.blank), (0, 0), "{expected:?}");
            let cut = |wrong: &Miscompare| (wrong.offset, wrong.damage);
            let found: Vec<_> = findings.miscompares.iter().map(cut).collect();
            let none = Damage::Cut { len: 0 };
            assert_eq!(found, [(8192, none), (12288, none)], "{expected:?}");
        }
    }
}

#[test]
fn trimmed_blocks_must_be_zero_where_that_was_asked_for() {
    let recipe = recipe(Method::Digest(Algorithm::Crc32c));
    let findings = judged(&recipe, &RULES, &mut vec![0; 8192], Expectation::Zeros);
    assert_eq!((findings.right, findings.miscompares.len()), (2, 0));
    let mut data = vec![0; 8192];
    data[5000] = 1;
    let findings = judged(&recipe, &RULES, &mut data, Expectation::Zeros);
    assert_eq!(findings.miscompares[0].damage, Damage::NotZero);
    assert_eq!(findings.miscompares[0].first.map(|wrong| wrong.at), Some(904));
}

/// Many blocks, some damaged: all of these are found, and none else.
#[test]
fn all_damages_of_a_batch_are_found_and_none_is_invented() {
    for method in methods() {
        let recipe = Recipe { interval: 512, ..recipe(method) };
        let mut data = sealed(&recipe, 0, 8192, 9, 1000);
        let mut rng = Rng::new(1);
        let mut planted: Vec<u64> = (0..100).map(|_| rng.below(1000)).collect();
        planted.sort_unstable();
        planted.dedup();
        for &at in &planted {
            data[at as usize * 512 + 7] ^= 1;
        }
        let findings = judged(&recipe, &RULES, &mut data, own(9));
        let found: Vec<u64> =
            findings.miscompares.iter().map(|wrong| (wrong.offset - 8192) / 512).collect();
        assert_eq!(found, planted, "{method:?}");
        assert_eq!(findings.right, 1000 - planted.len() as u64);
    }
}

fn random(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..INTERVAL).map(|_| rng.next_u64() as u8).collect()
}

fn ledger(shape: &LedgerShape) -> Ledger<Box<[AtomicU64]>> {
    Ledger::new((0..shape.words()).map(|_| AtomicU64::new(0)).collect(), shape)
}

fn shape(files: &[(u64, u64)], writes_max: Option<u64>) -> LedgerShape {
    let extent = |&(offset, len): &(u64, u64)| Extent { offset, len, target: 1 };
    LedgerShape {
        interval: 512,
        block_max: 4096,
        depth: 4,
        writes_max,
        files: files.iter().map(extent).collect(),
        run: 1,
        worker: 2,
        seed: 3,
    }
}

fn span(file: u32, offset: u64, len: u64) -> Span {
    Span { file, offset, len }
}

fn write<W: std::ops::Deref<Target = [AtomicU64]>>(ledger: &Ledger<W>, span: Span) -> u64 {
    let generation = ledger.take_generation();
    ledger.begin(0, Doing::Write, &span, generation);
    ledger.end(0, true);
    generation
}

/// Random writes, trims and failures, held against a plain table.
#[test]
fn the_ledger_knows_what_a_plain_table_knows() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let ledger = ledger(&shape(&[(1 << 20, 512 * 1000), (0, 512 * 77)], None));
        let mut table = [vec![Expectation::Unknown; 1000], vec![Expectation::Unknown; 77]];
        for _ in 0..600 {
            let file = rng.below(2) as u32;
            let (base, all) = if file == 0 { (1 << 20, 1000) } else { (0, 77) };
            let first = rng.below(all);
            let count = (1 + rng.below(8)).min(all - first);
            let place = span(file, base + first * 512, count * 512);
            let generation = ledger.take_generation();
            let (doing, well) = match rng.below(10) {
                0 => (Doing::Trim, true),
                1 => (Doing::Write, false),
                _ => (Doing::Write, true),
            };
            ledger.begin(1, doing, &place, generation);
            assert!(ledger.is_busy(&place));
            ledger.end(1, well);
            assert!(!ledger.is_busy(&place));
            let known = match (doing, well) {
                (Doing::Write, true) => own(generation),
                _ => Expectation::Unknown,
            };
            table[file as usize][first as usize..(first + count) as usize].fill(known);
        }
        for (file, (base, known)) in [1 << 20, 0].into_iter().zip(&table).enumerate() {
            for (at, expected) in known.iter().enumerate() {
                assert_eq!(ledger.expect(file as u32, base + at as u64 * 512), *expected);
            }
        }
        let written = table.iter().flatten().filter(|each| **each != Expectation::Unknown).count();
        assert_eq!(ledger.tally().written, written as u64 * 512);
        walk(&ledger, &table);
    }
}

/// The walk gives each interval that is known once, and no other.
fn walk(ledger: &Ledger<Box<[AtomicU64]>>, table: &[Vec<Expectation>; 2]) {
    let mut seen = [vec![0; 1000], vec![0; 77]];
    let mut cursor = Cursor::default();
    while let Some(span) = ledger.next_span(&mut cursor, 4096) {
        assert!(span.len <= 4096 && span.len > 0);
        let base = if span.file == 0 { 1 << 20 } else { 0 };
        let first = (span.offset - base) / 512;
        assert_eq!(first / 8, (first + span.len / 512 - 1) / 8, "no span crosses a block");
        for at in first..first + span.len / 512 {
            seen[span.file as usize][at as usize] += 1;
        }
    }
    for (seen, known) in seen.iter().zip(table) {
        for (times, expected) in seen.iter().zip(known) {
            assert_eq!(*times, i32::from(*expected != Expectation::Unknown));
        }
    }
}

#[test]
fn a_large_sparse_target_takes_what_is_written_to_it() {
    let tib = LedgerShape {
        interval: 4096,
        block_max: 4096,
        writes_max: Some(1 << 18),
        ..shape(&[(0, 1 << 40)], None)
    };
    assert!(tib.bytes() < 300 << 20, "{}", tib.bytes());
    let all = LedgerShape { writes_max: None, ..tib };
    assert!((4 << 30..5 << 30).contains(&all.bytes()), "{}", all.bytes());
}

/// More chunks than were said to be needed: what cannot be noted is never taken for verified.
#[test]
fn what_there_is_no_room_for_counts_as_not_verified() {
    let ledger = ledger(&shape(&[(0, 512 * 6400)], Some(1)));
    for n in 0..10 {
        write(&ledger, span(0, n * 64 * 512, 512));
    }
    let tally = ledger.tally();
    assert_eq!(tally.written + tally.unsure, 10 * 512);
    assert!(tally.unsure > 0);
}

#[test]
fn only_what_a_flush_covers_must_be_there() {
    let ledger = ledger(&shape(&[(0, 512 * 100)], None)).with_rules(false, true);
    let first = write(&ledger, span(0, 0, 512));
    assert_eq!(ledger.expect(0, 0), Expectation::Unknown, "no flush yet");
    // A write that is on its way when the flush begins is not covered by it.
    let late = ledger.take_generation();
    ledger.begin(2, Doing::Write, &span(0, 1024, 512), late);
    let covered = ledger.flush_begins();
    ledger.end(2, true);
    ledger.flushed(0, covered);
    assert_eq!(ledger.expect(0, 0), own(first));
    assert_eq!(ledger.expect(0, 1024), Expectation::Unknown);
    // Written again: the old or the new one.
    let second = write(&ledger, span(0, 0, 512));
    let either = Expectation::Own { oldest: first, newest: second };
    assert_eq!(ledger.expect(0, 0), either);
    let third = write(&ledger, span(0, 0, 512));
    let either = Expectation::Own { oldest: first, newest: third };
    assert_eq!(ledger.expect(0, 0), either);
    assert_eq!(ledger.tally().written, 512, "the other one need not be there");
    // What is read back meanwhile makes a flush cover no less.
    ledger.begin(3, Doing::Look, &span(0, 2048, 512), 0);
    ledger.flushed(0, ledger.flush_begins());
    ledger.end(3, true);
    assert_eq!(ledger.expect(0, 0), own(third));
    assert_eq!(ledger.expect(0, 1024), own(late));
    assert_eq!(ledger.tally().written, 1024);
}

/// A trim that no flush covered may be lost, as a write may.
#[test]
fn a_trim_counts_when_a_flush_covered_it() {
    let ledger = ledger(&shape(&[(0, 512 * 100)], None)).with_rules(true, true);
    write(&ledger, span(0, 0, 512));
    ledger.flushed(0, ledger.flush_begins());
    let generation = ledger.take_generation();
    ledger.begin(0, Doing::Trim, &span(0, 0, 512), generation);
    ledger.end(0, true);
    assert_eq!(ledger.expect(0, 0), Expectation::Unknown);
    ledger.flushed(0, ledger.flush_begins());
    assert_eq!(ledger.expect(0, 0), Expectation::Zeros);
}

#[test]
fn what_was_looked_at_is_summed_up() {
    let ledger = ledger(&shape(&[(0, 512 * 100)], None)).with_rules(true, false);
    write(&ledger, span(0, 0, 4096));
    let generation = ledger.take_generation();
    ledger.begin(0, Doing::Trim, &span(0, 512, 512), generation);
    ledger.end(0, true);
    assert_eq!(ledger.expect(0, 512), Expectation::Zeros);
    ledger.checked(0, 0, true);
    ledger.checked(0, 1024, false);
    let tally = ledger.tally();
    assert_eq!((tally.written, tally.verified, tally.wrong), (3584, 512, 512));
    assert_eq!((tally.trimmed, tally.unsure), (512, 0));
    // Zeros that were looked at make up for nothing that was written and was not.
    ledger.checked(0, 512, true);
    assert_eq!(ledger.tally().verified, 512);
    // Written anew: to be looked at anew.
    write(&ledger, span(0, 0, 512));
    assert_eq!(ledger.tally().verified, 0);
}
