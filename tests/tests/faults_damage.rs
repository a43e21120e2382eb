//! What an engine does to the memory that it was lent: written beyond its end, input fields
//! changed, tables changed after the load, descriptors used up.
//!
//! The engine is `tests/plugins/wrecker.c`. Each ends the job with status 5 and words that name the
//! place; everything that was measured stays, and the neighbour in the same cell finishes.

use iodyno_tests::{plugins, require, Document, Outcome, Scene};

/// Good requests before the fault.
const AFTER: u64 = 100;

fn run(fault: &str, more: &str) -> (Outcome, Document) {
    let usual = [format!("after={AFTER}"), "iodepth=4".to_owned(), "size=4m".to_owned()];
    let key = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let usual = usual.into_iter().filter(|line| !more.lines().any(|it| key(it) == key(line)));
    let usual = usual.collect::<Vec<String>>().join("\n");
    let engine = plugins::built("wrecker");
    let job = format!(
        "
[global]
rw=randread
bs=4k
size=4m
[bad]
ioengine={engine}
fault={fault}
iodepth_batch_complete_max=4
{usual}
{more}
[neighbour]
ioengine=null
"
    );
    let outcome = Scene::new().run_json(&job);
    let document = outcome.document();
    (outcome, document)
}

#[track_caller]
fn assert_damage(fault: &str, more: &str, words: &str, all: bool) {
    let (outcome, document) = run(fault, more);
    assert_eq!(outcome.status, 5, "fault {fault}:\n{outcome}");
    let errors = document.errors();
    assert!(errors.contains(words), "fault {fault}: no {words:?} in {errors}");
    assert!(errors.contains("1.2.3"), "fault {fault}: the plugin's version is told: {errors}");
    assert!(outcome.stderr.contains(words), "fault {fault}: {words:?} not said:\n{outcome}");
    let counted = document.ios(document.job("bad"), "read");
    let least = if all { 1024 } else { AFTER - 4 };
    assert!(counted >= least, "fault {fault}: only {counted} requests counted:\n{outcome}");
    assert_eq!(document.ios(document.job("neighbour"), "read"), 1024, "fault {fault}:\n{outcome}");
}

/// The fault happens once, in the hundredth request: no later request takes it away.
#[test]
fn what_is_written_beyond_what_was_lent_is_told_by_place() {
    require!(c_compiler);
    for (bs, len) in [("bs=4k", 4096), ("bs=512", 512), ("bs=3000", 3000)] {
        let words = format!("which has {len} bytes: byte {len} is not as it was");
        assert_damage("beyond", bs, &format!("wrote beyond buffer 3, {words}"), true);
    }
    assert_damage("behind_unit", "", "unit (struct ioe_io) 3, which has 96 bytes: byte 96", true);
    assert_damage("before_unit", "", "unit (struct ioe_io) 2, which has 96 bytes: byte 127", true);
    assert_damage("private", "", "(engine_data) 3, which has 40 bytes: byte 40", true);
}

#[test]
fn the_end_of_a_deep_queues_buffers_is_watched() {
    require!(c_compiler);
    let more = "iodepth=64\nafter=63";
    assert_damage("beyond", more, "wrote beyond buffer 63", true);
}

#[test]
fn input_fields_that_place_data_are_compared_when_a_request_comes_back() {
    require!(c_compiler);
    for field in ["offset", "len", "buf"] {
        assert_damage(field, "", &format!("getevents left {field} of unit 3 changed from "), false);
    }
}

#[test]
fn the_other_input_fields_are_compared_at_the_end() {
    require!(c_compiler);
    for field in ["op", "flags", "file"] {
        assert_damage(field, "", &format!("left {field} of unit 0 changed from "), true);
    }
    for field in ["buf_index", "ioprio", "struct_size", "host_cookie", "engine_data"] {
        assert_damage(field, "", &format!("left {field} of unit 3 changed from "), true);
    }
}

/// What the host copied when it loaded the plugin is all that it looks at.
#[test]
fn tables_that_change_after_the_load_change_nothing() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::built("wrecker");
    let job = format!("[a]\nioengine={engine}\nrw=randread\nsize=4m\niodepth=4\nafter=5000\n");
    let outcome = scene.json(&job).env("WRECKER_TABLES", "1").run().expect(0);
    let document = outcome.document();
    assert_eq!(document.ios(0, "read"), 1024, "{outcome}");
    assert_eq!(document.text("/iodyno/engines/0/name"), "wrecker", "{outcome}");
}

/// The control process has its own.
#[test]
fn descriptors_that_a_plugin_uses_up_are_missed_in_its_cell_alone() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::built("wrecker");
    let job = format!(
        "[global]\nisolation=job\nsize=4m\n[hog]\nioengine={engine}\nfault=descriptors\n\
         rw=randread\n[next]\nstonewall\nioengine=psync\nrw=write\nfilename=there\n"
    );
    let outcome = scene.run_json(&job).expect(0);
    let document = outcome.document();
    assert_eq!(document.ios(document.job("next"), "write"), 1024, "{outcome}");
    let shared = job.replace("isolation=job", "isolation=run");
    let outcome = scene.run_json(&shared);
    assert_ne!(outcome.status, 0, "{outcome}");
    assert!(outcome.stderr.contains("Too many open files"), "{outcome}");
    assert_eq!(outcome.document().ios(0, "read"), 1024, "{outcome}");
}
