//! Percentiles against an oracle that keeps every sample, on the whole way that samples go: through
//! the shared page, merged over workers, into both forms of the report.
//!
//! A printed percentile may be off by 1/128 of the sample that the oracle has at that place, and
//! in the normal output by the rounding to a whole unit.

use iodyno::ddir::Ddir;
use iodyno::job::spec::JobSpec;
use iodyno::report;
use iodyno::run::page::{self, Pages};
use iodyno::run::result::{HostFacts, RunResult, WorkerResult};
use proptest::prelude::*;
use serde_json::Value;

/// What is asked for: the ends, the usual places, and some between.
const PLACES: [f64; 12] =
    [0.01, 1.0, 5.0, 25.0, 33.333333, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0];

/// The sample at that place: the ceil(percent of all)-th smallest.
fn oracle(sorted: &[u64], percent: f64) -> u64 {
    let millionths = (percent * 1e6).round() as u128;
    let rank = (millionths * sorted.len() as u128).div_ceil(100_000_000).max(1);
    sorted[rank as usize - 1]
}

fn is_close(found: u64, wanted: u64, unit_ns: u64) -> bool {
    found.abs_diff(wanted) <= wanted / 128 + (unit_ns - u64::from(unit_ns == 1))
}

/// A run whose workers recorded these samples.
fn run(workers: &[Vec<u64>]) -> RunResult {
    let pages = Pages::create(workers.len() as u32, 1).expect("memory for the page");
    let mut job = JobSpec { name: "a".to_owned(), ..JobSpec::default() };
    job.process.group_reporting = true;
    job.process.numjobs = workers.len() as u32;
    job.report.clat_percentiles = true;
    job.report.significant_figures = 4;
    job.report.percentile_list = PLACES.to_vec();
    let worker = |(at, samples): (u32, &Vec<u64>)| {
        let page = &page::map_workers(pages.memory(), at, 1).expect("its page")[0];
        page.measure.begin_ns.set(1);
        page.measure.end_ns.set(1_000_000_001);
        for &sample in samples {
            page.latencies.clat_ns[Ddir::Read as usize].record(sample);
            page.measure.dirs[Ddir::Read as usize].ios.add(1);
        }
        WorkerResult {
            job: job.clone(),
            clone: at,
            group: 0,
            tid: 1,
            start_ms: 1,
            elapsed_ns: 1_000_000_000,
            error: 0,
            measure: pages.measured(at).expect("its counters"),
            windows: Default::default(),
            steady: None,
            verify: None,
            identity: Vec::new(),
        }
    };
    RunResult {
        version: "0".to_owned(),
        timestamp_ms: 1,
        global_given: Vec::new(),
        fingerprint: String::new(),
        workers: (0..).zip(workers).map(worker).collect(),
        plugins: Vec::new(),
        errors: Vec::new(),
        notes: Vec::new(),
        disks: Vec::new(),
        devices: Vec::new(),
        host: HostFacts::default(),
        steal: None,
        null_runs: Vec::new(),
        exit_status: 0,
    }
}

/// Of the normal output: the unit of the table, and what stands at each place.
fn printed(text: &str) -> (u64, Vec<(f64, u64)>) {
    let (_, table) = text.split_once("clat percentiles (").expect("a table");
    let (unit, table) = table.split_once("):").expect("its unit");
    let unit_ns = match unit {
        "nsec" => 1,
        "usec" => 1000,
        "msec" => 1_000_000,
        other => panic!("unit {other}"),
    };
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("     | "));
    let cells = rows.flat_map(|row| row.trim_start_matches("     | ").split(','));
    let cells = cells.filter(|cell| !cell.trim().is_empty()).map(|cell| {
        let (at, value) = cell.split_once("th=[").expect("a place and a value");
        let number = |text: &str| text.trim().trim_end_matches(']').trim().to_owned();
        (at.trim().parse().expect("a percentage"), number(value).parse().expect("a number"))
    });
    (unit_ns, cells.collect())
}

fn judge(workers: &[Vec<u64>]) -> Result<(), TestCaseError> {
    let mut sorted = workers.concat();
    sorted.sort_unstable();
    let result = run(workers);
    let document: Value = serde_json::from_str(&report::json::json(&result)).expect("JSON");
    let clat = &document["jobs"][0]["read"]["clat_ns"];
    prop_assert_eq!(clat["N"].as_u64(), Some(sorted.len() as u64));
    prop_assert_eq!(clat["min"].as_u64(), sorted.first().copied());
    prop_assert_eq!(clat["max"].as_u64(), sorted.last().copied());
    let mean = sorted.iter().map(|&v| v as f64).sum::<f64>() / sorted.len() as f64;
    prop_assert!((clat["mean"].as_f64().unwrap() - mean).abs() <= mean * 1e-9 + 1e-5);
    for at in PLACES {
        let found = clat["percentile"][format!("{at:.6}")].as_u64().expect("a percentile");
        let wanted = oracle(&sorted, at);
        prop_assert!(is_close(found, wanted, 1), "{}: {} for {}", at, found, wanted);
    }
    let (unit_ns, cells) = printed(&report::text::text(&result));
    prop_assert_eq!(cells.len(), PLACES.len());
    for ((at, found), place) in cells.into_iter().zip(PLACES) {
        prop_assert!((at - place).abs() < 1e-6);
        let wanted = oracle(&sorted, place);
        let found_ns = found * unit_ns;
        prop_assert!(is_close(found_ns, wanted, unit_ns), "{}: {} for {}", at, found_ns, wanted);
    }
    Ok(())
}

/// Samples of one worker: spread over all magnitudes, crowded, two-humped, or of one value.
fn samples() -> impl Strategy<Value = Vec<u64>> {
    let few = 1..400usize;
    prop_oneof![
        prop::collection::vec((any::<u64>(), 9u32..64).prop_map(|(v, by)| v >> by), few.clone()),
        prop::collection::vec(900_000u64..1_100_000, few.clone()),
        prop::collection::vec(prop_oneof![Just(127u64), Just(128), Just(1 << 40)], few.clone()),
        (any::<u64>(), few.clone()).prop_map(|(v, n)| vec![v >> 9; n]),
        // The ends of buckets, where an index that is off by one shows.
        prop::collection::vec(
            (6u32..54, 0u64..64, 0u64..3).prop_map(|(shift, part, off)| {
                ((64 + part) << (shift - 6)).saturating_add(off).saturating_sub(1)
            }),
            few
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn percentiles_are_within_a_128th(workers in prop::collection::vec(samples(), 1..5)) {
        judge(&workers)?;
    }
}

#[test]
fn a_hundred_thousand_samples_of_a_long_tail() {
    // One in a thousand takes a thousand times as long: 99.9 lies on the edge.
    let sample =
        |n: u64| 10_000 + n * 7919 % 5000 + if n.is_multiple_of(1000) { 10_000_000 } else { 0 };
    let all: Vec<u64> = (0..100_000).map(sample).collect();
    let workers: Vec<Vec<u64>> = all.chunks(33_333).map(<[u64]>::to_vec).collect();
    judge(&workers).expect("percentiles of a long tail");
}
