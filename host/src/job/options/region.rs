//! Options that say where in the target the load works, and how much it transfers.
//!
//! Part of the option table. Parts of a target are resolved once its size is known, by the
//! `target` room.

use super::super::spec::{Amount, JobSpec};
use super::super::value::SIZE_MAX;
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
        ]),
        default: "none",
        help: "Whether the load works on parts of the region, one after another",
        doc: "With strided, `zonesize` bytes are transferred within a zone of `zonerange` bytes, \
              in the order that `rw` says; then the next zone follows, `zoneskip` bytes behind \
              the end of this one. fio's `zbd`, for zoned block devices, is not there yet.",
        fio: "has to be written: fio takes a bare `zonesize` for strided; all of \
              `size` is transferred, where a random load of fio ends when the last zone is cut \
              off.",
        good: &["strided", "none"],
        bad: &["", "zbd", "1"],
        later: |text| text == "zbd",
        apply: |draft, value| draft.zones.strided = value.text() == "strided",
        show: |job| Some(format!("\"{}\"", ["none", "strided"][usize::from(strided(job))])),
        ..OPTION
    },
    JobOption {
        name: "zonesize",
        category: Category::Region,
        kind: BYTES,
        unset: "required by `zonemode=strided`",
        help: "Bytes to transfer in a zone before the next one",
        doc: "For `zonemode=strided`. 0 is the same as not given.",
        good: &["1m"],
        bad: &["", "-1", "many"],
        apply: |draft, value| draft.zones.size = value.bytes(),
        show: |job| job.load.strided.map(|zones| bytes(zones.size)),
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
        doc: "For `zonemode=strided`. fio's `4z`, for zoned block devices, is not there yet.",
        good: &["7m", "0"],
        bad: &["", "-1", "4z"],
        later: |text| text.ends_with(['z', 'Z']),
        apply: |draft, value| draft.zones.skip = value.bytes(),
        show: |job| job.load.strided.map(|zones| bytes(zones.skip)),
        ..OPTION
    },
];

fn strided(job: &JobSpec) -> bool {
    job.load.strided.is_some()
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Bytes(size) => bytes(size),
        Amount::Percent(percent) => format!("\"{percent}%\""),
        Amount::Zones(zones) => format!("\"{zones}z\""),
    }
}
