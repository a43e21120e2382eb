//! Damage on its way to and from the target, by the engine fault: each class by each method, over
//! synchronous and asynchronous engines, with and without a pool. A hundred blocks are planted in
//! one run; all are found, none is invented, and each has its name.

use iodyno_tests::{needs, Document, Scene};
use serde_json::Value;
use std::collections::BTreeMap;

/// Methods with a stamp and a digest, and what they may miss is told in docs/verify-format.md.
const METHODS: [&str; 14] = [
    "md5", "crc64", "crc32", "crc32c", "crc16", "crc7", "xxhash", "sha1", "sha256", "sha512",
    "sha3-224", "sha3-256", "sha3-384", "sha3-512",
];

const HUNDRED: &str = "every_nth=7\nskip_first=20\nat_most=100";

/// A class of damage as fault makes it, and the names that a miscompare may have for it.
struct Class {
    inject: &'static str,
    /// Written before, so that an older write is there.
    overwrites: bool,
    names: &'static [&'static str],
}

const CLASSES: [Class; 6] = [
    Class { inject: "inject=flip", overwrites: false, names: &["bit flips"] },
    // What is there was written by the job before: another worker.
    Class { inject: "inject=drop", overwrites: true, names: &["other writer"] },
    Class { inject: "inject=drop", overwrites: false, names: &["zeros"] },
    Class { inject: "inject=tear\nsectors=3", overwrites: true, names: &["torn"] },
    Class { inject: "inject=flip\ninject_on=read", overwrites: false, names: &["bit flips"] },
    Class { inject: "inject=swap", overwrites: false, names: &["misdirected"] },
];

/// The miscompares of a document's first job: offset to class.
fn found(document: &Document) -> BTreeMap<u64, String> {
    let list = document.at("/jobs/0/verify/miscompares");
    let list = list.as_array().expect("a list of miscompares");
    let offset = |one: &Value| one["offset"].as_u64().expect("an offset");
    let class = |one: &Value| one["class"].as_str().expect("a class").to_owned();
    list.iter().map(|one| (offset(one), class(one))).collect()
}

/// Writes 4 MiB in 1024 blocks at random, twice where something is to be overwritten; the second
/// time through fault.
fn run(inner: &str, method: &str, threads: u32, class: &Class) {
    let scene = Scene::new();
    let path = scene.at("target");
    let first = format!(
        "[before]\nioengine=psync\nfilename={path}\nrw=randwrite\nbs=4k\nsize=4m\nverify={method}\n\
         do_verify=0\nverify_state_save=0\n[a]\nstonewall\n"
    );
    let begin = if class.overwrites { first } else { "[a]\n".to_owned() };
    let Class { inject, .. } = class;
    let job = format!(
        "{begin}ioengine=fault\ninner={inner}\niodepth=8\nfilename={path}\nrw=randwrite\nbs=4k\n\
         size=4m\nverify={method}\nverify_async={threads}\nseed=7\nlog=log\n{HUNDRED}\n{inject}\n"
    );
    let outcome = scene.run_json(&job);
    let context = format!("{inner} {method} {threads} {inject}");
    assert_eq!(outcome.status, 3, "{context}: {outcome}");
    let document = outcome.document();
    let index = document.job("a");
    let list = document.at(&format!("/jobs/{index}/verify/miscompares"));
    let wrong = document.number(&format!("/jobs/{index}/verify/wrong"));
    // A swap spoils both places; a place that is swapped twice counts once.
    let most = if class.inject.contains("swap") { 200 } else { 100 };
    assert!((100..=most).contains(&wrong), "{context}: {wrong} are wrong: {outcome}");
    for one in list.as_array().expect("a list") {
        let name = one["class"].as_str().expect("a class");
        assert!(class.names.contains(&name), "{context}: {one}");
    }
    if most == 100 {
        planted_is_found(&scene, &document, index, &context);
    }
}

/// Of what fault says it did, all is among what was found, as far as a hundred are told.
fn planted_is_found(scene: &Scene, document: &Document, index: usize, context: &str) {
    let log = std::fs::read_to_string(scene.at("log")).expect("the log is there");
    let planted: Vec<u64> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| line["offset"].as_u64().expect("an offset"))
        .collect();
    assert_eq!(planted.len(), 100, "{context}");
    let list = document.at(&format!("/jobs/{index}/verify/miscompares"));
    let list = list.as_array().expect("a list");
    let offsets: Vec<u64> = list.iter().map(|one| one["offset"].as_u64().unwrap_or(0)).collect();
    for offset in planted {
        assert!(offsets.contains(&offset), "{context}: {offset} was planted and not found");
    }
}

fn inners() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

#[test]
fn each_class_is_found_by_each_method() {
    for (n, method) in METHODS.into_iter().enumerate() {
        for (m, class) in CLASSES.iter().enumerate() {
            let inners = inners();
            let inner = inners[(n + m) % inners.len()];
            run(inner, method, [0, 1, 2, 4][(n + m) % 4], class);
        }
    }
}

#[test]
fn each_class_is_found_with_each_pool_over_each_engine() {
    for inner in inners() {
        for threads in [0, 1, 2, 4] {
            for class in &CLASSES {
                run(inner, "md5", threads, class);
            }
        }
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
    let all = found(&read.document());
    assert_eq!(all, BTreeMap::from([(299_008, "bit flips".to_owned())]));
    assert!(read.stderr.contains("byte 300000 is"), "{read}");
    assert!(read.stderr.contains("(bit 4)"), "{read}");
}
