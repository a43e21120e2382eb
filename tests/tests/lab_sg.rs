//! sg on a SCSI disk that the guest's kernel makes up, by both of its ways: data, what the device
//! says when it fails, trims, targets that are in use.
//!
//! The kernel's injection of errors counts commands: one case at a time has it.

use iodyno_tests::lab::Lab;
use iodyno_tests::{require, Outcome, Scene};

/// The node of the sg driver, and the disk.
pub(crate) const NODES: [&str; 2] = ["sg0", "sda"];

const MIB: usize = 1 << 20;
const BLOCK: usize = 4096;

/// Sectors 0x1234 to 0x123d cannot be read; trims are taken, up to 32 ranges in a command.
pub(crate) const SCSI: &str =
    "--scsi=opts=0 medium_error_start=0x1234 medium_error_count=10 lbpu=1 lbpws=1 \
                    unmap_granularity=8 unmap_max_desc=32";

/// Switches of the made-up disk, and the files that its errors are ordered from.
pub(crate) const DRIVER: &str = "/sys/bus/pseudo/drivers/scsi_debug";
const INJECT: &str = "/sys/kernel/debug/scsi_debug/0:0:0:0/error";

/// A job of these lines on a node.
pub(crate) fn job(node: &str, lines: &str) -> String {
    format!(
        "test -e /dev/{node} || exit 90\ncat >job.fio <<'END'\n[a]\nioengine=sg\n\
         filename=/dev/{node}\nbs=4k\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
    )
}

/// The same while the disk's options are these, of which each `nth` command feels.
pub(crate) fn with_opts(opts: &str, nth: u32, job: &str) -> String {
    format!(
        "echo {nth} >{DRIVER}/every_nth; echo {opts} >{DRIVER}/opts\n{job}\nstatus=$?\n\
         echo 0 >{DRIVER}/opts; echo 0 >{DRIVER}/every_nth; exit $status"
    )
}

/// The same with an error that so many commands with this opcode end with: host byte, status, key,
/// asc, ascq.
pub(crate) fn with_error(count: u32, opcode: &str, error: &str, job: &str) -> String {
    let (host, rest) = error.split_once(' ').expect("numbers");
    format!(
        "mount -t debugfs none /sys/kernel/debug 2>/dev/null\n\
         echo '2 -{count} {opcode} {host} 0 {rest}' >{INJECT} || exit 93\n{job}\nstatus=$?\n\
         echo '- 2 {opcode}' >{INJECT}; exit $status"
    )
}

/// A clean run that made so many requests in a direction.
pub(crate) fn made(direction: &'static str, count: u64) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.ios(0, direction), count, "{outcome}");
    }
}

/// A run that failed with this errno, and what its words have to hold, on the screen and in JSON.
pub(crate) fn failed(errno: u64, words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert_eq!(outcome.document().number("/jobs/0/error"), errno, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
            assert!(outcome.stdout.contains(word), "{word:?} is not in the report:\n{outcome}");
        }
    }
}

/// A run that succeeded, with this warning.
pub(crate) fn warned(words: &'static str) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        outcome.document().assert_no_errors();
        assert!(outcome.stderr.contains(words), "{words:?} is missing:\n{outcome}");
    }
}

/// What the first 3 MiB hold before a case writes to the second.
const BEFORE: u8 = 0xee;

fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

#[test]
fn sg_data_arrives() {
    require!(lab);
    let scene = Scene::new();
    let block: Vec<u8> = pattern().into_iter().cycle().take(BLOCK).collect();
    let expected = [vec![BEFORE; MIB], block.repeat(MIB / BLOCK), vec![BEFORE; MIB]].concat();
    let files = [("pattern", pattern()), ("before", vec![BEFORE; 3 * MIB]), ("expected", expected)]
        .map(|(name, bytes)| format!("{}:/root/{name}", scene.file(name, bytes)));
    let mut options = vec![SCSI];
    options.extend(files.iter().flat_map(|file| ["--file", file]));
    let mut lab = Lab::new(&options);
    for node in NODES {
        for depth in [1, 32] {
            let lines = format!(
                "rw=randwrite\noffset=1m\nsize=1m\niodepth={depth}\nbuffer_pattern='/root/pattern'"
            );
            let script = compared(&job(node, &lines));
            let what = format!("write, compare, depth {depth}");
            lab.case((node, "sg", &what), script, made("write", 256));
            let lines = format!("rw=randread\nsize=2m\niodepth={depth}");
            lab.case((node, "sg", &format!("read, depth {depth}")), job(node, &lines), |outcome| {
                made("read", 512)(outcome);
                assert!(outcome.stdout.contains("scsi_debug"), "no model:\n{outcome}");
            });
        }
        // 0x100: half of what was asked for; the made-up disk does that to reads alone.
        let script = with_opts("0x100", 3, &job(node, "rw=read\nsize=1m\niodepth=4"));
        lab.case((node, "sg", "short transfers go on"), script, |outcome| {
            made("read", 256)(outcome);
            assert_eq!(outcome.document().bytes(0, "read"), MIB as u64, "{outcome}");
            assert!(outcome.document().number("/jobs/0/read/short_ios") > 0, "{outcome}");
        });
        let of = "^(data|cancel|units|errdetails|terminate|instance.memory)";
        let check = format!("iodyno check sg --target /dev/{node} --only '{of}'");
        lab.case((node, "sg", "iodyno check"), check, |outcome| {
            assert_eq!(outcome.status, 0, "{outcome}");
            for id in ["data.read-after-write", "cancel.answers", "instance.memory"] {
                assert!(outcome.stdout.contains(id), "{outcome}");
            }
        });
    }
    lab.run(&scene);
}

/// A script between filling the disk and comparing it; a difference is status 91.
fn compared(script: &str) -> String {
    format!(
        "dd if=/root/before of=/dev/sda bs=1M conv=fsync 2>/dev/null || exit 92\n\
         ({script}) || exit $?\nblockdev --flushbufs /dev/sda\n\
         cmp -n {} /root/expected /dev/sda >&2 || exit 91",
        3 * MIB
    )
}

#[test]
fn sg_says_what_the_device_says() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&[SCSI]);
    for node in NODES {
        medium_errors(&mut lab, node);
        let read = job(node, "rw=read\nsize=64k\niodepth=4");
        let write = job(node, "rw=write\nsize=64k");
        let script = with_error(3, "0x28", "0 0x2 0x1 0x5d 0x0", &read);
        let words = "3 commands succeeded only after the device had corrected something";
        lab.case((node, "sg", "recovered errors are counted"), script, warned(words));
        let script = with_error(1, "0x28", "0 0x2 0x6 0x29 0x0", &read);
        let words = "unit attention: power on, reset, or bus device reset occurred (06/29/00); \
                     the command is sent again";
        lab.case((node, "sg", "unit attention: sent again"), script, warned(words));
        let script = with_error(1, "0x2a", "0 0x2 0xb 0x10 0x1", &write);
        let words = &["aborted command: logical block guard check failed (0b/10/01)"];
        lab.case((node, "sg", "protection information"), script, failed(84, words));
        let script = with_error(1, "0x2a", "0x3 0 0 0 0", &write);
        let words = &["the command timed out (DID_TIME_OUT)"];
        lab.case((node, "sg", "host status in words"), script, failed(110, words));
        let lines = "rw=write\nsize=64k\nsg_write_mode=write_and_verify";
        let words = &["WRITE AND VERIFY(10)", "invalid command operation code (05/20/00)"];
        lab.case((node, "sg", "a command it lacks"), job(node, lines), failed(95, words));
        in_use(&mut lab, node);
    }
    trims(&mut lab);
    // The last one: the disk is gone after it.
    let lines = "rw=randread\nsize=4m\ntime_based=1\nruntime=30\niodepth=8";
    let unplug = "count=/sys/block/sda/device/iorequest_cnt; begin=$(($(cat $count)))\n\
                  (while [ $(($(cat $count) - begin)) -lt 500 ]; do sleep 0.1; done\n\
                  echo 1 >/sys/block/sda/device/delete) &";
    let script = format!("{unplug}\n{}", job("sg0", lines));
    lab.case(
        ("sg0", "sg", "unplugged in mid-run"),
        script,
        failed(19, &["the device was removed"]),
    );
    lab.run(&scene);
}

fn medium_errors(lab: &mut Lab, node: &str) {
    let words = &["READ(10) of 8 blocks from LBA 4656: medium error: unrecovered read error \
                   (03/11/00), at LBA 4660"];
    let script = with_opts("2", 0, &job(node, "rw=read\nsize=4m"));
    lab.case((node, "sg", "medium error stops the run"), script, failed(61, words));
    let lines = "rw=randread\nsize=4m\niodepth=32\ncontinue_on_error=read";
    let script = with_opts("2", 0, &job(node, lines));
    lab.case((node, "sg", "medium errors, the others are right"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert!(outcome.stderr.contains("(03/11/00), at LBA 46"), "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/total_err"), 2, "{outcome}");
        assert_eq!(document.number("/jobs/0/first_error"), 61, "{outcome}");
        assert_eq!(document.bytes(0, "read"), 1022 * BLOCK as u64, "{outcome}");
    });
}

/// Mounted by its other node, if that is the one.
fn in_use(lab: &mut Lab, node: &str) {
    let script = format!(
        "mke2fs /dev/sda >/dev/null 2>&1; mkdir -p /mnt; mount -t ext2 /dev/sda /mnt || exit 94\n\
         {}\nstatus=$?; umount /mnt; exit $status",
        job(node, "rw=write\nsize=64k")
    );
    lab.case((node, "sg", "a mounted disk is refused"), script, |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert!(outcome.stderr.contains("/dev/sda is mounted on /mnt"), "{outcome}");
    });
}

/// The map of the made-up disk shows which blocks of 4 KiB have data.
fn trims(lab: &mut Lab) {
    for (node, lines) in [
        ("sg0", "rw=trim\nsize=256k\niodepth=1"),
        ("sg0", "rw=randtrim\nsize=256k\niodepth=16\niodepth_batch_submit=16"),
        ("sda", "rw=trim\nsize=256k"),
    ] {
        let script = format!(
            "dd if=/dev/zero of=/dev/sda bs=1M count=1 conv=fsync 2>/dev/null || exit 92\n\
             {} || exit $?\ncat {DRIVER}/map >&2; grep -q '^64-' {DRIVER}/map || exit 91",
            job(node, lines)
        );
        let what = format!("trimmed: {}", lines.replace('\n', " "));
        lab.case((node, "sg", &what), script, |outcome| {
            assert_eq!(outcome.status, 0, "{outcome}");
        });
    }
    // Of 32 neighbours two commands of one range each: 24 bytes.
    let lines = "rw=trim\nsize=128k\niodepth=16\niodepth_batch_submit=16\n\
                 iodepth_batch_complete_min=16";
    let script = format!(
        "dmesg -c >/dev/null; echo 1 >{DRIVER}/opts\n{}\nstatus=$?\necho 0 >{DRIVER}/opts\n\
         dmesg | grep 'cmd 42' >&2; exit $status",
        job("sg0", lines)
    );
    lab.case(("sg0", "sg", "neighbours are one range"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let unmaps: Vec<&str> = outcome.stderr.lines().filter(|l| l.contains("cmd 42")).collect();
        assert_eq!(unmaps.len(), 2, "{outcome}");
        assert!(unmaps.iter().all(|line| line.contains("00 18 00")), "{outcome}");
    });
}
