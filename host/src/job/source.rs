//! The text of a job file and the form that it is written in.
//!
//! `cli` reads the file and hands it over; `parse` and `render` look at it.

use super::spec::Origin;

/// How a job file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `[global]` and `[[job]]`; units state their base.
    Toml,
    /// fio's sections; fio's reading of units.
    Ini,
}

impl Format {
    /// `*.toml` is TOML, anything else is fio's format.
    pub fn from_file_name(name: &str) -> Format {
        let end = name.rsplit('.').next().unwrap_or_default();
        if name.contains('.') && end.eq_ignore_ascii_case("toml") {
            Format::Toml
        } else {
            Format::Ini
        }
    }
}

/// One job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user gave it; `-` for standard input.
    pub name: String,
    /// All of it.
    pub text: String,
    /// How it is written.
    pub format: Format,
}

impl Source {
    /// A file by its name; the format follows from it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let name = name.into();
        let format = Format::from_file_name(&name);
        Source { name, text: text.into(), format }
    }

    /// Name and line of a byte offset.
    pub(crate) fn origin(&self, offset: usize) -> Origin {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        Origin { file: self.name.clone(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        for (name, format) in [
            ("job.toml", Format::Toml),
            ("a/b.TOML", Format::Toml),
            ("job.fio", Format::Ini),
            ("toml", Format::Ini),
            ("-", Format::Ini),
            ("job", Format::Ini),
        ] {
            assert_eq!(Format::from_file_name(name), format, "{name}");
        }
    }

    #[test]
    fn lines_count_from_one() {
        let source = Source::new("j", "a\nb\n");
        assert_eq!(source.origin(0).line, 1);
        assert_eq!(source.origin(2).line, 2);
        assert_eq!(source.origin(99).line, 3);
    }
}
