//! Interrupted runs and what a later one makes of their state: no false alarm, and nothing that has
//! to be there goes unmissed.
//!
//! Ends are those that users meet: SIGINT, SIGKILL of the cell, a power cut as `fault` plays it.

use iodyno_tests::verify::Dice;
use iodyno_tests::{needs, process, Document, Outcome, Scene};
use rustix::process::Signal;
use std::time::Duration;

const STATE: &str = "local-a-0-verify.state";
const MAGIC: &[u8] = b"\x89iodyno\n";
const BLOCK: usize = 4096;

fn job(scene: &Scene, lines: &str) -> String {
    let path = scene.at("target");
    format!("[global]\nfilename={path}\nbs=4k\nsize=16m\nverify=crc32c\n[a]\n{lines}\n")
}

/// A job that writes until somebody ends it.
fn endless(scene: &Scene, lines: &str) -> String {
    job(scene, &format!("rw=randwrite\nnorandommap\ntime_based\nruntime=50\n{lines}"))
}

fn load(scene: &Scene, lines: &str) -> Outcome {
    scene.run_json(&job(scene, &format!("verify_state_load=1\n{lines}")))
}

fn has_state(scene: &Scene) -> bool {
    std::fs::exists(scene.at(STATE)).expect("the scene is there")
}

fn nothing_else_is_left(scene: &Scene) {
    let left = process::names_with(scene.path(), ".tmp");
    assert!(left.is_empty(), "{left:?}");
}

/// Who is killed or asked to end in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Interrupt,
    KilledCell,
}

/// Runs until something is written, and a bit on, and ends it.
fn interrupted(scene: &Scene, text: &str, end: End, after: Duration) -> Outcome {
    let run = scene.json(text).start();
    let cell = run.wait_for_cells(1)[0].pid;
    process::eventually("something is written", Duration::from_secs(20), || {
        let target = std::fs::read(scene.at("target")).unwrap_or_default();
        target.chunks(BLOCK).any(|block| block.starts_with(MAGIC)).then_some(())
    });
    std::thread::sleep(after);
    match end {
        End::Interrupt => process::signal(run.pid(), Signal::INT),
        End::KilledCell => process::signal(cell, Signal::KILL),
    }
    run.wait()
}

fn assert_verified(document: &Document) {
    assert_eq!(document.float("/jobs/0/verify/coverage"), 100.0);
    assert!(document.number("/jobs/0/verify/verified_bytes") > 0);
    assert_eq!(document.ios(0, "write"), 0);
}

/// Flips a bit in so many of the blocks that were written.
fn flip(scene: &Scene, count: usize) -> usize {
    let mut bytes = std::fs::read(scene.at("target")).expect("the target is there");
    let stamped = bytes.chunks_mut(BLOCK).filter(|block| block.starts_with(MAGIC));
    let flipped = stamped.take(count).map(|block| block[2000] ^= 4).count();
    std::fs::write(scene.at("target"), bytes).expect("the target is written");
    flipped
}

#[test]
fn what_an_interrupted_run_wrote_is_verified_by_the_next() {
    for isolation in ["run", "none"] {
        let scene = Scene::new();
        let text = endless(&scene, "ioengine=psync");
        let text = text.replace("[global]\n", &format!("[global]\nisolation={isolation}\n"));
        let outcome = match isolation {
            "run" => interrupted(&scene, &text, End::Interrupt, Duration::from_millis(100)),
            _ => {
                let run = scene.json(&text).start();
                process::wait_until_it_computed(run.pid(), 400);
                process::signal(run.pid(), Signal::INT);
                run.wait()
            }
        };
        assert_eq!(outcome.status, 128, "{outcome}");
        let outcome = outcome.says(&["is saved in local-a-0-verify.state", "verify_state_load=1"]);
        let run = outcome.document().text("/jobs/0/verify/run").to_owned();
        assert!(has_state(&scene), "{outcome}");
        nothing_else_is_left(&scene);
        // Looked at as often as one likes, whatever the load says.
        for lines in ["ioengine=psync\nrw=randwrite", "rw=read", "rw=write\nverify_only=1"] {
            let loaded = load(&scene, lines).expect(0).says(&["must be there", &run]);
            assert_verified(&loaded.document());
            assert_eq!(loaded.document().text("/jobs/0/verify/run"), run, "{loaded}");
        }
        assert!(has_state(&scene));
        assert_eq!(flip(&scene, 1), 1);
        let found = load(&scene, "rw=randwrite").expect(3).says(&["bit flip"]);
        assert_eq!(found.document().number("/jobs/0/verify/wrong"), 1, "{found}");
    }
}

#[test]
fn a_killed_cell_leaves_what_it_had_written() {
    for engine in engines() {
        let scene = Scene::new();
        let text = endless(&scene, &format!("ioengine={engine}\niodepth=8"));
        let ended = interrupted(&scene, &text, End::KilledCell, Duration::from_millis(150));
        let ended = ended.expect(5).says(&["SIGKILL", "is saved in"]);
        nothing_else_is_left(&scene);
        let loaded = load(&scene, "rw=randwrite").expect(0);
        assert_verified(&loaded.document());
        assert!(loaded.stderr.contains("the job was lost"), "{ended}{loaded}");
        let flipped = flip(&scene, 50) as u64;
        assert!(flipped >= 30, "{engine}: {flipped}");
        let found = load(&scene, "rw=randwrite").expect(3);
        let wrong = found.document().number("/jobs/0/verify/wrong");
        // Of what was on its way over nothing nobody knows anything.
        assert!((flipped - 8..=flipped).contains(&wrong), "{engine}: {wrong}: {found}");
    }
}

fn engines() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// fault holds 300 writes back but for each 32nd, and loses some of them when the power goes.
fn power_cut(scene: &Scene, lines: &str) -> Outcome {
    let text = format!("ioengine=fault\ninject=powercut\ncut_keep=40\nsize=1m\nfsync=32\n{lines}");
    scene.run_json(&job(scene, &text)).expect(1).says(&["is saved in"])
}

#[test]
fn a_power_cut_takes_only_what_no_flush_had_covered() {
    let inners = engines();
    for seed in 0..24 {
        let scene = Scene::new();
        let pick = |words: &[&'static str]| words[seed % words.len()];
        let (inner, depth) = (pick(&inners), 1 + seed % 4 * 5);
        let also = pick(&["", "verify_backlog=20", "bsrange=4k-32k", "verify_async=2", "bs=16k"]);
        let lines = format!(
            "rw=randwrite\nnorandommap\nloops=9\ncut_after=317\nseed={seed}\ninner={inner}\n\
             iodepth={depth}\nverify_interval=4k\n{also}"
        );
        let outcome = power_cut(&scene, &lines);
        let looks = format!("rw=randwrite\nsize=1m\nverify_interval=4k\n{also}");
        let flushed = load(&scene, &format!("{looks}\nverify_policy=fsynced"));
        assert_eq!(flushed.status, 0, "{lines}: {outcome}{flushed}");
        assert_verified(&flushed.document());
        // Without the policy, what was lost is missed: that is what the cut was for.
        let all = load(&scene, &looks).expect(3);
        assert!(all.stderr.contains("stale") || all.stderr.contains("zeros"), "{all}");
    }
}

#[test]
fn a_flushed_block_that_is_lost_is_missed() {
    let scene = Scene::new();
    power_cut(&scene, "rw=write\ninner=psync\ncut_after=100");
    let lines = "rw=write\nsize=1m\nverify_policy=fsynced";
    let sound = load(&scene, lines).expect(0);
    assert_eq!(sound.document().number("/jobs/0/verify/verified_bytes"), 96 * 4096, "{sound}");
    let mut bytes = std::fs::read(scene.at("target")).expect("the target is there");
    bytes[70 * BLOCK..71 * BLOCK].fill(0);
    std::fs::write(scene.at("target"), bytes).expect("the target is written");
    let found = load(&scene, lines).expect(3).says(&["zeros"]);
    assert_eq!(found.document().number("/jobs/0/verify/wrong"), 1, "{found}");
}

#[test]
fn where_nothing_must_be_there_nothing_passes() {
    let scene = Scene::new();
    scene.run_json(&job(&scene, "rw=write\ndo_verify=0")).expect(0);
    let lines = "rw=write\nverify_policy=fsynced";
    load(&scene, lines).expect(4).says(&["of no block that it must be there", "fsynced"]);
}

#[test]
fn a_state_is_saved_where_something_is_left_to_verify() {
    let scene = Scene::new();
    let run = |lines: &str| scene.run_json(&job(&scene, lines)).expect(0);
    run("rw=write");
    assert!(!has_state(&scene), "all was read back");
    run("rw=write\ndo_verify=0\nverify_state_save=0");
    assert!(!has_state(&scene), "nobody wants it");
    run("rw=write\ndo_verify=0\nnumber_ios=100");
    assert!(has_state(&scene));
    let part = load(&scene, "rw=read").expect(0);
    assert_eq!(part.document().number("/jobs/0/verify/bytes"), 100 * 4096, "{part}");
    // Written anew: the old state would be a lie.
    run("rw=write");
    assert!(!has_state(&scene), "outdated");
    // A run that only looks leaves it alone.
    run("rw=write\ndo_verify=0");
    run("rw=write\nverify_only=1");
    assert!(has_state(&scene));
}

#[test]
fn clones_have_states_of_their_own() {
    let scene = Scene::new();
    let lines = "rw=write\nnumjobs=3\nsize=1m\noffset_increment=1m";
    scene.run_json(&job(&scene, &format!("{lines}\ndo_verify=0"))).expect(0);
    let loaded = load(&scene, lines).expect(0);
    for clone in 0..3 {
        let bytes = loaded.document().number(&format!("/jobs/{clone}/verify/verified_bytes"));
        assert_eq!(bytes, 1 << 20, "{loaded}");
    }
    std::fs::rename(scene.at("local-a-1-verify.state"), scene.at(STATE)).expect("renamed");
    load(&scene, lines).expect(2).says(&["state of another job: the clone was 1, and is 0 here"]);
}

#[test]
fn what_is_no_state_of_the_job_is_refused() {
    let scene = Scene::new();
    let missing = load(&scene, "rw=write").expect(2);
    missing.says(&["verify_state_load: local-a-0-verify.state: there is no such file"]);
    scene.run_json(&job(&scene, "rw=write\ndo_verify=0")).expect(0);
    let good = std::fs::read(scene.at(STATE)).expect("a state");
    for (lines, words) in [
        ("rw=write\nbs=8k", "verify_interval was 4096, and is 8192"),
        ("rw=write\nverify=md5", "verify was crc32c, and is md5"),
        ("rw=write\nverify_offset=512", "verify_offset was 0, and is 512"),
        ("rw=write\nverify_pattern=0x5a", "what fills the blocks was random"),
        ("rw=write\nsize=8m", "16777216 bytes, and is 8388608 bytes"),
        ("rw=write\nsize=8m\noffset=8m", "from 0 on, and is from 8388608 on"),
        ("rw=write\nfilename=other", "the targets was"),
    ] {
        let refused = load(&scene, lines).expect(2);
        refused.says(&["it is the state of another job", words, "the job that saved it"]);
    }
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut newer = good.clone();
    newer[8] = 2;
    let fio = vec![0x5a; 300];
    let cases: [(&[u8], &str); 6] = [
        (&flipped, "its checksum does not fit"),
        (&good[..good.len() - 9], "it is damaged or cut"),
        (&good[..10], "it is damaged or cut"),
        (&newer, "it is of version 2 of the format, and this iodyno reads version 1"),
        (&fio, "it is no state of iodyno's"),
        (b"", "it is no state of iodyno's"),
    ];
    for (bytes, words) in cases {
        scene.file(STATE, bytes);
        load(&scene, "rw=write").expect(2).says(&[STATE, words, "leave verify_state_load out"]);
    }
    scene.file(STATE, &good);
    load(&scene, "rw=write").expect(0);
}

/// A state that cannot be written is no secret.
#[test]
fn a_state_that_cannot_be_saved_is_told_of() {
    let scene = Scene::new();
    std::fs::create_dir(scene.at(STATE)).expect("a directory in its place");
    std::fs::write(scene.at(&format!("{STATE}/x")), "x").expect("which is not empty");
    let outcome = scene.run_json(&job(&scene, "rw=write\ndo_verify=0")).expect(0);
    outcome.says(&["verify_state_save: local-a-0-verify.state: "]);
}

/// The lines of a random job, but for its load's length.
fn random(dice: &mut Dice, engines: &[&str]) -> String {
    let mut lines = vec![
        format!("ioengine={}", dice.one_of(engines)),
        format!("rw={}", dice.one_of(&["write", "randwrite", "rw", "randrw"])),
        format!("verify={}", dice.one_of(&["md5", "crc64", "crc7", "meta", "sha512"])),
        dice.one_of(&["bs=4k", "bs=16k", "bsrange=4k-64k", "bssplit=4k/50:32k/50"]).to_owned(),
        format!("iodepth={}\nrandseed={}", 1 + dice.below(24), dice.below(1 << 30)),
        "size=4m\ntime_based\nruntime=50".to_owned(),
    ];
    for (percent, line) in [
        (50, "norandommap"),
        (30, "verify_backlog=37"),
        (30, "verify_async=2"),
        (40, "fsync=16"),
        (25, "trim_percentage=20\ntrim_backlog=50"),
        (25, "direct=1"),
        (25, "buffer_compress_percentage=50"),
    ] {
        if dice.percent(percent) {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

/// Interruptions with saved state: what is right is never called wrong, by either policy.
/// `IODYNO_STATE_JOBS=N` runs more of them.
#[test]
fn random_interruptions_raise_no_alarm() {
    let jobs = std::env::var("IODYNO_STATE_JOBS").ok();
    let jobs = jobs.map_or(20, |jobs| jobs.parse().expect("IODYNO_STATE_JOBS is a number"));
    let engines = engines();
    let mut some = 0;
    for seed in 0..jobs {
        let scene = Scene::new();
        let mut dice = Dice(seed);
        let lines = random(&mut dice, &engines);
        let end = if dice.below(2) == 0 { End::Interrupt } else { End::KilledCell };
        let after = Duration::from_millis(dice.below(300));
        let text = format!("[global]\nfilename={}\n[a]\n{lines}\n", scene.at("target"));
        let ended = interrupted(&scene, &text, end, after);
        let context = format!("seed {seed}, {end:?}: {text}");
        let status = if end == End::Interrupt { 128 } else { 5 };
        assert_eq!(ended.status, status, "{context}{ended}");
        let loads = format!("{text}verify_state_load=1\n");
        let loaded = scene.run_json(&loads);
        // One that ended with its first writes on their way has promised nothing.
        let first = loaded.stderr.contains("of no block that it must be there");
        assert_eq!(loaded.status, if first { 4 } else { 0 }, "{context}{ended}{loaded}");
        if !first {
            let document = loaded.document();
            let bytes = |key: &str| document.number(&format!("/jobs/0/verify/{key}"));
            assert_eq!(bytes("verified_bytes"), bytes("bytes"), "{context}{ended}{loaded}");
            some += u64::from(bytes("bytes") > 0);
        }
        let flushed = scene.run_json(&format!("{loads}verify_policy=fsynced\n"));
        // Where nothing was flushed, nothing must be there.
        let statuses: &[i32] = if lines.contains("fsync=16") { &[0, 4] } else { &[4] };
        assert!(statuses.contains(&flushed.status), "{context}{flushed}");
    }
    assert!(some * 2 > jobs, "{some} of {jobs} had something to verify");
}
