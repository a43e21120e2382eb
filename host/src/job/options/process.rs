//! Options that clone, group and place the workers.
//!
//! Part of the option table. Only what the job asks for: processes and threads are made by `run`,
//! which also decides by `isolation` where a worker lives.

use super::super::value::Value;
use super::{Category, JobOption, Kind, OPTION};

/// Most clones of a job.
const CLONES_MAX: u64 = 4096;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "numjobs",
        category: Category::Process,
        kind: Kind::Count { min: 1, max: CLONES_MAX },
        default: "1",
        help: "Clones of the job that run side by side",
        doc: "Each has its own files, unless `filename` is given, its own seed and its own \
              record in the report, unless `group_reporting` is set.",
        good: &["4"],
        bad: &["", "0", "-1", "4097", "two"],
        apply: |draft, value| draft.process.numjobs = value.count_u32(),
        show: |job| Some(job.process.numjobs.to_string()),
        ..OPTION
    },
    JobOption {
        name: "group_reporting",
        category: Category::Process,
        kind: Kind::Flag,
        default: "0",
        help: "One record for all clones and jobs of a group",
        doc: "A group ends where a job has `stonewall`. Histograms are added, percentiles are \
              computed from the sum.",
        good: &["1", "0"],
        bad: &["yes", "5"],
        apply: |draft, value| draft.process.group_reporting = value.bool(),
        show: |job| Some(job.process.group_reporting.to_string()),
        ..OPTION
    },
    JobOption {
        name: "stonewall",
        aliases: &["wait_for_previous"],
        category: Category::Process,
        kind: Kind::Flag,
        default: "0",
        help: "Wait until all jobs before this one have ended",
        doc: "Begins a new group of the report. The first job of a second job file has it, as in \
              fio.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.process.stonewall = value.bool(),
        show: |job| Some(job.process.stonewall.to_string()),
        ..OPTION
    },
    JobOption {
        name: "thread",
        category: Category::Process,
        kind: Kind::Flag,
        default: "0",
        help: "Accepted for fio's sake: workers are always threads",
        doc: "Changes nothing but the words of the report. `isolation` decides about processes.",
        good: &["1", "0"],
        bad: &["maybe", "2"],
        apply: |draft, value| draft.process.thread = value.bool(),
        show: |job| Some(job.process.thread.to_string()),
        ..OPTION
    },
    JobOption {
        name: "cpus_allowed",
        category: Category::Process,
        kind: Kind::Cpus,
        unset: "all CPUs",
        help: "CPUs that the job's workers may run on",
        doc:
            "Numbers and ranges: `0-3,5`, or `all`; in TOML an array of numbers or such a text. A \
              CPU that this machine does not have is an error.",
        good: &["0", "0-3,5", "all"],
        bad: &["", "3-1", "one", "0,-1"],
        apply: |draft, value| {
            let Value::Cpus(cpus) = value else { unreachable!("the option is a list of CPUs") };
            draft.process.cpus_allowed.clone_from(cpus);
        },
        show: |job| {
            let cpus = job.process.cpus_allowed.as_ref()?;
            let cpus: Vec<String> = cpus.iter().map(u32::to_string).collect();
            Some(format!("[{}]", cpus.join(", ")))
        },
        ..OPTION
    },
];
