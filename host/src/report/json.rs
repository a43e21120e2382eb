//! The report as JSON in fio's shape, and one object `iodyno` more at its end. Called by `cli`.
//!
//! Every key is there whatever was used, with fio's kinds: strict readers break on `1.0` for `1`.
//! Percentages are exact here (fio lifts small ones to 0.01), so that they sum to 100.

mod job;
mod verify;

use self::job::Job;
use super::entry::{self, Entry, GroupRows};
use super::{calendar, json_style::FioStyle, tester};
use crate::catalogue::Trust;
use crate::run::result::{DiskUtil, RunResult};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{json, Value};
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
        let job = |entry| Job { result: self.result, entry, group: group(entry) };
        serializer.collect_seq(self.entries.iter().map(job))
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
