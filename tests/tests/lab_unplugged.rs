//! Devices that are taken away in mid-run, in the laboratory's guest: the run ends with status 1
//! within seconds, says which device it was, and what was measured before is in the report.
//!
//! Each case plugs its device in again, so that the next finds it. A run that goes on is killed by
//! the case's script and so fails it.

use iodyno_tests::lab::Lab;
use iodyno_tests::lab_jobs::{job, label, ENGINES};
use iodyno_tests::{require, Outcome, Scene};

/// Requests that are done before the device goes.
const BEFORE: u64 = 200;

/// A run has this long to begin, lose its device and notice. That takes about two seconds; the rest
/// is for guests on a machine that is busy elsewhere. Left alone it would take minutes.
const SECONDS: u32 = 50;

/// A device, and the shell's words for it.
struct Device {
    /// What a job is given, below /dev.
    node: &'static str,
    /// Whose requests the kernel counts in /sys/block.
    counted: &'static str,
    engines: &'static [&'static str],
    plug: &'static str,
    unplug: &'static str,
    /// Undoes what is left after that.
    clear: &'static str,
}

const SCSI_PLUG: &str = "[ -e /dev/sda ] || echo '- - -' >/sys/class/scsi_host/host0/scan";
const SCSI_UNPLUG: &str = "echo 1 >/sys/block/sda/device/delete";
const NVME_PLUG: &str = "[ -e /dev/nvme0n1 ] || echo 1 >/sys/bus/pci/rescan";
const NVME_UNPLUG: &str = "echo 1 >$(readlink -f /sys/class/nvme/nvme0/device)/remove";
const NULL: &str = "/sys/kernel/config/nullb/lab";

const DEVICES: [Device; 6] = [
    Device {
        node: "sda",
        counted: "sda",
        engines: &["psync", "libaio", "io_uring", "sg"],
        plug: SCSI_PLUG,
        unplug: SCSI_UNPLUG,
        clear: ":",
    },
    Device {
        node: "sg0",
        counted: "sda",
        engines: &["sg"],
        plug: SCSI_PLUG,
        unplug: SCSI_UNPLUG,
        clear: ":",
    },
    Device {
        node: "nvme0n1",
        counted: "nvme0n1",
        engines: &ENGINES,
        plug: NVME_PLUG,
        unplug: NVME_UNPLUG,
        clear: ":",
    },
    Device {
        node: "ng0n1",
        counted: "nvme0n1",
        engines: &["io_uring_cmd"],
        plug: NVME_PLUG,
        unplug: NVME_UNPLUG,
        clear: ":",
    },
    Device {
        node: "lab",
        counted: "lab",
        engines: &ENGINES,
        plug:
            "mkdir $lab && echo 1 >$lab/memory_backed && echo 64 >$lab/size && echo 1 >$lab/power",
        unplug: "echo 0 >$lab/power",
        clear: "rmdir $lab",
    },
    Device {
        node: "mapper/linear",
        counted: "dm-0",
        engines: &ENGINES,
        plug: "dmsetup create linear --table '0 131072 linear /dev/nullb0 0'",
        unplug: "dmsetup wipe_table linear",
        clear: "dmsetup remove --retry linear",
    },
];

/// A script that takes the device away once so many requests more are done.
fn unplugged(device: &Device, job: &str) -> String {
    let Device { node, counted, plug, unplug, clear, .. } = device;
    let kind = if node.starts_with("sg") || node.starts_with("ng") { "-c" } else { "-b" };
    let job = job.replace("iodyno run", &format!("timeout -s KILL {SECONDS} iodyno run"));
    let count = match (*node, *counted) {
        // Commands of the sg driver are none of the block layer's statistics.
        (_, "sda") => "$(($(cat /sys/block/sda/device/iorequest_cnt)))".to_owned(),
        _ => format!("$(awk '{{print $1 + $5}}' /sys/block/{counted}/stat)"),
    };
    let wait = match *node {
        "ng0n1" => "sleep 3".to_owned(),
        _ => format!("while [ {count} -lt $((before + {BEFORE})) ]; do sleep 0.05; done"),
    };
    format!(
        "lab={NULL}\n({plug}) >&2 || exit 93\n\
         for wait in 1 2 3 4 5 6 7 8 9 10; do [ {kind} /dev/{node} ] && break; sleep 0.3; done\n\
         before={count}\n\
         ({wait}; {unplug}) >&2 &\n{job}\nstatus=$?\nkill $! 2>/dev/null\nwait\n\
         ({clear}) >&2 || exit 94\nexit $status"
    )
}

/// It ended by itself, with the device's name and all that was measured.
fn ended(node: &'static str, direction: &'static str) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        let (ios, bytes) = (document.ios(0, direction), document.bytes(0, direction));
        let failed = document.number("/jobs/0/iodyno/failed_ios");
        assert!((1..=16).contains(&failed), "{failed} failed:\n{outcome}");
        assert_eq!(bytes, (ios - failed) * 4096, "those that failed moved nothing:\n{outcome}");
        let least = if node == "ng0n1" { 1 } else { BEFORE };
        assert!(ios - failed >= least, "what was measured is there:\n{outcome}");
        let errno = document.number("/jobs/0/error");
        // ENODEV, ENXIO, EIO; and what the kernel says to writers behind the end of a device.
        assert!([19, 6, 5].contains(&errno) || (errno, direction) == (28, "write"), "{outcome}");
        let name = format!("/dev/{node}");
        assert!(outcome.stderr.contains(&name), "{outcome}");
        assert!(document.errors().contains(&name), "{outcome}");
    }
}

#[test]
fn devices_that_go_away_end_the_run() {
    require!(lab);
    let scene = Scene::new();
    let modules = "null_blk memory_backed=1 gb=1,dm_mod";
    let mut lab = Lab::new(&["--scsi", "--nvme", "--modules", modules]);
    for device in &DEVICES {
        for engine in device.engines {
            for (rw, direction, what) in [
                ("randread", "read", "unplugged in mid-run"),
                ("randwrite", "write", "unplugged in mid-run, writing"),
            ] {
                let lines = format!("rw={rw}\nsize=4m\niodepth=8\ntime_based=1\nruntime=300");
                let script = unplugged(device, &job(device.node, engine, &lines));
                let row = label(device.node);
                lab.case((&row, engine, what), script, ended(device.node, direction));
            }
        }
    }
    beside_another(&mut lab);
    lab.run(&scene);
}

/// One of two jobs loses its device: the other one's is not touched.
fn beside_another(lab: &mut Lab) {
    let device = &DEVICES[0];
    let lines =
        "rw=randread\nsize=4m\niodepth=8\ntime_based=1\nruntime=300\n[b]\nioengine=libaio\n\
                 filename=/dev/nullb0\ndirect=1\nbs=4k\nsize=4m\nrw=randread\niodepth=8\n\
                 rate_iops=500";
    let script = unplugged(device, &job(device.node, "io_uring", lines));
    lab.case(("sda", "io_uring", "unplugged beside another job"), script, |outcome| {
        ended("sda", "read")(outcome);
        let document = outcome.document();
        let other = document.job("b");
        assert_eq!(document.ios(other, "read"), 1024, "{outcome}");
        assert_eq!(document.number(&format!("/jobs/{other}/error")), 0, "{outcome}");
    });
}
