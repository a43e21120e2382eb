//! The guard as the scripts call it: counted files on one side, recorded ones on the other, an exit
//! status and words as the answer.
//!
//! Needs no valgrind: the counts are made up.

use iodyno_instructions::cases::{Length, CASES};
use iodyno_instructions::recorded::Recorded;
use iodyno_instructions::toolchain::Toolchain;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Files as a run of the benchmark leaves them, every request having taken that many instructions.
fn counted(dir: &Path, per_request: u64) {
    let mut reports = String::new();
    for case in CASES {
        let phases = if case.beyond.is_some() { 2 } else { 1 };
        for length in Length::ALL {
            let requests = case.requests(length);
            let total = json!({"metrics": {"Ir":
                {"values": {"new": 1_000_000 + requests * per_request * phases}}}});
            let profiles = json!([{"data": {"parts": [], "total": total}}]);
            let report = json!({"id": case.run_id(length), "profiles": profiles});
            reports += &format!("{report}\n");
            let printed = json!({"jobs": [{"read": {"total_ios": requests * phases}}],
                "iodyno": {"host": {"clock": "tsc"}}});
            let path = dir.join(format!("{}.json", case.run_id(length)));
            std::fs::write(path, printed.to_string()).unwrap();
        }
    }
    std::fs::write(dir.join("counted.json"), reports).unwrap();
}

fn recorded(path: &Path, per_request: f64) {
    let per_request = CASES.iter().map(|case| (case.name.to_owned(), per_request)).collect();
    let text = Recorded { toolchain: Toolchain::here("tsc".to_owned()), per_request }.text();
    std::fs::write(path, text).unwrap();
}

/// Exit status and everything printed.
fn guard(args: &[&Path]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_instructions")).args(args).output().expect("it starts");
    let (out, err) = (&output.stdout, &output.stderr);
    let text = [String::from_utf8_lossy(out), String::from_utf8_lossy(err)].concat();
    (output.status.code(), text)
}

#[test]
fn figures_that_are_five_percent_smaller_fail_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.json");
    counted(dir.path(), 400);
    for (figure, status) in [(400.0, 0), (380.0, 1), (390.0, 0), (440.0, 0)] {
        recorded(&file, figure);
        let (ended, text) = guard(&["judge".as_ref(), dir.path(), &file]);
        assert_eq!(ended, Some(status), "{text}");
        let row = text.lines().filter(|line| line.starts_with(CASES[0].name)).count();
        assert!(row >= 1 && text.contains("400.0"), "the table is shown in any case: {text}");
        if status == 1 {
            let line = format!("{}: 380.0 recorded, 400.0 now", CASES[0].name);
            assert!(text.contains(&line) && text.contains("--record"), "{text}");
        }
    }
}

#[test]
fn what_is_recorded_is_what_was_counted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.json");
    recorded(&file, 500.0);
    counted(dir.path(), 400);
    let (ended, text) = guard(&["record".as_ref(), dir.path(), &file]);
    assert_eq!(ended, Some(0), "{text}");
    assert!(text.contains("-20.0 %") && text.contains("written: "), "{text}");
    let written = Recorded::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(written.per_request.values().all(|figure| *figure == 400.0), "{written:?}");
    let (ended, text) = guard(&["compare".as_ref(), dir.path(), dir.path()]);
    assert_eq!((ended, text.matches("+0.0 %").count()), (Some(0), CASES.len()), "{text}");
}

#[test]
fn a_run_that_ended_early_is_no_cheap_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recorded.json");
    recorded(&file, 400.0);
    counted(dir.path(), 400);
    let run = format!("{}.json", CASES[0].run_id(Length::Long));
    std::fs::write(dir.path().join(&run), r#"{"jobs": [{"read": {"total_ios": 7}}]}"#).unwrap();
    let (ended, text) = guard(&["judge".as_ref(), dir.path(), &file]);
    assert!(ended == Some(2) && text.contains("7 requests were made, not"), "{text}");
    std::fs::remove_file(dir.path().join("counted.json")).unwrap();
    let (ended, text) = guard(&["judge".as_ref(), dir.path(), &file]);
    assert!(ended == Some(2) && text.contains("counted.json"), "{text}");
}
