//! Schedules: the arithmetic, and the law that every loop around them relies on.

use super::*;
use crate::workload::Rng;

fn one(limit: Limit, spread: Spread) -> Pacer {
    Pacer::new(PerDir { read: Some(limit), write: None, trim: None }, spread)
}

#[test]
fn requests_are_due_evenly() {
    let mut pacer = one(Limit::Ios(1000), Spread::Linear);
    pacer.restart(5_000);
    for n in 0..10 {
        assert_eq!(pacer.due_ns(Ddir::Read), Some(5_000 + n * 1_000_000));
        pacer.spend(Ddir::Read, 4096);
    }
    assert_eq!(pacer.due_ns(Ddir::Write), None);
    assert_eq!(pacer.due_ns(Ddir::Sync), None);
}

#[test]
fn bytes_are_due_by_what_was_issued() {
    let mut pacer = Pacer::new(PerDir::all(Some(Limit::Bytes(1 << 20))), Spread::Linear);
    pacer.spend(Ddir::Write, 1 << 19);
    assert_eq!(pacer.due_ns(Ddir::Write), Some(500_000_000));
    assert_eq!(pacer.due_ns(Ddir::Trim), Some(0));
    pacer.restart(7);
    assert_eq!(pacer.due_ns(Ddir::Write), Some(7));
}

#[test]
fn the_backlog_is_what_is_due_and_not_issued() {
    for (limit, len) in [(Limit::Ios(1000), 4096), (Limit::Bytes(1_000_000), 1000)] {
        let mut pacer = one(limit, Spread::Linear);
        pacer.spend(Ddir::Read, len);
        let cases = [(0, 0), (999_999, 0), (1_000_000, 1), (1_999_999, 1), (10_000_000, 10)];
        for (now_ns, backlog) in cases {
            assert_eq!(pacer.backlog(now_ns), backlog, "{limit:?} at {now_ns}");
        }
        (0..10).for_each(|_| pacer.spend(Ddir::Read, len));
        assert_eq!(pacer.backlog(10_000_000), 0);
    }
}

/// Arrivals of a schedule that nothing disturbs.
fn arrivals(limit: Limit, spread: Spread, len: u64, n: usize) -> Vec<u64> {
    let mut pacer = one(limit, spread);
    let mut step = || {
        let due = pacer.due_ns(Ddir::Read).unwrap();
        pacer.spend(Ddir::Read, len);
        due
    };
    (0..n).map(|_| step()).collect()
}

/// Whatever the engine does, at any time no more is issued than is due, the backlog is the
/// difference, and once it is gone everything is as if nothing had been.
#[test]
fn never_more_than_due_and_equal_after_every_stall() {
    let modes = [Spread::Linear, Spread::Poisson(9)];
    let limits = [(Limit::Ios(7919), 4096), (Limit::Bytes(33_333_333), 4096)];
    for (spread, (limit, len)) in modes.into_iter().flat_map(|m| limits.map(|l| (m, l))) {
        let due = arrivals(limit, spread, len, 40_000);
        let mut pacer = one(limit, spread);
        let mut rng = Rng::new(5);
        let (mut now_ns, mut issued) = (0, 0);
        while issued < 20_000 {
            // Time passes, now and then a lot of it.
            now_ns += rng.below(300_000);
            if rng.below(500) == 0 {
                now_ns += rng.below(400_000_000);
            }
            let due_now = due.partition_point(|&at_ns| at_ns <= now_ns);
            while pacer.due_ns(Ddir::Read).unwrap() <= now_ns {
                if rng.below(20) == 0 {
                    break;
                }
                pacer.spend(Ddir::Read, len);
                issued += 1;
            }
            assert!(issued <= due_now, "{spread:?} {limit:?}: {issued} of {due_now}");
            assert_eq!(pacer.backlog(now_ns), (due_now - issued) as u64, "{spread:?} {limit:?}");
            if issued == due_now {
                assert_eq!(pacer.due_ns(Ddir::Read), Some(due[issued]));
            }
        }
    }
}

#[test]
fn rates_are_exact_over_ten_seconds() {
    const TEN_S: u64 = 10_000_000_000;
    let count = |limit, spread, len| {
        let mut pacer = one(limit, spread);
        let mut n = 0u64;
        while pacer.due_ns(Ddir::Read).unwrap() < TEN_S {
            pacer.spend(Ddir::Read, len);
            n += 1;
        }
        n as f64
    };
    for per_s in [1, 3, 1000, 77_777] {
        let expected = per_s as f64 * 10.0;
        assert_eq!(count(Limit::Ios(per_s), Spread::Linear, 4096), expected);
        assert_eq!(count(Limit::Bytes(per_s * 4096), Spread::Linear, 4096), expected);
    }
    // A Poisson process of a million arrivals has a standard deviation of 0.1 %.
    for seed in [1, 2, 3] {
        let n = count(Limit::Ios(100_000), Spread::Poisson(seed), 4096);
        assert!((n / 1e6 - 1.0).abs() < 0.005, "{n}");
    }
}

#[test]
fn a_new_phase_begins_anew() {
    for spread in [Spread::Linear, Spread::Poisson(1)] {
        let mut pacer = one(Limit::Ios(1000), spread);
        pacer.restart(1_000);
        let first = pacer.due_ns(Ddir::Read);
        pacer.spend(Ddir::Read, 1);
        let second = pacer.due_ns(Ddir::Read).unwrap() - 1_000;
        // Nine seconds of debt are forgotten.
        pacer.restart(9_000_000_000);
        assert_eq!((first, pacer.due_ns(Ddir::Read)), (Some(1_000), Some(9_000_000_000)));
        assert_eq!(pacer.backlog(9_000_000_000), 1);
        pacer.spend(Ddir::Read, 1);
        assert_eq!(pacer.due_ns(Ddir::Read), Some(9_000_000_000 + second));
        assert_eq!(pacer.backlog(9_000_000_000), 0);
    }
}
