//! Latencies that are asked for but cannot be had: targets, percentiles, steady state.
//!
//! Called by `check` for each job. What cannot be done is an error; what does nothing is a warning.

use super::{without, Judged};
use crate::ddir::Ddir;
use crate::job::diagnostic::{push_once, Diagnostic};
use crate::job::draft::Draft;
use crate::job::spec::SteadyMetric;
use crate::units::Nanos;

/// All of them.
pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    target(job, out);
    unmeasured(job, out);
    percentiles(job, out);
    steady(job, out);
}

fn target(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let draft = job.draft;
    let Some(target) = draft.latency.target else {
        for name in ["latency_window", "latency_percentile", "latency_run"] {
            without(job, name, "latency_target", out);
        }
        return;
    };
    let place = job.place("latency_target");
    if draft.latency.window.is_none() {
        let message = "`latency_target` needs `latency_window`: how long to stay at each depth";
        let help = "add `latency_window=5s`";
        push_once(out, Diagnostic::error(message).at(place).help(help));
    }
    let synchronous = job.engine.filter(|engine| engine.synchronous && !draft.offload);
    if let Some(engine) = synchronous {
        let message = format!(
            "`latency_target` has nothing to search: engine {} does one request at a time",
            engine.name
        );
        let help = "an asynchronous engine, or `io_submit_mode=offload`";
        push_once(out, Diagnostic::warning(message).at(place).help(help));
    } else if draft.iodepth == 1 {
        let message = "`latency_target` has nothing to search: `iodepth` is 1";
        let help = "give the largest depth to try, as `iodepth=128`";
        push_once(out, Diagnostic::warning(message).at(place).help(help));
    }
    let max = draft.pace.max_latency;
    let used = Ddir::DATA.into_iter().filter(|ddir| draft.uses(*ddir));
    if let Some(max) = used.filter_map(|ddir| max[ddir]).find(|max| target > *max) {
        let message = format!(
            "`latency_target` ({} us) is above `max_latency` ({} us), which ends the job first",
            target.0 / 1000,
            max.0 / 1000
        );
        let error = Diagnostic::error(message).at(place);
        push_once(out, error.related(job.place("max_latency"), "the bound"));
    }
}

/// Who judges a latency has to measure it.
fn unmeasured(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let (draft, report) = (job.draft, &job.draft.report);
    let any_max = draft.pace.max_latency.iter().any(|(_, max)| max.is_some());
    let steady = draft.steady.criterion;
    let both = report.gtod_reduce || (report.disable_clat && report.disable_lat);
    let total = report.gtod_reduce || report.disable_lat;
    for (name, wanted, off) in [
        ("latency_target", draft.latency.target.is_some(), both),
        ("max_latency", any_max, both),
        ("steadystate", steady.is_some_and(|c| c.metric == SteadyMetric::Lat), total),
    ] {
        if wanted && off {
            let by = if report.gtod_reduce { "gtod_reduce" } else { "disable_lat" };
            let message = format!("`{name}` judges a latency that `{by}` does not measure");
            let error = Diagnostic::error(message).at(job.place(name));
            push_once(out, error.related(job.place(by), "measures none"));
        }
    }
}

fn percentiles(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let report = &job.draft.report;
    let mut any = false;
    for (name, on, by, off) in [
        ("clat_percentiles", report.clat_percentiles, "disable_clat", report.disable_clat),
        ("lat_percentiles", report.lat_percentiles, "disable_lat", report.disable_lat),
        ("slat_percentiles", report.slat_percentiles, "disable_slat", report.disable_slat),
    ] {
        let off_by = if report.gtod_reduce { Some("gtod_reduce") } else { off.then_some(by) };
        any |= on && off_by.is_none();
        let (Some(said), Some(by)) = (job.said(name).filter(|_| on), off_by) else { continue };
        let message = format!("`{name}` has no effect: `{by}` does not measure it");
        let warning = Diagnostic::warning(message).at(&said.place);
        push_once(out, warning.related(job.place(by), "measures none"));
    }
    let pace = &job.draft.pace;
    // A rate has response times, and their percentiles, of its own.
    let paced = pace.rate.iter().any(|(_, rate)| rate.is_some())
        || pace.rate_iops.iter().any(|(_, rate)| rate.is_some());
    let changed = report.percentile_list != Draft::new().report.percentile_list;
    let idle = changed && !any && !paced;
    let Some(said) = job.said("percentile_list").filter(|_| idle) else { return };
    let message = "`percentile_list` has no effect: no percentiles are reported";
    let help = "`clat_percentiles`, `lat_percentiles` and `slat_percentiles` choose them";
    push_once(out, Diagnostic::warning(message).at(&said.place).help(help));
}

fn steady(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let steady = &job.draft.steady;
    if steady.criterion.is_none() {
        for name in ["steadystate_ramp_time", "steadystate_check_interval"] {
            without(job, name, "steadystate", out);
        }
        let Some(said) = job.said("steadystate_duration") else { return };
        let message = "`steadystate_duration` without `steadystate`: which figure has to hold?";
        let help = "write `steadystate=iops_slope:0.01%`, which is what fio takes then";
        push_once(out, Diagnostic::error(message).at(&said.place).help(help));
        return;
    }
    let place = job.place("steadystate");
    let duration = job.place("steadystate_duration");
    if steady.duration == Nanos(0) {
        let message = "`steadystate` needs `steadystate_duration`: how long it has to hold";
        let place = job.said("steadystate_duration").map_or(place, |said| &said.place);
        let help = "add `steadystate_duration=30`";
        push_once(out, Diagnostic::error(message).at(place).help(help));
        return;
    }
    if steady.interval == Nanos(0) {
        let error = Diagnostic::error("`steadystate_check_interval` is 0: no time between looks");
        push_once(out, error.at(job.place("steadystate_check_interval")));
    } else if steady.duration.0 / 2 < steady.interval.0 {
        let message = "`steadystate_duration` does not hold two looks of \
                       `steadystate_check_interval`";
        push_once(out, Diagnostic::error(message).at(duration));
    }
    let Some(runtime) = job.draft.time.runtime else { return };
    if steady.duration.0.saturating_add(steady.ramp_time.0) > runtime.0 {
        let message = "`steadystate` cannot be reached: its duration and ramp are longer than \
                       `runtime`";
        let error = Diagnostic::error(message).at(duration);
        push_once(out, error.related(job.place("runtime"), "ends the job before"));
    }
}
