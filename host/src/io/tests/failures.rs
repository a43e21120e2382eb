//! What failures do to a job, with the toy.
//!
//! Which of them end it, which are counted, which count as done; how many are kept to be told; and
//! how a device that is full ends a job that fills it.

use super::*;
use crate::io::failures::{Tolerated, TOLD_MAX};

fn goes_on() -> Tolerated {
    Tolerated { goes_on: true, ignored: Vec::new() }
}

#[test]
fn a_job_goes_on_after_failures_and_counts_each() {
    for (takes, depth) in [(0, 1), (7, 7)] {
        let mut bench = bench(takes, depth);
        bench.tolerance.reads = goes_on();
        bench.manners.fails_every = Some((10, libc::EIO));
        let outcome = bench.run();
        assert_eq!(outcome.result, Ok(()));
        // 100 requests, the tenth of which fail; what failed brought nothing.
        assert_eq!(totals(&outcome, Ddir::Read), (100, 90 * 4096, 0));
        let dir = &outcome.page.measure.dirs[0];
        assert_eq!((dir.failed_ios.get(), dir.ignored_ios.get()), (10, 0));
        assert_eq!((outcome.failures.failed, outcome.failures.told.len()), (10, 1));
        assert_eq!(outcome.page.first_error.get(), libc::EIO as u64);
        assert_eq!(outcome.page.latencies.clat_ns[0].count.get(), 90);
    }
}

#[test]
fn an_ignored_failure_counts_as_done() {
    let mut bench = bench(0, 1);
    bench.tolerance.reads.ignored = vec![libc::ENXIO];
    bench.manners.fails_every = Some((4, libc::ENXIO));
    let outcome = bench.run();
    assert_eq!(outcome.result, Ok(()));
    let dir = &outcome.page.measure.dirs[0];
    assert_eq!((dir.ios.get(), dir.failed_ios.get(), dir.ignored_ios.get()), (100, 0, 25));
    assert!(outcome.failures.told.is_empty(), "nothing to tell");
    assert_eq!((outcome.failures.failed, outcome.failures.ignored), (0, 25));
}

#[test]
fn failures_of_the_other_kind_end_the_job() {
    let mut bench = bench(0, 1);
    bench.tolerance.writes = goes_on();
    bench.manners.fails_every = Some((10, libc::EIO));
    let outcome = bench.run();
    assert!(matches!(outcome.result, Err(Trouble::Request(_))));
    assert_eq!(outcome.failures.failed, 1);
}

#[test]
fn the_list_of_failures_is_bounded_and_the_count_is_not() {
    let mut bench = bench(0, 1);
    bench.tolerance = Tolerance { reads: goes_on(), dump: true, ..Tolerance::default() };
    bench.recipe.repeat = Repeat::Loops(3);
    bench.manners.fails_every = Some((2, libc::EIO));
    let outcome = bench.run();
    assert_eq!(outcome.failures.told.len(), TOLD_MAX);
    assert_eq!(outcome.failures.told.capacity(), TOLD_MAX, "reserved before the start");
    assert_eq!(outcome.failures.failed, 150);
    let (told, seen) = (&outcome.failures.told[1].error, &outcome.toy.seen);
    assert_eq!((told.offset, told.len), (seen[3].1, seen[3].2), "the fourth piece was the second");
}

#[test]
fn a_full_device_is_the_end_of_a_job_that_fills_it() {
    for (takes, depth) in [(0, 1), (7, 7)] {
        for short_every in [0, 20] {
            let mut bench = bench(takes, depth);
            bench.recipe.order = Order::Single { ddir: Ddir::Write, random: false };
            bench.tolerance.fill_device = true;
            bench.settings.end_fsync = true;
            bench.manners.short_every = short_every;
            bench.manners.fails_at = Some((21, libc::ENOSPC));
            let outcome = bench.run();
            assert_eq!(outcome.result, Ok(()));
            let dir = &outcome.page.measure.dirs[1];
            assert_eq!((dir.failed_ios.get(), outcome.failures.failed), (0, 0));
            assert_eq!(totals(&outcome, Ddir::Sync).0, 1, "the end is in order");
            if depth == 1 {
                // The 20th piece may have written half of what the 21st was to complete.
                let half = if short_every == 0 { 0 } else { 2048 };
                let ios = 20;
                let bytes = 20 * 4096 - half;
                assert_eq!((dir.ios.get(), dir.bytes.get()), (ios, bytes), "{short_every}");
            }
        }
    }
}

#[test]
fn a_failure_does_not_wait_for_what_is_due_next() {
    let mut bench = bench(7, 7);
    bench.limits.read = Some(Limit::Ios(1));
    bench.manners.fails_at = Some((3, libc::EIO));
    let outcome = bench.run();
    assert!(matches!(outcome.result, Err(Trouble::Request(_))), "{:?}", outcome.result);
    assert_eq!(outcome.toy.pieces, 3, "nothing is issued any more");
    assert!(outcome.elapsed_ns < 2_500_000_000, "{} ns", outcome.elapsed_ns);
}

#[test]
fn a_breach_in_the_drain_after_a_refusal_is_a_breach() {
    let mut bench = bench(8, 8);
    bench.manners.misdeed = Some(Misdeed::Resid);
    bench.manners.misdeed_at = Some(7);
    bench.manners.refuses_at = Some((8, libc::EIO));
    let outcome = bench.run();
    assert!(matches!(outcome.result, Err(Trouble::Fault(_))), "{:?}", outcome.result);
}

#[test]
fn the_drain_does_not_insist_where_getevents_refuses() {
    let mut bench = bench(7, 7);
    bench.manners.misdeed = Some(Misdeed::NothingBack);
    bench.manners.misdeed_at = Some(7);
    let outcome = bench.run();
    assert!(matches!(outcome.result, Err(Trouble::Refused(_))), "{:?}", outcome.result);
    assert_eq!(outcome.page.in_flight.get(), 7, "they never came back");
}
