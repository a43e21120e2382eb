//! Compares what was counted with what was recorded, and says it as a table with closing words.
//!
//! Called by main. A pure function of both: reads no file, prints nothing, so that the guard's own
//! tests can see it fail.

use crate::cases::CASES;
use crate::counted::PerRequest;
use crate::recorded::Recorded;
use crate::toolchain::{Likeness, Toolchain};
use std::fmt::Write;

/// Growth that fails, in percent, where the toolchain is the recorded one.
pub const LIMIT: f64 = 3.0;

/// Growth that fails, in percent, where compiler or C library are others, which inline and schedule
/// otherwise: an assumption, wide enough not to blame a change of ours for theirs.
pub const LIMIT_OF_OTHERS: f64 = 10.0;

/// From here on it is worth recording that something has become cheaper, in percent.
const WORTH: f64 = 1.0;

/// How to make the present figures the recorded ones.
const RECORD: &str =
    "scripts/bench instructions --record, and commit tests/instructions/recorded.json";

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing grew.
    Passed,
    /// Something grew, or is not recorded.
    Failed,
    /// Nothing is recorded that this machine's figures could be compared with.
    NotComparable,
}

/// Table and closing words, and how it ended.
pub fn judge(recorded: &Recorded, here: &Toolchain, now: &PerRequest) -> (Outcome, String) {
    let likeness = recorded.toolchain.likeness(here);
    let limit = if likeness == Likeness::Same { LIMIT } else { LIMIT_OF_OTHERS };
    let (mut text, mut grown, mut cheaper, mut unknown) = (head("recorded"), vec![], 0, vec![]);
    for case in CASES {
        let before = recorded.per_request.get(case.name).copied();
        let (before, now) = match (before, now.get(case.name).copied()) {
            (Some(before), Some(now)) => (before, now),
            (before, now) => {
                row(&mut text, case.name, before, now, "");
                unknown.push(case.name);
                continue;
            }
        };
        let percent = (now - before) / before * 100.0;
        let grew = likeness != Likeness::None && percent > limit;
        row(&mut text, case.name, Some(before), Some(now), if grew { "  GREW" } else { "" });
        if grew {
            grown.push(format!("{}: {before:.1} recorded, {now:.1} now", case.name));
        }
        cheaper += usize::from(percent < -WORTH);
    }
    let gone = recorded.per_request.keys();
    unknown.extend(gone.map(String::as_str).filter(|name| CASES.iter().all(|it| it.name != *name)));
    text += &toolchains(recorded, here, likeness, limit);
    let outcome = if likeness == Likeness::None {
        Outcome::NotComparable
    } else if grown.is_empty() && unknown.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed
    };
    if !grown.is_empty() {
        text += &words_of_growth(&grown, limit);
    }
    if !unknown.is_empty() && likeness != Likeness::None {
        let _ = writeln!(
            text,
            "recorded and counted are not the same cases ({}). Record them: {RECORD}",
            unknown.join("; ")
        );
    }
    if outcome == Outcome::Passed && cheaper > 0 {
        let _ = writeln!(text, "{cheaper} became cheaper. To keep that: {RECORD}");
    }
    (outcome, text)
}

/// The table of two builds, with nothing to fail.
pub fn compare(before: &PerRequest, now: &PerRequest) -> String {
    let mut text = head("before");
    for case in CASES {
        row(&mut text, case.name, before.get(case.name).copied(), now.get(case.name).copied(), "");
    }
    text
}

fn head(before: &str) -> String {
    format!("{:<56} {before:>10} {:>10} {:>11}\n", "instructions per request", "now", "difference")
}

fn row(text: &mut String, name: &str, before: Option<f64>, now: Option<f64>, mark: &str) {
    let cell = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.1}"));
    let difference = before.zip(now).map_or(String::new(), |(before, now)| {
        format!("{:+.1} %", (now - before) / before * 100.0)
    });
    let (before, now) = (cell(before), cell(now));
    let _ = writeln!(text, "{name:<56} {before:>10} {now:>10} {difference:>11}{mark}");
}

/// With what was counted and recorded, and what follows from it.
fn toolchains(recorded: &Recorded, here: &Toolchain, likeness: Likeness, limit: f64) -> String {
    let mut text = format!("counted with {}\n", here.words());
    match likeness {
        Likeness::Same => {
            let _ = writeln!(text, "limit: {limit} % more than recorded");
        }
        Likeness::Other => {
            let _ = writeln!(
                text,
                "recorded with {}\nlimit: {limit} % more than recorded instead of {LIMIT} %, since \
                 compiler or C library are others. With these for good: {RECORD}",
                recorded.toolchain.words()
            );
        }
        Likeness::None => {
            let _ = writeln!(
                text,
                "recorded with {}\nnot comparable: another kind of processor, or another clock",
                recorded.toolchain.words()
            );
        }
    }
    text
}

fn words_of_growth(grown: &[String], limit: f64) -> String {
    let mut text = format!("FAILED: more than {limit} % more instructions per request:\n");
    for case in grown {
        let _ = writeln!(text, "  {case}");
    }
    let _ = writeln!(
        text,
        "Where they are spent: docs/instructions.md. If it is worth that: {RECORD} with the reason"
    );
    text
}

#[cfg(test)]
mod tests;
