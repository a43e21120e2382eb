//! `buffer_pattern` and `verify_pattern`: numbers, strings and names of files, one behind the
//! other, and in the second one offsets.
//!
//! Called by `value` and, to show one, by the option table. Opens no file: what is in one is read
//! when the run begins.

use super::spec::{PatternPart, VerifyPart};
use super::value::Fault;
use std::fmt::Write;
use std::path::PathBuf;

/// Most bytes of numbers and strings; a longer pattern goes into a file.
const BYTES_MAX: usize = 1 << 16;
/// Stands for the offset of what is filled.
const OFFSET: &str = "%o";

/// `buffer_pattern`: `"abcd"-120xdeadface'file'`; neighbouring bytes become one part.
pub(crate) fn parse(text: &str) -> Result<Vec<PatternPart>, Fault> {
    let parts = parts(text, false)?;
    Ok(parts.into_iter().filter_map(without_offset).collect())
}

/// `verify_pattern`: the same with `%o` in it.
pub(crate) fn parse_verify(text: &str) -> Result<Vec<VerifyPart>, Fault> {
    parts(text, true)
}

fn parts(text: &str, offsets: bool) -> Result<Vec<VerifyPart>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let behind = match first {
            '"' => {
                let (inside, behind) = quoted(rest, '"')?;
                push(&mut parts, inside.as_bytes());
                behind
            }
            '\'' => {
                let (inside, behind) = quoted(rest, '\'')?;
                parts.push(VerifyPart::File(PathBuf::from(inside)));
                behind
            }
            '%' if offsets => {
                let Some(behind) = rest.strip_prefix(OFFSET) else {
                    let message = format!("`{rest}`: the only word behind % is `{OFFSET}`");
                    return Err(Fault::new(message).help("`%o` is the offset, in 8 bytes"));
                };
                parts.push(VerifyPart::Offset);
                behind
            }
            _ => {
                let (bytes, behind) = number(rest)?;
                push(&mut parts, &bytes);
                behind
            }
        };
        rest = behind.trim_start();
    }
    let long = |part: &VerifyPart| matches!(part, VerifyPart::Bytes(b) if b.len() > BYTES_MAX);
    if parts.is_empty() {
        Err(Fault::new("has an empty value").help("write `0xdeadbeef`, `\"text\"` or `'file'`"))
    } else if parts.iter().any(long) {
        let message = format!("has more than {BYTES_MAX} bytes");
        Err(Fault::new(message).help("put them into a file and write `'file'`"))
    } else {
        Ok(parts)
    }
}

fn without_offset(part: VerifyPart) -> Option<PatternPart> {
    match part {
        VerifyPart::Bytes(bytes) => Some(PatternPart::Bytes(bytes)),
        VerifyPart::File(path) => Some(PatternPart::File(path)),
        VerifyPart::Offset => None,
    }
}

/// In the syntax that [`parse`] reads.
pub(crate) fn show(parts: &[PatternPart]) -> String {
    let one = |part: &PatternPart| match part {
        PatternPart::Bytes(bytes) => hex(bytes),
        PatternPart::File(path) => format!("'{}'", path.display()),
    };
    parts.iter().map(one).collect()
}

/// In the syntax that [`parse_verify`] reads.
pub(crate) fn show_verify(parts: &[VerifyPart]) -> String {
    let one = |part: &VerifyPart| match part {
        VerifyPart::Bytes(bytes) => hex(bytes),
        VerifyPart::Offset => OFFSET.to_owned(),
        VerifyPart::File(path) => format!("'{}'", path.display()),
    };
    parts.iter().map(one).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn push(parts: &mut Vec<VerifyPart>, bytes: &[u8]) {
    match parts.last_mut() {
        Some(VerifyPart::Bytes(before)) => before.extend_from_slice(bytes),
        _ => parts.push(VerifyPart::Bytes(bytes.to_vec())),
    }
}

/// What is between two quotes, and what is behind them. There are no escapes, as in fio.
fn quoted(text: &str, quote: char) -> Result<(&str, &str), Fault> {
    let Some((inside, behind)) = text[1..].split_once(quote) else {
        return Err(Fault::new(format!("`{text}` lacks a closing {quote}")));
    };
    if inside.is_empty() {
        return Err(Fault::new(format!("has nothing between {quote}{quote}")));
    }
    if quote == '\'' && inside.contains('\0') {
        return Err(Fault::new("has a NUL character in it"));
    }
    Ok((inside, behind))
}

/// Hex digits are bytes as they stand; a decimal number has its lowest byte first, and as many as
/// it needs, a negative one four.
fn number(text: &str) -> Result<(Vec<u8>, &str), Fault> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        // `0xab0x12` is two numbers: the 0 before an x belongs to the second.
        let end = if digits[end..].starts_with(['x', 'X']) { end.saturating_sub(1) } else { end };
        let (digits, behind) = digits.split_at(end);
        if digits.is_empty() {
            return Err(Fault::new(format!("`{text}` has no digits behind 0x")));
        }
        let padded = format!("{}{digits}", if digits.len() % 2 == 1 { "0" } else { "" });
        let byte = |at: usize| u8::from_str_radix(&padded[at..at + 2], 16).unwrap_or(0);
        return Ok(((0..padded.len()).step_by(2).map(byte).collect(), behind));
    }
    let sign = usize::from(text.starts_with('-'));
    let end = text[sign..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - sign) + sign;
    let hex_follows = text[end..].starts_with(['x', 'X']) && text[sign..end].ends_with('0');
    let (digits, behind) = text.split_at(if hex_follows { end - 1 } else { end });
    let Ok(value) = digits.parse::<i64>() else {
        let message = format!("`{text}` is no number, \"string\" or 'file'");
        return Err(Fault::new(message).help("text goes into \"...\", a file's name into '...'"));
    };
    match (i32::try_from(value), u32::try_from(value)) {
        (Ok(negative), Err(_)) => Ok((negative.to_le_bytes().to_vec(), behind)),
        (_, Ok(value)) => {
            let used = (4 - value.leading_zeros() as usize / 8).max(1);
            Ok((value.to_le_bytes()[..used].to_vec(), behind))
        }
        _ => Err(Fault::new(format!("`{digits}` does not fit into four bytes"))
            .help("write it in hex: any number of bytes, the first one first")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured with fio 3.33: `buffer_pattern=X`, the bytes of the file.
    #[test]
    fn patterns() {
        for (text, shown) in [
            ("-12", "0xf4ffffff"),
            ("12", "0x0c"),
            ("300", "0x2c01"),
            ("70000", "0x701101"),
            ("-300", "0xd4feffff"),
            ("4294967295", "0xffffffff"),
            ("010", "0x0a"),
            ("0", "0x00"),
            ("0xdeadface", "0xdeadface"),
            ("0XABC", "0x0abc"),
            ("12 13", "0x0c0d"),
            ("\"abcd\"-12", "0x61626364f4ffffff"),
            ("\"abcd\"-120xdeadface", "0x61626364f4ffffffdeadface"),
            ("0xab0x12", "0xab12"),
            ("\"a\\b\"", "0x615c62"),
            ("0xab'/a b'1'c'", "0xab'/a b'0x01'c'"),
        ] {
            let parts = parse(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.message));
            assert_eq!(show(&parts), shown, "{text}");
            assert_eq!(parse(&show(&parts)), Ok(parts), "{text}");
        }
    }

    #[test]
    fn patterns_with_offsets() {
        for (text, shown) in [
            ("%o", "%o"),
            ("0xff%o\"abcd\"-12", "0xff%o0x61626364f4ffffff"),
            ("%o %o'x'", "%o%o'x'"),
            ("12", "0x0c"),
        ] {
            let parts = parse_verify(text).unwrap_or_else(|f| panic!("{text}: {}", f.message));
            assert_eq!(show_verify(&parts), shown, "{text}");
            assert_eq!(parse_verify(&show_verify(&parts)), Ok(parts), "{text}");
        }
        for (text, words) in [("%d", "the only word behind %"), ("%", "`%o`"), ("", "empty")] {
            let fault = parse_verify(text).expect_err(text);
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
        }
        assert!(parse("%o").is_err(), "a buffer is filled for no offset");
    }

    #[test]
    fn what_is_no_pattern() {
        for (text, words) in [
            ("", "empty"),
            ("abcd", "no number, \"string\" or 'file'"),
            ("\"abcd", "lacks a closing \""),
            ("'abcd", "lacks a closing '"),
            ("''", "nothing between"),
            ("0x", "no digits"),
            ("0xg", "no digits"),
            ("5000000000", "four bytes"),
            ("-3000000000", "four bytes"),
            ("-", "no number"),
            ("12é", "no number"),
            ("é", "no number"),
        ] {
            let fault = parse(text).expect_err(text);
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
        }
        assert!(parse(&format!("0x{}", "ab".repeat(70_000))).is_err());
    }
}
