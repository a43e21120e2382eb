//! exec through a run: what the program gets, where its words go, how it ends.
//!
//! And that nothing of it is left, however the run ends.

use iodyno_tests::engines::Engine;
use iodyno_tests::run::Running;
use iodyno_tests::{process, Outcome, Scene};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;

const EXEC: Engine = Engine::queued("exec").options("program=true\nstd_redirect=0");

iodyno_tests::engine_tests!(EXEC; conforms, documented, example);

/// A job that runs a shell script.
fn job(scene: &Scene, script: &str, lines: &str) -> String {
    let script = scene.file("script", script);
    format!("[a]\nioengine=exec\nprogram=sh\narguments={script} %n %r\n{lines}\n")
}

fn run(scene: &Scene, script: &str, lines: &str) -> Outcome {
    scene.run_json(&job(scene, script, lines))
}

fn read(scene: &Scene, name: &str) -> String {
    std::fs::read_to_string(scene.at(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn it_gets_its_arguments_and_its_words_are_kept() {
    let scene = Scene::new();
    let script = "echo \"$#: $*\"; echo oops >&2; cat";
    let outcome = run(&scene, script, "runtime=77").expect(0);
    assert!(outcome.took < Duration::from_secs(40), "it ends with its program: {outcome}");
    assert_eq!(
        (read(&scene, "a.stdout"), read(&scene, "a.stderr")),
        ("2: a 77\n".into(), "oops\n".into())
    );
    let lines = "program=printf\narguments=%s| one 'two three' \"\" 'it\"s'";
    let outcome = scene.run_json(&format!("[quotes]\nioengine=exec\n{lines}\n"));
    assert_eq!(outcome.clean().all_ios(), 0);
    assert_eq!(read(&scene, "quotes.stdout"), "one|two three||it\"s|");
}

#[test]
fn clones_and_rounds() {
    let scene = Scene::new();
    let script = format!("echo round >> {}.$$", scene.at("ran"));
    run(&scene, &script, "numjobs=2\nloops=3").clean();
    let names = std::fs::read_dir(scene.path()).expect("there").flatten();
    let names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let ran = names.iter().filter(|name| name.starts_with("ran."));
    assert_eq!(ran.count(), 6, "{names:?}");
    for name in ["a.0.stdout", "a.1.stdout", "a.0.stderr", "a.1.stderr"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
}

#[test]
fn without_redirection_it_speaks_on_standard_error() {
    let scene = Scene::new();
    let outcome = run(&scene, "echo from the program; echo and this >&2", "std_redirect=0");
    let outcome = outcome.expect(0).says(&["from the program", "and this"]);
    outcome.document(); // which is all that is on standard output
    assert!(!Path::new(&scene.at("a.stdout")).exists());
}

#[test]
fn one_that_fails_is_told_of() {
    let scene = Scene::new();
    for (script, words) in [
        ("exit 3", &["sh ended with status 3", "a.stderr"][..]),
        ("kill -9 $$", &["sh was ended by signal 9, not by this job", "a.stderr"]),
    ] {
        let outcome = run(&scene, script, "").expect(1).says(words).says(&["job a", "job.fio:1"]);
        assert_eq!(outcome.document().number("/jobs/0/error"), 5, "{outcome}");
    }
    let outcome = run(&scene, "exit 3", "loops=3\nignore_error=EIO");
    assert_eq!(outcome.expect(0).document().number("/jobs/0/error"), 0);
}

#[test]
fn one_that_cannot_be_run_is_refused() {
    let scene = Scene::new();
    let plain = scene.file("plain", "#!/bin/sh\n");
    for (lines, status, words) in [
        ("program=no-such-program", 1, &["no-such-program", "is in no directory of PATH"][..]),
        ("program=/no/such/program", 1, &["/no/such/program", "No such file"]),
        (&format!("program={plain}"), 1, &["plain", "Permission denied"]),
        ("program=/tmp", 1, &["program /tmp", "Is a directory"]),
        ("program=true\narguments=a 'b", 1, &["a ' opens and does not close"]),
        ("grace_time=1", 2, &["job.fio:2:10", "needs option `program`"]),
        ("program=true\ngrace_time=86401", 2, &["job.fio:4:12", "grace_time", "0 to 86400"]),
        ("program=true\ngrace_time=soon", 2, &["job.fio:4:12", "grace_time", "soon"]),
        ("program=true\nstd_redirect=2", 2, &["job.fio:4:14", "std_redirect"]),
    ] {
        let outcome = scene.run_json(&format!("[a]\nioengine=exec\n{lines}\n"));
        let outcome = outcome.expect(status).says(words);
        assert_ne!(outcome.document().errors(), "[]", "{outcome}");
    }
}

#[test]
fn it_runs_beside_the_load_and_is_asked_to_end() {
    let scene = Scene::new();
    let script = "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done";
    let load = "[load]\nioengine=null\nrw=read\nsize=1g\nruntime=1\ntime_based\n";
    let job = job(&scene, script, "runtime=1\ngrace_time=40") + load;
    let outcome = scene.run_json(&job);
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
    let document = outcome.clean();
    assert!(document.ios(document.job("load"), "read") > 0);
    assert_eq!(document.all_ios(), document.ios(document.job("load"), "read"));
    assert_eq!(read(&scene, "a.stdout"), "up\nbye\n");
}

/// A script that writes its number and that of a child of its own into a file, and what follows.
fn family(scene: &Scene, rest: &str) -> String {
    let file = scene.at("family");
    format!("{rest}\nsleep 1000 &\necho $$ $! > {file}.part\nmv {file}.part {file}\nwait\nwait\n")
}

/// The two, once they are there.
fn members(scene: &Scene) -> Vec<u32> {
    let file = scene.at("family");
    process::eventually("the program starts", Duration::from_secs(30), || {
        let text = std::fs::read_to_string(&file).ok()?;
        Some(text.split_whitespace().map(|n| n.parse().expect("a number")).collect())
    })
}

fn all_gone(members: &[u32]) {
    process::eventually("nothing of the program is left", Duration::from_secs(10), || {
        members.iter().all(|pid| !process::alive(*pid)).then_some(())
    });
}

/// Starts it, and answers when it is there.
fn start(scene: &Scene, rest: &str, lines: &str) -> (Running, Vec<u32>) {
    let run = scene.json(&job(scene, &family(scene, rest), lines)).start();
    let members = members(scene);
    assert!(members.len() == 2 && members.iter().all(|pid| process::alive(*pid)), "{members:?}");
    (run, members)
}

#[test]
fn one_that_does_not_listen_is_killed_after_its_grace() {
    for grace in [0, 1] {
        let scene = Scene::new();
        let (run, members) =
            start(&scene, "trap '' TERM", &format!("runtime=500ms\ngrace_time={grace}"));
        let outcome = run.wait();
        assert!(outcome.took >= Duration::from_millis(500 + 1000 * grace), "{outcome}");
        assert!(outcome.took < Duration::from_secs(30), "{outcome}");
        all_gone(&members);
        let words = format!("did not end within {grace} s of SIGTERM: killed");
        outcome.says(&[&words]).clean();
    }
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    for rest in ["", "trap '' TERM INT"] {
        let scene = Scene::new();
        let (run, members) = start(&scene, rest, "runtime=50");
        process::signal(run.pid(), Signal::INT);
        let outcome = run.wait().expect(128);
        assert!(outcome.took < Duration::from_secs(40), "{outcome}");
        all_gone(&members);
    }
}

#[test]
fn a_cell_that_is_killed_takes_its_program_with_it() {
    let scene = Scene::new();
    let (run, members) = start(&scene, "", "runtime=50");
    let cell = run.wait_for_cells(1)[0].pid;
    process::signal(cell, Signal::KILL);
    run.wait().expect(5);
    all_gone(&members[..1]);
    // An orphan, which nobody but this test looks after.
    if process::alive(members[1]) {
        process::signal(members[1], Signal::KILL);
    }
}
