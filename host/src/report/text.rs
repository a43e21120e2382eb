//! The report as fio's normal output, line for line, and paragraphs of our own after it.
//! Called by `cli`.
//!
//! Scripts grep fio's lines, so nothing of ours may stand between them: devices, engines, notes and
//! errors come at the end.

mod devices;
mod job;
mod latency;
mod verify;

use super::entry::{self, GroupDir, Row};
use super::tester;
use crate::catalogue::{PluginInfo, Trust};
use crate::job::spec::{BlockRange, JobSpec};
use crate::run::result::{DiskCounters, DiskUtil, RunError, RunResult};
use crate::stats::figures::{kib, Digits};
use std::fmt::Write;

/// The whole document, newline at its end.
pub fn text(result: &RunResult) -> String {
    let mut out = String::new();
    headers(&mut out, result);
    let entries = entry::entries(result);
    let groups = entry::groups(&entries);
    for entry in &entries {
        let group = groups.get(&entry.first.group).unwrap_or(&[None; 4]);
        job::block(&mut out, result, entry, group);
    }
    for (group, dirs) in &groups {
        let mut of_group = entries.iter().filter(|entry| entry.first.group == *group);
        let first = of_group.clone().next();
        let is_io = |entry: &entry::Entry<'_>| {
            !entry.first.job.engine.whole_files && !entry.first.job.engine.no_io
        };
        if !of_group.any(is_io) {
            continue;
        }
        line(&mut out, format_args!("\nRun status group {group} (all jobs):"));
        let digits = first.map_or(Digits::default(), job::digits);
        for row in Row::ALL {
            if let Some(dir) = &dirs[row.index()] {
                group_line(&mut out, row, dir, digits);
            }
        }
    }
    if !result.disks.is_empty() {
        line(&mut out, format_args!("\nDisk stats (read/write):"));
        result.disks.iter().for_each(|disk| disk_line(&mut out, disk));
    }
    paragraph(&mut out, "Devices", devices::lines(result, &entries).into_iter());
    engines(&mut out, result);
    paragraph(
        &mut out,
        "Profile of the tester",
        tester::profile_lines(result, &entries).into_iter(),
    );
    paragraph(&mut out, "Machine", tester::steal_line(result).into_iter());
    paragraph(&mut out, "Notes", result.notes.iter().cloned());
    paragraph(&mut out, "Errors", result.errors.iter().map(RunError::to_string));
    out
}

/// Appends one line: writing into a string cannot fail.
fn line(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{arguments}");
}

fn headers(out: &mut String, result: &RunResult) {
    let mut last: Option<&str> = None;
    for worker in &result.workers {
        let job = &worker.job;
        if last == Some(job.name.as_str()) {
            continue;
        }
        last = Some(&job.name);
        header(out, job, worker.group);
    }
    line(out, format_args!("iodyno-{}", result.version));
    let workers = result.workers.len();
    let s = if workers == 1 { "" } else { "s" };
    line(out, format_args!("Starting {workers} thread{s}\n"));
}

fn header(out: &mut String, job: &JobSpec, group: u32) {
    if job.engine.no_io {
        let engine = job.engine.shown();
        line(out, format_args!("{}: (g={group}): no I/O, ioengine={engine}", job.name));
        return;
    }
    if job.engine.whole_files {
        let (rw, engine) = (job.load.rw.name(), job.engine.shown());
        let head =
            format_args!("{}: (g={group}): rw={rw}, whole files, ioengine={engine}", job.name);
        line(out, head);
        return;
    }
    let range = |bs: &BlockRange| format!("{}-{}", kib(bs.min.0), kib(bs.max.0));
    let bs = &job.load.bs;
    line(
        out,
        format_args!(
            "{}: (g={group}): rw={}, bs=(R) {}, (W) {}, (T) {}, ioengine={}, iodepth={}",
            job.name,
            job.load.rw.name(),
            range(&bs.read),
            range(&bs.write),
            range(&bs.trim),
            job.engine.shown(),
            job.depth.iodepth,
        ),
    );
    if job.process.numjobs > 1 {
        line(out, format_args!("..."));
    }
}

fn group_line(out: &mut String, row: Row, dir: &GroupDir, digits: Digits) {
    let (all, low, high) =
        (dir.bandwidth as u64, dir.min_bandwidth as u64, dir.max_bandwidth as u64);
    let (kib, kb) = (|bytes| digits.kib(bytes), |bytes| digits.kb(bytes));
    line(
        out,
        format_args!(
            "{:>7}: bw={}/s ({}/s), {}/s-{}/s ({}/s-{}/s), io={} ({}), run={}-{}msec",
            row.name().to_uppercase(),
            kib(all),
            kb(all),
            kib(low),
            kib(high),
            kb(low),
            kb(high),
            kib(dir.bytes),
            kb(dir.bytes),
            entry::milliseconds(dir.min_runtime_ns),
            entry::milliseconds(dir.max_runtime_ns),
        ),
    );
}

fn disk_line(out: &mut String, disk: &DiskUtil) {
    let figures = |prefix: &str, sectors: &str, counters: &DiskCounters| {
        format!(
            "{prefix}ios={}/{}, {sectors}={}/{}, {prefix}merge={}/{}, {prefix}ticks={}/{}, \
             {prefix}in_queue={}, {prefix}util={:.2}%",
            counters.read_ios,
            counters.write_ios,
            counters.read_sectors,
            counters.write_sectors,
            counters.read_merges,
            counters.write_merges,
            counters.read_ticks,
            counters.write_ticks,
            counters.in_queue,
            counters.util,
        )
    };
    let own = figures("", "sectors", &disk.own);
    match &disk.slaves {
        None => line(out, format_args!("  {}: {own}", disk.name)),
        Some(slaves) => {
            // fio's own spelling.
            let slaves = figures("aggr", "aggsectors", slaves);
            line(out, format_args!("    {}: {own}, {slaves}", disk.name));
        }
    }
}

fn engines(out: &mut String, result: &RunResult) {
    let lines = entry::engines(result).into_iter().map(|(plugin, engine)| {
        format!(
            "{}: {} {}, {}\n{}",
            engine.name,
            plugin.id,
            plugin.version,
            plugin.path.display(),
            provenance(plugin),
        )
    });
    let harness = entry::harness_ns_per_io(result);
    let harness = harness.map(|ns| format!("tester's own time: {ns:.1} ns per request"));
    paragraph(out, "Engines", lines.chain(harness));
}

/// Which content of the file it is, and why it was let in.
fn provenance(plugin: &PluginInfo) -> String {
    let mut text = format!("sha256 {}", plugin.sha256);
    if let Some(build_id) = &plugin.build_id {
        text = format!("{text}, build id {build_id}");
    }
    text = match &plugin.trust {
        Trust::Trusted => format!("{text}\ntrusted"),
        Trust::Overridden(rule) => format!("{text}\ntrust overridden: {rule}"),
    };
    match plugin.pinned_by.as_slice() {
        [] => format!("{text}; not pinned"),
        by => format!("{text}; pinned by {}", by.join(" and ")),
    }
}

/// A heading and its lines; nothing at all without lines.
fn paragraph(out: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    for (i, text) in lines.enumerate() {
        if i == 0 {
            line(out, format_args!("\n{heading}:"));
        }
        // A message of several lines stays in its paragraph.
        line(out, format_args!("  {}", text.trim_end().replace('\n', "\n    ")));
    }
}

#[cfg(test)]
mod tests;
