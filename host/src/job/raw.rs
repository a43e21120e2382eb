//! Jobs as written: keys and values with their places, nothing judged yet.
//!
//! Made by `from_ini` and `from_toml`, read by `resolve`.

use super::diagnostic::{Diagnostic, Place};
use super::number::Dialect;
use super::source::Source;

/// Everything that the job files say.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRun {
    /// The files, in order.
    pub sources: Vec<Source>,
    /// Their sections, in order.
    pub sections: Vec<RawSection>,
    /// What the parsers found odd.
    pub warnings: Vec<Diagnostic>,
}

/// `[global]` or a job.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSection {
    /// The job's name; none for `[global]`.
    pub job: Option<String>,
    /// The name in the section's header.
    pub place: Place,
    /// Index of the file.
    pub source: usize,
    /// In the order of the file.
    pub options: Vec<RawOption>,
}

/// `key = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOption {
    /// As written; `ENGINE.key` for an engine's.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// Value and place.
    pub item: RawItem,
    /// How numbers are read.
    pub dialect: Dialect,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct RawItem {
    /// What is written.
    pub value: RawValue,
    /// Where.
    pub place: Place,
}

/// What is written behind the key.
#[derive(Clone, Debug, PartialEq)]
pub enum RawValue {
    /// Nothing: fio's way to set a flag.
    Flag,
    /// fio's text, environment and keywords already put in.
    Text(String),
    /// A string of TOML: one value, never split into a list.
    Quoted(String),
    /// A number of TOML.
    Number(String),
    /// A boolean of TOML.
    Bool(bool),
    /// An array of TOML.
    Array(Vec<RawItem>),
}

impl RawValue {
    /// As fio would be given it: lists joined by `separator`, booleans as 1 and 0.
    pub(crate) fn as_typed(&self, separator: &str) -> String {
        match self {
            RawValue::Flag => String::new(),
            RawValue::Text(text) | RawValue::Quoted(text) | RawValue::Number(text) => text.clone(),
            RawValue::Bool(on) => u8::from(*on).to_string(),
            RawValue::Array(items) => {
                let parts: Vec<String> =
                    items.iter().map(|i| i.value.as_typed(separator)).collect();
                parts.join(separator)
            }
        }
    }
}
