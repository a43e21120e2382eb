//! Which syncs come when, with the toy.
//!
//! Each by its own number of writes, the strongest where several are due, ranges by what was
//! written, barriers by their flag.

use super::*;
use crate::io::syncs::SyncPlan;

fn writes(ios: u64) -> Bench {
    let mut bench = bench(0, 1);
    bench.recipe.order = Order::Single { ddir: Ddir::Write, random: false };
    bench.recipe.amount = 4096 * ios;
    bench
}

fn ops(outcome: &Outcome) -> Vec<u32> {
    outcome.toy.seen.iter().map(|seen| seen.0).collect()
}

#[test]
fn each_sync_comes_after_its_own_number_of_writes() {
    const W: u32 = IOE_OP_WRITE;
    const F: u32 = IOE_OP_FSYNC;
    const D: u32 = IOE_OP_FDATASYNC;
    let cases = [
        (0, 4, 9, vec![W, W, W, W, D, W, W, W, W, D, W]),
        (4, 4, 5, vec![W, W, W, W, F, W]),
        // The stronger one where both are due.
        (6, 4, 13, vec![W, W, W, W, D, W, W, F, W, W, D, W, W, W, W, F, W]),
    ];
    for (fsync, fdatasync, ios, expected) in cases {
        let mut bench = writes(ios);
        bench.settings.fsync_every = fsync;
        bench.settings.syncs.fdatasync_every = fdatasync;
        let outcome = bench.run();
        assert_eq!(ops(&outcome), expected, "fsync={fsync} fdatasync={fdatasync}");
        let syncs = expected.iter().filter(|op| **op != W).count() as u64;
        assert_eq!(totals(&outcome, Ddir::Sync), (syncs, 0, 0));
        assert_eq!(totals(&outcome, Ddir::Write), (ios, ios * 4096, 0));
    }
}

#[test]
fn a_range_covers_what_was_written_since_the_last_one() {
    let mut bench = writes(7);
    let flags = IOE_IO_SYNC_WAIT_BEFORE | IOE_IO_SYNC_WRITE;
    bench.settings.syncs = SyncPlan { range_every: 3, range_flags: flags, ..SyncPlan::default() };
    let outcome = bench.run();
    let ranges: Vec<_> = (0..outcome.toy.seen.len())
        .filter(|at| outcome.toy.seen[*at].0 == IOE_OP_SYNC_RANGE)
        .map(|at| (outcome.toy.seen[at].1, outcome.toy.seen[at].2, outcome.toy.flags[at]))
        .collect();
    // Longer than any buffer, which a sync has none of.
    assert_eq!(ranges, [(0, 3 * 4096, flags), (3 * 4096, 3 * 4096, flags)]);
    assert_eq!(totals(&outcome, Ddir::Sync), (2, 0, 0));
}

#[test]
fn a_short_range_is_continued_and_moves_no_data() {
    let mut bench = writes(4);
    bench.settings.syncs.range_every = 4;
    bench.manners.short_every = 5;
    let outcome = bench.run();
    let ranges: Vec<_> =
        outcome.toy.seen.iter().filter(|seen| seen.0 == IOE_OP_SYNC_RANGE).collect();
    assert_eq!(ranges, [&(IOE_OP_SYNC_RANGE, 0, 16384), &(IOE_OP_SYNC_RANGE, 8192, 8192)]);
    assert_eq!(totals(&outcome, Ddir::Sync), (1, 0, 1));
}

#[test]
fn every_so_many_writes_one_goes_through() {
    let mut bench = writes(7);
    bench.settings.syncs.barrier_every = 3;
    let outcome = bench.run();
    assert_eq!(outcome.toy.flags, [0, 0, IOE_IO_FUA, 0, 0, IOE_IO_FUA, 0]);
}

#[test]
fn files_are_synced_before_they_are_closed() {
    let mut bench = writes(7);
    bench.settings.syncs.on_close = true;
    let outcome = bench.run();
    assert_eq!(ops(&outcome).last(), Some(&IOE_OP_FSYNC));
    assert_eq!(totals(&outcome, Ddir::Sync).0, 1);
}
