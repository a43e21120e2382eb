//! What a report has one record of: a worker, or the merged workers of a group with
//! `group_reporting`; and the figures that are derived from it. Called by `json` and `text`.
//!
//! Merges counters and histogram buckets; prints nothing.

use crate::catalogue::{EngineInfo, PluginInfo};
use crate::ddir::Ddir;
use crate::job::spec::UnifiedRw;
use crate::run::result::{RunError, RunResult, VerifyResult, WorkerResult};
use crate::stats::classes::LatencyClasses;
use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};
use crate::stats::tester::Tester;
use crate::stats::window::DirWindows;
use std::collections::BTreeMap;

/// What a record has one block of figures of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// One direction that carries data.
    Dir(Ddir),
    /// All of them as one: `unified_rw_reporting`.
    Mixed,
}

impl Row {
    /// In the order of the reports.
    pub(super) const ALL: [Row; 4] =
        [Row::Dir(Ddir::Read), Row::Dir(Ddir::Write), Row::Dir(Ddir::Trim), Row::Mixed];

    /// fio's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Row::Dir(ddir) => ddir.name(),
            Row::Mixed => "mixed",
        }
    }

    /// Its place in [`Row::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Row::Dir(ddir) => ddir as usize,
            Row::Mixed => 3,
        }
    }
}

/// Totals of one group, by row; none where no record used it.
pub(super) type GroupRows = [Option<GroupDir>; 4];

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
    /// Longest phase that read back, where no other reads are reported: what the rate of reads is
    /// computed over; 0 = none.
    read_back_ns: u64,
    /// What came of verification, all workers together.
    pub(super) verify: Option<VerifyResult>,
    /// Merged counters; `lat_ns` is filled also where no request was queued.
    pub(super) phase: PhaseSnapshot,
    /// What the tester itself took.
    pub(super) tester: Tester,
    /// Merged windows.
    pub(super) windows: [DirWindows; 4],
    /// All directions as one, where they are to be reported like that.
    mixed: (DirSnapshot, DirWindows),
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
                    read_back_ns: 0,
                    verify: None,
                    phase: PhaseSnapshot::default(),
                    tester: Tester::default(),
                    windows: Default::default(),
                    mixed: Default::default(),
                };
                entry.add(worker);
                entries.push(entry);
            }
        }
    }
    entries.iter_mut().for_each(Entry::mix);
    entries
}

impl Entry<'_> {
    fn add(&mut self, worker: &WorkerResult) {
        let mut phase = worker.measure.clone();
        for dir in &mut phase.dirs {
            // Without a queued request the total latency is the completion latency, and a worker
            // does not record it twice. Filled in before merging: a clone may have queued.
            if worker.job.report.disable_lat {
                dir.lat_ns = HistogramSnapshot::default();
            } else if dir.lat_ns.count == 0 {
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
        if !worker.job.load.rw.reads() {
            self.read_back_ns = self.read_back_ns.max(phase.read_back_ns);
        }
        if let Some(verify) = &worker.verify {
            match &mut self.verify {
                Some(all) => all.merge(verify),
                none => *none = Some(verify.clone()),
            }
        }
        self.tester.add(&phase);
        self.phase.merge(&phase);
        if worker.job.report.disable_bw {
            return;
        }
        for (mine, theirs) in self.windows.iter_mut().zip(&worker.windows) {
            mine.merge_parallel(theirs);
        }
    }

    fn mix(&mut self) {
        if self.first.job.report.unified_rw_reporting == UnifiedRw::None {
            return;
        }
        for ddir in Ddir::DATA {
            self.mixed.0.merge(&self.phase.dirs[ddir as usize]);
            self.mixed.1.merge_parallel(&self.windows[ddir as usize]);
        }
    }

    /// What the record has figures of, used or not.
    pub(super) fn rows(&self) -> &'static [Row] {
        match self.first.job.report.unified_rw_reporting {
            UnifiedRw::None => &Row::ALL[..3],
            UnifiedRw::Mixed => &Row::ALL[3..],
            UnifiedRw::Both => &Row::ALL,
        }
    }

    /// With `continue_on_error` or `ignore_error`: requests that came back with an error, ignored
    /// ones among them as in fio, and the first errno.
    pub(super) fn survived(&self) -> Option<(u64, u64)> {
        let of_dir = |dir: &DirSnapshot| dir.failed_ios.saturating_add(dir.ignored_ios);
        let total = total(&self.phase.dirs.each_ref().map(of_dir));
        let first = if total > 0 { self.phase.first_error } else { 0 };
        self.first.job.errors.survives_any().then_some((total, first))
    }

    /// Counters of a direction.
    pub(super) fn dir(&self, ddir: Ddir) -> &DirSnapshot {
        self.phase.dir(ddir)
    }

    /// Counters of a row.
    pub(super) fn row(&self, row: Row) -> &DirSnapshot {
        match row {
            Row::Dir(ddir) => self.dir(ddir),
            Row::Mixed => &self.mixed.0,
        }
    }

    /// Windows of a row.
    pub(super) fn windows(&self, row: Row) -> &DirWindows {
        match row {
            Row::Dir(ddir) => &self.windows[ddir as usize],
            Row::Mixed => &self.mixed.1,
        }
    }

    /// Whether the row was used with any success.
    pub(super) fn used(&self, row: Row) -> bool {
        self.row(row).bytes > 0 || good_ios(self.row(row)) > 0
    }

    /// How long requests of the row were issued. What a job that only writes reads, it reads back.
    pub(super) fn span_ns(&self, row: Row) -> u64 {
        match (row, self.read_back_ns) {
            (_, 0) => self.runtime_ns,
            (Row::Dir(Ddir::Read), back_ns) => back_ns,
            (Row::Dir(_), _) => self.runtime_ns,
            (Row::Mixed, back_ns) => self.runtime_ns.saturating_add(back_ns),
        }
    }

    /// Bytes a second.
    pub(super) fn bandwidth(&self, row: Row) -> f64 {
        per_second(self.row(row).bytes, self.span_ns(row))
    }

    /// Requests that went well, a second.
    pub(super) fn iops(&self, row: Row) -> f64 {
        per_second(good_ios(self.row(row)), self.span_ns(row))
    }

    /// Mean number of requests that were due and had not begun, with a rate.
    pub(super) fn mean_backlog(&self) -> Option<f64> {
        let looks = self.phase.backlog_looks;
        (looks > 0).then(|| self.phase.backlog_sum as f64 / looks as f64)
    }

    /// The depth that `latency_target` found, or the one that was asked for.
    pub(super) fn latency_depth(&self) -> u64 {
        match self.phase.latency_depth {
            0 => u64::from(self.first.job.depth.iodepth),
            found => found,
        }
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

/// Totals of each group.
pub(super) fn groups(entries: &[Entry<'_>]) -> BTreeMap<u32, GroupRows> {
    let mut groups: BTreeMap<u32, GroupRows> = BTreeMap::new();
    for entry in entries {
        let group = groups.entry(entry.first.group).or_default();
        for &row in entry.rows().iter().filter(|&&row| entry.used(row)) {
            let rate = entry.bandwidth(row);
            let fresh = GroupDir {
                min_bandwidth: rate,
                min_runtime_ns: entry.span_ns(row),
                ..GroupDir::default()
            };
            let dir = group[row.index()].get_or_insert(fresh);
            dir.bytes = dir.bytes.saturating_add(entry.row(row).bytes);
            dir.min_bandwidth = dir.min_bandwidth.min(rate);
            dir.max_bandwidth = dir.max_bandwidth.max(rate);
            dir.min_runtime_ns = dir.min_runtime_ns.min(entry.span_ns(row));
            dir.max_runtime_ns = dir.max_runtime_ns.max(entry.span_ns(row));
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
            result.workers.iter().flat_map(|worker| worker.job.engine.all()).any(|spec| {
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
