//! Disks that fill up, files that shrink, reads at the end of a file, files that refuse.
//!
//! Each: the right status, words, a document that parses, and nothing measured lost.

use iodyno_tests::{require, Scene};
use std::fs::OpenOptions;
use std::time::Duration;

/// A job that writes 16 MiB to a file that is not there yet.
fn growing(target: &str) -> String {
    format!("[fill]\nioengine=psync\nrw=write\nbs=64k\nsize=16m\nfilename={target}\n")
}

fn assert_stopped(outcome: &iodyno_tests::Outcome, errno: u64, words: &str, limit: u64) {
    assert_eq!(outcome.status, 1, "{outcome}");
    let document = outcome.document();
    assert!(outcome.stderr.to_lowercase().contains(words), "no {words:?}:\n{outcome}");
    assert_eq!(document.number("/jobs/0/error"), errno, "{outcome}");
    let written = document.bytes(0, "write");
    assert!(written > 0 && written <= limit, "{written} bytes are counted:\n{outcome}");
    assert_eq!(document.number("/iodyno/exit_status"), 1);
}

#[test]
fn a_disk_that_fills_up_in_mid_run() {
    require!(private_mounts);
    let scene = Scene::new();
    let disk = scene.at("disk");
    std::fs::create_dir(&disk).expect("the scene is writable");
    let job = scene.file("job.fio", growing(&format!("{disk}/file")));
    let mount = format!("mount -t tmpfs -o size=4m none '{disk}'");
    let args = ["run", &job, "--output-format", "json"];
    let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run();
    assert_stopped(&outcome, 28, "no space left", 4 << 20);
}

#[test]
fn a_file_that_may_not_grow_further() {
    let scene = Scene::new();
    let job = scene.file("job.fio", growing("file"));
    // The shell's unit is 512 bytes (dash) or 1024 (bash as sh): 2 or 4 MiB.
    let script = "trap '' XFSZ; ulimit -f 4096";
    let args = ["run", &job, "--output-format", "json"];
    let outcome = scene.iodyno_after(&[], script, args).run();
    assert_stopped(&outcome, 27, "too large", 4 << 20);
}

#[test]
fn a_file_truncated_in_mid_run_reads_short_and_is_counted() {
    let scene = Scene::new();
    let file = scene.zeros("file", 4 << 20);
    let job = "[a]\nioengine=psync\nrw=read\nbs=64k\nfilename=file\nsize=4m\n\
        rate_iops=32\n";
    let run = scene.json(job).start();
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(600));
    let shrunk = OpenOptions::new().write(true).open(&file).expect("the file is there");
    shrunk.set_len((2 << 20) + 1000).expect("the file shrinks");
    let outcome = run.wait();
    assert!([0, 1].contains(&outcome.status), "{outcome}");
    let document = outcome.document();
    let bytes = document.bytes(0, "read");
    assert!(bytes > 0 && bytes < 4 << 20, "{bytes} bytes came:\n{outcome}");
    assert!(document.number("/jobs/0/read/short_ios") >= 1, "{outcome}");
    assert!(document.ios(0, "read") >= 32, "{outcome}");
}

#[test]
fn a_read_at_the_end_of_a_file_ends_short_without_error() {
    let scene = Scene::new();
    let file = scene.file("file", vec![7_u8; 64 * 1024]);
    let run = scene.json(
        "[a]\nioengine=psync\nrw=randread\nbs=4k\nfilename=file\nsize=64k\nnorandommap\n\
         runtime=2\ntime_based\nrate_iops=500\n",
    );
    let run = run.start();
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(500));
    let shrunk = OpenOptions::new().write(true).open(file).expect("the file is there");
    shrunk.set_len(32 * 1024 + 100).expect("the file shrinks");
    let outcome = run.wait().expect(0);
    let document = outcome.document();
    let (ios, bytes) = (document.ios(0, "read"), document.bytes(0, "read"));
    let short = document.number("/jobs/0/read/short_ios");
    assert!(short > 0 && short < ios, "{short} of {ios} were short:\n{outcome}");
    assert!(bytes >= (ios - short) * 4096 && bytes < ios * 4096, "{bytes} bytes:\n{outcome}");
}

#[test]
fn a_device_that_is_always_full() {
    let scene = Scene::new();
    let job = "[a]\nioengine=psync\nrw=write\nbs=4k\nsize=64k\nfilename=/dev/full\n";
    let outcome = scene.run_json(job).expect(1);
    assert!(outcome.stderr.to_lowercase().contains("no space left"), "{outcome}");
    let document = outcome.document();
    assert_eq!(document.number("/jobs/0/error"), 28, "{outcome}");
    assert_eq!(document.bytes(0, "write"), 0, "{outcome}");
}

#[test]
fn a_file_that_may_not_be_written() {
    let scene = Scene::new();
    let target = "/proc/version";
    let job = format!("[a]\nioengine=psync\nrw=write\nbs=512\nsize=4k\nfilename={target}\n");
    let outcome = scene.run_json(&job);
    assert!([1, 2].contains(&outcome.status), "{outcome}");
    assert!(outcome.stderr.contains(target), "{outcome}");
    assert_eq!(outcome.document().bytes(0, "write"), 0, "{outcome}");
}

#[test]
fn a_read_of_a_file_that_is_not_there_lays_it_out_only_with_a_size() {
    let scene = Scene::new();
    let job = "[a]\nioengine=psync\nrw=read\nfilename=absent\n";
    let outcome = scene.run_json(job).expect(2).says(&["absent", "size"]);
    assert!(!scene.path().join("absent").exists(), "{outcome}");
    let document = scene.run_json(&format!("{job}size=64k\n")).clean();
    assert_eq!(document.ios(0, "read"), 16);
    let laid_out = std::fs::metadata(scene.path().join("absent")).expect("laid out");
    assert_eq!(laid_out.len(), 64 * 1024);
}

#[test]
fn the_first_failure_of_one_job_leaves_the_others_to_finish() {
    let scene = Scene::new();
    let job = "[global]\nioengine=psync\nrw=write\nbs=4k\nsize=64k\n\
        [bad]\nfilename=/dev/full\n[good]\nfilename=good\n";
    let outcome = scene.run_json(job).expect(1);
    let document = outcome.document();
    assert_eq!(document.ios(document.job("good"), "write"), 16, "{outcome}");
    assert_eq!(document.number(&format!("/jobs/{}/error", document.job("good"))), 0);
}
