//! `iodyno check`, its checks of requests: what an engine passes, and what is not asked of it
//! because it cannot have it.
//!
//! What fails them is the affair of `check_matrix`.

use iodyno_tests::{plugins, programs, require, Scene};
use serde_json::Value;

/// The checks, and those that they rest on.
const GROUP: &str = "^(file.elf|load.admitted|instance.once|(queue|units|buffer|prep|getevents|\
                     commit|stop|cancel|terminate|errdetails)[.].*)$";

fn word<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// The checks of a plugin that passes them.
#[track_caller]
fn passes(plugin: &str, more: &[&str]) -> Vec<Value> {
    let args = ["check", plugin, "--only", GROUP, "--json", "-"];
    let outcome = Scene::new().iodyno(args).args(more).env("IODYNO_FAULTY", "none").run();
    let outcome = outcome.expect(0);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    report["checks"].as_array().expect("checks").clone()
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
