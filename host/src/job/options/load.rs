//! Options that say what is asked for: directions and block sizes.
//!
//! Part of the option table. What contradicts another option is told by `checks`, not here: an
//! option of `[global]` may be overruled later.

use super::super::shapes;
use super::super::spec::{BlockRange, LoadSpec, Sequencer};
use super::super::value::Value;
use super::{bytes, per_dir, quoted, some_dirs, Category, JobOption, Kind, OPTION};
use crate::ddir::{Ddir, PerDir};
use crate::units::Bytes;

/// Largest block: a buffer of that size has to fit into memory once for each request in flight.
const BLOCK_MAX: u64 = 1 << 30;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "rw",
        aliases: &["readwrite"],
        category: Category::Load,
        kind: Kind::Rw,
        default: "read",
        help: "Directions of the requests, and whether they are random",
        doc: "Mixed loads draw the direction of each request by `rwmixread`; trimwrite and \
              randtrimwrite trim each block and write it then. A number behind a colon changes the \
              order. Random, `randread:8`: 8 requests one behind the other, then a new random \
              offset; or the same offset 8 times (`rw_sequencer`). Sequential, `read:8k`: so many \
              bytes are left out between one request and the next; `read:-8k` with `bs=4k` goes \
              backwards. It is bytes behind a sequential word and a count behind a random one.",
        good: &["randread", "rw", "trimwrite", "randtrimwrite", "randread:8", "read:-8k"],
        bad: &["", "READ", "random", "read:", "randread:0", "randread:-8", "read:8x", "read:1:2"],
        apply: |draft, value| {
            let Value::Rw(rw, number) = *value else { unreachable!("the option is rw") };
            let number = number.unwrap_or(0);
            draft.load.rw = rw;
            draft.load.seq_add = if rw.is_random() { 0 } else { number };
            draft.load.seq_nr = match u32::try_from(number) {
                Ok(requests) if rw.is_random() => requests,
                _ => 0,
            };
        },
        show: |job| Some(rw(&job.load)),
        ..OPTION
    },
    JobOption {
        name: "rw_sequencer",
        category: Category::Load,
        kind: Kind::Choice(&[
            ("sequential", "requests one behind the other, then a new random offset"),
            ("identical", "the same random offset again and again, then a new one"),
        ]),
        default: "sequential",
        help: "What the number behind a random `rw` does",
        doc: "Only with a number behind a random `rw` (`rw=randread:8`); a warning otherwise.",
        good: &["identical", "sequential"],
        bad: &["", "same", "8"],
        apply: |draft, value| {
            draft.load.rw_sequencer = match value.text() {
                "identical" => Sequencer::Identical,
                _ => Sequencer::Sequential,
            };
        },
        show: |job| match job.load.rw_sequencer {
            Sequencer::Sequential if job.load.seq_nr == 0 => None,
            Sequencer::Sequential => Some(quoted("sequential")),
            Sequencer::Identical => Some(quoted("identical")),
        },
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
            set_blocks(&mut draft.load, fixed);
        },
        show: |job| {
            let shown = !all_split(&job.load) && fixed_blocks(&job.load);
            shown.then(|| per_dir(job.load.bs, |bs| bytes(bs.min)))
        },
        ..OPTION
    },
    JobOption {
        name: "bsrange",
        aliases: &["blocksize_range"],
        category: Category::Load,
        kind: Kind::RangePerDir { min: 1, max: BLOCK_MAX },
        unset: "`bs`",
        help: "Range that the size of each request is drawn from",
        doc: "`1k-4k` or `1k:4k`, per direction as `bs`. Sizes are multiples of the smallest, \
              unless `bs_unaligned` is set. The later of `bs`, `bsrange` and `bssplit` wins; two \
              of them in one section are an error.",
        good: &["1k-4k", "4k:64k", "1k-4k,8k-16k"],
        bad: &["", "4k", "4k-1k", "0-4k", "1-2-3"],
        apply: |draft, value| {
            let Value::RangePerDir(ranges) = *value else { unreachable!("a range per direction") };
            set_blocks(&mut draft.load, ranges);
        },
        show: |job| {
            let range = |bs: BlockRange| {
                let (min, max) = (bytes(bs.min), bytes(bs.max));
                format!("\"{}-{}\"", min.trim_matches('"'), max.trim_matches('"'))
            };
            let shown = !all_split(&job.load) && !fixed_blocks(&job.load);
            shown.then(|| per_dir(job.load.bs, range))
        },
        ..OPTION
    },
    JobOption {
        name: "bssplit",
        category: Category::Load,
        kind: Kind::Split { max: BLOCK_MAX },
        unset: "`bs`",
        help: "Block sizes, and the share of the requests that have each",
        doc: "`4k/60:64k/40`: 60 percent of the requests are of 4 KiB. Percentages are whole \
              numbers from 1; where one is left out (`4k/50:1k/:32k/`) it takes its share of the \
              rest, the first ones one more where that does not divide. They add up to 100. Per \
              direction as `bs`, in TOML an array of up to three texts, \"\" for a direction that \
              keeps its `bs`. Up to 64 sizes for a direction.",
        fio: "a sum below 100 and a share of 0 are errors, where fio takes them.",
        good: &["4k/60:64k/40", "4k/50:1k/:32k/", "2k/50:4k/50,4k/90:8k/10"],
        bad: &["", "4k/60:8k/30", "4k/60:8k/50", "4k/100:8k/", "0/100", "4k/x", "4k/0:8k/100"],
        apply: |draft, value| {
            let Value::Split(split) = value else { unreachable!("the option is a split") };
            for ddir in Ddir::DATA {
                let Some(shares) = &split[ddir] else { continue };
                let sizes = || shares.iter().map(|share| share.bs);
                if let (Some(min), Some(max)) = (sizes().min(), sizes().max()) {
                    draft.load.bs[ddir] = BlockRange { min, max };
                    draft.load.bssplit[ddir].clone_from(shares);
                }
            }
        },
        show: |job| {
            some_dirs(&job.load.bssplit, |shares| {
                (!shares.is_empty()).then(|| quoted(&shapes::show_split(shares, bytes)))
            })
        },
        ..OPTION
    },
    JobOption {
        name: "blockalign",
        aliases: &["ba"],
        category: Category::Load,
        kind: Kind::BytesPerDir { min: 1, max: BLOCK_MAX },
        unset: "the smallest block",
        help: "Random offsets are multiples of this",
        doc:
            "Per direction, as `bs`. Below the block size requests may overlap. Given, the random \
              map is off: blocks may repeat, as with `norandommap`. No effect on sequential loads, \
              and a warning says so.",
        good: &["4k", "512,4k"],
        bad: &["", "0", "-1", "4x"],
        apply: |draft, value| {
            let given = value.per_dir();
            for ddir in Ddir::DATA {
                if let Some(align) = given[ddir] {
                    draft.load.blockalign[ddir] = Some(Bytes(align));
                }
            }
        },
        show: |job| some_dirs(&job.load.blockalign, |align| align.map(bytes)),
        ..OPTION
    },
    JobOption {
        name: "bs_unaligned",
        aliases: &["blocksize_unaligned"],
        category: Category::Load,
        kind: Kind::Flag,
        default: "0",
        help: "Sizes drawn from `bsrange` are any number of bytes",
        doc: "Without it they are multiples of the smallest. Rarely of use with `direct=1`, which \
              wants whole logical blocks.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.load.bs_unaligned = value.bool(),
        show: |job| Some(job.load.bs_unaligned.to_string()),
        ..OPTION
    },
    JobOption {
        name: "bs_is_seq_rand",
        category: Category::Load,
        kind: Kind::Bool,
        default: "0",
        help: "`bs=A,B` is sequential,random instead of read,write",
        doc:
            "The first size (or range, or split) is for sequential requests of any direction, the \
              second for random ones: for loads that are both, by `percentage_random`.",
        good: &["1", "0"],
        bad: &["yes", "2", ""],
        apply: |draft, value| draft.load.bs_is_seq_rand = value.bool(),
        show: |job| Some(job.load.bs_is_seq_rand.to_string()),
        ..OPTION
    },
];

fn rw(load: &LoadSpec) -> String {
    let word = load.rw.name();
    if load.seq_nr != 0 {
        return format!("\"{word}:{}\"", load.seq_nr);
    }
    let sign = if load.seq_add < 0 { "-" } else { "" };
    match load.seq_add.unsigned_abs() {
        0 => format!("\"{word}\""),
        add => format!("\"{word}:{sign}{}\"", bytes(Bytes(add)).trim_matches('"')),
    }
}

fn set_blocks(load: &mut LoadSpec, given: PerDir<Option<(u64, u64)>>) {
    for ddir in Ddir::DATA {
        if let Some((min, max)) = given[ddir] {
            load.bs[ddir] = BlockRange { min: Bytes(min), max: Bytes(max) };
            load.bssplit[ddir].clear();
        }
    }
}

fn fixed_blocks(load: &LoadSpec) -> bool {
    load.bs.iter().all(|(_, bs)| bs.min == bs.max)
}

/// Nothing is left that `bs` and `bsrange` could say.
fn all_split(load: &LoadSpec) -> bool {
    load.bssplit.iter().all(|(_, shares)| !shares.is_empty())
}
