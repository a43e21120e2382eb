//! Options that say where in the target the load works, and how much it transfers.
//!
//! Part of the option table. Parts of a target are resolved once its size is known, by the
//! `target` room.

use super::super::spec::{Amount, JobSpec, Zbd};
use super::super::value::{Value, SIZE_MAX};
use super::{bytes, Category, JobOption, Kind, OPTION};

const BYTES: Kind = Kind::Bytes { min: 0, max: SIZE_MAX };

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "size",
        category: Category::Region,
        kind: Kind::Amount,
        unset: "all of the target, which then has to exist",
        help: "Size of the region that the job works on",
        doc: "Of all files of one clone together: files are made as large. Percent are of the \
              target's size; `4z` is four zones of a zoned block device. It is also the amount \
              that is transferred, unless `io_size` says otherwise. An engine without a target \
              (null) needs it. 0 is the same as not given.",
        good: &["64m", "10%", "1g", "4z"],
        bad: &["", "101%", "0%", "4x", "-1", "1.5m", "z"],
        apply: |draft, value| draft.load.size = value.amount(),
        show: |job| job.load.size.map(amount),
        ..OPTION
    },
    JobOption {
        name: "io_size",
        aliases: &["io_limit"],
        category: Category::Region,
        kind: Kind::Amount,
        unset: "`size`",
        help: "How much each clone transfers",
        doc: "More than `size` starts over, less ends early. 0 is the same as not given.",
        good: &["1g", "50%", "2z"],
        bad: &["", "150%", "many", "-1z"],
        apply: |draft, value| draft.load.io_size = value.amount(),
        show: |job| job.load.io_size.map(amount),
        ..OPTION
    },
    JobOption {
        name: "offset",
        aliases: &["fileoffset"],
        category: Category::Region,
        kind: Kind::Amount,
        unset: "the target's beginning",
        help: "Where the region begins",
        doc:
            "Bytes, percent of the target's size, or zones of a zoned block device. In percent it \
              is rounded up to `offset_align`.",
        good: &["1m", "50%", "2z"],
        bad: &["", "110%", "-4k"],
        apply: |draft, value| draft.load.offset = value.amount(),
        show: |job| job.load.offset.map(amount),
        ..OPTION
    },
    JobOption {
        name: "offset_increment",
        category: Category::Region,
        kind: Kind::Amount,
        unset: "all clones begin at `offset`",
        help: "How much further on the region of each clone begins",
        doc: "Clone N (from 0) of `numjobs` begins at `offset` + N times this: with `size` as \
              large the clones work side by side on one target. Percent are of the target's size, \
              rounded as `offset`. 0 is the same as not given.",
        good: &["1g", "25%"],
        bad: &["", "110%", "-4k"],
        apply: |draft, value| draft.load.offset_increment = value.amount(),
        show: |job| job.load.offset_increment.map(amount),
        ..OPTION
    },
    JobOption {
        name: "offset_align",
        category: Category::Region,
        kind: BYTES,
        default: "0",
        help: "Offsets in percent are rounded up to a multiple of this",
        doc: "0 is the smallest block. Offsets in bytes are taken as they are.",
        good: &["1m", "0"],
        bad: &["", "-1", "1x"],
        apply: |draft, value| draft.load.offset_align = value.bytes(),
        show: |job| Some(bytes(job.load.offset_align)),
        ..OPTION
    },
    JobOption {
        name: "number_ios",
        category: Category::Region,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        unset: "no limit",
        help: "End after so many requests of each clone",
        doc: "Ends earlier than `size` or `io_size`, never later; each loop has as many. 0 is the \
              same as not given.",
        good: &["1000"],
        bad: &["", "-1", "1.5"],
        apply: |draft, value| {
            draft.load.number_ios = Some(value.count()).filter(|n| *n != 0);
        },
        show: |job| job.load.number_ios.map(|n| n.to_string()),
        ..OPTION
    },
    JobOption {
        name: "fill_device",
        aliases: &["fill_fs"],
        category: Category::Region,
        kind: Kind::Bool,
        default: "0",
        help: "Write until no space is left, which then is no error",
        doc: "ENOSPC and EDQUOT end the job as if it had written all that it was to write. For \
              loads that write; without `size` a file is written from its beginning on, in \
              order, until the file system is full.",
        fio: "a load that only reads is refused, where fio fills the file system first.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.load.fill_device = value.bool(),
        show: |job| Some(job.load.fill_device.to_string()),
        ..OPTION
    },
    JobOption {
        name: "zonemode",
        category: Category::Region,
        kind: Kind::Choice(&[
            ("none", "the whole region is worked on"),
            ("strided", "work on a part, skip a part, and so on"),
            ("zbd", "the zones of a zoned block device, written at their pointers"),
        ]),
        default: "none",
        help: "Whether the load works on parts of the region, one after another",
        doc: "With strided, `zonesize` bytes are transferred within a zone of `zonerange` bytes, \
              in the order that `rw` says; then the next zone follows, `zoneskip` bytes behind \
              the end of this one. With zbd the target is a zoned block device: a write goes \
              where the pointer of its zone stands, one at a time to a zone, also where `rw` is \
              random; reads stay below the pointer, trims reset zones (docs/zones.md).",
        fio: "has to be written: fio takes a bare `zonesize` for strided; all of \
              `size` is transferred, where a random load of fio ends when the last zone is cut \
              off. zbd needs zones that are there: fio also makes them up on files and ordinary \
              devices.",
        good: &["strided", "zbd", "none"],
        bad: &["", "zbc", "1"],
        apply: |draft, value| {
            draft.zones.strided = value.text() == "strided";
            draft.zones.zbd = value.text() == "zbd";
        },
        show: |job| Some(format!("\"{}\"", zonemode(job))),
        ..OPTION
    },
    JobOption {
        name: "zonesize",
        category: Category::Region,
        kind: BYTES,
        unset: "required by `zonemode=strided`; with zbd whatever the device has",
        help: "Bytes to transfer in a zone before the next one",
        doc: "For `zonemode=strided`. With zbd it is the size of the device's zones, and another \
              one is refused. 0 is the same as not given.",
        good: &["1m"],
        bad: &["", "-1", "many"],
        apply: |draft, value| draft.zones.size = value.bytes(),
        show: |job| match job.load.zbd {
            Some(zbd) => Some(bytes(zbd.zone_size)),
            None => job.load.strided.map(|zones| bytes(zones.size)),
        },
        ..OPTION
    },
    JobOption {
        name: "zonerange",
        category: Category::Region,
        kind: BYTES,
        unset: "`zonesize`",
        help: "Length of a zone",
        doc: "For `zonemode=strided`. Not below `zonesize`. 0 is the same as not given.",
        fio: "a zone that is shorter than `zonesize` is an error, where fio works on it \
              repeatedly.",
        good: &["4m"],
        bad: &["", "-1", "many"],
        apply: |draft, value| draft.zones.range = value.bytes(),
        show: |job| job.load.strided.map(|zones| bytes(zones.range)),
        ..OPTION
    },
    JobOption {
        name: "zoneskip",
        category: Category::Region,
        kind: BYTES,
        default: "0",
        help: "Bytes between the end of a zone and the next zone",
        doc: "With zbd, for sequential loads: whole zones, left out after each. fio's `4z` is not \
              there yet.",
        good: &["7m", "0"],
        bad: &["", "-1", "4z"],
        later: |text| text.ends_with(['z', 'Z']),
        apply: |draft, value| draft.zones.skip = value.bytes(),
        show: |job| match job.load.zbd {
            Some(zbd) => Some(bytes(zbd.skip)),
            None => job.load.strided.map(|zones| bytes(zones.skip)),
        },
        ..OPTION
    },
    JobOption {
        name: "max_open_zones",
        category: Category::Region,
        kind: Kind::Count { min: 0, max: u32::MAX as u64 },
        unset: "as many as the device allows",
        help: "Zones that are written at a time, by all workers",
        doc:
            "For `zonemode=zbd`. Random writes open no more zones than that and then choose among \
              those; a sequential worker that would be one too many waits. More than the device \
              allows is refused. 0 is the same as not given.",
        good: &["8"],
        bad: &["", "-1", "many"],
        apply: |draft, value| draft.zones.of_zbd.max_open = value.count() as u32,
        show: |job| zbd(job).filter(|zbd| zbd.max_open > 0).map(|zbd| zbd.max_open.to_string()),
        ..OPTION
    },
    JobOption {
        name: "job_max_open_zones",
        category: Category::Region,
        kind: Kind::Count { min: 0, max: u32::MAX as u64 },
        unset: "no limit but that of `max_open_zones`",
        help: "Zones that one worker writes at a time",
        doc: "For `zonemode=zbd`. A worker with such a limit writes only to zones that it opened \
              itself. 0 is the same as not given.",
        good: &["2"],
        bad: &["", "-1", "many"],
        apply: |draft, value| draft.zones.of_zbd.job_max_open = value.count() as u32,
        show: |job| {
            let limit = zbd(job).map(|zbd| zbd.job_max_open);
            limit.filter(|limit| *limit > 0).map(|limit| limit.to_string())
        },
        ..OPTION
    },
    JobOption {
        name: "ignore_zone_limits",
        category: Category::Region,
        kind: Kind::Bool,
        default: "0",
        help: "Open more zones than the device says that it allows",
        doc: "For `zonemode=zbd`: to see what it does then.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.zones.of_zbd.ignore_limits = value.bool(),
        show: |job| zbd(job).map(|zbd| zbd.ignore_limits.to_string()),
        ..OPTION
    },
    JobOption {
        name: "zone_reset_threshold",
        category: Category::Region,
        kind: Kind::Fraction,
        default: "0",
        help: "Reset zones once this part of the region holds data",
        doc: "For `zonemode=zbd`, with `zone_reset_frequency`: as a garbage collection would. Of \
              the room in the region's sequential zones, 0 to 1.",
        good: &["0.75"],
        bad: &["", "1.5", "-0.1", "all"],
        apply: |draft, value| {
            let Value::Percent(part) = value else { unreachable!("a fraction") };
            draft.zones.of_zbd.reset_threshold = *part;
        },
        show: |job| zbd(job).map(|zbd| zbd.reset_threshold.to_string()),
        ..OPTION
    },
    JobOption {
        name: "zone_reset_frequency",
        category: Category::Region,
        kind: Kind::Fraction,
        default: "0",
        help: "Zones to reset for each write, above the threshold",
        doc:
            "For `zonemode=zbd`: 0.01 resets a zone after each 100 writes of a worker, a full one \
              if there is any. 0: none but those that are full and written again.",
        fio: "a full zone is reset, where fio resets the one that is being written.",
        good: &["0.01"],
        bad: &["", "1.5", "-0.1", "often"],
        apply: |draft, value| {
            let Value::Percent(part) = value else { unreachable!("a fraction") };
            draft.zones.of_zbd.reset_frequency = *part;
        },
        show: |job| zbd(job).map(|zbd| zbd.reset_frequency.to_string()),
        ..OPTION
    },
    JobOption {
        name: "read_beyond_wp",
        category: Category::Region,
        kind: Kind::Bool,
        default: "0",
        help: "Read also what was never written to a zone",
        doc: "For `zonemode=zbd`. A device answers such reads without looking at its medium.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.zones.of_zbd.read_beyond_wp = value.bool(),
        show: |job| zbd(job).map(|zbd| zbd.read_beyond_wp.to_string()),
        ..OPTION
    },
];

fn zonemode(job: &JobSpec) -> &'static str {
    match (job.load.strided, job.load.zbd) {
        (Some(_), _) => "strided",
        (None, Some(_)) => "zbd",
        (None, None) => "none",
    }
}

fn zbd(job: &JobSpec) -> Option<Zbd> {
    job.load.zbd
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Bytes(size) => bytes(size),
        Amount::Percent(percent) => format!("\"{percent}%\""),
        Amount::Zones(zones) => format!("\"{zones}z\""),
    }
}
