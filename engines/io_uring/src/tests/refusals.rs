//! What init refuses, and with which words: options that cannot go together, kernels and limits
//! that forbid a ring.
//!
//! The latter in children of their own: a filter and a limit are for life.

use super::*;

/// The words of a refusal.
fn refusal(job: &TestJob) -> (i32, String) {
    let host = TestHost::new();
    let status = host.open(ops(), job).map(|_| ()).unwrap_err();
    let words = host.errors().pop().map(|(_, words)| words).unwrap_or_default();
    (status, words)
}

#[test]
fn options_that_cannot_go_together() {
    let set = |name, v| TestJob::new(ops(), 1).set(name, v);
    let text = |name, text| TestJob::new(ops(), 1).set_text(name, text);
    let mut direct = job(1, &["uncached"]);
    direct.raw().direct = 1;
    for (job, word) in [
        (job(1, &["hipri"]), "direct=1"),
        (direct, "direct=1"),
        (set("sqthread_poll_cpu", ioe_value_v { u: 0 }), "sqthread_poll=1"),
        (job(1, &["sqthread_poll"]).set("taskrun", ioe_value_v { u: 1 }), "taskrun"),
        (job(1, &["fixedbufs"]).set("nonvectored", ioe_value_v { i: 0 }), "fixedbufs"),
        (set("taskrun", ioe_value_v { u: 9 }), "taskrun"),
        (text("cmdprio_percentage", "101"), "0 to 100"),
        (text("cmdprio_percentage", "1,2,3"), "READ,WRITE"),
        (text("cmdprio_percentage", ""), "0 to 100"),
        (text("cmdprio_class", "4"), "0 to 3"),
        (text("cmdprio", "3"), "cmdprio_percentage"),
        (text("cmdprio_bssplit", "4k/200"), "0 to 100"),
        (text("cmdprio_bssplit", "4k/20").set_text("cmdprio_percentage", "1"), "how often"),
        (TestJob::new(ops(), 40_000), "32768"),
    ] {
        let (status, words) = refusal(&job);
        assert_eq!(status, -libc::EINVAL, "{words}");
        assert!(words.contains(word), "{words}");
    }
}

#[test]
fn a_processor_that_is_not_there() {
    require!(io_uring);
    let job = job(1, &["sqthread_poll"]).set("sqthread_poll_cpu", ioe_value_v { u: 65_535 });
    let (status, words) = refusal(&job);
    assert_eq!(status, -libc::EINVAL);
    assert!(words.contains("processor 65535"), "{words}");
}

/// Runs `test` in a child that `prepare` has made poorer; both say whether all went well.
fn in_a_child(prepare: impl FnOnce() -> bool, test: impl FnOnce() -> bool) {
    // SAFETY: the child makes system calls, runs the engine, which allocates little, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = if !prepare() { 2 } else { i32::from(!test()) };
        // SAFETY: no destructor of the test process may run in the child.
        unsafe { libc::_exit(status) };
    }
    let mut status = -1;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(libc::WEXITSTATUS(status), 0, "1: the engine's words; 2: the preparation");
    assert!(libc::WIFEXITED(status));
}

/// From now on `io_uring_setup` ends with this errno, as under a container's filter.
fn filter_setup(errno: i32) -> bool {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        step(LOAD, 0, 0, 0), // the number of the system call
        step(IF_EQUAL, 0, 1, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: a whole program, which the kernel copies.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}

#[test]
fn a_kernel_or_a_filter_without_io_uring() {
    for (errno, word) in [(libc::ENOSYS, "no io_uring"), (libc::EPERM, "io_uring_disabled")] {
        in_a_child(
            || filter_setup(errno),
            || {
                let (status, words) = refusal(&TestJob::new(ops(), 1));
                let named = words.contains(word) || words.contains("seccomp");
                status == -errno && named
            },
        );
    }
}

#[test]
fn a_limit_on_locked_memory() {
    require!(io_uring);
    let limited = || {
        let limit = libc::rlimit { rlim_cur: 65536, rlim_max: 65536 };
        // SAFETY: plain system calls. Root may lock what it likes, nobody may not.
        unsafe {
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) == 0
                && (libc::geteuid() != 0 || libc::setresuid(65534, 65534, 65534) == 0)
        }
    };
    in_a_child(limited, || {
        let (host, job) = (TestHost::new(), job(2, &["fixedbufs"]));
        let Ok(i) = host.open(ops(), &job) else { return false };
        let mut region = vec![1; 4 << 20];
        let status = add(&i, &mut region);
        let words = host.errors().pop().map(|(_, words)| words).unwrap_or_default();
        status == -libc::ENOMEM && words.contains("RLIMIT_MEMLOCK is 64 KiB")
    });
}
