//! Each option at its default, its bounds and each of its choices: an engine accepts a value of its
//! own table, or refuses it in words, and survives either. Values that the host would never hand
//! over (out of range, not of the step) are not tried.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{init, Request, Rig, RigWish};
use super::super::stand::{parse, Stand, Value};
use crate::catalogue::{EngineOption, EngineOptionKind as Kind, EngineValue};
use iodyno_engine_api::abi::IOE_OP_READ;

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["queue.status", "units.once"];
    Check { id, rule, level: Level::Requests, rests_on, deadline: DEADLINE, run }
}

pub(super) const CHECKS: &[Check] = &[
    check(
        "options.bounds",
        "An option's smallest and largest value and each of its choices make an instance, or init \
         refuses them with an errno and words.",
        bounds,
    ),
    check(
        "options.texts",
        "A text of any length is taken, or refused with an errno and words.",
        texts,
    ),
    check("options.unset", "is_set 0 means that there is no value, whatever stands in v.", unset),
];

/// Beyond this a number asks for resources that no check should take.
const HUGE: u64 = 1 << 20;

fn bounds(stand: &Stand) -> Outcome {
    try_all(stand, extremes)
}

fn texts(stand: &Stand) -> Outcome {
    try_all(stand, |option| match option.kind {
        Kind::Str | Kind::Path => {
            let long = "x".repeat(4095);
            ["", "x", long.as_str(), "\u{fc}\u{f1}\u{ee}\u{e7}\u{f8}d\u{e9} %d %s %n"]
                .map(|text| EngineValue::Text(text.to_owned()))
                .to_vec()
        }
        _ => Vec::new(),
    })
}

fn unset(stand: &Stand) -> Outcome {
    try_all(stand, |option| if option.required { Vec::new() } else { vec![EngineValue::Unset] })
}

/// The values at the edges of an option's range.
fn extremes(option: &EngineOption) -> Vec<EngineValue> {
    let (min, max) = option.range.unwrap_or((0, 0));
    let bounded = option.range.is_some();
    let unsigned = |value: i64| EngineValue::Uint(value.unsigned_abs());
    let mut values = match option.kind {
        Kind::Bool => vec![EngineValue::Uint(0), EngineValue::Uint(1)],
        Kind::Enum | Kind::Flagset => {
            option.choices.iter().map(|choice| EngineValue::Uint(choice.value)).collect()
        }
        Kind::Int if bounded => vec![EngineValue::Int(min), EngineValue::Int(max)],
        Kind::Uint | Kind::Size | Kind::TimeNs if bounded => vec![unsigned(min), unsigned(max)],
        Kind::Float if bounded => {
            vec![EngineValue::Float(min as f64), EngineValue::Float(max as f64)]
        }
        Kind::Int => vec![EngineValue::Int(0), EngineValue::Int(-1)],
        Kind::Uint | Kind::Size | Kind::TimeNs => vec![EngineValue::Uint(0)],
        Kind::Float => vec![EngineValue::Float(0.0)],
        Kind::Str | Kind::Path | Kind::Engine => Vec::new(),
    };
    values.extend(option.default.as_deref().and_then(|text| parse(option, text).ok()));
    // A step rules some of them out: the host would never hand them over.
    let step = option.step;
    values.retain(|value| match (value, step) {
        (EngineValue::Uint(value), 1) => value.is_power_of_two(),
        (EngineValue::Uint(value), 2..) => value.is_multiple_of(step),
        _ => true,
    });
    values
}

/// Makes an instance for each value of each option, all others as usual.
fn try_all(stand: &Stand, values_of: impl Fn(&EngineOption) -> Vec<EngineValue>) -> Outcome {
    let subject = stand.subject()?;
    let usual = stand.values(subject.info())?;
    // An engine that has not been told where to go makes instances, and that is all.
    let goes_somewhere = match stand.rig(RigWish::default()) {
        Ok(rig) => rig.end().is_ok(),
        Err(Finding::Skip(_)) => false,
        Err(_) => true,
    };
    let mut tried = 0;
    let mut wordless = None;
    for (n, option) in subject.info().options.iter().enumerate() {
        for value in values_of(option) {
            tried += 1;
            let mut values = usual.clone();
            values[n].1 = value.clone();
            if let Err(words) = try_one(stand, values, &value, goes_somewhere)? {
                wordless = wordless.or_else(|| Some(format!("option {}: {words}", option.name)));
            }
        }
    }
    match wordless {
        Some(words) => Err(Finding::warn(words)),
        None if tried == 0 => Err(Finding::skip("it has no option of this kind")),
        None => Ok(()),
    }
}

/// Ok(Err): refused, but without words.
fn try_one(
    stand: &Stand,
    values: Vec<Value>,
    value: &EngineValue,
    goes_somewhere: bool,
) -> Result<Result<(), String>, Finding> {
    let subject = stand.subject()?;
    let wish = RigWish::default();
    match init(stand, subject, &wish, &values) {
        Ok(instance) => instance.cleanup(),
        Err(refusal) if refusal.words.is_none() => {
            return Ok(Err(format!("{value:?} is refused without words ({refusal})")));
        }
        Err(_) => return Ok(Ok(())),
    }
    // What is huge may lawfully take long, or all memory, once requests run.
    if !goes_somewhere || matches!(value, EngineValue::Uint(number) if *number > HUGE) {
        return Ok(Ok(()));
    }
    let wish = RigWish { values: Some(values), ..wish };
    match Rig::new(stand, subject, wish) {
        Ok(mut rig) => {
            if rig.can(IOE_OP_READ).is_ok() {
                rig.complete(0, Request::read(0, 4096))?;
            }
            rig.end().map(Ok)
        }
        // It may need a target that fits the value, which is no breach.
        Err(_) => Ok(Ok(())),
    }
}
