//! Options that say when a job begins, whom it ends, and how it shares with others.
//!
//! Part of the option table. That the jobs which are named here are there is for the checks of the
//! whole run to say. `Draft::pace` puts `flow` and its kin together.

use super::super::spec::ExitWhat;
use super::super::value::Value;
use super::{nanos, quoted, Category, JobOption, Kind, TimeUnit, OPTION};

/// Largest weight, as in fio.
const WEIGHT_MAX: u64 = 1000;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "startdelay",
        category: Category::Order,
        kind: Kind::TimeRange,
        default: "0",
        help: "Wait so long before the job begins",
        doc: "A bare number is seconds. Of a range `5-10` each clone draws its own delay by the \
              job's seed.",
        good: &["5", "5-10", "500ms-2s"],
        bad: &["", "-1", "10-5", "1-2-3", "soon"],
        apply: |draft, value| {
            let Value::TimeRange(low, high) = *value else { unreachable!("a range of times") };
            draft.time.startdelay = (low, high);
        },
        show: |job| {
            let (low, high) = job.time.startdelay;
            let shown = nanos(low);
            if low == high {
                return Some(shown);
            }
            Some(format!("\"{}-{}\"", shown.trim_matches('"'), nanos(high).trim_matches('"')))
        },
        ..OPTION
    },
    JobOption {
        name: "stonewall",
        aliases: &["wait_for_previous"],
        category: Category::Order,
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
        name: "wait_for",
        category: Category::Order,
        kind: Kind::Text,
        unset: "with the others of its stage",
        help: "Begin when all clones of this job have ended",
        doc: "The job has to stand before this one. An empty text lifts what `[global]` says.",
        good: &["prepare"],
        apply: |draft, value| {
            let name = value.text();
            draft.process.wait_for = (!name.is_empty()).then(|| name.to_owned());
        },
        show: |job| job.process.wait_for.as_deref().map(quoted),
        ..OPTION
    },
    JobOption {
        name: "new_group",
        category: Category::Order,
        kind: Kind::Flag,
        default: "0",
        help: "Begin a new group of the report with this job",
        doc: "As `stonewall` does, without waiting. See `group_reporting`.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.process.new_group = value.bool(),
        show: |job| Some(job.process.new_group.to_string()),
        ..OPTION
    },
    JobOption {
        name: "exitall",
        category: Category::Order,
        kind: Kind::Flag,
        default: "0",
        help: "End other jobs as soon as this one has ended",
        doc: "Which others is for `exit_what` to say. They end in order, and their figures count.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.process.exitall = value.bool(),
        show: |job| Some(job.process.exitall.to_string()),
        ..OPTION
    },
    JobOption {
        name: "exitall_on_error",
        category: Category::Order,
        kind: Kind::Flag,
        default: "0",
        help: "End other jobs as soon as this one has failed",
        doc: "Which others is for `exit_what` to say.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.process.exitall_on_error = value.bool(),
        show: |job| Some(job.process.exitall_on_error.to_string()),
        ..OPTION
    },
    JobOption {
        name: "exit_what",
        category: Category::Order,
        kind: Kind::Choice(&[
            ("group", "jobs of the same group of the report"),
            ("stonewall", "all jobs that run; those behind the next stonewall follow"),
            ("all", "all jobs, also those that have not begun"),
        ]),
        default: "group",
        help: "Whom `exitall` and `exitall_on_error` end",
        doc: "Without one of these it has no effect, and a warning says so.",
        good: &["all", "stonewall", "group"],
        bad: &["", "none"],
        apply: |draft, value| {
            draft.process.exit_what = match value.text() {
                "all" => ExitWhat::All,
                "stonewall" => ExitWhat::Stonewall,
                _ => ExitWhat::Group,
            };
        },
        show: |job| {
            Some(quoted(match job.process.exit_what {
                ExitWhat::Group => "group",
                ExitWhat::Stonewall => "stonewall",
                ExitWhat::All => "all",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "flow",
        category: Category::Order,
        kind: Kind::Count { min: 0, max: WEIGHT_MAX },
        unset: "at its own pace",
        help: "Weight of this job among those of its `flow_id`",
        doc: "Jobs with weights 3 and 1 do three requests to one. Each clone counts as a job of \
              its own. 0 is no flow. A job without a partner in its stage is an error.",
        good: &["3", "0"],
        bad: &["", "-1", "1001", "all"],
        fio: "fio takes a flow without a partner and does nothing about it.",
        apply: |draft, value| draft.flow.weight = value.count_u32(),
        show: |job| job.pace.flow.map(|flow| flow.weight.to_string()),
        ..OPTION
    },
    JobOption {
        name: "flow_id",
        category: Category::Order,
        kind: Kind::Count { min: 0, max: u32::MAX as u64 },
        default: "0",
        help: "Jobs with the same number share by their `flow`",
        doc: "Any number.",
        good: &["7"],
        bad: &["", "-1", "a"],
        apply: |draft, value| draft.flow.id = value.count_u32(),
        show: |job| job.pace.flow.map(|flow| flow.id.to_string()),
        ..OPTION
    },
    JobOption {
        name: "flow_sleep",
        category: Category::Order,
        kind: Kind::TimeIn(TimeUnit::Micros),
        default: "0",
        help: "Wait so long where `flow` holds the job back",
        doc: "A bare number is microseconds. 0 looks again at once, which keeps a core busy.",
        good: &["100", "1ms"],
        bad: &["", "-1", "long"],
        apply: |draft, value| draft.flow.sleep = value.time(),
        show: |job| job.pace.flow.map(|flow| nanos(flow.sleep)),
        ..OPTION
    },
];
