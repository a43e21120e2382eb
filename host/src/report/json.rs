//! The report as JSON in fio's shape, and one object `iodyno` more at its end. Called by `cli`.
//!
//! Every key is there whatever was used, with fio's kinds: strict readers break on `1.0` for `1`.
//! Percentages are exact here (fio lifts small ones to 0.01), so that they sum to 100.

mod verify;

use super::entry::{self, Entry, GroupDir, GroupRows, Row};
use super::{calendar, json_style::FioStyle, tester};
use crate::catalogue::Trust;
use crate::ddir::Ddir;
use crate::run::result::{DiskUtil, RunResult};
use crate::stats::classes::{self, LatencyClasses};
use crate::stats::snapshot::HistogramSnapshot;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

/// The shape that is spoken; iodyno's own version stands in the object `iodyno`.
const FIO_VERSION: &str = "fio-3.42";

/// The whole document, newline at its end.
pub fn json(result: &RunResult) -> String {
    let entries = entry::entries(result);
    let groups = entry::groups(&entries);
    print(&Document { result, jobs: Jobs { result, entries, groups } })
}

/// The whole document. Printed job by job: the objects of thousands of jobs at once would take many
/// times the memory, and twice the time, of their text.
struct Document<'a> {
    result: &'a RunResult,
    jobs: Jobs<'a>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let result = self.result;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fio version", FIO_VERSION)?;
        map.serialize_entry("timestamp", &(result.timestamp_ms / 1000))?;
        map.serialize_entry("timestamp_ms", &result.timestamp_ms)?;
        let time = calendar::ctime(result.timestamp_ms, result.host.utc_offset_s);
        map.serialize_entry("time", &time)?;
        map.serialize_entry("global options", &options(result, &result.global_given))?;
        map.serialize_entry("jobs", &self.jobs)?;
        let disks: Vec<Value> = result.disks.iter().map(disk).collect();
        map.serialize_entry("disk_util", &disks)?;
        map.serialize_entry("iodyno", &iodyno(result))?;
        map.end()
    }
}

struct Jobs<'a> {
    result: &'a RunResult,
    entries: Vec<Entry<'a>>,
    groups: BTreeMap<u32, GroupRows>,
}

impl Serialize for Jobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let group = |entry: &Entry<'_>| self.groups.get(&entry.first.group).unwrap_or(&[None; 4]);
        serializer
            .collect_seq(self.entries.iter().map(|entry| job(self.result, entry, group(entry))))
    }
}

fn print(document: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, FioStyle::new());
    // Neither a vector nor objects whose keys are strings can fail.
    document.serialize(&mut serializer).expect("a value prints into a vector");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn options(result: &RunResult, given: &[(String, String)]) -> Value {
    entry::given(result, given).map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn job(result: &RunResult, entry: &Entry<'_>, group: &GroupRows) -> Value {
    let spec = &entry.first.job;
    let mut object = Map::new();
    let mut add = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    add("jobname", json!(spec.name));
    add("groupid", json!(entry.first.group));
    add("job_start", json!(entry.first.start_ms));
    add("error", json!(entry.error));
    add("eta", json!(0));
    // fio counts begun seconds.
    add("elapsed", json!(entry.elapsed_ns / 1_000_000_000 + 1));
    add("job options", options(result, &spec.given));
    for &row in entry.rows() {
        add(row.name(), direction(entry, row, group[row.index()].as_ref()));
    }
    add("sync", sync(entry, &spec.report.percentile_list));
    add("job_runtime", json!(entry::milliseconds(entry.total_runtime_ns)));
    add("usr_cpu", json!(entry.cpu_percent(entry.phase.user_us)));
    add("sys_cpu", json!(entry.cpu_percent(entry.phase.system_us)));
    add("ctx", json!(entry.phase.switches));
    add("majf", json!(entry.phase.major_faults));
    add("minf", json!(entry.phase.minor_faults));
    let depths = ["1", "2", "4", "8", "16", "32", ">=64"];
    let batches = ["0", "4", "8", "16", "32", "64", ">=64"];
    add("iodepth_level", shares(&depths, &entry.phase.depth_levels));
    add("iodepth_submit", shares(&batches, &entry.phase.submit_levels));
    add("iodepth_complete", shares(&batches, &entry.phase.complete_levels));
    for (key, value) in latency_classes(&entry.classes()) {
        add(key, value);
    }
    if let Some((total, first)) = entry.survived() {
        add("total_err", json!(total));
        add("first_error", json!(first));
    }
    let target = spec.pace.latency_target;
    let target_ns = target.map_or(0, |wanted| wanted.target.0);
    let window_us = target.map_or(0, |wanted| wanted.window.0 / 1000);
    add("latency_depth", json!(entry.latency_depth()));
    add("latency_target", json!(target_ns));
    add("latency_target_ns", json!(target_ns));
    add("latency_percentile", json!(target.map_or(100.0, |wanted| wanted.percentile)));
    add("latency_window", json!(window_us));
    add("latency_window_us", json!(window_us));
    if let Some(steady) = steady(entry) {
        add("steadystate", steady);
    }
    if let Some(description) = &spec.description {
        add("desc", json!(description));
    }
    if let Some(found) = &entry.verify {
        add("verify", verify::object(entry, found));
    }
    add("iodyno", job_extras(entry));
    Value::Object(object)
}

fn direction(entry: &Entry<'_>, row: Row, group: Option<&GroupDir>) -> Value {
    let (dir, windows) = (entry.row(row), entry.windows(row));
    let (bandwidth, used) = (entry.bandwidth(row), entry.used(row));
    let report = &entry.first.job.report;
    let list = |wanted: bool| if wanted { &report.percentile_list[..] } else { &[] };
    json!({
        "io_bytes": dir.bytes,
        "io_kbytes": dir.bytes >> 10,
        "bw_bytes": bandwidth as u64,
        "bw": (bandwidth / 1024.0) as u64,
        "iops": entry.iops(row),
        "runtime": if used { entry::milliseconds(entry.span_ns(row)) } else { 0 },
        "total_ios": dir.ios,
        "short_ios": dir.short_ios,
        "drop_ios": 0,
        "slat_ns": latency(&dir.slat_ns, list(report.slat_percentiles)),
        "clat_ns": latency(&dir.clat_ns, list(report.clat_percentiles)),
        "lat_ns": latency(&dir.lat_ns, list(report.lat_percentiles)),
        "qlat_ns": latency(&dir.qlat_ns, list(true)),
        "rlat_ns": latency(&dir.rlat_ns, list(true)),
        "bw_min": windows.bw_kib.min as u64,
        "bw_max": windows.bw_kib.max as u64,
        "bw_agg": entry::share(windows.bw_kib.mean, group),
        "bw_mean": windows.bw_kib.mean,
        "bw_dev": windows.bw_kib.stddev(),
        "bw_samples": windows.bw_kib.count,
        "iops_min": windows.iops.min as u64,
        "iops_max": windows.iops.max as u64,
        "iops_mean": windows.iops.mean,
        "iops_stddev": windows.iops.stddev(),
        "iops_samples": windows.iops.count,
    })
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

fn sync(entry: &Entry<'_>, list: &[f64]) -> Value {
    let dir = entry.dir(Ddir::Sync);
    json!({ "total_ios": dir.ios, "lat_ns": latency(&dir.lat_ns, list) })
}

/// One latency; percentiles at the places in `list`, the key left out where there is no sample.
fn latency(histogram: &HistogramSnapshot, list: &[f64]) -> Value {
    let mut object = json!({
        "min": histogram.min,
        "max": histogram.max,
        "mean": histogram.mean(),
        "stddev": histogram.stddev(),
        "N": histogram.count,
    });
    let percentiles: Map<String, Value> = list
        .iter()
        .filter_map(|&at| histogram.percentile(at).map(|value| (format!("{at:.6}"), json!(value))))
        .collect();
    if !percentiles.is_empty() {
        object["percentile"] = Value::Object(percentiles);
    }
    object
}

fn shares<const N: usize>(names: &[&str; N], counts: &[u64; N]) -> Value {
    named(names, entry::percents(counts, entry::total(counts)))
}

fn named<const N: usize>(names: &[&str; N], values: [f64; N]) -> Value {
    names.iter().zip(values).map(|(&name, value)| (name.to_owned(), json!(value))).collect()
}

fn latency_classes(counts: &LatencyClasses) -> [(&'static str, Value); 3] {
    let total = counts.total();
    [
        ("latency_ns", named(&classes::NAMES, entry::percents(&counts.ns, total))),
        ("latency_us", named(&classes::NAMES, entry::percents(&counts.us, total))),
        ("latency_ms", named(&classes::NAMES_MS, entry::percents(&counts.ms, total))),
    ]
}

fn job_extras(entry: &Entry<'_>) -> Value {
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

fn disk(disk: &DiskUtil) -> Value {
    let own = &disk.own;
    let mut object = json!({
        "name": disk.name,
        "read_ios": own.read_ios,
        "write_ios": own.write_ios,
        "read_sectors": own.read_sectors,
        "write_sectors": own.write_sectors,
        "read_merges": own.read_merges,
        "write_merges": own.write_merges,
        "read_ticks": own.read_ticks,
        "write_ticks": own.write_ticks,
        "in_queue": own.in_queue,
        "util": own.util,
    });
    if let Some(slaves) = &disk.slaves {
        object["aggr_read_ios"] = json!(slaves.read_ios);
        object["aggr_write_ios"] = json!(slaves.write_ios);
        object["aggr_read_sectors"] = json!(slaves.read_sectors);
        object["aggr_write_sectors"] = json!(slaves.write_sectors);
        object["aggr_read_merges"] = json!(slaves.read_merges);
        // Without its s in fio as well.
        object["aggr_write_merge"] = json!(slaves.write_merges);
        object["aggr_read_ticks"] = json!(slaves.read_ticks);
        object["aggr_write_ticks"] = json!(slaves.write_ticks);
        object["aggr_in_queue"] = json!(slaves.in_queue);
        object["aggr_util"] = json!(slaves.util);
    }
    object
}

fn iodyno(result: &RunResult) -> Value {
    let mut host = json!(result.host);
    let environment = result.host.loader_environment.iter();
    host["loader_environment"] =
        environment.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let mut object = json!({
        "version": result.version,
        "exit_status": result.exit_status,
        "errors": result.errors,
        "notes": result.notes,
        "fingerprint": result.fingerprint,
        "engines": engines(result),
        "devices": result.devices,
        "host": host,
        "harness_ns_per_io": entry::harness_ns_per_io(result),
        "steal": tester::steal(result),
    });
    if !result.null_runs.is_empty() {
        object["null_runs"] = tester::null_runs(result);
    }
    object
}

fn engines(result: &RunResult) -> Vec<Value> {
    let one = |(plugin, engine): (&crate::catalogue::PluginInfo, &crate::catalogue::EngineInfo)| {
        let mut object = json!({
            "name": engine.name,
            "id": plugin.id,
            "version": plugin.version,
            "abi": format!("{}.{}", plugin.abi_major, plugin.abi_minor),
            "path": plugin.path.to_string_lossy(),
            "sha256": plugin.sha256,
            "build_id": plugin.build_id,
            "trust": "trusted",
            "pinned": plugin.pinned,
            "pinned_by": plugin.pinned_by,
        });
        if let Trust::Overridden(rule) = &plugin.trust {
            object["trust"] = json!("overridden");
            object["trust_rule"] = json!(rule);
        }
        object
    };
    entry::engines(result).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests;
