//! The engines' own options: their values checked by the table that the engine brings along.
//!
//! Called by `resolve`. Knows the types that an engine may state, and no engine.

use super::diagnostic::Place;
use super::number::{Dialect, Measure};
use super::options;
use super::raw::{RawItem, RawValue};
use super::value::{bounded, parse_bool, quantity, scalar_text, Fault, Reading};
use crate::catalogue::{EngineOption, EngineOptionKind, EngineValue};
use crate::units::{Bytes, Nanos};

/// Index of an option by its name or alias.
pub(crate) fn find(table: &[EngineOption], key: &str) -> Option<usize> {
    table.iter().position(|option| option.name == key || option.alias.as_deref() == Some(key))
}

/// A value as the engine's table wants it.
pub(crate) fn parse(
    option: &EngineOption,
    item: &RawItem,
    reading: &mut Reading<'_>,
) -> Result<EngineValue, Fault> {
    if option.kind == EngineOptionKind::Bool {
        return parse_bool(item, reading.dialect).map(|on| EngineValue::Uint(u64::from(on)));
    }
    if option.kind == EngineOptionKind::Flagset {
        return flagset(option, item);
    }
    let text = scalar_text(item)?;
    let value = match option.kind {
        EngineOptionKind::Int => {
            let value = quantity(text, Measure::Count, reading)?;
            let value = i64::try_from(value).map_err(|_| out_of_range(option, text))?;
            in_range(option, i128::from(value), text)?;
            EngineValue::Int(value)
        }
        EngineOptionKind::Uint => unsigned(option, text, Measure::Count, reading)?,
        EngineOptionKind::Size => unsigned(option, text, Measure::Bytes, reading)?,
        EngineOptionKind::TimeNs => unsigned(option, text, Measure::TIME, reading)?,
        EngineOptionKind::Float => EngineValue::Float(float(option, text)?),
        EngineOptionKind::Enum => {
            let choice = option.choices.iter().find(|choice| choice.name == text);
            EngineValue::Uint(choice.ok_or_else(|| no_choice(option, text))?.value)
        }
        _ if text.contains('\0') => return Err(Fault::new("has a NUL character in it")),
        _ => EngineValue::Text(text.to_owned()),
    };
    Ok(value)
}

/// The value that the engine gets where the job says nothing.
pub(crate) fn default(option: &EngineOption) -> Result<EngineValue, Fault> {
    match &option.default {
        Some(text) => stated(option, text),
        None => Ok(EngineValue::Unset),
    }
}

/// A value that stands in no job file. Units state their base: a plugin does not know which format
/// a job is written in.
fn stated(option: &EngineOption, text: &str) -> Result<EngineValue, Fault> {
    let place = Place::File { source: 0, span: 0..0 };
    let item = RawItem { value: RawValue::Text(text.to_owned()), place };
    let mut remarks = Vec::new();
    let mut reading = Reading { dialect: Dialect::Stated, remarks: &mut remarks };
    parse(option, &item, &mut reading)
}

/// The same for those who have no job: what is wrong with it in words.
///
/// # Errors
/// It is no value of that option.
pub fn engine_value(option: &EngineOption, text: &str) -> Result<EngineValue, String> {
    stated(option, text).map_err(|fault| fault.message)
}

/// A value in the syntax of TOML; none = not set.
pub(crate) fn show(option: &EngineOption, value: &EngineValue) -> Option<String> {
    Some(match (option.kind, value) {
        (_, EngineValue::Unset) => return None,
        (EngineOptionKind::Bool, EngineValue::Uint(on)) => (*on != 0).to_string(),
        (EngineOptionKind::Size, EngineValue::Uint(size)) => options::bytes(Bytes(*size)),
        (EngineOptionKind::TimeNs, EngineValue::Uint(time)) => options::nanos(Nanos(*time)),
        (EngineOptionKind::Enum, EngineValue::Uint(value)) => {
            let choice = option.choices.iter().find(|choice| choice.value == *value);
            choice.map_or_else(|| value.to_string(), |choice| options::quoted(&choice.name))
        }
        (EngineOptionKind::Flagset, EngineValue::Uint(flags)) => {
            let set = option.choices.iter().filter(|choice| choice.value & flags != 0);
            let names: Vec<&str> = set.map(|choice| choice.name.as_str()).collect();
            options::quoted(&names.join(","))
        }
        (_, EngineValue::Int(value)) => value.to_string(),
        (_, EngineValue::Uint(value)) => value.to_string(),
        (_, EngineValue::Float(value)) => format!("{value:?}"),
        (_, EngineValue::Text(text)) => options::quoted(text),
    })
}

fn unsigned(
    option: &EngineOption,
    text: &str,
    measure: Measure,
    reading: &mut Reading<'_>,
) -> Result<EngineValue, Fault> {
    let value = bounded(text, measure, 0, u64::MAX, reading)?;
    in_range(option, i128::from(value), text)?;
    let fits = match option.step {
        0 => true,
        1 => value.is_power_of_two(),
        step => value % step == 0,
    };
    match option.step {
        _ if fits => Ok(EngineValue::Uint(value)),
        1 => Err(Fault::new(format!("`{text}` is not a power of two"))),
        step => Err(Fault::new(format!("`{text}` is not a multiple of {step}"))),
    }
}

fn in_range(option: &EngineOption, value: i128, text: &str) -> Result<(), Fault> {
    match option.range {
        Some((min, max)) if value < i128::from(min) || value > i128::from(max) => {
            Err(out_of_range(option, text))
        }
        _ => Ok(()),
    }
}

fn out_of_range(option: &EngineOption, text: &str) -> Fault {
    match option.range {
        Some((min, max)) => Fault::new(format!("`{text}` is out of range ({min} to {max})")),
        None => Fault::new(format!("`{text}` is too large")),
    }
}

fn float(option: &EngineOption, text: &str) -> Result<f64, Fault> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let value = value.ok_or_else(|| Fault::new(format!("`{text}` is not a number")))?;
    match option.range {
        Some((min, max)) if value < min as f64 || value > max as f64 => {
            Err(out_of_range(option, text))
        }
        _ => Ok(value),
    }
}

fn no_choice(option: &EngineOption, text: &str) -> Fault {
    let names: Vec<&str> = option.choices.iter().map(|choice| choice.name.as_str()).collect();
    Fault::new(format!("`{text}` is none of {}", names.join(", ")))
}

fn flagset(option: &EngineOption, item: &RawItem) -> Result<EngineValue, Fault> {
    let texts: Vec<&str> = match &item.value {
        RawValue::Array(items) => items.iter().map(scalar_text).collect::<Result<_, _>>()?,
        _ => scalar_text(item)?.split([',', '|']).map(str::trim).collect(),
    };
    let mut flags = 0;
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        let choice = option.choices.iter().find(|choice| choice.name == text);
        flags |= choice.ok_or_else(|| no_choice(option, text))?.value;
    }
    Ok(EngineValue::Uint(flags))
}
