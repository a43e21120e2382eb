//! `io_submit_mode=offload`: a synchronous engine with several requests at once, and what becomes
//! of troubles in one of its threads.
//!
//! The engine is `tests/plugins/slow.c`, and psync for data that arrives.

use iodyno_tests::{plugins, require, Outcome, Scene};
use std::time::Duration;

fn run(scene: &Scene, lines: &str) -> Outcome {
    let engine = plugins::built("slow");
    let peak = scene.at("peak");
    scene.run_json(&format!(
        "[a]\nioengine={engine}\npeak={peak}\nrw=randread\nbs=4k\nio_submit_mode=offload\n{lines}\n"
    ))
}

#[test]
fn a_synchronous_engine_has_as_many_in_flight_as_iodepth_says() {
    require!(c_compiler);
    for depth in [1, 2, 8] {
        let scene = Scene::new();
        let document = run(&scene, &format!("size=512k\niodepth={depth}\ndelay_us=10000")).clean();
        assert_eq!(document.ios(0, "read"), 128);
        let peak = std::fs::read_to_string(scene.at("peak")).expect("the engine wrote it");
        assert_eq!(peak, depth.to_string());
        assert_eq!(document.number("/jobs/0/read/clat_ns/N"), 128);
        let clat = document.float("/jobs/0/read/clat_ns/mean");
        assert!((9e6..60e6).contains(&clat), "{clat} ns");
    }
}

#[test]
fn data_arrives_whole() {
    let scene = Scene::new();
    let document = scene
        .run_json(
            "[global]\nioengine=psync\nbs=4k\nsize=1m\nfilename=one:two\n\
             io_submit_mode=offload\niodepth=16\n\
             [write]\nrw=randwrite\nend_fsync=1\nfsync=32\n[read]\nstonewall\nrw=randread\n",
        )
        .clean();
    assert_eq!((document.ios(0, "write"), document.ios(1, "read")), (256, 256));
    assert_eq!(document.bytes(1, "read"), 1 << 20);
    assert_eq!(document.number("/jobs/0/sync/total_ios"), 10);
}

#[test]
fn a_breach_in_any_thread_is_an_engine_fault() {
    require!(c_compiler);
    let cases = [
        ("status", "queue answered 7"),
        ("queued", "queue answered Queued although"),
        ("busy", "queue answered Busy"),
    ];
    for (fault, words) in cases {
        let scene = Scene::new();
        let outcome = run(&scene, &format!("size=512k\niodepth=4\nfault={fault}"));
        let outcome = outcome.expect(5).says(&["broke its contract", words]);
        assert!(outcome.document().ios(0, "read") >= 6, "what was done counts:\n{outcome}");
    }
}

#[test]
fn a_crash_in_any_thread_names_the_callback() {
    require!(c_compiler);
    let scene = Scene::new();
    let outcome = run(&scene, "size=512k\niodepth=4\nfault=segv\ndelay_us=1000");
    outcome.expect(5).says(&["SIGSEGV", "queue"]);
}

#[test]
fn refusals_and_failures_keep_their_words() {
    require!(c_compiler);
    let scene = Scene::new();
    let outcome = run(&scene, "size=512k\niodepth=4\nfault=negative").expect(1);
    outcome.says(&["queue", "the belt has slipped"]);
    let outcome = run(&scene, "size=512k\niodepth=4\nfault=error").expect(1);
    outcome.says(&["read of 4096 bytes", "the belt is torn"]);
    let lines = "size=512k\niodepth=4\nfault=error\ncontinue_on_error=read";
    let outcome = run(&scene, lines).expect(1).says(&["118 requests failed, first:", "is torn"]);
    assert_eq!(outcome.document().ios(0, "read"), 128);
    let outcome = run(&scene, "size=512k\niodepth=4\nfault=third_init").expect(1);
    outcome.says(&["there are only two of me"]);
}

#[test]
fn the_end_of_the_run_wakes_every_thread() {
    require!(c_compiler);
    let scene = Scene::new();
    let lines = "size=512k\niodepth=4\nfault=hang\nruntime=1\ntime_based";
    let outcome = run(&scene, lines);
    assert!(outcome.took < Duration::from_secs(20), "{outcome}");
    assert!(outcome.clean().ios(0, "read") >= 10);
}

#[test]
fn a_thread_that_hangs_is_found_by_its_callback() {
    require!(c_compiler);
    let scene = Scene::new();
    let lines = "size=512k\niodepth=4\nfault=hang\nengine_timeout=1";
    run(&scene, lines).expect(5).says(&["queue"]);
}

#[test]
fn what_offload_cannot_is_refused() {
    require!(c_compiler);
    let scene = Scene::new();
    let lines = "size=512k\niodepth=4\nnrfiles=4\nopenfiles=2";
    run(&scene, lines).expect(2).says(&["io_submit_mode=offload keeps all files open"]);
}

#[test]
fn what_goes_wrong_in_the_set_up_of_a_thread_is_told_and_seen_off() {
    require!(c_compiler);
    // The engine aborts where a file is closed that it did not open, where a unit or a file that it
    // was shown is not seen off, and where it is called after a breach.
    let cases = [
        ("third_open", 1, "this door is shut"),
        ("third_start", 1, "start"),
        ("third_breach", 5, "open_file answered 7"),
    ];
    for (fault, status, words) in cases {
        let scene = Scene::new();
        let lines = format!("size=512k\nnrfiles=3\niodepth=4\nfault={fault}");
        let outcome = run(&scene, &lines).expect(status).says(&[words]);
        assert!(!outcome.stderr.contains("SIGABRT"), "{outcome}");
    }
    let scene = Scene::new();
    let lines = "size=512k\nnrfiles=3\niodepth=4\nfault=third_hang\nengine_timeout=1";
    run(&scene, lines).expect(5).says(&["open_file has not returned for"]);
}

#[test]
fn one_thread_that_hangs_is_found_while_the_others_go_on() {
    require!(c_compiler);
    let scene = Scene::new();
    let lines = "size=512k\niodepth=4\nfault=hang_one\ndelay_us=1000\nengine_timeout=1\n\
                 runtime=60\ntime_based";
    let outcome = run(&scene, lines).expect(5).says(&["queue has not returned for"]);
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
}
