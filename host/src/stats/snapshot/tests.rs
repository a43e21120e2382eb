//! Merging, deviation and percentiles against brute force and against the crate `histogram`.

use super::*;
use proptest::prelude::*;

/// The bucket's middle of the smallest value that at least `percent` of the samples do not exceed.
fn oracle(samples: &[u64], percent: f64) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let at = sorted
        .iter()
        .enumerate()
        .find(|(i, _)| (i + 1) as f64 * 100.0 + 1e-6 >= percent * sorted.len() as f64)
        .map_or(*sorted.last().unwrap(), |(_, value)| *value);
    buckets::middle(buckets::index(at))
}

fn samples() -> impl Strategy<Value = Vec<u64>> {
    // Shifting spreads them over all magnitudes.
    prop::collection::vec((any::<u64>(), 4u32..64).prop_map(|(value, by)| value >> by), 1..300)
}

proptest! {
    #[test]
    fn percentiles_are_those_of_the_sorted_samples(samples in samples(), percent in 1u32..=10_000) {
        let percent = f64::from(percent) / 100.0;
        let got = HistogramSnapshot::of(&samples).percentile(percent);
        prop_assert_eq!(got, Some(oracle(&samples, percent)));
    }

    #[test]
    fn percentiles_agree_with_the_crate_histogram(samples in samples(), sixteenths in 1u32..=16) {
        // Parts that binary floating point holds exactly: the crate ranks in floating point.
        let part = f64::from(sixteenths) / 16.0;
        let mut theirs = histogram::Histogram::new(6, 64).unwrap();
        for &value in &samples {
            theirs.increment(value).unwrap();
        }
        let bucket = theirs.quantile(part).unwrap().unwrap();
        let bucket = bucket.entries().values().next().unwrap();
        let got = HistogramSnapshot::of(&samples).percentile(part * 100.0).unwrap();
        prop_assert!((bucket.start()..=bucket.end()).contains(&got), "{got} {bucket:?}");
    }

    #[test]
    fn merging_equals_recording_all(a in samples(), b in samples()) {
        let mut merged = HistogramSnapshot::of(&a);
        merged.merge(&HistogramSnapshot::of(&b));
        let all: Vec<u64> = a.iter().chain(&b).copied().collect();
        prop_assert_eq!(merged, HistogramSnapshot::of(&all));
    }

    #[test]
    fn mean_is_exact_and_deviation_close(samples in prop::collection::vec(0u64..1 << 40, 2..200)) {
        let snapshot = HistogramSnapshot::of(&samples);
        let n = samples.len() as f64;
        let mean = samples.iter().map(|&v| v as f64).sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|&v| (v as f64 - mean).powi(2)).sum();
        let deviation = (squares / (n - 1.0)).sqrt();
        prop_assert!((snapshot.mean() - mean).abs() <= mean * 1e-9);
        // Each sample stands 1/128 of itself beside its place at most.
        let largest = snapshot.max as f64;
        prop_assert!((snapshot.stddev() - deviation).abs() <= largest / 64.0 + 1.0);
    }

    #[test]
    fn the_parts_between_add_up(samples in samples(), cut in any::<u64>()) {
        let snapshot = HistogramSnapshot::of(&samples);
        let parts = snapshot.count_between(0, cut) + snapshot.count_between(cut, u64::MAX);
        prop_assert_eq!(parts, snapshot.count);
    }
}

#[test]
fn nothing_recorded() {
    let none = HistogramSnapshot::default();
    assert_eq!((none.mean(), none.stddev(), none.percentile(50.0)), (0.0, 0.0, None));
    let mut one = HistogramSnapshot::of(&[7]);
    one.merge(&none);
    assert_eq!(one, HistogramSnapshot::of(&[7]));
    assert_eq!((one.mean(), one.stddev()), (7.0, 0.0));
    let mut empty = none;
    empty.merge(&one);
    assert_eq!(empty, one);
}

#[test]
fn ranks_are_exact_in_decimal() {
    // percent, samples, rank
    let cases = [
        (99.99, 10_000, 9999),
        (99.9, 1000, 999),
        (0.1, 1000, 1),
        (50.0, 1, 1),
        (50.0, 3, 2),
        (100.0, 7, 7),
        (1e-9, 7, 1),
        (99.999_999, 100_000_000, 99_999_999),
        (50.0, u64::MAX, u64::MAX / 2 + 1),
    ];
    for (percent, total, expected) in cases {
        assert_eq!(rank(percent, total), expected, "{percent} % of {total}");
    }
}

#[test]
fn phases_merge_to_the_span_of_both_and_the_sum_of_all() {
    let phase = |begin_ns, end_ns, n: u64| PhaseSnapshot {
        read_back_ns: n,
        read_back_within_ns: 0,
        begin_ns,
        end_ns,
        dirs: std::array::from_fn(|i| DirSnapshot {
            ios: n + i as u64,
            bytes: n,
            short_ios: n,
            cut_ios: n,
            failed_ios: n,
            clat_ns: HistogramSnapshot::of(&[n]),
            ..DirSnapshot::default()
        }),
        depth_levels: [n; 7],
        submit_levels: [n; 7],
        complete_levels: [n; 7],
        user_us: n,
        system_us: n,
        switches: n,
        major_faults: n,
        minor_faults: n,
        harness_ns: n,
        harness_ios: n,
        backlog_sum: n,
        backlog_looks: n,
        backlog_max: n,
        first_error: n,
        latency_depth: n,
        latency_met: n % 2,
        zone_resets: n,
        zones_open_max: n,
        involuntary: n,
        slips: n,
        slip_ns: n,
        slip_ns_max: n,
        profile_ns: [n; STAGES],
        profile_ios: n,
    };
    let mut all = PhaseSnapshot::default();
    all.merge(&phase(100, 200, 1));
    all.merge(&phase(50, 150, 2));
    all.merge(&PhaseSnapshot::default());
    assert_eq!((all.begin_ns, all.end_ns, all.runtime_ns()), (50, 200, 150));
    assert_eq!(all.dir(Ddir::Trim).ios, 3 + 4);
    assert_eq!(all.dir(Ddir::Sync).clat_ns, HistogramSnapshot::of(&[1, 2]));
    assert_eq!(
        (all.depth_levels, all.submit_levels, all.complete_levels),
        ([3; 7], [3; 7], [3; 7])
    );
    assert_eq!((all.user_us, all.system_us, all.switches), (3, 3, 3));
    assert_eq!((all.major_faults, all.minor_faults), (3, 3));
    assert_eq!((all.harness_ns, all.harness_ios), (3, 3));
    assert_eq!((all.backlog_sum, all.backlog_looks, all.backlog_max), (3, 3, 2));
    assert_eq!((all.latency_depth, all.latency_met), (2, 0));
    assert_eq!((all.involuntary, all.slips, all.slip_ns, all.slip_ns_max), (3, 3, 3, 2));
    assert_eq!((all.profile_ns, all.profile_ios), ([3; STAGES], 3));
}
