//! Damage that no device does on the way: what other hands left on a target, and what only another
//! job can see. A hundred blocks of 256 are spoilt in the file; all are found, no other one, each
//! under its name. What happens on the way is `verify_matrix`'s.

use iodyno_tests::verify::quick_dir;
use iodyno_tests::{needs, Outcome, Scene};
use std::collections::BTreeMap;
use std::path::Path;

const BLOCK: usize = 4096;
const BLOCKS: usize = 256;
const SPOILT: usize = 100;

/// Lines of a run that writes the target.
fn write(target: &Path, lines: &str) -> Vec<u8> {
    let path = target.display();
    let job = format!(
        "[a]\nioengine=psync\nfilename={path}\nrw=write\nbs=4k\nsize=1m\ndo_verify=0\n\
         verify_state_save=0\n{lines}\n"
    );
    Scene::new().run_json(&job).expect(0);
    std::fs::read(target).expect("the target is there")
}

/// Miscompares: offset to class.
fn found(outcome: &Outcome) -> BTreeMap<u64, String> {
    let document = outcome.document();
    let list = document.at("/jobs/0/verify/miscompares").as_array().expect("a list");
    let one = |one: &serde_json::Value| {
        let offset = one["offset"].as_u64().expect("an offset");
        (offset, one["class"].as_str().expect("a class").to_owned())
    };
    let all: BTreeMap<u64, String> = list.iter().map(one).collect();
    assert_eq!(document.number("/jobs/0/verify/wrong"), all.len() as u64, "{outcome}");
    all
}

/// CRC-32C, bit by bit: the stamp's own, for stamps that no run writes.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}

/// What became of a block, and how it looks to a job that did not write it.
struct Spoilt {
    class: &'static str,
    /// Lines of the run that writes the target, and of the one that wrote other blocks.
    written: &'static str,
    other: &'static str,
    /// The load of the job that looks.
    looks: &'static str,
    /// Makes a block wrong; gets the other run's block at its place.
    spoil: fn(&mut [u8], &[u8]),
    /// What the stamp alone tells, `meta` sees as well.
    by_stamp: bool,
}

const READS: &str = "rw=randread\nbs=4k";
const PLAIN: &str = "rw=write";

const SPOILS: [Spoilt; 8] = [
    Spoilt {
        class: "overwritten",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block[1024..1536].iter_mut().for_each(|byte| *byte = !*byte),
        by_stamp: false,
    },
    Spoilt {
        class: "damaged stamp",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block[20..60].fill(0x77),
        by_stamp: true,
    },
    Spoilt {
        class: "foreign",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block.fill(0x77),
        by_stamp: true,
    },
    Spoilt {
        class: "zeros",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block.fill(0),
        by_stamp: true,
    },
    Spoilt {
        class: "shifted",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block.rotate_right(100),
        by_stamp: true,
    },
    Spoilt {
        class: "other shape",
        written: PLAIN,
        other: "verify=sha384",
        looks: READS,
        spoil: |block, other| block.copy_from_slice(other),
        by_stamp: true,
    },
    Spoilt {
        class: "other format",
        written: PLAIN,
        other: "rw=write",
        looks: READS,
        spoil: |block, _| {
            block[8] = 9;
            let crc = crc32c(&block[..76]);
            block[76..80].copy_from_slice(&crc.to_le_bytes());
        },
        by_stamp: true,
    },
    // The job knows how many writes there were, and one more is there.
    Spoilt {
        class: "newer",
        written: PLAIN,
        other: "io_size=2m",
        looks: "rw=write\nbs=4k\nverify_only\nverify_write_sequence=1",
        spoil: |block, other| block.copy_from_slice(other),
        by_stamp: true,
    },
];

fn engines() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// Spoils a hundred blocks and lets each engine look, with and without a pool.
fn check(spoilt: &Spoilt, method: &str) {
    let dir = quick_dir();
    let target = dir.path().join("target");
    let lines = |more: &str| match more {
        "rw=write" => method.to_owned(),
        "verify=sha384" if method == "verify=sha512" => "verify=sha256".to_owned(),
        "verify=sha384" => "verify=sha512".to_owned(),
        more => format!("{method}\n{more}"),
    };
    let other = write(&target, &lines(spoilt.other));
    let mut bytes = write(&target, &lines(spoilt.written));
    let mut wanted = BTreeMap::new();
    // Each step of 91 blocks comes to another one of 256.
    for block in (0..SPOILT).map(|n| n * 91 % BLOCKS) {
        let at = block * BLOCK..(block + 1) * BLOCK;
        (spoilt.spoil)(&mut bytes[at.clone()], &other[at.clone()]);
        wanted.insert(at.start as u64, spoilt.class.to_owned());
    }
    if method == "verify=meta" && !spoilt.by_stamp {
        wanted.clear();
    }
    std::fs::write(&target, bytes).expect("the target is written");
    for engine in engines() {
        for pool in [0, 2] {
            let outcome = Scene::new().run_json(&format!(
                "[a]\nioengine={engine}\nfilename={}\niodepth=8\nsize=1m\n{method}\n\
                 verify_async={pool}\nverify_state_save=0\n{}\n",
                target.display(),
                spoilt.looks
            ));
            let context = format!("{}, {method}, {engine}, {pool}", spoilt.class);
            assert_eq!(found(&outcome), wanted, "{context}: {outcome}");
            assert_eq!(outcome.status, if wanted.is_empty() { 0 } else { 3 }, "{context}");
        }
    }
}

#[test]
fn what_other_hands_left_is_found_and_named() {
    for spoilt in &SPOILS {
        for method in ["md5", "crc7", "xxhash", "sha512", "meta"] {
            check(spoilt, &format!("verify={method}"));
        }
    }
}

/// The digest is wrong, and the job cannot tell what was written: it would have written otherwise.
#[test]
fn a_digest_alone_says_that_something_is_wrong() {
    let spoilt = Spoilt {
        class: "wrong digest",
        written: "buffer_compress_percentage=50",
        other: "rw=write",
        looks: READS,
        spoil: |block, _| block[2000] ^= 4,
        by_stamp: false,
    };
    for method in ["verify=md5", "verify=crc32c", "verify=sha3-256"] {
        check(&spoilt, method);
    }
}

/// `verify_run`: what another run wrote is stale, whatever it holds.
#[test]
fn only_what_a_named_run_wrote_is_right() {
    let dir = quick_dir();
    let target = dir.path().join("target");
    let other = write(&target, "verify=md5");
    let mut bytes = write(&target, "verify=md5");
    let run = u64::from_le_bytes(bytes[32..40].try_into().expect("eight bytes"));
    let mut wanted = BTreeMap::new();
    for block in (0..SPOILT).map(|n| n * 91 % BLOCKS) {
        let at = block * BLOCK..(block + 1) * BLOCK;
        bytes[at.clone()].copy_from_slice(&other[at.clone()]);
        wanted.insert(at.start as u64, "stale".to_owned());
    }
    std::fs::write(&target, bytes).expect("the target is written");
    let read = |more: &str| {
        let path = target.display();
        let lines = format!("[a]\nioengine=psync\nfilename={path}\nrw=read\nbs=4k\nsize=1m\n");
        Scene::new().run_json(&format!("{lines}verify=md5\n{more}\n"))
    };
    assert_eq!(found(&read("").expect(0)), BTreeMap::new());
    assert_eq!(found(&read(&format!("verify_run={run:016x}")).expect(3)), wanted);
}

/// Trims that were said to be done and were not.
#[test]
fn what_was_trimmed_and_is_not_zero_is_found() {
    let scene = Scene::new();
    for inner in engines() {
        let path = scene.at(&format!("target-{inner}"));
        let outcome = scene.run_json(&format!(
            "[a]\nioengine=fault\ninner={inner}\niodepth=4\nfilename={path}\nrw=randwrite\nbs=4k\n\
             size=2m\nverify=crc32c\nverify_state_save=0\ntrim_percentage=50\ninject=drop\n\
             inject_on=trim\nat_most=100\nlog=log\n"
        ));
        let log = std::fs::read_to_string(scene.at("log")).expect("the log is there");
        let lines = log.lines().map(serde_json::from_str::<serde_json::Value>);
        let offset = |line: serde_json::Value| line["offset"].as_u64().expect("an offset");
        let wanted: BTreeMap<u64, String> =
            lines.map(|line| (offset(line.expect("JSON")), "not zero".to_owned())).collect();
        assert_eq!(wanted.len(), SPOILT, "{inner}: {outcome}");
        assert_eq!(found(&outcome.expect(3)), wanted, "{inner}");
    }
}

#[test]
fn a_flipped_byte_is_named_with_offset_and_bit() {
    let scene = Scene::new();
    let path = scene.at("target");
    let lines = format!("ioengine=psync\nfilename={path}\nbs=4k\nsize=1m\nverify=crc32c\n");
    let written = scene.run_json(&format!("[a]\nrw=randwrite\n{lines}"));
    assert_eq!(written.status, 0, "{written}");
    let document = written.document();
    assert_eq!(document.number("/jobs/0/verify/verified_bytes"), 1 << 20);
    let mut bytes = std::fs::read(&path).expect("the target is there");
    bytes[300_000] ^= 0x10;
    std::fs::write(&path, bytes).expect("the target is written");
    let read = scene.run_json(&format!("[a]\nrw=read\n{lines}"));
    assert_eq!(read.status, 3, "{read}");
    assert_eq!(found(&read), BTreeMap::from([(299_008, "bit flips".to_owned())]));
    assert!(read.stderr.contains("byte 300000 is"), "{read}");
    assert!(read.stderr.contains("(bit 4)"), "{read}");
    let command = scene.iodyno(["verify", &path]).run();
    command.expect(3).says(&["byte 300000 is", "(bit 4)"]);
}
