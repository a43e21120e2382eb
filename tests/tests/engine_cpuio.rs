//! cpuio through a run: how much it burns, and when it ends.
//!
//! A machine that is busy elsewhere takes away from what is burnt, and never adds: bounds from
//! below are low ones, and such scenarios are played again.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{patiently, process, Outcome, Scene};
use rustix::process::Signal;
use std::time::Duration;

const CPUIO: Engine = Engine::sync("cpuio").options("cpuload=50\ncpuchunks=5000");

iodyno_tests::engine_tests!(CPUIO; conforms, documented, example);

/// One job with these lines and no others.
fn run(lines: &str) -> Outcome {
    Scene::new().run_json(&format!("[a]\nioengine=cpuio\n{lines}\n"))
}

fn percent_burnt(lines: &str) -> f64 {
    let document = run(lines).clean();
    assert_eq!(document.all_ios(), 0, "it does no I/O");
    document.float("/jobs/0/usr_cpu") + document.float("/jobs/0/sys_cpu")
}

#[test]
fn it_burns_what_it_is_told() {
    patiently(|| {
        for mode in ["noop", "qsort"] {
            let lines = format!("cpumode={mode}\nruntime=1500ms\ncpuchunks=10000\ncpuload=");
            let few = percent_burnt(&format!("{lines}10"));
            let many = percent_burnt(&format!("{lines}90"));
            assert!((2.0..=16.0).contains(&few), "{few} % with cpuload=10, {mode}");
            assert!((25.0..=96.0).contains(&many), "{many} % with cpuload=90, {mode}");
        }
    });
}

#[test]
fn it_lasts_as_long_as_it_is_told() {
    let outcome = run("cpuload=1\nruntime=1");
    assert!(outcome.took >= Duration::from_millis(900), "{outcome}");
    outcome.clean();
}

#[test]
fn it_ends_with_the_others() {
    let load = "[load]\nioengine=null\nrw=read\nsize=1g\nruntime=500ms\ntime_based\n";
    let burn = "[burn]\nioengine=cpuio\ncpuload=20\nnumjobs=2\n";
    // Asked for, in spite of a long runtime; and as the only end that there is.
    for end in ["exit_on_io_done=1\nruntime=50", ""] {
        let outcome = Scene::new().run_json(&format!("{load}{burn}{end}\n"));
        assert!(outcome.took < Duration::from_secs(30), "{outcome}");
        let document = outcome.clean();
        assert_eq!(document.jobs(), 3);
        assert!(document.all_ios() == document.ios(0, "read") && document.all_ios() > 0);
    }
    // Not asked for: it goes on.
    let outcome = Scene::new().run_json(&format!("{load}{burn}runtime=1500ms\n"));
    assert!(outcome.took >= Duration::from_millis(1400), "{outcome}");
    outcome.clean();
}

#[test]
fn it_does_not_wait_for_a_stage_to_come() {
    let burn = "[burn]\nioengine=cpuio\ncpuload=20\n";
    let load = "[load]\nstonewall\nioengine=null\nrw=read\nsize=1m\n";
    let outcome = Scene::new().run_json(&format!("{burn}{load}")).expect(2);
    outcome.says(&["job burn", "does no I/O", "runtime"]);
}

#[test]
fn options_that_cannot_be() {
    for (lines, words) in [
        ("cpuload=0", &["job.fio:3:9", "cpuload", "1 to 100"][..]),
        ("cpuload=101", &["job.fio:3:9", "cpuload", "1 to 100"]),
        ("cpuload=much", &["job.fio:3:9", "cpuload", "much"]),
        ("runtime=1", &["job.fio:2:10", "needs option `cpuload`"]),
        ("cpuload=5\ncpuchunks=0", &["job.fio:4:11", "cpuchunks"]),
        ("cpuload=5\ncpumode=bubblesort", &["job.fio:4:9", "bubblesort", "noop", "qsort"]),
        ("cpuload=5\nexit_on_io_done=7", &["job.fio:4:17", "exit_on_io_done"]),
        ("cpuload=5", &["job a", "never end", "runtime"]),
        ("cpuload=5\nexit_on_io_done=1\nruntime=3", &["job a", "end at once"]),
    ] {
        let outcome = run(lines).expect(2).says(words);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    }
}

#[test]
fn what_is_meant_for_io_has_no_effect() {
    let outcome = run("cpuload=5\nruntime=200ms\nrate_iops=5\nsize=1g").expect(0);
    outcome.says(&["`rate_iops` has no effect", "`size` has no effect", "cpuio does no I/O"]);
}

#[test]
fn an_interrupted_run() {
    let scene = Scene::new();
    let job = "[a]\nioengine=cpuio\ncpuload=90\ncpuchunks=60000000\nruntime=50\nnumjobs=2\n";
    let run = scene.json(job).start();
    let cell = run.wait_for_cells(1)[0].pid;
    process::wait_until_it_computed(cell, 200);
    process::signal(run.pid(), Signal::INT);
    let outcome = run.wait().expect(128);
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
}

#[test]
fn at_its_limits() {
    for lines in ["cpuload=1\ncpuchunks=1", "cpuload=100\ncpuchunks=3600000000"] {
        run(&format!("{lines}\nruntime=200ms")).clean();
    }
    engines::refused(&CPUIO, "runtime=1\nio_submit_mode=offload", &["does no I/O"]);
}
