//! TOML job files: `[global]`, `[[job]]` with `name`, keys that are fio's option names.
//!
//! Called by `parse`. The grammar is the `toml` crate's; this file turns its tables into sections
//! and its errors into messages.

use super::diagnostic::{Diagnostic, Place};
use super::expand::{expand, Environment};
use super::number::Dialect;
use super::raw::{RawItem, RawOption, RawSection, RawValue};
use super::source::Source;
use std::ops::Range;
use toml::de::{DeInteger, DeString, DeTable, DeValue};
use toml::Spanned;

/// The sections of one file; messages go to `out`.
pub(crate) fn parse(
    source: &Source,
    index: usize,
    env: &Environment,
    out: &mut Vec<Diagnostic>,
) -> Vec<RawSection> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader { source: index, env, out };
    if !errors.is_empty() {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().trim().replace('\n', ", ");
            reader.error(message, span, None);
        }
        return Vec::new();
    }
    reader.document(document.get_ref())
}

type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

struct Reader<'a> {
    source: usize,
    env: &'a Environment,
    out: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::File { source: self.source, span }
    }

    fn error(&mut self, message: impl Into<String>, span: Range<usize>, help: Option<&str>) {
        let place = self.place(span);
        let diagnostic = Diagnostic::error(message).at(&place);
        self.out.push(diagnostic.maybe_help(help.map(str::to_owned)));
    }

    /// `[global]` comes first whatever its place: a TOML document has no order of tables.
    fn document(&mut self, document: &DeTable<'_>) -> Vec<RawSection> {
        let mut sections = Vec::new();
        for (key, value) in in_order(document) {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("global", DeValue::Table(table)) => {
                    let place = self.place(key.span());
                    let options = self.options(table);
                    let section = RawSection { job: None, place, source: self.source, options };
                    sections.insert(0, section);
                }
                ("job", DeValue::Array(jobs)) => {
                    for job in jobs.iter() {
                        sections.extend(self.job(job));
                    }
                }
                ("global", _) => {
                    self.error("`global` is not a table", key.span(), Some("write `[global]`"));
                }
                ("job", _) => {
                    let help = Some("a job begins with `[[job]]`: the jobs are a list");
                    self.error("`job` is not a list of tables", key.span(), help);
                }
                (name, DeValue::Table(_)) => {
                    let message = format!("unknown table `{name}`");
                    let help = Some("a job file has `[global]` and `[[job]]`");
                    self.error(message, key.span(), help);
                }
                (name, _) => {
                    let message = format!("option `{name}` stands outside of a section");
                    let help = Some("put it below `[global]` or `[[job]]`");
                    self.error(message, key.span(), help);
                }
            }
        }
        sections
    }

    fn job(&mut self, job: &Spanned<DeValue<'_>>) -> Option<RawSection> {
        let DeValue::Table(table) = job.get_ref() else {
            self.error("a job is not a table", job.span(), Some("a job begins with `[[job]]`"));
            return None;
        };
        let mut options = self.options(table);
        let Some(at) = options.iter().position(|o| o.key == "name") else {
            let help = Some("write `name = \"...\"` below `[[job]]`");
            self.error("a job without a name", header(&job.span()), help);
            return None;
        };
        let name = options.remove(at);
        let text = match &name.item.value {
            RawValue::Quoted(text) if text.trim().contains(char::is_control) => {
                let Place::File { span, .. } = name.item.place else { return None };
                let help = "leave line breaks and the like out: file names and terminals carry it";
                self.error("a control character in a job's name", span, Some(help));
                return None;
            }
            RawValue::Quoted(text) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => {
                let Place::File { span, .. } = name.item.place else { return None };
                self.error("a job's name is a text that is not empty", span, None);
                return None;
            }
        };
        let place = name.item.place;
        Some(RawSection { job: Some(text), place, source: self.source, options })
    }

    /// The options of a table; a table in it holds an engine's: `[job.psync]`, `psync.key = 1`.
    fn options(&mut self, table: &DeTable<'_>) -> Vec<RawOption> {
        let mut options = Vec::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref();
            let DeValue::Table(inner) = value.get_ref() else {
                options.extend(self.option(name.to_string(), key.span(), value));
                continue;
            };
            for (key, value) in in_order(inner) {
                let whole = format!("{name}.{}", key.get_ref());
                options.extend(self.option(whole, key.span(), value));
            }
        }
        options.sort_by_key(|option| start(&option.key_place));
        options
    }

    fn option(
        &mut self,
        key: String,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<RawOption> {
        let item = self.item(value)?;
        let key_place = self.place(span);
        Some(RawOption { key, key_place, item, dialect: Dialect::Stated })
    }

    fn item(&mut self, value: &Spanned<DeValue<'_>>) -> Option<RawItem> {
        let place = self.place(value.span());
        let raw = match value.get_ref() {
            DeValue::String(text) => RawValue::Quoted(self.expanded(text, &place)),
            DeValue::Integer(number) => RawValue::Number(decimal(number)),
            DeValue::Float(number) => RawValue::Number(number.as_str().to_owned()),
            DeValue::Boolean(on) => RawValue::Bool(*on),
            DeValue::Array(items) => {
                RawValue::Array(items.iter().filter_map(|item| self.item(item)).collect())
            }
            DeValue::Datetime(_) => {
                self.error("no option takes a date", value.span(), None);
                return None;
            }
            DeValue::Table(_) => {
                self.error("no option takes a table", value.span(), None);
                return None;
            }
        };
        Some(RawItem { value: raw, place })
    }

    fn expanded(&mut self, text: &str, place: &Place) -> String {
        let expanded = expand(text, self.env);
        for name in expanded.unset {
            let message = format!("environment variable {name} is not set: nothing is put in");
            self.out.push(Diagnostic::warning(message).at(place));
        }
        expanded.text
    }
}

/// The crate sorts keys by name; users think in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn start(place: &Place) -> usize {
    match place {
        Place::File { span, .. } | Place::Argument { span, .. } => span.start,
    }
}

/// The beginning of a table, not all of its lines.
fn header(span: &Range<usize>) -> Range<usize> {
    span.start..span.end.min(span.start + "[[job]]".len())
}

/// `0xff` and the like as a decimal number.
fn decimal(number: &DeInteger<'_>) -> String {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| number.to_string(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::expand::test_environment;
    use super::*;

    fn sections(text: &str) -> (Vec<RawSection>, Vec<String>) {
        let mut out = Vec::new();
        let source = Source::new("j.toml", text);
        let sections = parse(&source, 0, &test_environment(), &mut out);
        (sections, out.into_iter().map(|d| d.message).collect())
    }

    fn shape(text: &str) -> String {
        let (sections, messages) = sections(text);
        assert_eq!(messages, Vec::<String>::new(), "{text}");
        let section = |s: &RawSection| {
            let mut words = vec![format!("{}:", s.job.as_deref().unwrap_or("(global)"))];
            words.extend(
                s.options.iter().map(|o| format!("{}={}", o.key, o.item.value.as_typed(","))),
            );
            words.join(" ")
        };
        sections.iter().map(section).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn the_grammar() {
        for (text, expected) in [
            ("", ""),
            ("[[job]]\nname = 'a'\nrw = 'read'\nbs = '4k'", "a: rw=read bs=4k"),
            ("[[job]]\nname='a'\n[global]\nbs=1\n[[job]]\nname='b'", "(global): bs=1 | a: | b:"),
            ("[[job]]\nname='a'\nbs=['4KiB', '8KiB']\ndirect=true", "a: bs=4KiB,8KiB direct=1"),
            ("[[job]]\nname='a'\nsize=0x1000\nrate=1_000", "a: size=4096 rate=1000"),
            ("[[job]]\nname='a'\nnull.x=1\n[job.psync]\ny='z'", "a: null.x=1 psync.y=z"),
            ("[[job]]\nname='a'\nsg = { hipri = true }", "a: sg.hipri=1"),
            ("[[job]]\nname='${SIZE}'\nbs='$pagesize'", "64k: bs=4096"),
            ("job = [{ name = 'a' }]", "a:"),
        ] {
            assert_eq!(shape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, expected) in [
            ("bs = 1", "option `bs` stands outside of a section"),
            ("[jobs]\nbs = 1", "unknown table `jobs`"),
            ("[job]\nname = 'a'", "`job` is not a list of tables"),
            ("global = 1", "`global` is not a table"),
            ("job = [1]", "a job is not a table"),
            ("[[job]]\nbs = 1", "a job without a name"),
            ("[[job]]\nname = 1", "a job's name is a text that is not empty"),
            ("[[job]]\nname = \"a\\nb\"", "a control character in a job's name"),
            ("[[job]]\nname = ' '", "a job's name is a text that is not empty"),
            ("[[job]]\nname='a'\nbs=2020-01-01", "no option takes a date"),
            ("[[job]]\nname='a'\na.b.c=1", "no option takes a table"),
            ("[[job]]\nname='a'\nbs=1\nbs=2", "duplicate key"),
            ("[[job", "unclosed array table, expected `]]`"),
        ] {
            assert_eq!(sections(text).1, vec![expected], "{text:?}");
        }
    }
}
