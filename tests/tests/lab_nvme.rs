//! io_uring_cmd on the NVMe device that QEMU makes up: data, its ways through the ring, what the
//! device says when it refuses, targets that are in use or none of its own.
//!
//! What is written by commands is compared through the block device, and the other way round.

use iodyno_tests::lab::Lab;
use iodyno_tests::{programs, require, Outcome, Scene};

pub(crate) const NODE: &str = "ng0n1";
pub(crate) const ENGINE: &str = "io_uring_cmd";

const MIB: usize = 1 << 20;
const BLOCK: usize = 4096;

/// A job of these lines on a node.
pub(crate) fn job(node: &str, lines: &str) -> String {
    format!(
        "test -e /dev/{node} || exit 90\ncat >job.fio <<'END'\n[a]\nioengine={ENGINE}\n\
         filename=/dev/{node}\nbs=4k\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
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

/// A run that was refused before it began, and what its words have to hold.
fn refused(words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
        }
    }
}

/// A run that failed with this errno, and what its words have to hold, on the screen and in JSON.
pub(crate) fn failed(errno: u64, words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert_eq!(outcome.document().number("/jobs/0/error"), errno, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
        }
    }
}

/// What the first 3 MiB hold before a case writes to the second.
const BEFORE: u8 = 0xee;

fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

/// A script between filling the device and comparing it; a difference is status 91.
fn compared(script: &str) -> String {
    format!(
        "dd if=/root/before of=/dev/nvme0n1 bs=1M conv=fsync 2>/dev/null || exit 92\n\
         ({script}) || exit $?\nblockdev --flushbufs /dev/nvme0n1\n\
         cmp -n {} /root/expected /dev/nvme0n1 >&2 || exit 91",
        3 * MIB
    )
}

/// `--file` words for what the cases write and compare with.
fn files(scene: &Scene) -> Vec<String> {
    let block: Vec<u8> = pattern().into_iter().cycle().take(BLOCK).collect();
    let expected = [vec![BEFORE; MIB], block.repeat(MIB / BLOCK), vec![BEFORE; MIB]].concat();
    [("pattern", pattern()), ("before", vec![BEFORE; 3 * MIB]), ("expected", expected)]
        .into_iter()
        .flat_map(|(name, bytes)| {
            ["--file".to_owned(), format!("{}:/root/{name}", scene.file(name, bytes))]
        })
        .collect()
}

#[test]
fn nvme_data_arrives() {
    require!(lab);
    let scene = Scene::new();
    let files = files(&scene);
    let example = programs::repo().join("examples/engine-io_uring_cmd.toml");
    let example = format!("{}:/root/example.toml", example.display());
    let mut options = vec!["--nvme", "--file", &example];
    options.extend(files.iter().map(String::as_str));
    let mut lab = Lab::new(&options);
    let run = format!("iodyno run /root/example.toml --set filename=/dev/{NODE}");
    lab.case((NODE, ENGINE, "the example"), run, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
    });
    for way in [
        "",
        "hipri=1",
        "fixedbufs=1",
        "registerfiles=1",
        "sqthread_poll=1",
        "sqthread_poll=1\nsqthread_poll_cpu=1",
        "nonvectored=0",
        "attach_wq=1",
        "force_async=3",
    ] {
        // One at a time makes a difference to waiting alone.
        let depths = if ["", "hipri=1"].contains(&way) { &[1, 32][..] } else { &[32] };
        for depth in depths {
            let lines = format!(
                "rw=randwrite\noffset=1m\nsize=1m\niodepth={depth}\n\
                 buffer_pattern='/root/pattern'\n{way}"
            );
            let what = format!("write, compare, depth {depth} {}", way.replace('\n', " "));
            lab.case((NODE, ENGINE, &what), compared(&job(NODE, &lines)), made("write", 256));
            let lines = format!("rw=randread\nsize=2m\niodepth={depth}\n{way}");
            let what = format!("read, depth {depth} {}", way.replace('\n', " "));
            lab.case((NODE, ENGINE, &what), job(NODE, &lines), |outcome| {
                made("read", 512)(outcome);
                assert!(outcome.stdout.contains("QEMU NVMe Ctrl"), "no model:\n{outcome}");
            });
        }
    }
    let lines = "rw=write\noffset=1m\nsize=1m\nwrite_mode=compare\niodepth=8\n\
                 buffer_pattern='/root/pattern'";
    lab.case(
        (NODE, ENGINE, "Compare finds what was written"),
        job(NODE, lines),
        made("write", 256),
    );
    let of =
        "^(data.(read|sizes|depths|instances)|cancel|units|errdetails|terminate|trim|zeroes|sync)";
    let check = format!("iodyno check {ENGINE} --target /dev/{NODE} --only '{of}'");
    lab.case((NODE, ENGINE, "iodyno check"), check, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        for id in [
            "data.read-after-write",
            "data.sizes",
            "cancel.answers",
            "trim.effect",
            "zeroes.effect",
        ] {
            assert!(outcome.stdout.contains(id), "{outcome}");
        }
    });
    lab.run(&scene);
}

#[test]
fn nvme_says_what_the_device_says() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = Lab::new(&["--nvme"]);
    let lines = "rw=write\nsize=64k\nwrite_mode=compare\nbuffer_pattern=0x77";
    let words = &[
        "Compare of 8 blocks from LBA 0: compare failure: the data differs \
                   (type 2, code 0x85)",
        "vendor status 0x285",
    ];
    lab.case((NODE, ENGINE, "a difference in words"), job(NODE, lines), failed(84, words));
    unannounced(&mut lab);
    let words = &["bs of 1048576 bytes: a command to this device transfers 524288 bytes at most"];
    let script = job(NODE, "rw=read\nsize=4m").replace("bs=4k", "bs=1m");
    lab.case((NODE, ENGINE, "longer than a command"), script, failed(22, words));
    let words = &["pi_chk: it is formatted without protection information"];
    let lines = "rw=read\nsize=64k\npi_chk=GUARD,REFTAG";
    lab.case((NODE, ENGINE, "no protection information"), job(NODE, lines), failed(22, words));
    let zeroed = |lines: &str| {
        format!(
            "tr '\\0' '\\356' </dev/zero | dd of=/dev/nvme0n1 bs=64k count=1 iflag=fullblock \
             conv=fsync 2>/dev/null || exit 92\n{} || exit $?\n\
             blockdev --flushbufs /dev/nvme0n1\ncmp -n 65536 /dev/zero /dev/nvme0n1 >&2 || exit 91",
            job(NODE, lines)
        )
    };
    for lines in
        ["rw=write\nsize=64k\nwrite_mode=zeroes\nfsync=1", "rw=randtrim\nsize=64k\niodepth=8"]
    {
        let what = lines.replace('\n', " ");
        lab.case((NODE, ENGINE, &what), zeroed(lines), |outcome| {
            assert_eq!(outcome.status, 0, "{outcome}");
        });
    }
    let read = "rw=read\nsize=64k";
    let words = &["/dev/nvme0n1: a block device", "(name /dev/ng0n1)"];
    lab.case(("nvme0n1", ENGINE, "the block device"), job("nvme0n1", read), refused(words));
    let words = &["/dev/nvme0: the node of a controller"];
    lab.case(("nvme0", ENGINE, "the controller"), job("nvme0", read), refused(words));
    in_use(&mut lab);
    reset(&mut lab);
    // The last one: the device is gone after it.
    let lines = "rw=randread\nsize=4m\ntime_based=1\nruntime=30\niodepth=8";
    let remove = "echo 1 >$(readlink -f /sys/class/nvme/nvme0/device)/remove";
    let script = amid(remove, &job(NODE, lines));
    lab.case((NODE, ENGINE, "unplugged in mid-run"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        assert!(outcome.document().all_ios() > 0, "{outcome}");
        // What the driver gives up first, it may give up before the node is gone.
        let words = ["the device was removed", "the driver gave the command up"];
        assert!(words.iter().any(|words| outcome.stderr.contains(words)), "{outcome}");
    });
    lab.run(&scene);
}

/// Commands that the controller does not say that it knows: one it knows all the same, one it does
/// not.
fn unannounced(lab: &mut Lab) {
    let lines = "rw=write\nsize=64k\nwrite_mode=verify";
    lab.case((NODE, ENGINE, "Verify"), job(NODE, lines), |outcome| {
        made("write", 16)(outcome);
        let words = "write_mode: the controller does not say that it knows Verify";
        assert!(outcome.stderr.contains(words), "{outcome}");
    });
    let lines = "rw=write\nsize=64k\nwrite_mode=uncor";
    let words = &["Write Uncorrectable of 8 blocks from LBA 0: invalid command opcode"];
    lab.case((NODE, ENGINE, "a command it lacks"), job(NODE, lines), failed(95, words));
    let words = &["verify_mode=compare: iodyno compares what was read itself"];
    let lines = "rw=read\nsize=64k\nverify_mode=compare";
    lab.case((NODE, ENGINE, "verify_mode=compare"), job(NODE, lines), failed(95, words));
}

/// A job, and something that happens after it has had 500 of the device's interrupts.
fn amid(event: &str, job: &str) -> String {
    format!(
        "count() {{\n\
         awk '/nvme0q/ {{ sum += $2 + $3 }} END {{ print sum + 0 }}' /proc/interrupts\n}}\n\
         begin=$(count)\n\
         (while [ $(($(count) - begin)) -lt 500 ]; do usleep 50000; done; {event}) &\n{job}"
    )
}

/// A reset in mid-run: what was under way fails with words or succeeds, and the run goes on.
fn reset(lab: &mut Lab) {
    let lines = "rw=randread\nsize=4m\ntime_based=1\nruntime=6\niodepth=8\n\
                 continue_on_error=all";
    let script = amid("echo 1 >/sys/class/nvme/nvme0/reset_controller", &job(NODE, lines));
    lab.case((NODE, ENGINE, "the controller is reset"), script, |outcome| {
        assert!([0, 1].contains(&outcome.status), "{outcome}");
        assert!(outcome.document().all_ios() > 0, "{outcome}");
        if outcome.status == 1 {
            let words = ["command aborted by the host", "the controller was reset, or failed"];
            assert!(words.iter().any(|words| outcome.stderr.contains(words)), "{outcome}");
        }
    });
}

/// Mounted by its other node.
fn in_use(lab: &mut Lab) {
    let script = format!(
        "mke2fs /dev/nvme0n1 >/dev/null 2>&1; mkdir -p /mnt\n\
         mount -t ext2 /dev/nvme0n1 /mnt || exit 94\n\
         {}\nstatus=$?; umount /mnt; exit $status",
        job(NODE, "rw=write\nsize=64k")
    );
    lab.case((NODE, ENGINE, "a mounted disk is refused"), script, |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert!(outcome.stderr.contains("/dev/nvme0n1 is mounted on /mnt"), "{outcome}");
    });
}
