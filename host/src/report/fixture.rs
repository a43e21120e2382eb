//! Constructed results for the tests of the reports. Only built for tests. Called by the tests of
//! `text`, `json` and `entry`, so that both forms report the same runs. Nothing here is measured:
//! every figure is chosen so that a test can name it.

use crate::catalogue::*;
use crate::ddir::{Ddir, PerDir};
use crate::job::spec::*;
use crate::run::result::*;
use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};
use crate::stats::window::DirWindows;
use crate::units::{Bytes, Nanos};

/// A job of that name, engine and mode; 4 KiB blocks, depth 1.
pub(super) fn job(name: &str, engine: &str, rw: Rw) -> JobSpec {
    let block = BlockRange { min: Bytes(4096), max: Bytes(4096) };
    JobSpec {
        name: name.to_owned(),
        description: None,
        origin: Origin { file: "jobs.fio".to_owned(), line: 4 },
        given: vec![("rw".to_owned(), rw.name().to_owned()), ("thread".to_owned(), String::new())],
        engine: EngineSpec {
            asked: engine.to_owned(),
            name: engine.to_owned(),
            plugin: format!("/opt/engines/libiodyno_engine_{engine}.so").into(),
            sha256: digest(engine),
            pin: None,
            sealed: false,
            flags: 0,
            whole_files: false,
            no_io: false,
            ends_with_io: false,
            options: Vec::new(),
            plugin_id: format!("org.iodyno.{engine}"),
            secrets: Vec::new(),
            inner: Vec::new(),
            timeout: None,
        },
        load: LoadSpec {
            rw,
            bs: PerDir::all(block),
            size: Some(Amount::Bytes(Bytes(16 << 20))),
            rwmixread: 50,
            percentage_random: PerDir::all(100),
            randrepeat: true,
            randseed: 0x89,
            ..LoadSpec::default()
        },
        content: ContentSpec::default(),
        target: TargetSpec { nrfiles: 1, invalidate: true, ..TargetSpec::default() },
        depth: DepthSpec {
            iodepth: 1,
            batch_submit: 1,
            batch_complete_min: 1,
            batch_complete_max: 1,
            low: 1,
            offload: false,
        },
        time: TimeSpec { loops: 1, ..TimeSpec::default() },
        pace: PaceSpec::default(),
        process: ProcessSpec { numjobs: 1, thread: true, ..ProcessSpec::default() },
        verify: VerifySpec::default(),
        errors: ErrorsSpec::default(),
        report: ReportSpec {
            clat_percentiles: true,
            significant_figures: 4,
            percentile_list: vec![
                1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 99.0, 99.5,
                99.9, 99.95, 99.99,
            ],
            ..ReportSpec::default()
        },
    }
}

/// A worker of `job` that measured for 2.001 s.
pub(super) fn worker(job: JobSpec, clone: u32, group: u32) -> WorkerResult {
    WorkerResult {
        tid: 2357 + group * 10 + clone,
        job,
        clone,
        group,
        start_ms: 1_795_246_570_000,
        elapsed_ns: 2_010_000_000,
        error: 0,
        measure: PhaseSnapshot {
            begin_ns: 5_000_000_000,
            end_ns: 7_001_000_000,
            user_us: 400_200,
            system_us: 800_400,
            switches: 4309,
            major_faults: 1,
            minor_faults: 27,
            harness_ns: 15_250,
            harness_ios: 1000,
            involuntary: 9,
            ..PhaseSnapshot::default()
        },
        windows: Default::default(),
        steady: None,
        verify: None,
        identity: Vec::new(),
    }
}

/// Latencies from `low` in `count` equal steps to 4 times as much.
pub(super) fn latencies(low: u64, count: u64) -> HistogramSnapshot {
    let samples: Vec<u64> = (0..count).map(|i| low + i * 3 * low / count).collect();
    HistogramSnapshot::of(&samples)
}

/// Gives `worker` `count` requests of 4 KiB, completed at once after `low_ns` and more.
pub(super) fn completes(worker: &mut WorkerResult, ddir: Ddir, count: u64, low_ns: u64) {
    let carries_data = ddir != Ddir::Sync;
    worker.measure.dirs[ddir as usize] = DirSnapshot {
        ios: count,
        bytes: if carries_data { count * 4096 } else { 0 },
        clat_ns: latencies(low_ns, count),
        ..DirSnapshot::default()
    };
    worker.measure.depth_levels[0] += count;
    worker.measure.submit_levels[1] += count;
    worker.measure.complete_levels[1] += count;
    if carries_data {
        for part in [9, 11, 10] {
            worker.windows[ddir as usize].add(count * 4096 * part / 40, count * part / 40, 0.5);
        }
    }
}

/// Gives `worker` `count` requests of 4 KiB that were queued for 5 us and more before.
pub(super) fn queues(worker: &mut WorkerResult, ddir: Ddir, count: u64, low_ns: u64) {
    completes(worker, ddir, count, low_ns);
    let dir = &mut worker.measure.dirs[ddir as usize];
    dir.slat_ns = latencies(5000, count);
    dir.lat_ns = latencies(low_ns + 5000, count);
    worker.measure.depth_levels = [1, 2, 4, count - 7, 0, 0, 0];
}

fn digest(engine: &str) -> String {
    let byte = engine.bytes().fold(0u8, u8::wrapping_add);
    format!("{byte:02x}").repeat(32)
}

/// The plugin of an engine, one to a plugin.
pub(super) fn plugin(engine: &str) -> PluginInfo {
    PluginInfo {
        path: format!("/opt/engines/libiodyno_engine_{engine}.so").into(),
        sha256: digest(engine),
        build_id: Some("0badcafe".to_owned()),
        pinned: false,
        pinned_by: Vec::new(),
        trust: Trust::Trusted,
        id: format!("org.iodyno.{engine}"),
        vendor: "iodyno".to_owned(),
        version: "0.1.0".to_owned(),
        license: None,
        url: None,
        abi_major: 1,
        abi_minor: 0,
        need_minor: 0,
        layout_checked: true,
        engines: vec![EngineInfo {
            passed_on: 0,
            name: engine.to_owned(),
            help: String::new(),
            flags: 0,
            synchronous: false,
            diskless: false,
            whole_files: false,
            no_io: false,
            fake: false,
            stream: false,
            callbacks: Vec::new(),
            options: vec![EngineOption {
                name: "token".to_owned(),
                alias: Some("key".to_owned()),
                kind: EngineOptionKind::Str,
                default: None,
                help: String::new(),
                group: None,
                range: None,
                step: 0,
                choices: Vec::new(),
                required: false,
                secret: true,
                hidden: false,
                deprecated: false,
            }],
        }],
        warnings: Vec::new(),
    }
}

/// A clean run of these workers, with the plugins that they name.
pub(super) fn run(workers: Vec<WorkerResult>) -> RunResult {
    let mut plugins: Vec<PluginInfo> = Vec::new();
    for worker in &workers {
        let plugin = plugin(&worker.job.engine.name);
        if !plugins.contains(&plugin) {
            plugins.push(plugin);
        }
    }
    RunResult {
        version: "0.1.0".to_owned(),
        timestamp_ms: 1_795_246_572_665,
        global_given: vec![("size".to_owned(), "16m".to_owned())],
        fingerprint: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        workers,
        plugins,
        errors: Vec::new(),
        notes: Vec::new(),
        disks: Vec::new(),
        devices: Vec::new(),
        host: HostFacts {
            hostname: "lab7".to_owned(),
            kernel: "6.12.0".to_owned(),
            cpu: "Example CPU".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            utc_offset_s: 3600,
            clock: "tsc".to_owned(),
            loader_environment: vec![("LD_PRELOAD".to_owned(), "/x.so".to_owned())],
        },
        steal: Some(StealFacts { busy_ns: 3_900_000_000, steal_ns: 10_000_000, cpus: 2 }),
        null_runs: Vec::new(),
        exit_status: 0,
    }
}

/// A synchronous engine that reads and writes, syncs in between, on a disk.
pub(super) fn synchronous() -> RunResult {
    let mut job = job("a", "psync", Rw::RandRw);
    job.description = Some("mixed \"load\"\n".to_owned());
    job.given.push(("psync.token".to_owned(), "hunter2".to_owned()));
    let mut worker = worker(job, 0, 0);
    completes(&mut worker, Ddir::Read, 1990, 36_000);
    completes(&mut worker, Ddir::Write, 2102, 2_444);
    completes(&mut worker, Ddir::Sync, 63, 357_000);
    worker.identity = vec![("model".to_owned(), "Virtual \u{1f4be}".to_owned())];
    let mut result = run(vec![worker]);
    let own = DiskCounters {
        read_ios: 1990,
        write_ios: 2102,
        read_sectors: 15_920,
        write_sectors: 16_816,
        read_merges: 3,
        write_merges: 4,
        read_ticks: 96,
        write_ticks: 5,
        in_queue: 101,
        util: 30.77,
    };
    let mapped = DiskUtil { name: "dm-0".to_owned(), own, slaves: Some(own) };
    result.disks = vec![mapped, DiskUtil { name: "vda".to_owned(), own, slaves: None }];
    result.devices = devices();
    result
}

/// One that tells all, and one that tells nothing about itself.
fn devices() -> Vec<DiskFacts> {
    let text = |text: &str| Some(text.to_owned());
    let mapped = DiskFacts {
        name: "dm-0".to_owned(),
        files: 1,
        slaves: vec!["vda".to_owned()],
        dm_name: text("data"),
        ..DiskFacts::default()
    };
    let disk = DiskFacts {
        name: "vda".to_owned(),
        targets: vec!["/dev/vda".to_owned()],
        vendor: text("ACME"),
        model: text("Turbo"),
        serial: text("0007"),
        firmware: text("1.2"),
        wwid: text("naa.5000"),
        size_bytes: Some(64 << 30),
        logical_block_size: Some(512),
        physical_block_size: Some(4096),
        rotational: Some(false),
        zoned: text("host-managed"),
        zone_bytes: Some(256 << 20),
        discard_max_bytes: Some(1 << 30),
        discard_granularity: Some(4096),
        write_zeroes_max_bytes: Some(0),
        fua: Some(true),
        write_cache: text("write back"),
        scheduler: text("none"),
        io_poll: Some(true),
        ..DiskFacts::default()
    };
    vec![mapped, disk]
}

/// An asynchronous engine at depth 8.
pub(super) fn asynchronous() -> RunResult {
    let mut job = job("deep", "uring", Rw::RandRead);
    job.depth.iodepth = 8;
    let mut worker = worker(job, 0, 0);
    queues(&mut worker, Ddir::Read, 5000, 1_250_000);
    run(vec![worker])
}

/// A rate that the engine could not keep up with for a while.
pub(super) fn open_loop() -> RunResult {
    let mut result = asynchronous();
    let worker = &mut result.workers[0];
    worker.job.pace.rate_iops.read = Some(2500);
    let dir = &mut worker.measure.dirs[Ddir::Read as usize];
    dir.qlat_ns = latencies(10_000, 5000);
    dir.rlat_ns = latencies(1_300_000, 5000);
    worker.measure.backlog_sum = 12_500;
    worker.measure.backlog_looks = 5000;
    worker.measure.backlog_max = 812;
    result
}

/// A search for a depth that ended, and figures that became steady.
pub(super) fn searching() -> RunResult {
    let mut result = asynchronous();
    let worker = &mut result.workers[0];
    worker.job.pace.latency_target = Some(LatencyTarget {
        target: Nanos(2_000_000),
        window: Nanos(500_000_000),
        percentile: 99.0,
        run: false,
    });
    worker.measure.latency_depth = 6;
    worker.measure.latency_met = 1;
    worker.job.time.steadystate = Some(SteadyState {
        metric: SteadyMetric::Iops,
        slope: true,
        limit: 0.3,
        percent: true,
        duration: Nanos(3_000_000_000),
        ramp_time: Nanos(0),
        interval: Nanos::SECOND,
    });
    let iops = [4998.0, 5000.0, 5002.0];
    worker.steady = Some(SteadyOutcome {
        attained: true,
        criterion: 0.12,
        max_deviation: 2.0,
        slope: 2.0,
        bw: iops.map(|rate| rate * 4096.0).to_vec(),
        iops: iops.to_vec(),
        lat_ns: vec![1.6e6; 3],
    });
    result
}

/// Two groups: two clones of a reader, merged, then a fast job that trims and writes.
pub(super) fn groups() -> RunResult {
    let mut reader = job("reader", "psync", Rw::Read);
    reader.process.numjobs = 2;
    reader.process.group_reporting = true;
    let mut clones = [worker(reader.clone(), 0, 0), worker(reader, 1, 0)];
    completes(&mut clones[0], Ddir::Read, 3000, 20_000);
    completes(&mut clones[1], Ddir::Read, 1000, 80_000);
    clones[1].measure.end_ns += 4_000_000;
    let mut trimmer = job("trimmer", "null", Rw::TrimWrite);
    trimmer.load.bs.write = BlockRange { min: Bytes(4096), max: Bytes(65_536) };
    let mut trimmer = worker(trimmer, 0, 1);
    completes(&mut trimmer, Ddir::Write, 1_000, 120);
    completes(&mut trimmer, Ddir::Trim, 1_000, 40);
    let mut windows = DirWindows::default();
    windows.add(3 << 30, 786_432, 1.0);
    trimmer.windows[Ddir::Write as usize] = windows;
    let [first, second] = clones;
    run(vec![first, second, trimmer])
}

/// A disk that filled up, and an engine that crashed.
pub(super) fn failed() -> RunResult {
    let mut full = worker(job("full", "psync", Rw::Write), 0, 0);
    completes(&mut full, Ddir::Write, 100, 2_444);
    full.measure.dirs[Ddir::Write as usize].ios += 1;
    full.measure.dirs[Ddir::Write as usize].failed_ios = 1;
    full.error = 28;
    let mut crashed = worker(job("crashed", "null", Rw::Read), 0, 0);
    completes(&mut crashed, Ddir::Read, 100, 100);
    crashed.error = 5;
    let mut result = run(vec![full, crashed]);
    result.plugins[1].trust = Trust::Overridden("the file is world-writable".to_owned());
    result.plugins[1].pinned = true;
    result.plugins[1].pinned_by = vec!["engine_sha256".to_owned()];
    result.exit_status = 5;
    result.notes = vec!["job full: rwmixread is inherited and does nothing".to_owned()];
    result.errors = vec![
        RunError {
            kind: ErrorKind::Io,
            job: Some("full".to_owned()),
            errno: Some(28),
            message: "write at 409600 of full.0.0: no space left on device".to_owned(),
            engine: None,
        },
        RunError {
            kind: ErrorKind::Engine,
            job: Some("crashed".to_owned()),
            errno: Some(5),
            message: "engine null crashed\nits job ends here".to_owned(),
            engine: Some(Box::new(EngineFault {
                name: "null".to_owned(),
                id: "org.iodyno.null".to_owned(),
                version: "0.1.0".to_owned(),
                path: "/opt/engines/libiodyno_engine_null.so".to_owned(),
                sha256: digest("null"),
                callback: Some("queue".to_owned()),
                in_flight: 3,
                signal: Some("SIGSEGV".to_owned()),
                address: Some("libiodyno_engine_null.so+0x1189".to_owned()),
                data_address: Some("0x0".to_owned()),
            })),
        },
    ];
    result
}

/// No clock reads: counts alone.
pub(super) fn gtod_reduce() -> RunResult {
    let mut job = job("fast", "null", Rw::RandRead);
    job.report.gtod_reduce = true;
    let mut worker = worker(job, 0, 0);
    worker.measure.dirs[0] =
        DirSnapshot { ios: 65_536, bytes: 256 << 20, ..DirSnapshot::default() };
    worker.measure.harness_ns = 0;
    worker.measure.harness_ios = 0;
    run(vec![worker])
}

/// A job that never got to its first request.
pub(super) fn idle() -> RunResult {
    let mut worker = worker(job("idle", "psync", Rw::Read), 0, 0);
    worker.measure = PhaseSnapshot::default();
    worker.tid = 0;
    worker.start_ms = 0;
    worker.elapsed_ns = 0;
    let mut result = run(vec![worker]);
    result.global_given.clear();
    result
}
