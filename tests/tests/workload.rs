//! Which requests a job makes, read off an engine that writes each of them down.
//!
//! The engine is `tests/plugins/recorder.c`.

use iodyno_tests::{plugins, require, Document, Scene};
use std::collections::BTreeSet;

/// One request as the engine saw it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) job: String,
    pub(crate) op: String,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) file: u32,
}

/// Runs a job whose `[global]` is given the recorder; answers the document and the requests.
pub(crate) fn record(sections: &str) -> (Document, Vec<Seen>) {
    let scene = Scene::new();
    let path = scene.at("record");
    let engine = plugins::built("recorder");
    let job = format!("[global]\nioengine={engine}\nrecord={path}\nbs=4k\n{sections}\n");
    let document = scene.run_json(&job).clean();
    let text = std::fs::read_to_string(path).expect("the engine wrote its record");
    (document, text.lines().map(parse).collect())
}

fn parse(line: &str) -> Seen {
    let words: Vec<&str> = line.split(' ').collect();
    let [job, op, offset, len, file] = words[..] else { panic!("a line of the record: {line}") };
    Seen {
        job: job.to_owned(),
        op: op.to_owned(),
        offset: offset.parse().expect("an offset"),
        len: len.parse().expect("a length"),
        file: file.parse().expect("an index"),
    }
}

pub(crate) fn offsets(seen: &[Seen]) -> Vec<u64> {
    seen.iter().map(|request| request.offset).collect()
}

#[test]
fn sequential_offsets_follow_each_other() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nsize=1m\nrw=read");
    assert_eq!(offsets(&seen), (0..256).map(|block| block * 4096).collect::<Vec<_>>());
}

#[test]
fn random_reads_cover_each_block_exactly_once() {
    require!(c_compiler);
    for lines in ["size=1m", "size=1000k", "size=1m\niodepth=16", "size=4100k"] {
        let (document, seen) = record(&format!("[a]\nrw=randread\n{lines}"));
        let blocks: BTreeSet<u64> = offsets(&seen).into_iter().collect();
        assert_eq!(blocks.len(), seen.len(), "{lines}: no block twice");
        assert_eq!(seen.len() as u64, document.ios(0, "read"), "{lines}");
        let all: BTreeSet<u64> = (0..seen.len() as u64).map(|block| block * 4096).collect();
        assert_eq!(blocks, all, "{lines}: every block");
        assert_ne!(offsets(&seen), all.into_iter().collect::<Vec<_>>(), "{lines}: not in order");
    }
}

#[test]
fn each_loop_covers_every_block_again() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nrw=randread\nsize=256k\nloops=3");
    for pass in seen.chunks(64) {
        assert_eq!(pass.len(), 64);
        let blocks: BTreeSet<u64> = offsets(pass).into_iter().collect();
        assert_eq!(blocks.len(), 64, "no block twice in a pass");
    }
    assert_eq!(seen.len(), 192);
}

#[test]
fn norandommap_may_repeat_blocks() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nrw=randread\nsize=1m\nnorandommap");
    let blocks: BTreeSet<u64> = offsets(&seen).into_iter().collect();
    assert_eq!(seen.len(), 256);
    assert!(blocks.len() < 256, "256 draws with return leave some of 256 blocks out");
    assert!(blocks.iter().all(|offset| offset % 4096 == 0 && *offset < 1 << 20));
}

#[test]
fn offset_moves_the_region() {
    require!(c_compiler);
    for rw in ["read", "randread"] {
        let (_, seen) = record(&format!("[a]\nrw={rw}\noffset=512k\nsize=512k"));
        let blocks: BTreeSet<u64> = offsets(&seen).into_iter().collect();
        assert_eq!(blocks, (128..256).map(|block| block * 4096).collect(), "rw={rw}");
    }
}

#[test]
fn block_ranges_stay_in_range_aligned_and_inside() {
    require!(c_compiler);
    for rw in ["read", "randread"] {
        let (document, seen) = record(&format!("[a]\nrw={rw}\nsize=1m\nbsrange=4k-16k"));
        assert!(seen.iter().all(|request| (4096..=16384).contains(&request.len)), "rw={rw}");
        assert!(seen.iter().all(|request| request.len % 4096 == 0), "rw={rw}");
        assert!(seen.iter().all(|request| request.offset + request.len <= 1 << 20), "rw={rw}");
        let bytes: u64 = seen.iter().map(|request| request.len).sum();
        assert_eq!(bytes, document.bytes(0, "read"), "rw={rw}");
        let lengths: BTreeSet<u64> = seen.iter().map(|request| request.len).collect();
        assert_eq!(lengths.len(), 4, "rw={rw}: every length comes up: {lengths:?}");
    }
}

#[test]
fn a_seed_is_a_sequence() {
    require!(c_compiler);
    let run = |lines: &str| record(&format!("[a]\nrw=randrw\nsize=1m\n{lines}")).1;
    let first = run("");
    assert_eq!(first, run(""), "randrepeat is on by default");
    assert_eq!(run("randseed=7"), run("randseed=7"));
    assert_ne!(offsets(&first), offsets(&run("randseed=7")));
    assert_ne!(offsets(&run("randrepeat=0")), offsets(&run("randrepeat=0")));
}

#[test]
fn clones_draw_sequences_of_their_own() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nrw=randread\nsize=1m\nnumjobs=2");
    assert_eq!(seen.len(), 512);
    let half: BTreeSet<u64> = offsets(&seen).into_iter().collect();
    assert_eq!(half.len(), 256, "both cover the same blocks");
}

#[test]
fn trimwrite_trims_each_block_and_then_writes_it() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nrw=trimwrite\nsize=64k");
    assert_eq!(seen.len(), 32);
    for pair in seen.chunks(2) {
        assert_eq!((pair[0].op.as_str(), pair[1].op.as_str()), ("trim", "write"));
        assert_eq!(pair[0].offset, pair[1].offset);
    }
}

#[test]
fn stonewall_waits_for_everything_before_it() {
    require!(c_compiler);
    let (_, seen) = record("size=256k\n[a]\nrw=write\n[b]\nrw=write\n[c]\nstonewall\nrw=read");
    let first_read = seen.iter().position(|request| request.op == "read");
    let last_write = seen.iter().rposition(|request| request.op == "write");
    assert_eq!(seen.len(), 192);
    assert!(last_write < first_read, "writes after the first read: {last_write:?} {first_read:?}");
}

#[test]
fn fsync_comes_after_so_many_writes() {
    require!(c_compiler);
    let (document, seen) = record("[a]\nrw=write\nsize=72k\nfsync=4");
    let ops: Vec<&str> = seen.iter().map(|request| request.op.as_str()).collect();
    for (at, op) in ops.iter().enumerate().take(20) {
        assert_eq!(*op == "fsync", at % 5 == 4, "request {at} of {ops:?}");
    }
    assert_eq!(document.ios(0, "sync"), 4);
    let (_, seen) = record("[a]\nrw=write\nsize=64k\nend_fsync=1");
    assert_eq!(seen.last().map(|request| request.op.as_str()), Some("fsync"));
    assert_eq!(seen.len(), 17);
}

#[test]
fn files_take_turns() {
    require!(c_compiler);
    let (_, seen) = record("[a]\nrw=read\nsize=256k\nnrfiles=4");
    assert_eq!(seen.len(), 64);
    for file in 0..4 {
        let own: Vec<u64> =
            seen.iter().filter(|seen| seen.file == file).map(|seen| seen.offset).collect();
        assert_eq!(own, (0..16).map(|block| block * 4096).collect::<Vec<_>>(), "file {file}");
    }
}

#[test]
fn an_engines_option_reaches_it_under_its_full_name_too() {
    require!(c_compiler);
    let scene = Scene::new();
    let (path, engine) = (scene.at("record"), plugins::built("recorder"));
    let job = format!("[a]\nioengine={engine}\nsize=64k\nrecorder.record={path}\nnull.async=1\n");
    let outcome = scene.run_json(&job);
    // An option of an engine that is not chosen does no harm.
    assert_eq!(outcome.status, 0, "{outcome}");
    let text = std::fs::read_to_string(path).expect("the engine wrote its record");
    assert!(text.lines().all(|line| parse(line).job == "a"), "{text}");
}
