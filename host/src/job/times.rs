//! Values that are times: with a unit of their own for bare numbers, per direction, as a range.
//!
//! Called by `value`. fio reads a bare number as seconds in one option and as microseconds in
//! another; here the option's kind says it, and the reference prints it.

use super::number::Measure;
use super::value::{quantity, split, Fault, Reading, SIZE_MAX};
use crate::units::Nanos;

/// What a bare number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
}

impl TimeUnit {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Millis => "milliseconds",
            TimeUnit::Micros => "microseconds",
        }
    }

    fn nanos(self) -> i128 {
        match self {
            TimeUnit::Seconds => 1_000_000_000,
            TimeUnit::Millis => 1_000_000,
            TimeUnit::Micros => 1_000,
        }
    }
}

/// One time.
pub(crate) fn time(text: &str, bare: TimeUnit, reading: &mut Reading<'_>) -> Result<Nanos, Fault> {
    let ns = quantity(text, Measure::Time(bare.nanos()), reading)?;
    match u64::try_from(ns) {
        Ok(ns) if ns <= SIZE_MAX => Ok(Nanos(ns)),
        _ if ns < 0 => Err(Fault::new(format!("`{text}` is negative"))),
        _ => Err(Fault::new(format!("`{text}` is longer than 292 years"))),
    }
}

/// `a` or `a-b`, each with its own unit.
pub(crate) fn range(text: &str, reading: &mut Reading<'_>) -> Result<(Nanos, Nanos), Fault> {
    let parts = split(text, |c| c == '-' || c == ':');
    let (low, high) = match parts[..] {
        [one] => (one, one),
        [low, high] if !low.is_empty() => (low, high),
        _ => return Err(Fault::new(format!("`{text}` is neither a time nor a range of times"))),
    };
    let low_ns = time(low, TimeUnit::Seconds, reading)?;
    let high_ns = time(high, TimeUnit::Seconds, reading)?;
    if low_ns > high_ns {
        return Err(Fault::new(format!("`{text}` is a reversed range"))
            .help(format!("write `{high}-{low}`")));
    }
    Ok((low_ns, high_ns))
}
