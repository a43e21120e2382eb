//! Syncs and barriers as the engine sees them, and as the kernel does.
//!
//! The engine is `tests/plugins/recorder.c`, which writes each request down.

use iodyno_tests::{plugins, require, Document, Scene};

/// Runs a job of 4 KiB requests; answers the document and the requests, without the job's name.
fn record(lines: &str) -> (Document, Vec<String>) {
    let scene = Scene::new();
    let path = scene.at("record");
    let engine = plugins::built("recorder");
    let all = format!("[global]\nioengine={engine}\nrecord={path}\nbs=4k\nrw=write\n");
    let job = format!("{all}[a]\n{lines}\n");
    let document = scene.run_json(&job).clean();
    let text = std::fs::read_to_string(path).expect("the engine wrote its record");
    let lines = text.lines().map(|line| line.trim_start_matches("a ").to_owned());
    (document, lines.collect())
}

fn ops(seen: &[String]) -> String {
    let letter = |line: &String| match line.split(' ').next() {
        Some("write") => 'w',
        Some("read") => 'r',
        Some("fsync") => 'F',
        Some("fdatasync") => 'D',
        Some("sync_file_range") => 'R',
        _ => '?',
    };
    seen.iter().map(letter).collect()
}

#[test]
fn each_sync_has_its_own_number_of_writes() {
    require!(c_compiler);
    let cases = [
        ("size=36k\nfdatasync=4", "wwwwDwwwwDw"),
        ("size=20k\nfsync=4\nfdatasync=4", "wwwwFw"),
        ("size=52k\nfsync=6\nfdatasync=4", "wwwwDwwFwwDwwwwFw"),
        ("size=28k\nsync_file_range=write:2\nfdatasync=6", "wwRwwRwwDw"),
        ("size=20k\nend_fsync=1", "wwwwwF"),
        ("size=20k\nfsync_on_close=1", "wwwwwF"),
        ("size=20k\nrw=read\nfsync=2\nfdatasync=2\nend_fsync=1", "rrrrr"),
    ];
    for (lines, expected) in cases {
        let (document, seen) = record(lines);
        assert_eq!(ops(&seen), expected, "{lines}");
        let syncs = expected.chars().filter(|op| "FDR".contains(*op)).count() as u64;
        assert_eq!(document.number("/jobs/0/sync/total_ios"), syncs, "{lines}");
    }
}

#[test]
fn a_range_and_its_flags_reach_the_engine() {
    require!(c_compiler);
    let (_, seen) = record("size=28k\nsync_file_range=wait_before,write:3");
    let ranges: Vec<&String> = seen.iter().filter(|line| line.starts_with("sync")).collect();
    let expected = [
        "sync_file_range 0 12288 0 wait_before write",
        "sync_file_range 12288 12288 0 wait_before write",
    ];
    assert_eq!(ranges, expected);
}

#[test]
fn every_so_many_writes_one_is_a_barrier() {
    require!(c_compiler);
    let (_, seen) = record("size=28k\nwrite_barrier=3");
    let through: Vec<bool> = seen.iter().map(|line| line.ends_with(" fua")).collect();
    assert_eq!(through, [false, false, true, false, false, true, false]);
}

#[test]
fn every_file_is_synced_before_it_is_closed() {
    require!(c_compiler);
    let (_, seen) = record("size=32k\nnrfiles=2\nfsync_on_close=1\ndoors=1");
    let tail: Vec<&str> = seen[seen.len() - 4..].iter().map(String::as_str).collect();
    assert_eq!(tail, ["fsync 0 0 0", "fsync 0 0 1", "close 0 0 0", "close 0 0 1"]);
}

#[test]
fn an_engine_that_says_it_cannot_is_refused_before_the_start() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!("[a]\nioengine={engine}\nfault=only_moves\nrw=write\nbs=4k\nsize=20k\n");
    let cases = [
        ("fsync=2", "cannot fsync"),
        ("end_fsync=1", "cannot fsync"),
        ("fsync_on_close=1", "cannot fsync"),
        ("fdatasync=2", "cannot fdatasync"),
        ("sync_file_range=write:2", "cannot sync_file_range"),
    ];
    for (line, words) in cases {
        let outcome = scene.run_json(&format!("{job}{line}\n")).expect(2).says(&[words]);
        assert_eq!(outcome.document().all_ios(), 0, "{line}");
    }
    scene.run_json(&job).clean();
}

#[test]
fn the_kernel_takes_all_of_them() {
    let scene = Scene::new();
    let document = scene
        .run_json(
            "[a]\nioengine=psync\nrw=write\nbs=4k\nsize=64k\nfilename=file\nfsync=8\nfdatasync=4\n\
             sync_file_range=wait_before,write,wait_after:2\nwrite_barrier=3\nfsync_on_close=1\n",
        )
        .clean();
    assert_eq!(document.ios(0, "write"), 16);
    // Two fsyncs, two fdatasyncs, four ranges, one at the end.
    assert_eq!(document.number("/jobs/0/sync/total_ios"), 9);
    assert_eq!(document.number("/jobs/0/sync/lat_ns/N"), 9);
}
