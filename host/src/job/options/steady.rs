//! Options that end a job once its figures are steady.
//!
//! Part of the option table, of the chapter on time. `Draft::time` puts them together.

use super::super::criterion;
use super::super::value::Value;
use super::{nanos, quoted, Category, JobOption, Kind, OPTION};

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "steadystate",
        aliases: &["ss"],
        category: Category::Time,
        kind: Kind::Criterion,
        unset: "steady or not, the job goes on",
        help: "End once this figure is steady",
        doc: "`iops`, `bw` or `lat` (mean total latency): every look of `steadystate_duration` is \
              within the limit of the mean. With `_slope` behind it: the line fitted to the looks \
              rises or falls by less a second. The limit is a number, or percent of the mean with \
              `%`. Of `bw` it is bytes a second and takes a unit; of `lat` it is a time, and a \
              bare number is nanoseconds. Give `time_based` or `loops` as well, or the job may \
              have done its amount before.",
        good: &["iops_slope:0.3%", "iops:200", "bw:5%", "lat:20us"],
        bad: &["", "iops", "iops:", "iops:-1", "latency:5%", "bw:fast"],
        fio: "fio without `steadystate` but with `steadystate_duration` takes `iops_slope:0.01%`; \
              here that is an error.",
        apply: |draft, value| {
            let Value::Criterion(criterion) = value else { unreachable!("a criterion") };
            draft.steady.criterion = Some(*criterion);
        },
        show: |job| {
            let steady = job.time.steadystate?;
            let (metric, slope) = (steady.metric, steady.slope);
            Some(quoted(&criterion::shown(metric, slope, steady.limit, steady.percent)))
        },
        ..OPTION
    },
    JobOption {
        name: "steadystate_duration",
        aliases: &["ss_dur"],
        category: Category::Time,
        kind: Kind::Time,
        unset: "`steadystate` needs it",
        help: "Time that the figure of `steadystate` has to hold",
        doc: "A bare number is seconds.",
        good: &["30", "5m"],
        bad: &["", "-1", "long"],
        fio: "0 switches `steadystate` off in fio; here it is an error.",
        apply: |draft, value| draft.steady.duration = value.time(),
        show: |job| job.time.steadystate.map(|steady| nanos(steady.duration)),
        ..OPTION
    },
    JobOption {
        name: "steadystate_ramp_time",
        aliases: &["ss_ramp"],
        category: Category::Time,
        kind: Kind::Time,
        default: "0",
        help: "Time before `steadystate` begins to look",
        doc: "A bare number is seconds. What happens meanwhile is measured nevertheless: \
              `ramp_time` is what leaves it out.",
        good: &["10", "500ms"],
        bad: &["", "-1", "long"],
        apply: |draft, value| draft.steady.ramp_time = value.time(),
        show: |job| job.time.steadystate.map(|steady| nanos(steady.ramp_time)),
        ..OPTION
    },
    JobOption {
        name: "steadystate_check_interval",
        aliases: &["ss_interval"],
        category: Category::Time,
        kind: Kind::Time,
        default: "1",
        help: "Time between two looks of `steadystate`",
        doc: "A bare number is seconds. `steadystate_duration` has to hold at least two.",
        good: &["2", "500ms"],
        bad: &["", "-1", "often"],
        apply: |draft, value| draft.steady.interval = value.time(),
        show: |job| job.time.steadystate.map(|steady| nanos(steady.interval)),
        ..OPTION
    },
];
