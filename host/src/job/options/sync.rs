//! Options that say when what was written has to be on the medium.
//!
//! Part of the option table. How files are opened (`direct`, `sync`) is a matter of the target.

use super::super::shapes;
use super::super::value::Value;
use super::{quoted, Category, JobOption, Kind, OPTION};

const EVERY: Kind = Kind::Count { min: 0, max: u32::MAX as u64 };

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "fsync",
        category: Category::Sync,
        kind: EVERY,
        default: "0",
        help: "Sync after so many writes; 0 is never",
        doc: "Each sync is a request of its own, with its own latency in the report.",
        good: &["32", "0"],
        bad: &["", "-1", "often"],
        apply: |draft, value| draft.load.fsync = value.count_u32(),
        show: |job| Some(job.load.fsync.to_string()),
        ..OPTION
    },
    JobOption {
        name: "fdatasync",
        category: Category::Sync,
        kind: EVERY,
        default: "0",
        help: "Sync the data alone after so many writes; 0 is never",
        doc: "As `fsync`, with fdatasync(2): times and other facts about the file may be lost.",
        good: &["32", "0"],
        bad: &["", "-1", "often"],
        apply: |draft, value| draft.load.fdatasync = value.count_u32(),
        show: |job| Some(job.load.fdatasync.to_string()),
        ..OPTION
    },
    JobOption {
        name: "sync_file_range",
        category: Category::Sync,
        kind: Kind::SyncFileRange,
        unset: "never",
        help: "sync_file_range(2) over what was written, after so many writes",
        doc: "`wait_before,write:8`: flags, then after how many writes. It starts or awaits \
              writeback of the pages that were written since the last one; it is no guarantee that \
              they survive a power failure. A count of 0 is never.",
        good: &["wait_before,write:8", "write:1", "wait_before,write,wait_after:32"],
        bad: &["", "8", "write", "write:", "write:-1", "flush:8"],
        apply: |draft, value| {
            let Value::SyncFileRange(range) = *value else { unreachable!("a sync_file_range") };
            draft.load.sync_file_range = range;
        },
        show: |job| Some(quoted(&shapes::show_sync_file_range(job.load.sync_file_range?))),
        ..OPTION
    },
    JobOption {
        name: "write_barrier",
        category: Category::Sync,
        kind: EVERY,
        default: "0",
        help: "Every so many writes one goes through to the medium; 0 is none",
        doc: "That write is on the medium when it ends (RWF_DSYNC, FUA); the engine has to know \
              how.",
        good: &["16", "0"],
        bad: &["", "-1", "often"],
        apply: |draft, value| draft.load.write_barrier = value.count_u32(),
        show: |job| Some(job.load.write_barrier.to_string()),
        ..OPTION
    },
    JobOption {
        name: "end_fsync",
        category: Category::Sync,
        kind: Kind::Bool,
        default: "0",
        help: "Sync the files when the job has written everything",
        doc: "The time that it takes counts as the job's.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.load.end_fsync = value.bool(),
        show: |job| Some(job.load.end_fsync.to_string()),
        ..OPTION
    },
    JobOption {
        name: "fsync_on_close",
        category: Category::Sync,
        kind: Kind::Bool,
        default: "0",
        help: "Sync a file each time it is closed",
        doc: "Not only at the end, as `end_fsync`: with `openfiles` files are closed on the way.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.target.fsync_on_close = value.bool(),
        show: |job| Some(job.target.fsync_on_close.to_string()),
        ..OPTION
    },
];
