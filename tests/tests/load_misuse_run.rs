//! Misuse of the options that pace, order, place and judge jobs, as a user meets it: an error is
//! status 2, a warning lets the job run; both say file, line and column.
//!
//! A case is a job file, its lines joined by `/`; `NULL` stands for an engine without a target.

use iodyno_tests::{plugins, programs, require, Scene};
use std::path::Path;

const ERRORS: &[(&str, &str, &str)] = &[
    ("[a]/NULL/rate=1m/rate_min=2m", "3:1", "is below `rate_min` 2097152"),
    ("[a]/NULL/rate_iops=10/rate_iops_min=20", "3:1", "is below `rate_iops_min` 20"),
    ("[a]/NULL/rate_min=1m/ratecycle=0", "4:1", "`ratecycle` is 0"),
    ("[a]/NULL/rate_process=uniform", "3:14", "none of linear, poisson"),
    ("[a]/NULL/thinktime=10/thinktime_spin=20", "4:1", "longer than `thinktime`"),
    ("[a]/NULL/wait_for=b/[b]/NULL", "3:1", "job b stands below job a"),
    ("[a]/NULL/wait_for=a", "3:1", "would wait for itself"),
    ("[prepare]/NULL/[b]/NULL/wait_for=prepar", "5:1", "did you mean `prepare`?"),
    ("[a]/NULL/flow=3", "3:1", "no other job, and no clone, has `flow_id` 0"),
    ("[a]/NULL/flow=3/[b]/NULL/stonewall/flow=1", "3:1", "do not run beside it"),
    ("[a]/NULL/cpus_allowed=4000", "3:1", "CPU 4000 is not there"),
    ("[a]/NULL/cpus_allowed=0/cpumask=1", "4:1", "in one section"),
    ("[a]/NULL/numa_cpu_nodes=600", "3:1", "memory node 600 is not there"),
    ("[a]/NULL/numa_mem_policy=bind:600", "3:1", "memory node 600 is not there"),
    ("[a]/NULL/numa_mem_policy=bind", "3:17", "write `bind:0`"),
    ("[a]/NULL/latency_target=100", "3:1", "needs `latency_window`"),
    ("[a]/NULL/latency_target=2ms/latency_window=1s/iodepth=8/max_latency=1ms", "3:1", "is above"),
    ("[a]/NULL/latency_percentile=101", "3:20", "out of range"),
    ("[a]/NULL/steadystate=iops:5%", "3:1", "needs `steadystate_duration`"),
    ("[a]/NULL/ss_dur=10", "3:1", "without `steadystate`"),
    ("[a]/NULL/ss=iops:5%/ss_dur=10/runtime=9", "4:1", "cannot be reached"),
    ("[a]/NULL/ss=iops:5%/ss_dur=10/ss_interval=0", "5:1", "no time between looks"),
    ("[a]/NULL/ss=iops:5%/ss_dur=1", "4:1", "does not hold two looks"),
    ("[a]/NULL/ss=speed:5%", "3:4", "none of iops"),
    ("[a]/NULL/max_latency=1s/gtod_reduce=1", "3:1", "`gtod_reduce` does not measure"),
    ("[a]/NULL/max_latency=1s/disable_lat=1/disable_clat=1", "3:1", "does not measure"),
    ("[a]/NULL/ss=lat:5%/ss_dur=10/disable_lat=1", "3:1", "does not measure"),
    ("[a]/NULL/startdelay=5-2", "3:12", "write `2-5`"),
    ("[a]/NULL/ignore_error=ENOSPCE", "3:14", "did you mean `ENOSPC`?"),
    ("[a]/NULL/io_submit_mode=offload", "3:1", "is for synchronous engines"),
    ("[a]/NULL/nice=20", "3:6", "-20 to 19"),
    ("[a]/NULL/significant_figures=11", "3:21", "1 to 10"),
];

const WARNINGS: &[(&str, &str, &str)] = &[
    ("[a]/NULL/rate_min=,1m", "3:1", "`rate_min` has no effect: `rw=read`"),
    ("[a]/NULL/rate_iops_min=,10", "3:1", "`rate_iops_min` has no effect: `rw=read`"),
    ("[a]/NULL/rate=,1m", "3:1", "`rate` has no effect: `rw=read`"),
    ("[a]/NULL/ratecycle=500", "3:1", "without `rate_min`"),
    ("[a]/NULL/rate_process=poisson", "3:1", "without `rate` or `rate_iops`"),
    ("[a]/NULL/thinktime_spin=20", "3:1", "without `thinktime`"),
    ("[a]/NULL/thinktime_blocks=2", "3:1", "without `thinktime`"),
    ("[a]/NULL/thinktime_blocks_type=issue", "3:1", "without `thinktime`"),
    ("[a]/NULL/thinktime_iotime=2", "3:1", "without `thinktime`"),
    ("[a]/NULL/flow_id=2", "3:1", "without `flow`"),
    ("[a]/NULL/flow_sleep=2", "3:1", "without `flow`"),
    ("[a]/NULL/cpus_allowed_policy=split", "3:1", "without `cpus_allowed`"),
    ("[a]/NULL/prioclass=3/prio=2", "4:1", "knows no priorities"),
    ("[a]/NULL/latency_window=1s", "3:1", "without `latency_target`"),
    ("[a]/NULL/latency_percentile=99", "3:1", "without `latency_target`"),
    ("[a]/NULL/latency_run=1", "3:1", "without `latency_target`"),
    ("[a]/NULL/latency_target=1s/latency_window=1ms", "3:1", "`iodepth` is 1"),
    ("[a]/size=4k/latency_target=1s/latency_window=1ms", "3:1", "engine psync does one request"),
    ("[a]/NULL/ss_ramp=1", "3:1", "without `steadystate`"),
    ("[a]/NULL/ss_interval=1", "3:1", "without `steadystate`"),
    ("[a]/NULL/lat_percentiles=1/disable_lat=1", "3:1", "`disable_lat` does not measure it"),
    ("[a]/NULL/clat_percentiles=0/percentile_list=50", "4:1", "no percentiles are reported"),
    ("[a]/NULL/exit_what=all", "3:1", "without `exitall` or `exitall_on_error`"),
    ("[a]/NULL/rw=write/ignore_error=EIO", "4:1", "its list is for reads"),
    ("[a]/size=4k/iodepth=4", "3:1", "engine psync does one request at a time"),
];

fn text(job: &str) -> String {
    job.replace('/', "\n").replace("NULL", "ioengine=null\nsize=4k") + "\n"
}

/// The engine's two lines count as one in the table.
fn place(job: &str, place: &str) -> String {
    let (line, column) = place.split_once(':').expect("LINE:COLUMN");
    let line: usize = line.parse().expect("a line");
    let added = job.split('/').take(line - 1).filter(|part| *part == "NULL").count();
    format!("{}:{column}", line + added)
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let scene = Scene::new();
    for (number, (job, at, words)) in ERRORS.iter().enumerate() {
        let name = format!("case{number}.fio");
        let file = scene.file(&name, text(job));
        let at = format!("{name}:{}", place(job, at));
        let run = scene.iodyno(["run", &file, "--output-format", "json"]).run();
        let run = run.expect(2).says(&["error: ", &at, words]);
        assert_ne!(run.document().errors(), "[]", "{run}");
        scene.iodyno(["lint", &file]).run().expect(2).says(&["error: ", &at, words]);
    }
}

#[test]
fn what_does_nothing_is_a_warning() {
    let scene = Scene::new();
    for (number, (job, at, words)) in WARNINGS.iter().enumerate() {
        let name = format!("case{number}.fio");
        let file = scene.file(&name, text(job));
        let at = format!("{name}:{}", place(job, at));
        let run = scene.iodyno(["run", &file, "--output-format", "json"]).run();
        let run = run.expect(0).says(&["warning: ", &at, words]);
        run.document().assert_no_errors();
        let lint = scene.iodyno(["lint", &file]).run().expect(0);
        lint.says(&["warning: ", &at, words]);
    }
}

/// The first CPU that this process may run on.
fn a_cpu() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut digits = list.expect("the kernel tells").trim().split(|c: char| !c.is_ascii_digit());
    digits.next().expect("at least one CPU").to_owned()
}

#[test]
fn more_clones_than_cpus_share_them() {
    let scene = Scene::new();
    let job = format!(
        "[a]\nioengine=null\nsize=4k\nnumjobs=2\ncpus_allowed={}\ncpus_allowed_policy=split\n",
        a_cpu()
    );
    let file = scene.file("split.fio", job);
    let run = scene.iodyno(["run", &file]).run().expect(0);
    run.says(&["warning: ", "split.fio:6:1", "2 clones share 1 CPUs"]);
}

/// Only `lint` tells of it: it is what many jobs mean.
#[test]
fn a_runtime_without_time_based_is_explained_by_lint() {
    let scene = Scene::new();
    let file = scene.file("job.fio", "[a]\nioengine=null\nsize=4k\nruntime=5\n");
    let words = "`runtime` without `time_based`";
    scene.iodyno(["lint", &file]).run().expect(0).says(&["warning: ", "job.fio:4:1", words]);
    let run = scene.iodyno(["run", &file]).run().expect(0);
    assert!(!run.stderr.contains(words), "{run}");
}

#[test]
fn buffered_libaio_is_told() {
    require!(c_compiler);
    let scene = Scene::new();
    let recorder = programs::repo().join("tests/plugins/recorder.c");
    let recorder = std::fs::read_to_string(recorder).expect("the recorder's source");
    let source = scene.file("libaio.c", recorder.replace("\"recorder\"", "\"libaio\""));
    let plugin = scene.at("libaio.so");
    let include = format!("-I{}", programs::repo().join("tests/plugins").display());
    plugins::compile(Path::new(&source), Path::new(&plugin), &[&include]);
    for (direct, told) in [(0, true), (1, false)] {
        let job = format!("[a]\nioengine={plugin}\nsize=4k\ndirect={direct}\n");
        let lint = scene.iodyno(["lint", &scene.file("job.fio", job)]).run().expect(0);
        let words = "engine libaio without `direct=1`";
        assert_eq!(lint.stderr.contains(words), told, "{lint}");
        assert_eq!(lint.stderr.contains("job.fio:4:1"), told, "{lint}");
    }
}
