//! ftruncate through a run: what becomes of files, and where it is refused.
//!
//! Looks at sizes, and at what is left of what was there.

use iodyno_tests::device::LoopDevice;
use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{require, Scene};

const FTRUNCATE: Engine = Engine::sync("ftruncate");

iodyno_tests::engine_tests!(FTRUNCATE; conforms, documented, example);

#[test]
fn writes_set_the_length() {
    let scene = Scene::new();
    for (before, lines, len) in [
        // It is cut to the first request's end, and grows again.
        (4 << 20, "rw=write\nbs=4k\nsize=1m", 1 << 20),
        (0, "rw=write\nbs=4k\nsize=1m\noffset=1m", 2 << 20),
        (9, "rw=write\nbs=4k\nsize=1m\nnumber_ios=3", 3 * 4096),
    ] {
        let file = scene.file("target", vec![7; before]);
        let document = FTRUNCATE.run(&scene, &format!("filename={file}\n{lines}")).clean();
        let ios = document.ios(0, "write");
        assert_eq!(document.number("/jobs/0/write/lat_ns/N"), ios, "{lines}");
        assert_eq!(ios, if lines.contains("number_ios") { 3 } else { 256 }, "{lines}");
        let found = std::fs::read(&file).expect("there");
        assert_eq!(found.len(), len, "{lines}");
        let kept = if lines.contains("offset") { 0 } else { before.min(4096) };
        assert!(found[..kept].iter().all(|byte| *byte == 7), "{lines}: what was not cut stays");
        assert!(found[kept..].iter().all(|byte| *byte == 0), "{lines}: the rest is a hole");
    }
}

#[test]
fn at_random_it_ends_where_some_request_ended() {
    let scene = Scene::new();
    let lines = "filename=target\nrw=randwrite\nbs=4k\nsize=1m\nloops=3";
    assert_eq!(FTRUNCATE.run(&scene, lines).clean().ios(0, "write"), 768);
    let len = std::fs::metadata(scene.at("target")).expect("it was made").len();
    assert!(len.is_multiple_of(4096) && (4096..=1 << 20).contains(&len), "{len} bytes");
}

#[test]
fn an_interrupted_run() {
    let scene = Scene::new();
    let lines = "filename=target\nrw=randwrite\nbs=4k\nsize=1m\nruntime=50\ntime_based";
    let run = scene.json(&FTRUNCATE.job(&format!("{lines}\n[a]"))).start();
    let cell = run.wait_for_cells(1)[0].pid;
    iodyno_tests::process::wait_until_it_computed(cell, 200);
    iodyno_tests::process::signal(run.pid(), rustix::process::Signal::INT);
    assert!(run.wait().expect(128).document().ios(0, "write") > 100);
}

#[test]
fn what_it_cannot_do() {
    for rw in ["read", "randrw", "trim"] {
        engines::refused(&FTRUNCATE, &format!("rw={rw}"), &["engine ftruncate cannot"]);
    }
    let scene = Scene::new();
    let outcome = FTRUNCATE.run(&scene, "filename=/dev/null\nsize=1m\nrw=write");
    assert!([1, 2].contains(&outcome.status), "{outcome}");
    let outcome = outcome.says(&["/dev/null", "length of regular files, and this is none"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
}

#[test]
fn a_block_device_is_refused() {
    require!(loop_device);
    let (scene, device) = (Scene::new(), LoopDevice::new(1 << 20));
    let lines = format!("filename={}\nsize=1m\nrw=write", device.name());
    let outcome = FTRUNCATE.run(&scene, &lines).expect(1);
    let outcome = outcome.says(&[device.name(), "length of regular files, and this is none"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
}
