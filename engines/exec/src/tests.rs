//! exec through its raw table, with programs that every Linux has.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{request, TestHost, TestJob};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

fn ops() -> &'static ioe_ops {
    let host = TestHost::new();
    // SAFETY: a whole host table; plugin and ops table are constants.
    unsafe { &**(*ioe_plugin_entry_v1(host.table(), null_mut(), 0)).engines }
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
    assert_eq!(instance.getevents(0, 1, -1), Ok(vec![]), "a look does not wait");
    if ended {
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

#[test]
fn an_instance_that_ends_early_leaves_nothing_running() {
    let host = TestHost::new();
    let job = shell("sleep 100");
    let instance = host.open(ops(), &job).expect("good options");
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut []);
    assert_eq!(instance.queue(&mut io), IOE_Q_QUEUED);
    let mut another = request(IOE_OP_READ, null_mut(), 0, &mut []);
    assert_eq!(instance.queue(&mut another), IOE_Q_BUSY, "one at a time");
    drop(instance);
    let mut status = 0;
    // SAFETY: room for a status.
    let left = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
    // Other tests have children of their own: none of them may be a zombie.
    assert!(left <= 0, "a zombie was left: {left}");
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
