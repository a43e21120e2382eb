//! Options that say which latency a job has to keep to, and what happens where it does not.
//!
//! Part of the option table. Bare numbers are microseconds here, as in fio. `Draft::pace` puts what
//! belongs to `latency_target` together.

use super::super::value::Value;
use super::{nanos, per_dir, Category, JobOption, Kind, TimeUnit, OPTION};
use crate::ddir::Ddir;
use crate::units::Nanos;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "latency_target",
        category: Category::Latency,
        kind: Kind::TimeIn(TimeUnit::Micros),
        unset: "the depth is `iodepth`",
        help: "Find the largest depth whose latency keeps below this",
        doc: "A bare number is microseconds. Depths up to `iodepth` are tried, each for \
              `latency_window`; a depth is good enough where `latency_percentile` of its requests \
              keep to it. What was found has to stand a second window; then the job ends (see \
              `latency_run`). Where not even one request at a time is fast enough, it fails with \
              ETIMEDOUT. The latency is that from start to completion. 0 is no search.",
        good: &["500", "2ms"],
        bad: &["", "-1", "low"],
        apply: |draft, value| draft.latency.target = some(value.time()),
        show: |job| job.pace.latency_target.map(|search| nanos(search.target)),
        ..OPTION
    },
    JobOption {
        name: "latency_window",
        category: Category::Latency,
        kind: Kind::TimeIn(TimeUnit::Micros),
        unset: "`latency_target` needs it",
        help: "Time that the search for `latency_target` stays at each depth",
        doc:
            "A bare number is microseconds. Long enough to see the latency that the percentile is \
              about: some thousand requests.",
        good: &["500000", "5s"],
        bad: &["", "-1", "wide"],
        fio: "fio takes a `latency_target` without a window; here that is an error.",
        apply: |draft, value| draft.latency.window = some(value.time()),
        show: |job| job.pace.latency_target.map(|search| nanos(search.window)),
        ..OPTION
    },
    JobOption {
        name: "latency_percentile",
        category: Category::Latency,
        kind: Kind::Percent,
        default: "100",
        help: "Share of requests that has to keep below `latency_target`",
        doc: "In percent. 100 lets a single slow request spoil a depth.",
        good: &["99.9", "100"],
        bad: &["", "0", "101", "p99"],
        apply: |draft, value| {
            let Value::Percent(percent) = value else { unreachable!("a percentage") };
            draft.latency.percentile = *percent;
        },
        show: |job| job.pace.latency_target.map(|search| search.percentile.to_string()),
        ..OPTION
    },
    JobOption {
        name: "latency_run",
        category: Category::Latency,
        kind: Kind::Bool,
        default: "0",
        help: "Go on once `latency_target` has found its depth, and keep to it",
        doc:
            "Without it the job ends as soon as the depth is found. With it the depth follows what \
              the device does: down at once when a window is too slow, up by one after eight that \
              were good.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.latency.run = value.bool(),
        show: |job| job.pace.latency_target.map(|search| search.run.to_string()),
        ..OPTION
    },
    JobOption {
        name: "max_latency",
        category: Category::Latency,
        kind: Kind::TimePerDir(TimeUnit::Micros),
        unset: "however long it takes",
        help: "A request that takes longer ends the job with an error",
        doc: "Per direction, as `bs`; a bare number is microseconds. 0 is no bound. The job fails \
              with ETIMEDOUT. The latency is that from start to completion, and is looked at when \
              a request has come back: for one that never does, see `engine_timeout`.",
        good: &["500000", "1s,5s"],
        bad: &["", "-1", "1 parsec"],
        apply: |draft, value| {
            let given = value.per_dir();
            for ddir in Ddir::DATA {
                if let Some(ns) = given[ddir] {
                    draft.pace.max_latency[ddir] = some(Nanos(ns));
                }
            }
        },
        show: |job| {
            let shown = per_dir(job.pace.max_latency, |max| nanos(max.unwrap_or_default()));
            (shown != nanos(Nanos(0))).then_some(shown)
        },
        ..OPTION
    },
];

/// 0 is "not given", and lifts what `[global]` says.
fn some(time: Nanos) -> Option<Nanos> {
    Some(time).filter(|time| *time != Nanos(0))
}
