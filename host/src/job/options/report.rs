//! Options that say what is measured and shown.
//!
//! Part of the option table. The form of the report is no job's option: the command line says it
//! (`--output-format`).

use super::super::value::Value;
use super::{Category, JobOption, Kind, OPTION};

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "gtod_reduce",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Read the clock as little as possible",
        doc: "No latencies are measured then: the report has rates and counts only.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.gtod_reduce = value.bool(),
        show: |job| Some(job.report.gtod_reduce.to_string()),
        ..OPTION
    },
    JobOption {
        name: "percentile_list",
        category: Category::Report,
        kind: Kind::Percentiles,
        default: "1:5:10:20:30:40:50:60:70:80:90:95:99:99.5:99.9:99.95:99.99",
        help: "Percentiles of latency in the report",
        doc: "In fio's format joined by `:`, in TOML an array of numbers. At most 20, in any \
              order.",
        good: &["50:99:99.9", "100"],
        bad: &["", "0", "101", "50,99", "p99"],
        apply: |draft, value| {
            let Value::Percentiles(list) = value else { unreachable!("a list of percentiles") };
            draft.report.percentile_list.clone_from(list);
        },
        show: |job| {
            let list: Vec<String> = job.report.percentile_list.iter().map(f64::to_string).collect();
            Some(format!("[{}]", list.join(", ")))
        },
        ..OPTION
    },
];
