//! Cells that go wrong as a whole: in the setup or the teardown of a plugin, with helpers that they
//! leave behind, with a socket that someone else writes into, or that cannot even be started.
//!
//! The control process outlives all of it, tells of it, and reports what was measured.

use iodyno_tests::{plugins, process, programs, require, Scene};
use rustix::process::Signal;
use std::time::Duration;

/// A job of the faulty engine with these lines more; `isolation` concerns the whole run.
fn faulty(isolation: &str, more: &str) -> String {
    let engine = plugins::faulty_null();
    let bad = format!("[bad]\nioengine={engine}\nrw=randread\nbs=4k\nsize=4m\n{more}\n");
    format!("[global]\nisolation={isolation}\n{bad}")
}

const NEIGHBOUR: &str = "[neighbour]\nioengine=null\nrw=randread\nbs=4k\nsize=4m\n";

#[test]
fn a_helper_that_outlives_a_crash_delays_nothing() {
    require!(c_compiler);
    let scene = Scene::new();
    let outcome = scene.run_json(&faulty("run", "fault=fork_segv")).expect(5);
    assert!(outcome.took < Duration::from_secs(20), "{outcome}");
    let document = outcome.document();
    assert_eq!(document.ios(0, "read"), 100, "{outcome}");
    assert!(document.errors().contains("SIGSEGV"), "{outcome}");
    let helper = std::fs::read_to_string(scene.at("helper")).expect("the helper was started");
    let helper: u32 = helper.parse().expect("a process id");
    process::eventually("the helper is gone", Duration::from_secs(10), || {
        (!process::alive(helper)).then_some(())
    });
}

#[test]
fn last_words_are_heard() {
    require!(c_compiler);
    for _ in 0..5 {
        let outcome = Scene::new().run_json(&faulty("run", "fault=print_segv")).expect(5);
        assert!(outcome.stdout.contains("my last words"), "{outcome}");
    }
}

#[test]
fn a_crash_in_setup_names_setup() {
    require!(c_compiler);
    let job = faulty("job", "") + NEIGHBOUR;
    let outcome = Scene::new().json(&job).env("IODYNO_FAULTY", "setup_segv").run().expect(5);
    let document = outcome.document();
    let errors = document.errors();
    for word in ["SIGSEGV", "libfaulty.so", "set up", "1.2.3"] {
        assert!(errors.contains(word), "no {word:?} in {errors}\n{outcome}");
    }
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "{outcome}");
}

#[test]
fn engine_timeout_covers_setup() {
    require!(c_compiler);
    let job = faulty("job", "engine_timeout=500ms\nnumjobs=3") + NEIGHBOUR;
    let outcome = Scene::new().json(&job).env("IODYNO_FAULTY", "setup_hang").run().expect(5);
    let document = outcome.document();
    let errors = document.errors();
    for word in ["engine_timeout", "setup", "3 clones", "1.2.3"] {
        assert!(errors.contains(word), "no {word:?} in {errors}\n{outcome}");
    }
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "{outcome}");
}

#[test]
fn sigint_ends_a_run_whose_plugin_hangs_in_setup() {
    require!(c_compiler);
    for isolation in ["run", "none"] {
        let scene = Scene::new();
        let job = faulty(isolation, "");
        let run = scene.json(&job).env("IODYNO_FAULTY", "setup_hang").start();
        std::thread::sleep(Duration::from_millis(1500));
        process::signal(run.pid(), Signal::INT);
        let outcome = run.wait().expect(128).says(&["given up while", "set up"]);
        outcome.document().assert_no_errors();
        assert!(outcome.took < Duration::from_secs(20), "{outcome}");
    }
}

#[test]
fn a_crash_in_teardown_is_told_and_costs_no_figure() {
    require!(c_compiler);
    let outcome =
        Scene::new().json(&faulty("run", "")).env("IODYNO_FAULTY", "teardown_segv").run().expect(5);
    let document = outcome.document();
    let errors = document.errors();
    for word in ["SIGSEGV", "teardown", "faulty", "1.2.3"] {
        assert!(errors.contains(word), "no {word:?} in {errors}\n{outcome}");
    }
    assert_eq!(document.ios(0, "read"), 1024, "{outcome}");
    assert_eq!(document.number("/jobs/0/error"), 0, "{outcome}");
}

#[test]
fn a_hang_in_teardown_is_told_and_costs_no_figure() {
    require!(c_compiler);
    for isolation in ["run", "none"] {
        let job = faulty(isolation, "");
        let outcome = Scene::new().json(&job).env("IODYNO_FAULTY", "teardown_hang").run().expect(5);
        let document = outcome.document();
        let errors = document.errors();
        assert!(errors.contains("teardown") && errors.contains("10 s"), "{outcome}");
        assert_eq!(document.ios(0, "read"), 1024, "{outcome}");
    }
}

#[test]
fn a_cell_after_a_crash_is_watched_like_the_first() {
    require!(c_compiler);
    let engine = plugins::faulty_null();
    let job = format!(
        "[global]\nioengine={engine}\nrw=randread\nbs=4k\nsize=4m\nengine_timeout=1s\n\
         [one]\nfault=segv\n[two]\nstonewall\nfault=hang\n[three]\nstonewall\nfault=segv\n\
         [four]\nstonewall\nfault=none\n"
    );
    let outcome = Scene::new().run_json(&job).expect(5);
    let document = outcome.document();
    let errors = document.errors();
    for word in ["job one", "job two", "job three", "engine_timeout"] {
        assert!(errors.contains(word), "no {word:?} in {errors}\n{outcome}");
    }
    assert_eq!(document.ios(document.job("four"), "read"), 1024, "{outcome}");
}

#[test]
fn garbage_on_the_socket_is_ignored_with_a_note() {
    require!(c_compiler);
    let outcome = Scene::new().run_json(&faulty("run", "fault=scribble")).expect(0);
    assert_eq!(outcome.document().ios(0, "read"), 1024, "{outcome}");
    assert_eq!(outcome.stdout.matches("it was ignored").count(), 1, "{outcome}");
}

#[test]
fn only_the_control_process_ends_a_cell() {
    let scene = Scene::new();
    let job = "[endless]\nioengine=null\nrw=randread\nsize=1g\nruntime=50\ntime_based\n";
    let run = scene.json(job).start();
    let cell = run.wait_for_cells(1)[0].pid;
    std::thread::sleep(Duration::from_millis(500));
    // The way of a service manager: all of them, and in any order.
    process::signal(cell, Signal::TERM);
    process::signal(cell, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(process::alive(cell), "the cell ended by itself");
    let links = std::fs::read_dir(format!("/proc/{cell}/fd")).expect("the cell is ours");
    let links = links.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let pages = links.filter(|to| to.to_string_lossy().contains("iodyno-page")).count();
    assert_eq!(pages, 1, "descriptors of the shared page");
    process::signal(run.pid(), Signal::TERM);
    let outcome = run.wait().expect(128);
    let document = outcome.document();
    document.assert_no_errors();
    assert!(document.ios(0, "read") > 1000, "{outcome}");
}

#[test]
fn without_isolation_a_run_ends_at_once() {
    let job = format!("[global]\nisolation=none\n{NEIGHBOUR}");
    let outcome = Scene::new().run_json(&job).expect(0);
    assert_eq!(outcome.document().ios(0, "read"), 1024, "{outcome}");
    assert!(outcome.took < Duration::from_secs(5), "{outcome}");
}

/// Runs a job in a shell of its own, after `ulimit`s.
fn limited(scene: &Scene, limits: &str, job: &str) -> iodyno_tests::Outcome {
    let file = scene.file("job.fio", job);
    scene.iodyno_after(&[], limits, ["run", "--output-format=json", &file]).run()
}

#[test]
fn a_cell_that_cannot_be_started_costs_its_jobs_alone() {
    let mut job = "[global]\nisolation=job\nioengine=null\nrw=read\nsize=64k\n".to_owned();
    (0..60).for_each(|number| job += &format!("[j{number}]\n"));
    let outcome = limited(&Scene::new(), "ulimit -n 60", &job).expect(2).says(&["ulimit -n"]);
    let document = outcome.document();
    assert_eq!(document.jobs(), 60, "{outcome}");
    assert!(document.ios(0, "read") > 0, "those that could be started ran:\n{outcome}");
    let last = document.job("j59");
    assert!(document.number(&format!("/jobs/{last}/error")) > 0, "{outcome}");
}

#[test]
fn cells_of_earlier_groups_hold_no_descriptors() {
    let mut job = "[global]\nisolation=job\nioengine=null\nrw=read\nsize=64k\n".to_owned();
    (0..30).for_each(|number| job += &format!("[j{number}]\nstonewall\n"));
    limited(&Scene::new(), "ulimit -n 60", &job).clean();
}

#[test]
fn the_soft_limit_of_descriptors_is_none() {
    let scene = Scene::new();
    let file = scene.zeros("data", 65536);
    let psync = programs::engine("psync");
    let job = format!(
        "[a]\nioengine={}\nrw=read\nbs=4k\nsize=16k\nfilename={file}\nnumjobs=200\n\
         group_reporting\n",
        psync.display()
    );
    let document = limited(&scene, "ulimit -S -n 64", &job).clean();
    assert_eq!(document.ios(0, "read"), 800);
}

#[test]
fn a_limit_on_file_size_is_an_error_in_words() {
    let scene = Scene::new();
    let file = scene.at("data");
    let psync = programs::engine("psync");
    let job =
        format!("[a]\nioengine={}\nrw=write\nbs=64k\nsize=16m\nfilename={file}\n", psync.display());
    let outcome = limited(&scene, "ulimit -f 8192", &job);
    assert!([1, 2].contains(&outcome.status), "{outcome}");
    let errors = outcome.document().errors();
    assert!(errors.contains("too large") || errors.contains("EFBIG"), "{outcome}");
}

#[test]
fn a_run_that_cannot_begin_leaves_a_document() {
    let outcome = limited(&Scene::new(), "ulimit -f 8", NEIGHBOUR).expect(2).says(&["ulimit"]);
    assert!(outcome.document().errors().contains("shared page"), "{outcome}");
}
