//! What the loop says about time, to the nanosecond: an engine that takes exactly a millisecond,
//! the parts of a latency and their sum, the count of what is measured, sleeps that end late. All
//! of it on a virtual clock, so that no machine is too busy for it.

use super::*;
use crate::stats::live::Histogram;

const MS: u64 = 1_000_000;

/// Sum and count of reads.
fn sums(rows: &[Histogram; 4]) -> (u64, u64) {
    (rows[0].sum.get(), rows[0].count.get())
}

#[test]
fn an_engine_that_takes_a_millisecond_has_a_clat_of_one() {
    for (takes, depth, batch) in [(0, 1, 1), (1, 1, 1), (7, 4, 1), (32, 32, 1), (32, 32, 32)] {
        let mut bench = bench(takes, depth);
        bench.manners.takes_ns = MS;
        bench.settings.batch_submit = batch;
        (bench.settings.complete_min, bench.settings.complete_max) = (batch, batch);
        let outcome = bench.run();
        assert_eq!(outcome.result, Ok(()));
        let context = format!("{takes} {depth} {batch}");
        let (sum, count) = sums(&outcome.page.latencies.clat_ns);
        assert_eq!(count, 100, "{context}");
        let clat = &outcome.page.latencies.clat_ns[0];
        if depth == 1 || batch == depth {
            // Nothing but looks at the clock, of 100 ns each, comes beside it.
            let (least, most) = (u64::MAX - clat.min_inverted.get(), clat.max.get());
            assert!(least >= MS * 99 / 100 && most <= MS * 101 / 100, "{context}: {least} {most}");
            assert!((sum / count).abs_diff(MS) <= MS / 100, "{context}: {}", sum / count);
        } else {
            // Taken one after the other: the later ones were in the engine all the while.
            assert!(sum / count >= MS * 99 / 100, "{context}");
        }
    }
}

#[test]
fn submission_and_completion_add_up_to_the_total_for_each_request() {
    for (takes_ns, commits_ns) in [(0, 0), (1, 77_777), (MS, 3), (MS, 5 * MS), (13, 1 << 40)] {
        let mut bench = bench(1, 1);
        (bench.manners.takes_ns, bench.manners.commits_ns) = (takes_ns, commits_ns);
        // One request alone: its latencies are what the sums hold.
        bench.recipe.amount = 4096;
        let outcome = bench.run();
        let of = &outcome.page.latencies;
        let (slat, clat, lat) = (sums(&of.slat_ns), sums(&of.clat_ns), sums(&of.lat_ns));
        assert_eq!((slat.1, clat.1, lat.1), (1, 1, 1));
        assert_eq!(slat.0 + clat.0, lat.0, "{takes_ns} {commits_ns}");
        assert!(slat.0 >= commits_ns && clat.0 >= takes_ns, "{slat:?} {clat:?}");
    }
}

#[test]
fn and_so_do_their_sums_at_any_depth_and_batch() {
    for depth in [1, 2, 7, 32] {
        for batch in [1, 3, 32] {
            for stamps_batches in [false, true] {
                let mut bench = bench(depth as usize, depth);
                (bench.manners.takes_ns, bench.manners.commits_ns) = (12_345, 678);
                bench.settings.stamps_batches = stamps_batches && batch > 1;
                bench.settings.batch_submit = batch.min(depth);
                bench.settings.complete_max = batch.min(depth);
                let outcome = bench.run();
                let of = &outcome.page.latencies;
                let (slat, clat, lat) = (sums(&of.slat_ns), sums(&of.clat_ns), sums(&of.lat_ns));
                assert_eq!((slat.1, clat.1, lat.1), (100, 100, 100));
                assert_eq!(slat.0 + clat.0, lat.0, "{depth} {batch} {stamps_batches}");
                assert!(slat.0 > 0 && clat.0 > 0);
            }
        }
    }
}

#[test]
fn what_begins_after_the_ramp_is_measured_and_nothing_else() {
    for (takes, depth) in [(0, 1), (1, 1), (7, 7), (32, 32)] {
        for last_of_ramp in [1, 30, 63, 99] {
            let mut bench = bench(takes, depth);
            bench.manners.measures_after = Some(last_of_ramp);
            let outcome = bench.run();
            assert_eq!(outcome.result, Ok(()));
            let ramp = outcome.page.ramp.dirs[0].ios.get();
            let (measured, bytes, _) = totals(&outcome, Ddir::Read);
            let context = format!("{takes} {depth} {last_of_ramp}");
            assert_eq!((ramp, measured), (last_of_ramp, 100 - last_of_ramp), "{context}");
            assert_eq!(bytes, measured * 4096, "{context}");
            assert_eq!(outcome.page.latencies.clat_ns[0].count.get(), measured, "{context}");
        }
    }
}

#[test]
fn a_stop_in_the_middle_loses_no_request() {
    for (takes, depth) in [(0, 1), (7, 7), (32, 32)] {
        for last in [1, 50, 99] {
            let mut bench = bench(takes, depth);
            bench.manners.stops_after = Some(last);
            let outcome = bench.run();
            assert_eq!(outcome.result, Ok(()));
            assert_eq!(totals(&outcome, Ddir::Read).0, outcome.toy.pieces, "{takes} {last}");
            assert_eq!(outcome.toy.pieces, last);
        }
    }
}

#[test]
fn sleeps_that_end_late_are_slips() {
    let mut bench = bench(0, 1);
    bench.limits = PerDir::all(Some(Limit::Ios(1000)));
    let outcome = bench.run();
    let measure = &outcome.page.measure;
    // The clock wakes in time; a look at it takes none. 99 requests are waited for.
    assert_eq!((measure.slips.get(), measure.slip_ns.get()), (99, 0));
    let mut bench = self::bench(0, 1);
    bench.limits = PerDir::all(Some(Limit::Ios(1000)));
    bench.oversleeps_ns = 70_000;
    let outcome = bench.run();
    let measure = &outcome.page.measure;
    assert_eq!((measure.slips.get(), measure.slip_ns.get()), (99, 99 * 70_000));
    assert_eq!(measure.slip_ns_max.get(), 70_000);
    let outcome = self::bench(0, 1).run();
    assert_eq!(outcome.page.measure.slips.get(), 0, "nothing slept");
}
