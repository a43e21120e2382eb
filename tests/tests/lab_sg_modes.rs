//! sg on the SCSI disk that the guest's kernel makes up: each of its commands, what the device
//! wants to say first, trims that spoil each other, commands that take long, blocks of 4 KiB.
//!
//! What the kernel's disk has no command for is told in words here; the bytes of those commands
//! have tests in the engine.

use crate::lab_sg::{failed, job, made, warned, with_error, with_opts, DRIVER, NODES, SCSI};
use iodyno_tests::lab::Lab;
use iodyno_tests::{programs, require, Outcome, Scene};

const MIB: usize = 1 << 20;

/// A run that was refused or failed with this exit status, and what it said.
fn told(status: i32, words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, status, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
        }
    }
}

fn succeeded(outcome: &Outcome) {
    assert_eq!(outcome.status, 0, "{outcome}");
}

/// A job in this mode, the first 64 KiB with a pattern.
fn mode(node: &str, mode: &str, pattern: &str) -> String {
    let lines =
        format!("rw=write\nsize=64k\niodepth=4\nsg_write_mode={mode}\nbuffer_pattern={pattern}");
    job(node, &lines)
}

/// The first 64 KiB of the disk, for `cmp`: one byte, in octal, again and again.
fn all_are(octal: &str) -> String {
    format!(
        "blockdev --flushbufs /dev/sda; head -c 65536 /dev/zero | tr '\\0' '\\{octal}' >expected; \
         cmp -n 65536 expected /dev/sda >&2 || exit 91"
    )
}

#[test]
fn sg_has_a_command_for_each_way_to_write() {
    require!(lab);
    let scene = Scene::new();
    let example = programs::repo().join("examples/engine-sg.toml");
    let example = format!("{}:/root/engine-sg.toml", example.display());
    let mut lab = Lab::new(&[SCSI, "--file", &example]);
    for node in NODES {
        let run = format!("iodyno run /root/engine-sg.toml --set filename=/dev/{node}");
        lab.case((node, "sg", "the example"), run, succeeded);
        write_modes(&mut lab, node);
        forced(&mut lab, node);
        lab.case(
            (node, "sg", "hipri is refused"),
            job(node, "rw=read\nsize=64k\nhipri=1"),
            told(2, &["hipri=1: the sg driver 3.5.", "does not poll for completions"]),
        );
        let words = &["no stream for write_stream: STREAM CONTROL: illegal request"];
        lab.case((node, "sg", "no streams"), mode(node, "write_stream", "0x11"), told(2, words));
        let script = mode(node, "write_stream\nstream_id=3", "0x11");
        let words = &["WRITE STREAM(16) of 8 blocks", "invalid command operation code (05/20/00)"];
        lab.case((node, "sg", "no stream's number"), script, failed(95, words));
    }
    lab.run(&scene);
}

fn write_modes(lab: &mut Lab, node: &str) {
    let written = format!("{} || exit $?\n{}", mode(node, "write", "0x55"), all_are("125"));
    lab.case((node, "sg", "write"), written, succeeded);
    for (verify, what) in [
        ("verify_bytchk_00", "VERIFY of the medium"),
        ("verify_bytchk_01", "VERIFY against the same data"),
        ("verify_bytchk_11", "VERIFY against one block"),
    ] {
        let untouched = format!("{} || exit $?\n{}", mode(node, verify, "0x55"), all_are("125"));
        lab.case((node, "sg", what), untouched, succeeded);
    }
    let words = &["VERIFY(10) of 8 blocks from LBA 0: miscompare", "(0e/1d/00)"];
    for verify in ["verify_bytchk_01", "verify_bytchk_11"] {
        let what = format!("{verify} finds a difference");
        lab.case((node, "sg", &what), mode(node, verify, "0x66"), failed(84, words));
    }
    let same = format!("{} || exit $?\n{}", mode(node, "write_same", "0x66"), all_are("146"));
    lab.case((node, "sg", "WRITE SAME"), same, succeeded);
    let ndob = format!("{} || exit $?\n{}", mode(node, "write_same_ndob", "0x77"), all_are("0"));
    lab.case((node, "sg", "WRITE SAME without data"), ndob, succeeded);
}

/// The disk's log of commands shows the bit.
fn forced(lab: &mut Lab, node: &str) {
    for (lines, command) in [("rw=read\nreadfua=1", "28 08"), ("rw=write\nwritefua=1", "2a 08")] {
        let script = format!(
            "dmesg -c >/dev/null; echo 1 >{DRIVER}/opts\n{}\nstatus=$?\necho 0 >{DRIVER}/opts\n\
             dmesg | grep 'cmd {command} 00 00 00 00 00 00 08' >&2 || exit 91\nexit $status",
            job(node, &format!("size=4k\n{lines}"))
        );
        let what = lines.replace('\n', " ");
        lab.case((node, "sg", &what), script, succeeded);
    }
    let lines = "rw=write\nsize=64k\nwritefua=1\nsg_write_mode=write_same";
    let words = &["writefua=1: of the commands of sg_write_mode only write and write_stream"];
    lab.case((node, "sg", "writefua without such a bit"), job(node, lines), told(1, words));
}

#[test]
fn sg_goes_on_after_what_is_no_failure() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&[SCSI]);
    for node in NODES {
        let read = job(node, "rw=read\nsize=64k\niodepth=4");
        let again = with_error(3, "0x28", "0 0x2 0x6 0x2a 0x9", &read);
        let words = "capacity data has changed (06/2a/09); the command is sent again";
        lab.case((node, "sg", "three unit attentions"), again, warned(words));
        let words = "3 commands were sent again";
        let again = with_error(3, "0x28", "0 0x2 0x6 0x29 0x0", &read);
        lab.case((node, "sg", "they are counted"), again, warned(words));
        let for_ever = with_error(40, "0x28", "0 0x2 0x6 0x29 0x0", &read);
        let words = &["unit attention: power on", "(also when sent again, 5 times)"];
        lab.case((node, "sg", "unit attention for ever"), for_ever, failed(5, words));
        let words = &["logical block guard check failed (0b/10/01)"];
        let script = with_opts("0x20", 1, &read);
        lab.case((node, "sg", "DIF error"), script, failed(84, words));
        let words = &["ACK/NAK time-out (0b/4b/03)"];
        let script = with_error(1, "0x28", "0 0x2 0xb 0x4b 0x3", &read);
        lab.case((node, "sg", "transport error"), script, failed(5, words));
    }
    spoilt_trims(&mut lab);
    slow_commands(&mut lab);
    lab.run(&scene);
}

/// Of 16 trims in one UNMAP one is guilty: the command that carries it alone fails again.
fn spoilt_trims(lab: &mut Lab) {
    let lines = "rw=trim\nsize=64k\niodepth=16\niodepth_batch_submit=16\n\
                 iodepth_batch_complete_min=16\ncontinue_on_error=all";
    for (count, what) in [(1, "a failed UNMAP is sent in parts"), (2, "one trim fails of 16")] {
        let trim = job("sg0", lines);
        let script = with_error(count, "0x42", "0 0x2 0x5 0x26 0x0", &trim);
        lab.case(("sg0", "sg", what), script, move |outcome| {
            let errors = u64::from(count) - 1;
            assert_eq!(outcome.status, i32::from(errors > 0), "{outcome}");
            let document = outcome.document();
            assert_eq!(document.bytes(0, "trim"), (16 - errors) * 4096, "{outcome}");
            if errors > 0 {
                assert_eq!(document.number("/jobs/0/total_err"), errors, "{outcome}");
                let words = "UNMAP: illegal request: invalid field in parameter list (05/26/00)";
                assert!(outcome.stderr.contains(words), "{outcome}");
            }
        });
    }
}

/// 32 commands of two seconds each, when the user has enough: what is under way is waited for; or
/// given up, and counted, where the user does not wait either.
fn slow_commands(lab: &mut Lab) {
    let run = job("sg0", "rw=read\nsize=64m\niodepth=32");
    let slow = |signals: &str| {
        format!(
            "disk=/sys/block/sda/device\necho 500 >{DRIVER}/delay || exit 93\n\
             ({run}\necho $? >rc) & \n\
             until [ $(($(cat $disk/iorequest_cnt) - $(cat $disk/iodone_cnt))) -ge 32 ]; do\n\
             usleep 50000\ndone\n{signals}\nwait\n\
             until echo 0 2>/dev/null >{DRIVER}/delay; do usleep 100000; done\nexit $(cat rc)"
        )
    };
    let what = "interrupted with 32 slow commands";
    lab.case(("sg0", "sg", what), slow("killall -INT iodyno"), |outcome| {
        assert_eq!(outcome.status, 128, "{outcome}");
        assert!(outcome.stderr.contains("SIGINT: draining"), "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/error"), 0, "{outcome}");
        assert_eq!(document.ios(0, "read"), 32, "nothing is lost:\n{outcome}");
    });
    let twice = "killall -INT iodyno; usleep 300000; killall -INT iodyno";
    lab.case(("sg0", "sg", "the same, not waited for"), slow(twice), |outcome| {
        assert_eq!(outcome.status, 128, "{outcome}");
        assert!(outcome.stderr.contains("of engine sg ran; 32 requests in flight"), "{outcome}");
    });
}

#[test]
fn sg_on_blocks_of_4_kib() {
    require!(lab);
    let scene = Scene::new();
    let pattern: Vec<u8> = (0..251_u32).map(|n| (n * 5 + 1) as u8).collect();
    let block: Vec<u8> = pattern.iter().copied().cycle().take(4096).collect();
    let expected = scene.file("expected", block.repeat(MIB / 4096));
    let files = [
        format!("{expected}:/root/expected"),
        format!("{}:/root/pattern", scene.file("pattern", pattern)),
    ];
    let scsi = "--scsi=sector_size=4096 physblk_exp=0 lbpu=1 lbpws=1";
    let mut lab = Lab::new(&[scsi, "--file", &files[0], "--file", &files[1]]);
    for node in NODES {
        let lines = "rw=randwrite\nsize=1m\niodepth=32\nbuffer_pattern='/root/pattern'";
        let script = format!(
            "{} || exit $?\nblockdev --flushbufs /dev/sda\n\
             cmp -n {MIB} /root/expected /dev/sda >&2 || exit 91",
            job(node, lines)
        );
        lab.case((node, "sg", "4 KiB: write, compare"), script, made("write", 256));
        let read = "rw=randread\nsize=1m\niodepth=32";
        lab.case((node, "sg", "4 KiB: read"), job(node, read), made("read", 256));
        let long = job(node, "rw=read\nsize=1m").replace("bs=4k", "bs=64k");
        lab.case((node, "sg", "4 KiB: 16 blocks at a time"), long, made("read", 16));
        let small = job(node, "rw=read\nsize=64k").replace("bs=4k", "bs=512");
        let words = &["bs of 512 bytes: engine sg wants multiples of the device's blocks of 4096"];
        lab.case((node, "sg", "4 KiB: a part of a block"), small, told(2, words));
        let trim = format!(
            "{} || exit $?\nblockdev --flushbufs /dev/sda\n\
             cmp -n 65536 /dev/zero /dev/sda >&2 || exit 91",
            job(node, "rw=randtrim\nsize=64k\niodepth=8")
        );
        lab.case((node, "sg", "4 KiB: trimmed"), trim, succeeded);
    }
    lab.run(&scene);
}
