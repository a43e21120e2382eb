//! What a report has one record of: a worker, or the merged workers of a group with
//! `group_reporting`; and the figures that are derived from it. Called by `json` and `text`.
//!
//! Merges counters and histogram buckets; prints nothing.

use crate::catalogue::{EngineInfo, PluginInfo};
use crate::ddir::Ddir;
use crate::run::result::{RunError, RunResult, WorkerResult};
use crate::stats::classes::LatencyClasses;
use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};
use crate::stats::window::DirWindows;
use std::collections::BTreeMap;

/// One record.
pub(super) struct Entry<'a> {
    /// The first of its workers: name, options and group are its.
    pub(super) first: &'a WorkerResult,
    /// Number of its workers.
    pub(super) workers: usize,
    /// errno of the first worker that has one.
    pub(super) error: i32,
    /// Longest life of a worker.
    pub(super) elapsed_ns: u64,
    /// Longest measure phase of a worker: what rates are computed over.
    pub(super) runtime_ns: u64,
    /// All measure phases together: what CPU time is a part of.
    pub(super) total_runtime_ns: u64,
    /// Merged counters; `lat_ns` is filled also where no request was queued.
    pub(super) phase: PhaseSnapshot,
    /// Merged windows.
    pub(super) windows: [DirWindows; 4],
}

/// The records, in the order of their first workers.
pub(super) fn entries(result: &RunResult) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for worker in &result.workers {
        let merges = worker.job.process.group_reporting;
        let open = entries.iter_mut().find(|entry| {
            merges && entry.first.job.process.group_reporting && entry.first.group == worker.group
        });
        match open {
            Some(entry) => entry.add(worker),
            None => {
                let mut entry = Entry {
                    first: worker,
                    workers: 0,
                    error: 0,
                    elapsed_ns: 0,
                    runtime_ns: 0,
                    total_runtime_ns: 0,
                    phase: PhaseSnapshot::default(),
                    windows: Default::default(),
                };
                entry.add(worker);
                entries.push(entry);
            }
        }
    }
    entries
}

impl Entry<'_> {
    fn add(&mut self, worker: &WorkerResult) {
        let mut phase = worker.measure.clone();
        for dir in &mut phase.dirs {
            // Without a queued request the total latency is the completion latency, and a worker
            // does not record it twice. Filled in before merging: a clone may have queued.
            if dir.lat_ns.count == 0 {
                dir.lat_ns = dir.clat_ns.clone();
            }
        }
        let runtime_ns = phase.runtime_ns();
        self.workers += 1;
        if self.error == 0 {
            self.error = worker.error;
        }
        self.elapsed_ns = self.elapsed_ns.max(worker.elapsed_ns);
        self.runtime_ns = self.runtime_ns.max(runtime_ns);
        self.total_runtime_ns = self.total_runtime_ns.saturating_add(runtime_ns);
        self.phase.merge(&phase);
        for (mine, theirs) in self.windows.iter_mut().zip(&worker.windows) {
            mine.merge_parallel(theirs);
        }
    }

    /// Counters of a direction.
    pub(super) fn dir(&self, ddir: Ddir) -> &DirSnapshot {
        self.phase.dir(ddir)
    }

    /// Windows of a direction.
    pub(super) fn windows(&self, ddir: Ddir) -> &DirWindows {
        &self.windows[ddir as usize]
    }

    /// Whether the direction was used with any success.
    pub(super) fn used(&self, ddir: Ddir) -> bool {
        self.dir(ddir).bytes > 0 || good_ios(self.dir(ddir)) > 0
    }

    /// Bytes a second.
    pub(super) fn bandwidth(&self, ddir: Ddir) -> f64 {
        per_second(self.dir(ddir).bytes, self.runtime_ns)
    }

    /// Requests that went well, a second.
    pub(super) fn iops(&self, ddir: Ddir) -> f64 {
        per_second(good_ios(self.dir(ddir)), self.runtime_ns)
    }

    /// CPU time of `microseconds` as percent of the run time.
    pub(super) fn cpu_percent(&self, microseconds: u64) -> f64 {
        if self.total_runtime_ns == 0 {
            return 0.0;
        }
        microseconds as f64 * 1000.0 * 100.0 / self.total_runtime_ns as f64
    }

    /// Completion latencies of all directions that carry data, by class.
    pub(super) fn classes(&self) -> LatencyClasses {
        let mut all = HistogramSnapshot::default();
        for ddir in Ddir::DATA {
            all.merge(&self.dir(ddir).clat_ns);
        }
        LatencyClasses::of(&all)
    }
}

fn good_ios(dir: &DirSnapshot) -> u64 {
    dir.ios.saturating_sub(dir.failed_ios)
}

fn per_second(amount: u64, ns: u64) -> f64 {
    if ns == 0 {
        return 0.0;
    }
    amount as f64 * 1e9 / ns as f64
}

/// Whole milliseconds, rounded; what took any time took one.
pub(super) fn milliseconds(ns: u64) -> u64 {
    (ns.saturating_add(500_000) / 1_000_000).max(u64::from(ns > 0))
}

/// Each count as percent of `total`; zeros where that is zero.
pub(super) fn percents<const N: usize>(counts: &[u64; N], total: u64) -> [f64; N] {
    counts.map(|count| if total == 0 { 0.0 } else { count as f64 * 100.0 / total as f64 })
}

/// All of them; a damaged page may say anything.
pub(super) fn total(counts: &[u64]) -> u64 {
    counts.iter().copied().fold(0, u64::saturating_add)
}

/// One direction of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct GroupDir {
    /// Bytes of all records.
    pub(super) bytes: u64,
    /// All bytes over the longest run time, bytes a second.
    pub(super) bandwidth: f64,
    /// Smallest bandwidth of a record that used the direction.
    pub(super) min_bandwidth: f64,
    /// Largest.
    pub(super) max_bandwidth: f64,
    /// Shortest run time of such a record.
    pub(super) min_runtime_ns: u64,
    /// Longest.
    pub(super) max_runtime_ns: u64,
}

/// Totals of each group by [`Ddir::DATA`], none where no record used the direction.
pub(super) fn groups(entries: &[Entry<'_>]) -> BTreeMap<u32, [Option<GroupDir>; 3]> {
    let mut groups: BTreeMap<u32, [Option<GroupDir>; 3]> = BTreeMap::new();
    for entry in entries {
        let group = groups.entry(entry.first.group).or_default();
        for ddir in Ddir::DATA.into_iter().filter(|&ddir| entry.used(ddir)) {
            let rate = entry.bandwidth(ddir);
            let fresh = GroupDir {
                min_bandwidth: rate,
                min_runtime_ns: entry.runtime_ns,
                ..GroupDir::default()
            };
            let dir = group[ddir as usize].get_or_insert(fresh);
            dir.bytes = dir.bytes.saturating_add(entry.dir(ddir).bytes);
            dir.min_bandwidth = dir.min_bandwidth.min(rate);
            dir.max_bandwidth = dir.max_bandwidth.max(rate);
            dir.min_runtime_ns = dir.min_runtime_ns.min(entry.runtime_ns);
            dir.max_runtime_ns = dir.max_runtime_ns.max(entry.runtime_ns);
            dir.bandwidth = per_second(dir.bytes, dir.max_runtime_ns);
        }
    }
    groups
}

/// A record's part of its group's bandwidth, percent: fio's `bw_agg` and `per=`.
pub(super) fn share(mean_kib: f64, group: Option<&GroupDir>) -> f64 {
    match group {
        Some(dir) if dir.bandwidth > 0.0 => (mean_kib * 1024.0 * 100.0 / dir.bandwidth).min(100.0),
        _ => 0.0,
    }
}

/// Mean time of the tester itself per request, over all sampled requests; none without samples.
pub(super) fn harness_ns_per_io(result: &RunResult) -> Option<f64> {
    let phases = || result.workers.iter().map(|worker| &worker.measure);
    let ios = phases().map(|phase| phase.harness_ios).fold(0, u64::saturating_add);
    let ns = phases().map(|phase| phase.harness_ns).fold(0, u64::saturating_add);
    (ios > 0).then(|| ns as f64 / ios as f64)
}

/// The first error that befell a record's job.
pub(super) fn error_of<'a>(result: &'a RunResult, entry: &Entry<'_>) -> Option<&'a RunError> {
    let of_job = |error: &&RunError| error.job.as_deref() == Some(entry.first.job.name.as_str());
    let errno = |error: &&RunError| error.errno == Some(entry.error);
    let mut all = result.errors.iter().filter(of_job);
    all.clone().find(errno).or_else(|| all.next())
}

/// The loaded engines: those that workers use, or all of a plugin that none uses.
pub(super) fn engines(result: &RunResult) -> Vec<(&PluginInfo, &EngineInfo)> {
    let mut found = Vec::new();
    for plugin in &result.plugins {
        let used = |engine: &&EngineInfo| {
            result.workers.iter().map(|worker| &worker.job.engine).any(|spec| {
                spec.name == engine.name
                    && (spec.plugin == plugin.path || spec.sha256 == plugin.sha256)
            })
        };
        let before = found.len();
        found.extend(plugin.engines.iter().filter(used).map(|engine| (plugin, engine)));
        if found.len() == before {
            found.extend(plugin.engines.iter().map(|engine| (plugin, engine)));
        }
    }
    found
}

/// What stands for a secret.
const REDACTED: &str = "(redacted)";

/// Options as typed, without the values of those that an engine declares secret.
pub(super) fn given<'a>(
    result: &'a RunResult,
    options: &'a [(String, String)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    options.iter().map(|(key, value)| {
        let value = if is_secret(result, key) { REDACTED } else { value };
        (key.as_str(), value)
    })
}

fn is_secret(result: &RunResult, key: &str) -> bool {
    result.plugins.iter().flat_map(|plugin| &plugin.engines).any(|engine| {
        let bare = key.strip_prefix(&engine.name).and_then(|rest| rest.strip_prefix('.'));
        let bare = bare.unwrap_or(key);
        engine.options.iter().any(|option| {
            option.secret && (option.name == bare || option.alias.as_deref() == Some(bare))
        })
    })
}
