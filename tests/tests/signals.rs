//! Signals: the user's, which drain and still report, and a cell that is killed in mid-run.
//!
//! Nothing measured may be lost, nothing may stay behind: no process, no file.

use iodyno_tests::run::{Outcome, Running};
use iodyno_tests::{plugins, process, require, Scene};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;

const ENDLESS: &str = "
[global]
ioengine=null
rw=randread
bs=4k
size=1g
runtime=50
time_based

[endless]
";

/// Starts the endless job and lets it measure for a while.
fn started(scene: &Scene) -> (Running, u32) {
    let run = scene.json(ENDLESS).start();
    let cell = run.wait_for_cells(1)[0].pid;
    process::wait_until_it_computed(cell, 400);
    (run, cell)
}

fn assert_measured(outcome: &Outcome) {
    let document = outcome.document();
    assert!(document.ios(0, "read") > 1000, "requests before the signal are counted:\n{outcome}");
    assert!(document.float("/jobs/0/read/iops") > 0.0, "{outcome}");
    assert!(document.number("/jobs/0/read/runtime") >= 100, "{outcome}");
}

fn assert_nothing_left(scene: &Scene, control: u32, cell: u32) {
    assert!(!process::alive(control), "the control process is still there");
    process::eventually("the cell is gone", Duration::from_secs(5), || {
        (!process::alive(cell)).then_some(())
    });
    let job_file_only = std::fs::read_dir(scene.path()).expect("the scene is there").count();
    assert_eq!(job_file_only, 1, "the run left files in its TMPDIR and working directory");
    for dir in ["/dev/shm", "/tmp", "/run"] {
        for part in [control.to_string(), cell.to_string()] {
            let left = process::names_with(Path::new(dir), &format!("iodyno-{part}"));
            assert!(left.is_empty(), "left in {dir}: {left:?}");
        }
    }
}

#[test]
fn a_killed_cell_is_status_5_and_loses_nothing() {
    let scene = Scene::new();
    let shm = process::names_with(Path::new("/dev/shm"), "iodyno");
    let (run, cell) = started(&scene);
    let control = run.pid();
    process::signal(cell, Signal::KILL);
    let outcome = run.wait().expect(5);
    assert_measured(&outcome);
    let errors = outcome.document().errors();
    assert!(errors.contains("KILL"), "the signal is named: {errors}");
    assert_nothing_left(&scene, control, cell);
    // Other tests run beside this one: what was there before may be gone, nothing new may stay.
    process::eventually("/dev/shm is as before", Duration::from_secs(60), || {
        let now = process::names_with(Path::new("/dev/shm"), "iodyno");
        now.iter().all(|name| shm.contains(name)).then_some(())
    });
}

#[test]
fn a_killed_cell_also_tells_in_the_normal_report() {
    let scene = Scene::new();
    let run = scene.iodyno(["run", &scene.file("job.fio", ENDLESS)]).start();
    let cell = run.wait_for_cells(1)[0].pid;
    process::wait_until_it_computed(cell, 300);
    process::signal(cell, Signal::KILL);
    let outcome = run.wait().expect(5).says(&["null", "KILL"]);
    assert!(outcome.stdout.contains("  read: IOPS="), "{outcome}");
}

#[test]
fn sigint_sigterm_and_sighup_drain_and_report() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let scene = Scene::new();
        let (run, cell) = started(&scene);
        let control = run.pid();
        process::signal(control, signal);
        let outcome = run.wait().expect(128);
        assert_measured(&outcome);
        outcome.document().assert_no_errors();
        assert_nothing_left(&scene, control, cell);
    }
}

#[test]
fn a_signal_before_the_measure_phase_is_not_taken_for_an_early_end() {
    let scene = Scene::new();
    let run = scene.json(&format!("{ENDLESS}ramp_time=40\n")).start();
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(500));
    process::signal(run.pid(), Signal::INT);
    let outcome = run.wait().expect(128);
    assert!(!outcome.stderr.contains("before ramp_time was over"), "{outcome}");
    assert_eq!(outcome.document().ios(0, "read"), 0);
}

#[test]
fn ctrl_c_goes_to_the_whole_group_and_still_drains() {
    let scene = Scene::new();
    let (run, cell) = started(&scene);
    let control = run.pid();
    process::signal_group(control, Signal::INT);
    let outcome = run.wait().expect(128);
    assert_measured(&outcome);
    outcome.document().assert_no_errors();
    assert_nothing_left(&scene, control, cell);
}

#[test]
fn two_quick_sigints_leave_nothing_behind() {
    let scene = Scene::new();
    let (run, cell) = started(&scene);
    let control = run.pid();
    process::signal(control, Signal::INT);
    process::signal(control, Signal::INT);
    let outcome = run.wait().expect(128);
    assert_measured(&outcome);
    outcome.document().assert_no_errors();
    assert_nothing_left(&scene, control, cell);
}

#[test]
fn a_second_sigint_ends_a_run_whose_engine_hangs() {
    require!(c_compiler);
    let engine = plugins::faulty_null();
    for isolation in ["run", "none"] {
        let scene = Scene::new();
        let job = format!(
            "[global]\nisolation={isolation}\n[stuck]\nioengine={engine}\nfault=hang\n\
             after=100\nsize=4m\nrw=randread\n"
        );
        let run = scene.json(&job).start();
        // Long enough for the hundred requests, and for the drain that cannot end.
        std::thread::sleep(Duration::from_millis(1000));
        process::signal(run.pid(), Signal::INT);
        std::thread::sleep(Duration::from_millis(300));
        process::signal(run.pid(), Signal::INT);
        let outcome =
            run.wait().expect(128).says(&["given up while queue of engine faulty-null ran"]);
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.ios(0, "read"), 100, "isolation={isolation}:\n{outcome}");
    }
}

#[test]
fn a_killed_control_process_takes_its_cell_along() {
    let scene = Scene::new();
    let (run, cell) = started(&scene);
    process::signal(run.pid(), Signal::KILL);
    run.wait().expect(-9);
    process::eventually("the orphaned cell ends", Duration::from_secs(10), || {
        (!process::alive(cell)).then_some(())
    });
}

#[test]
fn a_signal_before_later_groups_ends_the_run() {
    let scene = Scene::new();
    let job = format!("{ENDLESS}\n[later]\nstonewall\n");
    let run = scene.json(&job).start();
    process::wait_until_it_computed(run.wait_for_cells(1)[0].pid, 300);
    process::signal(run.pid(), Signal::INT);
    let outcome = run.wait().expect(128);
    let document = outcome.document();
    assert!(document.ios(document.job("endless"), "read") > 0, "{outcome}");
    assert_eq!(document.ios(document.job("later"), "read"), 0, "{outcome}");
}
