//! Options that say what is asked for: directions, block sizes, amounts, order.
//!
//! Part of the option table. What contradicts another option is told by `checks`, not here: an
//! option of `[global]` may be overruled later.

use super::super::spec::{Amount, BlockRange, JobSpec, Rw};
use super::super::value::{Value, SIZE_MAX};
use super::{bytes, per_dir, Category, JobOption, Kind, OPTION};
use crate::ddir::{Ddir, PerDir};
use crate::units::Bytes;

/// Largest block: a buffer of that size has to fit into memory once for each request in flight.
const BLOCK_MAX: u64 = 1 << 30;

const RW: &[(&str, &str)] = &[
    ("read", "sequential reads"),
    ("write", "sequential writes"),
    ("randread", "random reads"),
    ("randwrite", "random writes"),
    ("rw", "sequential reads and writes, mixed"),
    ("readwrite", "the same as rw"),
    ("randrw", "random reads and writes, mixed"),
    ("trim", "sequential trims"),
    ("randtrim", "random trims"),
    ("trimwrite", "each block trimmed, then written"),
];

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "rw",
        aliases: &["readwrite"],
        category: Category::Load,
        kind: Kind::Choice(RW),
        default: "read",
        help: "Directions of the requests, and whether they are random",
        doc: "Mixed loads draw the direction of each request by `rwmixread`. fio's modifiers \
              (`read:8`) and `randtrimwrite` are not supported yet.",
        good: &["randread", "rw", "trimwrite"],
        bad: &["", "READ", "random", "read:8", "randtrimwrite"],
        later: |text| {
            let base = text.split(':').next().unwrap_or_default();
            base == "randtrimwrite" || (base != text && RW.iter().any(|(word, _)| *word == base))
        },
        apply: |draft, value| draft.load.rw = rw(value.text()),
        show: |job| Some(format!("\"{}\"", job.load.rw.name())),
        ..OPTION
    },
    JobOption {
        name: "bs",
        aliases: &["blocksize"],
        category: Category::Load,
        kind: Kind::BytesPerDir { min: 1, max: BLOCK_MAX },
        default: "4k",
        help: "Size of each request",
        doc: "Per direction: `4k,64k` is for reads and for writes and trims, `,64k` leaves reads \
              as they are, `4k,` sets reads alone; in TOML an array of up to three values. A rest \
              of `size` that is smaller than a block is not worked on.",
        good: &["4k", "4k,64k", ",8k", "512,1m,4k"],
        bad: &["", "0", "4x", "4.5", "2g", "1,2,3,4", "-1"],
        apply: |draft, value| {
            let fixed = value.per_dir().map(|bs| bs.map(|bs| (bs, bs)));
            set_blocks(&mut draft.load.bs, fixed);
        },
        show: |job| fixed_blocks(job).then(|| per_dir(job.load.bs, |bs| bytes(bs.min))),
        ..OPTION
    },
    JobOption {
        name: "bsrange",
        aliases: &["blocksize_range"],
        category: Category::Load,
        kind: Kind::RangePerDir { min: 1, max: BLOCK_MAX },
        unset: "`bs`",
        help: "Range that the size of each request is drawn from",
        doc: "`1k-4k` or `1k:4k`, per direction as `bs`. Sizes are multiples of the smallest. The \
              later of `bs` and `bsrange` wins; both in one section are an error.",
        good: &["1k-4k", "4k:64k", "1k-4k,8k-16k"],
        bad: &["", "4k", "4k-1k", "0-4k", "1-2-3"],
        apply: |draft, value| {
            let Value::RangePerDir(ranges) = *value else { unreachable!("a range per direction") };
            set_blocks(&mut draft.load.bs, ranges);
        },
        show: |job| {
            let range = |bs: BlockRange| {
                let (min, max) = (bytes(bs.min), bytes(bs.max));
                format!("\"{}-{}\"", min.trim_matches('"'), max.trim_matches('"'))
            };
            (!fixed_blocks(job)).then(|| per_dir(job.load.bs, range))
        },
        ..OPTION
    },
    JobOption {
        name: "size",
        category: Category::Load,
        kind: Kind::Amount,
        unset: "all of the target, which then has to exist",
        help: "Size of the region that the job works on",
        doc: "Of all files of one clone together: files are made as large. Percent are of the \
              target's size. It is also the amount that is transferred, unless `io_size` says \
              otherwise. An engine without a target (null) needs it. 0 is the same as not given.",
        good: &["64m", "10%", "1g"],
        bad: &["", "101%", "0%", "4x", "-1", "1.5m"],
        apply: |draft, value| draft.load.size = value.amount(),
        show: |job| job.load.size.map(amount),
        ..OPTION
    },
    JobOption {
        name: "io_size",
        aliases: &["io_limit"],
        category: Category::Load,
        kind: Kind::Amount,
        unset: "`size`",
        help: "How much each clone transfers",
        doc: "More than `size` starts over, less ends early. 0 is the same as not given.",
        good: &["1g", "50%"],
        bad: &["", "150%", "many"],
        apply: |draft, value| draft.load.io_size = value.amount(),
        show: |job| job.load.io_size.map(amount),
        ..OPTION
    },
    JobOption {
        name: "offset",
        aliases: &["fileoffset"],
        category: Category::Load,
        kind: Kind::Amount,
        unset: "the target's beginning",
        help: "Where the region begins",
        doc: "Bytes, or percent of the target's size.",
        good: &["1m", "50%"],
        bad: &["", "110%", "-4k"],
        apply: |draft, value| draft.load.offset = value.amount(),
        show: |job| job.load.offset.map(amount),
        ..OPTION
    },
    JobOption {
        name: "number_ios",
        category: Category::Load,
        kind: Kind::Count { min: 0, max: SIZE_MAX },
        unset: "no limit",
        help: "End after so many requests of each clone",
        doc: "Ends earlier than `size` or `io_size`, never later. 0 is the same as not given.",
        good: &["1000"],
        bad: &["", "-1", "1.5"],
        apply: |draft, value| {
            draft.load.number_ios = Some(value.count()).filter(|n| *n != 0);
        },
        show: |job| job.load.number_ios.map(|n| n.to_string()),
        ..OPTION
    },
    JobOption {
        name: "rwmixread",
        category: Category::Load,
        kind: Kind::Count { min: 0, max: 100 },
        default: "50",
        help: "Percent of a mixed load's requests that read",
        doc: "Only for rw and randrw. Of `rwmixread` and `rwmixwrite` the later one wins; in one \
              section they have to add up to 100.",
        good: &["70", "0", "100"],
        bad: &["", "130", "-1", "50%", "0.5"],
        apply: |draft, value| {
            draft.mix_percent.0 = percent(value);
            draft.load.rwmixread = percent(value);
        },
        show: |job| job.load.rw.is_mixed().then(|| job.load.rwmixread.to_string()),
        ..OPTION
    },
    JobOption {
        name: "rwmixwrite",
        category: Category::Load,
        kind: Kind::Count { min: 0, max: 100 },
        unset: "100 - `rwmixread`",
        help: "Percent of a mixed load's requests that write",
        doc: "See `rwmixread`.",
        good: &["30"],
        bad: &["", "101", "-1"],
        apply: |draft, value| {
            draft.mix_percent.1 = percent(value);
            draft.load.rwmixread = 100 - percent(value);
        },
        ..OPTION
    },
    JobOption {
        name: "norandommap",
        category: Category::Load,
        kind: Kind::Flag,
        default: "0",
        help: "Random blocks may repeat before all were touched",
        doc: "By default a random load touches each block once before it starts over, which costs \
              a bit of memory for each block.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.load.norandommap = value.bool(),
        show: |job| Some(job.load.norandommap.to_string()),
        ..OPTION
    },
    JobOption {
        name: "randrepeat",
        aliases: &["allrandrepeat"],
        category: Category::Load,
        kind: Kind::Bool,
        default: "1",
        help: "Draw the same random sequence in each run",
        doc: "With 0 each run draws its own; the report then holds the seed. A `randseed` that is \
              given is used in any case.",
        good: &["1", "0"],
        bad: &["yes", "2", ""],
        apply: |draft, value| draft.load.randrepeat = value.bool(),
        show: |job| Some(job.load.randrepeat.to_string()),
        ..OPTION
    },
    JobOption {
        name: "randseed",
        category: Category::Load,
        kind: Kind::Count { min: 0, max: u64::MAX },
        default: "0x89",
        help: "Seed of everything that is drawn at random",
        doc: "Clones derive their own seeds from it. Equal seeds and equal options give equal \
              sequences of requests; they are not the sequences of fio.",
        good: &["42", "0x89"],
        bad: &["", "-1", "seed"],
        apply: |draft, value| draft.load.randseed = value.count(),
        show: |job| job.load.randrepeat.then(|| job.load.randseed.to_string()),
        ..OPTION
    },
    JobOption {
        name: "fsync",
        category: Category::Load,
        kind: Kind::Count { min: 0, max: u32::MAX as u64 },
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
        name: "end_fsync",
        category: Category::Load,
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
];

fn rw(word: &str) -> Rw {
    match word {
        "write" => Rw::Write,
        "randread" => Rw::RandRead,
        "randwrite" => Rw::RandWrite,
        "rw" | "readwrite" => Rw::Rw,
        "randrw" => Rw::RandRw,
        "trim" => Rw::Trim,
        "randtrim" => Rw::RandTrim,
        "trimwrite" => Rw::TrimWrite,
        _ => Rw::Read,
    }
}

fn percent(value: &Value) -> u8 {
    u8::try_from(value.count()).unwrap_or_else(|_| unreachable!("at most 100"))
}

fn set_blocks(blocks: &mut PerDir<BlockRange>, given: PerDir<Option<(u64, u64)>>) {
    for ddir in Ddir::DATA {
        if let Some((min, max)) = given[ddir] {
            blocks[ddir] = BlockRange { min: Bytes(min), max: Bytes(max) };
        }
    }
}

fn fixed_blocks(job: &JobSpec) -> bool {
    job.load.bs.iter().all(|(_, bs)| bs.min == bs.max)
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Bytes(size) => bytes(size),
        Amount::Percent(percent) => format!("\"{percent}%\""),
        Amount::Zones(zones) => format!("\"{zones}z\""),
    }
}
