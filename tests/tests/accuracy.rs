//! Whether the report's figures are true: an engine writes down what it did itself, request by
//! request, and the report is compared with that.
//!
//! The machine may be busy: a request of a millisecond that the scheduler interrupted lasts longer,
//! for the engine as for the report. What is compared with the millisecond itself is the least and
//! what stands for the most; everything else is compared with the engine's own record.

use iodyno_tests::document::Document;
use iodyno_tests::run::patiently;
use iodyno_tests::{plugins, process, require, Scene};
use rustix::process::Signal;

const MS: u64 = 1_000_000;

/// What the engine wrote down: requests, and the time of each, ascending.
struct Record {
    requests: u64,
    took_ns: Vec<u64>,
}

fn record(scene: &Scene) -> Record {
    let text = std::fs::read_to_string(scene.at("record")).expect("the engine wrote its record");
    let mut record = Record { requests: 0, took_ns: Vec::new() };
    for line in text.lines() {
        match line.strip_prefix("requests ") {
            Some(count) => record.requests += count.parse::<u64>().expect("a count"),
            None => record.took_ns.push(line.parse().expect("a time")),
        }
    }
    record.took_ns.sort_unstable();
    record
}

impl Record {
    /// The time at that place, of so many requests further up.
    fn at(&self, percent: f64, further: usize) -> u64 {
        let rank = (percent / 100.0 * self.took_ns.len() as f64).ceil().max(1.0) as usize;
        self.took_ns[(rank - 1 + further).min(self.took_ns.len() - 1)]
    }

    fn mean(&self) -> f64 {
        self.took_ns.iter().map(|&ns| ns as f64).sum::<f64>() / self.took_ns.len() as f64
    }
}

/// A job of the engine that writes its record.
fn job(scene: &Scene, lines: &str) -> String {
    let (engine, record) = (plugins::built("oracle"), scene.at("record"));
    let mut job = format!("[a]\nioengine={engine}\nrecord={record}\nbs=4k\nnorandommap\n{lines}\n");
    for (key, usual) in [("rw=", "rw=randread\n"), ("size=", "size=1g\n")] {
        if !lines.lines().any(|line| line.starts_with(key)) {
            job += usual;
        }
    }
    job
}

fn value(document: &Document, latency: &str, which: &str) -> f64 {
    document.float(&format!("/jobs/0/read/{latency}/{which}"))
}

#[test]
fn an_engine_that_takes_a_millisecond_has_a_clat_of_one() {
    require!(c_compiler);
    for lines in ["later=0", "later=1", "later=1\niodepth=32\niodepth_batch=32"] {
        patiently(|| {
            let scene = Scene::new();
            let job = job(&scene, &format!("takes_ns={MS}\nnumber_ios=400\n{lines}"));
            let document = scene.run_json(&job).clean();
            let record = record(&scene);
            assert_eq!(document.ios(0, "read"), 400, "{lines}");
            assert_eq!(record.took_ns.len(), 400, "{lines}");
            // One that nobody interrupted lasted a millisecond, for both.
            let (least, own) = (value(&document, "clat_ns", "min"), record.took_ns[0] as f64);
            assert!((own - 1e6).abs() <= 1e4 && (least - 1e6).abs() <= 1e4, "{least} {own}");
            for place in [1.0, 20.0, 50.0, 70.0] {
                let found = value(&document, "clat_ns", &format!("percentile/{place:.6}"));
                let (low, high) = (record.at(place, 0) as f64, record.at(place, 40) as f64);
                // A hundredth for what is outside the engine, a 128th for the bucket.
                assert!(
                    found >= low * (1.0 - 1.0 / 128.0) && found <= high * (1.01 + 1.0 / 128.0),
                    "{lines}: {place} %: {found}, by the engine {low} to {high}"
                );
            }
            let (mean, own) = (value(&document, "clat_ns", "mean"), record.mean());
            assert!(mean >= own * 0.999 && mean <= own * 1.05, "{lines}: {mean} {own}");
        });
    }
}

#[test]
fn percentiles_are_the_engines_own() {
    require!(c_compiler);
    patiently(|| {
        let scene = Scene::new();
        let places = "percentile_list=1:5:25:50:75:90:95";
        let lines = format!("takes_ns=20000\nspread=64\nnumber_ios=2500\nnumjobs=2\n{places}");
        let document = scene.run_json(&(job(&scene, &lines) + "group_reporting\n")).clean();
        let record = record(&scene);
        assert_eq!((document.ios(0, "read"), record.took_ns.len()), (5000, 5000));
        for place in [1.0, 5.0, 25.0, 50.0, 75.0, 90.0, 95.0] {
            let found = value(&document, "clat_ns", &format!("percentile/{place:.6}"));
            // The report's time surrounds the engine's, so it is never below; it is above by the
            // way there and back, and where the scheduler came just then: some of all requests.
            let (low, high) = (record.at(place, 0) as f64, record.at(place, 25) as f64 + 2000.0);
            assert!(found >= low * (1.0 - 1.0 / 128.0), "{place} %: {found}, engine {low}");
            assert!(found <= high * (1.0 + 1.0 / 128.0), "{place} %: {found}, engine {high}");
        }
    });
}

#[test]
fn every_request_is_counted_once() {
    require!(c_compiler);
    let cases = [
        "number_ios=1",
        "number_ios=10000",
        "number_ios=9999\nlater=1\niodepth=7\niodepth_batch=3\niodepth_batch_complete_max=5",
        "number_ios=3000\nlater=1\niodepth=32\niodepth_batch=32\nnumjobs=3",
        "number_ios=1000\nlater=1\niodepth=4096\nrw=randrw",
        "size=40m\nnumjobs=4\nrw=randrw\nio_size=40m",
        "size=40m\nlater=1\niodepth=16\nio_size=41m\niodepth_batch_complete_min=0",
        "runtime=300ms\ntime_based\nlater=1\niodepth=32",
        "runtime=300ms\ntime_based\ngtod_reduce=1\nnumjobs=2",
        "number_ios=2000\nrate_iops=20000\nlater=1\niodepth=4",
    ];
    for lines in cases {
        let scene = Scene::new();
        let document = scene.run_json(&job(&scene, lines)).clean();
        let record = record(&scene);
        assert!(record.requests > 0, "{lines}");
        assert_eq!(document.all_ios(), record.requests, "{lines}");
        assert_eq!(
            (0..document.jobs())
                .map(|job| document.bytes(job, "read") + document.bytes(job, "write"))
                .sum::<u64>(),
            record.requests * 4096,
            "{lines}"
        );
    }
}

#[test]
fn a_run_that_is_interrupted_has_counted_every_request() {
    require!(c_compiler);
    for lines in ["later=0", "later=1\niodepth=32\niodepth_batch=8", "gtod_reduce=1\nnumjobs=2"] {
        let scene = Scene::new();
        let job = job(&scene, &format!("runtime=100s\ntime_based\n{lines}"));
        let run = scene.json(&job).start();
        let cell = run.wait_for_cells(1)[0].pid;
        process::wait_until_it_computed(cell, 200);
        process::signal(run.pid(), Signal::INT);
        let document = run.wait().expect(128).document();
        let record = record(&scene);
        assert!(record.requests > 1000, "{lines}: {}", record.requests);
        assert_eq!(document.all_ios(), record.requests, "{lines}");
    }
}

#[test]
fn a_ramp_is_not_counted_and_what_follows_is() {
    require!(c_compiler);
    let scene = Scene::new();
    // The ramp alone would take more requests than are measured, so both are there.
    let lines = "takes_ns=100000\nramp_time=300ms\nruntime=300ms\ntime_based\nlater=1\niodepth=4";
    let document = scene.run_json(&job(&scene, lines)).clean();
    let (measured, all) = (document.ios(0, "read"), record(&scene).requests);
    assert!(measured > 0 && measured < all, "{measured} of {all}");
    assert_eq!(document.number("/jobs/0/read/clat_ns/N"), measured);
    assert_eq!(document.bytes(0, "read"), measured * 4096);
}

#[test]
fn submission_and_completion_add_up_to_the_total() {
    require!(c_compiler);
    for lines in [
        "later=1",
        "later=1\niodepth=32",
        "later=1\niodepth=32\niodepth_batch=32\niodepth_batch_complete_max=32",
        "later=1\niodepth=32\niodepth_batch=8\ntakes_ns=3000\nspread=16",
    ] {
        let scene = Scene::new();
        let document = scene.run_json(&job(&scene, &format!("number_ios=20000\n{lines}"))).clean();
        let count = |key: &str| value(&document, key, "N");
        assert_eq!([count("slat_ns"), count("clat_ns"), count("lat_ns")], [20_000.0; 3]);
        let mean = |key: &str| value(&document, key, "mean");
        let (parts, whole) = (mean("slat_ns") + mean("clat_ns"), mean("lat_ns"));
        // The sums are whole numbers; a printed mean has six decimals.
        assert!((parts - whole).abs() <= 2e-6, "{lines}: {parts} {whole}");
        assert!(mean("slat_ns") > 0.0 && mean("clat_ns") > 0.0, "{lines}");
    }
    // What is answered at once has no submission of its own.
    let scene = Scene::new();
    let document = scene.run_json(&job(&scene, "number_ios=20000")).clean();
    assert_eq!(value(&document, "slat_ns", "N"), 0.0);
    let mean = |key: &str| value(&document, key, "mean");
    assert_eq!(mean("clat_ns"), mean("lat_ns"));
}
