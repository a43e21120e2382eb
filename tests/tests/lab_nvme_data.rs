//! io_uring_cmd on the NVMe devices that QEMU makes up: what goes along with data. Metadata,
//! protection information made by the device and made here, a block whose guard is wrong, and trims
//! that become one command.
//!
//! What is made here, the device checks, and the other way round.

use crate::lab_nvme::{failed, job, made, ENGINE, NODE};
use iodyno_tests::lab::Lab;
use iodyno_tests::{require, Scene};

const READ: &str = "rw=randread\nsize=1m\niodepth=8";
const WRITE: &str = "rw=randwrite\nsize=1m\niodepth=8";
const ALL: &str = "pi_chk=GUARD,REFTAG,APPTAG";

fn with(node: &str, lines: &str, more: &str) -> String {
    job(node, &format!("{lines}\n{more}"))
}

/// Guards of 16 and of 64 bits; of metadata they have all.
#[test]
fn nvme_protection_information() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&["--nvme=pi", "--nvme=pi64"]);
    for (node, info_bytes) in [("ng0n1", 8), ("ng1n1", 16)] {
        by_the_device(&mut lab, node, info_bytes);
        made_here(&mut lab, node, info_bytes);
        bad_block(&mut lab, node, info_bytes);
    }
    lab.run(&scene);
}

/// The device adds, checks and takes off.
fn by_the_device(lab: &mut Lab, node: &str, info_bytes: usize) {
    lab.case((node, ENGINE, "added by the device"), with(node, WRITE, ""), made("write", 256));
    lab.case((node, ENGINE, "checked by the device"), with(node, READ, ALL), made("read", 256));
    let words = &["end-to-end application tag check error (type 2, code 0x83)"];
    let other = with(node, READ, "pi_chk=APPTAG\napptag=1");
    lab.case((node, ENGINE, "another application tag"), other, failed(84, words));
    let masked = with(node, READ, "pi_chk=APPTAG\napptag=0x1200\napptag_mask=0xff00");
    lab.case((node, ENGINE, "masked application tag"), masked, made("read", 256));
    let words: &[&str] = match info_bytes {
        8 => &["8 bytes of metadata each: md_per_io_size=64 at least"],
        _ => &["16 bytes of metadata each: md_per_io_size=128 at least"],
    };
    lab.case((node, ENGINE, "no room for it"), with(node, READ, "pi_act=0"), failed(22, words));
}

/// Made here and checked by the device; made by the device and checked here; both here.
fn made_here(lab: &mut Lab, node: &str, info_bytes: usize) {
    let ours = format!("pi_act=0\nmd_per_io_size={}\n{ALL}", 8 * info_bytes);
    lab.case((node, ENGINE, "made by the device"), with(node, WRITE, ""), made("write", 256));
    lab.case((node, ENGINE, "checked here"), with(node, READ, &ours), made("read", 256));
    // With the checks asked for, the device looks at what it gets.
    lab.case((node, ENGINE, "made here"), with(node, WRITE, &ours), made("write", 256));
    lab.case((node, ENGINE, "found right by the device"), with(node, READ, ALL), made("read", 256));
    let long = |rw: &str| {
        let ours = ours.replace(
            &format!("md_per_io_size={}", 8 * info_bytes),
            &format!("md_per_io_size={}", 128 * info_bytes),
        );
        with(node, &format!("rw={rw}\noffset=32m\nsize=4m\niodepth=4"), &ours)
            .replace("bs=4k", "bs=64k")
    };
    lab.case((node, ENGINE, "of 128 blocks at a time"), long("write"), made("write", 64));
    lab.case((node, ENGINE, "read back, 128 at a time"), long("read"), made("read", 64));
    let compare = format!("rw=write\nsize=64k\nbuffer_pattern=0x33\n{ours}");
    lab.case((node, ENGINE, "written to compare"), job(node, &compare), made("write", 16));
    let compare = format!("{compare}\nwrite_mode=compare");
    lab.case((node, ENGINE, "Compare with it"), job(node, &compare), made("write", 16));
    let words = &["write_mode=compare: Compare wants protection information along"];
    let compare = job(node, "rw=write\nsize=64k\nwrite_mode=compare");
    lab.case((node, ENGINE, "Compare without it"), compare, failed(22, words));
    let zeroes = format!("rw=write\nsize=64k\nwrite_mode=zeroes\n{ALL}");
    lab.case((node, ENGINE, "Write Zeroes"), job(node, &zeroes), made("write", 16));
    // QEMU 7.2 writes the long guard of 4 KiB of zeroes, whatever a block has.
    let checks = if info_bytes == 8 { ALL } else { "pi_chk=REFTAG,APPTAG" };
    let read = format!("rw=read\nsize=64k\n{}", ours.replace(ALL, checks));
    lab.case((node, ENGINE, "zeroes have theirs"), job(node, &read), made("read", 16));
}

/// Block 0x1234 of these devices has a guard that does not fit.
fn bad_block(lab: &mut Lab, node: &str, info_bytes: usize) {
    let lines = "rw=read\noffset=2330k\nsize=1k\npi_chk=GUARD";
    let at = |more: &str| with(node, lines, more).replace("bs=4k", "bs=512");
    let words = &["end-to-end guard check error (type 2, code 0x82)", "vendor status 0x282"];
    lab.case((node, ENGINE, "a wrong guard, by the device"), at(""), failed(84, words));
    let verify = at("").replace("rw=read", "rw=write\nwrite_mode=verify");
    lab.case((node, ENGINE, "a wrong guard, by Verify"), verify, failed(84, &words[..1]));
    let words = &["the guard of LBA 4660 is 0x0, and should be", "checked here, not by the device"];
    let ours = format!("pi_act=0\nmd_per_io_size={info_bytes}");
    // The device checks first where it is asked to: it finds the same.
    let here = at(&ours);
    lab.case((node, ENGINE, "a wrong guard, pi_act=0"), here, move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert_eq!(outcome.document().number("/jobs/0/error"), 84, "{outcome}");
        let device = outcome.stderr.contains("end-to-end guard check error");
        assert!(device || words.iter().all(|word| outcome.stderr.contains(word)), "{outcome}");
    });
    let unchecked = at("").replace("pi_chk=GUARD", "");
    lab.case((node, ENGINE, "a wrong guard, not looked at"), unchecked, made("read", 2));
}

/// Metadata that is nobody's business goes through buffers of its own.
#[test]
fn nvme_metadata_and_trims() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&["--nvme", "--nvme=metadata"]);
    let node = "ng1n1";
    let words = &["8 bytes of metadata each: md_per_io_size=64 at least"];
    lab.case((node, ENGINE, "no room for it"), with(node, READ, ""), failed(22, words));
    let room = "md_per_io_size=64";
    lab.case((node, ENGINE, "written"), with(node, WRITE, room), made("write", 256));
    lab.case((node, ENGINE, "read"), with(node, READ, room), made("read", 256));
    let forced = with(node, WRITE, "md_per_io_size=64\nwritefua=1\nfsync=16");
    lab.case((node, ENGINE, "with FUA and Flush"), forced, made("write", 256));
    trims(&mut lab);
    lab.run(&scene);
}

/// The kernel's trace of commands shows how many there were, and of how many ranges.
fn trims(lab: &mut Lab) {
    for (lines, commands, ranges) in [
        ("rw=trim\nsize=128k\niodepth=16\niodepth_batch_submit=16", 2, "nr=0,"),
        ("rw=trim:4k\nsize=256k\nio_size=128k\niodepth=16\niodepth_batch_submit=16", 2, "nr=15,"),
        ("rw=trim\nsize=128k\nhipri=1\niodepth=16\niodepth_batch_submit=16", 2, "nr=0,"),
        ("rw=trim\nsize=64k", 16, "nr=0,"),
    ] {
        let lines = format!("{lines}\niodepth_batch_complete_min=16");
        let lines = lines.replace("size=64k\niodepth_batch_complete_min=16", "size=64k");
        let script = format!(
            "trace=/sys/kernel/debug/tracing; mount -t tracefs none $trace 2>/dev/null\n\
             echo >$trace/trace; echo 1 >$trace/events/nvme/nvme_setup_cmd/enable || exit 93\n\
             tr '\\0' '\\356' </dev/zero | dd of=/dev/nvme0n1 bs=256k count=1 iflag=fullblock \
             conv=fsync 2>/dev/null || exit 92\n{}\nstatus=$?\n\
             echo 0 >$trace/events/nvme/nvme_setup_cmd/enable\ngrep nvme_cmd_dsm $trace/trace >&2\n\
             exit $status",
            job(NODE, &lines)
        );
        let what = format!("trims: {}", lines.replace('\n', " "));
        lab.case((NODE, ENGINE, &what), script, move |outcome| {
            assert_eq!(outcome.status, 0, "{outcome}");
            let all = outcome.stderr.lines().filter(|line| line.contains("nvme_cmd_dsm"));
            let all: Vec<&str> = all.collect();
            assert_eq!(all.len(), commands, "{outcome}");
            assert!(all.iter().all(|line| line.contains(ranges)), "{outcome}");
        });
    }
}
