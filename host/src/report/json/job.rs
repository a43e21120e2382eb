//! One job's object, written piece by piece: with hundreds of workers, objects in between would
//! take more time than the run itself.
//!
//! Called by the rest of [`super`] for each job. Keys, their order and their kinds are fio's.

use super::{options, verify};
use crate::ddir::Ddir;
use crate::report::entry::{self, Entry, GroupDir, GroupRows, Row};
use crate::report::tester;
use crate::run::result::RunResult;
use crate::stats::classes;
use crate::stats::snapshot::HistogramSnapshot;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{json, Value};

/// A job, ready to be written.
pub(super) struct Job<'a> {
    pub(super) result: &'a RunResult,
    pub(super) entry: &'a Entry<'a>,
    pub(super) group: &'a GroupRows,
}

impl Serialize for Job<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.head(&mut map)?;
        self.figures(&mut map)?;
        self.latency_target(&mut map)?;
        self.rest(&mut map)?;
        map.end()
    }
}

impl Job<'_> {
    fn head<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let (entry, spec) = (self.entry, &self.entry.first.job);
        map.serialize_entry("jobname", &spec.name)?;
        map.serialize_entry("groupid", &entry.first.group)?;
        map.serialize_entry("job_start", &entry.first.start_ms)?;
        map.serialize_entry("error", &entry.error)?;
        map.serialize_entry("eta", &0)?;
        // fio counts begun seconds.
        map.serialize_entry("elapsed", &(entry.elapsed_ns / 1_000_000_000 + 1))?;
        map.serialize_entry("job options", &options(self.result, &spec.given))
    }

    fn figures<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let entry = self.entry;
        for &row in entry.rows() {
            let direction = Direction::of(entry, row, self.group[row.index()].as_ref());
            map.serialize_entry(row.name(), &direction)?;
        }
        map.serialize_entry("sync", &Sync::of(entry))?;
        map.serialize_entry("job_runtime", &entry::milliseconds(entry.total_runtime_ns))?;
        map.serialize_entry("usr_cpu", &entry.cpu_percent(entry.phase.user_us))?;
        map.serialize_entry("sys_cpu", &entry.cpu_percent(entry.phase.system_us))?;
        map.serialize_entry("ctx", &entry.phase.switches)?;
        map.serialize_entry("majf", &entry.phase.major_faults)?;
        map.serialize_entry("minf", &entry.phase.minor_faults)?;
        let depths = ["1", "2", "4", "8", "16", "32", ">=64"];
        let batches = ["0", "4", "8", "16", "32", "64", ">=64"];
        map.serialize_entry("iodepth_level", &shares(&depths, &entry.phase.depth_levels))?;
        map.serialize_entry("iodepth_submit", &shares(&batches, &entry.phase.submit_levels))?;
        map.serialize_entry("iodepth_complete", &shares(&batches, &entry.phase.complete_levels))?;
        let counts = entry.classes();
        let total = counts.total();
        map.serialize_entry("latency_ns", &parts(&classes::NAMES, &counts.ns, total))?;
        map.serialize_entry("latency_us", &parts(&classes::NAMES, &counts.us, total))?;
        map.serialize_entry("latency_ms", &parts(&classes::NAMES_MS, &counts.ms, total))
    }

    fn latency_target<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let entry = self.entry;
        if let Some((total, first)) = entry.survived() {
            map.serialize_entry("total_err", &total)?;
            map.serialize_entry("first_error", &first)?;
        }
        let target = entry.first.job.pace.latency_target;
        let target_ns = target.map_or(0, |wanted| wanted.target.0);
        let window_us = target.map_or(0, |wanted| wanted.window.0 / 1000);
        let percentile = target.map_or(100.0, |wanted| wanted.percentile);
        map.serialize_entry("latency_depth", &entry.latency_depth())?;
        map.serialize_entry("latency_target", &target_ns)?;
        map.serialize_entry("latency_target_ns", &target_ns)?;
        map.serialize_entry("latency_percentile", &percentile)?;
        map.serialize_entry("latency_window", &window_us)?;
        map.serialize_entry("latency_window_us", &window_us)
    }

    fn rest<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let entry = self.entry;
        if let Some(steady) = steady(entry) {
            map.serialize_entry("steadystate", &steady)?;
        }
        if let Some(description) = &entry.first.job.description {
            map.serialize_entry("desc", description)?;
        }
        if let Some(found) = &entry.verify {
            map.serialize_entry("verify", &verify::object(entry, found))?;
        }
        map.serialize_entry("iodyno", &extras(entry))
    }
}

#[derive(Serialize)]
struct Direction<'a> {
    io_bytes: u64,
    io_kbytes: u64,
    bw_bytes: u64,
    bw: u64,
    iops: f64,
    runtime: u64,
    total_ios: u64,
    short_ios: u64,
    drop_ios: u64,
    slat_ns: Latency<'a>,
    clat_ns: Latency<'a>,
    lat_ns: Latency<'a>,
    qlat_ns: Latency<'a>,
    rlat_ns: Latency<'a>,
    bw_min: u64,
    bw_max: u64,
    bw_agg: f64,
    bw_mean: f64,
    bw_dev: f64,
    bw_samples: u64,
    iops_min: u64,
    iops_max: u64,
    iops_mean: f64,
    iops_stddev: f64,
    iops_samples: u64,
}

impl<'a> Direction<'a> {
    fn of(entry: &'a Entry<'_>, row: Row, group: Option<&GroupDir>) -> Direction<'a> {
        let (dir, windows) = (entry.row(row), entry.windows(row));
        let (bandwidth, used) = (entry.bandwidth(row), entry.used(row));
        let report = &entry.first.job.report;
        let list = |wanted: bool| if wanted { &report.percentile_list[..] } else { &[] };
        Direction {
            io_bytes: dir.bytes,
            io_kbytes: dir.bytes >> 10,
            bw_bytes: bandwidth as u64,
            bw: (bandwidth / 1024.0) as u64,
            iops: entry.iops(row),
            runtime: if used { entry::milliseconds(entry.span_ns(row)) } else { 0 },
            total_ios: dir.ios,
            short_ios: dir.short_ios,
            drop_ios: 0,
            slat_ns: latency(&dir.slat_ns, list(report.slat_percentiles)),
            clat_ns: latency(&dir.clat_ns, list(report.clat_percentiles)),
            lat_ns: latency(&dir.lat_ns, list(report.lat_percentiles)),
            qlat_ns: latency(&dir.qlat_ns, list(true)),
            rlat_ns: latency(&dir.rlat_ns, list(true)),
            bw_min: windows.bw_kib.min as u64,
            bw_max: windows.bw_kib.max as u64,
            bw_agg: entry::share(windows.bw_kib.mean, group),
            bw_mean: windows.bw_kib.mean,
            bw_dev: windows.bw_kib.stddev(),
            bw_samples: windows.bw_kib.count,
            iops_min: windows.iops.min as u64,
            iops_max: windows.iops.max as u64,
            iops_mean: windows.iops.mean,
            iops_stddev: windows.iops.stddev(),
            iops_samples: windows.iops.count,
        }
    }
}

#[derive(Serialize)]
struct Sync<'a> {
    total_ios: u64,
    lat_ns: Latency<'a>,
}

impl<'a> Sync<'a> {
    fn of(entry: &'a Entry<'_>) -> Sync<'a> {
        let dir = entry.dir(Ddir::Sync);
        let list = &entry.first.job.report.percentile_list;
        Sync { total_ios: dir.ios, lat_ns: latency(&dir.lat_ns, list) }
    }
}

/// One latency; the key of percentiles is left out where there is no sample.
#[derive(Serialize)]
struct Latency<'a> {
    min: u64,
    max: u64,
    mean: f64,
    stddev: f64,
    #[serde(rename = "N")]
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    percentile: Option<Percentiles<'a>>,
}

/// Percentiles at the places in `list`.
fn latency<'a>(histogram: &'a HistogramSnapshot, list: &'a [f64]) -> Latency<'a> {
    let has_any = histogram.count > 0 && !list.is_empty();
    Latency {
        min: histogram.min,
        max: histogram.max,
        mean: histogram.mean(),
        stddev: histogram.stddev(),
        count: histogram.count,
        percentile: has_any.then_some(Percentiles { histogram, list }),
    }
}

struct Percentiles<'a> {
    histogram: &'a HistogramSnapshot,
    list: &'a [f64],
}

impl Serialize for Percentiles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = |&at: &f64| Some((format!("{at:.6}"), self.histogram.percentile(at)?));
        serializer.collect_map(self.list.iter().filter_map(at))
    }
}

/// Percentages by name.
struct Parts<'a, const N: usize> {
    names: &'a [&'a str; N],
    values: [f64; N],
}

impl<const N: usize> Serialize for Parts<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(&self.values))
    }
}

fn parts<'a, const N: usize>(
    names: &'a [&'a str; N],
    counts: &[u64; N],
    total: u64,
) -> Parts<'a, N> {
    Parts { names, values: entry::percents(counts, total) }
}

fn shares<'a, const N: usize>(names: &'a [&'a str; N], counts: &[u64; N]) -> Parts<'a, N> {
    parts(names, counts, entry::total(counts))
}

/// The block of a job with `steadystate`, in fio's shape.
fn steady(entry: &Entry<'_>) -> Option<Value> {
    let wanted = entry.first.job.time.steadystate?;
    let found = entry.first.steady.as_ref()?;
    let sign = if wanted.percent { "%" } else { "" };
    let whole = |values: &[f64]| values.iter().map(|&value| value as u64).collect::<Vec<_>>();
    Some(json!({
        "ss": format!("{}:{:.6}{sign}", wanted.name(), wanted.limit),
        "duration": wanted.duration.0 / 1_000_000_000,
        "ramp_time": wanted.ramp_time.0 / 1_000_000_000,
        "attained": u8::from(found.attained),
        "criterion": format!("{:.6}{sign}", found.criterion),
        "max_deviation": found.max_deviation,
        "slope": found.slope,
        "data": {
            "bw_mean": mean(&found.bw) as u64,
            "iops_mean": mean(&found.iops) as u64,
            "lat_mean": mean(&found.lat_ns),
            "iops": whole(&found.iops),
            "bw": whole(&found.bw),
            "lat": found.lat_ns,
        },
    }))
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.iter().sum::<f64>() / values.len() as f64
}

fn extras(entry: &Entry<'_>) -> Value {
    let failed = entry::total(&entry.phase.dirs.each_ref().map(|dir| dir.failed_ios));
    let ignored = entry::total(&entry.phase.dirs.each_ref().map(|dir| dir.ignored_ios));
    let mut extras = json!({
        "engine": entry.first.job.engine.name,
        "workers": entry.workers,
        "failed_ios": failed,
    });
    let below = entry.first.job.engine.all().into_iter().skip(1);
    let below: Vec<&str> = below.map(|engine| engine.name.as_str()).collect();
    if !below.is_empty() {
        extras["engine_over"] = json!(below);
    }
    if ignored > 0 {
        extras["ignored_ios"] = json!(ignored);
    }
    if let Some(mean) = entry.mean_backlog() {
        extras["backlog"] = json!({ "max": entry.phase.backlog_max, "mean": mean });
    }
    if entry.first.job.pace.latency_target.is_some() {
        extras["latency_met"] = json!(entry.phase.latency_met > 0);
    }
    if entry.first.job.load.zbd.is_some() {
        let (resets, open_max) = (entry.phase.zone_resets, entry.phase.zones_open_max);
        extras["zones"] = json!({ "resets": resets, "open_max": open_max });
    }
    if !entry.first.identity.is_empty() {
        let facts = entry.first.identity.iter();
        extras["identity"] =
            facts.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    }
    if let Value::Object(extras) = &mut extras {
        tester::add_job(extras, entry);
    }
    extras
}
