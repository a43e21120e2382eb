//! How fio writes JSON: two blanks of indent, `"key" : value`, floats with six decimals.
//!
//! Called by `json`. Only the style is ours; escaping and syntax are the library's. A report of
//! hundreds of jobs is megabytes of mostly indents and zeros: these are written in one piece.

use serde_json::ser::Formatter;
use std::io::{self, Write};

/// fio's style.
pub(super) struct FioStyle {
    /// Arrays and objects that are open.
    depth: usize,
    /// The innermost of them has something in it.
    has_value: bool,
}

/// A line break and the blanks of the levels that occur.
const BREAK: &[u8; 33] = b"\n                                ";

impl FioStyle {
    /// At the outermost level.
    pub(super) fn new() -> FioStyle {
        FioStyle { depth: 0, has_value: false }
    }

    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(sign)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.break_line(writer)?;
        }
        writer.write_all(sign)
    }

    fn next<W: ?Sized + Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.break_line(writer)
    }

    fn break_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        let blanks = 2 * self.depth;
        let at_once = blanks.min(BREAK.len() - 1);
        writer.write_all(&BREAK[..=at_once])?;
        (at_once..blanks).try_for_each(|_| writer.write_all(b" "))
    }
}

impl Formatter for FioStyle {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Most are zero, and others whole: counts of percent, empty latencies.
        if value.is_sign_positive() && value < 1e15 && value.fract() == 0.0 {
            return match value as u64 {
                0 => writer.write_all(b"0.000000"),
                whole => write!(writer, "{whole}.000000"),
            };
        }
        write!(writer, "{value:.6}")
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.next(w, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.next(w, first)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_json::ser::PrettyFormatter;
    use serde_json::{json, Serializer, Value};

    fn print<F: Formatter>(value: &Value, style: F) -> String {
        let mut out = Vec::new();
        value.serialize(&mut Serializer::with_formatter(&mut out, style)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn indents_are_those_of_the_library() {
        let mut deep = json!([[], {}, { "a": [], "b": { "c": [1, { "d": null }] } }]);
        for _ in 0..20 {
            deep = json!({ "in": [deep] });
        }
        let theirs = print(&deep, PrettyFormatter::with_indent(b"  "));
        assert_eq!(print(&deep, FioStyle::new()), theirs.replace("\": ", "\" : "));
    }

    #[test]
    fn floats_have_six_decimals() {
        let floats = json!([0.0, -0.0, 1.0, 12.5, 0.000_000_4, 1e15, 2e300]);
        let text = print(&floats, FioStyle::new());
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines[1..6],
            ["0.000000,", "-0.000000,", "1.000000,", "12.500000,", "0.000000,"]
        );
        assert_eq!(lines[6], "1000000000000000.000000,");
        assert!(lines[7].ends_with("0.000000"), "{}", lines[7]);
    }
}
