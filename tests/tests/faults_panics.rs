//! A Rust engine that panics: the panic stops at the border, the report names callback, place and
//! words, and what was measured before it counts.
//!
//! `plugins-example/panicking` panics where it is told to.

use iodyno_tests::{programs, Outcome, Scene};
use serde_json::Value;

const AFTER: u64 = 100;
const ALL: u64 = 1024;

struct Row {
    place: &'static str,
    status: i32,
    /// What standard error says of it.
    words: &'static str,
    /// Requests that count.
    counted: std::ops::RangeInclusive<u64>,
    /// The checks that have to fail.
    fails: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row { place: "nothing", status: 0, words: "", counted: ALL..=ALL, fails: &[] },
    Row { place: "init", status: 1, words: "panic in init()", counted: 0..=0, fails: ONCE },
    Row { place: "start", status: 1, words: "panic in start()", counted: 0..=0, fails: ONCE },
    Row {
        place: "queue",
        status: 5,
        words: "panic in queue()",
        counted: AFTER - 4..=AFTER,
        fails: &["commit.empty", "getevents.nothing"],
    },
    Row {
        place: "kept",
        status: 5,
        words: "panic in queue()",
        counted: AFTER - 4..=AFTER,
        fails: &["queue.status"],
    },
    Row {
        place: "commit",
        status: 5,
        words: "panic in commit()",
        counted: AFTER - 4..=AFTER,
        fails: &["queue.status"],
    },
    Row {
        place: "getevents",
        status: 5,
        words: "panic in getevents()",
        counted: AFTER - 4..=AFTER,
        fails: &["getevents.count"],
    },
    // The requests have ended well, and cleanup has no answer: it is a note.
    Row {
        place: "drop",
        status: 0,
        words: "panic in cleanup()",
        counted: ALL..=ALL,
        fails: &["instance.memory"],
    },
];

const ONCE: &[&str] = &["instance.once"];

fn plugin() -> String {
    programs::panicking().to_str().expect("UTF-8").to_owned()
}

fn run(row: &Row) -> Outcome {
    // Who never comes to a request cannot wait for a hundred of them.
    let after = if row.counted == (0..=0) { 0 } else { AFTER };
    let job = format!(
        "[global]\nsize=4m\nbs=4k\nrw=randread\n[bad]\nioengine={}\npanic_in={}\nafter={after}\n\
         iodepth=4\n[neighbour]\nioengine=null\n",
        plugin(),
        row.place,
    );
    Scene::new().run_json(&job)
}

#[test]
fn a_panic_in_each_callback_is_told_and_costs_nothing_measured() {
    for row in ROWS {
        let outcome = run(row).expect(row.status).says(&[row.words]);
        if !row.words.is_empty() {
            outcome.says(&["panicking/src/lib.rs:", "bang after"]);
        }
    }
}

#[test]
fn what_was_measured_before_a_panic_counts() {
    for row in ROWS {
        let outcome = run(row);
        let document = outcome.document();
        let counted = document.ios(document.job("bad"), "read");
        assert!(row.counted.contains(&counted), "{}: {counted} counted\n{outcome}", row.place);
        let neighbour = document.ios(document.job("neighbour"), "read");
        assert_eq!(neighbour, ALL, "{}: the neighbour\n{outcome}", row.place);
        assert_eq!(document.errors() == "[]", row.status == 0, "{}\n{outcome}", row.place);
    }
}

/// One of the values of its option panics: `options.bounds` finds that by itself.
#[test]
fn the_checks_find_each_panic() {
    for row in ROWS {
        let place = format!("panic_in={}", row.place);
        let args = ["check", &plugin(), "--set", &place, "--level", "3", "--json", "-"];
        let outcome = Scene::new().iodyno(args).run();
        let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let checks = report["checks"].as_array().expect("checks");
        let bad = checks.iter().filter(|row| row["verdict"] != "pass" && row["verdict"] != "skip");
        let bad = bad.filter(|row| row["verdict"] != "warn" && row["id"] != "options.bounds");
        let mut bad: Vec<&str> = bad.map(|row| row["id"].as_str().expect("an id")).collect();
        bad.sort_unstable();
        assert_eq!(bad, row.fails, "{}\n{outcome}", row.place);
    }
}
