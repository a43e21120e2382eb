//! `iodyno check`, its checks of requests: each engine of the project passes them, and each fault
//! that breaks a rule of theirs makes exactly the check fail that the rule belongs to.
//!
//! Faults are those of `plugins-example/faulty`, chosen by the environment.

use iodyno_tests::{plugins, programs, require, Scene};
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The checks, and those that they rest on.
const GROUP: &str = "^(file.elf|load.admitted|instance.once|(queue|units|buffer|prep|getevents|\
                     commit|stop|cancel|terminate|errdetails)[.].*)$";

/// Runs at a time: many of them wait.
const AT_ONCE: usize = 4;

/// A fault and the check that has to end badly, alone; with the values of options that it takes.
type Row = (&'static str, &'static str, &'static [&'static str]);

const NOTHING: &[&str] = &[];
/// So that units are late.
const LATE: &[&str] = &["--set", "latency=20ms"];

const FAULTS: &[Row] = &[
    ("segv", "queue.status", NOTHING),
    ("exit", "queue.status", NOTHING),
    ("close_all", "queue.status", NOTHING),
    ("status", "queue.status", NOTHING),
    ("negative_range", "queue.status", NOTHING),
    ("sync_queues", "queue.status", NOTHING),
    ("commit_segv", "queue.status", NOTHING),
    ("commit_fails", "queue.status", NOTHING),
    ("getevents_segv", "queue.status", NOTHING),
    ("resid", "queue.resid", NOTHING),
    ("late_resid", "queue.resid", NOTHING),
    ("error_negative", "queue.errno", NOTHING),
    ("error_range", "queue.errno", NOTHING),
    ("unknown_succeeds", "queue.errno", NOTHING),
    ("lost", "units.once", NOTHING),
    ("twice", "units.once", NOTHING),
    ("invented", "units.once", NOTHING),
    ("both_ways", "units.once", NOTHING),
    ("depth_segv", "queue.depth", NOTHING),
    ("busy", "queue.busy", NOTHING),
    ("busy_keeps", "queue.busy", NOTHING),
    ("depth_fails", "queue.many", NOTHING),
    ("error_eintr", "queue.intr", NOTHING),
    ("changes_offset", "units.inputs", NOTHING),
    ("changes_len", "units.inputs", NOTHING),
    ("changes_buf", "units.inputs", NOTHING),
    ("changes_op", "units.inputs", NOTHING),
    ("changes_flags", "units.inputs", NOTHING),
    ("changes_file", "units.inputs", NOTHING),
    ("changes_cookie", "units.inputs", NOTHING),
    ("private_overrun", "units.private", NOTHING),
    ("overrun", "buffer.bounds", NOTHING),
    ("underrun", "buffer.bounds", NOTHING),
    ("source_changed", "buffer.source", NOTHING),
    ("getevents_negative", "getevents.count", NOTHING),
    ("count_more", "getevents.count", NOTHING),
    ("count_range", "getevents.count", NOTHING),
    ("count_fewer", "getevents.min", NOTHING),
    ("nothing_negative", "getevents.nothing", NOTHING),
    ("timeout_ignored", "getevents.timeout-zero", NOTHING),
    ("timeout_short", "getevents.timeout", LATE),
    ("getevents_eintr", "getevents.intr", NOTHING),
    ("commit_empty", "commit.empty", NOTHING),
    ("commit_keeps", "commit.batches", NOTHING),
    ("cancel_nonsense", "cancel.answers", NOTHING),
    ("cancel_lies", "cancel.answers", NOTHING),
    ("terminate_segv", "terminate.any-time", NOTHING),
    ("terminate_hang", "terminate.any-time", NOTHING),
    ("terminate_deafens", "terminate.any-time", NOTHING),
    ("terminate_ignored", "terminate.wakes", NOTHING),
    ("errdetails_overflow", "errdetails.capacity", NOTHING),
    ("errdetails_endless", "errdetails.capacity", NOTHING),
];

/// What the contract allows: nothing may be bad.
const LAWFUL: &[&str] =
    &["none", "negative", "error", "late_error", "depth_more", "no_progress", "errdetails_empty"];

/// The verdicts of a plugin's checks, by their ids.
fn verdicts(plugin: &str, fault: &str, more: &[&str], status: i32) -> Result<Vec<Value>, String> {
    let args = ["check", plugin, "--only", GROUP, "--json", "-"];
    let scene = Scene::new();
    let run = scene.iodyno(args).args(more).env("IODYNO_FAULTY", fault);
    let outcome = run.run();
    let told = outcome.stdout.find('{').map(|at| &outcome.stdout[at..]).unwrap_or_default();
    let mut report: Value = serde_json::from_str(told).map_err(|e| format!("{e}:\n{outcome}"))?;
    match report["checks"].take() {
        Value::Array(rows) if outcome.status == status => Ok(rows),
        _ => Err(format!("status {} or no checks:\n{outcome}", outcome.status)),
    }
}

fn bad(rows: &[Value]) -> Vec<String> {
    let is_bad = |row: &&Value| ["fail", "crash", "timeout"].contains(&word(row, "verdict"));
    rows.iter().filter(is_bad).map(|row| word(row, "id").to_owned()).collect()
}

fn word<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

#[track_caller]
fn passes(plugin: &str, more: &[&str]) -> Vec<Value> {
    verdicts(plugin, "none", more, 0).unwrap_or_else(|words| panic!("{plugin}: {words}"))
}

fn verdict<'a>(rows: &'a [Value], id: &str) -> &'a str {
    let row = rows.iter().find(|row| word(row, "id") == id);
    word(row.unwrap_or_else(|| panic!("no check {id} in {rows:?}")), "verdict")
}

#[test]
fn synchronous_engines_pass_and_are_not_asked_for_events() {
    let rust_minimal = programs::rust_minimal();
    for plugin in ["psync", rust_minimal.to_str().expect("a path of UTF-8")] {
        let rows = passes(plugin, &[]);
        for id in ["queue.status", "queue.errno", "units.once", "units.inputs", "buffer.source"] {
            assert_eq!(verdict(&rows, id), "pass", "{plugin} {id}");
        }
        for id in ["getevents.count", "commit.batches", "cancel.answers", "errdetails.words"] {
            assert_eq!(verdict(&rows, id), "skip", "{plugin} {id}");
        }
    }
}

#[test]
fn asynchronous_engines_pass_and_are_asked_for_events() {
    let rows = passes("null", &[]);
    for id in ["getevents.count", "getevents.min", "commit.batches", "queue.busy"] {
        assert_eq!(verdict(&rows, id), "pass", "{id}");
    }
    require!(c_compiler);
    let late = ["--engine", "faulty", "--set", "latency=3ms", "--set", "spread=0.5"];
    for more in [&["--engine", "faulty-null"][..], &late] {
        let rows = passes(&plugins::faulty_plugin(), more);
        for id in ["cancel.answers", "terminate.wakes", "errdetails.words", "units.private"] {
            assert_eq!(verdict(&rows, id), "pass", "{more:?} {id}");
        }
        let late = if more.contains(&"latency=3ms") { "pass" } else { "skip" };
        assert_eq!(verdict(&rows, "getevents.timeout"), late, "{more:?}");
    }
}

/// What is wrong with a row; nothing where exactly its check is bad.
fn look(plugin: &str, (fault, check, options): Row) -> Option<String> {
    let more: Vec<&str> = ["--engine", "faulty"].iter().chain(options).copied().collect();
    match verdicts(plugin, fault, &more, 5) {
        Err(words) => Some(format!("{fault}: {words}")),
        Ok(rows) if bad(&rows) == [check] => None,
        Ok(rows) => Some(format!("{fault}: {check} expected, bad are {:?}", bad(&rows))),
    }
}

#[test]
fn each_fault_fails_exactly_its_check() {
    require!(c_compiler);
    let (plugin, next) = (plugins::faulty_plugin(), AtomicUsize::new(0));
    let work = || {
        let mut wrong = String::new();
        while let Some(row) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(words) = look(&plugin, *row) {
                let _ = writeln!(wrong, "{words}");
            }
        }
        wrong
    };
    let wrong: String = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a row's verdict")).collect()
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_the_contract_allows_fails_no_check() {
    require!(c_compiler);
    let plugin = plugins::faulty_plugin();
    for fault in LAWFUL {
        let found = verdicts(&plugin, fault, &["--engine", "faulty"], 0);
        found.unwrap_or_else(|words| panic!("{fault}: {words}"));
    }
}
