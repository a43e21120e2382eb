//! io_uring_cmd through a run, as far as a machine without an NVMe device goes: what is no such
//! device is refused before the run, in words, and nothing is made.
//!
//! Devices are met in the laboratory (`scripts/vm`).

use iodyno_tests::device::LoopDevice;
use iodyno_tests::engines::Engine;
use iodyno_tests::{programs, require, Document, Scene};

const NVME: Engine = Engine::queued("io_uring_cmd");

iodyno_tests::engine_tests!(NVME; documented);

/// A job on a target that the engine does not take: exit status, and what is said.
fn refused(target: &str, lines: &str, status: i32, words: &[&str]) {
    let scene = Scene::new();
    scene.file("file", vec![7; 1 << 20]);
    let job = format!("filename={target}\nsize=64k\n{lines}");
    let outcome = NVME.run(&scene, &job).expect(status).says(words);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    assert_eq!(std::fs::read(scene.path().join("file")).expect("the file"), vec![7; 1 << 20]);
    assert!(!scene.path().join("missing").exists(), "{target} was made");
}

#[test]
fn what_is_no_namespace_is_refused() {
    require!(io_uring);
    for rw in ["read", "write", "trim"] {
        let lines = format!("rw={rw}\nbs=4k");
        refused("file", &lines, 2, &["file: no device: engine io_uring_cmd sends NVMe commands"]);
        let words = ["missing: it does not exist, and engine io_uring_cmd makes no files"];
        refused("missing", &lines, 1, &words);
    }
    refused("/dev/null", "rw=read\nbs=4k", 2, &["/dev/null: a character device, but none of"]);
    let words = ["/dev/ng77n1: there is no such device, and files are not created"];
    refused("/dev/ng77n1", "rw=write\nbs=4k", 2, &words);
}

#[test]
fn a_block_device_is_refused() {
    require!(io_uring);
    require!(loop_device);
    let device = LoopDevice::new(4 << 20);
    let path = device.name();
    let words = format!("{path}: a block device, and NVMe commands go through a namespace's");
    refused(path, "rw=randwrite\nbs=4k\niodepth=8", 2, &[&words]);
}

/// Files are what `check` makes where no device is named: it says that, and finds no fault.
#[test]
fn a_check_without_a_device_says_what_it_lacks() {
    require!(io_uring);
    let scene = Scene::new();
    let outcome = scene.iodyno(["check", "io_uring_cmd", "--json", "-"]).run().expect(0);
    let document = Document::parse(&outcome.stdout);
    let rows = document.at("/checks").as_array().expect("checks is an array").clone();
    let open = rows.iter().find(|row| row["id"] == "target.open").expect("the check");
    assert!(open.to_string().contains("it takes no files: "), "{open}");
    assert!(open.to_string().contains("(--target DEVICE)"), "{open}");
}

/// The example needs a device to give up: here it is read, and told so.
#[test]
fn the_example_is_understood() {
    require!(io_uring);
    let scene = Scene::new();
    scene.file("file", vec![7; 32 << 20]);
    let example = programs::repo().join("examples/engine-io_uring_cmd.toml");
    let example = example.to_str().expect("the project's path is UTF-8");
    let outcome = scene.iodyno(["run", example, "--set", "filename=file"]).run().expect(2);
    outcome.says(&["engine io_uring_cmd", "file: no device"]);
}

#[test]
fn options_that_contradict_are_refused() {
    require!(io_uring);
    let words = ["writefua=1: Verify writes nothing that could be forced"];
    refused("file", "rw=write\nbs=4k\nwrite_mode=verify\nwritefua=1", 1, &words);
    refused("file", "rw=write\nbs=4k\nwrite_mode=erase", 2, &["write_mode", "zeroes"]);
    refused("file", "rw=write\nbs=4k\npi_chk=CRC", 1, &["pi_chk: \"CRC\" is none of GUARD"]);
    refused("file", "rw=write\nbs=4k\napptag=65536", 2, &["apptag", "65535"]);
}
