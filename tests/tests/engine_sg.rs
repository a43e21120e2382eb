//! sg through a run, as far as a machine without a SCSI device goes: what is no such device is
//! refused before the run, in words, and nothing is made.
//!
//! Devices are met in the laboratory (`scripts/vm`).

use iodyno_tests::device::LoopDevice;
use iodyno_tests::engines::Engine;
use iodyno_tests::{programs, require, Document, Scene};

const SG: Engine = Engine::queued("sg");

iodyno_tests::engine_tests!(SG; documented);

/// A job on a target that sg does not take: exit status, and what is said.
fn refused(target: &str, lines: &str, status: i32, words: &[&str]) {
    let scene = Scene::new();
    scene.file("file", vec![7; 1 << 20]);
    let job = format!("filename={target}\nsize=64k\n{lines}");
    let outcome = SG.run(&scene, &job).expect(status).says(words);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    assert_eq!(std::fs::read(scene.path().join("file")).expect("the file"), vec![7; 1 << 20]);
    assert!(!scene.path().join("missing").exists(), "{target} was made");
}

#[test]
fn what_is_no_scsi_device_is_refused() {
    for rw in ["read", "write", "trim"] {
        let lines = format!("rw={rw}\nbs=4k");
        refused("file", &lines, 2, &["file: no device: engine sg sends SCSI commands"]);
        refused(
            "missing",
            &lines,
            1,
            &["missing: it does not exist, and engine sg makes no files"],
        );
    }
    refused("/dev/null", "rw=read\nbs=4k", 2, &["/dev/null: a character device, but none of"]);
    let words = ["/dev/sg77: there is no such device, and files are not created"];
    refused("/dev/sg77", "rw=write\nbs=4k", 2, &words);
}

#[test]
fn a_block_device_of_another_kind_is_refused() {
    require!(loop_device);
    let device = LoopDevice::new(4 << 20);
    let path = device.name();
    let words = format!("{path}: it does not take SCSI commands");
    refused(path, "rw=randwrite\nbs=4k\niodepth=8", 2, &[&words]);
    let words = format!("{path}: bs of 1000 bytes: engine sg wants multiples of the device's");
    refused(path, "rw=read\nbs=1000", 2, &[&words]);
}

/// Files are what `check` makes where no device is named: it says that, and finds no fault.
#[test]
fn a_check_without_a_device_says_what_it_lacks() {
    let scene = Scene::new();
    let outcome = scene.iodyno(["check", "sg", "--json", "-"]).run().expect(0);
    let document = Document::parse(&outcome.stdout);
    let rows = document.at("/checks").as_array().expect("checks is an array").clone();
    let open = rows.iter().find(|row| row["id"] == "target.open").expect("the check");
    assert!(open.to_string().contains("it takes no files: "), "{open}");
    assert!(open.to_string().contains("(--target DEVICE)"), "{open}");
}

/// The example needs a disk to give up: here it is read, and told so.
#[test]
fn the_example_is_understood() {
    let scene = Scene::new();
    scene.file("file", vec![7; 32 << 20]);
    let example = programs::repo().join("examples/engine-sg.toml");
    let example = example.to_str().expect("the project's path is UTF-8");
    let outcome = scene.iodyno(["run", example, "--set", "filename=file"]).run().expect(2);
    outcome.says(&["engine sg", "file: no device"]);
}

#[test]
fn options_that_contradict_are_refused() {
    let words = ["stream_id is about sg_write_mode=write_stream"];
    refused("file", "rw=write\nbs=4k\nstream_id=3", 1, &words);
    refused("file", "rw=write\nbs=4k\nsg_write_mode=rewrite", 2, &["sg_write_mode", "write_same"]);
    refused("file", "rw=write\nbs=4k\nstream_id=65536", 2, &["stream_id", "65535"]);
}
