//! Values of every kind: what is taken, what is refused, and the words of the refusal.
//!
//! The kinds alone; what an option makes of its value is tested with the option table.

use super::*;

fn parse(kind: Kind, value: RawValue, dialect: Dialect) -> Result<Value, String> {
    let item = RawItem { value, place: Place::File { source: 0, span: 0..0 } };
    let mut remarks = Vec::new();
    let mut reading = Reading { dialect, remarks: &mut remarks };
    kind.parse(&item, &mut reading).map_err(|fault| fault.message)
}

fn fio(kind: Kind, text: &str) -> Result<Value, String> {
    parse(kind, RawValue::Text(text.to_owned()), Dialect::Fio { kb_base: 1024 })
}

#[test]
fn directions() {
    let kind = Kind::BytesPerDir { min: 1, max: 1 << 30 };
    let dirs = |read, write, trim| Ok(Value::PerDir(PerDir { read, write, trim }));
    for (text, expected) in [
        ("4k", dirs(Some(4096), Some(4096), Some(4096))),
        ("4k,8k", dirs(Some(4096), Some(8192), Some(8192))),
        ("4k,8k,1k", dirs(Some(4096), Some(8192), Some(1024))),
        (",8k", dirs(None, Some(8192), Some(8192))),
        ("8k,", dirs(Some(8192), None, None)),
        ("8k,16k,", dirs(Some(8192), Some(16384), None)),
        (",,1k", dirs(None, None, Some(1024))),
        ("(1k*(2+2)),1k", dirs(Some(4096), Some(1024), Some(1024))),
        ("1,2,3,4", Err("has more than three values".to_owned())),
        ("", Err("has an empty value".to_owned())),
        ("0", Err("`0` is out of range (1 to 1073741824)".to_owned())),
        ("4k,-1", Err("`-1` is out of range (1 to 1073741824)".to_owned())),
    ] {
        assert_eq!(fio(kind, text), expected, "{text}");
    }
}

#[test]
fn what_is_too_large_is_told_the_largest() {
    let kind = Kind::BytesPerDir { min: 1, max: SIZE_MAX };
    let told = "`99999999t` is out of range (at most 9223372036854775807)";
    assert_eq!(fio(kind, "99999999t"), Err(told.to_owned()));
    assert_eq!(fio(kind, "0"), Err("`0` is out of range (at least 1)".to_owned()));
}

#[test]
fn ranges() {
    let kind = Kind::RangePerDir { min: 1, max: 1 << 30 };
    let all = |low, high| Ok(Value::RangePerDir(PerDir::all(Some((low, high)))));
    for (text, expected) in [
        ("1k-4k", all(1024, 4096)),
        ("1k:4k", all(1024, 4096)),
        ("(1+1)-(2*4)", all(2, 8)),
        ("4k-4k", all(4096, 4096)),
        ("4k-1k", Err("`4k-1k` is a reversed range".to_owned())),
        ("4k", Err("`4k` is not a range".to_owned())),
        ("1-2-3", Err("`1-2-3` is not a range".to_owned())),
    ] {
        assert_eq!(fio(kind, text), expected, "{text}");
    }
    assert_eq!(fio(Kind::Range, "1m-2m"), Ok(Value::Range(1 << 20, 2 << 20)));
    assert_eq!(fio(Kind::Range, "1m"), Ok(Value::Range(1 << 20, 1 << 20)));
}

#[test]
fn amounts_times_booleans() {
    for (text, expected) in [
        ("1m", Some(Amount::Bytes(Bytes(1 << 20)))),
        ("0", Some(Amount::Bytes(Bytes(0)))),
        ("1%", Some(Amount::Percent(1))),
        ("100%", Some(Amount::Percent(100))),
        ("0%", None),
        ("101%", None),
        ("1.5%", None),
        ("4z", Some(Amount::Zones(4))),
        ("0z", Some(Amount::Bytes(Bytes(0)))),
        ("z", None),
        ("-1", None),
    ] {
        assert_eq!(fio(Kind::Amount, text).ok(), expected.map(Value::Amount), "{text}");
    }
    assert_eq!(fio(Kind::Time, "5m"), Ok(Value::Time(Nanos(300_000_000_000))));
    assert!(fio(Kind::Time, "-1").is_err());
    assert!(fio(Kind::Time, "999999999999d").is_err());
    for (text, expected) in [("0", Some(false)), ("1", Some(true)), ("2", None), ("yes", None)] {
        assert_eq!(fio(Kind::Bool, text).ok(), expected.map(Value::Bool), "{text}");
    }
    let stated = |value| parse(Kind::Bool, value, Dialect::Stated);
    assert_eq!(stated(RawValue::Bool(true)), Ok(Value::Bool(true)));
    assert_eq!(stated(RawValue::Quoted("false".into())), Ok(Value::Bool(false)));
    assert!(fio(Kind::Bool, "true").is_err());
    let bare = Dialect::Fio { kb_base: 1024 };
    assert!(parse(Kind::Bool, RawValue::Flag, bare).is_err());
    assert_eq!(parse(Kind::Flag, RawValue::Flag, bare), Ok(Value::Bool(true)));
}

#[test]
fn lists() {
    let texts =
        |words: &[&str]| Ok(Value::List(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()));
    assert_eq!(fio(Kind::List, "a:b c:/d"), texts(&["a", "b c", "/d"]));
    assert_eq!(fio(Kind::List, "a\\:b:c"), texts(&["a:b", "c"]));
    assert_eq!(fio(Kind::List, "a\\b"), texts(&["a\\b"]));
    assert!(fio(Kind::List, "a::b").is_err());
    assert!(fio(Kind::List, "a\0b").is_err());
    let quoted = RawValue::Quoted("pci-0:1".to_owned());
    assert_eq!(parse(Kind::List, quoted, Dialect::Stated), texts(&["pci-0:1"]));
    assert_eq!(
        fio(Kind::Percentiles, "99:50:99.9:50"),
        Ok(Value::Percentiles(vec![50.0, 99.0, 99.9]))
    );
    for bad in ["0", "101", "a", "1:", "nan", "-1"] {
        assert!(fio(Kind::Percentiles, bad).is_err(), "{bad}");
    }
    let many: Vec<String> = (1..=21).map(|n| n.to_string()).collect();
    assert!(fio(Kind::Percentiles, &many.join(":")).is_err());
}

#[test]
fn cpu_lists() {
    for (text, expected) in [
        ("0", Some(Some(vec![0]))),
        ("0-2,5", Some(Some(vec![0, 1, 2, 5]))),
        ("3,1,1", Some(Some(vec![1, 3]))),
        ("all", Some(None)),
        ("2-1", None),
        ("a", None),
        ("0-99999999", None),
        ("", None),
    ] {
        assert_eq!(fio(Kind::Cpus, text).ok(), expected.map(Value::Numbers), "{text}");
    }
}
