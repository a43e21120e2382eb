//! fio's job files: sections of `key=value`, comments, flags without a value.
//!
//! Called by `parse`. Knows lines, not options; fio's rules of what ends a value are kept, and told
//! where they surprise.

use super::diagnostic::{Diagnostic, Place};
use super::expand::{expand, Environment};
use super::number::Dialect;
use super::raw::{RawItem, RawOption, RawSection, RawValue};
use super::source::Source;
use std::ops::Range;

/// How values of this format are read until `kb_base` says otherwise.
const DIALECT: Dialect = Dialect::Fio { kb_base: 1024 };

/// The sections of one file; messages go to `out`.
pub(crate) fn parse(
    source: &Source,
    index: usize,
    env: &Environment,
    out: &mut Vec<Diagnostic>,
) -> Vec<RawSection> {
    let mut parser = Parser { source: index, env, out, sections: Vec::new(), skipping: false };
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim_start_matches('\u{feff}');
        parser.line(text, start + line.len() - text.len());
        start += line.len();
    }
    parser.sections
}

struct Parser<'a> {
    source: usize,
    env: &'a Environment,
    out: &'a mut Vec<Diagnostic>,
    sections: Vec<RawSection>,
    /// Behind a broken header: whose options these are is unknown.
    skipping: bool,
}

impl Parser<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::File { source: self.source, span }
    }

    fn line(&mut self, line: &str, start: usize) {
        let text = line.trim();
        let start = start + line.len() - line.trim_start().len();
        match text.chars().next() {
            None | Some(';' | '#') => {}
            Some('[') => self.header(text, start),
            Some(_) => self.option(text, start),
        }
    }

    fn header(&mut self, text: &str, start: usize) {
        let whole = self.place(start..start + text.len());
        self.skipping = true;
        let Some(end) = text.find(']') else {
            let message = "section header without a closing `]`";
            self.out.push(Diagnostic::error(message).at(&whole).help("write `[name]`"));
            return;
        };
        if text.starts_with("[[") {
            let message = "`[[` begins a job of a TOML file, but this file is read in fio's format";
            let help = "give a TOML file a name that ends in .toml, or write `[name]`";
            self.out.push(Diagnostic::error(message).at(&whole).help(help));
            return;
        }
        let behind = text[end + 1..].trim_start();
        if !(behind.is_empty() || behind.starts_with([';', '#'])) {
            let at = start + text.len() - behind.len();
            let place = self.place(at..start + text.len());
            let message = "text behind a section header";
            let help = "put it on the next line, or make it a comment with `;`";
            self.out.push(Diagnostic::error(message).at(&place).help(help));
            return;
        }
        let name = text[1..end].trim();
        if name.is_empty() {
            let message = "section header without a name";
            self.out.push(Diagnostic::error(message).at(&whole).help("write `[name]`"));
            return;
        }
        self.skipping = false;
        let name_start = start + text[..end].find(name).unwrap_or(1);
        let place = self.place(name_start..name_start + name.len());
        let is_global = name == "global";
        if name.starts_with("global") && !is_global {
            let message = format!("`[{name}]` is a job here, but fio takes it for `[global]`");
            self.out.push(Diagnostic::warning(message).at(&place).help("choose another name"));
        }
        let job = (!is_global).then(|| name.to_owned());
        self.sections.push(RawSection { job, place, source: self.source, options: Vec::new() });
    }

    fn option(&mut self, text: &str, start: usize) {
        if self.skipping {
            return;
        }
        let text = self.without_comment(text, start);
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim_end(), Some(value)),
            None => (text, None),
        };
        let key_place = self.place(start..start + key.len());
        if self.sections.is_empty() {
            let message = format!("option `{key}` stands outside of a section");
            let help = "begin the file with `[global]` or with a job's `[name]`";
            self.out.push(Diagnostic::error(message).at(&key_place).help(help));
            return;
        }
        if value.is_none() && key.split_whitespace().next() == Some("include") {
            let message = "`include` is known to fio, but not there yet in this version of iodyno";
            let help = "give several job files, or put the lines in";
            self.out.push(Diagnostic::error(message).at(&key_place).help(help));
            return;
        }
        if key.is_empty() || key.contains(char::is_whitespace) {
            let whole = self.place(start..start + text.len());
            let message = "neither a section header nor an option";
            self.out.push(Diagnostic::error(message).at(&whole).help("write `key=value`"));
            return;
        }
        let item = match value {
            None => RawItem { value: RawValue::Flag, place: key_place.clone() },
            Some(value) => self.value(value, start + text.len() - value.len()),
        };
        let option = RawOption { key: key.to_owned(), key_place, item, dialect: DIALECT };
        if let Some(section) = self.sections.last_mut() {
            section.options.push(option);
        }
    }

    fn value(&mut self, value: &str, start: usize) -> RawItem {
        let trimmed = value.trim();
        let start = start + value.len() - value.trim_start().len();
        // An empty value is shown by its `=`.
        let begin = if trimmed.is_empty() { start - value.len() - 1 } else { start };
        let place = self.place(begin..start + trimmed.len());
        let expanded = expand(trimmed, self.env);
        for name in expanded.unset {
            let message = format!("environment variable {name} is not set: nothing is put in");
            self.out.push(Diagnostic::warning(message).at(&place));
        }
        RawItem { value: RawValue::Text(expanded.text), place }
    }

    /// fio ends a value at the first `;` or `#`, wherever it stands.
    fn without_comment<'t>(&mut self, text: &'t str, start: usize) -> &'t str {
        let Some(at) = text.find([';', '#']) else { return text };
        let (before, comment) = text.split_at(at);
        if !before.ends_with(char::is_whitespace) && !comment[1..].trim().is_empty() {
            let place = self.place(start + at..start + text.len());
            let message = format!("`{}` begins a comment here, as in fio", &comment[..1]);
            let help = "put a blank before a comment; a TOML job file can hold this character";
            self.out.push(Diagnostic::warning(message).at(&place).help(help));
        }
        before.trim_end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::expand::test_environment;
    use super::*;

    fn sections(text: &str) -> (Vec<RawSection>, Vec<String>) {
        let mut out = Vec::new();
        let source = Source::new("j.fio", text);
        let sections = parse(&source, 0, &test_environment(), &mut out);
        (sections, out.into_iter().map(|d| d.message).collect())
    }

    /// `name: key=value key` for each section; every place is checked to hold the key.
    fn shape(text: &str) -> String {
        let (sections, messages) = sections(text);
        assert_eq!(messages, Vec::<String>::new(), "{text}");
        let mut out = Vec::new();
        for section in sections {
            let mut words = vec![format!("{}:", section.job.as_deref().unwrap_or("(global)"))];
            for option in &section.options {
                let Place::File { span, .. } = &option.key_place else { unreachable!() };
                assert_eq!(text[span.clone()], option.key);
                words.push(match &option.item.value {
                    RawValue::Flag => option.key.clone(),
                    value => format!("{}={}", option.key, value.as_typed(",")),
                });
            }
            out.push(words.join(" "));
        }
        out.join(" | ")
    }

    #[test]
    fn the_grammar() {
        for (text, expected) in [
            ("", ""),
            ("[a]", "a:"),
            ("[a]\nbs=4k\n", "a: bs=4k"),
            ("[a]\r\nbs=4k\r\nthread\r\n", "a: bs=4k thread"),
            ("\u{feff}[a]\nbs=4k", "a: bs=4k"),
            ("; c\n# c\n\n[a]\n;bs=1\n#bs=2\nbs=3", "a: bs=3"),
            ("[a] ; c\nbs=4k ; c\nrw=read # c", "a: bs=4k rw=read"),
            ("[a b]\n  bs =  4k  \n\tthread\t", "a b: bs=4k thread"),
            ("[a#1]\nbs=4k", "a#1: bs=4k"),
            ("[ a ]", "a:"),
            (
                "[global]\nbs=1\n[a]\n[global]\nbs=2\n[b]",
                "(global): bs=1 | a: | (global): bs=2 | b:",
            ),
            ("[a]\nfilename=/dev/x=y", "a: filename=/dev/x=y"),
            ("[a]\nbs=,8k\ndescription=", "a: bs=,8k description="),
            ("[a]\nsize=${SIZE}\nbs=$pagesize", "a: size=64k bs=4096"),
            ("[a]\nnull.x=1", "a: null.x=1"),
            ("[a]\nbs=4k;", "a: bs=4k"),
        ] {
            assert_eq!(shape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, expected) in [
            ("bs=4k\n[a]", "option `bs` stands outside of a section"),
            ("[a\nbs=4k", "section header without a closing `]`"),
            ("[]\nbs=4k", "section header without a name"),
            ("[a] bs=4k", "text behind a section header"),
            (
                "[[job]]\nname = \"a\"",
                "`[[` begins a job of a TOML file, but this file is read in fio's format",
            ),
            ("[a]\n=4k", "neither a section header nor an option"),
            ("[a]\nhello world", "neither a section header nor an option"),
            (
                "[a]\ninclude x.fio",
                "`include` is known to fio, but not there yet in this version of iodyno",
            ),
            ("[a]\nfilename=a#b", "`#` begins a comment here, as in fio"),
            ("[globals]", "`[globals]` is a job here, but fio takes it for `[global]`"),
            ("[a]\nsize=${NOPE}", "environment variable NOPE is not set: nothing is put in"),
        ] {
            assert_eq!(sections(text).1, vec![expected], "{text:?}");
        }
    }
}
