//! Many workers, many files, deep queues, large targets: that they work, that their figures are
//! exact, and what they take of memory.
//!
//! What they take of time is `scripts/bench scaling`'s affair: no test here looks at a clock.

use iodyno_tests::needs::skip;
use iodyno_tests::{process, Scene};
use std::time::Duration;

/// Workers that one machine should never have trouble with.
const MANY: u64 = 1024;

fn many(more: &str) -> String {
    format!("[many]\nioengine=null\nrw=randread\nbs=4k\nsize=1g\nthread\nnumjobs={MANY}\n{more}")
}

/// Proportional set size of a process in KiB.
fn pss_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("Pss");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn threads(pid: u32) -> u64 {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, |tasks| tasks.count() as u64)
}

#[test]
fn each_of_1024_workers_makes_its_requests_and_reports_them() {
    let outcome = Scene::new().run_json(&many("number_ios=7\n"));
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!((document.jobs() as u64, document.all_ios()), (MANY, 7 * MANY));
    for job in 0..document.jobs() {
        assert_eq!(document.ios(job, "read"), 7, "record {job}");
        assert!(document.number(&format!("/jobs/{job}/job_start")) > 0, "record {job}");
    }
}

#[test]
fn what_1024_workers_measured_is_merged_into_one_record() {
    let outcome = Scene::new().run_json(&many("number_ios=7\ngroup_reporting\n"));
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!((document.jobs(), document.ios(0, "read")), (1, 7 * MANY));
    assert_eq!(document.number("/jobs/0/read/clat_ns/N"), 7 * MANY);
}

#[test]
fn workers_1024_that_measure_stay_below_64_mib() {
    let scene = Scene::new();
    let waiting = many("time_based\nruntime=1h\nthinktime=1h\n");
    let running = scene.json(&waiting).start();
    let cell = running.wait_for_cells(1)[0].pid;
    process::eventually("all workers are there", Duration::from_secs(30), || {
        (threads(cell) > MANY).then_some(())
    });
    // Each has made its first request when the second look of the control process is over.
    std::thread::sleep(Duration::from_secs(2));
    let kib = pss_kib(running.pid()) + pss_kib(cell);
    process::signal(running.pid(), rustix::process::Signal::INT);
    let document = running.wait().document();
    assert!(document.all_ios() >= MANY, "{} requests", document.all_ios());
    assert!(kib < 64 << 10, "{kib} KiB");
}

#[test]
fn a_depth_of_4096_is_filled_and_exact() {
    let job = "[deep]\nioengine=libaio\nrw=randread\nbs=512\nsize=4m\niodepth=4096\n\
               io_size=10m\nnumber_ios=20000\nnorandommap=1\ninvalidate=0\n";
    let scene = Scene::new();
    let outcome = scene.run_json(job);
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!(document.ios(0, "read"), 20_000);
}

#[test]
fn a_sparse_file_of_a_tebibyte_has_a_random_map_of_no_size() {
    let scene = Scene::new();
    let path = scene.at("sparse");
    let file = std::fs::File::create(&path).expect("the scene is writable");
    if let Err(why) = file.set_len(1 << 40) {
        return skip(&format!("no file of 1 TiB here: {why}"));
    }
    let job = format!(
        "[large]\nioengine=psync\nrw=randread\nbs=4k\nfilename={path}\nnumber_ios=2000\n\
         invalidate=0\n"
    );
    let outcome = scene.run_json(&job);
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!(document.ios(0, "read"), 2000);
}

#[test]
fn a_hundred_thousand_files_are_made_as_they_are_written() {
    let scene = Scene::new();
    let job = "[files]\nioengine=psync\nrw=write\nbs=512\nnrfiles=100000\nfilesize=512\n\
               openfiles=50\nfallocate=none\ncreate_on_open=1\nfile_service_type=sequential\n\
               directory=files\n";
    std::fs::create_dir(scene.at("files")).expect("the scene is writable");
    let outcome = scene.json(job).within(Duration::from_secs(300)).run();
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!(document.ios(0, "write"), 100_000);
    assert_eq!(std::fs::read_dir(scene.at("files")).expect("it is there").count(), 100_000);
}
