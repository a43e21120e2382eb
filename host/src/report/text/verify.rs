//! The lines about verification in a job's block of the normal output.
//!
//! Called by [`super::job`]. fio has none; they stand last, where scripts that read fio's lines do
//! not meet them. Judges nothing.

use super::line;
use crate::report::entry::{milliseconds, Entry};
use crate::run::result::VerifyResult;

/// Miscompares that are told one by one; the JSON report has more.
const TOLD: usize = 10;

/// Appends them.
pub(super) fn lines(out: &mut String, entry: &Entry<'_>, found: &VerifyResult) {
    let mut parts = vec![format!(
        "{:.2}% looked at, {} of {} bytes right",
        found.coverage(),
        found.verified_bytes,
        found.bytes
    )];
    let blocks = if found.wrong == 1 { "block" } else { "blocks" };
    parts.push(format!("{} {blocks} wrong", found.wrong));
    if found.unsure_bytes > 0 {
        parts.push(format!("{} bytes unsure", found.unsure_bytes));
    }
    if found.blank_bytes > 0 {
        parts.push(format!("{} bytes never written", found.blank_bytes));
    }
    if found.trimmed_bytes > 0 {
        parts.push(format!("{} bytes trimmed", found.trimmed_bytes));
    }
    parts.push(format!("{}msec", milliseconds(entry.phase.read_back_ns)));
    line(out, format_args!("  verify       : {}: {}", found.method, parts.join(", ")));
    if let Some(why) = &found.unfinished {
        line(out, format_args!("     unfinished: {why}"));
    }
    for one in found.miscompares.iter().take(TOLD) {
        let wrong = &one.miscompare;
        let place = format!("{} at offset {} ({} bytes)", one.target, wrong.offset, wrong.len);
        line(out, format_args!("     wrong     : {place}: {}", wrong.damage));
    }
}
