//! Options that say how long a job runs.
//!
//! Part of the option table. All times are nanoseconds once they are parsed; a bare number in a job
//! file is seconds.

use super::super::value::SIZE_MAX;
use super::{nanos, Category, JobOption, Kind, OPTION};
use crate::units::Nanos;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "runtime",
        aliases: &["timeout"],
        category: Category::Time,
        kind: Kind::Time,
        unset: "until the amount is transferred",
        help: "End after this time of measuring",
        doc: "A bare number is seconds; `5m` is five minutes. Without `time_based` the job ends \
              earlier where its amount is transferred. `ramp_time` comes on top. 0 is the same as \
              not given.",
        good: &["60", "500ms", "5m"],
        bad: &["", "-1", "1:30", "soon", "1w"],
        apply: |draft, value| {
            draft.time.runtime = Some(value.time()).filter(|time| *time != Nanos(0));
        },
        show: |job| job.time.runtime.map(nanos),
        ..OPTION
    },
    JobOption {
        name: "time_based",
        category: Category::Time,
        kind: Kind::Flag,
        default: "0",
        help: "Start over until `runtime` is up",
        doc: "Needs `runtime`.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.time.time_based = value.bool(),
        show: |job| Some(job.time.time_based.to_string()),
        ..OPTION
    },
    JobOption {
        name: "ramp_time",
        category: Category::Time,
        kind: Kind::Time,
        default: "0",
        help: "Run this long before measuring begins",
        doc: "Nothing of it is in the result. A bare number is seconds.",
        good: &["5", "250ms"],
        bad: &["", "-1", "slow"],
        apply: |draft, value| draft.time.ramp_time = value.time(),
        show: |job| Some(nanos(job.time.ramp_time)),
        ..OPTION
    },
    JobOption {
        name: "loops",
        category: Category::Time,
        kind: Kind::Count { min: 1, max: SIZE_MAX },
        default: "1",
        help: "Transfer the amount so many times",
        doc: "With `time_based` it has no effect.",
        good: &["3"],
        bad: &["", "0", "-1", "1.5"],
        apply: |draft, value| draft.time.loops = value.count(),
        show: |job| Some(job.time.loops.to_string()),
        ..OPTION
    },
];
