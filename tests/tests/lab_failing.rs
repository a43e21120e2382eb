//! Devices that fail, in the laboratory's guest, by engines that a block device is given to: what
//! the user is told, that the other requests are right and counted, that a run ends as it should.
//!
//! The kernel's injection of errors counts commands: one case at a time has it. What sg and
//! io_uring_cmd say of the same is in their own files, devices that go away in `lab_unplugged`.

use iodyno_tests::lab::Lab;
use iodyno_tests::lab_jobs::{failed, filled, job, lab, made, same, went_on, ENGINES};
use iodyno_tests::{require, Scene};

/// Sectors of the SCSI disk that cannot be read: they lie in blocks 582 and 583.
const MEDIUM_ERRORS: &str = "--scsi=medium_error_start=0x1234 medium_error_count=10";

/// Switches of the made-up disk, and the file that its errors are ordered from.
const DRIVER: &str = "/sys/bus/pseudo/drivers/scsi_debug";
const INJECT: &str = "/sys/kernel/debug/scsi_debug/0:0:0:0/error";

/// A script while the disk's options are these, of which each `nth` command feels.
fn with_opts(opts: &str, nth: u32, script: &str) -> String {
    format!(
        "echo {nth} >{DRIVER}/every_nth; echo {opts} >{DRIVER}/opts\n{script}\nstatus=$?\n\
         echo 0 >{DRIVER}/opts; echo 0 >{DRIVER}/every_nth; exit $status"
    )
}

/// A script with a sense (key, asc, ascq) that the next `count` reads end with.
fn with_sense(count: u32, sense: &str, script: &str) -> String {
    format!(
        "mount -t debugfs none /sys/kernel/debug 2>/dev/null\n\
         echo '2 -{count} 0x28 0 0 0x2 {sense}' >{INJECT} || exit 93\n{script}\nstatus=$?\n\
         echo '- 2 0x28' >{INJECT}; exit $status"
    )
}

#[test]
fn scsi_disks_that_fail_are_told_of() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &[MEDIUM_ERRORS]);
    for engine in ENGINES {
        medium_errors(&mut lab, engine);
        told(&mut lab, engine);
        mended(&mut lab, engine);
    }
    lab.run(&scene);
}

fn medium_errors(lab: &mut Lab, engine: &str) {
    let sda = |what| ("sda", engine, what);
    let with = |lines: &str| with_opts("2", 0, &job("sda", engine, lines));
    // 2383872 is block 582. ENODATA is what the block layer makes of sense 03/11/00.
    let words = &["read of 4096 bytes at offset 2383872 of /dev/sda", "medium error"];
    let script = with("rw=read\nsize=4m");
    let stops = failed(61, words);
    lab.case(sda("medium error stops the run"), script, move |outcome| {
        stops(outcome);
        assert!(outcome.document().ios(0, "read") > 582, "{outcome}");
    });
    let script = with("rw=read\nsize=4m").replace("format json", "format normal");
    lab.case(sda("medium error in the report for people"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert!(outcome.stdout.contains("err=61"), "{outcome}");
        assert!(outcome.stderr.contains("medium error"), "{outcome}");
    });
    for tolerance in ["continue_on_error=all", "continue_on_error=read"] {
        let script = with(&format!("rw=randread\nsize=4m\niodepth=32\n{tolerance}"));
        let judge = went_on("read", 61, 2, 1022);
        lab.case(("sda", engine, &format!("medium errors, {tolerance}")), script, judge);
    }
    let script = with("rw=randread\nsize=4m\niodepth=32\nignore_error=ENODATA");
    lab.case(sda("medium errors, ignore_error"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.number("/jobs/0/iodyno/ignored_ios"), 2, "{outcome}");
        assert_eq!(document.number("/jobs/0/iodyno/failed_ios"), 0, "{outcome}");
        assert_eq!(document.bytes(0, "read"), 1022 * 4096, "{outcome}");
    });
}

/// Errors that reach the engine as an errno alone: the words are the host's.
fn told(lab: &mut Lab, engine: &str) {
    let sda = |what| ("sda", engine, what);
    let read = job("sda", engine, "rw=read\nsize=1m");
    let place = "read of 4096 bytes at offset 0 of /dev/sda";
    let script = with_sense(1, "0xb 0x10 0x1", &read);
    let words = &["of /dev/sda", "protection information do not match"];
    lab.case(sda("protection information"), script, failed(84, words));
    let script = with_opts("32", 50, &job("sda", engine, "rw=read\nsize=1m\niodepth=8"));
    lab.case(sda("protection information, each 50th command"), script, failed(84, words));
    let script = with_sense(1, "0x4 0x44 0x0", &read);
    let words = &["of /dev/sda", "it failed, or refused the command"];
    let hardware = failed(121, words);
    lab.case(sda("hardware error"), script, move |outcome| {
        hardware(outcome);
        assert!(outcome.stderr.contains(place), "{outcome}");
    });
}

/// What the kernel's SCSI layer makes good, nobody sees: runs are clean, every request is counted
/// once, and what is read is what was written.
fn mended(lab: &mut Lab, engine: &str) {
    let read = job("sda", engine, "rw=randread\nsize=1m\niodepth=8");
    for (opts, nth, what) in [
        ("8", 3, "recovered errors"),
        ("0x100", 3, "short transfers go on"),
        ("16", 20, "transport errors are tried again"),
        ("0x400", 20, "task set full is tried again"),
        ("0x8000", 20, "a busy host is tried again"),
    ] {
        lab.case(("sda", engine, what), with_opts(opts, nth, &read), made("read", 256));
    }
    let script = with_sense(1, "0x6 0x29 0x0", &read);
    lab.case(("sda", engine, "unit attention: sent again"), script, made("read", 256));
    let check = format!("iodyno check {engine} --target /dev/sda --only '^data.(read|depths)'");
    let script = with_opts("0x100", 3, &check);
    lab.case(("sda", engine, "iodyno check under short transfers"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
    });
}

#[test]
fn mapped_devices_that_fail_are_told_of() {
    require!(lab);
    let scene = Scene::new();
    let modules = "null_blk memory_backed=1 gb=1,dm_mod,dm_flakey,dm_delay";
    let mut lab = lab(&scene, &["--modules", modules]);
    for engine in ENGINES {
        bad_stretch(&mut lab, engine);
        failing_writes(&mut lab, engine);
        silent_damage(&mut lab, engine);
        delayed(&mut lab, engine);
    }
    lab.run(&scene);
}

/// A script while the null device, filled, lies under a table of the device mapper.
fn under(table: &str, script: &str, then: &str) -> String {
    format!(
        "{}\ndmsetup create lab >&2 <<'END' || exit 93\n{table}\nEND\n\
         {script}\nstatus=$?\ndmsetup remove --retry lab >&2 || exit 94\n{then}\nexit $status",
        filled("nullb0")
    )
}

/// A job of writes on the second MiB of such a device.
fn writes(engine: &str, lines: &str) -> String {
    let lines = format!(
        "rw=randwrite\noffset=1m\nsize=1m\niodepth=8\nbuffer_pattern='/root/pattern'\n{lines}"
    );
    job("mapper/lab", engine, &lines)
}

/// 64 KiB of the second MiB cannot be written: the rest of it is.
fn bad_stretch(lab: &mut Lab, engine: &str) {
    let table = "0 3072 linear /dev/nullb0 0\n3072 128 error\n3200 2944 linear /dev/nullb0 3200";
    // As the blocks before were, so those stay.
    let whole = "dd if=/root/before of=/root/mixed bs=512 count=6144 2>/dev/null\n\
                 cp /root/expected /root/mixed\n\
                 dd if=/root/before of=/root/mixed bs=512 skip=3072 seek=3072 count=128 \
                 conv=notrunc 2>/dev/null";
    let then = format!("{whole}\n{}", same("nullb0", "mixed"));
    let script = under(table, &writes(engine, "continue_on_error=all"), &then);
    let judge = went_on("write", 5, 16, 240);
    lab.case(("dm-error", engine, "a bad stretch, the other writes are right"), script, judge);
    let script = under(table, &writes(engine, "ignore_error=,EIO"), &then);
    lab.case(("dm-error", engine, "a bad stretch, ignore_error"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/iodyno/ignored_ios"), 16, "{outcome}");
        assert_eq!(document.bytes(0, "write"), 240 * 4096, "{outcome}");
    });
    let read = job("mapper/lab", engine, "rw=read\noffset=1m\nsize=1m");
    let words = &["read of 4096 bytes at offset 1572864 of /dev/mapper/lab"];
    lab.case(("dm-error", engine, "stops the run"), under(table, &read, ""), failed(5, words));
}

fn failing_writes(lab: &mut Lab, engine: &str) {
    let table = "0 6144 flakey /dev/nullb0 0 0 60 1 error_writes";
    let then = same("nullb0", "before");
    let script = under(table, &writes(engine, "continue_on_error=all"), &then);
    lab.case(("dm-flakey", engine, "writes fail"), script, went_on("write", 5, 256, 0));
}

/// Nobody can tell who does not read back: the run is clean. Comparing tells.
fn silent_damage(lab: &mut Lab, engine: &str) {
    let table = "0 6144 flakey /dev/nullb0 0 0 60 1 drop_writes";
    let script = under(table, &writes(engine, ""), &same("nullb0", "before"));
    lab.case(("dm-flakey", engine, "writes are dropped"), script, made("write", 256));
    // The 32nd byte of each request, on its way to the device.
    let table = "0 6144 flakey /dev/nullb0 0 0 60 5 corrupt_bio_byte 32 w 1 0";
    let then = "blockdev --flushbufs /dev/nullb0\n\
                cmp -l -n 3145728 /root/expected /dev/nullb0 >differences\n\
                test $(wc -l <differences) = 256 || { head differences >&2; exit 91; }";
    let script = under(table, &writes(engine, ""), then);
    lab.case(("dm-flakey", engine, "a byte of each write is spoilt"), script, made("write", 256));
}

/// The median within 5 %: the guest's clock jumps, which spoils single requests and now and then a
/// whole run, so that one of six has to be right. What is not is said.
fn delayed(lab: &mut Lab, engine: &str) {
    let job = job("mapper/lab", engine, "rw=randread\nsize=80k\niodepth=2");
    let (begin, run) = job.split_once("iodyno run").expect("the job is run");
    let attempts = format!(
        "{begin}for attempt in 1 2 3 4 5 6; do\n\
         iodyno run{run} --output report.json || break\n\
         median=$(sed -n '/\"clat_ns\"/,$s/.*\"50.000000\" : \\([0-9]*\\).*/\\1/p' report.json | \
         head -n 1)\n\
         echo \"attempt $attempt: a median of $median ns\" >&2\n\
         [ \"$median\" -lt 95000000 ] || [ \"$median\" -gt 105000000 ] || break\n\
         done\ncat report.json; [ -s report.json ]"
    );
    let script = under("0 6144 delay /dev/nullb0 0 100", &attempts, "");
    lab.case(("dm-delay", engine, "100 ms are seen, within 5 %"), script, |outcome| {
        made("read", 20)(outcome);
        let median = "/jobs/0/read/clat_ns/percentile/50.000000";
        let ms = outcome.document().float(median) / 1e6;
        assert!((95.0..=105.0).contains(&ms), "{ms} ms:\n{outcome}");
    });
}
