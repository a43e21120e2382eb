//! Options that hold a job back, or that say how fast it has to be: rates and pauses.
//!
//! Part of the option table. 0 lifts a limit that `[global]` sets, as no value at all would leave
//! it in place.

use super::super::spec::{RateProcess, ThinktimeBlocks};
use super::super::value::{Value, SIZE_MAX};
use super::{bytes, nanos, per_dir, quoted, Category, JobOption, Kind, TimeUnit, OPTION};
use crate::ddir::{Ddir, PerDir};
use crate::units::Bytes;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "rate",
        category: Category::Pace,
        kind: Kind::BytesPerDir { min: 0, max: SIZE_MAX },
        unset: "as fast as it goes",
        help: "Bytes a second of each clone, at most",
        doc: "Per direction, as `bs`. 0 is no limit. Not together with `rate_iops`. Each request \
              is due at a time of its own, and none begins before it; what an engine that stalls \
              leaves undone is made up for as fast as `iodepth` allows. Latencies from that time \
              on are measured as well (`qlat_ns` until the start, `rlat_ns` until the end). Where \
              both directions of a mix have a rate, the rates decide and not `rwmixread`.",
        fio: "fio's schedule follows the completions, and its latencies leave out what a request \
              waited before it was issued.",
        good: &["10m", "10m,1m", ",500k"],
        bad: &["", "-1", "fast"],
        apply: |draft, value| set(&mut draft.pace.rate, value, Bytes),
        show: |job| {
            let shown = per_dir(job.pace.rate, |rate| bytes(rate.unwrap_or(Bytes(0))));
            (shown != "0").then_some(shown)
        },
        ..OPTION
    },
    JobOption {
        name: "rate_iops",
        category: Category::Pace,
        kind: Kind::CountPerDir { min: 0, max: SIZE_MAX },
        unset: "as fast as it goes",
        help: "Requests a second of each clone, at most",
        doc: "Per direction, as `bs`. 0 is no limit. Not together with `rate`, which \
              tells how requests are due. In fio's format `10k` is 10240, and a warning says so.",
        good: &["1000", "1000,100"],
        bad: &["", "-1", "0.5"],
        apply: |draft, value| set(&mut draft.pace.rate_iops, value, |rate| rate),
        show: |job| {
            let shown = per_dir(job.pace.rate_iops, |rate| rate.unwrap_or(0).to_string());
            (shown != "0").then_some(shown)
        },
        ..OPTION
    },
    JobOption {
        name: "rate_min",
        aliases: &["ratemin"],
        category: Category::Pace,
        kind: Kind::BytesPerDir { min: 0, max: SIZE_MAX },
        unset: "as slow as it goes",
        help: "Bytes a second of each clone, at least: below it the job fails",
        doc:
            "Per direction, as `bs`; averaged over `ratecycle`. 0 is no bound. Above `rate` it is \
              an error.",
        good: &["1m", "1m,500k"],
        bad: &["", "-1", "slow"],
        apply: |draft, value| set(&mut draft.pace.rate_min, value, Bytes),
        show: |job| {
            let shown = per_dir(job.pace.rate_min, |rate| bytes(rate.unwrap_or(Bytes(0))));
            (shown != "0").then_some(shown)
        },
        ..OPTION
    },
    JobOption {
        name: "rate_iops_min",
        category: Category::Pace,
        kind: Kind::CountPerDir { min: 0, max: SIZE_MAX },
        unset: "as slow as it goes",
        help: "Requests a second of each clone, at least: below it the job fails",
        doc: "Per direction, as `bs`; averaged over `ratecycle`. 0 is no bound. Above `rate_iops` \
              it is an error.",
        good: &["500", "500,50"],
        bad: &["", "-1", "0.5"],
        apply: |draft, value| set(&mut draft.pace.rate_iops_min, value, |rate| rate),
        show: |job| {
            let shown = per_dir(job.pace.rate_iops_min, |rate| rate.unwrap_or(0).to_string());
            (shown != "0").then_some(shown)
        },
        ..OPTION
    },
    JobOption {
        name: "ratecycle",
        aliases: &["rate_cycle"],
        category: Category::Pace,
        kind: Kind::TimeIn(TimeUnit::Millis),
        default: "1000",
        help: "Time that `rate_min` and `rate_iops_min` are averaged over",
        doc: "A bare number is milliseconds. 0 is an error. Cycles begin with the measure phase; \
              the first one is for settling and is not judged. Pauses of `thinktime` count, as in \
              fio. What a cycle lacks is found when it is more than one request.",
        good: &["500", "2s"],
        bad: &["", "-1", "often"],
        fio: "fio averages `rate` over it as well; here requests are due at their own times, \
              whatever the cycle. fio judges bounds from 2 s on, when a request ends; here a \
              device that stalls is judged while it does.",
        apply: |draft, value| draft.pace.ratecycle = value.time(),
        show: |job| Some(nanos(job.pace.ratecycle)),
        ..OPTION
    },
    JobOption {
        name: "rate_process",
        category: Category::Pace,
        kind: Kind::Choice(&[
            ("linear", "at equal distances"),
            ("poisson", "at random distances, as independent users do"),
        ]),
        default: "linear",
        help: "How the requests of `rate` or `rate_iops` are spread over time",
        doc: "With `poisson` the distances are distributed exponentially around the mean that the \
              rate says; they follow from the job's seed.",
        good: &["poisson", "linear"],
        bad: &["", "uniform"],
        apply: |draft, value| {
            draft.pace.rate_process = match value.text() {
                "poisson" => RateProcess::Poisson,
                _ => RateProcess::Linear,
            };
        },
        show: |job| {
            Some(quoted(match job.pace.rate_process {
                RateProcess::Linear => "linear",
                RateProcess::Poisson => "poisson",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "thinktime",
        category: Category::Pace,
        kind: Kind::TimeIn(TimeUnit::Micros),
        default: "0",
        help: "Pause between requests",
        doc: "A bare number is microseconds. 0 is no pause. When one is due is for \
              `thinktime_blocks` and `thinktime_iotime` to say. There is none after the last \
              request. To a rate, what was not issued in pauses is owed, and made up for.",
        fio: "fio pauses after the last request, too.",
        good: &["50", "2ms"],
        bad: &["", "-1", "long"],
        apply: |draft, value| draft.pace.thinktime = value.time(),
        show: |job| Some(nanos(job.pace.thinktime)),
        ..OPTION
    },
    JobOption {
        name: "thinktime_spin",
        category: Category::Pace,
        kind: Kind::TimeIn(TimeUnit::Micros),
        default: "0",
        help: "Part of `thinktime` that is spent computing, not sleeping",
        doc: "A bare number is microseconds. More than `thinktime` is an error.",
        good: &["10", "1ms"],
        bad: &["", "-1", "all"],
        apply: |draft, value| draft.pace.thinktime_spin = value.time(),
        show: |job| Some(nanos(job.pace.thinktime_spin)),
        ..OPTION
    },
    JobOption {
        name: "thinktime_blocks",
        category: Category::Pace,
        kind: Kind::Count { min: 1, max: u32::MAX as u64 },
        unset: "1, or with `thinktime_iotime` by time alone",
        help: "A pause of `thinktime` after so many requests",
        doc: "Caps the requests in flight, as each pause waits for those before it.",
        fio: "fio says so as well, but fills `iodepth` and takes its own pause into the latency \
              of what is in flight.",
        good: &["8"],
        bad: &["", "0", "-1", "all"],
        apply: |draft, value| draft.pace.thinktime_blocks = value.count_u32(),
        show: |job| {
            let blocks = job.pace.thinktime_blocks;
            (blocks > 0).then(|| blocks.to_string())
        },
        ..OPTION
    },
    JobOption {
        name: "thinktime_blocks_type",
        category: Category::Pace,
        kind: Kind::Choice(&[
            ("complete", "requests that have ended"),
            ("issue", "requests that were issued"),
        ]),
        default: "complete",
        help: "What `thinktime_blocks` counts",
        doc: "With `issue` a pause does not wait for what is in flight; what ends during it is \
              taken back at once.",
        fio: "fio takes back what ended during a pause after it, with the pause in its latency.",
        good: &["issue", "complete"],
        bad: &["", "submit"],
        apply: |draft, value| {
            draft.pace.thinktime_blocks_type = match value.text() {
                "issue" => ThinktimeBlocks::Issue,
                _ => ThinktimeBlocks::Complete,
            };
        },
        show: |job| {
            Some(quoted(match job.pace.thinktime_blocks_type {
                ThinktimeBlocks::Complete => "complete",
                ThinktimeBlocks::Issue => "issue",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "thinktime_iotime",
        category: Category::Pace,
        kind: Kind::Time,
        default: "0",
        help: "A pause of `thinktime` after so long a time of I/O",
        doc: "A bare number is seconds, other than in `thinktime`. With `thinktime_blocks` the \
              pause comes after whichever is reached first. 0 leaves it to the blocks.",
        good: &["9", "500ms"],
        bad: &["", "-1", "long"],
        apply: |draft, value| draft.pace.thinktime_iotime = value.time(),
        show: |job| Some(nanos(job.pace.thinktime_iotime)),
        ..OPTION
    },
];

fn set<T>(rates: &mut PerDir<Option<T>>, value: &Value, unit: impl Fn(u64) -> T) {
    let given = value.per_dir();
    for ddir in Ddir::DATA {
        if let Some(rate) = given[ddir] {
            rates[ddir] = (rate != 0).then(|| unit(rate));
        }
    }
}
