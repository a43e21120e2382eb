//! `scripts/bench`: that it measures what it says, refuses what it does not know, and leaves
//! nothing behind. What comes out of it is nobody's business here: tests are never timed.
//!
//! Runs the script's Python with the programs under test, since the script itself would build them.

use iodyno_tests::{process, programs, require, Document, Iodyno, Scene};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn scripts() -> PathBuf {
    programs::repo().join("scripts")
}

/// `scripts/bench ARGS`.
fn bench(scene: &Scene, args: &[&str]) -> Iodyno {
    scene.program(&[], &scripts().join("bench"), args)
}

/// What `scripts/bench` starts when all is built.
fn suite(scene: &Scene, args: &[&str]) -> Iodyno {
    let (script, iodyno) = (scripts().join("lib/bench/suite.py"), programs::iodyno());
    let script = script.to_str().expect("the project's path is UTF-8");
    let iodyno = iodyno.to_str().expect("the target directory is UTF-8");
    let words = [&[script, "--iodyno", iodyno][..], args].concat();
    // No directories of compiled Python in the project.
    let suite = scene.program(&[], Path::new("python3"), words);
    suite.env("PYTHONDONTWRITEBYTECODE", "1").within(Duration::from_secs(120))
}

/// Directories of that process, and loop devices over files in them.
fn left_by(pid: u32, scene: &Scene) -> Vec<String> {
    let prefix = format!("iodyno-bench-{pid}-");
    let directories = [Path::new("/dev/shm"), scene.path()];
    let entries = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok());
    let names = entries.flatten().flatten().map(|entry| entry.path().display().to_string());
    let devices = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let backing = devices
        .filter_map(|device| std::fs::read_to_string(device.path().join("loop/backing_file")).ok());
    names.chain(backing).filter(|name| name.contains(&prefix)).collect()
}

#[test]
fn the_script_of_measurements_says_what_it_can_do_and_refuses_the_rest() {
    let scene = Scene::new();
    let help = bench(&scene, &["--help"]).run().expect(0).stdout;
    for word in
        ["quick", "full", "engines", "instructions", "probe", "scaling", "digests", "verify"]
    {
        assert!(help.contains(&format!("scripts/bench {word}")), "no {word} in\n{help}");
    }
    bench(&scene, &["quicker"]).run().expect(2).says(&["'quicker' is nothing to measure"]);
    bench(&scene, &[]).run().expect(2).says(&["is nothing to measure"]);
}

#[test]
fn the_suite_refuses_arguments_that_make_no_sense() {
    require!(python3);
    let scene = Scene::new();
    let help = suite(&scene, &["--help"]).run().expect(0).stdout;
    for option in ["--runs", "--seconds", "--repeat", "--only", "--check", "--json", "--update"] {
        assert!(help.contains(option), "no {option} in\n{help}");
    }
    let page = scene.file("page.md", "no markers\n");
    let cases: [(&[&str], &str); 7] = [
        (&["--runs", "0"], "must be positive"),
        (&["--repeat", "-1"], "must be positive"),
        (&["--seconds", "nan"], "0.01 to 3600"),
        (&["--seconds", "0.001"], "0.01 to 3600"),
        (&["--only", "vapour"], "no row is called vapour"),
        (&["--update", &page], "the page has no <!-- begin: scripts/bench -->"),
        (&["--update", &page, "--only", "null"], "the whole table"),
    ];
    for (args, words) in cases {
        let args = [&["quick"][..], args].concat();
        let outcome = suite(&scene, &args).run().expect(2).says(&[words]);
        assert_eq!(outcome.stdout, "", "nothing was measured:\n{outcome}");
    }
}

#[test]
fn statistics_and_jobs_of_the_suite_are_right() {
    require!(python3);
    let scene = Scene::new();
    let directory = scripts().join("lib/bench");
    let directory = directory.to_str().expect("the project's path is UTF-8");
    let args = ["-m", "unittest", "discover", "--start-directory", directory, "-p", "tests.py"];
    let tests = scene.program(&[], Path::new("python3"), args);
    tests.env("PYTHONDONTWRITEBYTECODE", "1").run().expect(0).says(&["OK"]);
}

#[test]
fn the_suite_prints_a_table_and_all_samples_and_leaves_nothing_behind() {
    require!(python3);
    require!(c_compiler);
    let scene = Scene::new();
    let json = scene.at("samples.json");
    let args = ["quick", "--only", "null", "--seconds", "0.02", "--runs", "2", "--json", &json];
    let running = suite(&scene, &args).start();
    let pid = running.pid();
    let outcome = running.wait().expect(0);
    assert_eq!(left_by(pid, &scene), [""; 0]);

    let document = Document::parse(&std::fs::read_to_string(&json).expect("--json was written"));
    for key in ["cpu", "cpus", "kernel", "governor", "virtual", "load_average"] {
        document.at(&format!("/machine/{key}"));
    }
    assert!(document.text("/programs/iodyno").starts_with("iodyno "), "{:#}", document.0);
    let with_fio = document.at("/programs").get("fio").is_some();
    assert_eq!((document.text("/what"), document.number("/runs")), ("quick", 2));
    assert_eq!(document.at("/skipped"), &serde_json::json!([]));
    let rows = document.at("/rows").as_array().expect("rows are a list").clone();
    assert_eq!(rows.len(), 4, "the rows of null:\n{outcome}");
    for (number, row) in rows.iter().enumerate() {
        let name = row["name"].as_str().expect("a row has a name");
        assert!(outcome.stdout.contains(&format!("\n| {name} | ns CPU |")), "{name}:\n{outcome}");
        let programs = [("iodyno", true), ("floor", true), ("fio", with_fio), ("before", false)];
        for (program, there) in programs {
            let samples = row["samples"][0][program].as_array().map(Vec::as_slice);
            let right = samples.unwrap_or_default().iter().all(|ns| ns.as_f64() > Some(0.0));
            assert!(right && samples.map(<[_]>::len) == there.then_some(2), "{name}: {row:#}");
        }
        for key in ["at_least", "aim"] {
            assert!(document.float(&format!("/rows/{number}/{key}")) > 1.0);
        }
        assert_eq!(row["ratio"].is_null(), !with_fio, "{name}: {row:#}");
        let verdict = row["verdict"].as_str().expect("a row has a verdict");
        let known: &[&str] = if with_fio { &["ok", "BELOW"] } else { &["no fio"] };
        assert!(known.contains(&verdict), "{name}: {row:#}");
    }
    // The rows below stand in the text as well, but are no failure unless that is asked for.
    let below = document.at("/below").as_array().expect("a list").len();
    assert_eq!(outcome.stdout.matches("**BELOW**").count(), below, "{outcome}");
}

#[test]
fn a_row_that_is_below_is_a_failure_where_that_is_asked_for() {
    require!(python3);
    require!(c_compiler);
    let scene = Scene::new();
    let json = scene.at("samples.json");
    let only = ["--only", "null randread, depth 1", "--seconds", "0.02", "--runs", "1"];
    let outcome = suite(&scene, &[&["quick", "--check", "--json", &json][..], &only].concat());
    let outcome = outcome.run();
    let document = Document::parse(&std::fs::read_to_string(&json).expect("--json was written"));
    let fine = document.text("/rows/0/verdict") == "ok";
    assert_eq!(outcome.status, i32::from(!fine), "without fio nothing was checked:\n{outcome}");
}

#[test]
fn an_interrupted_measurement_takes_its_devices_with_it() {
    require!(python3);
    require!(c_compiler);
    require!(loop_device);
    let scene = Scene::new();
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let args = ["quick", "--only", "loop", "--seconds", "30"];
        let running = suite(&scene, &args).start();
        let pid = running.pid();
        process::eventually("a loop device of the measurement", Duration::from_secs(60), || {
            let left = left_by(pid, &scene);
            left.iter().any(|name| name.contains("/image")).then_some(())
        });
        process::signal(pid, signal);
        let outcome = running.wait().expect(status).says(&["ended by SIG"]);
        assert_eq!(left_by(pid, &scene), [""; 0], "{outcome}");
    }
}
