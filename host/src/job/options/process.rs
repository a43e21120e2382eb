//! Options that clone the workers, put them in a place and give them a rank.
//!
//! Part of the option table. Only what the job asks for: processes and threads are made by `run`,
//! which also decides by `isolation` where a worker lives.

use super::super::machine;
use super::super::spec::CpusPolicy;
use super::super::value::Value;
use super::{quoted, Category, JobOption, Kind, OPTION};

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
        apply: |draft, value| draft.process.cpus_allowed = value.numbers(),
        show: |job| job.process.cpus_allowed.as_deref().map(numbers),
        ..OPTION
    },
    JobOption {
        name: "cpumask",
        category: Category::Process,
        kind: Kind::CpuMask,
        unset: "`cpus_allowed`",
        help: "The same as `cpus_allowed`, as the bits of a number",
        doc: "Bit 0 is CPU 0: 34 or 0x22 is CPUs 1 and 5. The later of the two wins; both in one \
              section are an error.",
        good: &["0x3", "34"],
        bad: &["", "0", "-1", "0-3"],
        fio: "fio reads 32 CPUs at most, here they are 64.",
        apply: |draft, value| draft.process.cpus_allowed = value.numbers(),
        ..OPTION
    },
    JobOption {
        name: "cpus_allowed_policy",
        category: Category::Process,
        kind: Kind::Choice(&[
            ("shared", "every clone may use all of them"),
            ("split", "each clone gets one of them, in turn"),
        ]),
        default: "shared",
        help: "How the clones of a job share `cpus_allowed`",
        doc: "With `split` and more clones than CPUs several clones share one; a warning says so.",
        good: &["split", "shared"],
        bad: &["", "even"],
        apply: |draft, value| {
            draft.process.cpus_allowed_policy = match value.text() {
                "split" => CpusPolicy::Split,
                _ => CpusPolicy::Shared,
            };
        },
        show: |job| {
            Some(quoted(match job.process.cpus_allowed_policy {
                CpusPolicy::Shared => "shared",
                CpusPolicy::Split => "split",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "numa_cpu_nodes",
        category: Category::Process,
        kind: Kind::Nodes,
        unset: "all nodes",
        help: "Memory nodes whose CPUs the job's workers may run on",
        doc: "Numbers and ranges, or `all`. With `cpus_allowed` both hold: none in common is an \
              error, as is a node that this machine does not have.",
        good: &["0", "0-1", "all"],
        bad: &["", "1-0", "near"],
        apply: |draft, value| draft.process.numa_cpu_nodes = value.numbers(),
        show: |job| job.process.numa_cpu_nodes.as_deref().map(numbers),
        ..OPTION
    },
    JobOption {
        name: "numa_mem_policy",
        category: Category::Process,
        kind: Kind::MemPolicy,
        unset: "that of the process",
        help: "Memory nodes that the job's buffers come from",
        doc: "`default`, `local` (the node of the CPU that asks), `prefer:1`, `bind:0-1` or \
              `interleave:all`. A node that this machine does not have is an error.",
        good: &["bind:0", "interleave:0-1", "prefer:0", "local"],
        bad: &["", "bind", "prefer:0,1", "local:0", "near"],
        apply: |draft, value| {
            let Value::MemPolicy(policy) = value else { unreachable!("a memory policy") };
            draft.process.numa_mem_policy = Some(policy.clone());
        },
        show: |job| job.process.numa_mem_policy.as_ref().map(|p| quoted(&machine::shown(p))),
        ..OPTION
    },
    JobOption {
        name: "nice",
        category: Category::Process,
        kind: Kind::Signed { min: -20, max: 19 },
        default: "0",
        help: "Nice value of the job's workers",
        doc: "-20 is the most favoured, 19 the least. Below 0 needs privilege.",
        good: &["10", "-5"],
        bad: &["", "20", "-21", "very"],
        apply: |draft, value| {
            let Value::Signed(nice) = *value else { unreachable!("a number") };
            draft.process.nice = nice;
        },
        show: |job| Some(job.process.nice.to_string()),
        ..OPTION
    },
    JobOption {
        name: "prio",
        category: Category::Process,
        kind: Kind::Count { min: 0, max: 7 },
        unset: "that of the process",
        help: "I/O priority of the job's workers within `prioclass`",
        doc: "0 is the highest, 7 the lowest. Not every I/O scheduler looks at it.",
        good: &["0", "7"],
        bad: &["", "8", "-1", "high"],
        apply: |draft, value| draft.process.prio = u8::try_from(value.count()).ok(),
        show: |job| job.process.prio.map(|prio| prio.to_string()),
        ..OPTION
    },
    JobOption {
        name: "prioclass",
        category: Category::Process,
        kind: Kind::Count { min: 0, max: 3 },
        unset: "that of the process",
        help: "I/O priority class of the job's workers",
        doc: "1 is realtime, 2 best effort, 3 idle; 0 leaves the process's own. Realtime needs \
              privilege. Not every I/O scheduler looks at it.",
        good: &["2", "0"],
        bad: &["", "4", "-1", "idle"],
        apply: |draft, value| {
            draft.process.prioclass = u8::try_from(value.count()).ok().filter(|class| *class != 0);
        },
        show: |job| job.process.prioclass.map(|class| class.to_string()),
        ..OPTION
    },
];

fn numbers(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    format!("[{}]", ids.join(", "))
}
