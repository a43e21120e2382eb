//! What is told of the tester, and what is said to be unknown.

use super::*;
use crate::report::{entry, fixture, json, text};
use crate::run::result::WorkerResult;
use crate::stats::live::STAGES;

fn job_object(change: impl Fn(&mut WorkerResult)) -> Value {
    let mut result = fixture::synchronous();
    change(&mut result.workers[0]);
    let document: Value = serde_json::from_str(&json::json(&result)).expect("the report is JSON");
    document["jobs"][0]["iodyno"].clone()
}

fn lines(change: impl Fn(&mut RunResult)) -> String {
    let mut result = fixture::synchronous();
    change(&mut result);
    text::text(&result)
}

#[test]
fn own_time_stands_beside_the_time_of_a_request() {
    let job = job_object(|_| {});
    assert_eq!(job["harness_ns_per_io"], json!(15.25));
    assert!(job.get("harness_absent").is_none());
    // 2.001 s of wall time, 4155 requests, and a switch with nearly each of them.
    let all_ns = job["worker_ns_per_io"].as_f64().unwrap();
    assert!((all_ns - 2_001_000_000.0 / 4155.0).abs() < 0.001, "{all_ns}");
    assert_eq!(job["tester_is_limit"], json!(false));
    assert_eq!(job["ctx"], json!({ "voluntary": 4300, "involuntary": 9 }));
    assert!(job.get("timer_slip_ns").is_none(), "it never slept");
    assert!(job.get("profile_ns_per_io").is_none(), "nobody asked");
    let text = lines(|_| {});
    let line = "  tester       : own=15.2ns of 481588.4ns per request, ctx voluntary=4300, \
                involuntary=9\n";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("timer slip"), "{text}");
}

#[test]
fn what_is_not_known_has_a_reason() {
    type Change = fn(&mut WorkerResult);
    let cases: [(Change, &str); 4] = [
        (|_| {}, "too few requests without a pause between them"),
        (|worker| worker.job.report.gtod_reduce = true, "gtod_reduce reads no clock"),
        (
            |worker| worker.job.report.disable_clat = true,
            "disable_clat leaves open what the engine took",
        ),
        (|worker| worker.job.engine.no_io = true, "the engine serves no requests"),
    ];
    for (change, why) in cases {
        let unknown = |worker: &mut WorkerResult| {
            (worker.measure.harness_ns, worker.measure.harness_ios) = (0, 0);
            change(worker);
        };
        let job = job_object(unknown);
        assert_eq!(
            (&job["harness_ns_per_io"], &job["tester_is_limit"]),
            (&json!(null), &json!(null))
        );
        assert_eq!(job["harness_absent"], json!(why));
        let text = lines(|result| unknown(&mut result.workers[0]));
        let told = text.contains(&format!("  tester       : own=unknown ({why}), ctx "));
        assert_eq!(told, why != "the engine serves no requests", "{text}");
    }
}

#[test]
fn sleeps_that_ended_late_are_told() {
    let slept = |worker: &mut WorkerResult| {
        let phase = &mut worker.measure;
        (phase.slips, phase.slip_ns, phase.slip_ns_max) = (4, 210_000, 150_000);
    };
    let expected = json!({ "count": 4, "mean": 52_500.0, "max": 150_000 });
    assert_eq!(job_object(slept)["timer_slip_ns"], expected);
    let text = lines(|result| slept(&mut result.workers[0]));
    assert!(text.contains("  timer slip   : count=4, avg=52.50us, max=150.00us\n"), "{text}");
}

#[test]
fn a_request_that_is_mostly_the_testers_says_so() {
    let job = job_object(|worker| {
        worker.measure.harness_ns = 300_000_000;
        worker.measure.dirs[0].ios = 4_000_000;
    });
    assert_eq!(job["tester_is_limit"], json!(true));
}

#[test]
fn the_machines_loss_is_told_where_it_matters() {
    let steal = |busy_ns, steal_ns| Some(StealFacts { busy_ns, steal_ns, cpus: 2 });
    let cases = [
        (None, json!(null), false),
        (steal(0, 0), json!({ "ns": 0, "percent": 0.0, "cpus": 2 }), false),
        // Little of much, and much of little.
        (
            steal(9_950_000_000, 50_000_000),
            json!({ "ns": 50_000_000, "percent": 0.5, "cpus": 2 }),
            false,
        ),
        (
            steal(10_000_000, 10_000_000),
            json!({ "ns": 10_000_000, "percent": 50.0, "cpus": 2 }),
            false,
        ),
        (
            steal(3_000_000_000, 1_000_000_000),
            json!({ "ns": 1_000_000_000, "percent": 25.0, "cpus": 2 }),
            true,
        ),
    ];
    for (steal, expected, told) in cases {
        let mut result = fixture::synchronous();
        result.steal = steal;
        let document: Value = serde_json::from_str(&json::json(&result)).unwrap();
        assert_eq!(document["iodyno"]["steal"], expected);
        let text = text::text(&result);
        assert_eq!(text.contains("\nMachine:\n  steal: 25.0% of the time"), told, "{text}");
    }
}

/// A profiled job, with what a run with null came to.
fn profiled(null: Option<Result<f64, String>>) -> RunResult {
    let mut result = fixture::synchronous();
    let worker = &mut result.workers[0];
    worker.job.report.profile_harness = true;
    for (at, ns) in (0..STAGES).zip(&mut worker.measure.profile_ns) {
        *ns = if at == 4 { 0 } else { 6400 * (at as u64 + 1) };
    }
    worker.measure.profile_ios = 640;
    result.null_runs.extend(null.map(|ns_per_io| NullRun { job: "a".to_owned(), ns_per_io }));
    result
}

#[test]
fn a_profile_stands_beside_a_run_without_an_engine() {
    let result = profiled(Some(Ok(41.5)));
    let document: Value = serde_json::from_str(&json::json(&result)).unwrap();
    let stages = &document["jobs"][0]["iodyno"]["profile_ns_per_io"];
    assert_eq!((&stages["loop"], &stages["clock"]), (&json!(10.0), &json!(100.0)));
    assert!(stages.get("commit").is_none(), "a stage that took nothing");
    let null = json!([{ "job": "a", "worker_ns_per_io": 41.5 }]);
    assert_eq!(document["iodyno"]["null_runs"], null);
    insta::assert_snapshot!(profile_lines(&result, &entry::entries(&result)).join("\n"));
}

#[test]
fn a_profile_that_could_not_be_made_says_why() {
    let mut result = profiled(Some(Err("job a has no size".to_owned())));
    result.workers[0].measure.profile_ios = 0;
    let text = text::text(&result);
    assert!(text.contains("\nProfile of the tester:\n  a:\n    no sample: "), "{text}");
    assert!(text.contains("    with null: unknown (job a has no size)\n"), "{text}");
    let document: Value = serde_json::from_str(&json::json(&result)).unwrap();
    assert_eq!(document["jobs"][0]["iodyno"]["profile_ns_per_io"], json!(null));
    assert_eq!(document["iodyno"]["null_runs"][0]["absent"], json!("job a has no size"));
    assert!(text::text(&profiled(None)).contains("with null: did not run"));
}
