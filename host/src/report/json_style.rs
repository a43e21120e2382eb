//! How fio writes JSON: two blanks of indent, `"key" : value`, floats with six decimals.
//!
//! Called by `json`. Only the style is ours; escaping and syntax are the library's.

use serde_json::ser::{Formatter, PrettyFormatter};
use std::io::{self, Write};

/// fio's style.
pub(super) struct FioStyle(PrettyFormatter<'static>);

impl FioStyle {
    /// At the outermost level.
    pub(super) fn new() -> FioStyle {
        FioStyle(PrettyFormatter::with_indent(b"  "))
    }
}

impl Formatter for FioStyle {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Most are whole: counts of percent, empty latencies.
        if value.is_sign_positive() && value < 1e15 && value.fract() == 0.0 {
            return write!(writer, "{}.000000", value as u64);
        }
        write!(writer, "{value:.6}")
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
