//! Misuse of the options that pace, order, place and judge jobs: each is told with its line and
//! column, and what is right is not.
//!
//! A case is a job file, its lines joined by `/`, and all that is said about it. The machine has
//! CPUs 0 to 3; node 0 has CPUs 0 and 1, node 1 has 2 and 3, node 2 none of them.

use super::*;
use crate::job::diagnostic::Place;

/// `error 3:1 message`.
fn located(diagnostic: &Diagnostic, text: &str) -> String {
    let Some(Place::File { span, .. }) = &diagnostic.place else { unreachable!("has no place") };
    let before = &text[..span.start];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    let kind = if diagnostic.is_error() { "error" } else { "warning" };
    format!("{kind} {line}:{column} {}", diagnostic.message)
}

pub(super) fn check(cases: &[(&str, &[&str])]) {
    for (job, expected) in cases {
        let text = job.replace('/', "\n") + "\n";
        let sources = ini(&text);
        let found = match resolved(&sources, &Overrides::default()) {
            Ok(resolved) => resolved.warnings,
            Err(diagnostics) => diagnostics,
        };
        let found: Vec<String> = found.iter().map(|d| located(d, &text)).collect();
        assert_eq!(found.len(), expected.len(), "{job}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            let (place, words) = expected.split_at(expected.match_indices(' ').nth(1).unwrap().0);
            assert!(found.starts_with(place), "{job}: {found}, not at {place}");
            assert!(found.contains(words.trim()), "{job}: {found} lacks {words}");
        }
    }
}

#[test]
fn rates_and_their_minima() {
    check(&[
        (
            "[a]/size=1m/rate=1m/rate_min=2m",
            &["error 3:1 `rate` 1048576 is below `rate_min` 2097152 for reads"],
        ),
        ("[a]/size=1m/rw=randwrite/rate=4m,1m/rate_min=2m", &["error 4:1 for writes"]),
        (
            "[a]/size=1m/rate=1m,4m/rate_min=,2m",
            &["warning 4:1 `rate_min` has no effect: `rw=read`"],
        ),
        (
            "[a]/size=1m/rate_iops=100/rate_iops_min=200",
            &["error 3:1 `rate_iops` 100 is below `rate_iops_min` 200"],
        ),
        ("[a]/size=1m/rate_min=2m", &[]),
    ]);
}

#[test]
fn limits_for_directions_that_are_not_used() {
    check(&[
        ("[a]/size=1m/rate=,1m", &["warning 3:1 `rate` has no effect"]),
        ("[a]/size=1m/rw=write/rate_iops=100,", &["warning 4:1 `rate_iops` has no effect"]),
        ("[a]/size=1m/rw=write/max_latency=100,0", &["warning 4:1 `max_latency` has no effect"]),
        ("[a]/size=1m/rw=write/rate_iops_min=10,0", &["warning 4:1 `rate_iops_min` has no effect"]),
    ]);
}

#[test]
fn cycles_and_processes() {
    check(&[
        ("[a]/size=1m/rate_min=1m/ratecycle=0", &["error 4:1 `ratecycle` is 0"]),
        (
            "[a]/size=1m/rate_cycle=500",
            &["warning 3:1 `ratecycle` has no effect without `rate_min`"],
        ),
        (
            "[a]/size=1m/rate_process=poisson",
            &["warning 3:1 no effect without `rate` or `rate_iops`"],
        ),
        ("[a]/size=1m/rate_process=linear", &[]),
    ]);
}

#[test]
fn thinktime() {
    check(&[
        ("[a]/size=1m/thinktime=10/thinktime_spin=20", &["error 4:1 `thinktime_spin` is longer"]),
        (
            "[a]/size=1m/thinktime_spin=20",
            &["warning 3:1 `thinktime_spin` has no effect without `thinktime`"],
        ),
        (
            "[a]/size=1m/thinktime_blocks=2/thinktime_iotime=1/thinktime_blocks_type=issue",
            &[
                "warning 3:1 `thinktime_blocks`",
                "warning 5:1 `thinktime_blocks_type`",
                "warning 4:1 `thinktime_iotime`",
            ],
        ),
        ("[a]/size=1m/thinktime=10ms/thinktime_spin=10ms/thinktime_blocks=8", &[]),
    ]);
}

#[test]
fn whom_a_job_waits_for() {
    check(&[
        (
            "[global]/size=1m/[a]/[b]/wait_for=c/[c]",
            &["error 5:1 `wait_for`: job c stands below job b"],
        ),
        ("[global]/size=1m/[a]/wait_for=a", &["error 4:1 would wait for itself"]),
        (
            "[global]/size=1m/[prepare]/[b]/wait_for=prepar",
            &["error 5:1 no job is called `prepar`"],
        ),
        ("[global]/size=1m/[a]/[b]/wait_for=a", &[]),
    ]);
}

#[test]
fn flow_needs_a_partner() {
    check(&[
        ("[a]/size=1m/flow=3", &["error 3:1 `flow`: no other job, and no clone, has `flow_id` 0"]),
        (
            "[global]/size=1m/[a]/flow=3/[b]/flow=1/flow_id=2",
            &["error 4:1 `flow_id` 0", "error 6:1 `flow_id` 2"],
        ),
        (
            "[global]/size=1m/[a]/flow=3/[b]/flow=1/stonewall",
            &["error 4:1 do not run beside it", "error 6:1 do not run beside it"],
        ),
        (
            "[global]/size=1m/[a]/flow=3/[b]/flow=1/wait_for=a",
            &["error 4:1 do not run beside it", "error 6:1 do not run beside it"],
        ),
        ("[global]/size=1m/[a]/flow=3/[b]/flow=1", &[]),
        ("[a]/size=1m/flow=3/numjobs=2", &[]),
        (
            "[a]/size=1m/flow_id=3/flow_sleep=20",
            &[
                "warning 3:1 `flow_id` has no effect without `flow`",
                "warning 4:1 `flow_sleep` has no effect",
            ],
        ),
    ]);
}

#[test]
fn cpus_and_nodes_of_the_machine() {
    check(&[
        ("[a]/size=1m/cpus_allowed=0,7", &["error 3:1 cpus_allowed: CPU 7 is not there"]),
        ("[a]/size=1m/cpumask=0x10", &["error 3:1 cpumask: CPU 4 is not there"]),
        (
            "[a]/size=1m/cpus_allowed=1/cpumask=2",
            &["error 4:1 `cpus_allowed` and `cpumask` in one section"],
        ),
        ("[global]/cpus_allowed=9/[a]/size=1m/cpumask=3", &[]),
        (
            "[a]/size=1m/numa_cpu_nodes=0-3",
            &["error 3:1 numa_cpu_nodes: memory node 3 is not there"],
        ),
        (
            "[a]/size=1m/numa_cpu_nodes=2",
            &["error 3:1 numa_cpu_nodes: none of the nodes' CPUs is there"],
        ),
        (
            "[a]/size=1m/numa_cpu_nodes=1/cpus_allowed=0,1",
            &["error 3:1 `numa_cpu_nodes` and `cpus_allowed` have no CPU in common"],
        ),
        ("[a]/size=1m/numa_cpu_nodes=1/cpus_allowed=1,2", &[]),
        (
            "[a]/size=1m/numa_mem_policy=bind:0,5",
            &["error 3:1 numa_mem_policy: memory node 5 is not there"],
        ),
        ("[a]/size=1m/numa_mem_policy=interleave:all", &[]),
        (
            "[a]/size=1m/cpus_allowed=0-1/cpus_allowed_policy=split/numjobs=3",
            &["warning 4:1 3 clones share 2 CPUs"],
        ),
        (
            "[a]/size=1m/cpus_allowed_policy=split",
            &["warning 3:1 no effect without `cpus_allowed`"],
        ),
        ("[a]/size=1m/prioclass=3/prio=2", &["warning 4:1 `prio` has no effect"]),
    ]);
}

#[test]
fn search_for_a_depth() {
    check(&[
        (
            "[a]/ioengine=vast/iodepth=8/size=1m/latency_target=100",
            &["error 5:1 `latency_target` needs `latency_window`"],
        ),
        (
            "[a]/size=1m/latency_window=1s/latency_percentile=99/latency_run=1",
            &[
                "warning 3:1 `latency_window` has no effect",
                "warning 4:1 `latency_percentile` has no effect",
                "warning 5:1 `latency_run` has no effect",
            ],
        ),
        (
            "[a]/ioengine=vast/size=1m/latency_target=100/latency_window=1s",
            &["warning 4:1 nothing to search: `iodepth` is 1"],
        ),
        (
            "[a]/size=1m/latency_target=100/latency_window=1s",
            &["warning 3:1 nothing to search: engine psync"],
        ),
        ("[a]/size=1m/iodepth=8/io_submit_mode=offload/latency_target=100/latency_window=1s", &[]),
        (
            "[a]/ioengine=vast/iodepth=8/size=1m/latency_target=100\
             /latency_window=1s/max_latency=50",
            &["error 5:1 is above `max_latency` (50 us)"],
        ),
    ]);
}

#[test]
fn steady_states_that_cannot_come() {
    check(&[
        (
            "[a]/size=1m/steadystate=iops:5%",
            &["error 3:1 `steadystate` needs `steadystate_duration`"],
        ),
        (
            "[a]/size=1m/ss=iops:5%/ss_dur=0",
            &["error 4:1 `steadystate` needs `steadystate_duration`"],
        ),
        ("[a]/size=1m/ss_dur=10", &["error 3:1 without `steadystate`"]),
        (
            "[a]/size=1m/ss_ramp=10/ss_interval=2",
            &[
                "warning 3:1 `steadystate_ramp_time` has no effect",
                "warning 4:1 `steadystate_check_interval` has no effect",
            ],
        ),
        ("[a]/size=1m/ss=iops:5%/ss_dur=10/ss_ramp=5/runtime=14", &["error 4:1 cannot be reached"]),
        ("[a]/size=1m/ss=iops:5%/ss_dur=10/ss_ramp=5/runtime=15", &[]),
        ("[a]/size=1m/ss=iops:5%/ss_dur=10/ss_interval=0", &["error 5:1 no time between looks"]),
        ("[a]/size=1m/ss=iops:5%/ss_dur=1", &["error 4:1 does not hold two looks"]),
    ]);
}

#[test]
fn what_is_not_measured_cannot_be_judged() {
    check(&[
        (
            "[a]/size=1m/max_latency=1s/disable_lat=1/disable_clat=1",
            &["error 3:1 `max_latency` judges a latency that `disable_lat`"],
        ),
        (
            "[a]/size=1m/max_latency=1s/gtod_reduce=1",
            &["error 3:1 `max_latency` judges a latency that `gtod_reduce`"],
        ),
        ("[a]/size=1m/max_latency=1s/disable_lat=1", &[]),
        ("[a]/size=1m/ss=lat:5%/ss_dur=10/disable_lat=1", &["error 3:1 `steadystate` judges"]),
        (
            "[a]/size=1m/lat_percentiles=1/disable_lat=1",
            &["warning 3:1 `lat_percentiles` has no effect: `disable_lat`"],
        ),
        (
            "[a]/size=1m/clat_percentiles=1/disable_clat=1",
            &["warning 3:1 `clat_percentiles` has no effect: `disable_clat`"],
        ),
        (
            "[a]/size=1m/slat_percentiles=1/gtod_reduce=1",
            &["warning 3:1 `slat_percentiles` has no effect: `gtod_reduce`"],
        ),
        (
            "[a]/size=1m/clat_percentiles=0/percentile_list=50",
            &["warning 4:1 `percentile_list` has no effect"],
        ),
        ("[a]/size=1m/clat_percentiles=0/lat_percentiles=1/percentile_list=50", &[]),
    ]);
}

#[test]
fn delays_endings_and_errors() {
    check(&[
        ("[a]/size=1m/exit_what=all", &["warning 3:1 `exit_what` has no effect"]),
        ("[a]/size=1m/exit_what=all/exitall", &[]),
        ("[a]/size=1m/startdelay=5-2", &["error 3:12 `5-2` is a reversed range"]),
        ("[a]/size=1m/ignore_error=EOI", &["error 3:14 `EOI` is not the name of an error"]),
        ("[a]/size=1m/rw=write/ignore_error=EIO", &["warning 4:1 its list is for reads"]),
        (
            "[a]/size=1m/continue_on_error=verify",
            &["warning 3:1 `continue_on_error` has no effect without `verify`"],
        ),
    ]);
}

#[test]
fn offload_is_for_synchronous_engines() {
    check(&[
        (
            "[a]/size=1m/ioengine=vast/io_submit_mode=offload",
            &["error 4:1 is for synchronous engines"],
        ),
        ("[a]/size=1m/iodepth=4/io_submit_mode=offload", &[]),
    ]);
}

#[test]
fn known_traps() {
    check(&[
        ("[a]/size=1m/ioengine=libaio", &["warning 3:1 without `direct=1`"]),
        ("[a]/size=1m/ioengine=libaio/direct=1", &[]),
        ("[a]/size=1m/iodepth=4", &["warning 3:1 `iodepth` has no effect"]),
    ]);
}

#[test]
fn proposals() {
    for (text, help) in [
        ("[prepare]\nsize=1m\n[b]\nsize=1m\nwait_for=prepar\n", "did you mean `prepare`?"),
        ("[a]\nsize=1m\nignore_error=ENOSPCE\n", "did you mean `ENOSPC`?"),
        ("[a]\nsize=1m\nstartdelay=5-2\n", "write `2-5`"),
        ("[a]\nsize=1m\nrw=write\nignore_error=EIO\n", "`,EIO`"),
    ] {
        assert!(told(&ini(text)).contains(help), "{text}: {}", told(&ini(text)));
    }
}

/// Only where somebody asks what the job will do.
#[test]
fn advice_is_not_a_warning() {
    let advice = |text: &str| {
        let resolved = resolved(&ini(text), &Overrides::default()).unwrap();
        assert_eq!(resolved.warnings, vec![]);
        resolved.advice.iter().map(|d| located(d, text)).collect::<Vec<_>>()
    };
    let found = advice("[a]\nsize=1m\nruntime=5\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("warning 3:1 job a has `runtime` without `time_based`"));
    assert_eq!(advice("[a]\nsize=1m\nruntime=5\ntime_based\n"), [""; 0]);
    assert_eq!(advice("[a]\nsize=1m\nruntime=0\n"), [""; 0]);
}
