//! Every file of `examples/`, run as its comment says, with less data and time: what a new user
//! copies must work, and must show what it says it shows.
//!
//! A file without a test here is a finding. Needs the built programs and a few megabytes of disk.

use iodyno_tests::{programs, Document, Scene};
use std::collections::BTreeSet;

/// Runs an example in a directory of its own, with options of the command line behind it.
fn example(name: &str, sets: &[&str]) -> Document {
    let scene = Scene::new();
    let job = programs::repo().join("examples").join(name);
    let job = job.to_str().expect("the project's path is UTF-8");
    let directory = format!("directory={}", scene.at(""));
    let run = scene.iodyno(["run", job, "--output-format", "json"]);
    let run = run.args(["--set", "size=4MiB"]);
    let diskless = name == "null-speed.toml";
    let run = if diskless { run } else { run.args(["--set", &directory]) };
    let run = sets.iter().fold(run, |run, set| run.args(["--set", set]));
    let outcome = run.run().expect(0);
    assert_eq!(outcome.stderr, "", "{name}: an example gives no warning");
    let document = outcome.document();
    document.assert_no_errors();
    document
}

/// Short enough for a test.
const SHORT: &str = "runtime=300ms";

#[test]
fn mixed() {
    let document = example("mixed.fio", &[SHORT]);
    assert!(document.all_ios() > 0);
    assert!(document.ios(0, "sync") > 0, "one record of the group, with the syncs of fsync=32");
}

#[test]
fn zipf() {
    let document = example("zipf.toml", &[SHORT]);
    for (job, direction) in [("hot", "read"), ("zones", "read"), ("log-and-seek", "write")] {
        assert!(document.ios(document.job(job), direction) > 0, "{job}");
    }
}

#[test]
fn open_loop() {
    let document = example("open-loop.toml", &["runtime=1s"]);
    let reads = document.ios(0, "read");
    assert!((800..1200).contains(&reads), "1000 a second, by the law of Poisson: {reads}");
    for latency in ["qlat_ns", "rlat_ns"] {
        assert_eq!(document.number(&format!("/jobs/0/read/{latency}/N")), reads);
    }
    assert!(document.float("/jobs/0/iodyno/backlog/mean") >= 0.0);
}

#[test]
fn steady_state() {
    // A bound that any machine keeps: the test is about the way, not about the figures.
    let document = example("steady-state.toml", &["steadystate=iops:100%", "ramp_time=0"]);
    assert_eq!(document.number("/jobs/0/steadystate/attained"), 1);
    assert_eq!(document.at("/jobs/0/steadystate/data/iops").as_array().map(Vec::len), Some(3));
    assert!(document.number("/jobs/0/job_runtime") < 30_000, "it ends before its runtime");
}

#[test]
fn qos_search() {
    let document = example("qos-search.toml", &["latency_target=10s", "latency_window=50ms"]);
    assert_eq!(document.number("/jobs/0/latency_depth"), 16, "ten seconds are always enough");
    assert_eq!(document.at("/jobs/0/iodyno/latency_met"), true);
    assert!(document.number("/jobs/0/job_runtime") < 20_000, "it ends when it has found");
}

#[test]
fn dedupe() {
    let document = example("dedupe.fio", &[]);
    for job in ["copies", "compressible", "pattern"] {
        assert_eq!(document.bytes(document.job(job), "write"), 4 << 20, "{job}");
    }
}

#[test]
fn strided() {
    let document = example("strided.fio", &["io_size=1MiB"]);
    for job in ["sequential", "random", "holes"] {
        assert_eq!(document.bytes(document.job(job), "read"), 1 << 20, "{job}");
    }
}

/// Written and verified; a byte that is turned over behind its back is named.
#[test]
fn verify() {
    let scene = Scene::new();
    let job = programs::repo().join("examples").join("verify.toml");
    let directory = format!("directory={}", scene.at(""));
    let run = scene.iodyno(["run", job.to_str().expect("UTF-8"), "--output-format", "json"]);
    let outcome = run.args(["--set", "size=4MiB", "--set", &directory]).run().expect(0);
    assert_eq!(outcome.stderr, "", "an example gives no warning");
    for job in ["fill", "overwrite"] {
        let at = outcome.document().job(job);
        assert_eq!(outcome.document().float(&format!("/jobs/{at}/verify/coverage")), 100.0);
    }
    let target = scene.at("iodyno-verify.data");
    scene.iodyno(["verify", &target]).run().expect(0);
    let mut data = std::fs::read(&target).expect("the example's file");
    data[1_000_000] ^= 0x10;
    std::fs::write(&target, data).expect("a damaged file");
    let found = scene.iodyno(["verify", &target]).run().expect(3);
    for word in ["byte 1000000 is", "(bit 4)"] {
        assert!(found.stderr.contains(word), "{word:?} is missing:\n{found}");
    }
}

#[test]
fn plain_ones() {
    for name in ["quickstart.toml", "sequential.toml", "rate-limited.toml", "null-speed.toml"] {
        assert!(example(name, &[SHORT]).all_ios() > 0, "{name}");
    }
}

/// Who adds an example adds a test.
#[test]
fn no_example_is_forgotten() {
    let directory = programs::repo().join("examples");
    let entries = std::fs::read_dir(directory).expect("the examples are there");
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let found: BTreeSet<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    // Two need a disk to give up: they are run in the laboratory.
    let run = concat!(
        include_str!("load_examples.rs"),
        include_str!("lab_vendor.rs"),
        include_str!("lab_zones.rs")
    );
    for name in found {
        if let Some(engine) = name.strip_prefix("engine-").and_then(|n| n.strip_suffix(".toml")) {
            let tests = format!("tests/tests/engine_{}.rs", engine.replace('-', "_"));
            let tests = std::fs::read_to_string(programs::repo().join(&tests));
            assert!(
                tests.is_ok_and(|text| text.contains("stores_data!") || text.contains("example")),
                "no test of engine {engine} runs {name}"
            );
            continue;
        }
        assert!(run.contains(&format!("\"{name}\"")), "nothing here runs {name}");
    }
}
