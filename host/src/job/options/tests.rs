//! Holds every definition of the option table to the same rules: unique names, examples that parse
//! and examples that do not, words that are complete. A new option needs no test of its own unless
//! it does more than to store a value.

use super::*;
use crate::job::diagnostic::Place;
use crate::job::effective;
use crate::job::number::Dialect;
use crate::job::raw::{RawItem, RawValue};
use crate::job::value::Reading;
use std::collections::HashSet;

fn parse(option: &JobOption, text: &str) -> Result<Value, String> {
    let place = Place::File { source: 0, span: 0..0 };
    let item = RawItem { value: RawValue::Text(text.to_owned()), place };
    let mut remarks = Vec::new();
    let dialect = Dialect::Fio { kb_base: 1024 };
    let mut reading = Reading { dialect, remarks: &mut remarks };
    option.kind.parse(&item, &mut reading).map_err(|fault| fault.message)
}

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} is there twice");
        assert!(known::owner(name).is_none(), "{name} is supported and known as unsupported");
    }
    let mut seen = HashSet::new();
    for name in known::all() {
        assert!(seen.insert(name), "{name} is known twice");
    }
}

#[test]
fn every_option_parses_its_examples_and_refuses_the_rest() {
    for option in all() {
        assert!(!option.good.is_empty(), "{} has no example", option.name);
        for good in option.good {
            let value =
                parse(option, good).unwrap_or_else(|e| panic!("{}={good}: {e}", option.name));
            (option.apply)(&mut Draft::new(), &value);
        }
        for bad in option.bad {
            assert!(parse(option, bad).is_err(), "{}={bad} is accepted", option.name);
        }
        let takes_any_text = matches!(option.kind, Kind::Text);
        assert!(takes_any_text || !option.bad.is_empty(), "{} has no bad example", option.name);
        if !option.default.is_empty() {
            parse(option, option.default).unwrap_or_else(|e| panic!("{}: {e}", option.name));
        }
    }
}

/// What the fingerprint is made of.
fn shown(draft: &Draft) -> Vec<String> {
    effective::lines(&JobSpec {
        description: draft.description.clone(),
        load: draft.load(),
        content: draft.content.clone(),
        target: draft.target(),
        depth: draft.depth(),
        time: draft.time(),
        pace: draft.pace(),
        process: draft.process(&[0, 1]),
        verify: draft.verify(),
        errors: draft.errors.clone(),
        report: draft.report.clone(),
        ..JobSpec::default()
    })
}

/// An option that is not shown gives two different requests one fingerprint.
#[test]
fn every_option_is_shown() {
    let mut base = Draft::new();
    for (name, text) in [
        ("rw", "randrw"),
        ("zonemode", "strided"),
        ("zonesize", "64k"),
        ("iodepth", "64"),
        ("flow", "2"),
        ("latency_target", "1s"),
        ("latency_window", "1s"),
        ("steadystate", "iops:1%"),
        ("verify_backlog", "4096"),
        ("trim_backlog", "4096"),
    ] {
        let option = find(name).unwrap();
        (option.apply)(&mut base, &parse(option, text).unwrap());
    }
    let of_engine = |option: &JobOption| option.category == Category::Engine;
    for option in all().filter(|o| o.scope == Scope::Job && !of_engine(o)) {
        let zonemode = find("zonemode").unwrap();
        let mut on_zones = base.clone();
        (zonemode.apply)(&mut on_zones, &parse(zonemode, "zbd").unwrap());
        let changes = option.good.iter().any(|good| {
            [&base, &on_zones].into_iter().any(|base| {
                let mut draft = base.clone();
                (option.apply)(&mut draft, &parse(option, good).unwrap());
                shown(&draft) != shown(base)
            })
        });
        assert!(changes, "{} is not shown", option.name);
    }
}

#[test]
fn every_option_is_documented() {
    for option in all() {
        let name = option.name;
        assert!(option.help.len() > 5 && option.help.len() <= 72, "{name}: {}", option.help);
        assert!(!option.help.ends_with('.'), "{name}: help is a fragment");
        assert!(option.doc.ends_with('.'), "{name}: doc is made of sentences");
        assert!(
            option.default.is_empty() || option.unset.is_empty(),
            "{name}: a default and words for none"
        );
        assert!(
            !option.default.is_empty() || !option.unset.is_empty(),
            "{name}: neither a default nor words for none"
        );
    }
}

#[test]
fn chapters_are_in_order() {
    let categories: Vec<Category> = all().map(|option| option.category).collect();
    assert!(categories.is_sorted());
}

#[test]
fn values_are_shown_in_the_largest_unit() {
    assert_eq!(bytes(Bytes(4096)), "\"4KiB\"");
    assert_eq!(bytes(Bytes(1000)), "1000");
    assert_eq!(bytes(Bytes(0)), "0");
    assert_eq!(bytes(Bytes(3 << 40)), "\"3TiB\"");
    assert_eq!(nanos(Nanos(1_500_000_000)), "\"1500ms\"");
    assert_eq!(nanos(Nanos(0)), "\"0s\"");
    assert_eq!(quoted("a\"b"), "'a\"b'");
}
