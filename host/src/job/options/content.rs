//! Options that say what is written.
//!
//! Part of the option table. Which of them exclude one another is told by `checks`.

use super::super::pattern;
use super::super::spec::DedupeMode;
use super::super::value::Value;
use super::{bytes, quoted, Category, JobOption, Kind, OPTION};
use crate::units::Bytes;

/// `buffer_compress_chunk` where it is not given.
const CHUNK: Bytes = Bytes(512);
/// `dedupe_working_set_percentage` where it is not given.
const WORKING_SET: u8 = 5;
/// As the largest block.
const CHUNK_MAX: u64 = 1 << 30;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "refill_buffers",
        category: Category::Content,
        kind: Kind::Flag,
        default: "0",
        help: "Fresh random data for each request",
        doc: "By default the buffers are filled once, at the start, and only scrambled then \
              (`scramble_buffers`). Costs CPU time for each byte.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.content.refill_buffers = value.bool(),
        show: |job| Some(job.content.refill_buffers.to_string()),
        ..OPTION
    },
    JobOption {
        name: "zero_buffers",
        category: Category::Content,
        kind: Kind::Flag,
        default: "0",
        help: "Write zeros",
        doc: "Devices that compress or deduplicate make little of them. The later of it and \
              `buffer_pattern` wins; both in one section are an error.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| {
            draft.zeros_asked = value.bool();
            draft.content.zero_buffers = value.bool();
            if value.bool() {
                draft.content.buffer_pattern.clear();
            }
        },
        show: |job| Some(job.content.zero_buffers.to_string()),
        ..OPTION
    },
    JobOption {
        name: "scramble_buffers",
        category: Category::Content,
        kind: Kind::Bool,
        default: "1",
        help: "Change a little of the data for each request",
        doc: "Cheaper than `refill_buffers`: enough that no two blocks are alike, not enough to \
              mislead a device that compresses.",
        good: &["0", "1"],
        bad: &["yes", "2", ""],
        apply: |draft, value| draft.content.scramble_buffers = value.bool(),
        show: |job| Some(job.content.scramble_buffers.to_string()),
        ..OPTION
    },
    JobOption {
        name: "buffer_pattern",
        category: Category::Content,
        kind: Kind::Pattern,
        unset: "random data",
        help: "Fill the buffers with these bytes, again and again",
        doc: "Numbers, strings and files, one behind the other: `\"abcd\"-120xdeadface'file'`. \
              `0x` and hex digits are bytes in that order; a decimal number has its lowest byte \
              first and as many as it needs, a negative one four; a string stands in double quotes \
              and knows no escapes; a file, in single quotes, is read when the run begins. In \
              TOML the same text is a string: `'0xdeadface'`. In fio's format a `;` or `#` ends \
              it. Not together with `zero_buffers`, compression or deduplication.",
        fio: "not together with `buffer_compress_percentage` or `dedupe_percentage`.",
        good: &["0xdeadface", "\"abcd\"-12", "\"abcd\"-120xdeadface'file'", "12"],
        bad: &["", "abcd", "\"abcd", "'file", "0x", "5000000000", "%o"],
        apply: |draft, value| {
            let Value::Pattern(parts) = value else { unreachable!("the option is a pattern") };
            draft.content.buffer_pattern.clone_from(parts);
            draft.content.zero_buffers = false;
        },
        show: |job| {
            let parts = &job.content.buffer_pattern;
            (!parts.is_empty()).then(|| quoted(&pattern::show(parts)))
        },
        ..OPTION
    },
    JobOption {
        name: "buffer_compress_percentage",
        category: Category::Content,
        kind: Kind::Count { min: 0, max: 100 },
        default: "0",
        help: "Percent of the data that compresses away",
        doc: "Each chunk (`buffer_compress_chunk`) is random data, followed by so much of zeros. \
              Above 0 the buffers are filled for each request, as with `refill_buffers`.",
        good: &["50", "0", "100"],
        bad: &["", "101", "-1", "50%"],
        apply: |draft, value| draft.content.compress_percentage = percent(value),
        show: |job| Some(job.content.compress_percentage.to_string()),
        ..OPTION
    },
    JobOption {
        name: "buffer_compress_chunk",
        category: Category::Content,
        kind: Kind::Bytes { min: 0, max: CHUNK_MAX },
        default: "512",
        help: "Length of a piece that compresses by `buffer_compress_percentage`",
        doc: "0 is the whole block.",
        good: &["4k", "0"],
        bad: &["", "-1", "4x"],
        apply: |draft, value| draft.content.compress_chunk = value.bytes(),
        show: |job| {
            let content = &job.content;
            let matters = content.compress_percentage > 0 || content.compress_chunk != CHUNK;
            matters.then(|| bytes(content.compress_chunk))
        },
        ..OPTION
    },
    JobOption {
        name: "dedupe_percentage",
        category: Category::Content,
        kind: Kind::Count { min: 0, max: 100 },
        default: "0",
        help: "Percent of the blocks that were written before",
        doc: "Above 0 the buffers are filled for each request, as with `refill_buffers`.",
        good: &["30", "0", "100"],
        bad: &["", "101", "-1", "30%"],
        apply: |draft, value| draft.content.dedupe_percentage = percent(value),
        show: |job| Some(job.content.dedupe_percentage.to_string()),
        ..OPTION
    },
    JobOption {
        name: "dedupe_mode",
        category: Category::Content,
        kind: Kind::Choice(&[
            ("repeat", "the unique block that was written last"),
            ("working_set", "one of a set of blocks, see `dedupe_working_set_percentage`"),
        ]),
        default: "repeat",
        help: "Which block a repeated one repeats",
        doc: "Only with `dedupe_percentage`.",
        good: &["working_set", "repeat"],
        bad: &["", "last"],
        apply: |draft, value| {
            draft.content.dedupe_mode = match value.text() {
                "working_set" => DedupeMode::WorkingSet,
                _ => DedupeMode::Repeat,
            };
        },
        show: |job| match job.content.dedupe_mode {
            DedupeMode::Repeat if job.content.dedupe_percentage == 0 => None,
            DedupeMode::Repeat => Some(quoted("repeat")),
            DedupeMode::WorkingSet => Some(quoted("working_set")),
        },
        ..OPTION
    },
    JobOption {
        name: "dedupe_working_set_percentage",
        category: Category::Content,
        kind: Kind::Count { min: 1, max: 100 },
        default: "5",
        help: "Size of the set of repeated blocks, in percent of the job's size",
        doc: "Only with `dedupe_mode=working_set`.",
        fio: "0, a set without a block, is an error.",
        good: &["5", "100"],
        bad: &["", "0", "101", "5%"],
        apply: |draft, value| draft.content.dedupe_working_set_percentage = percent(value),
        show: |job| {
            let content = &job.content;
            let percent = content.dedupe_working_set_percentage;
            let repeats = content.dedupe_percentage > 0;
            let matters = repeats && content.dedupe_mode == DedupeMode::WorkingSet;
            (matters || percent != WORKING_SET).then(|| percent.to_string())
        },
        ..OPTION
    },
];

fn percent(value: &Value) -> u8 {
    u8::try_from(value.count()).unwrap_or_else(|_| unreachable!("at most 100"))
}
