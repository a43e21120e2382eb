//! The types of options in a few words, for the reference and for `iodyno options NAME`.
//!
//! Called by `cli`, which prints them. Says of each kind what a value may look like.

use super::super::lists::PERCENTILES_MAX;
use super::super::shapes;
use super::texts::NAME_WORDS;
use super::{bounds, Kind};

impl Kind {
    /// Type and bounds in a few words, for the reference.
    pub fn describe(&self) -> String {
        match *self {
            Kind::Flag => "flag".to_owned(),
            Kind::Bool => "0 or 1".to_owned(),
            Kind::Count { min, max } => format!("whole number, {}", bounds(min, max)),
            Kind::CountPerDir { min, max } => {
                format!("whole number, {}, per direction", bounds(min, max))
            }
            Kind::Bytes { min, max } => format!("bytes, {}", bounds(min, max)),
            Kind::BytesPerDir { min, max } => format!("bytes, {}, per direction", bounds(min, max)),
            Kind::RangePerDir { min, max } => {
                format!("range of bytes, {}, per direction", bounds(min, max))
            }
            Kind::Range => "bytes, or a range of bytes".to_owned(),
            Kind::Amount => "bytes, percent of the target (1% to 100%), or zones (`4z`)".to_owned(),
            Kind::Time => "time; a bare number is seconds".to_owned(),
            Kind::TimeIn(bare) => format!("time; a bare number is {}", bare.name()),
            Kind::TimePerDir(bare) => {
                format!("time, per direction; a bare number is {}", bare.name())
            }
            Kind::TimeRange => "time, or a range of times; a bare number is seconds".to_owned(),
            Kind::Signed { min, max } => format!("whole number, {min} to {max}"),
            Kind::Percent => "number, above 0, at most 100".to_owned(),
            Kind::Fraction => "number, 0 to 1".to_owned(),
            Kind::Choice(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Text => "text".to_owned(),
            Kind::NameFormat => format!("text with {} in it", NAME_WORDS.join(", ")),
            Kind::Rw => format!("one of {}, each also with `:NUMBER`", shapes::rw_words()),
            Kind::Split { max } => {
                format!("`SIZE/PERCENT:SIZE/PERCENT...`, sizes {}, per direction", bounds(1, max))
            }
            Kind::Distribution => {
                "random, zipf:THETA[:CENTER], pareto:H[:CENTER], normal:DEVIATION[:CENTER], \
                 zoned:PERCENT/PERCENT:... or zoned_abs:PERCENT/SIZE:..., per direction"
                    .to_owned()
            }
            Kind::FileChoice => {
                "roundrobin[:N], random[:N], sequential[:N], zipf:THETA, pareto:H, \
                                 normal:DEVIATION or gauss:DEVIATION"
                    .to_owned()
            }
            Kind::SyncFileRange => {
                "one or several of wait_before, write, wait_after, joined by `,`, then `:N`"
                    .to_owned()
            }
            Kind::Memory => "one of malloc, mmap[:FILE], shm, mmaphuge[:FILE], shmhuge".to_owned(),
            Kind::Pattern => {
                "numbers (decimal, 0x...), \"strings\" and 'files', one after another".to_owned()
            }
            Kind::VerifyPattern => {
                "numbers (decimal, 0x...), \"strings\", 'files' and %o, one after another"
                    .to_owned()
            }
            Kind::List => "list of texts".to_owned(),
            Kind::Percentiles => {
                format!("up to {PERCENTILES_MAX} numbers, above 0, at most 100")
            }
            Kind::Cpus => "CPU numbers and ranges, or `all`".to_owned(),
            Kind::CpuMask => "bits of up to 64 CPUs, decimal or hex".to_owned(),
            Kind::Nodes => "numbers and ranges of memory nodes, or `all`".to_owned(),
            Kind::MemPolicy => "memory policy, with its nodes".to_owned(),
            Kind::Errors => "lists of error names or numbers, for each kind of request".to_owned(),
            Kind::Criterion => "figure and limit".to_owned(),
            Kind::Sha256 => "64 hex digits".to_owned(),
            Kind::RunId => "16 hex digits".to_owned(),
        }
    }
}
