//! Devices that are not to be touched, in the laboratory's guest: those in use, by whatever node,
//! those that are not there, targets of a kind that an engine cannot do.
//!
//! All are refused before the run, in words; nothing is written, and no file is made.

use iodyno_tests::lab::Lab;
use iodyno_tests::lab_jobs::{job, label, ENGINES};
use iodyno_tests::{require, Outcome, Scene};

/// A device, who writes to it by which node, and where the first user's words are.
const NODES: [(&str, &str, &[&str]); 5] = [
    ("sda", "sda", &["psync", "libaio", "io_uring", "sg"]),
    ("sda", "sg0", &["sg"]),
    ("nvme0n1", "nvme0n1", &ENGINES),
    ("nvme0n1", "ng0n1", &["io_uring_cmd"]),
    ("nullb0", "nullb0", &ENGINES),
];

/// How a device comes into use, how out of it, and what is said of it.
const USES: [(&str, &str, &str, &str); 3] = [
    (
        "mounted: refused",
        "mke2fs /dev/DISK >/dev/null 2>&1; mkdir -p /mnt; mount -t ext2 -o ro /dev/DISK /mnt",
        "umount /mnt",
        "/dev/DISK is mounted on /mnt",
    ),
    (
        "swap: refused",
        "mkswap /dev/DISK >&2; swapon /dev/DISK",
        "swapoff /dev/DISK",
        "/dev/DISK is swap space",
    ),
    (
        "held by the device mapper: refused",
        "dmsetup create held --table '0 4096 linear /dev/DISK 0'",
        "dmsetup remove --retry held",
        "/dev/DISK is held by /dev/dm-0 (held)",
    ),
];

/// Refused before the run.
fn refused(status: i32, words: &str) -> impl Fn(&Outcome) {
    let words = words.to_owned();
    move |outcome| {
        assert_eq!(outcome.status, status, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.all_ios(), 0, "{outcome}");
        assert!(outcome.stderr.contains(&words), "{words:?} is missing:\n{outcome}");
        assert!(document.errors().contains(&words), "{words:?} is not reported:\n{outcome}");
    }
}

#[test]
fn devices_that_are_not_to_be_touched() {
    require!(lab);
    let scene = Scene::new();
    let modules = "null_blk memory_backed=1 gb=1,dm_mod";
    let mut lab = Lab::new(&["--scsi", "--nvme", "--modules", modules]);
    in_use(&mut lab);
    missing(&mut lab);
    of_another_kind(&mut lab);
    lab.run(&scene);
}

/// The device is the same before and after.
fn in_use(lab: &mut Lab) {
    for (disk, node, engines) in NODES {
        for engine in engines {
            for (what, take, give_back, words) in USES {
                let [take, give_back, words] =
                    [take, give_back, words].map(|text| text.replace("DISK", disk));
                let sum = format!("$(dd if=/dev/{disk} bs=64k count=16 2>/dev/null | md5sum)");
                let script = format!(
                    "({take}) >&2 || exit 93\nbefore={sum}\n{}\nstatus=$?\nafter={sum}\n\
                     ({give_back}) >&2 || exit 94\n\
                     [ \"$before\" = \"$after\" ] || exit 91\nexit $status",
                    job(node, engine, "rw=write\nsize=64k")
                );
                lab.case((node, engine, what), script, refused(2, &words));
            }
        }
    }
}

/// Names of devices that are not there: refused, and still not there.
fn missing(lab: &mut Lab) {
    for (node, engines) in [
        ("sdz", &["psync", "libaio", "io_uring", "sg"][..]),
        ("nvme9n1", &ENGINES),
        ("mapper/none", &ENGINES),
        ("sg9", &["sg"]),
        ("ng9n1", &["io_uring_cmd"]),
    ] {
        for engine in engines {
            for rw in ["read", "write"] {
                let lines = format!("rw={rw}\nsize=64k");
                let run = job(node, engine, &lines);
                let run = run.split_once('\n').expect("a test that it is there comes first").1;
                let script =
                    format!("{run}\nstatus=$?; [ ! -e /dev/{node} ] || exit 95\nexit $status");
                let words = format!("/dev/{node}: there is no such device");
                lab.case((&label(node), engine, &format!("not there: {rw} refused")), script, {
                    refused(2, &words)
                });
            }
        }
    }
}

/// Files, and nodes of another kind, for engines that send commands.
fn of_another_kind(lab: &mut Lab) {
    for (target, engine, words) in [
        ("/root/file", "sg", "/root/file: no device: engine sg sends SCSI commands"),
        ("/root/none", "sg", "/root/none: it does not exist, and engine sg makes no files"),
        ("/dev/nullb0", "sg", "/dev/nullb0: it does not take SCSI commands"),
        ("/dev/ng0n1", "sg", "/dev/ng0n1: a character device"),
        ("/root/file", "io_uring_cmd", "/root/file: no device: engine io_uring_cmd sends NVMe"),
        ("/dev/nvme0n1", "io_uring_cmd", "/dev/nvme0n1: a block device"),
        ("/dev/sg0", "io_uring_cmd", "/dev/sg0: a character device"),
        ("/dev/sda", "io_uring_cmd", "/dev/sda: a block device"),
    ] {
        let run =
            job("null", engine, "rw=write\nsize=64k").replace("/dev/null\ndirect", "X\ndirect");
        let run = run.replace("filename=X", &format!("filename={target}"));
        let script = format!(
            "echo of mine >/root/file\n{run}\nstatus=$?\n[ ! -e /root/none ] || exit 95\n\
             [ \"$(cat /root/file)\" = 'of mine' ] || exit 91\nexit $status"
        );
        let row = target.rsplit('/').next().unwrap_or(target);
        // That something is not there is the system's answer; what is of another kind, the job's.
        let status = if row == "none" { 1 } else { 2 };
        lab.case((row, engine, "another kind of target: refused"), script, refused(status, words));
    }
}
