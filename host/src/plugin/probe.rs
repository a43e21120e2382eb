//! Asks a plugin what it offers, in a child process that may crash, hang or vanish.
//!
//! `find` calls [`probe`] in the control process; `cli` calls [`child_main`] in the child, which is
//! this program itself. What counts is a positive report, never an exit status alone: a constructor
//! may call `_exit(0)`. What the plugin prints is caught and told, and never reaches our output.

use super::describe::Description;
use super::error::{PluginError, Stage};
use super::foreign::tame;
use super::host_table;
use super::load;
use crate::sys::inherit;
use crate::sys::spawn::{self, End, Ended, Limits};
use iodyno_engine_api::abi::IOE_LOG_WARN;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Bounds of a probe. A healthy one takes about a millisecond.
const LIMITS: Limits =
    Limits { deadline: Duration::from_secs(5), report_bytes_max: 16 << 20, prints_bytes_max: 2000 };
/// This program, even where its file was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// The child gets the report's pipe as its standard output, and a sealed copy as standard input.
const REPORT_FD: &str = "1";
const SEALED_COPY: &str = "/proc/self/fd/0";

/// What the child says at the end, as one line of JSON. Before it come lines with a stage's word.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Offers(Description),
    Refused(String),
}

/// Asks the plugin at `path`; with `sealed`, the copy of it in memory. Does `meanwhile`, which is
/// to be short, while the child begins.
///
/// # Errors
/// It crashed, hung, ended without a word, or does not fit.
pub(super) fn probe(
    path: &Path,
    sealed: Option<&OwnedFd>,
    meanwhile: impl FnOnce(),
) -> Result<Description, PluginError> {
    let fail = |source| PluginError::Spawn { path: path.to_owned(), source };
    let target = if sealed.is_some() { Path::new(SEALED_COPY) } else { path };
    let report_to = OsStr::new(REPORT_FD);
    let args = [OsStr::new("__probe"), OsStr::new("--report-fd"), report_to, target.as_os_str()];
    let sealed = sealed.map(OwnedFd::try_clone).transpose().map_err(fail)?;
    let ended =
        spawn::run(Path::new(OWN_PROGRAM), &args, sealed, &LIMITS, meanwhile).map_err(fail)?;
    interpret(path, &ended)
}

pub(super) fn interpret(path: &Path, ended: &Ended) -> Result<Description, PluginError> {
    let path = path.to_owned();
    let prints = tame(&String::from_utf8_lossy(&ended.prints));
    let (stage, answer) = read_report(&ended.report);
    match (ended.end, answer) {
        (_, Some(Answer::Refused(why))) => Err(PluginError::Refused { path, why }),
        (End::TimedOut, _) => {
            Err(PluginError::Hung { path, stage, seconds: LIMITS.deadline.as_secs(), prints })
        }
        (End::Signalled(signal), _) => {
            let signal = spawn::signal_name(signal);
            Err(PluginError::Crashed { path, stage, signal, prints })
        }
        (End::Exited(status), None) => Err(PluginError::NoReport { path, stage, status, prints }),
        (End::Exited(_), Some(Answer::Offers(mut description))) => {
            if !prints.is_empty() {
                let text =
                    format!("it prints while being loaded, which a plugin must not: {prints}");
                description.warnings.push(text);
            }
            Ok(description)
        }
    }
}

fn read_report(report: &[u8]) -> (Stage, Option<Answer>) {
    let mut stage = Stage::Start;
    for line in String::from_utf8_lossy(report).lines() {
        if let Some(next) = Stage::from_word(line) {
            stage = next;
        } else if let Some(answer) = answer_in(line) {
            return (Stage::Reported, Some(answer));
        }
    }
    (stage, None)
}

/// The texts are shown to people, and a plugin may have written into the pipe itself: none keeps a
/// control character.
fn answer_in(line: &str) -> Option<Answer> {
    let mut value = serde_json::from_str(line).ok()?;
    tame_texts(&mut value);
    serde_json::from_value(value).ok()
}

fn tame_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = tame(text),
        Value::Array(values) => values.iter_mut().for_each(tame_texts),
        Value::Object(values) => values.values_mut().for_each(tame_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The child: loads `load_path`, says over `report_fd` how far it came and what the plugin offers,
/// and ends the process without letting the plugin run again. Returns only where it could not even
/// begin.
pub fn child_main(report_fd: i32, load_path: &Path) -> ExitCode {
    match begin(report_fd, load_path) {
        Ok(Begun { mut report, path, alive: true }) => {
            let answer = answer(&mut report, &path);
            let told = serde_json::to_vec(&answer).is_ok_and(|mut line| {
                line.push(b'\n');
                report.write_all(&line).is_ok()
            });
            // A plugin's prints may still lie in a buffer, and _exit would lose them.
            inherit::flush_c_streams();
            inherit::exit_now(i32::from(!told));
        }
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Caught by the parent, and shown as what the probe printed.
            let _ = writeln!(io::stderr(), "the probe cannot begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A child that is ready to load.
struct Begun {
    report: File,
    path: PathBuf,
    alive: bool,
}

fn begin(report_fd: i32, load_path: &Path) -> io::Result<Begun> {
    let report = File::from(inherit::take(report_fd)?);
    let path = if load_path == Path::new(SEALED_COPY) {
        // Standard input is about to become empty; the copy stays open to the end.
        use std::os::fd::IntoRawFd;
        let copy = inherit::take(0)?.into_raw_fd();
        PathBuf::from(format!("/proc/self/fd/{copy}"))
    } else {
        load_path.to_owned()
    };
    inherit::detach_stdio()?;
    inherit::let_crashes_kill();
    let alive = inherit::live_and_die_with_parent(&report)?;
    Ok(Begun { report, path, alive })
}

fn answer(report: &mut File, path: &Path) -> Answer {
    let admitted = load::admit(path, &mut |stage| {
        // A parent that does not listen any more ends this process anyway.
        let _ = writeln!(report, "{}", stage.word());
    });
    match admitted {
        Ok(admitted) => {
            let mut description = admitted.description;
            let warned = host_table::take_log().into_iter().filter(|l| l.level >= IOE_LOG_WARN);
            description.warnings.extend(warned.map(|line| line.text));
            Answer::Offers(description)
        }
        Err(refusal) => Answer::Refused(refusal.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(report: &str, prints: &str, end: End) -> Ended {
        Ended { report: report.into(), prints: prints.into(), end }
    }

    #[test]
    fn each_end_has_its_words() {
        let refused = "load\nentry\n{\"refused\":\"no queue handler\"}\n";
        let cases = [
            (ended("", "", End::Exited(0)), "before it was loaded, with exit status 0"),
            (ended("load\n", "bye\n", End::Exited(0)), "constructor"),
            (ended("load\n", "bye\n", End::Exited(0)), "it printed: bye"),
            (ended("load\nentry\n", "", End::Signalled(11)), "in its entry function: SIGSEGV"),
            (ended("load\n", "", End::TimedOut), "hung while being loaded"),
            (ended("load\n", "", End::TimedOut), "within 5 s"),
            (ended(refused, "", End::Exited(0)), "no queue handler"),
            (ended("load\n{\"offers\":", "", End::Exited(0)), "without a report"),
        ];
        for (ended, want) in cases {
            let error = interpret(Path::new("/x.so"), &ended).unwrap_err();
            assert!(error.to_string().starts_with("/x.so: "), "{error}");
            assert!(error.to_string().contains(want), "{want}: {error}");
            assert_eq!(error.status(), 5);
        }
    }

    #[test]
    fn a_report_cannot_speak_to_the_terminal() {
        let refused = "load\n{\"refused\":\"no \\u001b[2J\\nqueue\"}\n";
        let error = interpret(Path::new("/x.so"), &ended(refused, "", End::Exited(0))).unwrap_err();
        assert_eq!(error.to_string(), "/x.so: no  [2J queue");
    }

    #[test]
    fn a_report_alone_is_not_enough_where_the_child_then_crashes() {
        let description = Description {
            id: "a.b".to_owned(),
            vendor: String::new(),
            version: String::new(),
            license: None,
            url: None,
            abi_major: 1,
            abi_minor: 0,
            need_minor: 0,
            layout_checked: false,
            engines: Vec::new(),
            warnings: Vec::new(),
        };
        let report = serde_json::to_string(&Answer::Offers(description)).unwrap();
        let crashed = ended(&report, "", End::Signalled(libc::SIGABRT));
        let error = interpret(Path::new("/x.so"), &crashed).unwrap_err().to_string();
        assert!(error.contains("after it had answered: SIGABRT"), "{error}");
        let fine = interpret(Path::new("/x.so"), &ended(&report, "hello\n", End::Exited(0)));
        assert!(fine.unwrap().warnings[0].contains("hello"));
    }
}
