//! What is right is never called wrong: seeded random jobs of everything that could confuse a
//! verifier. Each must have looked at all that it wrote and found nothing; where I/O errors are
//! injected, at all but what those spoilt.
//!
//! `IODYNO_VERIFY_JOBS=N` runs more of them; a failure tells its seed's job.

use iodyno_tests::verify::{announce, side_by_side, Dice};
use iodyno_tests::{needs, Scene};
use std::collections::BTreeMap;

/// Jobs unless more are asked for.
const JOBS: u64 = 200;

const LOADS: [&str; 6] = ["write", "randwrite", "rw", "randrw", "trimwrite", "randtrimwrite"];

const METHODS: [&str; 12] = [
    "md5", "crc32c", "crc64", "crc32", "xxhash", "sha1", "sha256", "sha512", "sha3-256", "crc7",
    "crc16", "meta",
];

const SIZES: [&str; 8] = [
    "bs=4k",
    "bs=8k",
    "bs=64k",
    "bs=16k\nverify_interval=4k\nverify_offset=512",
    "bsrange=4k-32k",
    "bssplit=4k/50:16k/50",
    // Blocks that overlap in part.
    "bs=16k\nblockalign=4k\nverify_interval=4k",
    "bsrange=4k-64k\nblockalign=4k",
];

/// What goes wrong below, without any damage. Failures leave blocks of which nothing can be said.
const TROUBLES: [&str; 4] = [
    "inject=short\npercentage=15",
    "inject=delay\npercentage=5\ndelay=200us\ndelay_max=2ms\ndelay_law=uniform",
    "inject=fail\ninject_on=write\npercentage=3\nignore_error=,EIO",
    "inject=fail\ninject_on=read,write\npercentage=3\nignore_error=EIO,EIO",
];

/// What some jobs have, in percent of them.
const SPICES: [(u64, &str); 18] = [
    (40, "norandommap"),
    (25, "random_distribution=zipf:1.2"),
    (20, "percentage_random=60"),
    (20, "verify_backlog=37"),
    (15, "verify_backlog=64\nverify_backlog_batch=16"),
    (15, "verify_async=1"),
    (15, "verify_async=3"),
    (15, "loops=2"),
    (15, "io_size=5m"),
    (10, "time_based\nruntime=200ms"),
    (15, "fsync=16"),
    (10, "verify_policy=fsynced\nfdatasync=8"),
    (15, "trim_percentage=20"),
    (10, "trim_percentage=30\ntrim_backlog=32\ntrim_verify_zero=0"),
    (10, "buffer_compress_percentage=50"),
    (10, "number_ios=100"),
    (10, "verify_pattern=0xabcdef%o"),
    (20, "io_submit_mode=offload"),
];

/// One job of the sequence.
fn job(seed: u64, engines: &[&str], path: &str) -> String {
    let dice = &mut Dice(seed);
    let engine = dice.one_of(engines);
    let rw = dice.one_of(&LOADS);
    let mut lines = format!("[a]\nrw={rw}\n");
    let mut add = |line: &str| {
        // The first that names a key says what it is.
        let keys = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split('=').next().unwrap_or("").to_owned()).collect()
        };
        let given = keys(&lines);
        if !keys(line).iter().any(|key| given.contains(key)) {
            lines.push_str(line);
            lines.push('\n');
        }
    };
    let mut is_synchronous = ["psync", "pvsync2"].contains(&engine);
    if dice.percent(35) {
        is_synchronous = false;
        add("ioengine=fault");
        add(&format!("inner={engine}"));
        add(&format!("seed={seed}"));
        add(dice.one_of(&TROUBLES));
    } else {
        add(&format!("ioengine={engine}"));
    }
    add(&format!("verify={}", dice.one_of(&METHODS)));
    add(dice.one_of(&SIZES));
    add(&format!("iodepth={}", 1 + dice.below(24)));
    add(&format!("randseed={}", dice.below(1 << 30)));
    add("size=2m\nverify_state_save=0");
    let random = rw.starts_with("rand");
    for (percent, line) in SPICES {
        let is_random = ["norandommap", "random_distribution", "percentage_random"];
        let fits = random || !is_random.iter().any(|key| line.starts_with(key));
        // A crew of threads is for engines that have none.
        let crew = is_synchronous || !line.starts_with("io_submit_mode");
        if dice.percent(percent) && fits && crew {
            add(line);
        }
    }
    if dice.percent(15) {
        add("filename=a:b:c");
    } else {
        add(&format!("filename={path}"));
        if dice.percent(20) {
            // Several jobs on one file, each with a range of its own.
            add("numjobs=3\noffset_increment=2m");
            add(dice.one_of(&["thread", "group_reporting=0"]));
        }
    }
    lines
}

fn engines() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio", "pvsync2", "posixaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// What a job of this seed did wrong.
fn run(seed: u64, engines: &[&str]) -> Result<(), String> {
    let scene = Scene::new();
    let lines = job(seed, engines, &scene.at("target"));
    let outcome = scene.run_json(&lines);
    let wrong = |why: &str| Err(format!("seed {seed}: {why}\n{lines}{outcome}"));
    // Of what failed nothing can be said.
    let has_failures = lines.contains("inject=fail");
    if outcome.status != 0 && !(has_failures && outcome.status == 4) {
        return wrong("its status");
    }
    let document = outcome.document();
    for job in 0..document.jobs() {
        let verify = format!("/jobs/{job}/verify");
        if document.number(&format!("{verify}/wrong")) > 0 {
            return wrong("a false alarm");
        }
        if !has_failures && document.float(&format!("{verify}/coverage")) < 100.0 {
            return wrong("not all was looked at");
        }
    }
    Ok(())
}

#[test]
fn random_jobs_end_well() {
    let jobs = std::env::var("IODYNO_VERIFY_JOBS").ok();
    let jobs = jobs.map_or(JOBS, |jobs| jobs.parse().expect("IODYNO_VERIFY_JOBS is a number"));
    let engines = engines();
    let seeds: Vec<u64> = (0..jobs).collect();
    let failed = side_by_side(&seeds, |&seed| run(seed, &engines));
    announce(&[format!("jobs\t{jobs}\t{}", failed.len())]);
    let words: String = failed.iter().take(3).map(|(_, why)| why.as_str()).collect();
    assert!(failed.is_empty(), "{} of {jobs} jobs failed:\n{words}", failed.len());
}

/// Each ingredient is in some of the jobs that are always run.
#[test]
fn the_jobs_mix_everything() {
    let engines = ["psync", "libaio", "pvsync2", "posixaio", "io_uring"];
    let all: Vec<String> = (0..JOBS).map(|seed| job(seed, &engines, "target")).collect();
    let words = SPICES.iter().map(|(_, line)| *line).chain(SIZES).chain(TROUBLES).chain([
        "rw=randrw",
        "rw=randtrimwrite",
        "numjobs=3",
        "filename=a:b:c",
        "thread",
    ]);
    let counts: BTreeMap<&str, usize> =
        words.map(|word| (word, all.iter().filter(|job| job.contains(word)).count())).collect();
    let rare: Vec<_> = counts.iter().filter(|(_, &count)| count < 4).collect();
    assert!(rare.is_empty(), "in too few jobs: {rare:?}");
}
