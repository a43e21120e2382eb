//! The entry: what it answers to this host, to older and newer ones, and to one of another major;
//! and where it writes its words. All of it goes through `plugin::gate`. Must not make an instance:
//! an entry that misbehaves is to be met alone.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::stand::Stand;
use crate::plugin::gate::{Answered, Gate, HostTable, Words};
use crate::plugin::walk::Tables;
use iodyno_engine_api::abi::{IOE_ABI_MAJOR, IOE_ABI_MINOR};

const fn check(
    id: &'static str,
    rule: &'static str,
    rests_on: &'static [&'static str],
    run: fn(&Stand) -> Outcome,
) -> Check {
    Check { id, rule, level: Level::Load, rests_on, deadline: DEADLINE, run }
}

/// What the host cannot do without.
pub(super) const ANSWERS: &[Check] = &[check(
    "entry.answers",
    "The entry answers the plugin's struct: its magic, sizes, versions and layout fit, and it \
     carries an engine.",
    &["load.opens"],
    answers,
)];

pub(super) const CHECKS: &[Check] = &[
    check(
        "entry.repeat",
        "The entry tolerates repeated calls: each answers the same struct.",
        &["load.admitted"],
        repeat,
    ),
    check(
        "entry.old-host",
        "A host of minor 0 is worked with, or refused in words where need_minor says so.",
        &["load.admitted"],
        old_host,
    ),
    check(
        "entry.future-host",
        "A host of a later minor is worked with; what its table has grown by is not looked at.",
        &["load.admitted"],
        future_host,
    ),
    check(
        "entry.wrong-major",
        "A host of another major is refused: NULL, and a text in err.",
        &["load.admitted"],
        wrong_major,
    ),
    check(
        "entry.words",
        "A refusal's text ends in a zero byte within errcap, and nothing outside of it is written; \
         err may be NULL where errcap is 0.",
        &["entry.wrong-major"],
        words,
    ),
    check(
        "entry.host-size",
        "Entry and setup read nothing of the host's table beyond its struct_size.",
        &["load.admitted"],
        host_size,
    ),
];

/// Room for the words of a refusal, as the host has it.
const CAPACITY: usize = 1024;

fn said(words: &Words) -> String {
    let text = words.said().map(|text| String::from_utf8_lossy(text).into_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "without a word".to_owned())
}

/// Asks with this table, which must be answered.
fn must_answer(gate: &Gate, host: HostTable) -> Result<Answered, Finding> {
    let mut words = Words::new(CAPACITY);
    let answered = gate.ask(host, Some(&mut words));
    answered.ok_or_else(|| Finding::fail(format!("the entry refuses: {}", said(&words))))
}

fn tables(answered: Answered) -> Result<Tables, Finding> {
    Tables::read(answered).map_err(Finding::fail)
}

fn answers(stand: &Stand) -> Outcome {
    let answered = must_answer(&stand.gate()?, HostTable::own())?;
    match answered.engines().map_err(Finding::fail)? {
        0 => Err(Finding::fail("carries no engine (n_engines is 0)")),
        _ => Ok(()),
    }
}

fn repeat(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let first = must_answer(&gate, HostTable::own())?;
    let before = tables(first)?;
    for call in 2..=4 {
        let again = must_answer(&gate, HostTable::own())?;
        if again != first {
            return Err(Finding::fail(format!("call {call} answers a struct at another address")));
        }
        if let Some(what) = tables(again)?.change_since(&before) {
            return Err(Finding::fail(format!("after call {call}, {what} is another")));
        }
    }
    Ok(())
}

fn old_host(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let need_minor = must_answer(&gate, HostTable::own())?.need_minor().map_err(Finding::fail)?;
    let mut words = Words::new(CAPACITY);
    let answered = gate.ask(HostTable::of_version(IOE_ABI_MAJOR, 0), Some(&mut words));
    match answered {
        Some(answered) => tables(answered).map(drop),
        None if need_minor == 0 => Err(Finding::fail(format!(
            "need_minor is 0, and a host of {IOE_ABI_MAJOR}.0 is refused: {}",
            said(&words)
        ))),
        None if words.said().is_none_or(<[u8]>::is_empty) => {
            Err(Finding::fail(format!("a host of {IOE_ABI_MAJOR}.0 is refused without a word")))
        }
        None => Ok(()),
    }
}

fn future_host(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let future = HostTable::of_the_future();
    let answered = must_answer(&gate, future)?;
    tables(answered)?;
    gate.set_up(answered, future).map_err(|why| Finding::fail(format!("setup refuses: {why}")))
}

fn other_majors() -> [(String, HostTable); 2] {
    [IOE_ABI_MAJOR + 1, IOE_ABI_MAJOR - 1].map(|major| {
        (format!("{major}.{IOE_ABI_MINOR}"), HostTable::of_version(major, IOE_ABI_MINOR))
    })
}

fn wrong_major(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    for (version, host) in other_majors() {
        let mut words = Words::new(CAPACITY);
        if gate.ask(host, Some(&mut words)).is_some() {
            let words = format!("a host of {version} is not refused, whatever its tables mean");
            return Err(Finding::fail(words));
        }
        // Whether they end where they must is entry.words' affair.
        if words.said().is_some_and(<[u8]>::is_empty) || words.is_untouched() {
            return Err(Finding::fail(format!("a host of {version} is refused without a word")));
        }
    }
    Ok(())
}

fn words(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    for (version, host) in other_majors() {
        for capacity in [CAPACITY, 16, 2, 1, 0] {
            let mut words = Words::new(capacity);
            let answer = gate.ask(host, Some(&mut words));
            let told = |what: &str| {
                Err(Finding::fail(format!("refusing {version} with errcap {capacity}: {what}")))
            };
            if let Some(damage) = words.damage() {
                return told(&damage);
            }
            match (answer, words.said()) {
                (Some(_), _) => return told("the host is not refused any more"),
                (None, None) if capacity > 0 => return told("no zero byte within the capacity"),
                (None, Some(text))
                    if capacity == CAPACITY && std::str::from_utf8(text).is_err() =>
                {
                    return told("the text is not UTF-8");
                }
                _ => {}
            }
        }
        let _refused = gate.ask(host, None);
    }
    Ok(())
}

fn host_size(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let host = HostTable::guarded().map_err(|error| Finding::skip(error.to_string()))?;
    let Some(answered) = gate.ask(host, None) else {
        return Err(Finding::skip("it refuses a host of 1.0"));
    };
    gate.set_up(answered, host).map_err(|why| Finding::fail(format!("setup refuses: {why}")))
}
