//! Engines on real devices in the laboratory's guest: data arrives where it belongs, at each depth,
//! polled for and not, also through protection information that the kernel makes and checks.
//!
//! One boot a test, many cases in it: a device is a row of the table that is printed, an engine a
//! column. Devices that fail are `lab_failing`, those that go away `lab_unplugged`; sg and
//! io_uring_cmd have their own files.

use iodyno_tests::lab::Lab;
use iodyno_tests::lab_jobs::{compared, failed, job, lab, label, made, ENGINES};
use iodyno_tests::{require, Scene};

/// What `--scsi`, `--nvme`, [`NULL_BLK`] and [`LINEAR`] make.
const DEVICES: [&str; 4] = ["sda", "nvme0n1", "nullb0", "mapper/linear"];

const NULL_BLK: &str = "null_blk memory_backed=1 gb=1 poll_queues=1 nr_devices=2";

/// Over the second null device, so that the first is nobody's.
const LINEAR: &str =
    "modprobe dm_mod && dmsetup create linear --table '0 131072 linear /dev/nullb1 0' >&2";

/// Written, compared from outside, read, at depth 1 and 32; and what a run does not show of reads,
/// their buffers, by `iodyno check`.
fn data(lab: &mut Lab, device: &str, engine: &str) {
    let row = label(device);
    for depth in [1, 32] {
        let lines = format!("rw=randwrite\noffset=1m\nsize=1m\niodepth={depth}");
        let script = compared(device, engine, &lines);
        let what = format!("write, compare, depth {depth}");
        lab.case((&row, engine, &what), script, made("write", 256));
        let lines = format!("rw=randread\nsize=2m\niodepth={depth}");
        let what = format!("read, depth {depth}");
        lab.case((&row, engine, &what), job(device, engine, &lines), made("read", 512));
    }
    let check = format!(
        "test -b /dev/{device} || exit 90\n\
         iodyno check {engine} --target /dev/{device} --only '^data'"
    );
    lab.case((&row, engine, "iodyno check"), check, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        assert!(outcome.stdout.contains("data.read-after-write"), "{outcome}");
    });
}

#[test]
fn data_arrives() {
    require!(lab);
    let scene = Scene::new();
    let devices = ["--scsi", "--nvme", "--modules", NULL_BLK, "--setup", LINEAR];
    let mut lab = lab(&scene, &devices);
    for device in DEVICES {
        ENGINES.iter().for_each(|engine| data(&mut lab, device, engine));
    }
    polled(&mut lab);
    polled_by_pvsync2(&mut lab);
    lab.run(&scene);
}

/// `hipri` where there are poll queues, and where there are none.
fn polled(lab: &mut Lab) {
    for device in ["nvme0n1", "nullb0"] {
        let lines = "hipri=1\niodepth=32\noffset=1m\nsize=1m\nrw=randwrite";
        let script = compared(device, "io_uring", lines);
        lab.case((device, "io_uring", "hipri: write, compare"), script, made("write", 256));
        let script = job(device, "io_uring", "hipri=1\niodepth=32\nsize=2m\nrw=randread");
        lab.case((device, "io_uring", "hipri: read"), script, made("read", 512));
    }
    let script = job("sda", "io_uring", "hipri=1\niodepth=32\nsize=2m\nrw=randread");
    lab.case(("sda", "io_uring", "hipri: refused, no poll queues"), script, |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
        assert!(outcome.stderr.contains("poll queues"), "{outcome}");
    });
}

/// The synchronous engine that polls.
fn polled_by_pvsync2(lab: &mut Lab) {
    for device in ["nvme0n1", "nullb0"] {
        let lines = "hipri=1\noffset=1m\nsize=1m\nrw=randwrite";
        let script = compared(device, "pvsync2", lines);
        lab.case((device, "pvsync2", "hipri: write, compare"), script, made("write", 256));
        let script = job(device, "pvsync2", "hipri=1\nsize=2m\nrw=randread");
        lab.case((device, "pvsync2", "hipri: read"), script, made("read", 512));
    }
}

/// Devices whose blocks have protection information, which the kernel makes and checks for engines
/// that know nothing of it.
#[test]
fn protection_information_is_the_kernels_affair() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &["--scsi=dif=1 dix=1", "--nvme=pi"]);
    for engine in ENGINES {
        for device in ["sda", "nvme0n1"] {
            let integrity = format!("cat /sys/block/{device}/integrity/format >&2 || exit 93\n");
            let lines = "rw=randwrite\noffset=1m\nsize=1m\niodepth=32";
            let script = integrity + &compared(device, engine, lines);
            let what = "protection information: write, compare";
            lab.case((device, engine, what), script, made("write", 256));
            // What was never written has none, which is none that is wrong.
            let script = job(device, engine, "rw=randread\nsize=2m\niodepth=32");
            lab.case((device, engine, "protection information: read"), script, made("read", 512));
        }
        let read = job("sda", engine, "rw=read\nsize=1m\niodepth=8");
        // The made-up disk's errors of the host's side; those of the medium are in `lab_failing`.
        let opts = "/sys/bus/pseudo/drivers/scsi_debug";
        let script = format!(
            "echo 50 >{opts}/every_nth; echo 64 >{opts}/opts\n{read}\nstatus=$?\n\
             echo 0 >{opts}/opts; echo 0 >{opts}/every_nth; exit $status"
        );
        let words = &["of /dev/sda", "protection information do not match"];
        lab.case(("sda", engine, "protection information: wrong"), script, failed(84, words));
    }
    lab.run(&scene);
}
