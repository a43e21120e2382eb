//! What a user can get wrong about verification: each with its status and with words that say what
//! and where, before anything is written. The job file's own rules are tested with the checks of
//! jobs; here stands what a user meets.

use iodyno_tests::Scene;

const DEFAULTS: &str = "[global]\nioengine=psync\nfilename=target\nsize=1m\nbs=4k\n";

/// Lines of a job, and the words that it must end with status 2 for.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "ioengine=null\nrw=write\nverify=md5",
        &["`verify`: engine null moves no data", "job.fio:9:1"],
    ),
    (
        "rw=write\nverify=md5\nverify_interval=3000",
        &["`verify_interval`: 3000 bytes do not divide all block sizes (4096)", "job.fio:9:1"],
    ),
    (
        "rw=write\nverify=md5\nverify_offset=4096",
        &["`verify_offset`: the stamp of verify=md5", "does not fit", "4000 at most"],
    ),
    (
        "rw=write\nverify=pattern\nverify_pattern='nothing.bin'",
        &["verify_pattern: ", "nothing.bin", "No such file"],
    ),
    ("rw=write\nverify=pattern", &["`verify=pattern` needs `verify_pattern`"]),
    ("rw=trim\nverify=md5", &["`rw=trim` only trims"]),
    ("rw=write\nverify=md6", &["md6", "md5", "job.fio:8:8"]),
    ("rw=write\nverify=md5\nverify_async_cpus=1000\nverify_async=1", &["CPU 1000 is not there"]),
    ("rw=write\nverify=md5\nverify_only=1\ndo_verify=0", &["nothing is verified"]),
    (
        "rw=write\nverify=md5\nverify_fatal=1\ncontinue_on_error=verify",
        &["`verify_fatal` ends the job at the first miscompare"],
    ),
    ("rw=read\nverify=md5\nverify_run=hello", &["hello", "16"]),
];

#[test]
fn what_cannot_be_verified_is_refused() {
    for (lines, words) in REFUSED {
        let scene = Scene::new();
        let outcome = scene.run_json(&format!("{DEFAULTS}[a]\n{lines}\n"));
        outcome.expect(2).says(words);
        // A pattern's file is looked for when the worker is set up: the target is laid out by then.
        let is_file = words[0] == "verify_pattern: ";
        assert!(is_file || !scene.path().join("target").exists(), "{lines}: nothing was made");
    }
}

/// Jobs on one target, one of which verifies.
#[test]
fn two_writers_on_one_target_are_refused() {
    for jobs in [
        "[a]\nrw=write\nverify=md5\n[b]\nrw=randwrite\nverify=md5\n",
        "[a]\nrw=write\nverify=md5\n[b]\nrw=randwrite\n",
        "[a]\nrw=read\nverify=md5\n[b]\nrw=randwrite\n",
        "[a]\nrw=write\nverify=md5\n[b]\nrw=randwrite\nfilename=./target\n",
    ] {
        let outcome = Scene::new().run_json(&format!("{DEFAULTS}{jobs}"));
        outcome.expect(2).says(&["job a", "job b", "target"]);
    }
    let clones = "[a]\nrw=write\nverify=md5\nnumjobs=2\n";
    Scene::new().run_json(&format!("{DEFAULTS}{clones}")).expect(2).says(&["target"]);
    // Each for itself, one after the other, or each in a part of its own.
    for jobs in [
        "[a]\nrw=write\nverify=md5\n[b]\nstonewall\nrw=randwrite\nverify=md5\n",
        "[a]\nrw=write\nverify=md5\nnumjobs=2\noffset_increment=1m\n",
        "[a]\nrw=write\nverify=md5\n[b]\nrw=randwrite\nverify=md5\nfilename=other\n",
    ] {
        Scene::new().run_json(&format!("{DEFAULTS}{jobs}")).clean();
    }
}

/// A link makes one target of two names; that is only known when the run begins.
#[test]
fn two_names_of_one_target_are_one_target() {
    let scene = Scene::new();
    scene.zeros("target", 1 << 20);
    for how in ["hard", "soft"] {
        let link = scene.path().join(how);
        match how {
            "hard" => std::fs::hard_link(scene.path().join("target"), link).expect("linked"),
            _ => std::os::unix::fs::symlink("target", link).expect("linked"),
        }
        let jobs = format!("[a]\nrw=write\nverify=md5\n[b]\nrw=randwrite\nfilename={how}\n");
        scene.run_json(&format!("{DEFAULTS}{jobs}")).expect(2).says(&["target", how]);
    }
}

/// A target that no verifying run wrote: the job says so, and so does the command.
#[test]
fn a_target_that_was_never_stamped() {
    let scene = Scene::new();
    scene.file("target", vec![0x5a; 1 << 20]);
    let outcome = scene.run_json(&format!("{DEFAULTS}[a]\nrw=read\nverify=md5\n"));
    let outcome = outcome.expect(3).says(&["256 blocks are wrong", "foreign", "no stamp"]);
    assert_eq!(outcome.document().number("/jobs/0/verify/wrong"), 256);
    let verify = |name: &str| scene.iodyno(["verify", &scene.at(name)]).run();
    verify("target").expect(2).says(&["no stamp in the first 64 MiB", "verify="]);
    verify("nowhere").expect(2).says(&["nowhere", "No such file"]);
    scene.zeros("zeros", 1 << 20);
    let outcome = scene.run_json(&format!("{DEFAULTS}[a]\nrw=read\nverify=md5\nfilename=zeros\n"));
    outcome.expect(3).says(&["zeros: the write is not there"]);
}

/// Writes that failed and were tolerated leave blocks of which nothing can be said.
#[test]
fn less_than_all_without_an_error_is_a_status_of_its_own() {
    let scene = Scene::new();
    let job = format!(
        "{DEFAULTS}[a]\nioengine=fault\ninject=fail\ninject_on=write\nevery_nth=10\nat_most=5\n\
         ignore_error=,EIO\nrw=write\nverify=md5\n"
    );
    let outcome = scene.run_json(&job);
    let outcome = outcome.expect(4).says(&["is verified", "as writes failed"]);
    let document = outcome.document();
    assert_eq!(document.number("/jobs/0/verify/wrong"), 0, "{outcome}");
    assert_eq!(document.number("/jobs/0/verify/unsure_bytes"), 5 * 4096, "{outcome}");
    assert_eq!(document.number("/jobs/0/verify/verified_bytes"), 251 * 4096, "{outcome}");
    assert!(document.errors().contains("is verified"), "{outcome}");
}

#[test]
fn nothing_verified_on_purpose_is_told_and_no_error() {
    let job = format!("{DEFAULTS}[a]\nrw=write\nverify=md5\ndo_verify=0\n");
    let outcome = Scene::new().run_json(&job);
    let outcome = outcome.expect(0).says(&["nothing was read back, because do_verify=0"]);
    let document = outcome.document();
    document.assert_no_errors();
    assert_eq!(document.number("/jobs/0/verify/verified_bytes"), 0);
}
