//! What the control process has to outlive beside an engine's own faults: a cell that is killed
//! from outside, that has no memory, that never stops printing; engines that are slow or deaf; and
//! a thousand crashes in a row, which leave nothing behind.

use iodyno_tests::memory_group::MemoryGroup;
use iodyno_tests::{plugins, process, programs, require, Scene};
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn a_cell_that_is_killed_from_outside_costs_its_job_alone() {
    let scene = Scene::new();
    let job = "[global]\nisolation=job\nrw=randread\nbs=4k\nsize=1g\nioengine=null\ntime_based\n\
               [long]\nruntime=50\n[short]\nruntime=3\n";
    let run = scene.json(job).start();
    let cells = run.wait_for_cells(2);
    // The first job's cell is the one that was started first.
    let long = cells.iter().map(|cell| cell.pid).min().expect("two of them");
    process::wait_until_it_computed(long, 300);
    process::signal(long, Signal::KILL);
    let outcome = run.wait().expect(5).says(&["killed by SIGKILL"]);
    let document = outcome.document();
    let errors = document.errors();
    let (killed, other) = match errors.contains("job long") {
        true => ("long", "short"),
        false => ("short", "long"),
    };
    assert!(document.ios(document.job(killed), "read") > 1000, "what was measured:\n{outcome}");
    assert_eq!(document.number(&format!("/jobs/{}/error", document.job(other))), 0, "{outcome}");
    assert!(outcome.took < Duration::from_secs(if killed == "long" { 20 } else { 58 }));
}

/// A job of an engine that allocates without end, and a neighbour.
fn eater() -> String {
    let faulty = plugins::faulty_null();
    format!(
        "[global]\nisolation=job\nrw=randread\nbs=4k\nsize=4m\n[eats]\nioengine={faulty}\n\
         fault=eat_memory\nafter=100\n[neighbour]\nioengine=null\n"
    )
}

fn assert_the_eater_is_gone(outcome: iodyno_tests::Outcome, signal: &str) {
    let outcome = outcome.expect(5);
    let document = outcome.document();
    assert!(document.errors().contains(signal), "{outcome}");
    assert_eq!(document.ios(document.job("eats"), "read"), 100, "{outcome}");
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "{outcome}");
}

#[test]
fn a_cell_without_memory_is_told_of() {
    require!(c_compiler);
    let scene = Scene::new();
    let file = scene.file("job.fio", eater());
    let args = ["run", &file, "--output-format=json"];
    let outcome = scene.iodyno_after(&[], "ulimit -v 400000", args).run();
    assert_the_eater_is_gone(outcome, "SIGABRT");
}

#[test]
fn a_cell_that_the_kernel_kills_for_its_memory_is_told_of() {
    require!(c_compiler);
    require!(memory_cgroup);
    let scene = Scene::new();
    let group = MemoryGroup::try_new(256 << 20).expect("one could be made a moment ago");
    let file = scene.file("job.fio", eater());
    let args = ["run", &file, "--output-format=json"];
    let outcome = scene.iodyno_after(&[], &group.enter(), args).run();
    assert_the_eater_is_gone(outcome, "SIGKILL");
}

#[test]
fn prints_without_end_are_cut_and_cost_nothing() {
    require!(c_compiler);
    let faulty = plugins::faulty_null();
    let job = format!("[a]\nioengine={faulty}\nfault=babble\nrw=randread\nbs=4k\nsize=4m\n");
    let outcome = Scene::new().run_json(&job);
    let document = outcome.clean();
    assert_eq!(document.ios(0, "read"), 1024);
    let told = document.0.to_string().len();
    assert!(told < 100_000, "{told} bytes of 16 MiB land in the document");
}

#[test]
fn a_slow_engine_is_no_fault_unless_the_job_says_so() {
    require!(c_compiler);
    let faulty = plugins::faulty_null();
    let job = |more: &str| {
        format!(
            "[a]\nioengine={faulty}\nfault=terminate_ignored\nrw=randread\nbs=4k\nsize=4m\n\
             {more}\n"
        )
    };
    // One getevents takes five seconds.
    let outcome = Scene::new().run_json(&job(""));
    assert!(outcome.took >= Duration::from_secs(5), "{outcome}");
    assert_eq!(outcome.clean().ios(0, "read"), 1024);
    let outcome = Scene::new().run_json(&job("engine_timeout=1s")).expect(5);
    let errors = outcome.document().errors();
    assert!(errors.contains("getevents has not returned for 1."), "{outcome}");
    assert!(errors.contains("engine_timeout"), "{outcome}");
}

#[test]
fn an_engine_that_spoils_terminate_holds_up_no_end() {
    require!(c_compiler);
    let faulty = plugins::faulty_null();
    for fault in ["terminate_segv", "terminate_hang", "terminate_ignored", "terminate_deafens"] {
        let scene = Scene::new();
        // Each request takes its time, so that some are in flight when the signal comes.
        let job = format!(
            "[a]\nioengine={faulty}\nfault={fault}\nafter=0\nlatency=100ms\niodepth=4\n\
             rw=randread\nbs=4k\nsize=1g\nengine_timeout=3s\n"
        );
        let run = scene.json(&job).start();
        run.wait_for_cells(1);
        std::thread::sleep(Duration::from_millis(1000));
        process::signal(run.pid(), Signal::INT);
        let outcome = run.wait();
        assert!([128, 5].contains(&outcome.status), "fault {fault}:\n{outcome}");
        assert!(outcome.took < Duration::from_secs(20), "fault {fault}:\n{outcome}");
        outcome.document();
    }
}

/// Runs so many jobs, one after the other, each of whose engines crashes at once.
fn crash_again_and_again(scene: &Scene, file: &str, times: usize) {
    for _ in 0..times {
        let run = scene.iodyno(["run", file, "--output-format=json"]);
        let outcome = run.env("IODYNO_FAULTY", "segv").run().expect(5);
        assert!(outcome.document().errors().contains("SIGSEGV"), "{outcome}");
    }
}

#[test]
fn a_thousand_crashes_leave_nothing_behind() {
    require!(c_compiler);
    // A build for debugging takes ten times as long for a run.
    let runs = if programs::bin_dir().ends_with("debug") { 100 } else { 1000 };
    let faulty = plugins::faulty_null();
    let shared = Path::new("/dev/shm");
    let before = process::names_with(shared, "iodyno-page");
    let started = Instant::now();
    let scenes = [Scene::new(), Scene::new()];
    std::thread::scope(|scope| {
        for scene in &scenes {
            let text = format!("[a]\nioengine={faulty}\nrw=randread\nbs=4k\nsize=64k\n");
            scope.spawn(move || {
                let file = scene.file("job.fio", text);
                crash_again_and_again(scene, &file, runs / 2);
            });
        }
    });
    let took = started.elapsed();
    for scene in &scenes {
        assert_eq!(process::bearing(scene.path()), Vec::<u32>::new(), "processes of the runs");
        assert_eq!(process::names_with(scene.path(), ""), ["job.fio"], "their working directory");
    }
    // Other tests run at the same time, and leave nothing there either.
    let after = process::names_with(shared, "iodyno-page");
    assert!(after.iter().all(|name| before.contains(name)), "shared memory: {after:?}");
    assert!(took < Duration::from_secs(120), "{runs} runs took {took:?}");
}
