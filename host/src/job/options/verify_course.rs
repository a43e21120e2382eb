//! Options that say when data is verified and by how many threads, what outlives an interruption,
//! and what is trimmed on the way.
//!
//! Part of the option table. The method and the stamp are in `verify`.

use super::super::value::{Value, SIZE_MAX};
use super::{Category, JobOption, Kind, OPTION};

/// Most threads of a pool.
const THREADS_MAX: u64 = 1024;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "verify_backlog",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        default: "0",
        help: "Read back after so many writes, not once all are made",
        doc: "Writing pauses while blocks are looked at. 0 is once all are made, at the end of \
              each loop.",
        good: &["1024", "1k", "0"],
        bad: &["", "-1", "1.5", "many"],
        apply: |draft, value| draft.verify.backlog = value.count(),
        show: |job| Some(job.verify.backlog.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_backlog_batch",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        default: "0",
        help: "Blocks to look at each time `verify_backlog` is reached",
        doc: "0 is all of the backlog. What a smaller batch leaves over is looked at in the end. \
              More than the backlog is cut to it, and a warning says so.",
        fio: "fio leaves over what a smaller batch does not take, and looks at some blocks twice \
              where it is larger.",
        good: &["512", "0"],
        bad: &["", "-1", "1.5"],
        apply: |draft, value| draft.verify.backlog_batch = value.count(),
        show: |job| Some(job.verify.backlog_batch.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_async",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: THREADS_MAX },
        default: "0",
        help: "Threads that fill and check blocks beside the workers",
        doc: "They are shared by all jobs of a process, which has as many as the job that asks \
              for most. Work that is not worth a hand-over stays with the workers. 0 leaves all \
              of it to them.",
        fio: "fio's threads belong to one job, and only check.",
        good: &["2", "0"],
        bad: &["", "-1", "1025", "all"],
        apply: |draft, value| draft.verify.threads = value.count_u32(),
        show: |job| Some(job.verify.threads.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_async_cpus",
        category: Category::Verification,
        kind: Kind::Cpus,
        unset: "all CPUs",
        help: "CPUs that the threads of `verify_async` may run on",
        doc: "Written as `cpus_allowed` is: `0-3,5`, or `all`. A CPU that this machine does not \
              have is an error.",
        good: &["0", "0-3,5"],
        bad: &["", "3-1", "one"],
        apply: |draft, value| draft.verify.cpus = value.numbers(),
        show: |job| {
            let ids = job.verify.cpus.as_deref()?;
            let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
            Some(format!("[{}]", ids.join(", ")))
        },
        ..OPTION
    },
    JobOption {
        name: "verify_state_save",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "1",
        help: "An interrupted job leaves a file of what has to be there",
        doc: "Saved when what was written was not wholly read back: after SIGINT, an error, the \
              death of the cell, with `do_verify=0`. `local-JOBNAME-CLONE-verify.state` in the \
              current directory, in a format of iodyno's own; a later run takes it with \
              `verify_state_load`. A run that writes again removes it.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.state_save = value.bool(),
        show: |job| Some(job.verify.state_save.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_state_load",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "0",
        help: "Look at what a saved state says has to be there",
        doc: "The job writes nothing: it reads back what must be there, by the file that \
              `verify_state_save` left and by `verify_policy`. One that is missing, damaged or \
              of another job is an error; one by which nothing must be there is status 4.",
        fio: "the job makes no load of its own, whatever `rw` says.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.state_load = value.bool(),
        show: |job| Some(job.verify.state_load.to_string()),
        ..OPTION
    },
    JobOption {
        name: "serialize_overlap",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "0",
        help: "Requests of the job that overlap wait for one another",
        doc: "Each worker orders its own requests. Under `verify` they are ordered in any case.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.serialize_overlap = value.bool(),
        show: |job| Some(job.verify.serialize_overlap.to_string()),
        ..OPTION
    },
    JobOption {
        name: "experimental_verify",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "0",
        help: "Accepted for fio's sake: it changes nothing",
        doc: "fio then draws the sequence again in place of remembering what it wrote. Here both \
              are used, as each has to be.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.experimental = value.bool(),
        show: |job| Some(job.verify.experimental.to_string()),
        ..OPTION
    },
    JobOption {
        name: "trim_percentage",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: 100 },
        default: "0",
        help: "Percent of the blocks written under `verify` that are trimmed",
        doc: "A trimmed block is verified as trimmed (`trim_verify_zero`), not as written.",
        good: &["20", "0", "100"],
        bad: &["", "101", "-1", "5%"],
        apply: |draft, value| {
            let Value::Count(percent) = *value else { unreachable!("a number") };
            draft.verify.trim_percentage = u8::try_from(percent).unwrap_or(100);
        },
        show: |job| Some(job.verify.trim_percentage.to_string()),
        ..OPTION
    },
    JobOption {
        name: "trim_verify_zero",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "1",
        help: "Trimmed blocks have to read as zeros",
        doc: "With 0 they may hold anything. Not every device promises zeros.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.trim_verify_zero = value.bool(),
        show: |job| Some(job.verify.trim_verify_zero.to_string()),
        ..OPTION
    },
    JobOption {
        name: "trim_backlog",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        default: "0",
        help: "Trim after so many writes, not once all are made",
        doc: "0 is once all are made. Only with `trim_percentage`.",
        good: &["1024", "0"],
        bad: &["", "-1", "1.5"],
        apply: |draft, value| draft.verify.trim_backlog = value.count(),
        show: |job| Some(job.verify.trim_backlog.to_string()),
        ..OPTION
    },
    JobOption {
        name: "trim_backlog_batch",
        category: Category::Verification,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        default: "0",
        help: "Blocks to trim each time `trim_backlog` is reached",
        doc: "0 is all of the backlog. More than the backlog is cut to it, and a warning says so.",
        good: &["512", "0"],
        bad: &["", "-1", "1.5"],
        apply: |draft, value| draft.verify.trim_backlog_batch = value.count(),
        show: |job| Some(job.verify.trim_backlog_batch.to_string()),
        ..OPTION
    },
];
