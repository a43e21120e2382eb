//! Rates, lower bounds and pauses that contradict one another or do nothing.
//!
//! Called by `check` for each job. What cannot be done is an error; what does nothing is a warning.

use super::{without, Judged};
use crate::ddir::{Ddir, PerDir};
use crate::job::diagnostic::{push_once, Diagnostic};
use crate::job::spec::{RateProcess, ThinktimeBlocks};
use crate::units::Nanos;

/// All of them.
pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    rates(job, out);
    directions(job, out);
    cycle(job, out);
    thinktime(job, out);
    for name in ["flow_id", "flow_sleep"] {
        if job.draft.flow.weight == 0 {
            without(job, name, "flow", out);
        }
    }
}

fn rates(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let pace = &job.draft.pace;
    let bytes = pace.rate.iter().any(|(_, rate)| rate.is_some());
    let requests = pace.rate_iops.iter().any(|(_, rate)| rate.is_some());
    if bytes && requests {
        let error = Diagnostic::error("`rate` and `rate_iops` exclude one another");
        let error = error.at(job.place("rate_iops")).related(job.place("rate"), "the other");
        push_once(out, error.help("give one of them; 0 lifts one that is inherited"));
    }
    let poisson = pace.rate_process == RateProcess::Poisson;
    if poisson && !bytes && !requests {
        let message = "`rate_process=poisson` has no effect without `rate` or `rate_iops`";
        push_once(out, Diagnostic::warning(message).at(job.place("rate_process")));
    }
    let in_bytes = |rates: PerDir<Option<crate::units::Bytes>>| rates.map(|rate| rate.map(|r| r.0));
    below(job, ("rate", in_bytes(pace.rate)), ("rate_min", in_bytes(pace.rate_min)), out);
    below(job, ("rate_iops", pace.rate_iops), ("rate_iops_min", pace.rate_iops_min), out);
}

/// A bound from above that lies below the one from below.
fn below(
    job: &Judged<'_>,
    (most_name, most): (&str, PerDir<Option<u64>>),
    (least_name, least): (&str, PerDir<Option<u64>>),
    out: &mut Vec<Diagnostic>,
) {
    let both = |ddir: Ddir| Some((ddir, most[ddir]?, least[ddir]?));
    let used = Ddir::DATA.into_iter().filter(|ddir| job.draft.uses(*ddir));
    let Some((ddir, most, least)) = used.filter_map(both).find(|(_, most, least)| most < least)
    else {
        return;
    };
    let message = format!(
        "`{most_name}` {most} is below `{least_name}` {least} for {}s: the job can only fail",
        ddir.name()
    );
    let error = Diagnostic::error(message).at(job.place(most_name));
    push_once(out, error.related(job.place(least_name), "the lower bound"));
}

/// Limits for directions that the job does not go in.
fn directions(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let pace = &job.draft.pace;
    for (name, set) in [
        ("rate", pace.rate.map(|rate| rate.is_some())),
        ("rate_iops", pace.rate_iops.map(|rate| rate.is_some())),
        ("rate_min", pace.rate_min.map(|rate| rate.is_some())),
        ("rate_iops_min", pace.rate_iops_min.map(|rate| rate.is_some())),
        ("max_latency", pace.max_latency.map(|max| max.is_some())),
    ] {
        let any = set.iter().any(|(_, set)| *set);
        let used = Ddir::DATA.into_iter().any(|ddir| set[ddir] && job.draft.uses(ddir));
        let Some(said) = job.said(name).filter(|_| any && !used) else { continue };
        let rw = job.draft.load.rw.name();
        let message = format!("`{name}` has no effect: `rw={rw}` does not go the way it is for");
        let warning = Diagnostic::warning(message).at(&said.place);
        push_once(out, warning.help("the values are for reads, writes and trims, in this order"));
    }
}

fn cycle(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let pace = &job.draft.pace;
    if pace.ratecycle == Nanos(0) {
        let error = Diagnostic::error("`ratecycle` is 0: no time to average over");
        push_once(out, error.at(job.place("ratecycle")).help("leave it out for 1000 ms"));
        return;
    }
    let bytes = pace.rate_min.iter().any(|(_, rate)| rate.is_some());
    let requests = pace.rate_iops_min.iter().any(|(_, rate)| rate.is_some());
    if !bytes && !requests && pace.ratecycle != Nanos::SECOND {
        without(job, "ratecycle", "rate_min", out);
    }
}

fn thinktime(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let pace = &job.draft.pace;
    if pace.thinktime == Nanos(0) {
        for (name, said) in [
            ("thinktime_spin", pace.thinktime_spin != Nanos(0)),
            ("thinktime_blocks", pace.thinktime_blocks != 1),
            ("thinktime_blocks_type", pace.thinktime_blocks_type != ThinktimeBlocks::default()),
            ("thinktime_iotime", pace.thinktime_iotime != Nanos(0)),
        ] {
            if said {
                without(job, name, "thinktime", out);
            }
        }
    } else if pace.thinktime_spin > pace.thinktime {
        let message = "`thinktime_spin` is longer than `thinktime`, of which it is a part";
        let error = Diagnostic::error(message).at(job.place("thinktime_spin"));
        push_once(out, error.related(job.place("thinktime"), "the whole pause"));
    }
}
