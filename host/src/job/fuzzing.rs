//! The doors for the fuzzer into job files and single values: any text, judged against the engines
//! and the machine of the tests.
//!
//! Called by `fuzz/fuzz_targets` and by the tests below, over the same corpus. Compiled for these
//! two only.

use super::diagnostic::{Diagnostic, Place};
use super::effective;
use super::fixtures;
use super::number::Dialect;
use super::options::{self, Kind};
use super::raw::{RawItem, RawValue};
use super::value::{Fault, Reading};
use super::{engine_options, exit_status, fingerprint, render};
use super::{Format, Overrides, Source};
use crate::catalogue::EngineOption;

/// A job file of fio's format, from its text to what is to be done.
pub fn ini(data: &[u8]) {
    file(data, Format::Ini);
}

/// The same of TOML.
pub fn toml(data: &[u8]) {
    file(data, Format::Toml);
}

fn file(data: &[u8], format: Format) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = [Source { name: "job".to_owned(), text: text.to_owned(), format }];
    match fixtures::resolved(&sources, &Overrides::default()) {
        Err(told) => {
            assert_ne!(exit_status(&told), 0, "refused without an error");
            shown(&told, &sources);
        }
        Ok(resolved) => {
            assert_eq!(exit_status(&resolved.warnings), 0, "taken in spite of an error");
            shown(&resolved.warnings, &sources);
            shown(&resolved.advice, &sources);
            assert_eq!(fingerprint(&resolved.spec).len(), 32);
            for job in &resolved.spec.jobs {
                effective::lines(job);
            }
        }
    }
}

/// Whatever is told points into the text, and can be shown.
fn shown(told: &[Diagnostic], sources: &[Source]) {
    for diagnostic in told {
        let related = diagnostic.related.iter().map(|(place, _)| place);
        for place in diagnostic.place.iter().chain(related) {
            match place {
                Place::File { source, span } => {
                    assert!(sources[*source].text.get(span.clone()).is_some(), "{diagnostic:?}");
                }
                Place::Argument { text, span } => {
                    assert!(text.get(span.clone()).is_some(), "{diagnostic:?}");
                }
            }
        }
        assert!(!diagnostic.located(sources).is_empty());
    }
    assert_eq!(render(told, sources, false).is_empty(), told.is_empty());
}

/// One value, read as each type of option and in each dialect; lines are elements of an array, too.
pub fn value(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut items = vec![
        (item(RawValue::Text(text.to_owned())), Dialect::Fio { kb_base: 1024 }),
        (item(RawValue::Text(text.to_owned())), Dialect::Fio { kb_base: 1000 }),
        (item(RawValue::Quoted(text.to_owned())), Dialect::Stated),
    ];
    if text.contains('\n') {
        let lines = text.split('\n').map(|line| item(RawValue::Quoted(line.to_owned())));
        items.push((item(RawValue::Array(lines.collect())), Dialect::Stated));
    }
    let table = fixtures::vast().options;
    for (item, dialect) in &items {
        for kind in kinds() {
            let mut remarks = Vec::new();
            let found = kind.parse(item, &mut Reading { dialect: *dialect, remarks: &mut remarks });
            told(&found, &remarks, text);
        }
        table.iter().for_each(|option| engine_value(option, item, *dialect, text));
    }
    by_argument(text);
}

/// What an engine's value is shown as reads back.
fn engine_value(option: &EngineOption, item: &RawItem, dialect: Dialect, text: &str) {
    let mut remarks = Vec::new();
    let mut reading = Reading { dialect, remarks: &mut remarks };
    let found = engine_options::parse(option, item, &mut reading);
    told(&found, &remarks, text);
    if let Ok(value) = found {
        engine_options::show(option, &value);
    }
}

fn item(value: RawValue) -> RawItem {
    RawItem { value, place: Place::File { source: 0, span: 0..0 } }
}

/// The types that options have, each once.
fn kinds() -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for option in options::all() {
        if !kinds.contains(&option.kind) {
            kinds.push(option.kind);
        }
    }
    kinds
}

/// A fault has words, and no more of them than the text and a table give.
fn told<T>(found: &Result<T, Fault>, remarks: &[String], text: &str) {
    let max = 4 * text.len() + 2000;
    if let Err(fault) = found {
        assert!(!fault.message.is_empty());
        assert!(fault.message.len() <= max, "{}", fault.message);
        assert!(fault.help.as_ref().is_none_or(|help| help.len() <= max), "{:?}", fault.help);
    }
    for remark in remarks {
        assert!(remark.len() <= max, "{remark}");
    }
}

/// The text as the value, the key and the whole of `--set`.
fn by_argument(text: &str) {
    let sources = [Source::new("job.toml", "[[job]]\nname = 'a'\nioengine = 'vast'\n")];
    let keys = ["size", "vast.marks", "ioengine"];
    let sets = keys.iter().map(|key| format!("{key}={text}")).chain([text.to_owned()]);
    for set in sets {
        let overrides = Overrides { sets: vec![set], ..Overrides::default() };
        if let Err(diagnostics) = fixtures::resolved(&sources, &overrides) {
            shown(&diagnostics, &sources);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    /// What grows with the square of the length takes longer, also where nothing else is running.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn corpus_of_ini() {
        iodyno_tests::corpus::each("ini", super::ini);
    }

    #[test]
    fn corpus_of_toml() {
        iodyno_tests::corpus::each("toml", super::toml);
    }

    #[test]
    fn corpus_of_value() {
        iodyno_tests::corpus::each("value", super::value);
    }

    /// What a person would not write, as long as a file may reasonably be.
    fn long_files() -> Vec<(&'static str, String)> {
        let lines = |n: usize, line: fn(usize) -> String| (0..n).map(line).collect::<String>();
        let ini = |value: String| format!("[a]\nfilename=x\nsize=1g\n{value}\n");
        vec![
            ("ini: jobs", lines(2_000, |n| format!("[a{n}]\n"))),
            ("ini: one job again and again", "[a]\n".repeat(10_000)),
            ("ini: unknown keys", ini(lines(4_000, |n| format!("k{n}=1\n")))),
            (
                "ini: some unknown keys for many jobs",
                "[global]\n".to_owned()
                    + &lines(90, |n| format!("k{n}=1\n"))
                    + &lines(1_000, |n| format!("[a{n}]\n")),
            ),
            (
                "ini: unknown keys for many jobs",
                "[global]\n".to_owned()
                    + &lines(1_000, |n| format!("k{n}=1\n"))
                    + &lines(1_000, |n| format!("[a{n}]\n")),
            ),
            ("ini: one key again and again", ini("bs=4k\n".repeat(10_000))),
            ("ini: a long key", ini(format!("{}=1", "iodepth".repeat(10_000)))),
            ("ini: a long engine", ini(format!("ioengine={}", "psync".repeat(10_000)))),
            (
                "ini: a long list of ranges",
                ini(format!("cpus_allowed=0-8191{}", ",0-8191".repeat(8_000))),
            ),
            (
                "ini: a long list of files",
                format!("[a]\nsize=1g\nfilename=x{}", ":x".repeat(30_000)),
            ),
            ("ini: a long split", ini(format!("bssplit=4k/1{}", ":4k/1".repeat(10_000)))),
            ("ini: a long sum", ini(format!("bs=(1{})", "+1".repeat(30_000)))),
            ("ini: long parentheses", ini(format!("bs={}", "(".repeat(60_000)))),
            ("ini: a long number", ini(format!("bs={}", "1".repeat(60_000)))),
            (
                "ini: a long law",
                ini(format!("random_distribution=zoned:1/1{}", ":1/1".repeat(10_000))),
            ),
            ("ini: a long pattern", ini(format!("buffer_pattern={}", "1".repeat(60_000)))),
            ("ini: many patterns", ini(format!("buffer_pattern={}", "'a'1".repeat(15_000)))),
            ("ini: many keywords", ini(format!("bs=({}1)", "$pagesize+".repeat(6_000)))),
            (
                "ini: many errors to ignore",
                ini(format!("ignore_error=EIO{}", ":ENOPE".repeat(8_000))),
            ),
            ("ini: many variables", ini(format!("description={}", "${NOPE}".repeat(8_000)))),
            ("ini: many percentiles", ini(format!("percentile_list=1{}", ":1".repeat(30_000)))),
            ("toml: jobs", lines(2_000, |n| format!("[[job]]\nname='a{n}'\n"))),
            ("toml: one job", "[[job]]\nname='a'\n".repeat(4_000)),
            (
                "toml: unknown keys",
                "[[job]]\nname='a'\n".to_owned() + &lines(4_000, |n| format!("k{n}=1\n")),
            ),
            ("toml: unknown tables", lines(6_000, |n| format!("[t{n}]\n"))),
            ("toml: unclosed", "[[job\n".repeat(10_000)),
            ("toml: arrays", format!("a={}", "[".repeat(60_000))),
            ("toml: tables", format!("a={}", "{a=".repeat(20_000))),
            ("toml: dots", format!("[[job]]\nname='a'\na{}=1", ".a".repeat(30_000))),
            ("toml: a long array", format!("[[job]]\nname='a'\nbs=[{}]", "'4k',".repeat(12_000))),
            ("toml: a bad array", format!("[[job]]\nname='a'\nbs=[{}]", "1 ".repeat(30_000))),
            ("toml: dates", format!("[[job]]\nname='a'\nbs=[{}]", "2020-01-01,".repeat(6_000))),
            ("toml: quotes", "\"".repeat(60_000)),
            ("toml: carriage returns", "\r".repeat(60_000)),
        ]
    }

    #[test]
    fn long_files_take_no_time() {
        for (what, text) in long_files() {
            let begin = std::time::Instant::now();
            let read = if what.starts_with("toml") { super::toml } else { super::ini };
            read(text.as_bytes());
            let took = begin.elapsed();
            assert!(took < PATIENCE, "{what}: {} bytes took {took:?}", text.len());
        }
    }
}
