//! Options that say what happens when a request fails.
//!
//! Part of the option table. The exit status of the run tells of failures that a job went on after;
//! those that `ignore_error` names are none.

use super::super::errnos;
use super::super::spec::ContinueOnError;
use super::super::value::Value;
use super::{quoted, Category, JobOption, Kind, OPTION};

/// What `continue_on_error` takes, in fio's words.
const CONTINUE: &[(&str, &str)] = &[
    ("none", "the first failure ends the job"),
    ("read", "reads may fail"),
    ("write", "writes, trims and syncs may fail"),
    ("io", "every request may fail"),
    ("verify", "verification may fail"),
    ("all", "everything may fail"),
    ("0", "the same as none"),
    ("1", "the same as all"),
];

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "continue_on_error",
        category: Category::Errors,
        kind: Kind::Choice(CONTINUE),
        default: "none",
        help: "Failures that do not end the job",
        doc: "They are counted, and the exit status tells of them all the same: 1, or 3 for \
              verification. With `verify` a miscompare is told, and reading back goes on; it goes \
              on without it too, to the end of what is to be looked at.",
        good: &["io", "none", "1"],
        bad: &["", "2", "yes", "reads"],
        fio: "fio goes on after EIO and EILSEQ only; here the kind of request decides alone, and \
              `ignore_error` names errors.",
        apply: |draft, value| draft.errors.continue_on_error = continue_on(value.text()),
        show: |job| Some(quoted(continue_word(job.errors.continue_on_error))),
        ..OPTION
    },
    JobOption {
        name: "ignore_error",
        category: Category::Errors,
        kind: Kind::Errors,
        unset: "every failure counts",
        help: "Errors that count as success: `READ,WRITE,VERIFY`",
        doc: "Three lists, each of names or numbers joined by `:`, for reads, for writes, trims \
              and syncs, and for verification: `EAGAIN,ENOSPC:122`. One list alone concerns \
              reads. In TOML such a text, or an array of up to three. `0` lifts a list that \
              `[global]` gives. They do not change the exit status.",
        good: &["EIO", "EAGAIN,ENOSPC:122", ",ENOSPC"],
        bad: &["", "ENOPE", "EIO::5", "-1", "EIO,EIO,EIO,EIO"],
        apply: |draft, value| {
            let Value::Errors(errors) = value else { unreachable!("lists of errors") };
            draft.errors.ignore_error.clone_from(errors);
        },
        show: |job| {
            let shown = errnos::shown(&job.errors.ignore_error);
            (!shown.is_empty()).then(|| quoted(&shown))
        },
        ..OPTION
    },
    JobOption {
        name: "error_dump",
        category: Category::Errors,
        kind: Kind::Bool,
        default: "0",
        help: "Tell of each failure, not of the first alone",
        doc: "Of those too that `continue_on_error` or `ignore_error` lets pass.",
        good: &["1", "0"],
        bad: &["", "2", "yes"],
        apply: |draft, value| draft.errors.error_dump = value.bool(),
        show: |job| Some(job.errors.error_dump.to_string()),
        ..OPTION
    },
];

fn continue_on(word: &str) -> ContinueOnError {
    let all = matches!(word, "all" | "1");
    ContinueOnError {
        read: all || matches!(word, "read" | "io"),
        write: all || matches!(word, "write" | "io"),
        verify: all || word == "verify",
    }
}

fn continue_word(on: ContinueOnError) -> &'static str {
    match (on.read, on.write, on.verify) {
        (true, true, true) => "all",
        (true, true, false) => "io",
        (true, _, _) => "read",
        (false, true, _) => "write",
        (false, false, true) => "verify",
        (false, false, false) => "none",
    }
}
