//! How fast a job goes, seen from outside: rates, response times, pauses, shares, depths that keep
//! to a latency.
//!
//! The engine is `tests/plugins/server.c`, or one that does nothing. Other tests run beside these:
//! times have room above, and what has to be exact is counted.

use iodyno_tests::{patiently, plugins, require, Document, Scene};

/// Runs jobs against the server.
fn serve(sections: &str) -> Document {
    let engine = plugins::built("server");
    let global = "[global]\nrw=randread\nbs=4k\nsize=1g\ntime_based";
    Scene::new().run_json(&format!("{global}\nioengine={engine}\n{sections}\n")).clean()
}

/// A percentile of the reads of the first job, in milliseconds.
fn percentile_ms(document: &Document, kind: &str, percentile: &str) -> f64 {
    document.float(&format!("/jobs/0/read/{kind}/percentile/{percentile}")) / 1e6
}

#[track_caller]
fn assert_near(value: f64, expected: f64, percent: f64) {
    let off = (value / expected - 1.0).abs() * 100.0;
    assert!(off <= percent, "{value}, not {expected} within {percent} %");
}

#[test]
fn a_stall_shows_in_the_response_times_and_not_in_clat() {
    require!(c_compiler);
    patiently(|| {
        // 6000 requests, 600 of which fall into the stall: the slowest 60 waited most of it.
        for depth in [1, 32] {
            let job = format!(
                "iodepth={depth}\nruntime=3\nrate_iops=2000\nserver.stall=300ms\n\
                 server.after=2000\nserver.service=20us"
            );
            let document = serve(&format!("[a]\n{job}"));
            let rlat_ms = percentile_ms(&document, "rlat_ns", "99.000000");
            assert!((240.0..320.0).contains(&rlat_ms), "rlat p99 {rlat_ms} ms");
            let clat_ms = percentile_ms(&document, "clat_ns", "99.000000");
            assert!(clat_ms < 10.0, "clat p99 {clat_ms} ms");
            let qlat_ms = percentile_ms(&document, "qlat_ns", "99.000000");
            assert!(qlat_ms <= rlat_ms, "qlat p99 {qlat_ms} ms, rlat p99 {rlat_ms} ms");
            // All that were owed are made up for.
            assert_rate(&document, "read", 2000.0, 0.5);
            assert_eq!(document.number("/jobs/0/read/rlat_ns/N"), document.ios(0, "read"));
        }
    });
}

/// Requests of a direction are as many as its rate grants in the time that was measured: never
/// more, and on a machine that is busy elsewhere fewer by no more than what is owed at the end.
#[track_caller]
fn assert_rate(document: &Document, direction: &str, per_s: f64, percent: f64) {
    let runtime_s = document.float(&format!("/jobs/0/{direction}/runtime")) / 1e3;
    let granted = per_s * runtime_s;
    let ios = document.ios(0, direction) as f64;
    let owed_at_most = document.number("/jobs/0/iodyno/backlog/max") as f64;
    let what = format!("{ios} {direction}s and up to {owed_at_most} owed, granted {granted}");
    assert!(ios <= granted * (1.0 + percent / 100.0), "{what}");
    assert!(ios + owed_at_most >= granted * (1.0 - percent / 100.0), "{what}");
}

#[test]
fn rates_are_kept_and_the_first_second_is_as_the_others() {
    require!(c_compiler);
    patiently(|| {
        for (rate, lines, percent) in
            [(2000, "", 0.5), (2000, "ramp_time=1s", 0.5), (5000, "rate_process=poisson", 5.0)]
        {
            let job = format!("[a]\niodepth=8\nruntime=2\nrate_iops={rate}\n{lines}");
            assert_rate(&serve(&job), "read", f64::from(rate), percent);
        }
        let document = serve("[a]\nrw=randrw\nruntime=2\nrate=8m,4m");
        assert_rate(&document, "read", 2048.0, 0.5);
        assert_rate(&document, "write", 1024.0, 0.5);
    });
}

#[test]
fn without_a_rate_there_is_no_intended_start() {
    require!(c_compiler);
    let document = serve("[a]\nruntime=1");
    assert_eq!(document.number("/jobs/0/read/rlat_ns/N"), 0);
}

#[test]
fn pauses_are_as_long_and_as_many_as_asked() {
    patiently(|| {
        let scene = Scene::new();
        // 20 requests, a pause between every two of them and the next: 9 pauses.
        let started = |lines: &str| {
            let global = "[a]\nioengine=null\nrw=read\nbs=4k\nsize=80k";
            let document = scene.run_json(&format!("{global}\n{lines}\n")).clean();
            assert_eq!(document.ios(0, "read"), 20);
            document.number("/jobs/0/job_runtime")
        };
        let pauses_ms = started("thinktime=20ms\nthinktime_spin=5ms\nthinktime_blocks=2");
        assert!((180..260).contains(&pauses_ms), "{pauses_ms} ms");
        let none_ms = started("thinktime=10s\nthinktime_blocks=20");
        assert!(none_ms < 5000, "no pause after the last request: {none_ms} ms");
        // Blocks that are not given do not count beside a time.
        let none_ms = started("thinktime=10s\nthinktime_iotime=9");
        assert!(none_ms < 5000, "{none_ms} ms");
    });
}

#[test]
fn a_pause_ends_with_the_run() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nrw=read\nsize=1m\nruntime=1\ntime_based\nthinktime=50s\n";
    let outcome = scene.run_json(job);
    assert!(outcome.took.as_secs() < 20, "{outcome}");
    assert_eq!(outcome.clean().ios(0, "read"), 1);
}

#[test]
fn shares_are_as_the_weights_also_between_cells() {
    patiently(|| {
        for (isolation, sleep) in [("run", "0"), ("job", "0"), ("run", "100")] {
            let global = "ioengine=null\nrw=read\nbs=4k\nsize=1g\nruntime=1\ntime_based";
            let jobs = "[a]\nflow=3\n[b]\nflow=2\n[c]\nflow=1";
            let job = format!(
                "[global]\n{global}\nisolation={isolation}\nflow_id=7\nflow_sleep={sleep}\n{jobs}\n"
            );
            let document = Scene::new().run_json(&job).clean();
            let ios = [0, 1, 2].map(|job| document.ios(job, "read") as f64);
            assert!(ios[2] > 100.0, "they move: {ios:?}");
            assert_near(ios[0] / ios[2], 3.0, 2.0);
            assert_near(ios[1] / ios[2], 2.0, 2.0);
        }
    });
}

/// Each has all the others for partners, and what a process may map is limited.
#[test]
fn hundreds_of_clones_share() {
    let job = "[a]\nioengine=null\nrw=read\nbs=4k\nsize=32k\nnumjobs=300\ngroup_reporting\n\
               flow=1\nflow_sleep=1000\n";
    assert_eq!(Scene::new().run_json(job).clean().ios(0, "read"), 300 * 8);
}

#[test]
fn who_has_ended_or_died_holds_nobody_back() {
    require!(c_compiler);
    let global = "[global]\nrw=read\nbs=4k\nflow_id=1\nflow=1\n";
    let job = format!("{global}[short]\nioengine=null\nsize=4m\n[long]\nioengine=null\nsize=40m\n");
    let document = Scene::new().run_json(&job).clean();
    assert_eq!((document.ios(0, "read"), document.ios(1, "read")), (1024, 10_240));
    let faulty = plugins::faulty_null();
    let job = format!(
        "{global}isolation=job\nsize=40m\n[dies]\nioengine={faulty}\nfault=segv\nafter=100\n\
         [lives]\nioengine=null\n"
    );
    let outcome = Scene::new().run_json(&job).expect(5);
    assert_eq!(outcome.document().ios(1, "read"), 10_240);
}

#[test]
fn the_depth_that_keeps_to_a_latency_is_found() {
    require!(c_compiler);
    patiently(|| {
        // A request waits a millisecond for each one before it.
        let document = serve(
            "[a]\niodepth=32\nruntime=30\nserver.service=1ms\nlatency_target=6500\n\
             latency_window=200ms\nlatency_percentile=50",
        );
        let depth = document.number("/jobs/0/latency_depth");
        assert!((4..=6).contains(&depth), "depth {depth}");
        assert!(document.number("/jobs/0/read/runtime") < 10_000, "ends when it is found");
    });
}

#[test]
fn latencies_that_a_job_does_not_bear_end_it_in_words() {
    require!(c_compiler);
    let engine = plugins::built("server");
    let run = |lines: &str| {
        let global = "[a]\nrw=randread\nbs=4k\nsize=1g\nruntime=20\ntime_based\niodepth=4";
        let outcome = Scene::new().run_json(&format!("{global}\nioengine={engine}\n{lines}\n"));
        let outcome = outcome.expect(1);
        assert!(outcome.took.as_secs() < 15, "{outcome}");
        assert_eq!(outcome.document().number("/jobs/0/error"), 110);
        outcome
    };
    run("max_latency=1s\nserver.stall=1200ms\nserver.after=50").says(&[
        "read of 4096 bytes at offset",
        "took 1.",
        "max_latency is 1 s",
    ]);
    run("server.service=5ms\nlatency_target=1ms\nlatency_window=100ms")
        .says(&["latency_target of 1 ms is missed with a single request in flight"]);
}

#[test]
fn what_is_disabled_is_not_reported() {
    require!(c_compiler);
    for (line, absent) in [("disable_lat", "lat_ns"), ("disable_clat", "clat_ns")] {
        for engine in ["null", &plugins::built("server")] {
            let job = format!("[a]\nioengine={engine}\nrw=read\nbs=4k\nsize=400k\n{line}=1\n");
            let document = Scene::new().run_json(&job).clean();
            for kind in ["lat_ns", "clat_ns"] {
                let n = document.number(&format!("/jobs/0/read/{kind}/N"));
                assert_eq!(n, if kind == absent { 0 } else { 100 }, "{line} {engine}: {kind}");
            }
        }
    }
}
