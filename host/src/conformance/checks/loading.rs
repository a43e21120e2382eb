//! What loading a plugin may do to the process: nothing. Its file is opened, its entry and `setup`
//! are called; before and after, the process is looked at. Must not make an instance: what those
//! leave behind is told by checks of instances.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::stand::Stand;
use crate::plugin::gate::{self, Answered, Gate, HostTable};
use crate::sys::capture;
use crate::sys::surroundings::{self, difference, Facts};
use std::io;
use std::time::{Duration, Instant};

/// What loading may cost.
const LOAD_TIME_MAX: Duration = Duration::from_millis(100);
/// How long what ends by itself (a thread that was joined) may still be seen.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["load.admitted"];
    Check { id, rule, level: Level::Load, rests_on, deadline: DEADLINE, run }
}

pub(super) const CHECKS: &[Check] = &[
    check(
        "load.time",
        "Constructors, entry and setup together take less than 100 ms: every run waits for them.",
        time,
    ),
    check(
        "load.quiet",
        "A plugin prints nothing on its own: neither while it is loaded nor while it is set up.",
        quiet,
    ),
    check("load.threads", "A plugin that is loaded has started no thread.", threads),
    check(
        "load.descriptors",
        "A plugin that is loaded has opened and closed no descriptor of the process.",
        descriptors,
    ),
    check(
        "load.signals",
        "A plugin changes no signal handler, ignores no signal and blocks none.",
        signals,
    ),
    check("load.environment", "A plugin does not change the environment.", environment),
    check(
        "load.directory",
        "A plugin changes neither the working directory nor the umask.",
        directory,
    ),
    check(
        "load.settings",
        "A plugin changes no setting that the whole process shares: limits, ids, processors, \
         priority, locale, the arithmetic of floating-point numbers.",
        settings,
    ),
];

fn entered(gate: &Gate) -> Result<Answered, Finding> {
    let answered = gate.ask(HostTable::own(), None);
    answered.ok_or_else(|| Finding::breaks("entry.answers", "the entry answered NULL"))
}

fn set_up(gate: &Gate, answered: Answered) -> Result<(), Finding> {
    let done = gate.set_up(answered, HostTable::own());
    done.map_err(|why| Finding::breaks("load.admitted", format!("setup: {why}")))
}

fn time(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let (done, took) = gate::timed(|| set_up(&gate, entered(&gate)?));
    done?;
    let (opened, total) = (gate.opened_in(), gate.opened_in() + took);
    match total > LOAD_TIME_MAX {
        true => Err(Finding::warn(format!(
            "{} ms: {} until the constructors were done, {} in entry and setup",
            total.as_millis(),
            opened.as_millis(),
            took.as_millis()
        ))),
        false => Ok(()),
    }
}

fn quiet(stand: &Stand) -> Outcome {
    let call = || set_up_all(stand);
    let (done, prints) = capture::prints_of(call).map_err(|e| Finding::skip(e.to_string()))?;
    done?;
    for (stream, bytes) in [("output", &prints.stdout), ("error", &prints.stderr)] {
        if !bytes.is_empty() {
            let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
            let words = format!("printed to standard {stream}: {}", beginning.escape_debug());
            return Err(Finding::fail(words));
        }
    }
    Ok(())
}

fn set_up_all(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    set_up(&gate, entered(&gate)?)
}

/// Nothing changes while the plugin is loaded; what is different after `setup` is a finding of the
/// kind `after_setup`.
fn undisturbed(
    stand: &Stand,
    look: impl Fn() -> io::Result<Facts>,
    after_setup: fn(String) -> Finding,
) -> Outcome {
    let unknown = |error: io::Error| Finding::skip(format!("the process cannot be seen: {error}"));
    let before = look().map_err(unknown)?;
    let gate = stand.gate()?;
    let answered = entered(&gate)?;
    if let Some(words) = lasting_difference(&before, &look).map_err(unknown)? {
        return Err(Finding::fail(format!("once it is loaded, {words}")));
    }
    set_up(&gate, answered)?;
    match lasting_difference(&before, &look).map_err(unknown)? {
        Some(words) => Err(after_setup(format!("after setup, {words}"))),
        None => Ok(()),
    }
}

/// A thread that was joined, or the descriptor of another process's exit, goes away a moment later.
fn lasting_difference(
    before: &Facts,
    look: &impl Fn() -> io::Result<Facts>,
) -> io::Result<Option<String>> {
    let patience = Instant::now() + SETTLES_WITHIN;
    loop {
        let words = difference(before, &look()?);
        if words.is_none() || Instant::now() > patience {
            return Ok(words);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `setup` may start threads; an engine that needs them only while it works is the better guest.
fn threads(stand: &Stand) -> Outcome {
    undisturbed(stand, surroundings::threads, Finding::warn)
}

/// `setup` may open what all instances share.
fn descriptors(stand: &Stand) -> Outcome {
    undisturbed(stand, surroundings::descriptors, Finding::warn)
}

fn signals(stand: &Stand) -> Outcome {
    undisturbed(stand, surroundings::signals, Finding::fail)
}

fn environment(stand: &Stand) -> Outcome {
    undisturbed(stand, || Ok(surroundings::environment()), Finding::fail)
}

fn directory(stand: &Stand) -> Outcome {
    undisturbed(stand, surroundings::directory, Finding::fail)
}

fn settings(stand: &Stand) -> Outcome {
    undisturbed(stand, surroundings::settings, Finding::fail)
}
