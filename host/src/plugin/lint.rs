//! Judges an engine's option table: names, choices, ranges, defaults.
//!
//! Called by `ops` on plain data. What a job's text means is `job`'s to say; here defaults are
//! judged as far as every reading of them agrees, so that nothing that a job could use is refused.

use super::refusal::Refusal;
use crate::catalogue::{EngineOption, EngineOptionKind as Kind};
use std::collections::HashSet;

/// Suffixes of sizes whose factor every reading agrees upon, and the factor.
const SIZE_SUFFIXES: [(&str, u64); 6] =
    [("", 1), ("b", 1), ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40)];
/// Suffixes of sizes whose factor depends on the reader (1000 or 1024).
const SIZE_SUFFIXES_OTHER: [&str; 11] =
    ["k", "m", "g", "t", "p", "kb", "mb", "gb", "tb", "pb", "pib"];
/// Units of time and their nanoseconds.
const TIME_SUFFIXES: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Judges the options of `engine`; the answer are warnings.
///
/// # Errors
/// An option that no job could use as its author meant it.
pub(super) fn options(engine: &str, options: &[EngineOption]) -> Result<Vec<String>, Refusal> {
    let mut seen = HashSet::new();
    let mut warnings = Vec::new();
    for option in options {
        let refuse =
            |why: String| Refusal::engine(engine, format!("option `{}`: {why}", option.name));
        for name in std::iter::once(&option.name).chain(&option.alias) {
            if !is_option_name(name) {
                return Err(refuse(format!(
                    "`{name}` is no option name (a-z, then a-z, 0-9 and _)"
                )));
            }
            if !seen.insert(name.clone()) {
                return Err(refuse(format!("the name `{name}` is used twice")));
            }
        }
        check_choices(option).map_err(refuse)?;
        check_range(option).map_err(refuse)?;
        if let Some(default) = &option.default {
            check_default(option, default)
                .map_err(|why| refuse(format!("default `{default}`: {why}")))?;
            if option.required {
                warnings.push(format!(
                    "engine {engine}: option `{}` is required, so its default is never used",
                    option.name
                ));
            }
        }
        if option.help.is_empty() && !option.hidden {
            warnings.push(format!("engine {engine}: option `{}` has no help", option.name));
        }
    }
    Ok(warnings)
}

fn is_option_name(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= 64
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.bytes().all(rest)
}

fn check_choices(option: &EngineOption) -> Result<(), String> {
    let chooses = matches!(option.kind, Kind::Enum | Kind::Flagset);
    match (chooses, option.choices.is_empty()) {
        (true, true) => return Err("has no choices".to_owned()),
        (false, false) => return Err("has choices, and its type takes none".to_owned()),
        _ => {}
    }
    let mut seen = HashSet::new();
    for choice in &option.choices {
        let name = &choice.name;
        let bad = |c: char| c.is_whitespace() || matches!(c, ',' | '|' | '=' | '#' | ';');
        if name.is_empty() || name.contains(bad) {
            return Err(format!("choice `{name}`: no name for a choice (blanks, `,`, `|` ...)"));
        }
        if !seen.insert(name) {
            return Err(format!("the choice `{name}` is there twice"));
        }
    }
    Ok(())
}

fn check_range(option: &EngineOption) -> Result<(), String> {
    let Some((min, max)) = option.range else { return Ok(()) };
    if min > max {
        return Err(format!("its smallest value {min} is above its largest, {max}"));
    }
    let signed = matches!(option.kind, Kind::Int | Kind::Float);
    if min < 0 && !signed {
        return Err(format!("its smallest value {min} is negative, and its type is not"));
    }
    Ok(())
}

fn check_default(option: &EngineOption, default: &str) -> Result<(), String> {
    let in_choices = |name: &str| {
        if option.choices.iter().any(|choice| choice.name == name) {
            return Ok(());
        }
        Err(format!("`{name}` is none of its choices"))
    };
    match option.kind {
        Kind::Bool => match default {
            "0" | "1" | "true" | "false" | "yes" | "no" | "on" | "off" => Ok(()),
            _ => Err("neither 0 nor 1".to_owned()),
        },
        Kind::Int => {
            let value = default.parse::<i64>().map_err(|_| "no whole number".to_owned())?;
            in_range(option, value.into())
        }
        Kind::Uint => {
            let value = default.parse::<u64>().map_err(|_| "no whole number".to_owned())?;
            in_range(option, value.into())
        }
        Kind::Float => {
            let value = default.parse::<f64>().map_err(|_| "no number".to_owned())?;
            float_in_range(option, value)
        }
        Kind::Size => match size(default)? {
            Some(bytes) => in_range(option, bytes.into()),
            None => Ok(()),
        },
        Kind::TimeNs => match time_ns(default)? {
            Some(ns) => in_range(option, ns.into()),
            None => Ok(()),
        },
        Kind::Enum => in_choices(default),
        Kind::Flagset => default
            .split([',', '|'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .try_for_each(in_choices),
        Kind::Str | Kind::Path | Kind::Engine => Ok(()),
    }
}

fn in_range(option: &EngineOption, value: i128) -> Result<(), String> {
    if let Some((min, max)) = option.range {
        if value < min.into() || value > max.into() {
            return Err(format!("outside its range {min} to {max}"));
        }
    }
    match option.step {
        0 => Ok(()),
        1 if value > 0 && value & (value - 1) == 0 => Ok(()),
        1 => Err("no power of two, as its step asks for".to_owned()),
        step if value % i128::from(step) == 0 => Ok(()),
        step => Err(format!("no multiple of its step, {step}")),
    }
}

#[allow(clippy::cast_precision_loss)] // bounds of floats are small numbers
fn float_in_range(option: &EngineOption, value: f64) -> Result<(), String> {
    let (min, max) =
        option.range.map_or((f64::MIN, f64::MAX), |(min, max)| (min as f64, max as f64));
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err("outside its range".to_owned())
    }
}

/// Number and lower-case unit.
fn split_unit(text: &str) -> (&str, String) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim().to_ascii_lowercase())
}

/// Bytes, where the text means the same to everybody.
fn size(text: &str) -> Result<Option<u64>, String> {
    let (number, unit) = split_unit(text);
    number.parse::<f64>().map_err(|_| "no size".to_owned())?;
    if SIZE_SUFFIXES_OTHER.contains(&unit.as_str()) {
        return Ok(None);
    }
    let factor = SIZE_SUFFIXES.iter().find(|(suffix, _)| *suffix == unit);
    let (_, factor) = factor.ok_or_else(|| format!("`{unit}` is no unit of size"))?;
    Ok(number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)))
}

/// Nanoseconds, where the text names its unit.
fn time_ns(text: &str) -> Result<Option<u64>, String> {
    let (number, unit) = split_unit(text);
    number.parse::<f64>().map_err(|_| "no time".to_owned())?;
    if unit.is_empty() {
        return Ok(None);
    }
    let unit = match unit.as_str() {
        "usec" | "µs" => "us",
        "msec" => "ms",
        "sec" => "s",
        "min" => "m",
        other => other,
    };
    let factor = TIME_SUFFIXES.iter().find(|(suffix, _)| *suffix == unit);
    let (_, factor) = factor.ok_or_else(|| format!("`{unit}` is no unit of time"))?;
    Ok(number.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::EngineChoice;

    fn option(kind: Kind) -> EngineOption {
        EngineOption {
            name: "opt".to_owned(),
            alias: None,
            kind,
            default: None,
            help: "helps".to_owned(),
            group: None,
            range: None,
            step: 0,
            choices: Vec::new(),
            required: false,
            secret: false,
            hidden: false,
            deprecated: false,
        }
    }

    fn chooser(kind: Kind, names: &[&str]) -> EngineOption {
        let choice =
            |name: &&str| EngineChoice { name: (*name).to_owned(), value: 1, help: String::new() };
        EngineOption { choices: names.iter().map(choice).collect(), ..option(kind) }
    }

    fn words(options: &[EngineOption]) -> String {
        super::options("x", options).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn defaults_by_kind() {
        let range = Some((1, 100));
        // (kind, range, step, default, words of the refusal)
        type Case = (Kind, Option<(i64, i64)>, u64, &'static str, &'static str);
        let cases: &[Case] = &[
            (Kind::Bool, None, 0, "1", ""),
            (Kind::Bool, None, 0, "2", "neither 0 nor 1"),
            (Kind::Int, Some((-5, 5)), 0, "-5", ""),
            (Kind::Int, Some((-5, 5)), 0, "-6", "outside its range -5 to 5"),
            (Kind::Int, None, 0, "4.5", "no whole number"),
            (Kind::Uint, range, 0, "100", ""),
            (Kind::Uint, range, 0, "0", "outside its range 1 to 100"),
            (Kind::Uint, None, 0, "-1", "no whole number"),
            (Kind::Uint, None, 1, "64", ""),
            (Kind::Uint, None, 1, "65", "no power of two"),
            (Kind::Uint, None, 512, "1024", ""),
            (Kind::Uint, None, 512, "1000", "no multiple of its step, 512"),
            (Kind::Float, range, 0, "0.5", "outside its range"),
            (Kind::Float, range, 0, "1.5", ""),
            (Kind::Float, None, 0, "x", "no number"),
            (Kind::Size, Some((0, 4096)), 0, "4KiB", ""),
            (Kind::Size, Some((0, 4096)), 0, "5KiB", "outside its range"),
            (Kind::Size, Some((0, 4096)), 0, "4k", ""),
            (Kind::Size, None, 0, "4x", "`x` is no unit of size"),
            (Kind::Size, None, 0, "k", "no size"),
            (Kind::TimeNs, Some((0, 1_000_000)), 0, "1ms", ""),
            (Kind::TimeNs, Some((0, 1_000_000)), 0, "2ms", "outside its range"),
            (Kind::TimeNs, None, 0, "10", ""),
            (Kind::TimeNs, None, 0, "10 parsecs", "no unit of time"),
            (Kind::Str, None, 0, "anything", ""),
            (Kind::Uint, Some((5, 1)), 0, "3", "smallest value 5 is above its largest, 1"),
            (Kind::Uint, Some((-1, 1)), 0, "1", "negative"),
        ];
        for (kind, range, step, default, want) in cases {
            let case = EngineOption {
                range: *range,
                step: *step,
                default: Some((*default).to_owned()),
                ..option(*kind)
            };
            let got = words(&[case]);
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{default}: {got}");
        }
    }

    #[test]
    fn choices_and_names() {
        let named = |name: &str, alias: Option<&str>| EngineOption {
            name: name.to_owned(),
            alias: alias.map(str::to_owned),
            ..option(Kind::Str)
        };
        let with = |mut option: EngineOption, default: &str| {
            option.default = Some(default.to_owned());
            option
        };
        let flags = || chooser(Kind::Flagset, &["a", "b"]);
        let cases: &[(Vec<EngineOption>, &str)] = &[
            (vec![chooser(Kind::Enum, &["a", "b"])], ""),
            (vec![with(chooser(Kind::Enum, &["a", "b"]), "c")], "`c` is none of its choices"),
            (vec![with(flags(), "a|b")], ""),
            (vec![with(flags(), "a,c")], "`c` is none of its choices"),
            (vec![chooser(Kind::Enum, &[])], "has no choices"),
            (vec![chooser(Kind::Int, &["a"])], "its type takes none"),
            (vec![chooser(Kind::Enum, &["a", "a"])], "the choice `a` is there twice"),
            (vec![chooser(Kind::Enum, &["a b"])], "no name for a choice"),
            (vec![named("a", None), named("b", None)], ""),
            (vec![named("a", None), named("a", None)], "the name `a` is used twice"),
            (vec![named("a", None), named("b", Some("a"))], "the name `a` is used twice"),
            (vec![named("A", None)], "`A` is no option name"),
            (vec![named("1a", None)], "no option name"),
            (vec![named("", None)], "no option name"),
            (vec![named("a.b", None)], "no option name"),
        ];
        for (options, want) in cases {
            let got = words(options);
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{want}: {got}");
        }
    }

    #[test]
    fn what_is_odd_is_warned_of() {
        let odd = EngineOption {
            required: true,
            default: Some("x".to_owned()),
            help: String::new(),
            ..option(Kind::Str)
        };
        let warnings = super::options("x", &[odd]).unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
