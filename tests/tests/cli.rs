//! The commands around a run: help, lint, engines, options, completions, the manual, --output.
//!
//! What stands on standard output is the answer and nothing else.

use iodyno_tests::{Document, Scene};
use serde_json::Value;

fn stdout(args: &[&str]) -> String {
    let outcome = Scene::new().iodyno(args).run().expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    outcome.stdout
}

#[test]
fn help_teaches() {
    let help = stdout(&["--help"]);
    for word in ["run", "lint", "engines", "Examples:", "Exit status:", "job.toml"] {
        assert!(help.contains(word), "no {word:?} in\n{help}");
    }
    for hidden in ["__cell", "__probe"] {
        assert!(!help.contains(hidden), "{hidden} shows in\n{help}");
    }
    let run = stdout(&["run", "--help"]);
    for word in ["--set", "--engine", "--output-format", "--readonly", "--eta"] {
        assert!(run.contains(word), "no {word:?} in\n{run}");
    }
    assert!(stdout(&["--version"]).starts_with("iodyno "));
}

#[test]
fn completions_and_manual_are_generated() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&["completions", shell]).contains("iodyno"), "{shell}");
    }
    let manual = stdout(&["man"]);
    for word in [".TH", "iodyno", "run", "lint"] {
        assert!(manual.contains(word), "no {word:?} in the manual");
    }
}

#[test]
fn options_are_documented() {
    let all = stdout(&["options"]);
    for word in ["ioengine", "rw", "bs", "iodepth", "rwmixread", "engine_timeout"] {
        assert!(all.contains(word), "no {word} in\n{all}");
    }
    let one = stdout(&["options", "bs"]);
    assert!(one.contains("blocksize"), "the alias is told:\n{one}");
    assert!(stdout(&["options", "--markdown"]).contains("iodepth"));
    Scene::new().iodyno(["options", "iodept"]).run().expect(2).says(&["iodepth"]);
}

#[test]
fn engines_are_listed_and_shown() {
    let list = stdout(&["engines"]);
    assert!(list.contains("null") && list.contains("psync"), "{list}");
    let json: Value = serde_json::from_str(&stdout(&["engines", "--json"])).expect("JSON");
    let text = json.to_string();
    assert!(text.contains("\"null\"") && text.contains("\"psync\""), "{text}");
    let shown = stdout(&["engines", "show", "psync"]);
    for word in ["psync", "libiodyno_engine_psync.so", "sha256", "1.0"] {
        assert!(shown.contains(word), "no {word:?} in\n{shown}");
    }
    let shown = stdout(&["engines", "show", "psync", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert!(shown.to_string().contains("libiodyno_engine_psync.so"));
    Scene::new().iodyno(["engines", "show", "psyncc"]).run().expect(2).says(&["psync"]);
}

#[test]
fn lint_shows_the_effective_job_and_runs_nothing() {
    let scene = Scene::new();
    let job = "[global]\nioengine=psync\nrw=write\nsize=1m\n[a]\nbs=8k\n[b]\niodepth=4\n";
    let file = scene.file("job.fio", job);
    let lint = scene.iodyno(["lint", &file, "--set", "b:bs=16k"]).run().expect(0);
    for word in ["psync", "write", "iodepth", "a", "b"] {
        assert!(lint.stdout.contains(word), "no {word:?} in\n{lint}");
    }
    let left: Vec<_> = std::fs::read_dir(scene.path()).expect("the scene").flatten().collect();
    assert_eq!(left.len(), 1, "lint made files: {left:?}");
}

#[test]
fn lint_needs_no_device() {
    let scene = Scene::new();
    let job = "[a]\nioengine=psync\nrw=write\nfilename=/dev/no-such-device\nsize=1m\n";
    scene.iodyno(["lint", &scene.file("job.fio", job)]).run().expect(0);
}

#[test]
fn the_report_goes_to_a_file_on_request() {
    let scene = Scene::new();
    let path = scene.at("report.json");
    let outcome = scene.json("[a]\nioengine=null\nsize=1m\n").args(["--output", &path]).run();
    let outcome = outcome.expect(0);
    assert_eq!(outcome.stdout, "", "{outcome}");
    let text = std::fs::read_to_string(&path).expect("the report was written");
    assert_eq!(Document::parse(&text).ios(0, "read"), 256);
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_run() {
    let scene = Scene::new();
    let job = "[a]\nioengine=psync\nrw=write\nsize=64k\n";
    let path = scene.at("no/such/place.json");
    scene.json(job).args(["--output", &path]).run().expect(2).says(&["no/such/place.json"]);
    assert!(!scene.path().join("a.0.0").exists(), "the job ran all the same");
}

#[test]
fn the_status_line_stays_off_standard_output() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1m\nruntime=2\ntime_based\n";
    let outcome = scene.json(job).args(["--eta", "always"]).run().expect(0);
    assert!(outcome.stderr.contains("Jobs: 1 (f=1)"), "{outcome}");
    assert!(outcome.stderr.contains("[eta "), "{outcome}");
    outcome.document().assert_no_errors();
    let outcome = scene.json(job).args(["--eta", "never"]).run().expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn several_job_files_are_one_run() {
    let scene = Scene::new();
    let a = scene.file("a.fio", "[a]\nioengine=null\nsize=1m\n");
    let b = scene.file("b.toml", "[[job]]\nname = \"b\"\nioengine = \"null\"\nsize = \"1MiB\"\n");
    let run = scene.iodyno(["run", &a, &b, "--output-format", "json"]).run();
    let document = run.clean();
    assert_eq!(document.jobs(), 2);
    assert_eq!(document.all_ios(), 512);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let program = iodyno_tests::programs::iodyno();
    let script = format!("'{}' engines | true", program.display());
    let output = std::process::Command::new("sh").args(["-c", &script]).output();
    let output = output.expect("sh runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!words.contains("panicked"), "{words}");
}

#[test]
fn an_engine_that_is_not_there_is_told_of_once() {
    let scene = Scene::new();
    let job = scene.file("job.fio", "[a]\nsize=1m\n");
    let misspelt = scene.iodyno(["lint", &job, "--engine", "psnc"]).run().expect(2);
    assert_eq!(misspelt.stderr.matches("did you mean `psync`").count(), 1, "{misspelt}");
    let of_fio = scene.iodyno(["lint", &job, "--engine", "libiscsi"]).run().expect(2);
    of_fio.says(&["libiscsi", "fio has an engine of that name"]);
}
