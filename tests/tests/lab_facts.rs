//! What iodyno says of real devices, in the laboratory's guest: who they are and what they can,
//! what they did meanwhile, trims that leave zeroes, what cannot be done there refused before the
//! run.
//!
//! One boot a test. How data gets to a device is `lab_devices`.

use iodyno_tests::lab::Lab;
use iodyno_tests::{require, Outcome, Scene};
use serde_json::{json, Value};

const MIB: usize = 1 << 20;
const BLOCK: usize = 4096;

/// What devices hold before a case.
const BEFORE: u8 = 0xee;

const SCSI: &str = "--scsi=lbpu=1 num_parts=1";
const NULL_BLK: &str = "null_blk memory_backed=1 discard=1 gb=1";

/// Makes /dev/loop0 in the guest, of 8 MiB.
const LOOP: &str = "test -e /root/image || {
    modprobe loop; dd if=/dev/zero of=/root/image bs=1M count=8 2>/dev/null || exit 92
    losetup /dev/loop0 /root/image || exit 92
}";

/// A job of these lines on a device, which has to be there.
fn job(device: &str, engine: &str, lines: &str) -> String {
    format!(
        "test -e /dev/{device} || exit 90\ncat >job.fio <<'END'\n[a]\nioengine={engine}\n\
         filename=/dev/{device}\nbs=4k\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
    )
}

/// A clean run whose report says this, among more, of its first device.
fn tells(facts: Value) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        let device = document.at("/iodyno/devices/0");
        for (key, value) in facts.as_object().expect("an object") {
            assert_eq!(device.get(key), Some(value), "{key}: {outcome}");
        }
    }
}

#[test]
fn devices_are_told_of() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&[SCSI, "--nvme", "--modules", NULL_BLK]);
    facts(&mut lab);
    disk_util(&mut lab);
    in_words(&mut lab);
    // The last one: it takes the disk away.
    unplugged(&mut lab);
    lab.run(&scene);
}

fn facts(lab: &mut Lab) {
    for (node, engine) in [("sda", "psync"), ("sg0", "sg"), ("sda1", "psync")] {
        let lines = "rw=read\nsize=64k";
        let judge = tells(json!({
            "name": "sda",
            "targets": [format!("/dev/{node}")],
            "vendor": "Linux",
            "model": "scsi_debug",
            "serial": "2000",
            "firmware": "0191",
            "size_bytes": 64 * MIB,
            "logical_block_size": 512,
            "rotational": false,
            "zoned": "none",
            "discard_granularity": 512,
            "write_zeroes_max_bytes": 33_553_920,
            "write_cache": "write back",
            "fua": true,
            "io_poll": false,
        }));
        lab.case((node, engine, "the facts of a SCSI disk"), job(node, engine, lines), judge);
    }
    for (node, engine) in [("nvme0n1", "psync"), ("ng0n1", "io_uring_cmd")] {
        let judge = tells(json!({
            "name": "nvme0n1",
            "targets": [format!("/dev/{node}")],
            "model": "QEMU NVMe Ctrl",
            "serial": "lab0",
            "size_bytes": 64 * MIB,
            "io_poll": true,
        }));
        let script = job(node, engine, "rw=read\nsize=64k");
        lab.case((node, engine, "the facts of an NVMe namespace"), script, judge);
    }
    let script = job("nullb0", "psync", "rw=read\nsize=64k");
    lab.case(("nullb0", "psync", "nothing is made up"), script, |outcome| {
        let device = outcome.document().at("/iodyno/devices/0").clone();
        assert_eq!(device["size_bytes"], 1024 * MIB, "{outcome}");
        for absent in ["model", "serial", "vendor", "firmware"] {
            assert_eq!(device.get(absent), None, "{absent}: {outcome}");
        }
    });
    let script =
        "printf '[a]\\nioengine=psync\\nfilename=file\\nrw=write\\nsize=64k\\n' >job.fio\n\
                  iodyno run job.fio --output-format json";
    lab.case(("memory", "psync", "a file system without a disk"), script, |outcome| {
        let document = outcome.document();
        assert_eq!(document.at("/iodyno/devices").as_array().map(Vec::len), Some(0), "{outcome}");
        assert_eq!(document.at("/disk_util").as_array().map(Vec::len), Some(0), "{outcome}");
    });
}

fn disk_util(lab: &mut Lab) {
    for (node, disk_name, ddir) in
        [("sda", "sda", "read"), ("sda1", "sda", "read"), ("nvme0n1", "nvme0n1", "write")]
    {
        let script = job(node, "psync", &format!("direct=1\nrw=rand{ddir}\nsize=1m"));
        lab.case((node, "psync", "disk_util counts the run"), script, move |outcome| {
            let document = outcome.document();
            let disk = document.at("/disk_util/0");
            assert_eq!(disk["name"], disk_name, "{outcome}");
            assert_eq!(disk[format!("{ddir}_ios")], 256, "{outcome}");
            assert_eq!(disk[format!("{ddir}_sectors")], 2048, "{outcome}");
            let util = document.float("/disk_util/0/util");
            assert!((0.0..=100.0).contains(&util), "{outcome}");
        });
    }
    let two = "printf '[global]\\nioengine=psync\\nrw=read\\nbs=4k\\nsize=64k\\ndirect=1\\n[a]\\n\
               filename=/dev/sda\\n[b]\\nfilename=/dev/nvme0n1\\ndisk_util=0\\n' >job.fio\n\
               iodyno run job.fio --output-format json";
    lab.case(("sda", "psync", "disk_util=0 is one job's affair"), two, |outcome| {
        let document = outcome.document();
        assert_eq!(document.at("/disk_util").as_array().map(Vec::len), Some(1), "{outcome}");
        assert_eq!(document.text("/disk_util/0/name"), "sda", "{outcome}");
        assert_eq!(document.at("/iodyno/devices").as_array().map(Vec::len), Some(2), "{outcome}");
    });
    // What a stage does is counted, and what somebody does between two is not.
    let stages = "printf '[global]\\nioengine=psync\\nrw=read\\nbs=4k\\nsize=64k\\ndirect=1\\n\
                  filename=/dev/sda\\n[a]\\n[b]\\nstonewall\\nnumjobs=2\\n' >job.fio\n\
                  iodyno run job.fio --output-format json";
    lab.case(("sda", "psync", "stages add up"), stages, |outcome| {
        let document = outcome.document();
        assert_eq!(document.number("/disk_util/0/read_ios"), 48, "{outcome}");
    });
    let script = format!(
        "modprobe dm_flakey\n\
         dmsetup create both --table '0 2048 linear /dev/sda 0\n2048 2048 linear /dev/nvme0n1 0' \
         >&2 || exit 93\n{}\nstatus=$?\ndmsetup remove both >&2; exit $status",
        job("mapper/both", "psync", "direct=1\nrw=read\nsize=2m")
    );
    lab.case(("dm", "psync", "disk_util of a disk and its slaves"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        let name = |at: &str| document.text(&format!("{at}/name")).to_owned();
        let names: Vec<String> = (0..3).map(|n| name(&format!("/disk_util/{n}"))).collect();
        assert_eq!(names, ["dm-0", "nvme0n1", "sda"], "{outcome}");
        assert_eq!(document.number("/disk_util/0/aggr_read_ios"), 256, "{outcome}");
        assert_eq!(document.number("/disk_util/1/read_ios"), 256, "{outcome}");
        assert_eq!(document.number("/disk_util/2/read_ios"), 256, "{outcome}");
        let device = document.at("/iodyno/devices/0");
        assert_eq!(device["slaves"], json!(["nvme0n1", "sda"]), "{outcome}");
        assert_eq!((&device["dm_name"], device.get("model")), (&"both".into(), None), "{outcome}");
    });
}

/// The same in the normal output, behind all of fio's own lines.
fn in_words(lab: &mut Lab) {
    let normal = |script: String| script.replace("json", "normal");
    let script = normal(job("sda", "psync", "direct=1\nrw=read\nsize=64k"));
    lab.case(("sda", "psync", "normal output"), script, |outcome| {
        let order = [
            "\nDisk stats (read/write):\n  sda: ios=16/0, sectors=128/0, ",
            "\nDevices:\n  sda: Linux scsi_debug, serial 2000, firmware 0191, 64.0MiB, blocks of \
             512 bytes",
            "\n    discard up to ",
            "\nEngines:\n",
        ];
        let places: Vec<Option<usize>> =
            order.iter().map(|words| outcome.stdout.find(words)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {outcome}");
    });
    for (node, engine, words) in [
        ("sg0", "sg", "engine sg, job a: "),
        ("ng0n1", "io_uring_cmd", "engine io_uring_cmd, job a: "),
    ] {
        let script = normal(job(node, engine, "rw=read\nsize=64k"));
        lab.case((node, engine, "what the engine says of it"), script, move |outcome| {
            let line = outcome.stdout.lines().find(|line| line.contains(words));
            assert!(line.is_some_and(|line| line.contains("model ")), "{outcome}");
            assert!(!outcome.stdout.contains("Disk stats"), "nobody counts commands: {outcome}");
        });
    }
}

fn unplugged(lab: &mut Lab) {
    // Not before the run is under way, and has been looked at.
    let script = format!(
        "reads() {{ set -- $(cat /sys/block/sda/stat); echo $1; }}\nbefore=$(reads)\n\
         (until test $(reads) -gt $((before + 100)); do sleep 0.2; done; sleep 2\n\
         echo 1 >/sys/block/sda/device/delete) &\n{}",
        job("sda", "psync", "direct=1\nrw=randread\nsize=8m\ntime_based\nruntime=40")
    );
    lab.case(("sda", "psync", "unplugged in mid-run"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert!(document.number("/disk_util/0/read_ios") > 0, "{outcome}");
        assert_eq!(document.text("/iodyno/devices/0/model"), "scsi_debug", "{outcome}");
    });
}

/// Three MiB of a device: as before, with the second one trimmed, with it written after that.
fn files(scene: &Scene) -> [String; 3] {
    let pattern: Vec<u8> = (0..251_u32).map(|n| (n * 7 + 3) as u8).collect();
    let block: Vec<u8> = pattern.iter().copied().cycle().take(BLOCK).collect();
    let around = |middle: Vec<u8>| [vec![BEFORE; MIB], middle, vec![BEFORE; MIB]].concat();
    [
        scene.file("before", vec![BEFORE; 3 * MIB]),
        scene.file("trimmed", around(vec![0; MIB])),
        scene.file("written", around(block.repeat(MIB / BLOCK))),
    ]
}

#[test]
fn trims_leave_zeroes() {
    require!(lab);
    let scene = Scene::new();
    let pattern: Vec<u8> = (0..251_u32).map(|n| (n * 7 + 3) as u8).collect();
    let mut named = vec![scene.file("pattern", pattern)];
    named.extend(files(&scene));
    let named: Vec<String> = named
        .iter()
        .map(|file| format!("{file}:/root/{}", file.rsplit('/').next().unwrap_or("")))
        .collect();
    let mut options = vec!["--timeout", "600", "--scsi=lbpu=1", "--nvme", "--modules", NULL_BLK];
    options.extend(named.iter().flat_map(|file| ["--file", file]));
    let mut lab = Lab::new(&options);
    let random = ("rw=randtrim\nbs=4k\niodepth=8", "trimmed");
    let in_order = ("rw=trim\nbs=64k", "trimmed");
    let rewritten = ("rw=trimwrite\nbs=4k\nbuffer_pattern='/root/pattern'", "written");
    let mixed = ("rw=randtrim\nbs=4k\niodepth=4\n[b]\nrw=randwrite\noffset=0", "mixed");
    for device in ["sda", "nvme0n1", "nullb0", "loop0"] {
        for (engine, loads) in [
            ("psync", &[in_order, random, rewritten, mixed][..]),
            ("libaio", &[random]),
            ("io_uring", &[random, rewritten, mixed]),
        ] {
            for (lines, expected) in loads {
                trim(&mut lab, device, engine, lines, expected);
            }
        }
    }
    refused(&mut lab);
    lab.run(&scene);
}

/// Trims the second of three MiB, beside writes of the first by a second job where it is `mixed`.
fn trim(lab: &mut Lab, device: &str, engine: &str, lines: &str, expected: &str) {
    let what = format!("{}: {expected}", lines.lines().next().unwrap_or_default());
    // The second job writes what is there already.
    let (expected, jobs) = match expected {
        "mixed" => ("trimmed", 2),
        other => (other, 1),
    };
    let script = format!(
        "{LOOP}\ntest -b /dev/{device} || exit 90\n\
         dd if=/root/before of=/dev/{device} bs=1M conv=fsync 2>/dev/null || exit 92\n\
         cat >job.fio <<'END'\n[global]\nioengine={engine}\nfilename=/dev/{device}\ndirect=1\n\
         offset=1m\nsize=1m\nbuffer_pattern=0x{BEFORE:x}\n[a]\n{lines}\nEND\n\
         iodyno run job.fio --output-format json || exit $?\n\
         blockdev --flushbufs /dev/{device}\n\
         cmp -n {} /root/{expected} /dev/{device} >&2 || exit 91",
        3 * MIB
    );
    lab.case((device, engine, &what), script, move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.bytes(0, "trim"), MIB as u64, "{outcome}");
        assert_eq!(document.jobs(), jobs, "{outcome}");
    });
}

/// What a device cannot do is refused before the run.
fn refused(lab: &mut Lab) {
    for (engine, rw) in [("psync", "trim"), ("libaio", "randtrim"), ("io_uring", "trimwrite")] {
        let script = format!(
            "echo 0 >/sys/block/nullb0/queue/discard_max_bytes || exit 93\n{}",
            job("nullb0", engine, &format!("rw={rw}\nsize=64k"))
        );
        lab.case(("nullb0", engine, "no discard: refused"), script, move |outcome| {
            assert_eq!(outcome.status, 2, "{outcome}");
            let words = format!("/dev/nullb0: rw={rw}: the device cannot discard");
            assert!(outcome.stderr.contains(&words), "{outcome}");
            assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
        });
    }
    let script = job("nvme0n1", "psync", "rw=trim\nsize=64k").replace("bs=4k", "bs=1000");
    lab.case(("nvme0n1", "psync", "half a block: refused"), script, |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert!(outcome.stderr.contains("trims want multiples of 512 bytes"), "{outcome}");
    });
}
