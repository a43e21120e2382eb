//! What has to be there after a power cut: everything that ended (`verify_policy=completed`), or
//! what a flush covered (`fsynced`). fault holds unflushed writes back and loses a seeded part of
//! them; here the power returns at once, as if a device had lost its cache and told nobody.

use iodyno_tests::verify::quick_dir;
use iodyno_tests::{needs, Outcome, Scene};
use serde_json::Value;
use std::collections::BTreeSet;

/// Writes, and those before the last flush.
const WRITES: usize = 512;
const FLUSHED: usize = 450;

/// A write that was held when the power went.
struct Held {
    offset: u64,
    lost: bool,
}

/// 512 blocks at random, a flush after each 150; the power goes when the first is read back.
fn run(inner: &str, policy: &str, chain: &str) -> (Outcome, Vec<Held>) {
    let (scene, dir) = (Scene::new(), quick_dir());
    let target = dir.path().join("target");
    let job = format!(
        "[a]\nioengine=fault\nfilename={}\nrw=randwrite\nbs=4k\nsize=2m\niodepth=4\nfsync=150\n\
         verify=crc32c\nverify_state_save=0\nverify_policy={policy}\n{}\n",
        target.display(),
        chain.replace("INNER", inner)
    );
    let outcome = scene.run_json(&job);
    let log = std::fs::read_to_string(scene.at("log")).unwrap_or_default();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let held = lines.filter(|line| line["class"] != "powercut").map(|line| Held {
        offset: line["offset"].as_u64().expect("an offset"),
        lost: line["class"] == "lost",
    });
    (outcome, held.collect())
}

/// The device with a cache.
const CUT: &str = "inner=INNER\ninject=powercut\ncut_after=512\npower_returns=1\nlog=log";

/// The same, and flushes do not reach it.
const LYING: &str = "inner=fault\ninject=drop\ninject_on=flush\nfault-2.inner=INNER\n\
                     fault-2.inject=powercut\nfault-2.cut_after=512\nfault-2.power_returns=1\n\
                     fault-2.log=log";

fn inners() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

fn lost<'a>(held: impl IntoIterator<Item = &'a Held>) -> BTreeSet<u64> {
    held.into_iter().filter(|held| held.lost).map(|held| held.offset).collect()
}

/// Where blocks are wrong, of which a run tells a hundred.
fn wrong(outcome: &Outcome) -> (u64, BTreeSet<u64>) {
    let document = outcome.document();
    let list = document.at("/jobs/0/verify/miscompares").as_array().expect("a list");
    let offsets = list.iter().map(|one| one["offset"].as_u64().expect("an offset"));
    (document.number("/jobs/0/verify/wrong"), offsets.collect())
}

#[test]
fn what_no_flush_covered_may_be_lost() {
    for inner in inners() {
        let (outcome, held) = run(inner, "fsynced", CUT);
        assert_eq!(outcome.status, 0, "{inner}: {outcome}");
        assert_eq!(held.len(), WRITES - FLUSHED, "{inner}");
        assert!(lost(&held).len() > 10, "{inner}: the cut took something");
        let document = outcome.document();
        let bytes = document.number("/jobs/0/verify/bytes");
        // Requests that are on their way when a flush begins are not covered by it.
        let most = FLUSHED as u64 * 4096;
        assert!((most - 4 * 4096..=most).contains(&bytes), "{inner}: {bytes}: {outcome}");
        assert_eq!(document.float("/jobs/0/verify/coverage"), 100.0, "{inner}: {outcome}");
    }
}

#[test]
fn what_ended_must_be_there_otherwise() {
    for inner in inners() {
        let (outcome, held) = run(inner, "completed", CUT);
        assert_eq!(outcome.status, 3, "{inner}: {outcome}");
        let lost = lost(&held);
        assert_eq!(wrong(&outcome), (lost.len() as u64, lost), "{inner}: {outcome}");
    }
}

/// The device says that a flush ended, and what it covered is lost.
#[test]
fn a_lost_write_that_a_flush_covered_is_found() {
    for inner in inners() {
        for policy in ["fsynced", "completed"] {
            let (outcome, held) = run(inner, policy, LYING);
            assert_eq!(outcome.status, 3, "{inner} {policy}: {outcome}");
            // Held in the order in which they were written; no flush wrote any.
            assert_eq!(held.len(), WRITES, "{inner} {policy}");
            let (least, most) = match policy {
                "fsynced" => (lost(&held[..FLUSHED - 4]), lost(&held[..FLUSHED])),
                _ => (lost(&held), lost(&held)),
            };
            let (count, told) = wrong(&outcome);
            let expected = least.len() as u64..=most.len() as u64;
            assert!(expected.contains(&count), "{inner} {policy}: {count}, not {expected:?}");
            assert!(told.len() == 100 && told.is_subset(&most), "{inner} {policy}: {outcome}");
        }
    }
}

/// After a real cut the load fails: nothing is read back, and that is said.
#[test]
fn a_cut_ends_the_job_and_verifies_nothing() {
    for inner in inners() {
        let (outcome, held) =
            run(inner, "completed", "inner=INNER\ninject=powercut\ncut_after=300\nlog=log");
        assert_eq!(outcome.status, 1, "{inner}: {outcome}");
        assert!(!lost(&held).is_empty(), "{inner}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/verify/verified_bytes"), 0, "{inner}: {outcome}");
        let why = document.text("/jobs/0/verify/unfinished");
        assert!(why.contains("the load failed"), "{inner}: {why}");
    }
}
