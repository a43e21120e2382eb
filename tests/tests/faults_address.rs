//! Where an engine crashed: told as the plugin's file and an offset in it.
//!
//! The engine is `tests/plugins/wrecker.c`, which logs the range of its file that its crashing
//! functions fill. A crash costs the cell, and nothing that was measured.

use iodyno_tests::{plugins, require, Document, Outcome, Scene};
use serde_json::Value;
use std::ops::Range;

/// Good requests before the fault.
const AFTER: u64 = 100;

fn job(fault: &str, bad: &str) -> String {
    let engine = plugins::built("wrecker");
    format!(
        "
[global]
rw=randread
bs=4k
size=4m
isolation=job
[bad]
ioengine={engine}
fault={fault}
after={AFTER}
iodepth=4
iodepth_batch_complete_max=4
{bad}
[neighbour]
ioengine=null
"
    )
}

fn run(fault: &str, bad: &str) -> (Outcome, Document) {
    let outcome = Scene::new().run_json(&job(fault, bad));
    let document = outcome.document();
    (outcome, document)
}

/// Who did it, of the only error.
fn culprit<'a>(document: &'a Document, outcome: &Outcome) -> &'a Value {
    let errors = document.at("/iodyno/errors").as_array().expect("a list");
    assert_eq!(errors.len(), 1, "{outcome}");
    &errors[0]["engine"]
}

/// The plugin's crashing functions, as bytes of its file.
fn crashing(outcome: &Outcome) -> Range<u64> {
    let (_, rest) = outcome.stderr.split_once("crashes between 0x").expect("it logs them");
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_hexdigit).collect();
        u64::from_str_radix(&digits, 16).expect("hex")
    };
    let (_, end) = rest.split_once(" and 0x").expect("two numbers");
    number(rest)..number(end)
}

/// The offset in `libiodyno_engine_wrecker.so+0x1234`.
fn offset(place: &str) -> Option<u64> {
    let (_, name) = place.split_once("libiodyno_engine_wrecker")?;
    let (_, digits) = name.split_once(".so+0x")?;
    u64::from_str_radix(digits, 16).ok()
}

/// Signal, place and figures of a crash in `queue`.
#[track_caller]
fn assert_crash(fault: &str, signal: &str, begins: &str, data_address: Option<&str>) {
    let (outcome, document) = run(fault, "");
    assert_eq!(outcome.status, 5, "fault {fault}:\n{outcome}");
    let culprit = culprit(&document, &outcome);
    assert_eq!(culprit["signal"], signal, "fault {fault}:\n{outcome}");
    assert_eq!(culprit["version"], "1.2.3", "fault {fault}:\n{outcome}");
    assert_eq!(culprit["callback"], "queue", "fault {fault}:\n{outcome}");
    let address = culprit["address"].as_str().unwrap_or_else(|| panic!("{fault}:\n{outcome}"));
    assert!(address.starts_with(begins), "fault {fault}: {address}");
    let at = offset(address).unwrap_or_else(|| panic!("fault {fault}: {address}"));
    assert!(crashing(&outcome).contains(&at), "fault {fault}: {address}\n{outcome}");
    if let Some(wanted) = data_address {
        assert_eq!(culprit["data_address"], wanted, "fault {fault}:\n{outcome}");
    }
    assert!(outcome.stderr.contains(&format!("{signal} at {address}")), "{outcome}");
    assert!(document.ios(document.job("bad"), "read") >= AFTER - 4, "fault {fault}:\n{outcome}");
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "fault {fault}:\n{outcome}");
}

#[test]
fn a_crash_in_the_plugin_is_told_as_file_and_offset() {
    require!(c_compiler);
    let own = "libiodyno_engine_wrecker.so+0x";
    assert_crash("store", "SIGSEGV", own, Some("0x18"));
    assert_crash("division", "SIGFPE", if cfg!(target_arch = "x86_64") { own } else { "" }, None);
    if cfg!(target_arch = "x86_64") {
        assert_crash("trap", "SIGILL", own, None);
    }
}

#[test]
fn a_crash_elsewhere_is_told_with_where_it_was_called_from() {
    require!(c_compiler);
    assert_crash("abort", "SIGABRT", "libc.so", None);
    assert_crash("jump", "SIGSEGV", "0x0, where no file's code is, called from ", Some("0x0"));
}

#[test]
fn a_stack_that_is_used_up_is_told_too() {
    require!(c_compiler);
    assert_crash("depth", "SIGSEGV", "libiodyno_engine_wrecker.so+0x", None);
}

#[test]
fn whoever_runs_far_over_the_end_of_the_buffers_meets_a_signal() {
    require!(c_compiler);
    let (outcome, document) = run("beyond", "by=65536");
    assert_eq!(outcome.status, 5, "{outcome}");
    let culprit = culprit(&document, &outcome);
    assert_eq!(culprit["signal"], "SIGSEGV", "{outcome}");
    assert!(culprit["address"].as_str().and_then(offset).is_some(), "{outcome}");
    assert!(culprit["data_address"].is_string(), "{outcome}");
}

#[test]
fn a_thread_of_the_engines_own_is_told_as_such() {
    require!(c_compiler);
    assert_crash("thread", "SIGSEGV", "libiodyno_engine_wrecker.so+0x", Some("0x18"));
    let (outcome, _) = run("thread", "");
    assert!(outcome.stderr.contains("in a thread that is no worker's"), "{outcome}");
}

#[test]
fn a_thread_that_submits_for_a_worker_is_that_workers() {
    require!(c_compiler);
    let sync = plugins::built("wrecker_sync");
    let job = job("store", "io_submit_mode=offload").replace(&plugins::built("wrecker"), &sync);
    let outcome = Scene::new().run_json(&job);
    let document = outcome.document();
    assert_eq!(outcome.status, 5, "{outcome}");
    let at = culprit(&document, &outcome)["address"].as_str().and_then(offset);
    assert!(at.is_some_and(|at| crashing(&outcome).contains(&at)), "{outcome}");
    assert!(!outcome.stderr.contains("no worker's"), "{outcome}");
}

#[test]
fn a_signal_that_was_sent_is_no_place_of_a_crash() {
    require!(c_compiler);
    let (outcome, document) = run("sent", "");
    assert_eq!(outcome.status, 5, "{outcome}");
    assert_eq!(culprit(&document, &outcome)["address"], Value::Null, "{outcome}");
    assert!(outcome.stderr.contains("sent by something in it"), "{outcome}");
}

#[test]
fn a_plugin_with_a_handler_of_its_own_is_told_without_a_place() {
    require!(c_compiler);
    let (outcome, document) = run("handler", "");
    assert_eq!(outcome.status, 5, "{outcome}");
    assert_eq!(culprit(&document, &outcome)["signal"], "SIGSEGV", "{outcome}");
    assert_eq!(culprit(&document, &outcome)["address"], Value::Null, "{outcome}");
    let (outcome, document) = run("own_exit", "");
    assert_eq!(outcome.status, 5, "{outcome}");
    assert_eq!(culprit(&document, &outcome)["signal"], Value::Null, "{outcome}");
}

#[test]
fn in_a_shared_cell_the_job_that_crashed_is_named_to_the_others() {
    require!(c_compiler);
    let endless = "[global]\ntime_based\nruntime=30s\n";
    let job = job("store", "").replace("isolation=job", "isolation=run");
    let outcome = Scene::new().run_json(&job.replace("[global]\n", endless)).expect(5);
    let document = outcome.document();
    let errors = document.at("/iodyno/errors").as_array().expect("a list");
    assert_eq!(errors.len(), 2, "{outcome}");
    for error in errors {
        let is_bad = error["job"] == "bad";
        assert_eq!(error["engine"]["address"].is_string(), is_bad, "{outcome}");
        let words = error["message"].as_str().unwrap_or_default();
        assert_eq!(words.contains("by a thread of job bad"), !is_bad, "{outcome}");
    }
}

#[test]
fn setup_of_the_plugin_is_a_place_like_any_other() {
    require!(c_compiler);
    let scene = Scene::new();
    let run = scene.json(&job("none", "")).env("WRECKER_SETUP", "1").run();
    let document = run.expect(5).document();
    let errors = document.at("/iodyno/errors").as_array().expect("a list");
    let fault = &errors[0]["engine"];
    assert_eq!((&fault["callback"], &fault["signal"]), (&"setup".into(), &"SIGSEGV".into()));
    assert!(fault["address"].as_str().and_then(offset).is_some(), "{fault}");
}

#[test]
fn a_pinned_plugin_is_named_by_its_file() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::built("wrecker");
    let shown = scene.iodyno(["engines", "show", &engine, "--json"]).run().expect(0);
    let (_, digest) = shown.stdout.split_once("\"sha256\": \"").expect("a digest is shown");
    let (outcome, document) = run("store", &format!("engine_sha256={}", &digest[..64]));
    assert_eq!(outcome.status, 5, "{outcome}");
    let address = culprit(&document, &outcome)["address"].as_str().map(str::to_owned);
    let at = address.as_deref().and_then(offset);
    assert!(at.is_some_and(|at| crashing(&outcome).contains(&at)), "{address:?}\n{outcome}");
}
