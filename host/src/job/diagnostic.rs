//! What is wrong or odd about a job, and where: the material of an error message.
//!
//! Made by the parsers and by `resolve`, shown by `render`. Knows no colours and prints nothing.

use super::source::Source;
use std::ops::Range;

/// Exit status of a bad job or bad usage.
pub const STATUS_BAD_JOB: u8 = 2;
/// Exit status of an engine that was found but cannot be used.
pub const STATUS_BAD_ENGINE: u8 = 5;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The job cannot run.
    Error,
    /// The job runs, perhaps not as meant.
    Warning,
}

/// A piece of text that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes of a job file.
    File {
        /// Index of the source, in the order in which the files were given.
        source: usize,
        /// Byte offsets in its text.
        span: Range<usize>,
    },
    /// Bytes of an argument of the command line.
    Argument {
        /// The argument as typed, its flag included: `--set bs=4k`.
        text: String,
        /// Byte offsets in `text`.
        span: Range<usize>,
    },
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The exit status that it stands for; 0 for a warning.
    pub status: u8,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// Words under the underlined text.
    pub label: Option<String>,
    /// Other places that matter, with words.
    pub related: Vec<(Place, String)>,
    /// Facts behind it.
    pub notes: Vec<String>,
    /// What to do.
    pub helps: Vec<String>,
}

impl Diagnostic {
    /// A job that cannot run: exit status 2.
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            status: STATUS_BAD_JOB,
            message: message.into(),
            place: None,
            label: None,
            related: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// A job that runs, perhaps not as meant.
    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, status: 0, ..Diagnostic::error(message) }
    }

    /// The same with another exit status.
    #[must_use]
    pub fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Where it is.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// One line: "job.fio:3: " or the argument, then the message. For reports, which quote no text.
    pub fn located(&self, sources: &[Source]) -> String {
        let message = &self.message;
        match &self.place {
            None => message.clone(),
            Some(Place::Argument { text, .. }) => format!("{text}: {message}"),
            Some(Place::File { source, span }) => match sources.get(*source) {
                Some(source) => {
                    let origin = source.origin(span.start);
                    format!("{}:{}: {message}", origin.file, origin.line)
                }
                None => message.clone(),
            },
        }
    }

    /// Words under the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Another place that matters.
    #[must_use]
    pub fn related(mut self, place: &Place, words: impl Into<String>) -> Self {
        self.related.push((place.clone(), words.into()));
        self
    }

    /// A fact behind it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// What to do, where there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.helps.extend(help);
        self
    }

    /// Ends the run before it begins.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The exit status of a set of messages: 2 before 5, 0 where nothing is an error.
pub fn exit_status(diagnostics: &[Diagnostic]) -> u8 {
    let errors = diagnostics.iter().filter(|d| d.is_error() && d.status != 0);
    errors.map(|d| d.status).min().unwrap_or(0)
}

/// Adds a message unless the same one is there already: an option of `[global]` is judged once for
/// each job, and told once.
pub(crate) fn push_once(diagnostics: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if !is_told(diagnostics, &diagnostic) {
        diagnostics.push(diagnostic);
    }
}

/// Whether the same message is there already, whatever help it came with.
pub(crate) fn is_told(diagnostics: &[Diagnostic], diagnostic: &Diagnostic) -> bool {
    diagnostics.iter().any(|d| {
        d.severity == diagnostic.severity
            && d.place == diagnostic.place
            && d.message == diagnostic.message
    })
}

/// Messages of one kind that are told; whoever has more mends these first.
const TOLD_MAX: usize = 100;

/// Whether judging on is of no use to anybody.
pub(crate) fn are_enough(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.len() > TOLD_MAX && diagnostics.iter().filter(|d| d.is_error()).count() > TOLD_MAX
}

/// The first of each kind, and how many more there are: each one costs time to show.
pub(crate) fn the_first(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for (severity, kind) in [(Severity::Error, "errors"), (Severity::Warning, "warnings")] {
        let mut count = 0;
        diagnostics.retain(|d| {
            count += usize::from(d.severity == severity);
            d.severity != severity || count <= TOLD_MAX
        });
        if count > TOLD_MAX {
            let message = format!("there are more {kind} than the first {TOLD_MAX}");
            diagnostics.push(Diagnostic { severity, ..Diagnostic::warning(message) });
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_job_comes_before_a_bad_engine() {
        let bad_engine = Diagnostic::error("engine").status(STATUS_BAD_ENGINE);
        let warning = Diagnostic::warning("odd");
        assert_eq!(exit_status(std::slice::from_ref(&warning)), 0);
        assert_eq!(exit_status(&[warning.clone(), bad_engine.clone()]), 5);
        assert_eq!(exit_status(&[warning, bad_engine, Diagnostic::error("job")]), 2);
    }

    #[test]
    fn thousands_of_messages_help_nobody() {
        let error = |n: usize| Diagnostic::error(n.to_string());
        let mut all: Vec<Diagnostic> = (0..TOLD_MAX).map(error).collect();
        all.push(Diagnostic::warning("odd"));
        assert!(!are_enough(&all));
        assert_eq!(the_first(all.clone()), all);
        all.extend((0..5000).map(error));
        assert!(are_enough(&all));
        let told = the_first(all);
        assert_eq!(told.len(), TOLD_MAX + 2);
        assert_eq!(told[TOLD_MAX].message, "odd");
        assert_eq!(told[TOLD_MAX + 1].message, "there are more errors than the first 100");
        assert_eq!(exit_status(&told), STATUS_BAD_JOB);
    }

    #[test]
    fn the_same_message_is_told_once() {
        let mut all = Vec::new();
        push_once(&mut all, Diagnostic::error("a"));
        push_once(&mut all, Diagnostic::error("a").help("more"));
        push_once(&mut all, Diagnostic::warning("a"));
        assert_eq!(all.len(), 2);
    }
}
