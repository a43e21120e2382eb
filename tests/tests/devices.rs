//! Block devices as everybody has them: what the report says of a loop device, of files on it and
//! of memory; names among the devices that are none.
//!
//! Real devices are `lab_facts`.

use iodyno_tests::device::{self, LoopDevice};
use iodyno_tests::{programs, require, Scene};
use std::path::Path;

const JOB: &str = "ioengine=psync\nbs=4k\nsize=64k\ndirect=1\n";

/// How many disks a report tells of, by their facts and by what they did.
fn counts(document: &iodyno_tests::Document) -> (usize, usize) {
    let count = |at: &str| document.at(at).as_array().expect("a list").len();
    (count("/iodyno/devices"), count("/disk_util"))
}

#[test]
fn a_loop_device_is_told_of() {
    require!(loop_device);
    let (scene, device) = (Scene::new(), LoopDevice::new(4 << 20));
    let name = device.name().trim_start_matches("/dev/");
    let job = format!("[a]\n{JOB}filename={}\nrw=randwrite\n", device.name());
    let document = scene.run_json(&job).expect(0).document();
    assert_eq!(counts(&document), (1, 1));
    assert_eq!(document.text("/iodyno/devices/0/name"), name);
    assert_eq!(document.text("/iodyno/devices/0/targets/0"), device.name());
    assert_eq!(document.number("/iodyno/devices/0/size_bytes"), 4 << 20);
    assert_eq!(document.number("/iodyno/devices/0/logical_block_size"), 512);
    assert!(document.text("/iodyno/devices/0/backing_file").ends_with("/image"));
    assert_eq!(document.at("/iodyno/devices/0").get("model"), None);
    assert_eq!(document.text("/disk_util/0/name"), name);
    assert_eq!(document.number("/disk_util/0/write_ios"), 16);
    assert_eq!(document.number("/disk_util/0/write_sectors"), 128);
    assert_eq!(document.number("/disk_util/0/read_ios"), 0);

    let job = format!("[a]\n{JOB}filename={}\nrw=randread\ndisk_util=0\n", device.name());
    assert_eq!(counts(&scene.run_json(&job).expect(0).document()), (1, 0));
    let file = scene.file("normal.fio", job);
    let normal = scene.iodyno(["run", &file]).run().expect(0).stdout;
    assert!(!normal.contains("Disk stats") && normal.contains("\nDevices:\n  loop"), "{normal}");
}

#[test]
fn files_are_those_of_their_file_system_s_disk() {
    require!(loop_device);
    let (scene, device) = (Scene::new(), LoopDevice::new(64 << 20));
    let point = scene.at("mounted");
    std::fs::create_dir(&point).expect("the scene is writable");
    for (program, args) in
        [("mkfs.ext4", &["-q", device.name()][..]), ("mount", &[device.name(), &point])]
    {
        if let Err(why) = device::run(program, args) {
            return iodyno_tests::needs::skip(&format!("needs a file system: {why}"));
        }
    }
    let job = format!("[a]\n{JOB}directory={point}\nnrfiles=4\nrw=read\n");
    let outcome = scene.run_json(&job);
    let _ = device::run("umount", &[&point]);
    let document = outcome.expect(0).document();
    assert_eq!(document.number("/iodyno/devices/0/files"), 4);
    assert_eq!(format!("/dev/{}", document.text("/disk_util/0/name")), device.name());
    assert_eq!(document.number("/disk_util/0/read_ios"), 16);
}

#[test]
fn memory_has_no_disk() {
    let shared = Path::new("/dev/shm");
    if !shared.is_dir() {
        return iodyno_tests::needs::skip("needs /dev/shm");
    }
    let place = tempfile::tempdir_in(shared).expect("/dev/shm is writable");
    let job = format!("[a]\nioengine=psync\nsize=64k\ndirectory={}\n", place.path().display());
    let document = Scene::new().run_json(&job).expect(0).document();
    assert_eq!(counts(&document), (0, 0));
}

/// A mistyped device never becomes a plain file, whoever would open it.
#[test]
fn nothing_is_made_among_the_devices() {
    let scene = Scene::new();
    let link = scene.at("link");
    let missing = ["/dev/iodyno-no-such-device", "/dev/sg977", "/dev/ng977n1"];
    std::os::unix::fs::symlink(missing[0], &link).expect("the scene is writable");
    // Their targets are no paths.
    let pathless = ["cpuio", "exec", "net", "null"];
    for engine in programs::engines() {
        let mut job = format!("[global]\nioengine={engine}\nsize=64k\nrw=write\n");
        job += match engine.as_str() {
            "exec" => "program=true\n",
            "cpuio" => "cpuload=1\nruntime=1ms\n",
            _ => "",
        };
        let names = || missing.iter().copied().chain([link.as_str()]).enumerate();
        for (number, name) in names() {
            job += &format!("[job{number}]\nfilename={name}\ncreate_on_open={}\n", number % 2);
        }
        let outcome = scene.run_json(&job);
        for path in missing {
            assert!(!Path::new(path).exists(), "{engine} made {path}:\n{outcome}");
        }
        if !pathless.contains(&engine.as_str()) {
            let outcome = outcome.expect(2);
            for (_, name) in names() {
                let words = format!("{name}: there is no such device");
                assert!(outcome.stderr.contains(&words), "{engine}: {words}:\n{outcome}");
            }
        }
    }
}
