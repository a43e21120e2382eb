//! cpuio through its raw table: how long a step is, and what share of the time it burns.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, request, TestHost, TestJob};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn cpu_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a timespec to write to, and a clock that always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time as percent of the wall time of 300 ms, and the longest step.
fn burn(load: u64, chunk_us: u64, mode: u64) -> (u32, Duration) {
    let job = TestJob::new(ops(), 1)
        .set("cpuload", ioe_value_v { u: load })
        .set("cpuchunks", ioe_value_v { u: chunk_us })
        .set("cpumode", ioe_value_v { u: mode });
    let host = TestHost::new();
    let instance = host.open(ops(), &job).expect("good options");
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut []);
    let (begin, cpu) = (Instant::now(), cpu_time());
    let mut longest = Duration::ZERO;
    while begin.elapsed() < Duration::from_millis(300) {
        let step = Instant::now();
        assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
        assert_eq!((io.error, io.resid), (0, 0));
        longest = longest.max(step.elapsed());
    }
    let used = (cpu_time() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64();
    ((used * 100.0).round() as u32, longest)
}

#[test]
fn it_does_no_io_and_says_so() {
    let o = ops();
    assert_eq!(o.flags, IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE | IOE_F_NOIO);
    assert_eq!(o.n_options, 4);
}

#[test]
fn it_burns_no_more_than_its_share() {
    // A busy machine can only take away: the upper bounds hold everywhere.
    for (load, chunk_us, mode, most) in
        [(1, 1000, 0, 8), (25, 2000, 0, 40), (50, 10_000, 1, 65), (100, 50_000, 0, 100)]
    {
        let (used, _) = burn(load, chunk_us, mode);
        assert!(used <= most + 1, "{load} %: {used} % of a CPU");
        assert!(used > 0, "{load} %: it burnt nothing");
    }
}

#[test]
fn steps_are_short_also_where_chunks_are_long() {
    // Ten times the step: what is longer was the machine's doing.
    let (_, longest) = burn(1, 1_000_000, 0);
    assert!(longest < Duration::from_millis(250), "{longest:?}");
}

#[test]
fn a_job_without_cpuload_is_refused() {
    let host = TestHost::new();
    let job = TestJob::new(ops(), 1);
    assert!(host.open(ops(), &job).is_err());
    assert!(host.errors()[0].1.contains("cpuload is needed"), "{:?}", host.errors());
}
