//! The guards in front of other people's data: devices in use are refused, nothing grows a device.
//!
//! Needs root and loop devices; every device is a loop device of the test's own.

use iodyno_tests::device::{self, LoopDevice};
use iodyno_tests::{require, Scene};

const SIZE: u64 = 16 << 20;

fn write_job(device: &str, more: &str) -> String {
    format!("[a]\nioengine=psync\nrw=write\nbs=4k\nio_size=64k\nfilename={device}\n{more}\n")
}

fn assert_refused(scene: &Scene, device: &str, words: &[&str]) {
    let outcome = scene.run_json(&write_job(device, "")).expect(2).says(&[device]).says(words);
    let outcome = outcome.says(&["allow_mounted_write"]);
    let document = outcome.document();
    assert_eq!(document.all_ios(), 0, "{outcome}");
}

fn first_bytes(device: &str) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = vec![0; 64 << 10];
    let mut file = std::fs::File::open(device).expect("the device opens");
    file.read_exact(&mut bytes).expect("the device reads");
    bytes
}

/// A loop device with a file system on it.
fn formatted() -> Option<LoopDevice> {
    let disk = LoopDevice::new(SIZE);
    match device::run("mkfs.ext4", &["-q", "-F", disk.name()]) {
        Ok(_) => Some(disk),
        Err(why) => {
            iodyno_tests::needs::skip(&format!("needs mkfs.ext4: {why}"));
            None
        }
    }
}

#[test]
fn a_mounted_device_is_refused_even_from_another_namespace() {
    require!(loop_device);
    require!(private_mounts);
    let scene = Scene::new();
    let Some(disk) = formatted() else { return };
    let before = first_bytes(disk.name());
    // Read-only: a mount that may write changes the superblock itself.
    let mount = format!("mkdir -p mnt && mount -o ro '{}' mnt", disk.name());
    let job = scene.file("job.fio", write_job(disk.name(), ""));
    let args = ["run", &job, "--output-format", "json"];
    let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run().expect(2);
    let outcome = outcome.says(&[disk.name(), "mounted", "allow_mounted_write"]);
    assert_eq!(outcome.document().all_ios(), 0);
    assert!(first_bytes(disk.name()) == before, "the file system was written over");
    // Mounted in a namespace that iodyno does not live in: seen all the same.
    let hold = "mkdir -p mnt && mount -o ro \"$0\" mnt && echo ready && read -r _ || true";
    let mut holder = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", hold, disk.name()])
        .current_dir(scene.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("unshare runs");
    let mut ready = [0; 6];
    let stdout = holder.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(stdout, &mut ready).expect("the holder mounted the device");
    assert_refused(&scene, disk.name(), &["mounted"]);
    drop(holder.stdin.take());
    holder.wait().expect("the holder ends");
    assert!(first_bytes(disk.name()) == before, "the file system was written over");
}

#[test]
fn allow_mounted_write_lifts_the_guard() {
    require!(loop_device);
    require!(private_mounts);
    let scene = Scene::new();
    let Some(disk) = formatted() else { return };
    let mount = format!("mkdir -p mnt && mount '{}' mnt", disk.name());
    let job = write_job(disk.name(), "offset=8m\nallow_mounted_write=1");
    let job = scene.file("job.fio", job);
    let args = ["run", &job, "--output-format", "json"];
    let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run().expect(0);
    assert_eq!(outcome.document().ios(0, "write"), 16);
}

#[test]
fn a_mounted_device_may_be_read() {
    require!(loop_device);
    require!(private_mounts);
    let scene = Scene::new();
    let Some(disk) = formatted() else { return };
    let mount = format!("mkdir -p mnt && mount '{}' mnt", disk.name());
    let job = write_job(disk.name(), "").replace("rw=write", "rw=read");
    let job = scene.file("job.fio", job);
    let args = ["run", &job, "--output-format", "json"];
    let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run().expect(0);
    assert_eq!(outcome.document().ios(0, "read"), 16);
}

/// Undoes something when dropped, also when the test fails in between.
struct Undo(Vec<&'static str>, String);

impl Drop for Undo {
    fn drop(&mut self) {
        let args: Vec<&str> = self.0[1..].iter().copied().chain([self.1.as_str()]).collect();
        let _ = device::run(self.0[0], &args);
    }
}

#[test]
fn swap_is_refused() {
    require!(loop_device);
    let scene = Scene::new();
    let disk = LoopDevice::new(SIZE);
    let made = device::run("mkswap", &[disk.name()]);
    if let Err(why) = made.and_then(|_| device::run("swapon", &[disk.name()])) {
        return iodyno_tests::needs::skip(&format!("needs swapon: {why}"));
    }
    let _off = Undo(vec!["swapoff"], disk.name().to_owned());
    assert_refused(&scene, disk.name(), &["swap"]);
}

#[test]
fn the_backing_device_of_a_loop_device_is_refused() {
    require!(loop_device);
    let scene = Scene::new();
    let below = LoopDevice::new(SIZE);
    let above = device::run("losetup", &["--find", "--show", below.name()]);
    let above = match above {
        Ok(name) => name.trim().to_owned(),
        Err(why) => return iodyno_tests::needs::skip(&format!("needs stacked loops: {why}")),
    };
    let _off = Undo(vec!["losetup", "--detach"], above.clone());
    assert_refused(&scene, below.name(), &[above.trim_start_matches("/dev/")]);
    let document = scene.run_json(&write_job(&above, "")).clean();
    assert_eq!(document.ios(0, "write"), 16, "the upper one is free");
}

#[test]
fn a_device_held_by_the_device_mapper_is_refused() {
    require!(device_mapper);
    let scene = Scene::new();
    let disk = LoopDevice::new(SIZE);
    let name = format!("iodyno-test-{}", std::process::id());
    let table = format!("0 {} linear {} 0", SIZE / 512, disk.name());
    let made = device::run("dmsetup", &["create", &name, "--noudevsync", "--table", &table]);
    if let Err(why) = made {
        return iodyno_tests::needs::skip(&format!("needs the device mapper: {why}"));
    }
    let _off = Undo(vec!["dmsetup", "remove", "--noudevsync"], name);
    assert_refused(&scene, disk.name(), &["dm-"]);
}

#[test]
fn readonly_refuses_jobs_that_write_or_trim() {
    let scene = Scene::new();
    for rw in ["write", "randwrite", "rw", "randrw", "trim", "randtrim", "trimwrite"] {
        let job = format!("[a]\nioengine=null\nsize=1m\nrw={rw}\n");
        let outcome = scene.json(&job).arg("--readonly").run().expect(2).says(&["readonly", rw]);
        assert_eq!(outcome.document().all_ios(), 0, "rw={rw}");
    }
    let document = scene.json("[a]\nioengine=null\nsize=1m\n").arg("--readonly").run().clean();
    assert_eq!(document.ios(0, "read"), 256);
    assert!(!scene.path().join("a.0.0").exists());
}

#[test]
fn a_size_larger_than_the_device_is_refused_and_nothing_grows() {
    require!(loop_device);
    let scene = Scene::new();
    let disk = LoopDevice::new(SIZE);
    let job = format!("[a]\nioengine=psync\nrw=write\nfilename={}\nsize=32m\n", disk.name());
    let outcome = scene.run_json(&job).expect(2).says(&[disk.name(), "job.fio:"]);
    assert_eq!(outcome.document().all_ios(), 0);
    let beyond = write_job(disk.name(), "offset=15m\nsize=2m");
    scene.run_json(&beyond).expect(2).says(&[disk.name()]);
    let size = device::run("blockdev", &["--getsize64", disk.name()]).expect("blockdev runs");
    assert_eq!(size.trim(), SIZE.to_string());
}

#[test]
fn a_whole_device_is_used_without_a_size() {
    require!(loop_device);
    let scene = Scene::new();
    let disk = LoopDevice::new(SIZE);
    let job = format!("[a]\nioengine=psync\nrw=randread\nbs=64k\nfilename={}\n", disk.name());
    let document = scene.run_json(&job).clean();
    assert_eq!(document.bytes(0, "read"), SIZE);
    let direct = format!("{job}direct=1\n");
    let document = scene.run_json(&direct).clean();
    assert_eq!(document.bytes(0, "read"), SIZE);
}

#[test]
fn trims_reach_a_device_and_are_counted() {
    require!(loop_device);
    let scene = Scene::new();
    let disk = LoopDevice::new(SIZE);
    let fill = write_job(disk.name(), "").replace("io_size=64k", "size=1m");
    scene.run_json(&fill).clean();
    for rw in ["trim", "randtrim"] {
        let trim = fill.replace("rw=write", &format!("rw={rw}"));
        let document = scene.run_json(&trim).clean();
        assert_eq!(document.ios(0, "trim"), 256, "rw={rw}");
        assert_eq!(document.bytes(0, "trim"), 1 << 20, "rw={rw}");
    }
    assert!(first_bytes(disk.name()).iter().all(|&byte| byte == 0), "trimmed blocks read as zero");
}
