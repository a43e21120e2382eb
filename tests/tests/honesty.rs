//! What the report says of the tester itself, and that it is there where it matters: the limit,
//! late wakes, switches, steal, the profile. Figures are compared with each other and never with a
//! number of nanoseconds, which no two machines agree about.

use iodyno_tests::run::patiently;
use iodyno_tests::{plugins, require, Scene};

/// A job with an engine that takes no time and does not say that it does nothing.
fn fast(lines: &str) -> String {
    let engine = plugins::built("oracle");
    format!("[a]\nioengine={engine}\nrw=randread\nbs=4k\nsize=1g\nnorandommap\n{lines}\n")
}

const LIMIT: &str = "the tester is the limit here";

#[test]
fn the_tester_says_where_it_is_the_limit() {
    require!(c_compiler);
    patiently(|| {
        let scene = Scene::new();
        let document = scene.run_json(&fast("runtime=500ms\ntime_based")).clean();
        let own = document.float("/jobs/0/iodyno/harness_ns_per_io");
        let all = document.float("/jobs/0/iodyno/worker_ns_per_io");
        assert!(own > 0.0 && own * 2.0 > all, "{own} of {all}");
        assert_eq!(document.at("/jobs/0/iodyno/tester_is_limit"), true);
        assert!(document.at("/iodyno/notes").to_string().contains(LIMIT));
    });
}

#[test]
fn and_not_where_the_engine_takes_its_time_or_is_there_for_the_tester() {
    require!(c_compiler);
    patiently(|| {
        let scene = Scene::new();
        let lines = "takes_ns=100000\nruntime=500ms\ntime_based";
        let document = scene.run_json(&fast(lines)).clean();
        assert!(!document.at("/iodyno/notes").to_string().contains(LIMIT));
        // 500 ms are 5000 requests: some samples, if hardly enough to judge by.
        assert_ne!(document.at("/jobs/0/iodyno/tester_is_limit"), true);
    });
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1g\nruntime=300ms\ntime_based\n";
    let document = scene.run_json(job).clean();
    assert!(!document.at("/iodyno/notes").to_string().contains(LIMIT), "null is there for that");
    let scene = Scene::new();
    let document = scene.run_json(&fast("runtime=300ms\ntime_based\ngtod_reduce=1")).clean();
    assert!(document.at("/jobs/0/iodyno/harness_ns_per_io").is_null());
    assert!(document.at("/jobs/0/iodyno/tester_is_limit").is_null());
    assert_eq!(document.text("/jobs/0/iodyno/harness_absent"), "gtod_reduce reads no clock");
}

#[test]
fn late_wakes_are_counted_where_a_job_sleeps() {
    require!(c_compiler);
    let sleepers = ["rate_iops=500", "thinktime=1ms", "rate_iops=500\nrate_process=poisson"];
    for lines in sleepers {
        let scene = Scene::new();
        let document = scene.run_json(&fast(&format!("number_ios=100\n{lines}"))).clean();
        let slip = |which: &str| document.float(&format!("/jobs/0/iodyno/timer_slip_ns/{which}"));
        assert!(slip("count") >= 1.0, "{lines}: {}", slip("count"));
        assert!(slip("mean") > 0.0 && slip("mean") <= slip("max"), "{lines}");
    }
    let scene = Scene::new();
    let document = scene.run_json(&fast("number_ios=100")).clean();
    assert!(document.0.pointer("/jobs/0/iodyno/timer_slip_ns").is_none(), "it never slept");
}

#[test]
fn switches_and_steal_are_always_there() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1g\nrate_iops=1000\nnumber_ios=100\n";
    let document = scene.run_json(job).clean();
    let switches = |which: &str| document.number(&format!("/jobs/0/iodyno/ctx/{which}"));
    assert_eq!(switches("voluntary") + switches("involuntary"), document.number("/jobs/0/ctx"));
    assert!(switches("voluntary") > 0, "a sleep is one");
    let steal = document.at("/iodyno/steal");
    if steal.is_null() {
        assert!(!std::path::Path::new("/proc/stat").exists());
    } else {
        assert!(document.number("/iodyno/steal/cpus") >= 1);
        assert!((0.0..=100.0).contains(&document.float("/iodyno/steal/percent")));
    }
}

#[test]
fn a_profile_tells_the_stages_beside_a_run_with_null() {
    require!(c_compiler);
    let cases = [
        ("", ["generate", "submit", "queue", "account", "clock"]),
        (
            "later=1\niodepth=32\niodepth_batch=8",
            ["generate", "submit", "commit", "getevents", "account"],
        ),
        ("gtod_reduce=1", ["generate", "submit", "queue", "account", "queue"]),
    ];
    for (lines, stages) in cases {
        patiently(|| {
            let scene = Scene::new();
            let job = fast(&format!("runtime=300ms\ntime_based\n{lines}"));
            let document = scene.json(&job).arg("--profile-harness").run().clean();
            let profile = document.at("/jobs/0/iodyno/profile_ns_per_io");
            let all: f64 = stages
                .iter()
                .map(|stage| profile[stage].as_f64().unwrap_or_else(|| panic!("{profile}")))
                .sum();
            assert!(all > 0.0, "{lines}: {profile}");
            let null = document.float("/iodyno/null_runs/0/worker_ns_per_io");
            assert!(null > 0.0, "{lines}: {null}");
            // The engine takes nothing, so both are the tester: a run without a sample of its own
            // time can tell so now.
            assert!(document.at("/iodyno/notes").to_string().contains(LIMIT), "{lines}");
        });
    }
    let scene = Scene::new();
    let file = scene.file("job.fio", fast("number_ios=2000000"));
    let outcome = scene.iodyno(["run", &file, "--profile-harness"]).run().expect(0);
    let words = ["Profile of the tester:", "generation", "accounting", "with null", "  tester  "];
    for word in words {
        assert!(outcome.stdout.contains(word), "no {word}: {outcome}");
    }
}

#[test]
fn what_has_no_counterpart_with_null_says_so() {
    let scene = Scene::new();
    let job = "[a]\nioengine=filecreate\nnrfiles=50\nfilesize=4k\nsize=200k\n";
    let outcome = scene.json(job).arg("--profile-harness").run();
    let document = outcome.clean();
    let why = document.text("/iodyno/null_runs/0/absent");
    assert!(why.contains("have no counterpart"), "{why}");
}
