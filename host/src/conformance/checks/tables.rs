//! The tables of a plugin and of its engines, each judged as it stands: texts, callbacks, options,
//! flags. They are read anew by `plugin::walk`, which does not stop where the host would. Must not
//! make an instance.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::stand::Stand;
use crate::job::options;
use crate::plugin::gate::HostTable;
use crate::plugin::walk::{EngineTable, Tables, Text};
use iodyno_engine_api::abi::*;
use std::collections::BTreeSet;

const fn check(
    id: &'static str,
    rule: &'static str,
    rests_on: &'static [&'static str],
    run: fn(&Stand) -> Outcome,
) -> Check {
    Check { id, rule, level: Level::Load, rests_on, deadline: DEADLINE, run }
}

/// What the host refuses a plugin for.
pub(super) const ADMISSION: &[Check] = &[
    check(
        "tables.strings",
        "Texts are UTF-8 without control characters and end within 4096 bytes; the plugin's id and \
         its engines' names are legal, and no two engines have one name.",
        &["entry.answers"],
        strings,
    ),
    check(
        "tables.callbacks",
        "queue is there; getevents too, unless the engine says IOE_F_SYNC; no flag is set whose \
         meaning a host must know and does not.",
        &["tables.strings"],
        callbacks,
    ),
    check(
        "tables.options",
        "Names of options and choices are legal and unique; a default parses, lies in its range \
         and keeps its step.",
        &["tables.strings"],
        option_tables,
    ),
];

/// What it is better for.
pub(super) const CHECKS: &[Check] = &[
    check(
        "tables.help",
        "The plugin tells its vendor and its version, and every engine, option and choice has a \
         line of help.",
        &["tables.options"],
        help,
    ),
    check(
        "tables.names",
        "No option is called like one of the host's own: a job would have to write ENGINE.NAME.",
        &["tables.options"],
        names,
    ),
    check(
        "tables.flags",
        "Flags are known and do not contradict the callbacks that are there.",
        &["tables.callbacks"],
        flags,
    ),
    check("tables.reserved", "Fields named reserved are 0.", &["tables.strings"], reserved),
];

fn tables(stand: &Stand) -> Result<Tables, Finding> {
    let answered = stand.gate()?.ask(HostTable::own(), None);
    let answered = answered.ok_or_else(|| {
        Finding::breaks("entry.answers", "the entry answers NULL where errcap is 0")
    })?;
    Tables::read(answered).map_err(|why| Finding::breaks("tables.strings", why))
}

fn strings(stand: &Stand) -> Outcome {
    let tables = tables(stand)?;
    tables.texts.iter().try_for_each(legal)?;
    tables.self_description().map_err(Finding::fail)?;
    let mut seen = BTreeSet::new();
    for engine in &tables.engines {
        engine.legal_name().map_err(Finding::fail)?;
        if !seen.insert(&engine.name) {
            return Err(Finding::fail(format!("two engines are called {}", engine.name)));
        }
    }
    tables.texts.iter().try_for_each(plain)
}

fn legal(text: &Text) -> Outcome {
    let what = &text.what;
    match text.bytes.as_deref().map(std::str::from_utf8) {
        None => Err(Finding::fail(format!("{what} has no zero byte within what is read of it"))),
        Some(Err(_)) => Err(Finding::fail(format!("{what} is not UTF-8"))),
        Some(Ok(_)) => Ok(()),
    }
}

/// The host shows blanks instead.
fn plain(text: &Text) -> Outcome {
    let shown = String::from_utf8_lossy(text.bytes.as_deref().unwrap_or_default());
    match shown.contains(char::is_control) {
        true => Err(Finding::warn(format!(
            "{} contains control characters: {}",
            text.what,
            shown.escape_debug()
        ))),
        false => Ok(()),
    }
}

fn callbacks(stand: &Stand) -> Outcome {
    tables(stand)?.engines.iter().try_for_each(|engine| engine.callbacks().map_err(Finding::fail))
}

fn option_tables(stand: &Stand) -> Outcome {
    for engine in &tables(stand)?.engines {
        let (info, _) = engine.options().map_err(Finding::fail)?;
        // What jobs say is read by other rules than the table's own: both have to like a default.
        for option in &info.options {
            let Some(default) = &option.default else { continue };
            super::super::stand::parse(option, default).map_err(|why| {
                Finding::fail(format!(
                    "engine {}: option `{}`: default `{default}`: {why}",
                    info.name, option.name
                ))
            })?;
        }
    }
    Ok(())
}

fn help(stand: &Stand) -> Outcome {
    let tables = tables(stand)?;
    let mut missing = tables.self_description().map_err(Finding::fail)?;
    for engine in &tables.engines {
        let (info, warnings) = engine.options().map_err(Finding::fail)?;
        if info.help.is_empty() {
            missing.push(format!("engine {} has no help", info.name));
        }
        missing.extend(warnings);
        for option in info.options.iter().filter(|option| !option.hidden) {
            let silent = option.choices.iter().filter(|choice| choice.help.is_empty());
            missing.extend(silent.map(|choice| {
                format!(
                    "engine {}: choice `{}` of option `{}` has no help",
                    info.name, choice.name, option.name
                )
            }));
        }
    }
    told(missing)
}

/// A warning of the first thing, and how many more there are.
fn told(findings: Vec<String>) -> Outcome {
    match &findings[..] {
        [] => Ok(()),
        [only] => Err(Finding::warn(only)),
        [first, rest @ ..] => Err(Finding::warn(format!("{first} (and {} more)", rest.len()))),
    }
}

fn names(stand: &Stand) -> Outcome {
    let mut clashes = Vec::new();
    for engine in &tables(stand)?.engines {
        let (info, _) = engine.options().map_err(Finding::fail)?;
        for option in &info.options {
            let names = std::iter::once(&option.name).chain(&option.alias);
            for name in names.filter(|name| options::find(name).is_some()) {
                clashes.push(format!(
                    "engine {}: `{name}` is an option of the host's; a job reaches it as {}.{name}",
                    info.name, info.name
                ));
            }
        }
    }
    told(clashes)
}

/// Engine flags that this host knows.
const ENGINE_FLAGS: u64 = IOE_F_SYNC
    | IOE_F_RAW
    | IOE_F_DISKLESS
    | IOE_F_NOEXTEND
    | IOE_F_UNIDIR
    | IOE_F_PIPE
    | IOE_F_FAKE
    | IOE_F_NOIO
    | IOE_F_SETS_ISSUE
    | IOE_F_PER_FILE
    | IOE_F_MUST_MEM;
const OPTION_FLAGS: u32 =
    IOE_OPTF_REQUIRED | IOE_OPTF_SECRET | IOE_OPTF_HIDDEN | IOE_OPTF_DEPRECATED;

fn flags(stand: &Stand) -> Outcome {
    let mut odd = Vec::new();
    for engine in &tables(stand)?.engines {
        odd.extend(
            odd_flags(engine).into_iter().map(|why| format!("engine {}: {why}", engine.name)),
        );
    }
    told(odd)
}

fn odd_flags(engine: &EngineTable) -> Vec<String> {
    let has = |flag| engine.ops.flags & flag != 0;
    let mut odd = Vec::new();
    let unknown = engine.ops.flags & !ENGINE_FLAGS;
    if unknown != 0 {
        odd.push(format!("flags {unknown:#x} are unknown, and this host ignores them"));
    }
    if has(IOE_F_SETS_ISSUE) && engine.ops.commit.is_none() {
        odd.push("says IOE_F_SETS_ISSUE (in commit) and has no commit handler".to_owned());
    }
    if has(IOE_F_SETS_ISSUE) && has(IOE_F_SYNC) {
        odd.push("says IOE_F_SETS_ISSUE, and with IOE_F_SYNC there is no commit".to_owned());
    }
    if has(IOE_F_SYNC) && engine.ops.getevents.is_some() {
        odd.push(
            "says IOE_F_SYNC and has a getevents handler, which is never called (get_caps may \
             take the flag away from an instance: then say it there)"
                .to_owned(),
        );
    }
    for (option, flags) in &engine.option_flags {
        let unknown = flags & !OPTION_FLAGS;
        if unknown != 0 {
            odd.push(format!("option `{option}`: flags {unknown:#x} are unknown and ignored"));
        }
    }
    odd
}

fn reserved(stand: &Stand) -> Outcome {
    match tables(stand)?.reserved.iter().find(|(_, zero)| !zero) {
        Some((what, _)) => Err(Finding::fail(format!("{what} is not 0"))),
        None => Ok(()),
    }
}
