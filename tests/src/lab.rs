//! Cases that run in a guest of `scripts/vm`: many in one boot, judged by the test afterwards.
//!
//! Called by tests after `require!(lab)`. A case is a shell script for the guest's busybox with
//! what it is about: device, engine, what is tried. What it left is judged like the outcome of a
//! run on the host. Guests are heavy: those of one test process run one after the other.

use crate::{programs, Iodyno, Outcome, Scene};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longer than a guest may take to start, three times, and a few minutes of cases on a machine that
/// is busy elsewhere.
const LIMIT: Duration = Duration::from_secs(900);

/// For all cases of a boot, on such a machine: the guest may get a tenth of the processors.
const CASES_SECONDS: &str = "700";

/// What iodyno says of an engine that does not answer before the run. On a busy machine the
/// guest's clock jumps by seconds, and this says nothing: nothing was done, the case is tried
/// again.
const UNSURE: &str = "hung .*: no answer within";

static ONE_GUEST: Mutex<()> = Mutex::new(());

/// `scripts/vm ARGS`, with the programs under test.
pub fn vm(scene: &Scene, args: &[&str]) -> Iodyno {
    let script = programs::repo().join("scripts/vm");
    let command = scene.program(&[], &script, args).within(LIMIT);
    command.env("IODYNO_BIN_DIR", programs::bin_dir())
}

/// Does something while no other guest of this process runs.
pub fn alone<T>(guests: impl FnOnce() -> T) -> T {
    let _turn = ONE_GUEST.lock().unwrap_or_else(PoisonError::into_inner);
    guests()
}

type Judge = Box<dyn Fn(&Outcome)>;

struct Case {
    device: String,
    engine: String,
    what: String,
    script: String,
    judge: Judge,
}

/// A guest and what is tried in it.
pub struct Lab {
    options: Vec<String>,
    cases: Vec<Case>,
}

impl Lab {
    /// A guest with these options of `scripts/vm run`.
    pub fn new(options: &[&str]) -> Lab {
        Lab { options: options.iter().map(|&word| word.to_owned()).collect(), cases: Vec::new() }
    }

    /// Brings another file along, to where the cases' script runs.
    pub fn file(&mut self, path: &str) {
        self.options.extend(["--file".to_owned(), path.to_owned()]);
    }

    /// Adds a case: where, with what, what is tried; the script, run in a directory of its own; and
    /// a judge, who panics.
    pub fn case(
        &mut self,
        (device, engine, what): (&str, &str, &str),
        script: impl Into<String>,
        judge: impl Fn(&Outcome) + 'static,
    ) {
        let [device, engine, what] = [device, engine, what].map(str::to_owned);
        let (script, judge) = (script.into(), Box::new(judge));
        self.cases.push(Case { device, engine, what, script, judge });
    }

    /// Runs all cases in one boot, prints the table of them, panics if one failed.
    pub fn run(self, scene: &Scene) {
        let cases = scene.file("cases.sh", self.script());
        let mut args: Vec<&str> = vec!["run", "--timeout", CASES_SECONDS];
        args.extend(self.options.iter().map(String::as_str));
        args.extend(["--file", &cases, "--bring", "cases", "--", "sh", "cases.sh"]);
        let run = alone(|| vm(scene, &args).run());
        assert_eq!(run.status, 0, "the guest did not come to its end:\n{run}");
        let mut failures = Vec::new();
        let mut rows = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            let outcome = read(&scene.path().join(format!("cases/{number}")), case);
            let judged = catch_unwind(AssertUnwindSafe(|| (case.judge)(&outcome)));
            let word = if judged.is_ok() { "ok" } else { "FAILED" };
            let Case { device, engine, what, .. } = case;
            rows.push([device.as_str(), engine, word, what]);
            if judged.is_err() {
                failures.push(format!("{device}, {engine}, {what}"));
            }
        }
        announce(&rows);
        // What was wrong, the judges said when they panicked.
        assert!(failures.is_empty(), "failed:\n{}", failures.join("\n"));
    }

    /// What the guest's shell runs.
    fn script(&self) -> String {
        let mut text = String::from("mkdir cases\n");
        for (number, case) in self.cases.iter().enumerate() {
            let script = &case.script;
            text += &format!(
                "mkdir cases/{number}\ncat >cases/{number}/case <<'END OF CASE'\n{script}\n\
                 END OF CASE\n\
                 (cd cases/{number}; for attempt in 1 2 3; do\n\
                 timeout -s KILL 60 sh ./case >stdout 2>stderr </dev/null\n\
                 echo $? >status; grep -q '^5$' status && grep -q '{UNSURE}' stderr || break\n\
                 done)\n"
            );
        }
        text
    }
}

/// What a case left.
fn read(dir: &Path, case: &Case) -> Outcome {
    let text = |name: &str| {
        let bytes = std::fs::read(dir.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let status = text("status").trim().parse();
    Outcome {
        line: case.script.clone(),
        status: status.unwrap_or_else(|why| panic!("{}: no status: {why}", dir.display())),
        stdout: text("stdout"),
        stderr: text("stderr"),
        took: Duration::ZERO,
    }
}

/// Adds rows of device, engine, verdict and case to the file named by IODYNO_LAB_TABLE, of which
/// `scripts/test` makes one table; else prints them, past the test harness, which keeps back what a
/// test that passes prints.
fn announce(rows: &[[&str; 4]]) {
    use std::io::Write;
    if let Some(path) = std::env::var_os("IODYNO_LAB_TABLE") {
        let lines: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.expect("IODYNO_LAB_TABLE names a file that can be appended to");
        return file.write_all(lines.as_bytes()).expect("the table takes lines");
    }
    let head = ["DEVICE", "ENGINE", "", "CASE"];
    let line = |[device, engine, word, what]: &[&str; 4]| {
        format!("{device:<10} {engine:<12} {word:<6} {what}\n")
    };
    let table: String = std::iter::once(&head).chain(rows).map(line).collect();
    let _ = std::io::stderr().write_all(format!("\n{table}").as_bytes());
}
