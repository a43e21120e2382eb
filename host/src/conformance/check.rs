//! What a check is, and what it can find. Plain words, shared by the checks, by the child that runs
//! one of them and by the runner that judges them together. Runs nothing and judges nothing itself:
//! whoever reads this file knows the vocabulary of the room.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::stand::Stand;

/// How much a check asks for: `--level N` runs all up to N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The file, its loading, its tables. No instance is made.
    Load = 1,
    /// Instances come and go, with their files. No request is made.
    Instance = 2,
    /// Requests, one rule of the contract after the other.
    Requests = 3,
    /// Many of everything, in any order.
    Stress = 4,
}

/// One named check.
#[derive(Clone, Copy)]
pub struct Check {
    /// `subject.point`, in lower case; never changes its meaning.
    pub id: &'static str,
    /// The sentence of the contract that it rests on.
    pub rule: &'static str,
    /// When it is run.
    pub level: Level,
    /// Checks without which this one tells nothing: where one of them fails, this one is skipped.
    pub rests_on: &'static [&'static str],
    /// When its child is killed.
    pub deadline: Duration,
    /// Looks. Runs in a child of its own.
    pub run: fn(&Stand) -> Outcome,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// The usual deadline.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Nothing found, or a finding.
pub type Outcome = Result<(), Finding>;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Bearable, but not as it should be.
    Warn(String),
    /// The same, and what rests on this check can tell nothing.
    Moot(String),
    /// This engine, or this machine, cannot have it: the reason.
    Skip(String),
    /// The contract is broken.
    Fail {
        /// What happened, in one line.
        cause: String,
        /// The check that the broken rule belongs to; none = the one that is running.
        breaks: Option<String>,
    },
}

impl Finding {
    /// The rule of the running check is broken.
    pub fn fail(cause: impl Into<String>) -> Finding {
        Finding::Fail { cause: cause.into(), breaks: None }
    }

    /// A rule is broken that another check is about.
    pub fn breaks(check: &str, cause: impl Into<String>) -> Finding {
        Finding::Fail { cause: cause.into(), breaks: Some(check.to_owned()) }
    }

    /// Nothing to look at here.
    pub fn skip(reason: impl Into<String>) -> Finding {
        Finding::Skip(reason.into())
    }

    /// Bearable, and of no use to what rests on it.
    pub fn moot(cause: impl Into<String>) -> Finding {
        Finding::Moot(cause.into())
    }

    /// Bearable.
    pub fn warn(cause: impl Into<String>) -> Finding {
        Finding::Warn(cause.into())
    }
}

/// The last word about a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As the contract has it.
    Pass,
    /// Bearable.
    Warn,
    /// Not looked at, for a reason.
    Skip,
    /// The contract is broken.
    Fail,
    /// The child was ended by a signal, or ended itself.
    Crash,
    /// The child did not end in time.
    Timeout,
}

impl Verdict {
    /// Whether the plugin is not in order.
    pub fn is_bad(self) -> bool {
        matches!(self, Verdict::Fail | Verdict::Crash | Verdict::Timeout)
    }

    /// As it is written everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Skip => "skip",
            Verdict::Fail => "fail",
            Verdict::Crash => "crash",
            Verdict::Timeout => "timeout",
        }
    }
}

/// A check that was judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The check.
    pub id: &'static str,
    /// The engine that it was about; none = the plugin as a whole.
    pub engine: Option<String>,
    /// The last word.
    pub verdict: Verdict,
    /// One line: why it is not a pass; empty for one.
    pub cause: String,
    /// The sentence of the contract.
    pub rule: &'static str,
    /// How long its child lived, in seconds.
    pub seconds: f64,
}
