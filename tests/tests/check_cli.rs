//! `iodyno check` as its user meets it: what it prints and writes, what it leaves behind, where it
//! looks, what it refuses.
//!
//! What the checks find is the affair of the other `check_` files.

use iodyno_tests::{plugins, process, programs, require, Scene};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

fn checks(text: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"));
    report["checks"].as_array().expect("checks").clone()
}

fn of<'a>(checks: &'a [Value], id: &str, key: &str) -> &'a str {
    let row = checks.iter().find(|row| row["id"] == id);
    row.unwrap_or_else(|| panic!("no {id} in {checks:?}"))[key].as_str().unwrap_or_default()
}

/// The job files of a test apart, there is nothing.
fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).expect("a directory").next().is_none()
}

#[test]
fn it_prints_a_line_for_each_check_and_the_seed() {
    let scene = Scene::new();
    let outcome = scene.iodyno(["check", "psync", "--seed", "7"]).run().expect(0);
    for words in ["pass    queue.status", "skip    commit.empty", "0 fail", "--seed 7"] {
        let absent = words == "0 fail";
        assert_ne!(outcome.stdout.contains(words), absent, "{words}: {outcome}");
    }
    assert!(is_empty(scene.path()), "it leaves something in its temporary directory");
}

#[test]
fn reports_tell_the_same_in_json_and_junit() {
    let scene = Scene::new();
    let (json, junit) = (scene.at("check.json"), scene.at("check.xml"));
    let args = ["check", "null", "--json", &json, "--junit", &junit, "--seed", "3"];
    scene.iodyno(args).run().expect(0);
    let (json, junit) = [&json, &junit].map(|path| std::fs::read_to_string(path).unwrap()).into();
    let all = checks(&json);
    let cases = junit.matches("<testcase ").count();
    assert_eq!(cases, all.len(), "{junit}");
    let skipped = all.iter().filter(|row| row["verdict"] == "skip").count();
    assert_eq!(junit.matches("<skipped").count(), skipped, "{junit}");
    assert!(!junit.contains("<failure"), "{junit}");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["seed"], 3, "{json}");
}

#[test]
fn a_failure_is_one_in_junit_with_status_5() {
    require!(c_compiler);
    let scene = Scene::new();
    let junit = scene.at("check.xml");
    let plugin = plugins::faulty_plugin();
    let args = ["check", &plugin, "--engine", "faulty", "--only", "^queue", "--junit", &junit];
    scene.iodyno(args).env("IODYNO_FAULTY", "status").run().expect(5);
    let junit = std::fs::read_to_string(&junit).expect("the report");
    assert_eq!(junit.matches("<failure").count(), 1, "{junit}");
    assert!(junit.contains("name=\"queue.status\""), "{junit}");
}

#[test]
fn the_same_seed_is_the_same_work() {
    require!(c_compiler);
    let scene = Scene::new();
    let found = |seed: &str| {
        let plugin = plugins::faulty_plugin();
        let args = [
            "check",
            &plugin,
            "--engine",
            "faulty",
            "--only",
            "^(file|load|entry|tables)\
                    |^instance.once|^queue.(status|works)|^units.once|^data.(read|sizes)",
        ];
        let run = scene.iodyno(args).args(["--seed", seed, "--json", "-"]);
        let outcome = run.env("IODYNO_FAULTY", "read_wrong:17").run().expect(5);
        let all = checks(&outcome.stdout);
        all.iter().map(|row| row["cause"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let (first, again): (Vec<String>, Vec<String>) = (found("5"), found("5"));
    let (first, again) = [first, again].map(|causes| causes.concat()).into();
    assert_eq!(first, again);
    assert!(first.contains("is not what was written there"), "{first}");
}

#[test]
fn an_interrupted_check_leaves_nothing() {
    require!(c_compiler);
    let scene = Scene::new();
    let plugin = plugins::faulty_plugin();
    let args = ["check", &plugin, "--engine", "faulty", "--only", "^(file|load|instance.once)"];
    let run = scene.iodyno(args).env("IODYNO_FAULTY", "init_hang").start();
    let child = process::eventually("a check hangs", Duration::from_secs(20), || {
        process::children(run.pid()).into_iter().find(|_| !is_empty(scene.path()))
    });
    process::signal(run.pid(), Signal::INT);
    let outcome = run.wait();
    assert_ne!(outcome.status, 0, "{outcome}");
    assert!(outcome.took < Duration::from_secs(8), "{outcome}");
    process::eventually("its child is gone", Duration::from_secs(5), || {
        (!process::alive(child.pid)).then_some(())
    });
    assert!(is_empty(scene.path()), "it leaves its scratch directory\n{outcome}");
}

#[test]
fn a_target_is_a_directory_or_a_device() {
    let scene = Scene::new();
    let dir = scene.at("here");
    std::fs::create_dir(&dir).expect("a directory");
    let args = ["check", "psync", "--level", "3", "--json", "-", "--target"];
    let all = checks(&scene.iodyno(args).arg(&dir).run().expect(0).stdout);
    assert_eq!(of(&all, "data.extend", "verdict"), "pass");
    assert!(is_empty(Path::new(&dir)), "the directory is as it was");
    let missing = scene.iodyno(args).arg("/not/there").run().expect(2);
    missing.says(&["--target", "/not/there"]);
}

#[test]
fn a_device_is_checked_as_one() {
    require!(loop_device);
    let device = iodyno_tests::device::LoopDevice::new(64 << 20);
    let path = device.path().to_str().expect("UTF-8");
    let args = ["check", "psync", "--level", "3", "--json", "-", "--target", path];
    let all = checks(&Scene::new().iodyno(args).run().expect(0).stdout);
    assert_eq!(of(&all, "data.read-after-write", "verdict"), "pass");
    assert_eq!(of(&all, "data.extend", "verdict"), "skip");
}

#[test]
fn a_debugger_may_have_it_in_one_process() {
    let scene = Scene::new();
    let args = ["check", "psync", "--only", "queue.status", "--in-process"];
    let outcome = scene.iodyno(args).run().expect(0);
    assert!(outcome.stdout.contains("pass    queue.status"), "{outcome}");
}

#[test]
fn misuse_is_told() {
    let scene = Scene::new();
    let text = scene.file("text.so", "no plugin");
    let rust_minimal = programs::rust_minimal();
    let plugin = rust_minimal.to_str().expect("UTF-8");
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "PLUGIN"),
        (&["/not/there.so"], 2, "/not/there.so"),
        (&["psynk"], 2, "did you mean `psync`"),
        (&[plugin, "--engine", "other"], 2, "it has rust-minimal"),
        (&[plugin, "--only", "("], 2, "--only ("),
        (&[plugin, "--only", "^nothing"], 2, "^nothing"),
        (&[plugin, "--set", "colour=red"], 2, "colour"),
        (&[plugin, "--set", "colour"], 2, "KEY=VALUE"),
        (&[plugin, "--level", "5"], 2, "5 is not in 1..=4"),
        (&[plugin, "--json", "/not/there/check.json", "--level", "1"], 2, "/not/there/check.json"),
        (&[&text, "--level", "1"], 5, ""),
    ];
    for (args, status, words) in cases {
        let run = scene.iodyno(["check"]).args(*args).run().expect(*status);
        run.says(&[words]);
    }
}
