//! exec through its raw table, with programs that every Linux has.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, request, TestHost, TestJob};
use std::path::Path;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn shell(script: &str) -> TestJob {
    TestJob::new(ops(), 1)
        .set_text("program", "sh")
        .set_text("arguments", &format!("-c '{script}'"))
        .set("std_redirect", ioe_value_v { u: 0 })
        .set("grace_time", ioe_value_v { u: 0 })
}

/// errno of the run, and how long it took; `terminate` is called at its begin where it is `ended`.
fn run(job: &TestJob, ended: bool) -> (i32, Duration) {
    let host = TestHost::new();
    let instance = host.open(ops(), job).expect("good options");
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut []);
    let begin = Instant::now();
    assert_eq!(instance.queue(&mut io), IOE_Q_QUEUED);
    if ended {
        assert_eq!(instance.getevents(0, 1, -1), Ok(vec![]), "a look does not wait");
        assert_eq!(instance.getevents(1, 1, 100_000_000), Ok(vec![]));
        // SAFETY: the instance lives.
        unsafe { ops().terminate.expect("TERMINATE")(instance.inst) };
    }
    let back = instance.getevents(1, 1, -1).expect("no refusal");
    assert_eq!(back, [std::ptr::from_mut(&mut *io)]);
    (io.error, begin.elapsed())
}

#[test]
fn a_run_ends_with_its_program() {
    assert_eq!(run(&shell("exit 0"), false).0, 0);
    assert_eq!(run(&shell("exit 3"), false).0, libc::EIO);
    assert_eq!(run(&shell("kill -9 $$"), false).0, libc::EIO);
}

#[test]
fn a_program_is_ended_and_its_children_too() {
    let (error, took) = run(&shell("sleep 100; exit 3"), true);
    assert_eq!(error, 0, "it was told to end");
    assert!(took < Duration::from_secs(20), "{took:?}");
    // One that does not listen.
    let deaf = shell("trap : TERM; while true; do sleep 100; done");
    assert_eq!(run(&deaf, true).0, 0);
}

/// Waits for a file with a whole line, for half a minute at most.
fn line_of(file: &Path) -> String {
    let begin = Instant::now();
    loop {
        match std::fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "no line in {}", file.display());
    }
}

#[test]
fn an_instance_that_ends_early_leaves_nothing_running() {
    let dir = tempfile::tempdir().expect("a directory");
    let (own, childs) = (dir.path().join("own"), dir.path().join("child"));
    let (own_name, childs_name) = (own.display(), childs.display());
    let script =
        format!("sleep 100 & echo $! > {childs_name}; echo $$ > {own_name}; trap : TERM; wait");
    let host = TestHost::new();
    let job = shell(&script);
    let instance = host.open(ops(), &job).expect("good options");
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut []);
    assert_eq!(instance.queue(&mut io), IOE_Q_QUEUED);
    let mut another = request(IOE_OP_READ, null_mut(), 0, &mut []);
    assert_eq!(instance.queue(&mut another), IOE_Q_BUSY, "one at a time");
    let (own, child) = (line_of(&own), line_of(&childs));
    drop(instance);
    assert!(!Path::new(&format!("/proc/{own}")).exists(), "neither it nor a zombie is left");
    ends(&child);
}

/// What a program started is not ours to wait for: it is on its way to its end.
fn ends(child: &str) {
    let stat = format!("/proc/{child}/stat");
    let lives = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    let begin = Instant::now();
    while lives() {
        assert!(begin.elapsed() < Duration::from_secs(30), "its child {child} lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_child_that_does_not_listen_ends_with_a_program_that_does() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("child");
    let deaf = "trap \"\" TERM; while true; do sleep 100; done";
    let job = shell(&format!("({deaf}) & echo $! > {}; wait", file.display()))
        .set("grace_time", ioe_value_v { u: 60 });
    let host = TestHost::new();
    let instance = host.open(ops(), &job).expect("good options");
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut []);
    assert_eq!(instance.queue(&mut io), IOE_Q_QUEUED);
    let child = line_of(&file);
    // SAFETY: the instance lives.
    unsafe { ops().terminate.expect("TERMINATE")(instance.inst) };
    assert_eq!(instance.getevents(1, 1, -1).expect("no refusal").len(), 1);
    assert_eq!(io.error, 0);
    ends(&child);
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    for (program, arguments, words) in [
        ("no-such-program-here", "", "is in no directory of PATH"),
        ("/no/such/program", "", "cannot be run: No such file"),
        ("/dev/null", "", "cannot be run: Permission denied"),
        ("/tmp", "", "cannot be run: Is a directory"),
        ("sh", "-c 'x", "opens and does not close"),
    ] {
        let job =
            TestJob::new(ops(), 1).set_text("program", program).set_text("arguments", arguments);
        let host = TestHost::new();
        assert!(host.open(ops(), &job).is_err(), "{program}");
        assert!(host.errors()[0].1.contains(words), "{:?}", host.errors());
    }
}
