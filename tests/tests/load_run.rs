//! What happens between jobs and around a worker: order, groups, delays, whom an end ends, judged
//! rates, the steady state, CPUs and priorities.
//!
//! The engine is `tests/plugins/moody.c`, which writes down when its instances live.

use iodyno_tests::run::Outcome;
use iodyno_tests::{patiently, plugins, process, require, Document, Scene};
use rustix::process::Signal;
use std::time::Duration;

/// A line of the engine's log.
#[derive(Clone, Debug)]
struct Moment {
    job: String,
    clone: u32,
    event: String,
    ms: u64,
    nice: i32,
    io_priority: u32,
    cpus: String,
}

/// What a run wrote down.
struct Lives(Vec<Moment>);

impl Lives {
    fn read(scene: &Scene) -> Lives {
        let text = std::fs::read_to_string(scene.at("log")).unwrap_or_default();
        Lives(text.lines().map(moment).collect())
    }

    fn of<'a>(&'a self, job: &'a str, event: &'a str) -> impl Iterator<Item = &'a Moment> {
        self.0.iter().filter(move |it| it.job == job && it.event == event)
    }

    /// The first moment of this kind, milliseconds.
    fn first(&self, job: &str, event: &str) -> u64 {
        let found = self.of(job, event).map(|it| it.ms).min();
        found.unwrap_or_else(|| panic!("no {event} of {job} in {:#?}", self.0))
    }

    fn last(&self, job: &str, event: &str) -> u64 {
        self.of(job, event).map(|it| it.ms).max().expect("there is one")
    }

    fn has(&self, job: &str) -> bool {
        self.0.iter().any(|it| it.job == job)
    }
}

fn moment(line: &str) -> Moment {
    let words: Vec<&str> = line.split(' ').collect();
    let [job, clone, event, ms, nice, io_priority, cpus] = words[..] else {
        panic!("a line of the log: {line}")
    };
    Moment {
        job: job.to_owned(),
        clone: clone.parse().expect("a number"),
        event: event.to_owned(),
        ms: ms.parse().expect("a time"),
        nice: nice.parse().expect("a nice value"),
        io_priority: io_priority.parse().expect("a priority"),
        cpus: cpus.to_owned(),
    }
}

fn job_file(scene: &Scene, sections: &str) -> String {
    let (engine, log) = (plugins::built("moody"), scene.at("log"));
    format!("[global]\nioengine={engine}\nlog={log}\nbs=4k\nsize=1g\ntime_based\n{sections}\n")
}

fn run(scene: &Scene, sections: &str) -> Outcome {
    scene.run_json(&job_file(scene, sections))
}

fn lives(sections: &str) -> (Document, Lives) {
    let scene = Scene::new();
    let document = run(&scene, sections).clean();
    (document, Lives::read(&scene))
}

fn job_number(document: &Document, job: &str, field: &str) -> u64 {
    document.number(&format!("/jobs/{}/{field}", document.job(job)))
}

fn notes(document: &Document) -> String {
    document.at("/iodyno/notes").to_string()
}

#[test]
fn wait_for_begins_when_all_clones_are_through() {
    require!(c_compiler);
    for isolation in ["run", "job", "none"] {
        let sections = format!(
            "isolation={isolation}\n[a]\nnumjobs=2\nstartdelay=0-200ms\nruntime=300ms\n\
             [b]\nwait_for=a\nruntime=200ms\n[c]\nruntime=200ms\n[d]\nwait_for=b\nruntime=100ms"
        );
        let (document, lives) = lives(&sections);
        assert!(lives.first("b", "init") >= lives.last("a", "cleanup"), "isolation={isolation}");
        assert!(lives.first("d", "init") >= lives.last("b", "cleanup"), "isolation={isolation}");
        assert!(lives.first("c", "first") < lives.last("a", "cleanup"), "c waits for nobody");
        for job in ["a", "b", "c", "d"] {
            assert_eq!(job_number(&document, job, "groupid"), 0, "{job}");
        }
        assert!((150..2000).contains(&job_number(&document, "b", "job_runtime")));
    }
}

#[test]
fn a_job_that_dies_is_through_as_well() {
    require!(c_compiler);
    let faulty = plugins::faulty_null();
    for isolation in ["run", "job"] {
        let scene = Scene::new();
        let sections = format!(
            "isolation={isolation}\n[after]\nruntime=100ms\n\
             [dies]\nioengine={faulty}\nfault=segv\nruntime=5\n\
             [waits]\nwait_for=dies\nruntime=100ms\n"
        );
        // The log is the other engine's option.
        let job = job_file(&scene, &sections).replace("\nlog=", "\nmoody.log=");
        let document = scene.run_json(&job).expect(5).document();
        let lives = Lives::read(&scene);
        assert!(lives.has("waits"), "isolation={isolation}: {:?}", document.errors());
        assert!(document.ios(document.job("waits"), "read") > 10);
        assert_eq!(job_number(&document, "waits", "error"), 0);
    }
}

#[test]
fn a_job_that_waits_may_read_what_the_other_one_writes() {
    let scene = Scene::new();
    let job = |wait: &str| {
        format!(
            "[global]\nioengine=psync\nbs=4k\nfilename={}\n\
             [writes]\nrw=write\nsize=256k\n[reads]\nrw=read\n{wait}\n",
            scene.at("data")
        )
    };
    scene.run_json(&job("")).expect(2).says(&["job reads"]);
    let document = scene.run_json(&job("wait_for=writes")).clean();
    assert_eq!(document.bytes(document.job("reads"), "read"), 256 << 10);
}

#[test]
fn new_group_begins_a_group_without_waiting() {
    require!(c_compiler);
    let (document, lives) = lives(
        "group_reporting\nruntime=300ms\n[a]\n[b]\n[c]\nnew_group\n[d]\n\
         [e]\nstonewall\nruntime=50ms",
    );
    assert_eq!(document.jobs(), 3, "one record a group");
    let groups: Vec<u64> =
        (0..3).map(|job| document.number(&format!("/jobs/{job}/groupid"))).collect();
    assert_eq!(groups, [0, 1, 2]);
    assert!(lives.first("c", "first") < lives.last("a", "cleanup"));
    assert!(lives.first("e", "init") >= lives.last("d", "cleanup"));
}

#[test]
fn startdelay_is_drawn_by_the_seed_and_its_own_runtime_follows() {
    require!(c_compiler);
    patiently(|| {
        let delays = || {
            let (document, lives) = lives(
                "runtime=200ms\n[now]\n[late]\nstartdelay=300ms-1500ms\nnumjobs=3\nramp_time=100ms",
            );
            for job in 1..4 {
                let runtime = document.number(&format!("/jobs/{job}/job_runtime"));
                assert!((150..1500).contains(&runtime), "its own runtime: {runtime} ms");
            }
            let begin = lives.first("now", "first");
            let mut first: Vec<(u32, u64)> =
                lives.of("late", "first").map(|it| (it.clone, it.ms - begin)).collect();
            first.sort_unstable();
            first.into_iter().map(|(_, delay)| delay).collect::<Vec<u64>>()
        };
        let drawn = delays();
        assert!(drawn.iter().all(|delay| (290..3000).contains(delay)), "{drawn:?}");
        assert!(drawn.iter().max().unwrap() - drawn.iter().min().unwrap() > 50, "each its own");
        for (one, other) in drawn.iter().zip(delays()) {
            assert!(one.abs_diff(other) < 400, "{one} and {other} ms of the same clone");
        }
    });
}

#[test]
fn a_signal_ends_a_startdelay() {
    require!(c_compiler);
    let scene = Scene::new();
    let job = job_file(&scene, "[late]\nstartdelay=40\nruntime=1");
    let running = scene.json(&job).start();
    running.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(500));
    process::signal(running.pid(), Signal::INT);
    let outcome = running.wait().expect(128);
    assert!(outcome.took < Duration::from_secs(10), "{outcome}");
    assert_eq!(outcome.document().all_ios(), 0);
}

#[test]
fn a_signal_leaves_out_who_waits() {
    require!(c_compiler);
    let scene = Scene::new();
    let job = job_file(&scene, "[a]\nruntime=40\n[b]\nwait_for=a\nruntime=40");
    let running = scene.json(&job).start();
    process::eventually("a runs", Duration::from_secs(20), || {
        Lives::read(&scene).of("a", "first").next().map(drop)
    });
    process::signal(running.pid(), Signal::INT);
    let outcome = running.wait().expect(128);
    assert!(!Lives::read(&scene).has("b"), "{outcome}");
    assert!(outcome.document().ios(0, "read") > 0);
}

#[test]
fn exitall_reaches_other_cells_and_a_blocked_engine() {
    require!(c_compiler);
    let (document, _) = lives(
        "isolation=job\nruntime=30\n[first]\nexitall\nruntime=300ms\n\
         [mate]\nchange_ms=100\nstall_ms=1500\n[late]\nstartdelay=20\n",
    );
    assert!(job_number(&document, "mate", "job_runtime") < 8000);
    assert_eq!(document.ios(document.job("late"), "read"), 0);
}

#[test]
fn exitall_ends_whom_exit_what_names() {
    require!(c_compiler);
    patiently(|| {
        // (exit_what, job b of another group runs to its end, job c behind a stonewall runs)
        for (what, b_ends_early, c_runs) in
            [("group", false, true), ("stonewall", true, true), ("all", true, false)]
        {
            let (document, lives) = lives(&format!(
                "runtime=5\n[first]\nexitall\nexit_what={what}\nruntime=300ms\n[mate]\nruntime=30\n\
                 [waits]\nwait_for=mate\n[b]\nnew_group\n[c]\nstonewall\nruntime=100ms"
            ));
            let runtime = |job| job_number(&document, job, "job_runtime");
            assert!(runtime("mate") < 4000, "exit_what={what}: the mate ends in order");
            assert!(document.ios(document.job("mate"), "read") > 10, "and its figures count");
            assert_eq!(
                runtime("b") < 4000,
                b_ends_early,
                "exit_what={what}: b ran {}",
                runtime("b")
            );
            assert_eq!(lives.has("c"), c_runs, "exit_what={what}");
            assert!(!lives.has("waits"), "exit_what={what}: one that waits is left out");
            let told = notes(&document);
            let words = "job waits was not begun, because job first was through (exitall)";
            assert!(told.contains(words), "{told}");
            assert_eq!(told.contains("job c was not begun"), !c_runs, "{told}");
        }
    });
}

#[test]
fn exitall_on_error_ends_others_and_exitall_alone_of_another_job_does_not() {
    require!(c_compiler);
    let scene = Scene::new();
    let outcome = run(
        &scene,
        "[fails]\nexitall_on_error\nruntime=20\nchange_ms=200\nfail=1\n[mate]\nruntime=20\n",
    );
    assert!(outcome.took < Duration::from_secs(10), "{outcome}");
    let document = outcome.expect(1).document();
    assert_eq!(job_number(&document, "fails", "error"), 5);
    assert_eq!(job_number(&document, "mate", "error"), 0);
    assert!(job_number(&document, "mate", "job_runtime") < 5000);
    let (document, _) = lives("[short]\nruntime=100ms\n[long]\nexitall\nruntime=600ms");
    assert!(job_number(&document, "long", "job_runtime") >= 590);
}

#[test]
fn a_job_ends_when_it_is_steady() {
    require!(c_compiler);
    let ss = "steadystate_duration=1s\nsteadystate_check_interval=200ms\nruntime=20";
    for (what, clones) in [("iops:25%", 1), ("lat_slope:5%", 1), ("bw:25%", 2)] {
        let (document, lives) = lives(&format!(
            "[a]\nnumjobs={clones}\ngroup_reporting\ndelay_us=10000\nchange_ms=1200\n\
             then_us=2000\nsteadystate={what}\nsteadystate_ramp_time=500ms\n{ss}"
        ));
        let runtime = document.number("/jobs/0/job_runtime") / clones;
        // The window must not hold the change of pace: from 1200 to 2200 ms at the earliest, or
        // before it, of 500 to 1500 ms.
        assert!((1490..15_000).contains(&runtime), "{what}: {runtime} ms");
        let steady = document.at("/jobs/0/steadystate");
        assert_eq!(steady["attained"], 1, "{what}: {steady:#}");
        assert_eq!(steady["data"]["iops"].as_array().unwrap().len(), 5, "{steady:#}");
        assert!(lives.last("a", "cleanup") - lives.first("a", "first") < 15_000);
    }
}

#[test]
fn a_steady_state_that_is_not_attained_is_a_note() {
    require!(c_compiler);
    let (document, _) = lives(
        "[a]\ndelay_us=8000\nchange_ms=500\nthen_us=1000\nsteadystate=iops:0.0001\n\
         steadystate_duration=400ms\nsteadystate_check_interval=200ms\nruntime=1",
    );
    assert_eq!(document.at("/jobs/0/steadystate/attained"), 0);
    let told = notes(&document);
    assert!(told.contains("the steady state was not attained: at the last look"), "{told}");
    let (document, _) = lives(
        "[a]\nsteadystate=iops:5%\nsteadystate_duration=10\nloops=1\ntime_based=0\nsize=200k\n",
    );
    let told = notes(&document);
    assert!(told.contains("needs 10 (steadystate_duration)"), "{told}");
}

#[test]
fn a_rate_below_its_minimum_fails_the_job() {
    require!(c_compiler);
    // (options, what it says); requests take 5 ms, so there are 200 a second at best.
    let table = [
        ("rate_iops_min=1000\nratecycle=300", "read: rate_iops_min not met: wanted 1000 requests"),
        ("rate_min=4m\nratecycle=300", "read: rate_min not met: wanted 4194304 bytes a second"),
        // Fast enough, but for one request that takes longer than the cycle.
        (
            "rate_iops_min=20\nratecycle=400\nchange_ms=900\nstall_ms=3000",
            "read: rate_iops_min not met: wanted 20 requests a second, got ",
        ),
    ];
    for (lines, words) in table {
        let scene = Scene::new();
        let outcome = run(&scene, &format!("[slow]\ndelay_us=5000\nruntime=20\n{lines}")).expect(1);
        let outcome = outcome.says(&[words, "(ratecycle)", "job slow"]);
        assert!(outcome.took < Duration::from_secs(12), "{outcome}");
        assert_eq!(outcome.document().number("/jobs/0/error"), 5, "as with fio");
    }
}

#[test]
fn a_rate_above_its_minimum_is_well_and_delays_and_drains_are_not_judged() {
    require!(c_compiler);
    let (document, _) = lives(
        "[a]\ndelay_us=1000\nrate_iops_min=20\nratecycle=300\nstartdelay=1\nramp_time=500ms\n\
         runtime=1500ms",
    );
    assert!(document.ios(0, "read") > 30);
    // The last request begins before the end and outlasts it by more than a cycle.
    let (document, _) = lives(
        "[a]\ndelay_us=2000\nrate_iops_min=20\nratecycle=600\nchange_ms=1250\nstall_ms=1700\n\
         runtime=1300ms",
    );
    assert!(document.ios(0, "read") > 30);
    let (document, _) = lives("[a]\nrate_iops_min=20\nruntime=500ms");
    let told = notes(&document);
    assert!(told.contains("was not judged"), "{told}");
}

#[test]
fn threads_run_where_and_as_they_are_told() {
    require!(c_compiler);
    let here = rustix::thread::sched_getaffinity(None).expect("the test's own CPUs");
    let cpus: Vec<usize> = (0..1024).filter(|&cpu| here.is_set(cpu)).collect();
    let list: Vec<String> = cpus.iter().map(usize::to_string).collect();
    let clones = cpus.len() + 1;
    let (_, lives) = lives(&format!(
        "runtime=50ms\nnumjobs={clones}\n[split]\ncpus_allowed={}\ncpus_allowed_policy=split\n\
         nice=7\nprio=3\n[mem]\nnuma_cpu_nodes=0\nnuma_mem_policy=bind:0\nprioclass=3\n[plain]\n",
        list.join(",")
    ));
    for it in lives.of("split", "first") {
        let cpu = cpus[it.clone as usize % cpus.len()].to_string();
        assert_eq!((it.cpus.as_str(), it.nice, it.io_priority), (&*cpu, 7, 2 << 13 | 3));
    }
    assert_eq!(lives.of("split", "first").count(), clones);
    assert!(lives.of("mem", "first").all(|it| it.io_priority == 3 << 13 && it.nice != 7));
    assert!(lives.of("plain", "first").all(|it| it.cpus == list.join(",") && it.nice != 7));
}

#[test]
fn memory_nodes_that_are_not_there_are_refused_before_the_start() {
    require!(c_compiler);
    for lines in ["numa_cpu_nodes=700", "numa_mem_policy=bind:0,700", "numa_mem_policy=prefer:700"]
    {
        let scene = Scene::new();
        let outcome = run(&scene, &format!("[a]\nruntime=1\n{lines}")).expect(2);
        outcome.says(&["memory node 700 is not there"]);
        assert!(!Lives::read(&scene).has("a"), "{lines}");
    }
}
