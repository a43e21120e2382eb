//! falloc through a run: what becomes of files, and where it is refused.
//!
//! Looks at sizes and at what is on the disk; what was there must never change.

use iodyno_tests::device::LoopDevice;
use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{require, Scene};
use std::os::unix::fs::MetadataExt;

const FALLOC: Engine = Engine::sync("falloc");
const MIB: u64 = 1 << 20;

iodyno_tests::engine_tests!(FALLOC; conforms, documented, example, an_interrupted_run);

/// Bytes by the file's size, and bytes that it has on the disk.
fn look(scene: &Scene) -> (u64, u64) {
    let found = std::fs::metadata(scene.at("target")).expect("the target is there");
    (found.len(), found.blocks() * 512)
}

#[test]
fn reads_reserve_writes_grow_and_trims_punch() {
    let scene = Scene::new();
    let run = |rw: &str, direction: &str| {
        let lines = format!("filename=target\nsize=4m\nbs=64k\nrw={rw}");
        let document = FALLOC.run(&scene, &lines).clean();
        assert_eq!(document.ios(0, direction), 64, "{rw}");
        assert_eq!(document.number(&format!("/jobs/0/{direction}/lat_ns/N")), 64, "{rw}");
        look(&scene)
    };
    let (len, held) = run("randread", "read");
    assert!(len == 0 && held >= 4 * MIB, "reserved: {len} bytes, {held} on the disk");
    let (len, held) = run("randwrite", "write");
    assert!(len == 4 * MIB && held >= 4 * MIB, "grown: {len} bytes, {held} on the disk");
    let (len, held) = run("randtrim", "trim");
    assert!(len == 4 * MIB && held < MIB, "punched: {len} bytes, {held} on the disk");
}

#[test]
fn what_was_there_stays() {
    let scene = Scene::new();
    let file = scene.file("target", vec![7; 1 << 20]);
    FALLOC.run(&scene, "filename=target\nsize=4m\nbs=64k\nrw=randrw").clean();
    let found = std::fs::read(file).expect("there");
    assert!(found[..1 << 20].iter().all(|byte| *byte == 7), "content of allocated blocks");
    assert!(found[1 << 20..].iter().all(|byte| *byte == 0), "content of new blocks");
}

#[test]
fn targets_of_other_kinds() {
    let scene = Scene::new();
    let fifo = scene.at("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    for name in [&fifo, "/dev/null"] {
        let outcome = FALLOC.run(&scene, &format!("filename={name}\nsize=1m\nrw=write"));
        assert!([1, 2].contains(&outcome.status), "{outcome}");
        let outcome = outcome.says(&[name, "regular files", "(name a file)"]);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    }
}

#[test]
fn a_block_device_is_refused() {
    require!(loop_device);
    let (scene, device) = (Scene::new(), LoopDevice::new(1 << 20));
    let lines = format!("filename={}\nsize=1m\nrw=write", device.name());
    let outcome = FALLOC.run(&scene, &lines).expect(1);
    let outcome = outcome.says(&[device.name(), "blocks of regular files, and this is none"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
}

/// A job in a directory where a file system of this kind is mounted.
fn on(mount: &str, lines: &str) -> iodyno_tests::Outcome {
    let scene = Scene::new();
    let disk = scene.at("disk");
    std::fs::create_dir(&disk).expect("the scene is writable");
    let lines = format!("bs=64k\nsize=16m\nfilename={disk}/file\n{lines}\n[a]");
    let job = scene.file("job.fio", FALLOC.job(&lines));
    let mount = format!("mount -t {mount} none '{disk}'");
    let args = ["run", &job, "--output-format", "json"];
    scene.iodyno_after(&["unshare", "--mount"], &mount, args).run()
}

#[test]
fn a_full_disk() {
    require!(private_mounts);
    for rw in ["read", "write"] {
        let outcome = on("tmpfs -o size=4m", &format!("rw={rw}")).expect(1);
        let outcome = outcome.says(&["No space left on device", "disk/file", rw]);
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/error"), 28, "{outcome}");
        let bytes = document.bytes(0, rw);
        assert!(bytes > 0 && bytes <= 4 * MIB, "{bytes} bytes: {outcome}");
    }
}

#[test]
fn a_file_system_without_fallocate() {
    require!(private_mounts);
    for (rw, what) in [("read", "reads"), ("write", "writes")] {
        let outcome = on("ramfs", &format!("rw={rw}")).expect(2);
        let outcome = outcome.says(&["its file system cannot allocate", what]);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    }
    // Nor can it punch holes.
    on("ramfs", "rw=trim").expect(2).says(&["engine falloc", "file system"]);
}

#[test]
fn what_it_cannot_do() {
    engines::refused(&FALLOC, "rw=write\nsync_file_range=write:8", &["falloc"]);
}
