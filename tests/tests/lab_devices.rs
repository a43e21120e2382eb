//! Engines on real devices in the laboratory's guest: data arrives where it belongs, devices that
//! fail are told of in words, those that are slow are seen to be.
//!
//! One boot a test, many cases in it: a device is a column of the table that is printed, an engine
//! is another. A new engine for block devices is a name in `ENGINES`.

use iodyno_tests::lab::Lab;
use iodyno_tests::{require, Outcome, Scene};

const ENGINES: [&str; 3] = ["psync", "libaio", "io_uring"];

/// What `--scsi`, `--nvme` and [`NULL_BLK`] make.
const DEVICES: [&str; 3] = ["sda", "nvme0n1", "nullb0"];

const NULL_BLK: &str = "null_blk memory_backed=1 poll_queues=1";

const MIB: usize = 1 << 20;
const BLOCK: usize = 4096;

/// What the first 3 MiB of a device hold before a case writes to the second.
const BEFORE: u8 = 0xee;

/// The pattern of a buffer: no two neighbours are alike, and no shift by a sector shows nothing.
fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

/// The same three MiB after the second was written in blocks.
fn expected() -> Vec<u8> {
    let block: Vec<u8> = pattern().into_iter().cycle().take(BLOCK).collect();
    [vec![BEFORE; MIB], block.repeat(MIB / BLOCK), vec![BEFORE; MIB]].concat()
}

/// Puts the files that cases compare with into the guest.
fn lab(scene: &Scene, options: &[&str]) -> Lab {
    let files = [
        scene.file("pattern", pattern()),
        scene.file("before", vec![BEFORE; 3 * MIB]),
        scene.file("expected", expected()),
    ];
    let named = files.map(|file| format!("{file}:/root/{}", file.rsplit('/').next().unwrap_or("")));
    let files = named.iter().flat_map(|file| ["--file", file]);
    Lab::new(&files.chain(options.iter().copied()).collect::<Vec<_>>())
}

/// A script that runs a job of these lines on a device, which has to be one.
fn job(device: &str, engine: &str, lines: &str) -> String {
    format!(
        "test -b /dev/{device} || exit 90\ncat >job.fio <<'END'\n[a]\nioengine={engine}\n\
         filename=/dev/{device}\ndirect=1\nbs=4k\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
    )
}

/// The same between filling the device and comparing it; a difference is status 91.
fn compared(device: &str, engine: &str, lines: &str) -> String {
    let job = job(device, engine, &format!("buffer_pattern='/root/pattern'\n{lines}"));
    format!(
        "dd if=/root/before of=/dev/{device} bs=1M conv=fsync 2>/dev/null || exit 92\n\
         {job} || exit $?\n\
         blockdev --flushbufs /dev/{device}\n\
         cmp -n {} /root/expected /dev/{device} >&2 || exit 91",
        3 * MIB
    )
}

/// A clean run that made so many requests in a direction.
fn made(direction: &'static str, count: u64) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.ios(0, direction), count, "{outcome}");
    }
}

#[test]
fn data_arrives() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &["--scsi", "--nvme", "--modules", NULL_BLK]);
    for device in DEVICES {
        for engine in ENGINES {
            for depth in [1, 32] {
                let what = format!("write, compare, depth {depth}");
                let lines = format!("rw=randwrite\noffset=1m\nsize=1m\niodepth={depth}");
                let script = compared(device, engine, &lines);
                lab.case((device, engine, &what), script, made("write", 256));
                let what = format!("read, depth {depth}");
                let lines = format!("rw=randread\nsize=2m\niodepth={depth}");
                lab.case((device, engine, &what), job(device, engine, &lines), made("read", 512));
            }
            let check = format!(
                "test -b /dev/{device} || exit 90\n\
                 iodyno check {engine} --target /dev/{device} --only '^data'"
            );
            lab.case((device, engine, "data read back (iodyno check)"), check, |outcome| {
                assert_eq!(outcome.status, 0, "{outcome}");
                assert!(outcome.stdout.contains("data.read-after-write"), "{outcome}");
            });
        }
    }
    polled(&mut lab);
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

/// Sectors of the SCSI disk that cannot be read: they lie in blocks 582 and 583.
const MEDIUM_ERRORS: &str = "--scsi=medium_error_start=0x1234 medium_error_count=10";

#[test]
fn devices_that_fail_are_told_of() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &[MEDIUM_ERRORS, "--modules", NULL_BLK]);
    for engine in ENGINES {
        medium_errors(&mut lab, engine);
        flaky(&mut lab, engine);
        delayed(&mut lab, engine);
    }
    lab.run(&scene);
}

fn medium_errors(lab: &mut Lab, engine: &str) {
    let opts = "/sys/bus/pseudo/drivers/scsi_debug/opts";
    let with = |lines: &str| {
        let job = job("sda", engine, lines);
        format!("echo 2 >{opts}; {job}; status=$?; echo 0 >{opts}; exit $status")
    };
    let script = with("rw=read\nsize=4m");
    lab.case(("sda", engine, "medium error stops the run"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert!(document.ios(0, "read") >= 582, "{outcome}");
        // ENODATA is what the block layer makes of it; 2383872 is block 582.
        assert_eq!(document.number("/jobs/0/error"), 61, "{outcome}");
        let words = &outcome.stderr;
        assert!(words.contains("/dev/sda") && words.contains("2383872"), "{outcome}");
    });
    let script = with("rw=randread\nsize=4m\niodepth=32\ncontinue_on_error=read");
    lab.case(("sda", engine, "medium errors, the others are right"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/total_err"), 2, "{outcome}");
        assert_eq!(document.number("/jobs/0/first_error"), 61, "{outcome}");
        assert_eq!(document.bytes(0, "read"), 1022 * BLOCK as u64, "{outcome}");
    });
}

/// A table of the device mapper over the null device, for one script.
fn mapped(engine: &str, table: &str, lines: &str, compare: &str) -> String {
    let job = job("mapper/lab", engine, &format!("buffer_pattern='/root/pattern'\n{lines}"));
    format!(
        "modprobe dm_flakey; modprobe dm_delay\n\
         dd if=/root/before of=/dev/nullb0 bs=1M conv=fsync 2>/dev/null || exit 92\n\
         dmsetup create lab --table '0 6144 {table}' >&2 || exit 93\n\
         {job}\nstatus=$?\ndmsetup remove lab >&2 || exit 94\n\
         blockdev --flushbufs /dev/nullb0\n{compare}\nexit $status"
    )
}

fn flaky(lab: &mut Lab, engine: &str) {
    let compare = "cmp -n 3145728 /root/before /dev/nullb0 >&2 || exit 91";
    let table = "flakey /dev/nullb0 0 0 60 1 drop_writes";
    let lines = "rw=randwrite\noffset=1m\nsize=1m\niodepth=8";
    // Nobody can tell who does not read back: the run is clean, the device unchanged.
    let script = mapped(engine, table, lines, compare);
    lab.case(("dm-flakey", engine, "writes are dropped"), script, made("write", 256));
    let table = "flakey /dev/nullb0 0 0 60 1 error_writes";
    let lines = "rw=randwrite\noffset=1m\nsize=1m\niodepth=8\ncontinue_on_error=all";
    let script = mapped(engine, table, lines, compare);
    lab.case(("dm-flakey", engine, "writes fail"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/total_err"), 256, "{outcome}");
        assert_eq!(document.number("/jobs/0/first_error"), 5, "{outcome}");
        assert_eq!(document.bytes(0, "write"), 0, "{outcome}");
    });
}

fn delayed(lab: &mut Lab, engine: &str) {
    let table = "delay /dev/nullb0 0 100";
    let script = mapped(engine, table, "rw=randread\nsize=80k\niodepth=4", "");
    lab.case(("dm-delay", engine, "100 ms are seen"), script, |outcome| {
        made("read", 20)(outcome);
        let document = outcome.document();
        let ms = |field: &str| document.float(&format!("/jobs/0/read/clat_ns/{field}")) / 1e6;
        // The kernel's timers are late by a tick or two, and the guest's clock may jump ahead.
        assert!(ms("min") >= 95.0 && ms("mean") <= 150.0, "{outcome}");
    });
}
