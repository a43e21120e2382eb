//! A state that was written is read, and nothing else is; what a ledger adopts is what must be
//! there.

use super::super::check::Expectation;
use super::super::ledger::{Adopted, Cursor, Doing, Extent, Ledger, LedgerShape, Span};
use super::*;
use crate::workload::Rng;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

type Words = Box<[AtomicU64]>;

fn shape() -> LedgerShape {
    let extent =
        |offset, intervals: u64| Extent { offset, len: intervals * 512, target: offset ^ 5 };
    LedgerShape {
        interval: 512,
        block_max: 4096,
        depth: 4,
        writes_max: None,
        files: vec![extent(1 << 20, 1000), extent(0, 77)],
        run: 1,
        worker: 2,
        seed: 3,
    }
}

fn words(shape: &LedgerShape) -> Words {
    (0..shape.words()).map(|_| AtomicU64::new(0)).collect()
}

fn about() -> About {
    About {
        host: "1.2.3".to_owned(),
        job: "a".to_owned(),
        clone: 1,
        method: "md5".to_owned(),
        place: 0,
        payload: "random".to_owned(),
        targets: vec!["/dev/a".to_owned(), "b".to_owned()],
        durable: false,
        shape: shape(),
    }
}

fn save(words: &[AtomicU64]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &about()).unwrap();
    let mut read = |first: u64, count: u64| {
        let part = &words[first as usize..(first + count) as usize];
        Ok(part.iter().map(|word| word.load(Relaxed)).collect())
    };
    let dump = shape().dump(&mut read, &mut |chunk| writer.chunk(chunk)).unwrap();
    writer.finish(dump, "because", 99).unwrap()
}

fn load(bytes: &[u8], fsynced: bool) -> (Ledger<Words>, Adopted) {
    let state = read(bytes).unwrap();
    let shape = state.about.shape.to_adopt(state.dump.chunks);
    let ledger = Ledger::new(words(&shape), &shape).with_rules(true, fsynced);
    let mut adopted = Adopted::default();
    state.chunks.iter().for_each(|chunk| ledger.adopt(chunk, &mut adopted));
    ledger.adopt_rest(&state.dump, &mut adopted);
    (ledger, adopted)
}

/// Random writes, trims, failures and flushes.
fn random(seed: u64) -> Ledger<Words> {
    let mut rng = Rng::new(seed);
    let ledger = Ledger::new(words(&shape()), &shape()).with_rules(true, seed.is_multiple_of(2));
    for _ in 0..300 {
        let file = rng.below(2) as u32;
        let (base, all) = if file == 0 { (1 << 20, 1000) } else { (0, 77) };
        let first = rng.below(all);
        let len = (1 + rng.below(8)).min(all - first) * 512;
        let span = Span { file, offset: base + first * 512, len };
        let doing = if rng.below(10) == 0 { Doing::Trim } else { Doing::Write };
        ledger.begin(1, doing, &span, ledger.take_generation());
        ledger.end(1, rng.below(12) > 0);
        if rng.below(20) == 0 {
            ledger.flushed(file, ledger.flush_begins());
        }
    }
    ledger
}

/// What a later run expects is what the run itself would have expected.
#[test]
fn what_was_saved_is_expected_again() {
    for seed in 0..20 {
        let ledger = random(seed);
        let words = ledger.into_words();
        let bytes = save(&words);
        let fsynced = seed.is_multiple_of(2);
        let (loaded, _) = load(&bytes, fsynced);
        let ledger = Ledger::reopen(words, &shape()).with_rules(true, fsynced);
        for (file, base, all) in [(0, 1 << 20, 1000), (1, 0, 77)] {
            for at in 0..all {
                let offset = base + at * 512;
                assert_eq!(loaded.expect(file, offset), ledger.expect(file, offset), "{seed}");
            }
        }
        let (one, other) = (loaded.tally(), ledger.tally());
        assert_eq!((one.written, one.trimmed), (other.written, other.trimmed));
        assert_eq!(one.unsure, 0, "what failed was promised by nobody");
    }
}

fn own(oldest: u64, newest: u64) -> Expectation {
    Expectation::Own { oldest, newest }
}

#[test]
fn what_was_on_its_way_is_old_or_new() {
    let ledger = Ledger::new(words(&shape()), &shape());
    let span = |at: u64, count: u64| Span { file: 1, offset: at * 512, len: count * 512 };
    let write = |slot, at, count| {
        let generation = ledger.take_generation();
        ledger.begin(slot, Doing::Write, &span(at, count), generation);
        generation
    };
    let first = write(0, 0, 8);
    ledger.end(0, true);
    ledger.flushed(1, ledger.flush_begins());
    let second = write(0, 6, 1);
    ledger.end(0, true);
    let third = write(1, 4, 6);
    ledger.begin(2, Doing::Trim, &span(0, 1), ledger.take_generation());
    let bytes = save(&ledger.into_words());
    for fsynced in [false, true] {
        let (loaded, adopted) = load(&bytes, fsynced);
        assert_eq!(loaded.expect(1, 0), Expectation::Unknown, "it was being trimmed");
        assert_eq!(loaded.expect(1, 512), own(first, first));
        assert_eq!(loaded.expect(1, 5 * 512), own(first, third));
        let oldest = if fsynced { first } else { second };
        assert_eq!(loaded.expect(1, 6 * 512), own(oldest, third));
        assert_eq!(loaded.expect(1, 9 * 512), Expectation::Unknown, "nothing was there");
        assert_eq!((adopted.unknown, adopted.either), (3 * 512, 4 * 512));
        let mut cursor = Cursor::default();
        let spans = std::iter::from_fn(|| loaded.next_span(&mut cursor, 4096));
        assert_eq!(spans.map(|span| span.len).sum::<u64>(), 7 * 512);
        assert_eq!(loaded.tally().written, 7 * 512);
    }
}

#[test]
fn each_flipped_bit_and_each_cut_is_seen() {
    let bytes = save(&random(1).into_words());
    assert_eq!(read(&bytes).unwrap().about, about());
    assert_eq!(
        (read(&bytes).unwrap().saved_ms, read(&bytes).unwrap().why.as_str()),
        (99, "because")
    );
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(read(&damaged).is_err(), "byte {at}");
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(read(b""), Err(StateError::Foreign));
    let mut other = bytes.clone();
    other[8] = 7;
    assert_eq!(read(&other), Err(StateError::Version(7)));
}

/// Whoever knows how to make a checksum is refused as well.
#[test]
fn lies_under_a_right_checksum_are_refused_or_harmless() {
    let bytes = save(&random(2).into_words());
    let mut rng = Rng::new(5);
    for _ in 0..2000 {
        let mut lies = bytes[..bytes.len() - 4].to_vec();
        for _ in 0..=rng.below(3) {
            let at = 12 + rng.below(lies.len() as u64 - 12) as usize;
            lies[at] = rng.next_u64() as u8;
        }
        lies.extend_from_slice(&crc_fast::crc32_iscsi(&lies).to_le_bytes());
        if let Ok(state) = read(&lies) {
            if state.about.shape == shape() {
                load(&lies, true);
            }
        }
    }
}

/// A plugin may have written anywhere.
#[test]
fn a_ledger_that_was_written_over_is_refused_or_harmless() {
    let mut rng = Rng::new(6);
    let mut refused = 0;
    for seed in 0..300 {
        let words = random(seed % 3).into_words();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(words.len() as u64) as usize;
            words[at].store(rng.next_u64() >> rng.below(64), Relaxed);
        }
        let mut read = |first: u64, count: u64| {
            let part = words.get(first as usize..(first + count) as usize);
            let part = part.ok_or(std::io::ErrorKind::UnexpectedEof)?;
            Ok(part.iter().map(|word| word.load(Relaxed)).collect())
        };
        refused += u32::from(shape().dump(&mut read, &mut |_| Ok(())).is_err());
    }
    assert!(refused > 100, "{refused}");
}
