//! Options that say whether and how data is verified: the method, the stamp, what counts.
//!
//! Part of the option table. When it is looked at, with how many threads, and what is trimmed on
//! the way is in `verify_course`; which of them contradict one another is told by `checks`.

use super::super::pattern;
use super::super::spec::{VerifyMethod, VerifyPolicy};
use super::super::value::{Value, SIZE_MAX};
use super::{bytes, quoted, Category, JobOption, Kind, OPTION};

/// As the largest block.
const INTERVAL_MAX: u64 = 1 << 30;

/// What `verify` takes, in fio's words.
const METHODS: &[(&str, &str)] = &[
    ("md5", "a stamp with an MD5 of the rest of the interval"),
    ("crc32", "the same with a CRC-32"),
    ("crc32c", "the same with a CRC-32C, the cheapest"),
    ("crc32c-intel", "the same as crc32c"),
    ("crc64", "the same with a CRC-64"),
    ("crc16", "the same with a CRC-16"),
    ("crc7", "the same with a CRC-7"),
    ("xxhash", "the same with an XXH3 of 64 bits"),
    ("sha1", "the same with a SHA-1"),
    ("sha256", "the same with a SHA-256"),
    ("sha512", "the same with a SHA-512"),
    ("sha3-224", "the same with a SHA3-224"),
    ("sha3-256", "the same with a SHA3-256"),
    ("sha3-384", "the same with a SHA3-384"),
    ("sha3-512", "the same with a SHA3-512"),
    ("pattern", "`verify_pattern` alone, byte by byte, without a stamp"),
    ("pattern_hdr", "a stamp, and `verify_pattern` around it, byte by byte"),
    ("meta", "a stamp without a digest: where and when, not what"),
    ("null", "pretend: blocks are read, and nothing is looked at"),
    ("none", "nothing is verified"),
    ("0", "the same as none"),
];

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "verify",
        category: Category::Verification,
        kind: Kind::Choice(METHODS),
        unset: "nothing is verified",
        help: "Verify data, and by what",
        doc:
            "A job that writes stamps each `verify_interval` of what it writes, and reads it back \
              when all is written, or now and then (`verify_backlog`); reads of a mixed job are \
              not looked at. A job that only reads expects the stamps of an earlier run and checks \
              what it reads. A stamp says where the block belongs, which write it comes from, and \
              the digest of the rest. Requests of the job that overlap wait for one another, and \
              `runtime` never cuts the reading back short. Ends with status 3 for any miscompare, \
              with 4 where something was left out without an error. Not for engines that move no \
              data, for whole files or for streams. `none` lifts one that `[global]` gives.",
        fio:
            "the stamps have a format of their own; `none` is a word for what fio calls 0; random \
              loads with `norandommap` are verified without false alarms.",
        good: &["crc32c", "md5", "sha3-512", "pattern_hdr", "crc32c-intel", "none"],
        bad: &["", "crc", "1", "MD5", "sha3"],
        apply: |draft, value| draft.verify.method = VerifyMethod::of_name(value.text()),
        show: |job| job.verify.method.map(|method| quoted(method.name())),
        ..OPTION
    },
    JobOption {
        name: "do_verify",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "1",
        help: "Read back and look, not only stamp",
        doc: "With 0 the data is stamped for a later run (`verify_only`, a job that reads, or \
              `iodyno verify`); the run ends with status 0 and a note that nothing was verified.",
        fio: "0 together with `verify_backlog`, `verify_only` or `verify_state_load`, which then \
              would verify nothing, is an error.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.do_verify = value.bool(),
        show: |job| Some(job.verify.do_verify.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_only",
        category: Category::Verification,
        kind: Kind::Flag,
        default: "0",
        help: "Write nothing: look whether an earlier run's data is still there",
        doc: "For the job that wrote it, as it was: the same sequence is drawn, and each block is \
              read in place of being written. Not with `time_based`, whose end nobody can draw \
              again; a job that only reads verifies without it.",
        good: &["1", "0"],
        bad: &["2", "yes"],
        apply: |draft, value| draft.verify.verify_only = value.bool(),
        show: |job| Some(job.verify.verify_only.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_interval",
        category: Category::Verification,
        kind: Kind::Bytes { min: 0, max: INTERVAL_MAX },
        default: "0",
        help: "Each so many bytes are stamped and judged on their own",
        doc: "Divides all block sizes of the job, and leaves room for `verify_offset` and the \
              stamp: 80 bytes and the digest. 0 is the smallest block of the job.",
        fio: "one that does not divide the block sizes is an error that names the largest that \
              does, where fio takes that one on the quiet.",
        good: &["4k", "512", "0"],
        bad: &["", "-1", "2g", "4x"],
        apply: |draft, value| draft.verify.interval = value.bytes(),
        show: |job| Some(bytes(job.verify.interval)),
        ..OPTION
    },
    JobOption {
        name: "verify_offset",
        category: Category::Verification,
        kind: Kind::Bytes { min: 0, max: INTERVAL_MAX },
        default: "0",
        help: "Where in an interval the stamp lies",
        doc: "Bytes from the beginning of the interval. Stamp and digest have to fit behind it.",
        good: &["1k", "0"],
        bad: &["", "-1", "4x"],
        apply: |draft, value| draft.verify.offset = value.bytes(),
        show: |job| Some(bytes(job.verify.offset)),
        ..OPTION
    },
    JobOption {
        name: "verify_pattern",
        category: Category::Verification,
        kind: Kind::VerifyPattern,
        unset: "random data, drawn from the stamp's seed",
        help: "Write these bytes, again and again, and expect them back",
        doc: "In the syntax of `buffer_pattern`, with `%o` for the offset of the interval within \
              its file, in 8 bytes, the lowest first: `0xff%o\"abcd\"-12`. Begins anew at each \
              `verify_interval`. `verify=pattern` and `verify=pattern_hdr` need one and compare \
              with it byte by byte; with another method it is what the stamp's digest is made of.",
        fio: "begins anew at each interval, `%o` being that interval's offset, where fio begins \
              anew at each block; up to 65536 bytes, or a file, and longer than an interval is an \
              error; `verify=pattern` without one is an error.",
        good: &["%o", "0xdeadbeef", "0xff%o\"abcd\"-12", "'file'%o"],
        bad: &["", "abcd", "\"abcd", "'file", "0x", "%d", "%"],
        apply: |draft, value| {
            let Value::VerifyPattern(parts) = value else { unreachable!("a pattern to verify") };
            draft.verify.pattern.clone_from(parts);
        },
        show: |job| {
            let parts = &job.verify.pattern;
            (!parts.is_empty()).then(|| quoted(&pattern::show_verify(parts)))
        },
        ..OPTION
    },
    JobOption {
        name: "verify_fatal",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "0",
        help: "End the job at the first miscompare",
        doc: "Without it everything is looked at, and the job fails in the end.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.fatal = value.bool(),
        show: |job| Some(job.verify.fatal.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_dump",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "0",
        help: "Write both blocks of a miscompare into files",
        doc: "`FILE.OFFSET.received` and `FILE.OFFSET.expected`, in the current directory, FILE \
              being the target's name without its directories.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.dump = value.bool(),
        show: |job| Some(job.verify.dump.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_policy",
        category: Category::Verification,
        kind: Kind::Choice(&[
            ("completed", "a write has to be there once it was completed"),
            ("fsynced", "once a flush behind it (`fsync` and its kin) has covered it"),
        ]),
        default: "completed",
        help: "From when on a write has to be there",
        doc: "`fsynced` is for power cuts: a write that no flush has covered may be there or not, \
              and is not counted.",
        good: &["fsynced", "completed"],
        bad: &["", "synced", "1"],
        apply: |draft, value| {
            draft.verify.policy = match value.text() {
                "fsynced" => VerifyPolicy::Fsynced,
                _ => VerifyPolicy::Completed,
            };
        },
        show: |job| {
            Some(quoted(match job.verify.policy {
                VerifyPolicy::Completed => "completed",
                VerifyPolicy::Fsynced => "fsynced",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "verify_write_sequence",
        category: Category::Verification,
        kind: Kind::Bool,
        unset: "compared where the run knows what it wrote",
        help: "Compare which write a block comes from",
        doc:
            "By the generation in the stamp, which tells a stale block from a new one. 0 lets any \
              pass; 1 insists on it where only a saved state or a drawn sequence knows it.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.write_sequence = Some(value.bool()),
        show: |job| job.verify.write_sequence.map(|on| on.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_header_seed",
        category: Category::Verification,
        kind: Kind::Bool,
        unset: "compared where the run knows what it wrote",
        help: "Compare the seed of a block's data",
        doc: "By the seed in the stamp. 0 lets any pass; 1 insists on it where only a drawn \
              sequence knows it.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.header_seed = Some(value.bool()),
        show: |job| job.verify.header_seed.map(|on| on.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_run",
        category: Category::Verification,
        kind: Kind::RunId,
        unset: "stamps of any run pass",
        help: "Expect the stamps of this run and of no other",
        doc: "For jobs that look at what an earlier run wrote. The id, 16 hex digits, stands in \
              the report of that run and in each of its stamps.",
        good: &["00000000deadbeef", "0123456789ABCDEF"],
        bad: &["", "deadbeef", "0x00000000deadbee", "+0123456789abcde"],
        apply: |draft, value| draft.verify.run = Some(value.count()),
        show: |job| job.verify.run.map(|id| quoted(&format!("{id:016x}"))),
        ..OPTION
    },
    JobOption {
        name: "verify_selftest",
        category: Category::Verification,
        kind: Kind::Bool,
        default: "1",
        help: "Show first that the method finds a damaged block",
        doc: "Before the job begins, blocks are stamped, damaged and judged in memory; a method \
              that misses one fails the run. Takes well below a second.",
        good: &["0", "1"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.verify.selftest = value.bool(),
        show: |job| Some(job.verify.selftest.to_string()),
        ..OPTION
    },
    JobOption {
        name: "verify_ledger_max",
        category: Category::Verification,
        kind: Kind::Bytes { min: 1, max: SIZE_MAX },
        unset: "a quarter of the memory",
        help: "Most memory for knowing what has to be where",
        doc: "A job that writes keeps for each interval of its targets which writes may be there. \
              Where that could take more than this, the job is refused before it starts, with the \
              number.",
        good: &["1g", "64m"],
        bad: &["", "0", "-1", "4x"],
        apply: |draft, value| draft.verify.ledger_max = Some(value.bytes()),
        show: |job| job.verify.ledger_max.map(bytes),
        ..OPTION
    },
];
