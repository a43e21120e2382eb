//! The object `verify` of a job: what was to be verified, what was, and what is wrong.
//!
//! Called by the rest of [`super`]. Its names are described in docs/verify-format.md; fio has no
//! such object.

use crate::report::entry::{milliseconds, Entry};
use crate::run::result::{MiscompareResult, VerifyResult};
use serde_json::{json, Value};

/// The object.
pub(super) fn object(entry: &Entry<'_>, found: &VerifyResult) -> Value {
    json!({
        "method": found.method,
        "interval": found.interval,
        "run": format!("{:016x}", found.run),
        "bytes": found.bytes,
        "verified_bytes": found.verified_bytes,
        "coverage": found.coverage(),
        "wrong": found.wrong,
        "unsure_bytes": found.unsure_bytes,
        "blank_bytes": found.blank_bytes,
        "trimmed_bytes": found.trimmed_bytes,
        "runtime": milliseconds(entry.phase.read_back_ns),
        "unfinished": found.unfinished,
        "miscompares": found.miscompares.iter().map(miscompare).collect::<Vec<Value>>(),
    })
}

fn miscompare(one: &MiscompareResult) -> Value {
    let wrong = &one.miscompare;
    let first = wrong.first.map(|first| {
        json!({ "offset": wrong.offset + first.at, "is": first.is, "should": first.should })
    });
    json!({
        "target": one.target,
        "offset": wrong.offset,
        "len": wrong.len,
        "class": wrong.damage.class(),
        "what": wrong.damage.to_string(),
        "expected_write": wrong.expected,
        "found_write": wrong.found,
        "first": first,
    })
}
