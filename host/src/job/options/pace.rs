//! Options that hold a job back.
//!
//! Part of the option table. 0 lifts a limit that `[global]` sets, as no value at all would leave
//! it in place.

use super::super::value::{Value, SIZE_MAX};
use super::{bytes, per_dir, Category, JobOption, Kind, OPTION};
use crate::ddir::{Ddir, PerDir};
use crate::units::Bytes;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "rate",
        category: Category::Pace,
        kind: Kind::BytesPerDir { min: 0, max: SIZE_MAX },
        unset: "as fast as it goes",
        help: "Bytes a second of each clone, at most",
        doc: "Per direction, as `bs`. 0 is no limit. Not together with `rate_iops`.",
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
        doc: "Per direction, as `bs`. 0 is no limit. Not together with `rate`. In fio's format \
              `10k` is 10240, and a warning says so.",
        good: &["1000", "1000,100"],
        bad: &["", "-1", "0.5"],
        apply: |draft, value| set(&mut draft.pace.rate_iops, value, |rate| rate),
        show: |job| {
            let shown = per_dir(job.pace.rate_iops, |rate| rate.unwrap_or(0).to_string());
            (shown != "0").then_some(shown)
        },
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
