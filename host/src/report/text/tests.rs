//! The normal output as a user gets it, by snapshot.

use super::*;
use crate::report::fixture;
use crate::run::result::EngineFault;

/// What scripts are known to look for.
#[test]
fn the_lines_that_scripts_grep_are_there() {
    let mut result = fixture::synchronous();
    let mut other = fixture::groups();
    result.workers.append(&mut other.workers);
    let text = text(&result);
    let starts = [
        "a: (g=0): rw=randrw, bs=(R) 4096B-4096B, (W) 4096B-4096B, (T) 4096B-4096B, ioengine=psync",
        "Starting 4 threads",
        "a: (groupid=0, jobs=1): err= 0: pid=",
        "  read: IOPS=",
        "  write: IOPS=",
        "  trim: IOPS=",
        "    clat (usec): min=",
        "     lat (usec): min=",
        "    clat percentiles (usec):",
        "     |  1.00th=[",
        "     | 99.00th=[",
        "   bw (  KiB/s): min=",
        "   iops        : min=",
        "  lat (usec)   : ",
        "  fsync/fdatasync/sync_file_range:",
        "    sync (usec): min=",
        "  cpu          : usr=",
        "  IO depths    : 1=",
        "     submit    : 0=",
        "     complete  : 0=",
        "     issued rwts: total=",
        "     latency   : target=",
        "Run status group 0 (all jobs):",
        "   READ: bw=",
        "  WRITE: bw=",
        "   TRIM: bw=",
        "Disk stats (read/write):",
        "  vda: ios=",
    ];
    for start in starts {
        assert!(text.lines().any(|line| line.starts_with(start)), "no {start:?} in\n{text}");
    }
}

#[test]
fn synchronous() {
    insta::assert_snapshot!(text(&fixture::synchronous()));
}

#[test]
fn asynchronous() {
    insta::assert_snapshot!(text(&fixture::asynchronous()));
}

#[test]
fn groups() {
    insta::assert_snapshot!(text(&fixture::groups()));
}

#[test]
fn failed() {
    insta::assert_snapshot!(text(&fixture::failed()));
}

#[test]
fn gtod_reduce() {
    insta::assert_snapshot!(text(&fixture::gtod_reduce()));
}

#[test]
fn idle() {
    insta::assert_snapshot!(text(&fixture::idle()));
}

#[test]
fn open_loop() {
    insta::assert_snapshot!(text(&fixture::open_loop()));
}

#[test]
fn searching() {
    insta::assert_snapshot!(text(&fixture::searching()));
}

#[test]
fn mixed_directions_and_more_digits() {
    let mut result = fixture::synchronous();
    let report = &mut result.workers[0].job.report;
    report.unified_rw_reporting = crate::job::spec::UnifiedRw::Mixed;
    report.significant_figures = 6;
    let text = text(&result);
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (lines("  read:"), lines("  write:"), lines("  mixed: IOPS=2044, BW=8179.")),
        (0, 0, 1)
    );
    assert_eq!((lines("   READ:"), lines("  MIXED: bw=")), (0, 1), "{text}");
}

#[test]
fn no_worker_at_all() {
    let mut result = fixture::run(Vec::new());
    result.errors.push(RunError {
        kind: crate::run::result::ErrorKind::Engine,
        job: None,
        errno: None,
        message: "the cell did not start".to_owned(),
        engine: Some(Box::new(EngineFault { name: "x".to_owned(), ..EngineFault::default() })),
    });
    assert_eq!(
        text(&result),
        "iodyno-0.1.0\nStarting 0 threads\n\n\nErrors:\n  the cell did not start\n    engine x\n"
    );
}
