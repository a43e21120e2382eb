//! What a report says of the tester itself: its own time, how late it woke, how often it was put
//! off its CPU, what the machine was denied, and the profile. Called by `json` and `text`.
//!
//! What is not known is said to be unknown, with the reason; it is never zero.

use super::entry::Entry;
use crate::job::spec::JobSpec;
use crate::run::result::{NullRun, RunResult, StealFacts};
use crate::stats::figures::time;
use crate::stats::snapshot::PhaseSnapshot;
use crate::stats::tester::STAGE_NAMES;
use serde_json::{json, Map, Value};

/// Share of its busy time, in percent, from which the machine's loss is worth a line.
const STEAL_PERCENT: f64 = 1.0;

/// Less than this is within what the kernel's ticks can tell.
const STEAL_NS: u64 = 20_000_000;

/// Adds what a job's object has of the tester.
pub(super) fn add_job(extras: &mut Map<String, Value>, entry: &Entry<'_>) {
    let (phase, job) = (&entry.phase, &entry.first.job);
    let mut add = |key: &str, value: Value| {
        extras.insert(key.to_owned(), value);
    };
    let (own_ns, limit) = (entry.tester.own_ns(), entry.tester.is_limit());
    add("harness_ns_per_io", json!(own_ns));
    if own_ns.is_none() {
        add("harness_absent", json!(why_absent(job)));
    }
    add("worker_ns_per_io", json!(entry.tester.request_ns()));
    add("tester_is_limit", json!(limit));
    let voluntary = phase.switches.saturating_sub(phase.involuntary);
    add("ctx", json!({ "voluntary": voluntary, "involuntary": phase.involuntary }));
    if let Some(mean) = mean_slip(phase) {
        let max = phase.slip_ns_max;
        add("timer_slip_ns", json!({ "count": phase.slips, "mean": mean, "max": max }));
    }
    let stages: Map<String, Value> =
        stages(phase).map(|(at, ns)| (STAGE_NAMES[at].0.to_owned(), json!(ns))).collect();
    if job.report.profile_harness {
        let stages = if stages.is_empty() { Value::Null } else { Value::Object(stages) };
        add("profile_ns_per_io", stages);
    }
}

/// Appends a job's lines, which stand at the end of its block.
pub(super) fn job_lines(out: &mut Vec<String>, entry: &Entry<'_>) {
    let (phase, job) = (&entry.phase, &entry.first.job);
    if job.engine.no_io || phase.begin_ns == 0 {
        return;
    }
    let own = match (entry.tester.own_ns(), entry.tester.request_ns()) {
        (Some(own), Some(all)) => format!("own={own:.1}ns of {all:.1}ns per request"),
        (Some(own), None) => format!("own={own:.1}ns per request"),
        (None, _) => format!("own=unknown ({})", why_absent(job)),
    };
    let voluntary = phase.switches.saturating_sub(phase.involuntary);
    let forced = phase.involuntary;
    out.push(format!("  tester       : {own}, ctx voluntary={voluntary}, involuntary={forced}"));
    if let Some(mean) = mean_slip(phase) {
        let (count, max) = (phase.slips, time(phase.slip_ns_max));
        out.push(format!("  timer slip   : count={count}, avg={}, max={max}", time(mean as u64)));
    }
}

/// How late sleeps ended on average, nanoseconds; none where nothing slept.
fn mean_slip(phase: &PhaseSnapshot) -> Option<f64> {
    (phase.slips > 0).then(|| phase.slip_ns as f64 / phase.slips as f64)
}

/// Why the tester's own time is not known.
fn why_absent(job: &JobSpec) -> &'static str {
    if job.engine.no_io {
        "the engine serves no requests"
    } else if job.report.gtod_reduce {
        "gtod_reduce reads no clock"
    } else if job.report.disable_clat {
        "disable_clat leaves open what the engine took"
    } else {
        "too few requests without a pause between them"
    }
}

/// Time per request of each stage that took any, nanoseconds, by place.
fn stages(phase: &PhaseSnapshot) -> impl Iterator<Item = (usize, f64)> + '_ {
    let per_io = |ns: u64| ns as f64 / phase.profile_ios.max(1) as f64;
    let all = phase.profile_ns.iter().enumerate();
    all.filter(|(_, &ns)| phase.profile_ios > 0 && ns > 0).map(move |(at, &ns)| (at, per_io(ns)))
}

/// The profile as a table: a job beside a run of the same shape with an engine that does nothing.
pub(super) fn profile_lines(result: &RunResult, entries: &[Entry<'_>]) -> Vec<String> {
    let profiled = entries.iter().filter(|entry| entry.first.job.report.profile_harness);
    let mut lines: Vec<String> = profiled.map(|entry| profile(result, entry)).collect();
    if !lines.is_empty() {
        lines.push(
            "(ns per request, sampled in 32 requests of 1055; what the profile itself takes is \
             left out)"
                .to_owned(),
        );
    }
    lines
}

fn profile(result: &RunResult, entry: &Entry<'_>) -> String {
    let mut lines = vec![format!("{}:", entry.first.job.name)];
    for (at, ns) in stages(&entry.phase) {
        lines.push(format!("{:<18}{ns:>10.1}", STAGE_NAMES[at].1));
    }
    if entry.phase.profile_ios == 0 {
        lines.push("no sample: too few requests, or all were disturbed".to_owned());
    }
    if let Some(all) = entry.tester.request_ns() {
        lines.push(format!("{:<18}{all:>10.1}", "this job"));
    }
    lines.push(match null_of(result, entry) {
        Some(NullRun { ns_per_io: Ok(ns), .. }) => format!("{:<18}{ns:>10.1}", "with null"),
        Some(NullRun { ns_per_io: Err(why), .. }) => format!("with null: unknown ({why})"),
        None => "with null: did not run".to_owned(),
    });
    lines.join("\n")
}

fn null_of<'a>(result: &'a RunResult, entry: &Entry<'_>) -> Option<&'a NullRun> {
    result.null_runs.iter().find(|run| run.job == entry.first.job.name)
}

/// The runs with an engine that does nothing.
pub(super) fn null_runs(result: &RunResult) -> Value {
    let one = |run: &NullRun| match &run.ns_per_io {
        Ok(ns) => json!({ "job": run.job, "worker_ns_per_io": ns }),
        Err(why) => json!({ "job": run.job, "worker_ns_per_io": null, "absent": why }),
    };
    result.null_runs.iter().map(one).collect()
}

/// What the machine was denied.
pub(super) fn steal(result: &RunResult) -> Value {
    let Some(steal) = &result.steal else { return Value::Null };
    json!({ "ns": steal.steal_ns, "percent": percent(steal), "cpus": steal.cpus })
}

/// The same for a reader, where it is enough to spoil figures.
pub(super) fn steal_line(result: &RunResult) -> Option<String> {
    let steal = result.steal.as_ref()?;
    let percent = percent(steal);
    (percent >= STEAL_PERCENT && steal.steal_ns >= STEAL_NS).then(|| {
        format!(
            "steal: {percent:.1}% of the time in which its CPUs had something to do, {} on {} CPUs \
             together, the machine's host gave to others; latencies and rates suffer from that",
            time(steal.steal_ns),
            steal.cpus,
        )
    })
}

fn percent(steal: &StealFacts) -> f64 {
    let wanted_ns = steal.busy_ns.saturating_add(steal.steal_ns);
    if wanted_ns == 0 {
        return 0.0;
    }
    steal.steal_ns as f64 * 100.0 / wanted_ns as f64
}

#[cfg(test)]
mod tests;
