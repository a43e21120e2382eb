//! Options that say how files come to be, how they are opened, and what becomes of them.
//!
//! Part of the option table. Acted on by the `target` room before and after the load.

use super::super::spec::{Fallocate, SyncMode};
use super::{quoted, Category, JobOption, Kind, OPTION};

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "allow_file_create",
        category: Category::Files,
        kind: Kind::Bool,
        default: "1",
        help: "Make files that are missing",
        doc: "With 0 a missing file is an error.",
        good: &["0", "1"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.allow_file_create = value.bool(),
        show: |job| Some(job.target.allow_file_create.to_string()),
        ..OPTION
    },
    JobOption {
        name: "create_serialize",
        category: Category::Files,
        kind: Kind::Bool,
        default: "1",
        help: "Lay out the files of one clone at a time",
        doc: "Clones that lay out at the same time mix their blocks on the medium.",
        good: &["0", "1"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.create_serialize = value.bool(),
        show: |job| Some(job.target.create_serialize.to_string()),
        ..OPTION
    },
    JobOption {
        name: "create_fsync",
        category: Category::Files,
        kind: Kind::Bool,
        default: "1",
        help: "Sync each file once it is laid out",
        doc: "So that its writeback does not fall into the measurement.",
        good: &["0", "1"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.create_fsync = value.bool(),
        show: |job| Some(job.target.create_fsync.to_string()),
        ..OPTION
    },
    JobOption {
        name: "create_on_open",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Make files when they are opened, not before the start",
        doc:
            "Files then begin empty, and the time that it takes to make them is part of the job's.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.create_on_open = value.bool(),
        show: |job| Some(job.target.create_on_open.to_string()),
        ..OPTION
    },
    JobOption {
        name: "create_only",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Lay out the files, and that is all",
        doc: "The load itself does not run.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.create_only = value.bool(),
        show: |job| Some(job.target.create_only.to_string()),
        ..OPTION
    },
    JobOption {
        name: "fallocate",
        category: Category::Files,
        kind: Kind::Choice(&[
            ("none", "no room is set aside"),
            ("native", "fallocate(2) where the file system can, else nothing"),
            ("posix", "posix_fallocate(3): the C library writes where the file system cannot"),
            ("keep", "fallocate(2) that keeps the file's length"),
            ("truncate", "ftruncate(2): a length without blocks"),
            ("0", "the same as none"),
            ("1", "the same as posix"),
        ]),
        default: "native",
        help: "How room is set aside for a file that will be written",
        doc: "Files that will be read are filled with data in any case.",
        good: &["native", "none", "posix", "keep", "truncate", "0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| {
            draft.target.fallocate = match value.text() {
                "none" | "0" => Fallocate::None,
                "posix" | "1" => Fallocate::Posix,
                "keep" => Fallocate::Keep,
                "truncate" => Fallocate::Truncate,
                _ => Fallocate::Native,
            };
        },
        show: |job| {
            Some(quoted(match job.target.fallocate {
                Fallocate::None => "none",
                Fallocate::Native => "native",
                Fallocate::Posix => "posix",
                Fallocate::Keep => "keep",
                Fallocate::Truncate => "truncate",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "overwrite",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Fill files with data before they are written",
        doc: "So that writes change blocks that exist instead of making new ones. A file that is \
              large enough already is left as it is. No effect on a load that never writes, and a \
              warning says so.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.overwrite = value.bool(),
        show: |job| Some(job.target.overwrite.to_string()),
        ..OPTION
    },
    JobOption {
        name: "pre_read",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Read all files once before the start",
        doc: "So that a buffered load finds them in the page cache; `invalidate` is then off, as \
              it would undo it.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.pre_read = value.bool(),
        show: |job| Some(job.target.pre_read.to_string()),
        ..OPTION
    },
    JobOption {
        name: "direct",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Bypass the page cache (O_DIRECT)",
        doc: "Offsets and sizes then have to be multiples of the device's logical block, and some \
              file systems refuse it.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| {
            draft.direct_asked = value.bool();
            draft.target.direct = value.bool();
        },
        show: |job| Some(job.target.direct.to_string()),
        ..OPTION
    },
    JobOption {
        name: "buffered",
        category: Category::Files,
        kind: Kind::Bool,
        unset: "the opposite of `direct`",
        help: "Use the page cache: the opposite of `direct`",
        doc: "The later of the two wins; in one section they may not contradict one another.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| {
            draft.buffered_asked = value.bool();
            draft.target.direct = !value.bool();
        },
        ..OPTION
    },
    JobOption {
        name: "sync",
        category: Category::Files,
        kind: Kind::Choice(&[
            ("none", "writes are as they are"),
            ("sync", "O_SYNC: each write ends when it is on the medium"),
            ("dsync", "O_DSYNC: the same, but for times and the like"),
            ("0", "the same as none"),
            ("1", "the same as sync"),
        ]),
        default: "none",
        help: "Open files so that each write is synchronous",
        doc: "For a sync now and then see `fsync` and `fdatasync`.",
        good: &["none", "sync", "dsync", "0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| {
            draft.target.sync = match value.text() {
                "sync" | "1" => SyncMode::Sync,
                "dsync" => SyncMode::Dsync,
                _ => SyncMode::None,
            };
        },
        show: |job| {
            Some(quoted(match job.target.sync {
                SyncMode::None => "none",
                SyncMode::Sync => "sync",
                SyncMode::Dsync => "dsync",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "openfiles",
        category: Category::Files,
        kind: Kind::Count { min: 0, max: 65_536 },
        unset: "all of them",
        help: "Files that are open at the same time",
        doc: "Fewer than `nrfiles`: files are closed and others opened on the way. 0 is all.",
        fio: "more than there are files is an error, where fio takes what there is.",
        good: &["4"],
        bad: &["", "-1", "65537", "all"],
        apply: |draft, value| draft.target.openfiles = value.count_u32(),
        show: |job| Some(job.target.openfiles).filter(|n| *n != 0).map(|n| n.to_string()),
        ..OPTION
    },
    JobOption {
        name: "unlink",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Remove the job's files after the run",
        doc: "Devices are never removed.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.unlink = value.bool(),
        show: |job| Some(job.target.unlink.to_string()),
        ..OPTION
    },
    JobOption {
        name: "unlink_each_loop",
        category: Category::Files,
        kind: Kind::Bool,
        default: "0",
        help: "Remove the job's files after each pass, and make them again",
        doc: "A pass is one of `loops`, or of the repetitions of `time_based`. Devices are never \
              removed.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.unlink_each_loop = value.bool(),
        show: |job| Some(job.target.unlink_each_loop.to_string()),
        ..OPTION
    },
    JobOption {
        name: "invalidate",
        category: Category::Files,
        kind: Kind::Bool,
        default: "1",
        help: "Drop the target's cached pages before the start",
        doc: "So that a buffered read begins at the device and not in memory. Done once, before \
              the start: later passes of `loops` and `time_based` may be served by the cache (use \
              `direct=1` against that).",
        fio: "done once, where fio drops the cache at each pass.",
        good: &["1", "0"],
        bad: BAD_BOOL,
        apply: |draft, value| draft.target.invalidate = value.bool(),
        show: |job| Some(job.target.invalidate.to_string()),
        ..OPTION
    },
];

const BAD_BOOL: &[&str] = &["2", "yes", ""];
