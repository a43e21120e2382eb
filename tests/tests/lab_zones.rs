//! Zoned devices in the laboratory's guest: written at their pointers by every engine that can,
//! alone and by several workers at once; limits, resets, what is refused, what is said where a job
//! knows nothing of zones.
//!
//! Three kinds of devices: made up by the kernel, by its SCSI stack (with conventional zones and a
//! limit of open ones), and by QEMU as NVMe zoned namespaces.

use iodyno_tests::lab::Lab;
use iodyno_tests::{programs, require, Outcome, Scene};

const ENGINES: [&str; 3] = ["psync", "libaio", "io_uring"];

/// Large, for the guest is slow: a zone is 64 of them.
const BLOCK: usize = 64 << 10;

/// A zoned device of the guest.
struct Device {
    name: &'static str,
    /// Of `scripts/vm`.
    options: &'static [&'static str],
    zone_mib: u64,
    /// Zones in front that are written anywhere.
    conventional: u64,
}

const NULL_BLK: Device = Device {
    name: "nullb0",
    options: &["--modules", "null_blk zoned=1 memory_backed=1 gb=1 zone_size=4 zone_max_open=6"],
    zone_mib: 4,
    conventional: 0,
};

const SCSI: Device = Device {
    name: "sda",
    options: &["--scsi=zbc=managed zone_size_mb=4 zone_nr_conv=2 zone_max_open=6"],
    zone_mib: 4,
    conventional: 2,
};

/// Zones as `scripts/lib/vm/facts.sh` has QEMU make them.
const ZNS: Device =
    Device { name: "nvme0n1", options: &["--nvme=zns"], zone_mib: 4, conventional: 0 };

fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

/// A job of these lines on a node, without a word about zones.
fn plain(node: &str, engine: &str, lines: &str) -> String {
    let own = |option: &str| lines.lines().any(|line| line.starts_with(&format!("{option}=")));
    let others = [("bs", "bs=64k\n"), ("direct", "direct=1\n")];
    let others: String =
        others.iter().filter(|(name, _)| !own(name)).map(|(_, line)| *line).collect();
    format!(
        "test -e /dev/{node} || exit 90\ncat >job.fio <<'END'\n[a]\nioengine={engine}\n\
         filename=/dev/{node}\n{others}group_reporting\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
    )
}

fn job(node: &str, engine: &str, lines: &str) -> String {
    plain(node, engine, &format!("zonemode=zbd\n{lines}"))
}

/// A job that is to succeed before the one that is judged, without its report.
fn first(node: &str, lines: &str) -> String {
    format!("({}) >/dev/null || exit 94\n", job(node, "psync", lines))
}

/// All zones of the region empty.
fn emptied(device: &Device) -> String {
    let Device { name, zone_mib, conventional, .. } = device;
    let lines = format!("rw=trim\nbs=,,{zone_mib}m\noffset={conventional}z\nsize=8z");
    // With nothing to reset it says so, and that is as good.
    format!("({}) >/dev/null 2>&1\n", job(name, "psync", &lines))
}

fn zones(outcome: &Outcome, what: &str) -> u64 {
    outcome.document().number(&format!("/jobs/0/iodyno/zones/{what}"))
}

/// A clean run that made so many requests in a direction.
fn made(direction: &'static str, count: u64) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        outcome.document().assert_no_errors();
        assert_eq!(outcome.document().ios(0, direction), count, "{outcome}");
    }
}

/// A refusal before anything was done.
fn refused(words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
        }
    }
}

fn lab(scene: &Scene, device: &Device) -> Lab {
    let expected: Vec<u8> = pattern().into_iter().cycle().take(BLOCK).collect();
    let files = [
        format!("{}:/root/pattern", scene.file("pattern", pattern())),
        format!("{}:/root/expected", scene.file("expected", expected.repeat(16))),
    ];
    // Many cases, on a machine that may be busy elsewhere.
    let files = files.iter().flat_map(|file| ["--file", file]).chain(["--timeout", "600"]);
    Lab::new(&files.chain(device.options.iter().copied()).collect::<Vec<_>>())
}

/// Writes by an engine, in order and at random, by one worker and by four.
fn writes(lab: &mut Lab, device: &Device, node: &'static str, engine: &'static str) {
    let Device { name, zone_mib, conventional, .. } = device;
    let offset = format!("offset={conventional}z");
    let blocks = zone_mib << 4;
    for depth in [1, 8] {
        let lines =
            format!("rw=write\n{offset}\nsize=2z\niodepth={depth}\nbuffer_pattern='/root/pattern'");
        let script = format!(
            "{}{} || exit $?\n\
             dd if=/dev/{name} bs=1M skip={} count=1 iflag=direct 2>/dev/null >back\n\
             cmp -n 1048576 /root/expected back >&2 || exit 91",
            emptied(device),
            job(node, engine, &lines),
            conventional * zone_mib + 1,
        );
        let what = format!("zones in order, compare, depth {depth}");
        lab.case((node, engine, &what), script, move |outcome| {
            made("write", 2 * blocks)(outcome);
            assert_eq!(zones(outcome, "resets"), 0, "{outcome}");
        });
    }
    let lines = format!(
        "rw=randwrite\n{offset}\nsize=8z\nio_size={}m\niodepth=8\nmax_open_zones=3",
        10 * zone_mib
    );
    let script = emptied(device) + &job(node, engine, &lines);
    lab.case((node, engine, "random, depth 8, three zones open"), script, move |outcome| {
        made("write", 10 * blocks)(outcome);
        assert!((2..=3).contains(&zones(outcome, "open_max")), "{outcome}");
        assert!(zones(outcome, "resets") > 0, "{outcome}");
    });
    for rw in ["write", "randwrite"] {
        let lines = format!("rw={rw}\n{offset}\nsize=4z\niodepth=8\nnumjobs=4\nmax_open_zones=4");
        let what = format!("four workers on one region, {rw}, depth 8");
        let script = emptied(device) + &job(node, engine, &lines);
        lab.case((node, engine, &what), script, made("write", 4 * 4 * blocks));
    }
    let lines = format!(
        "rw=write\n{offset}\noffset_increment=2z\nsize=2z\niodepth=8\nnumjobs=4\nmax_open_zones=2"
    );
    let script = emptied(device) + &job(node, engine, &lines);
    lab.case((node, engine, "four regions, two zones open"), script, move |outcome| {
        made("write", 4 * 2 * blocks)(outcome);
        assert!(zones(outcome, "open_max") <= 2, "{outcome}");
    });
    let lines = format!("rw=randrw\n{offset}\nsize=4z\niodepth=8");
    let script = emptied(device) + &job(node, engine, &lines);
    lab.case((node, engine, "random reads and writes, depth 8"), script, move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        outcome.document().assert_no_errors();
        let (reads, writes) =
            (outcome.document().ios(0, "read"), outcome.document().ios(0, "write"));
        assert!(reads > blocks && writes > blocks, "{outcome}");
    });
}

/// Resets by frequency, trims, reads, zones that were partly written before.
fn the_rest(lab: &mut Lab, device: &Device) {
    let Device { name, zone_mib, conventional, .. } = *device;
    let engine = "io_uring";
    let offset = format!("offset={conventional}z");
    let blocks = zone_mib << 4;
    let full = emptied(device) + &first(name, &format!("rw=write\n{offset}\nsize=4z"));
    let often = "zone_reset_threshold=0.5\nzone_reset_frequency=0.05";
    let lines = format!("rw=write\n{offset}\nsize=8z\nio_size=8m\niodepth=4\n{often}");
    lab.case((name, engine, "resets by frequency"), full.clone() + &job(name, engine, &lines), {
        // Four of eight zones: the first writes are what goes beyond the half.
        move |outcome| {
            made("write", 128)(outcome);
            assert!((1..=8).contains(&zones(outcome, "resets")), "{outcome}");
        }
    });
    let lines = format!("rw=trim\n{offset}\nsize=8z\nbs=,,{zone_mib}m");
    lab.case((name, engine, "trims empty zones"), full.clone() + &job(name, engine, &lines), {
        move |outcome| {
            made("trim", 4)(outcome);
            assert_eq!(zones(outcome, "resets"), 4, "{outcome}");
        }
    });
    for (rw, count) in [("read", 4 * blocks), ("randread", 8 * blocks)] {
        let lines = format!("rw={rw}\n{offset}\nsize=8z\niodepth=8");
        let what = format!("{rw} stays below the pointers");
        let script = full.clone() + &job(name, engine, &lines);
        lab.case((name, engine, &what), script, made("read", count));
    }
    let empty = emptied(device);
    let read = format!("rw=read\n{offset}\nsize=8z");
    lab.case(
        (name, engine, "nothing to read is said"),
        empty.clone() + &job(name, engine, &read),
        refused(&["nothing to read", "read_beyond_wp"]),
    );
    let lines = format!("{read}\nread_beyond_wp=1");
    let script = empty.clone() + &job(name, engine, &lines);
    lab.case((name, engine, "reads beyond the pointers"), script, made("read", 8 * blocks));
    let partly = format!("rw=write\n{offset}\nsize=1z\nio_size=128k");
    let script = empty.clone()
        + &first(name, &partly)
        + &job(name, engine, &format!("rw=write\n{offset}\nsize=2z\nio_size=1m\niodepth=8"));
    lab.case((name, engine, "goes on where a zone was left"), script, made("write", 16));
    let script = empty.clone()
        + &first(name, &partly)
        + &plain(name, engine, &format!("rw=write\n{offset}\nsize=1z\niodepth=1"));
    lab.case((name, engine, "a write off the pointer, in words"), script, |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        for word in ["the device is zoned", "its write pointer stands at", "zonemode=zbd"] {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
            assert!(outcome.stdout.contains(word), "{word:?} is not in the report:\n{outcome}");
        }
    });
}

/// What is written to zones is verified, zones that are emptied on the way as well.
fn verified(lab: &mut Lab, device: &Device) {
    let Device { name, zone_mib, conventional, .. } = *device;
    let (engine, offset) = ("io_uring", format!("offset={conventional}z"));
    let whole = |outcome: &Outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let number = |what: &str| outcome.document().number(&format!("/jobs/0/verify/{what}"));
        assert!(number("bytes") > 0, "{outcome}");
        assert_eq!(number("verified_bytes"), number("bytes"), "{outcome}");
    };
    let writes = format!("rw=randwrite\n{offset}\nsize=8z\niodepth=8\nmax_open_zones=3");
    let more = format!("io_size={}m\nverify=md5", 10 * zone_mib);
    let script = emptied(device) + &job(name, engine, &format!("{writes}\n{more}"));
    lab.case((name, engine, "verify: zones are emptied on the way"), script, move |outcome| {
        whole(outcome);
        assert!(zones(outcome, "resets") > 0, "{outcome}");
    });
    let more = format!("io_size={}m\nverify=crc32c\nverify_backlog=20", 2 * zone_mib);
    let script = emptied(device) + &job(name, engine, &format!("{writes}\n{more}"));
    lab.case((name, engine, "verify: read back in between"), script, whole);
    let stamped = format!("rw=write\n{offset}\nsize=2z\nverify=crc32c\ndo_verify=0");
    let read = format!("rw=read\n{offset}\nsize=2z\niodepth=4\nverify=crc32c");
    let script = emptied(device) + &first(name, &stamped) + &job(name, engine, &read);
    lab.case((name, engine, "verify: what another run wrote"), script, whole);
    let partly = format!("rw=write\n{offset}\nsize=1z\nio_size=64k");
    let lines = format!("rw=write\n{offset}\nsize=2z\nbs=128k\nverify=crc32c");
    let script = emptied(device) + &first(name, &partly) + &job(name, engine, &lines);
    let words = &["does not divide into intervals of 131072 bytes"];
    lab.case((name, engine, "verify: a pointer between two intervals"), script, refused(words));
}

fn refusals(lab: &mut Lab, device: &Device) {
    let (name, zone_mib) = (device.name, device.zone_mib);
    let offset = format!("offset={}z", device.conventional);
    for (lines, words) in [
        ("rw=write\nzonesize=8m", &["zonesize is 8388608 bytes", "the device's zones have"][..]),
        ("rw=write\nbs=16m", &["larger than what a zone holds"]),
        ("rw=write\ndirect=0", &["page cache", "direct=1"]),
        ("rw=write\nsize=1m", &["in the middle of a zone"]),
        ("rw=write\nmax_open_zones=100000", &["the device allows", "ignore_zone_limits"]),
        ("rw=trim", &["a trim empties a whole zone", "set bs=,,"]),
    ] {
        let size =
            if lines.contains("size=") && !lines.contains("zonesize") { "" } else { "size=4z" };
        let script = job(name, "io_uring", &format!("{offset}\n{size}\n{lines}"));
        let what = format!("refused: {}", lines.replace('\n', " "));
        lab.case((name, "io_uring", &what), script, refused(words));
    }
    let lines = format!("{offset}\nsize=4z\nrw=write\nmax_open_zones=3\nio_size={zone_mib}m");
    let script = job(name, "io_uring", &lines).replace("iodyno run", "iodyno lint");
    lab.case((name, "io_uring", "lint"), script.replace(" --output-format json", ""), |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
    });
}

#[test]
fn null_blk_is_written_at_its_pointers() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &NULL_BLK);
    ENGINES.into_iter().for_each(|engine| writes(&mut lab, &NULL_BLK, "nullb0", engine));
    the_rest(&mut lab, &NULL_BLK);
    verified(&mut lab, &NULL_BLK);
    refusals(&mut lab, &NULL_BLK);
    lab.run(&scene);
}

#[test]
fn scsi_is_written_at_its_pointers() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &SCSI);
    for engine in ["psync", "io_uring"] {
        writes(&mut lab, &SCSI, "sda", engine);
    }
    // By the engine's own commands (iodyno.zbd/1).
    writes(&mut lab, &SCSI, "sda", "sg");
    writes(&mut lab, &SCSI, "sg0", "sg");
    the_rest(&mut lab, &SCSI);
    verified(&mut lab, &SCSI);
    refusals(&mut lab, &SCSI);
    // Conventional zones beside sequential ones.
    let script = emptied(&SCSI) + &job("sda", "io_uring", "rw=randwrite\nsize=4z\niodepth=8");
    lab.case(("sda", "io_uring", "conventional zones among them"), script, made("write", 256));
    let script = job("sg0", "sg", "rw=trim\noffset=2z\nsize=4z\nbs=,,4m");
    lab.case(("sg0", "sg", "trims by RESET WRITE POINTER"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        assert!(zones(outcome, "resets") > 0, "{outcome}");
    });
    lab.run(&scene);
}

#[test]
fn zns_is_written_at_its_pointers() {
    require!(lab);
    let scene = Scene::new();
    let mut lab = lab(&scene, &ZNS);
    ENGINES.into_iter().for_each(|engine| writes(&mut lab, &ZNS, "nvme0n1", engine));
    the_rest(&mut lab, &ZNS);
    verified(&mut lab, &ZNS);
    refusals(&mut lab, &ZNS);
    let example = std::fs::read(programs::repo().join("examples/zones.toml")).expect("the example");
    let script = "iodyno run /root/zones.toml --set filename=/dev/nvme0n1 \
                  --output-format json";
    lab.file(&format!("{}:/root/zones.toml", scene.file("zones.toml", example)));
    lab.case(("nvme0n1", "io_uring", "examples/zones.toml"), script, |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        assert_eq!(outcome.document().ios(1, "write"), 512, "{outcome}");
        assert!(outcome.document().ios(2, "read") > 0, "{outcome}");
    });
    let script = job("ng0n1", "io_uring_cmd", "rw=write\nsize=1z");
    lab.case(
        ("ng0n1", "io_uring_cmd", "refused: no iodyno.zbd/1"),
        script,
        refused(&["does not tell of zones", "iodyno.zbd/1"]),
    );
    lab.run(&scene);
}
