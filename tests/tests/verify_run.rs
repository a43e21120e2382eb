//! Verification as its user meets it: phases, verdicts, statuses.
//!
//! What is found is the affair of `verify_matrix` and `verify_damage`, what is refused that of
//! `verify_refused`.

use iodyno_tests::Scene;

fn job(scene: &Scene, lines: &str) -> String {
    let path = scene.at("target");
    format!(
        "[global]\nioengine=psync\nfilename={path}\nbs=4k\nsize=1m\nverify=crc32c\n[a]\n{lines}\n"
    )
}

#[test]
fn what_was_written_is_read_back() {
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=randwrite"));
    assert_eq!(outcome.status, 0, "{outcome}");
    let document = outcome.document();
    assert_eq!(document.ios(0, "write"), 256);
    assert_eq!(document.ios(0, "read"), 256, "reading back counts as reads: {outcome}");
    assert_eq!(document.number("/jobs/0/verify/bytes"), 1 << 20);
    assert_eq!(document.float("/jobs/0/verify/coverage"), 100.0);
    assert_eq!(document.text("/jobs/0/verify/method"), "crc32c");
}

#[test]
fn reads_of_a_mix_are_its_own() {
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=randrw\nrwmixread=50"));
    assert_eq!(outcome.status, 0, "{outcome}");
    let document = outcome.document();
    let (reads, writes) = (document.ios(0, "read"), document.ios(0, "write"));
    assert_eq!(reads + writes, 256, "{outcome}");
    assert_eq!(document.number("/jobs/0/verify/bytes"), writes * 4096, "{outcome}");
}

#[test]
fn nothing_is_verified_without_a_word() {
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=write\ndo_verify=0"));
    assert_eq!(outcome.status, 0, "{outcome}");
    assert_eq!(outcome.document().number("/jobs/0/verify/verified_bytes"), 0);
    assert!(outcome.stderr.contains("nothing was read back"), "{outcome}");
    // A later run does it.
    let read = scene.run_json(&job(&scene, "rw=randread\nbs=64k\nverify_interval=4k"));
    assert_eq!(read.status, 0, "{read}");
    assert_eq!(read.document().number("/jobs/0/verify/verified_bytes"), 1 << 20, "{read}");
    let only = scene.run_json(&job(&scene, "rw=write\nverify_only=1"));
    assert_eq!(only.status, 0, "{only}");
    assert_eq!(only.document().ios(0, "write"), 0, "{only}");
    assert_eq!(only.document().number("/jobs/0/verify/verified_bytes"), 1 << 20, "{only}");
}

#[test]
fn a_copied_file_is_as_good() {
    let scene = Scene::new();
    assert_eq!(scene.run_json(&job(&scene, "rw=write")).status, 0);
    std::fs::rename(scene.at("target"), scene.at("copy")).expect("renamed");
    let lines = format!("rw=read\nfilename={}", scene.at("copy"));
    let outcome = scene.run_json(&job(&scene, &lines));
    assert_eq!(outcome.status, 0, "{outcome}");
}

#[test]
fn what_was_never_stamped_is_a_miscompare() {
    let scene = Scene::new();
    scene.file("target", vec![0x5a; 1 << 20]);
    let outcome = scene.run_json(&job(&scene, "rw=read"));
    assert_eq!(outcome.status, 3, "{outcome}");
    assert_eq!(outcome.document().number("/jobs/0/verify/wrong"), 256);
    assert_eq!(outcome.document().number("/jobs/0/error"), 84);
    assert!(outcome.stderr.contains("foreign"), "{outcome}");
}

#[test]
fn runtime_does_not_cut_reading_back_short() {
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=write\nsize=32m\ntime_based\nruntime=300ms"));
    assert_eq!(outcome.status, 0, "{outcome}");
    let document = outcome.document();
    assert_eq!(document.float("/jobs/0/verify/coverage"), 100.0, "{outcome}");
    assert!(document.number("/jobs/0/verify/bytes") > 0, "{outcome}");
}

#[test]
fn each_loop_is_verified() {
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=randwrite\nloops=3"));
    assert_eq!(outcome.status, 0, "{outcome}");
    let document = outcome.document();
    assert_eq!(document.ios(0, "write"), 3 * 256, "{outcome}");
    assert_eq!(document.ios(0, "read"), 3 * 256, "{outcome}");
}

#[test]
fn the_first_miscompare_ends_a_fatal_job() {
    let scene = Scene::new();
    assert_eq!(scene.run_json(&job(&scene, "rw=write")).status, 0);
    let mut bytes = std::fs::read(scene.at("target")).expect("the target is there");
    (0..256).for_each(|block| bytes[block * 4096 + 99] ^= 1);
    std::fs::write(scene.at("target"), bytes).expect("the target is written");
    let all = scene.run_json(&job(&scene, "rw=read"));
    assert_eq!(all.document().number("/jobs/0/verify/wrong"), 256, "{all}");
    let outcome = scene.run_json(&job(&scene, "rw=read\nverify_fatal=1"));
    assert_eq!(outcome.status, 3, "{outcome}");
    assert_eq!(outcome.document().number("/jobs/0/verify/wrong"), 1, "{outcome}");
}

#[test]
fn both_blocks_are_dumped() {
    let scene = Scene::new();
    assert_eq!(scene.run_json(&job(&scene, "rw=write")).status, 0);
    let good = std::fs::read(scene.at("target")).expect("the target is there");
    let mut bytes = good.clone();
    bytes[8192 + 500] ^= 0x80;
    std::fs::write(scene.at("target"), &bytes).expect("the target is written");
    let outcome = scene.run_json(&job(&scene, "rw=read\nverify_dump=1"));
    assert_eq!(outcome.status, 3, "{outcome}");
    let dumped = |suffix: &str| std::fs::read(scene.at(&format!("target.8192.{suffix}")));
    assert_eq!(dumped("received").expect("a dump"), bytes[8192..12288]);
    assert_eq!(dumped("expected").expect("a dump"), good[8192..12288]);
}

#[test]
fn trims_are_verified_as_such() {
    let scene = Scene::new();
    // A file in the page cache reads zeros where it was punched.
    let lines = "rw=randwrite\ntrim_percentage=30\nioengine=psync";
    let outcome = scene.run_json(&job(&scene, lines));
    assert_eq!(outcome.status, 0, "{outcome}");
    let document = outcome.document();
    let trimmed = document.number("/jobs/0/verify/trimmed_bytes");
    assert!((1 << 17..1 << 19).contains(&trimmed), "{outcome}");
    let bytes = document.number("/jobs/0/verify/bytes");
    assert_eq!(bytes + trimmed, 1 << 20, "{outcome}");
}

#[test]
fn a_ledger_that_is_too_large_is_refused_with_its_size() {
    let scene = Scene::new();
    let lines = "rw=randwrite\nsize=1t\nfallocate=none\nverify_ledger_max=1g";
    let outcome = scene.run_json(&job(&scene, lines));
    assert_eq!(outcome.status, 2, "{outcome}");
    assert!(outcome.stderr.contains("4128 MiB in the worst case"), "{outcome}");
    let some = format!("{lines}\nio_size=8m");
    let outcome = scene.run_json(&job(&scene, &some));
    assert_eq!(outcome.status, 0, "{outcome}");
    assert_eq!(outcome.document().number("/jobs/0/verify/verified_bytes"), 8 << 20, "{outcome}");
}

/// What was read back is all looked at; then the job ends, unless it is told to go on.
#[test]
fn a_miscompare_ends_the_load_unless_it_is_to_go_on() {
    for (more, loops) in [("", 1), ("continue_on_error=verify\n", 3)] {
        let scene = Scene::new();
        // Of each loop ten writes are lost.
        let lines = format!(
            "rw=randwrite\nioengine=fault\ninject=drop\nevery_nth=25\nloops=3\nlog=log\n{more}"
        );
        let outcome = scene.run_json(&job(&scene, &lines));
        assert_eq!(outcome.status, 3, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.ios(0, "write"), loops * 256, "{outcome}");
        assert_eq!(document.ios(0, "read"), loops * 256, "{outcome}");
        let log = std::fs::read_to_string(scene.at("log")).expect("the log is there");
        let planted = log.lines().count() as u64;
        assert_eq!(document.number("/jobs/0/verify/wrong"), planted, "{outcome}");
        assert_eq!(document.number("/jobs/0/error"), 84, "{outcome}");
    }
}

/// Found on the way, a miscompare ends the load; what was written by then is all read back.
#[test]
fn a_miscompare_of_a_backlog_ends_the_load() {
    for (more, whole) in [("", false), ("continue_on_error=verify\n", true)] {
        let scene = Scene::new();
        let lines = format!(
            "rw=randwrite\nioengine=fault\ninject=flip\nskip_first=99\nat_most=1\n\
             verify_backlog=64\n{more}"
        );
        let outcome = scene.run_json(&job(&scene, &lines));
        assert_eq!(outcome.status, 3, "{outcome}");
        let document = outcome.document();
        let writes = document.ios(0, "write");
        assert!(writes >= 128 && (writes == 256) == whole, "{writes}: {outcome}");
        // The same block is found on the way and at the end.
        assert_eq!(document.number("/jobs/0/verify/wrong"), 2, "{outcome}");
        assert_eq!(document.number("/jobs/0/verify/bytes"), writes * 4096, "{outcome}");
        assert_eq!(document.float("/jobs/0/verify/coverage"), 100.0, "{outcome}");
    }
}

/// What is to be verified is not laid out: a job that looks changes nothing, and a file that ends
/// too early is found to be cut.
#[test]
fn a_target_that_ends_early_is_cut_and_stays_as_it_is() {
    for len in [(1 << 20) - 2048, (1 << 20) - 8192 - 100, 0] {
        for (rw, bs) in [
            ("rw=read", "4k"),
            ("rw=randread", "64k\nverify_interval=4k"),
            ("rw=write\nverify_only", "4k"),
        ] {
            for engine in ["psync", "libaio"] {
                let scene = Scene::new();
                assert_eq!(scene.run_json(&job(&scene, "rw=write\ndo_verify=0")).status, 0);
                let file = std::fs::File::options().write(true).open(scene.at("target"));
                file.expect("the target is there").set_len(len).expect("it is cut");
                let context = format!("{rw} {bs} {engine} {len}");
                let text = format!("{rw}\nioengine={engine}\niodepth=4");
                let text = job(&scene, &text).replace("bs=4k", &format!("bs={bs}"));
                let outcome = scene.run_json(&text);
                assert_eq!(outcome.status, 3, "{context}: {outcome}");
                let document = outcome.document();
                let missing = ((1 << 20) - len).div_ceil(4096);
                assert_eq!(
                    document.number("/jobs/0/verify/wrong"),
                    missing,
                    "{context}: {outcome}"
                );
                assert_eq!(document.text("/jobs/0/verify/miscompares/0/class"), "cut", "{context}");
                let there = std::fs::metadata(scene.at("target")).expect("it is there").len();
                assert_eq!(there, len, "{context}");
            }
        }
    }
    let scene = Scene::new();
    let outcome = scene.run_json(&job(&scene, "rw=read"));
    outcome.expect(2).says(&["it does not exist: nothing can be verified"]);
}

/// The command knows no size but the target's: an interval that is begun and cut is wrong.
#[test]
fn the_command_finds_what_is_cut() {
    let scene = Scene::new();
    assert_eq!(scene.run_json(&job(&scene, "rw=write\ndo_verify=0")).status, 0);
    let verify = || scene.iodyno(["verify", &scene.at("target")]).run();
    verify().expect(0);
    let file = std::fs::File::options().write(true).open(scene.at("target"));
    let file = file.expect("the target is there");
    for len in [(1 << 20) - 1, (1 << 20) - 4000, 8192 + 8] {
        file.set_len(len).expect("it is cut");
        verify().expect(3).says(&["1 block is wrong", "cut: the target ends"]);
    }
    // Where it ends with an interval nobody knows what was behind.
    file.set_len(8192).expect("it is cut");
    verify().expect(0);
}
