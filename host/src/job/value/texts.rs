//! Texts with a shape of their own: formats of names, digests, ids of runs.
//!
//! Called by `value`. Each is one text in both formats of job files.

use super::{number_text, Fault};
use crate::job::raw::RawItem;

/// What `filename_format` puts in.
pub(super) const NAME_WORDS: [&str; 3] = ["$jobname", "$jobnum", "$filenum"];

pub(super) fn name_format(item: &RawItem) -> Result<String, Fault> {
    let text = number_text(item)?;
    if text.contains('\0') {
        return Err(Fault::new("has a NUL character in it"));
    }
    for (at, _) in text.match_indices('$') {
        let behind = &text[at..];
        if !NAME_WORDS.iter().any(|word| behind.starts_with(word)) {
            let end = behind[1..].find(|c: char| !c.is_ascii_alphanumeric());
            let word = end.map_or(behind, |end| &behind[..=end]);
            return Err(Fault::new(format!("`{word}` is none of {}", NAME_WORDS.join(", "))));
        }
    }
    Ok(text.to_owned())
}

pub(super) fn sha256(text: &str) -> Result<String, Fault> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Fault::new("is not a SHA-256 digest").help("write its 64 hex digits, as sha256sum prints"))
}

pub(super) fn run_id(text: &str) -> Result<u64, Fault> {
    let id = (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten();
    id.filter(|_| text.bytes().all(|b| b.is_ascii_hexdigit())).ok_or_else(|| {
        Fault::new(format!("`{text}` is no run's id"))
            .help("write its 16 hex digits, as the report and `iodyno verify` show them")
    })
}
