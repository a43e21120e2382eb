//! Which process does what: the control process loads no plugin, cells do.
//!
//! Looks at /proc while a run is going on. No test here measures time.

use iodyno_tests::{process, Scene};
use rustix::process::Signal;
use std::time::Duration;

const TWO_JOBS: &str = "
[global]
ioengine=null
rw=randread
size=1m
runtime=30
time_based

[a]

[b]
";

/// Waits until a process has the null engine mapped.
fn wait_for_engine(pid: u32) {
    process::eventually("the engine is mapped", Duration::from_secs(20), || {
        process::maps(pid, "libiodyno_engine_null").then_some(())
    });
}

fn run_with(isolation: &str, cells: usize) {
    let scene = Scene::new();
    let job = TWO_JOBS.replace("[global]", &format!("[global]\nisolation={isolation}"));
    let run = scene.json(&job).start();
    let control = run.pid();
    if cells == 0 {
        wait_for_engine(control);
        assert!(process::cells(control).is_empty(), "isolation=none starts no cell");
    } else {
        let found = run.wait_for_cells(cells);
        found.iter().for_each(|cell| wait_for_engine(cell.pid));
        assert_eq!(process::cells(control).len(), cells, "isolation={isolation}: {found:?}");
        assert!(
            !process::maps(control, "libiodyno_engine"),
            "the control process has a plugin loaded"
        );
    }
    process::signal(control, Signal::INT);
    let outcome = run.wait().expect(128);
    assert_eq!(outcome.document().jobs(), 2, "{outcome}");
}

#[test]
fn isolation_run_is_one_cell() {
    run_with("run", 1);
}

#[test]
fn isolation_job_is_a_cell_for_each_job() {
    run_with("job", 2);
}

#[test]
fn isolation_none_runs_in_the_control_process() {
    run_with("none", 0);
}
