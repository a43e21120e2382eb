//! Options that say how many requests are in flight, and how they are handed over.
//!
//! Part of the option table. 0 and "not given" mean another option's value in most of these;
//! `Draft::depth` puts them together.

use super::{quoted, Category, JobOption, Kind, OPTION};

/// Most requests in flight: each has a buffer of its own.
const DEPTH_MAX: u64 = 65_536;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "iodepth",
        category: Category::Depth,
        kind: Kind::Count { min: 1, max: DEPTH_MAX },
        default: "1",
        help: "Requests in flight of each clone",
        doc: "A synchronous engine does one request at a time whatever the depth is; a warning \
              says so.",
        good: &["32", "1"],
        bad: &["", "0", "4.5", "65537", "deep"],
        apply: |draft, value| draft.iodepth = value.count_u32(),
        show: |job| Some(job.depth.iodepth.to_string()),
        ..OPTION
    },
    JobOption {
        name: "iodepth_batch_submit",
        aliases: &["iodepth_batch"],
        category: Category::Depth,
        kind: Kind::Count { min: 0, max: DEPTH_MAX },
        default: "1",
        help: "Requests that are handed over together; 0 is `iodepth`",
        doc: "More than `iodepth` is cut to it, with a warning.",
        good: &["8", "0"],
        bad: &["", "-1", "65537"],
        apply: |draft, value| draft.batch_submit = value.count_u32(),
        show: |job| Some(job.depth.batch_submit.to_string()),
        ..OPTION
    },
    JobOption {
        name: "iodepth_batch_complete_min",
        aliases: &["iodepth_batch_complete"],
        category: Category::Depth,
        kind: Kind::Count { min: 0, max: DEPTH_MAX },
        default: "1",
        help: "Finished requests to wait for; 0 looks without waiting",
        doc: "0 keeps a core busy. More than `iodepth` is cut to it, with a warning.",
        good: &["1", "0", "16"],
        bad: &["", "-1", "65537"],
        apply: |draft, value| draft.batch_complete_min = value.count_u32(),
        show: |job| Some(job.depth.batch_complete_min.to_string()),
        ..OPTION
    },
    JobOption {
        name: "iodepth_batch_complete_max",
        category: Category::Depth,
        kind: Kind::Count { min: 0, max: DEPTH_MAX },
        unset: "`iodepth_batch_complete_min`, at least 1",
        help: "Finished requests to take at once, at most",
        doc: "Not below `iodepth_batch_complete_min`; 0 is the same as not given. More \
              than `iodepth` is cut to it, with a warning.",
        good: &["16"],
        bad: &["", "-1", "all"],
        apply: |draft, value| {
            draft.batch_complete_max = Some(value.count_u32()).filter(|n| *n != 0);
        },
        show: |job| Some(job.depth.batch_complete_max.to_string()),
        ..OPTION
    },
    JobOption {
        name: "iodepth_low",
        category: Category::Depth,
        kind: Kind::Count { min: 0, max: DEPTH_MAX },
        unset: "`iodepth`: a request that ends is replaced at once",
        help: "Once full, drain to this depth before filling again",
        doc: "0 is `iodepth`. More than `iodepth` is cut to it, with a warning.",
        good: &["8", "0"],
        bad: &["", "-1", "65537"],
        apply: |draft, value| draft.low = value.count_u32(),
        show: |job| Some(job.depth.low.to_string()),
        ..OPTION
    },
    JobOption {
        name: "io_submit_mode",
        category: Category::Depth,
        kind: Kind::Choice(&[
            ("inline", "the worker submits and reaps itself"),
            ("offload", "threads of their own submit, one to a request in flight"),
        ]),
        default: "inline",
        help: "Who hands requests to the engine",
        doc:
            "`offload` gives a synchronous engine a depth: `iodepth` threads, one to a request in \
              flight. A device that stalls then holds no later request back, which keeps rates \
              honest. An asynchronous engine does that itself, and does not take it.",
        good: &["offload", "inline"],
        bad: &["", "thread"],
        fio: "fio lets asynchronous engines be offloaded, but calls it unreliable; here it is an \
              error.",
        apply: |draft, value| draft.offload = value.text() == "offload",
        show: |job| Some(quoted(if job.depth.offload { "offload" } else { "inline" })),
        ..OPTION
    },
];
