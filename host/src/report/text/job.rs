//! One job's block of the normal output: bandwidth, latencies, CPU, depths, errors. Called by
//! `text` for each record, a job or a group of clones. Lines and widths are fio's, because scripts
//! read them; must not compute figures that `stats` has.

use super::{latency, line, verify};
use crate::ddir::Ddir;
use crate::report::calendar::ctime;
use crate::report::entry::{self, Entry, GroupDir, GroupRows, Row};
use crate::report::tester;
use crate::run::result::{ErrorKind, RunResult};
use crate::stats::classes::{NAMES, NAMES_MS};
use crate::stats::figures::{time, Digits};
use crate::stats::window::Samples;

/// Appends the block.
pub(super) fn block(out: &mut String, result: &RunResult, entry: &Entry<'_>, group: &GroupRows) {
    let job = &entry.first.job;
    line(
        out,
        format_args!(
            "{}: (groupid={}, jobs={}): err={}: pid={}: {}",
            job.name,
            entry.first.group,
            entry.workers,
            error(result, entry),
            entry.first.tid,
            ctime(result.timestamp_ms, result.host.utc_offset_s),
        ),
    );
    if let Some(description) = &job.description {
        // One line, whatever the job file holds.
        let description = description.replace(char::is_control, " ");
        line(out, format_args!("  Description  : [{description}]"));
    }
    let percentiles = &job.report.percentile_list;
    for &row in entry.rows().iter().filter(|&&row| entry.used(row)) {
        direction(out, entry, row);
        windows(out, entry, row, group[row.index()].as_ref());
    }
    classes(out, entry);
    let sync = &entry.dir(Ddir::Sync).lat_ns;
    if sync.count > 0 {
        line(out, format_args!("  fsync/fdatasync/sync_file_range:"));
        latency::summary(out, "sync", sync);
        latency::percentiles(out, "sync", sync, percentiles);
    }
    footer(out, entry);
    let mut lines = Vec::new();
    tester::job_lines(&mut lines, entry);
    lines.iter().for_each(|text| line(out, format_args!("{text}")));
    if let Some(found) = &entry.verify {
        verify::lines(out, entry, found);
    }
}

/// The C library's words, as fio has them.
fn errno_words(errno: i32) -> String {
    let words = std::io::Error::from_raw_os_error(errno).to_string();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}

/// " 0", or the number with place and words, in fio's form.
fn error(result: &RunResult, entry: &Entry<'_>) -> String {
    if entry.error == 0 {
        return " 0".to_owned();
    }
    let words = errno_words(entry.error);
    let found = entry::error_of(result, entry);
    let callback =
        found.and_then(|error| error.engine.as_ref()).and_then(|fault| fault.callback.as_deref());
    let function = callback.unwrap_or(match found.map(|error| error.kind) {
        Some(ErrorKind::Usage) => "setup",
        Some(ErrorKind::Engine) => "engine",
        Some(ErrorKind::Miscompare | ErrorKind::Unverified) => "verify",
        Some(ErrorKind::Io) | None => "io_u error",
    });
    let origin = &entry.first.job.origin;
    format!(
        "{:2} (file:{}:{}, func={function}, error={words})",
        entry.error, origin.file, origin.line
    )
}

/// Digits of the record's figures.
pub(super) fn digits(entry: &Entry<'_>) -> Digits {
    Digits(entry.first.job.report.significant_figures)
}

fn direction(out: &mut String, entry: &Entry<'_>, row: Row) {
    let dir = entry.row(row);
    let (bandwidth, digits) = (entry.bandwidth(row) as u64, digits(entry));
    let iops = format!("  {}: IOPS={}", row.name(), digits.iops(entry.iops(row)));
    let runtime = entry::milliseconds(entry.span_ns(row));
    if entry.first.job.engine.whole_files {
        line(out, format_args!("{iops} ({} files/{runtime}msec)", dir.ios));
    } else {
        let (kib, kb) = (digits.kib(bandwidth), digits.kb(bandwidth));
        let bytes = digits.kib(dir.bytes);
        let resets = match (row, &entry.first.job.load.zbd) {
            (Row::Dir(Ddir::Write | Ddir::Trim), Some(_)) => {
                format!("; {} zone resets", entry.phase.zone_resets)
            }
            _ => String::new(),
        };
        line(out, format_args!("{iops}, BW={kib}/s ({kb}/s)({bytes}/{runtime}msec){resets}"));
    }
    let report = &entry.first.job.report;
    let latencies = [
        ("slat", &dir.slat_ns, report.slat_percentiles),
        ("clat", &dir.clat_ns, report.clat_percentiles),
        ("lat", &dir.lat_ns, report.lat_percentiles),
        ("qlat", &dir.qlat_ns, true),
        ("rlat", &dir.rlat_ns, true),
    ];
    for (name, histogram, _) in latencies {
        latency::summary(out, name, histogram);
    }
    for (name, histogram, _) in latencies.iter().filter(|(_, _, wanted)| *wanted) {
        latency::percentiles(out, name, histogram, &report.percentile_list);
    }
}

fn windows(out: &mut String, entry: &Entry<'_>, row: Row, group: Option<&GroupDir>) {
    const MIB: f64 = 1024.0;
    let windows = entry.windows(row);
    let bw = &windows.bw_kib;
    if bw.count == 0 {
        return;
    }
    if !entry.first.job.engine.whole_files {
        let per = format!("per={:.2}%, ", entry::share(bw.mean, group));
        let large = bw.mean > MIB * 1024.0;
        let (unit, scale) = if large { ("MiB", MIB) } else { ("KiB", 1.0) };
        line(out, format_args!("   bw ({unit:>5}/s): {}", samples(bw, scale, &per)));
    }
    line(out, format_args!("   iops        : {}", samples(&windows.iops, 1.0, "")));
}

fn samples(samples: &Samples, scale: f64, per: &str) -> String {
    format!(
        "min={:5}, max={:5}, {per}avg={:5.2}, stdev={:5.2}, samples={}",
        (samples.min / scale) as u64,
        (samples.max / scale) as u64,
        samples.mean / scale,
        samples.stddev() / scale,
        samples.count,
    )
}

/// The distribution over latency classes, five to a line, empty ones left out.
fn classes(out: &mut String, entry: &Entry<'_>) {
    let counts = entry.classes();
    let total = counts.total();
    let mut unit = |name: &str, names: &[&str], percents: &[f64]| {
        let filled: Vec<String> = names
            .iter()
            .zip(percents)
            .filter(|(_, &percent)| percent > 0.0)
            // What is there shows, however small.
            .map(|(class, percent)| format!("{class}={:.2}%", percent.max(0.01)))
            .collect();
        for five in filled.chunks(5) {
            line(out, format_args!("  lat ({name})   : {}", five.join(", ")));
        }
    };
    unit("nsec", &NAMES, &entry::percents(&counts.ns, total));
    unit("usec", &NAMES, &entry::percents(&counts.us, total));
    unit("msec", &NAMES_MS, &entry::percents(&counts.ms, total));
}

fn footer(out: &mut String, entry: &Entry<'_>) {
    let phase = &entry.phase;
    line(
        out,
        format_args!(
            "  cpu          : usr={:.2}%, sys={:.2}%, ctx={}, majf={}, minf={}",
            entry.cpu_percent(phase.user_us),
            entry.cpu_percent(phase.system_us),
            phase.switches,
            phase.major_faults,
            phase.minor_faults,
        ),
    );
    if entry.first.job.engine.no_io {
        return;
    }
    let depths = ["1", "2", "4", "8", "16", "32", ">=64"];
    let batches = ["0", "4", "8", "16", "32", "64", ">=64"];
    line(out, format_args!("  IO depths    : {}", shares(&depths, &phase.depth_levels)));
    line(out, format_args!("     submit    : {}", shares(&batches, &phase.submit_levels)));
    line(out, format_args!("     complete  : {}", shares(&batches, &phase.complete_levels)));
    let dirs = &phase.dirs;
    line(
        out,
        format_args!(
            "     issued rwts: total={},{},{},{} short={},{},{},0 dropped=0,0,0,0",
            dirs[0].ios,
            dirs[1].ios,
            dirs[2].ios,
            dirs[3].ios,
            dirs[0].short_ios,
            dirs[1].short_ios,
            dirs[2].short_ios,
        ),
    );
    if let Some((total, first)) = entry.survived() {
        let words = errno_words(first as i32);
        line(out, format_args!("     errors    : total={total}, first_error={first}/<{words}>"));
    }
    let target = entry.first.job.pace.latency_target;
    line(
        out,
        format_args!(
            "     latency   : target={}, window={}, percentile={:.2}%, depth={}",
            time(target.map_or(0, |wanted| wanted.target.0)),
            time(target.map_or(0, |wanted| wanted.window.0)),
            target.map_or(100.0, |wanted| wanted.percentile),
            entry.latency_depth(),
        ),
    );
    if let Some(mean) = entry.mean_backlog() {
        let max = phase.backlog_max;
        line(out, format_args!("     backlog   : max={max}, avg={mean:.2}"));
    }
    steady(out, entry);
}

/// fio's line on the steady state, in the metric's own unit or percent.
fn steady(out: &mut String, entry: &Entry<'_>) {
    let (Some(wanted), Some(found)) = (entry.first.job.time.steadystate, &entry.first.steady)
    else {
        return;
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let digits = digits(entry);
    let bw = mean(&found.bw) as u64;
    line(
        out,
        format_args!(
            "  steadystate  : attained={}, bw={}/s ({}/s), iops={}, {} {}={:.3}{}",
            if found.attained { "yes" } else { "no" },
            digits.kib(bw),
            digits.kb(bw),
            digits.iops(mean(&found.iops)),
            wanted.name().trim_end_matches("_slope"),
            if wanted.slope { "slope" } else { "mean dev" },
            found.criterion,
            if wanted.percent { "%" } else { "" },
        ),
    );
}

fn shares(names: &[&str; 7], counts: &[u64; 7]) -> String {
    let percents = entry::percents(counts, entry::total(counts));
    let all: Vec<String> = names
        .iter()
        .zip(percents)
        .map(|(name, percent)| {
            let shown = if percent > 0.0 { percent.max(0.1) } else { 0.0 };
            format!("{name}={shown:.1}%")
        })
        .collect();
    all.join(", ")
}
