//! Values that are lists: names, percentiles, CPUs and memory nodes.
//!
//! Called by `value`, whose tests cover it. In fio's format a list is one text with separators, in
//! TOML an array.

use super::raw::{RawItem, RawValue};
use super::value::{number_text, scalar_text, Fault};

/// Most percentiles, as in fio.
pub(crate) const PERCENTILES_MAX: usize = 20;
/// Highest number of a CPU or node that is looked at: Linux is built for 8192 at most. Every job
/// has a list of its own, so a list is not much larger than a job.
const ID_MAX: u32 = 8_191;

/// fio's `a:b`, where `\:` stands for a colon; a string of TOML is one element.
pub(crate) fn list(item: &RawItem) -> Result<Vec<String>, Fault> {
    let elements = match &item.value {
        RawValue::Array(items) => {
            let texts: Result<Vec<&str>, Fault> = items.iter().map(scalar_text).collect();
            texts?.into_iter().map(str::to_owned).collect()
        }
        RawValue::Text(text) => split_colons(text),
        _ => vec![scalar_text(item)?.to_owned()],
    };
    if elements.is_empty() || elements.iter().any(String::is_empty) {
        return Err(Fault::new("has an empty element"));
    }
    if elements.iter().any(|element| element.contains('\0')) {
        return Err(Fault::new("has a NUL character in it"));
    }
    Ok(elements)
}

fn split_colons(text: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let escaped = c == '\\' && rest.peek() == Some(&':');
        match elements.last_mut() {
            Some(last) if escaped => last.extend(rest.next()),
            Some(last) if c != ':' => last.push(c),
            _ => elements.push(String::new()),
        }
    }
    elements.into_iter().map(|e| e.trim().to_owned()).collect()
}

pub(crate) fn percentiles(item: &RawItem) -> Result<Vec<f64>, Fault> {
    let texts: Vec<&str> = match &item.value {
        RawValue::Array(items) => items.iter().map(number_text).collect::<Result<_, _>>()?,
        _ => number_text(item)?.split(':').map(str::trim).collect(),
    };
    let mut values = Vec::new();
    for text in texts {
        match text.parse::<f64>() {
            Ok(value) if value > 0.0 && value <= 100.0 => values.push(value),
            Ok(_) => return Err(Fault::new(format!("`{text}` is out of range (0 to 100)"))),
            Err(_) => return Err(Fault::new(format!("`{text}` is not a number"))),
        }
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    match values.len() {
        0 => Err(Fault::new("has an empty value")),
        1..=PERCENTILES_MAX => Ok(values),
        n => Err(Fault::new(format!("has {n} percentiles, more than {PERCENTILES_MAX}"))),
    }
}

/// `0-3,5` or `all`, of what `what` says.
pub(crate) fn numbers(item: &RawItem, what: &str) -> Result<Option<Vec<u32>>, Fault> {
    let texts: Vec<&str> = match &item.value {
        RawValue::Array(items) => items.iter().map(number_text).collect::<Result<_, _>>()?,
        _ => return numbers_of(number_text(item)?, what),
    };
    numbers_in(&texts, what).map(Some)
}

/// The same in a text.
pub(crate) fn numbers_of(text: &str, what: &str) -> Result<Option<Vec<u32>>, Fault> {
    if text == "all" {
        return Ok(None);
    }
    let texts: Vec<&str> = text.split([',', ':']).map(str::trim).collect();
    numbers_in(&texts, what).map(Some)
}

fn numbers_in(texts: &[&str], what: &str) -> Result<Vec<u32>, Fault> {
    let mut ranges = Vec::new();
    for text in texts {
        let number = |text: &str| {
            let id = text.trim().parse::<u32>().ok().filter(|id| *id <= ID_MAX);
            id.ok_or_else(|| Fault::new(format!("`{text}` is not a {what} number")))
        };
        let (low, high) = match text.split_once('-') {
            Some((low, high)) => (number(low)?, number(high)?),
            None => (number(text)?, number(text)?),
        };
        if low > high {
            return Err(Fault::new(format!("`{text}` is a reversed range"))
                .help(format!("write `{high}-{low}`")));
        }
        ranges.push((low, high));
    }
    // Each number is written down once, however many ranges hold it.
    ranges.sort_unstable();
    let mut ids: Vec<u32> = Vec::new();
    for (low, high) in ranges {
        let next = ids.last().map_or(0, |last| last + 1);
        ids.extend(low.max(next)..=high);
    }
    if ids.is_empty() {
        return Err(Fault::new("has an empty value"));
    }
    Ok(ids)
}
