//! Engines that break their contract at run time, one fault after the other.
//!
//! Each ends the job with a clear status and words; what was measured before stays; the neighbour
//! in the same run finishes. The engine is `plugins-example/faulty`.

use iodyno_tests::{plugins, require, Document, Outcome, Scene};

/// Good requests before the fault.
const AFTER: u64 = 100;

/// A job with this fault and a neighbour of the null engine beside it.
fn run(fault: &str, more: &str) -> (Outcome, Document) {
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!(
        "
[global]
rw=randread
bs=4k
size=4m
engine_timeout=1s
{more}
[bad]
ioengine={engine}
fault={fault}
after={AFTER}
iodepth=4
iodepth_batch_complete_max=4
[neighbour]
ioengine=null
"
    );
    let outcome = scene.run_json(&job);
    let document = outcome.document();
    (outcome, document)
}

/// What holds for each fault: status, words, the good requests counted.
fn assert_fault(fault: &str, status: i32, more: &str, words: &[&str]) -> Document {
    let (outcome, document) = run(fault, more);
    assert_eq!(outcome.status, status, "fault {fault}:\n{outcome}");
    let errors = document.errors();
    for word in words {
        assert!(errors.contains(word), "fault {fault}: no {word:?} in {errors}\n{outcome}");
        assert!(outcome.stderr.contains(word), "fault {fault}: {word:?} not said:\n{outcome}");
    }
    let counted = document.ios(document.job("bad"), "read");
    assert!(counted >= AFTER, "fault {fault}: only {counted} requests counted:\n{outcome}");
    assert!(counted <= AFTER + 8, "fault {fault}: {counted} is more than were good:\n{outcome}");
    document
}

/// A broken contract is status 5, names the engine, its version and the callback, and leaves the
/// neighbour alone.
fn assert_contract_broken(fault: &str, callback: &str) {
    let document = assert_fault(fault, 5, "", &["faulty", callback]);
    let errors = document.errors();
    assert!(errors.contains("1.2.3"), "the plugin's version is told: {errors}");
    assert!(errors.contains("libfaulty.so"), "its file is told: {errors}");
    let neighbour = document.job("neighbour");
    assert_eq!(document.ios(neighbour, "read"), 1024, "fault {fault}: the neighbour finishes");
}

/// A crash costs the cell: with a cell for each job it costs that job alone.
fn assert_crash(fault: &str, callback: &str, signal: &str) {
    let words = ["faulty", callback, signal];
    let document = assert_fault(fault, 5, "isolation=job", &words);
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024);
    assert_fault(fault, 5, "isolation=run", &words);
}

#[test]
fn no_fault_is_clean() {
    require!(c_compiler);
    let (outcome, document) = run("none", "");
    assert_eq!(outcome.status, 0, "{outcome}");
    assert_eq!(document.ios(document.job("bad"), "read"), 1024);
}

#[test]
fn contract_broken_in_queue() {
    require!(c_compiler);
    for fault in ["status", "resid", "busy"] {
        assert_contract_broken(fault, "queue");
    }
}

#[test]
fn contract_broken_in_getevents() {
    require!(c_compiler);
    for fault in ["invented", "count_more", "twice", "late_resid"] {
        assert_contract_broken(fault, "getevents");
    }
}

#[test]
fn crash_in_queue() {
    require!(c_compiler);
    assert_crash("segv", "queue", "SEGV");
    assert_crash("abort", "queue", "ABRT");
}

#[test]
fn crash_elsewhere() {
    require!(c_compiler);
    assert_crash("commit_segv", "commit", "SEGV");
    assert_crash("getevents_segv", "getevents", "SEGV");
}

#[test]
fn crash_in_init_is_told_with_nothing_measured() {
    require!(c_compiler);
    let (outcome, document) = run("init_segv", "isolation=job");
    assert_eq!(outcome.status, 5, "{outcome}");
    let errors = document.errors();
    assert!(errors.contains("init") && errors.contains("SEGV"), "{errors}");
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "{outcome}");
}

#[test]
fn crash_in_cleanup_is_told_with_everything_measured() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!("[bad]\nioengine={engine}\nfault=cleanup_segv\nafter=4096\nsize=4m\n");
    let outcome = scene.run_json(&job).expect(5);
    let document = outcome.document();
    assert!(document.errors().contains("cleanup"), "{outcome}");
    assert_eq!(document.ios(0, "read"), 1024, "{outcome}");
}

#[test]
fn an_engine_that_ends_the_process_is_found_out() {
    require!(c_compiler);
    assert_fault("exit", 5, "isolation=job", &["faulty", "queue"]);
}

#[test]
fn a_callback_that_hangs_is_a_fault_after_engine_timeout() {
    require!(c_compiler);
    assert_contract_broken("hang", "queue");
    assert_contract_broken("getevents_hang", "getevents");
}

#[test]
fn a_lost_unit_is_a_fault_after_engine_timeout() {
    require!(c_compiler);
    assert_contract_broken("lost", "getevents");
}

#[test]
fn errors_that_the_contract_allows_are_io_errors() {
    require!(c_compiler);
    let faults = ["error", "late_error", "negative", "commit_fails"];
    for fault in faults {
        let document = assert_fault(fault, 1, "", &["bad"]);
        let bad = document.job("bad");
        assert_eq!(document.number(&format!("/jobs/{bad}/error")), 5, "fault {fault}: EIO");
        assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "fault {fault}");
    }
}

/// An -errno is lawful; keeping the requests that were taken is not.
#[test]
fn units_that_never_come_back_make_a_fault_of_an_error() {
    require!(c_compiler);
    assert_fault("getevents_negative", 5, "", &["bad", "4 requests never came back"]);
}

#[test]
fn a_write_without_progress_is_an_io_error() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!("[bad]\nioengine={engine}\nfault=no_progress\nrw=write\nsize=4m\n");
    let outcome = scene.run_json(&job).expect(1);
    let document = outcome.document();
    assert_eq!(document.number("/jobs/0/error"), 5, "EIO:\n{outcome}");
    assert!(document.ios(0, "write") >= AFTER, "{outcome}");
}

#[test]
fn a_read_without_progress_is_the_end_of_the_file() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!("[bad]\nioengine={engine}\nfault=no_progress\nrw=read\nsize=4m\n");
    let outcome = scene.run_json(&job).expect(0);
    let document = outcome.document();
    assert!(document.bytes(0, "read") <= AFTER * 4096, "nothing moved after that:\n{outcome}");
}

#[test]
fn an_engine_that_refuses_init_is_heard() {
    require!(c_compiler);
    let (outcome, document) = run("init_fails", "");
    assert_eq!(outcome.status, 1, "{outcome}");
    assert!(document.errors().contains("the flux capacitor is empty"), "{outcome}");
    assert!(outcome.stderr.contains("the flux capacitor is empty"), "{outcome}");
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "{outcome}");
}
