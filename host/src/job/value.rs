//! The types of options: what a value may look like, and its parsed form.
//!
//! Called by `resolve` with the kind that the option table states. Knows no option by name.

use super::criterion::{self, Criterion};
use super::diagnostic::Place;
use super::lists::{list, numbers, percentiles};
use super::number::{self, Dialect, Measure};
use super::pattern;
use super::raw::{RawItem, RawValue};
use super::shapes;
use super::spec::{
    Amount, BlockShare, Distribution, FileChoice, IgnoreError, MemoryKind, NumaPolicy, PatternPart,
    Rw, SyncFileRange, VerifyPart,
};
pub use super::times::TimeUnit;
use super::{errnos, machine, times};
use crate::ddir::PerDir;
use crate::units::{Bytes, Nanos};

/// The type of an option's value, with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On by its mere presence; `=0` and `=1` work too.
    Flag,
    /// 0 or 1.
    Bool,
    /// A number of things.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Numbers for reads, writes, trims.
    CountPerDir {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A number of bytes.
    Bytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Numbers of bytes for reads, writes, trims.
    BytesPerDir {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Ranges of bytes for reads, writes, trims.
    RangePerDir {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Bytes, or a range of them.
    Range,
    /// Bytes, percent of the target, or zones of a zoned device.
    Amount,
    /// A time; a bare number is seconds.
    Time,
    /// A time; a bare number is so many of this.
    TimeIn(TimeUnit),
    /// Times for reads, writes, trims; a bare number is so many of this.
    TimePerDir(TimeUnit),
    /// A time or a range of times; a bare number is seconds.
    TimeRange,
    /// A number that may be negative.
    Signed {
        /// Smallest.
        min: i32,
        /// Largest.
        max: i32,
    },
    /// A number above 0, at most 100.
    Percent,
    /// A number from 0 to 1.
    Fraction,
    /// One of these words, each with its help.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any text.
    Text,
    /// A file's name with `$jobname`, `$jobnum` and `$filenum` in it.
    NameFormat,
    /// `rw`: directions, and a number behind them.
    Rw,
    /// `bssplit`: block sizes and their shares, for reads, writes, trims.
    Split {
        /// Largest block.
        max: u64,
    },
    /// `random_distribution`: a law, for reads, writes, trims.
    Distribution,
    /// `file_service_type`: a law, or an order and how long a file is kept.
    FileChoice,
    /// `sync_file_range`: flags, and after how many writes.
    SyncFileRange,
    /// `mem`: where memory comes from.
    Memory,
    /// `buffer_pattern`: numbers, strings and files.
    Pattern,
    /// `verify_pattern`: numbers, strings, files and offsets.
    VerifyPattern,
    /// Texts, in fio's syntax joined by `:`.
    List,
    /// Percentiles, joined by `:`.
    Percentiles,
    /// CPU numbers: `0-3,5`, or `all`.
    Cpus,
    /// The CPUs whose bits are set.
    CpuMask,
    /// Numbers of memory nodes: `0-1,3`, or `all`.
    Nodes,
    /// `MODE[:NODES]`.
    MemPolicy,
    /// Lists of errors for reads, writes and verification.
    Errors,
    /// `METRIC[_slope]:LIMIT[%]`.
    Criterion,
    /// 64 hex digits.
    Sha256,
    /// Up to 16 hex digits: the id of a run.
    RunId,
}

/// A parsed value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Count(u64),
    /// None: this direction keeps what it has.
    PerDir(PerDir<Option<u64>>),
    RangePerDir(PerDir<Option<(u64, u64)>>),
    Range(u64, u64),
    Amount(Amount),
    Time(Nanos),
    Text(String),
    List(Vec<String>),
    Percentiles(Vec<f64>),
    /// The number behind it; none where there is none.
    Rw(Rw, Option<i64>),
    Split(PerDir<Option<Vec<BlockShare>>>),
    Distribution(PerDir<Option<Distribution>>),
    /// Requests to a file before the next; 0 = not said.
    FileChoice(FileChoice, u32),
    /// None: never.
    SyncFileRange(Option<SyncFileRange>),
    Memory(MemoryKind),
    Pattern(Vec<PatternPart>),
    VerifyPattern(Vec<VerifyPart>),
    TimeRange(Nanos, Nanos),
    Signed(i32),
    Percent(f64),
    /// CPUs or memory nodes; none: all.
    Numbers(Option<Vec<u32>>),
    MemPolicy(NumaPolicy),
    Errors(IgnoreError),
    Criterion(Criterion),
}

/// Why a value is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// A narrower place than the whole value.
    pub(crate) place: Option<Place>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), help: None, place: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }
}

/// What a reader hands from value to value.
pub(crate) struct Reading<'a> {
    pub(crate) dialect: Dialect,
    /// What surprises in fio's reading.
    pub(crate) remarks: &'a mut Vec<String>,
}

impl Kind {
    /// What joins the elements of a list in fio's syntax.
    pub(crate) fn separator(&self) -> &'static str {
        match self {
            Kind::List | Kind::Percentiles => ":",
            _ => ",",
        }
    }

    pub(crate) fn parse(&self, item: &RawItem, reading: &mut Reading<'_>) -> Result<Value, Fault> {
        if item.value == RawValue::Flag && *self != Kind::Flag {
            let help = if *self == Kind::Bool {
                "write `=1` or `=0` behind it"
            } else {
                "write `key=value`"
            };
            return Err(Fault::new("lacks a value").help(help));
        }
        match *self {
            Kind::Flag | Kind::Bool => parse_bool(item, reading.dialect).map(Value::Bool),
            Kind::Count { min, max } => {
                let text = number_text(item)?;
                bounded(text, Measure::Count, min, max, reading).map(Value::Count)
            }
            Kind::Bytes { min, max } => {
                let text = number_text(item)?;
                bounded(text, Measure::Bytes, min, max, reading).map(Value::Count)
            }
            Kind::CountPerDir { min, max } => {
                per_dir(item, |text| bounded(text, Measure::Count, min, max, reading))
                    .map(Value::PerDir)
            }
            Kind::BytesPerDir { min, max } => {
                per_dir(item, |text| bounded(text, Measure::Bytes, min, max, reading))
                    .map(Value::PerDir)
            }
            Kind::RangePerDir { min, max } => per_dir(item, |text| {
                let range = range(text, min, max, reading)?;
                range.ok_or_else(|| {
                    Fault::new(format!("`{text}` is not a range")).help("write `4k-64k`")
                })
            })
            .map(Value::RangePerDir),
            Kind::Range => {
                let text = number_text(item)?;
                match range(text, 1, SIZE_MAX, reading)? {
                    Some((low, high)) => Ok(Value::Range(low, high)),
                    None => bounded(text, Measure::Bytes, 0, SIZE_MAX, reading)
                        .map(|bytes| Value::Range(bytes, bytes)),
                }
            }
            Kind::Amount => amount(number_text(item)?, reading).map(Value::Amount),
            Kind::Time => {
                times::time(number_text(item)?, TimeUnit::Seconds, reading).map(Value::Time)
            }
            Kind::Choice(words) => choice(scalar_text(item)?, words).map(Value::Text),
            Kind::Text => scalar_text(item).map(|text| Value::Text(text.to_owned())),
            Kind::NameFormat => texts::name_format(item).map(Value::Text),
            Kind::Rw => shapes::rw(number_text(item)?, reading),
            Kind::Split { max } => {
                per_dir(item, |text| shapes::split_of_blocks(text, max, reading)).map(Value::Split)
            }
            Kind::Distribution => {
                per_dir(item, |text| shapes::distribution(text, reading)).map(Value::Distribution)
            }
            Kind::FileChoice => shapes::file_choice(number_text(item)?, reading),
            Kind::SyncFileRange => shapes::sync_file_range(&item.value.as_typed(","), reading),
            Kind::Memory => shapes::memory(scalar_text(item)?).map(Value::Memory),
            Kind::Pattern => pattern::parse(scalar_text(item)?).map(Value::Pattern),
            Kind::VerifyPattern => {
                pattern::parse_verify(scalar_text(item)?).map(Value::VerifyPattern)
            }
            Kind::List => list(item).map(Value::List),
            Kind::Percentiles => percentiles(item).map(Value::Percentiles),
            Kind::Sha256 => texts::sha256(scalar_text(item)?).map(Value::Text),
            Kind::RunId => texts::run_id(scalar_text(item)?).map(Value::Count),
            _ => self.parse_special(item, reading),
        }
    }

    /// Times with units of their own, parts of the machine, errors.
    fn parse_special(&self, item: &RawItem, reading: &mut Reading<'_>) -> Result<Value, Fault> {
        if let Kind::TimePerDir(bare) = *self {
            let one = |text: &str| times::time(text, bare, reading).map(|time| time.0);
            return per_dir(item, one).map(Value::PerDir);
        }
        match *self {
            Kind::Cpus => return numbers(item, "CPU").map(Value::Numbers),
            Kind::Nodes => return numbers(item, "node").map(Value::Numbers),
            Kind::Errors => return errnos::lists(item).map(Value::Errors),
            _ => {}
        }
        let text = number_text(item)?;
        match *self {
            Kind::TimeIn(bare) => times::time(text, bare, reading).map(Value::Time),
            Kind::TimeRange => {
                times::range(text, reading).map(|(low, high)| Value::TimeRange(low, high))
            }
            Kind::Signed { min, max } => signed(text, min, max, reading).map(Value::Signed),
            Kind::Percent => criterion::percent(text).map(Value::Percent),
            Kind::Fraction => criterion::fraction(text).map(Value::Percent),
            Kind::CpuMask => machine::mask(text, reading).map(|cpus| Value::Numbers(Some(cpus))),
            Kind::MemPolicy => machine::policy(text).map(Value::MemPolicy),
            Kind::Criterion => criterion::criterion(text, reading).map(Value::Criterion),
            other => unreachable!("{other:?} is read by `parse`"),
        }
    }
}

/// Largest size of a file: what an offset of the kernel can hold.
pub(crate) const SIZE_MAX: u64 = i64::MAX as u64;

fn bounds(min: u64, max: u64) -> String {
    if max >= SIZE_MAX {
        format!("at least {min}")
    } else {
        format!("{min} to {max}")
    }
}

/// The text of a value that is one text.
pub(crate) fn scalar_text(item: &RawItem) -> Result<&str, Fault> {
    match &item.value {
        RawValue::Text(text) | RawValue::Quoted(text) | RawValue::Number(text) => Ok(text.trim()),
        RawValue::Bool(on) => Err(Fault::new(format!("takes no boolean (`{on}`)"))),
        RawValue::Array(_) => Err(Fault::new("takes one value, not a list")),
        RawValue::Flag => Err(Fault::new("lacks a value").help("write `key=value`")),
    }
}

pub(crate) fn number_text(item: &RawItem) -> Result<&str, Fault> {
    match scalar_text(item)? {
        "" => Err(Fault::new("has an empty value")),
        text => Ok(text),
    }
}

pub(crate) fn parse_bool(item: &RawItem, dialect: Dialect) -> Result<bool, Fault> {
    let text = match &item.value {
        RawValue::Flag => return Ok(true),
        RawValue::Bool(on) => return Ok(*on),
        _ => number_text(item)?,
    };
    match (text, dialect) {
        ("1", _) | ("true", Dialect::Stated) => Ok(true),
        ("0", _) | ("false", Dialect::Stated) => Ok(false),
        _ => Err(Fault::new(format!("`{text}` is neither 0 nor 1"))),
    }
}

/// A number within its bounds.
pub(crate) fn bounded(
    text: &str,
    measure: Measure,
    min: u64,
    max: u64,
    reading: &mut Reading<'_>,
) -> Result<u64, Fault> {
    let value = quantity(text, measure, reading)?;
    u64::try_from(value).ok().filter(|value| (min..=max).contains(value)).ok_or_else(|| {
        let too_large = max >= SIZE_MAX && value > i128::from(max);
        let bounds = if too_large { format!("at most {max}") } else { bounds(min, max) };
        Fault::new(format!("`{text}` is out of range ({bounds})"))
    })
}

/// A number of any size; its remark goes to the reading.
pub(crate) fn quantity(
    text: &str,
    measure: Measure,
    reading: &mut Reading<'_>,
) -> Result<i128, Fault> {
    let found = number::parse(text, measure, reading.dialect)
        .map_err(|words| Fault::new(format!("`{text}` {words}")))?;
    reading.remarks.extend(found.remark);
    Ok(found.value)
}

/// Splits outside of parentheses.
pub(crate) fn split(text: &str, at: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0u32);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && at(c) => {
                parts.push(text[begin..i].trim());
                begin = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[begin..].trim());
    parts
}

/// `a` = all, `a,b` = reads and the rest, `a,` = reads alone, `,b` = all but reads, `a,b,c`.
fn per_dir<T: Clone>(
    item: &RawItem,
    mut one: impl FnMut(&str) -> Result<T, Fault>,
) -> Result<PerDir<Option<T>>, Fault> {
    let mut values: Vec<Option<T>> = Vec::new();
    match &item.value {
        RawValue::Array(items) => {
            for item in items {
                let text = scalar_text(item)?;
                let value = (!text.is_empty()).then(|| one(text)).transpose();
                let located = |fault| Fault { place: Some(item.place.clone()), ..fault };
                values.push(value.map_err(located)?);
            }
        }
        _ => {
            for part in split(number_text(item)?, |c| c == ',') {
                values.push(if part.is_empty() { None } else { Some(one(part)?) });
            }
        }
    }
    match &values[..] {
        [] | [None] => Err(Fault::new("has an empty value")),
        [all] => Ok(PerDir::all(all.clone())),
        [read, rest] => Ok(PerDir { read: read.clone(), write: rest.clone(), trim: rest.clone() }),
        [read, write, trim] => {
            Ok(PerDir { read: read.clone(), write: write.clone(), trim: trim.clone() })
        }
        _ => Err(Fault::new("has more than three values")
            .help("the values are for reads, writes and trims")),
    }
}

/// `a-b` or `a:b`; none where it is one number.
fn range(
    text: &str,
    min: u64,
    max: u64,
    reading: &mut Reading<'_>,
) -> Result<Option<(u64, u64)>, Fault> {
    let parts = split(text, |c| c == '-' || c == ':');
    let [low, high] = parts[..] else { return Ok(None) };
    let low = bounded(low, Measure::Bytes, min, max, reading)?;
    let high = bounded(high, Measure::Bytes, min, max, reading)?;
    if low > high {
        let turned: Vec<&str> = parts.into_iter().rev().collect();
        return Err(Fault::new(format!("`{text}` is a reversed range"))
            .help(format!("write `{}`", turned.join("-"))));
    }
    Ok(Some((low, high)))
}

fn amount(text: &str, reading: &mut Reading<'_>) -> Result<Amount, Fault> {
    if let Some(zones) = text.strip_suffix(['z', 'Z']) {
        let zones = bounded(zones, Measure::Count, 0, SIZE_MAX, reading)?;
        return Ok(if zones == 0 { Amount::Bytes(Bytes(0)) } else { Amount::Zones(zones) });
    }
    let Some(number) = text.strip_suffix('%') else {
        let bytes = bounded(text, Measure::Bytes, 0, SIZE_MAX, reading)?;
        return Ok(Amount::Bytes(Bytes(bytes)));
    };
    quantity(number, Measure::Count, reading)
        .ok()
        .and_then(|percent| u8::try_from(percent).ok())
        .filter(|percent| (1..=100).contains(percent))
        .map(Amount::Percent)
        .ok_or_else(|| Fault::new(format!("`{text}` is not a whole percentage from 1% to 100%")))
}

fn signed(text: &str, min: i32, max: i32, reading: &mut Reading<'_>) -> Result<i32, Fault> {
    let value = quantity(text, Measure::Count, reading)?;
    let found = i32::try_from(value).ok().filter(|value| (min..=max).contains(value));
    found.ok_or_else(|| Fault::new(format!("`{text}` is out of range ({min} to {max})")))
}

pub(crate) fn choice(text: &str, words: &[(&str, &str)]) -> Result<String, Fault> {
    if words.iter().any(|(word, _)| *word == text) {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Err(Fault::new(format!("`{text}` is none of {}", names.join(", "))))
}

mod describe;
mod taken;
#[cfg(test)]
mod tests;
mod texts;
