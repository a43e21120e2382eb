//! Runs the built `iodyno` in a directory of its own, with a deadline, and holds what came out.
//!
//! Called by every test. A run that outlives its deadline is killed with its whole process group
//! and fails the test: nothing hangs, nothing stays behind.

use crate::document::Document;
use crate::process;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A directory for one test: job files, targets, the run's working directory and TMPDIR.
#[derive(Debug)]
pub struct Scene {
    dir: TempDir,
}

impl Default for Scene {
    fn default() -> Self {
        Scene::new()
    }
}

impl Scene {
    /// An empty directory under the system's temporary one.
    pub fn new() -> Scene {
        let dir = tempfile::Builder::new().prefix("iodyno-test-").tempdir();
        Scene { dir: dir.expect("a temporary directory can be made") }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the directory, as text for job files and arguments.
    pub fn at(&self, name: &str) -> String {
        self.path().join(name).to_str().expect("a temporary path is UTF-8").to_owned()
    }

    /// Writes a file and answers its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        std::fs::write(&path, content).expect("the scene is writable");
        path
    }

    /// Writes a file of zeros of that length and answers its path.
    pub fn zeros(&self, name: &str, bytes: usize) -> String {
        self.file(name, vec![0_u8; bytes])
    }

    /// `iodyno run FILE --output-format json`, with a job file of this text.
    pub fn run_json(&self, job: &str) -> Outcome {
        self.json(job).run()
    }

    /// The same, still open for more arguments.
    pub fn json(&self, job: &str) -> Iodyno {
        let name = if job.contains("[[job]]") { "job.toml" } else { "job.fio" };
        let file = self.file(name, job);
        self.iodyno(["run", &file, "--output-format", "json"])
    }

    /// `iodyno ARGS`, in this directory.
    pub fn iodyno<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Iodyno {
        let mut iodyno = Iodyno::wrapped(&[], self.path());
        iodyno.command.args(args);
        iodyno
    }

    /// `WRAPPER PROGRAM ARGS`: a copy of the program, or the program in another's name.
    pub fn program<S: AsRef<OsStr>>(
        &self,
        wrapper: &[&str],
        program: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Iodyno {
        let mut iodyno = Iodyno::wrapped_program(wrapper, program.to_owned(), self.path());
        iodyno.command.args(args);
        iodyno
    }

    /// `sh -c 'SCRIPT; exec iodyno ARGS'` in this directory: for limits and mounts of its own.
    pub fn iodyno_after<S: AsRef<OsStr>>(
        &self,
        wrapper: &[&str],
        script: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Iodyno {
        let shell = format!("{script}; exec \"$0\" \"$@\"");
        let mut words = wrapper.to_vec();
        words.extend(["sh", "-c", &shell]);
        let mut iodyno = Iodyno::wrapped(&words, self.path());
        iodyno.command.args(args);
        iodyno
    }
}

/// A command line of `iodyno` that is being put together.
#[derive(Debug)]
pub struct Iodyno {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

impl Iodyno {
    fn wrapped(wrapper: &[&str], dir: &Path) -> Iodyno {
        Iodyno::wrapped_program(wrapper, crate::programs::iodyno(), dir)
    }

    fn wrapped_program(wrapper: &[&str], program: PathBuf, dir: &Path) -> Iodyno {
        let words = unignored_hangup().iter().chain(wrapper).map(PathBuf::from);
        let mut words = words.chain([program]);
        let mut command = Command::new(words.next().expect("at least the program"));
        command.args(words).current_dir(dir).env("TMPDIR", dir).process_group(0);
        for name in ["IODYNO_ENGINE_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        Iodyno { command, input: Vec::new(), limit: Duration::from_secs(60) }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it so long, where a minute is not enough.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Gives it this standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts it and answers while it runs.
    pub fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let line = format!("{:?}", self.command);
        let started = Instant::now();
        let mut child = self.command.spawn().unwrap_or_else(|why| panic!("{line}: {why}"));
        let mut stdin = child.stdin.take().expect("piped");
        // A program that ends without reading its input is right to do so.
        let _ = stdin.write_all(&self.input);
        drop(stdin);
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        Running { child, stdout, stderr, line, started, limit: self.limit }
    }
}

/// Plays a scenario that a machine which is busy elsewhere can spoil, because it bounds times from
/// above: what fails three times in a row is no accident. Not for what is counted or compared.
pub fn patiently(scenario: impl Fn()) {
    for _spoilt in 0..2 {
        if std::panic::catch_unwind(AssertUnwindSafe(&scenario)).is_ok() {
            return;
        }
    }
    scenario();
}

/// Tests that were started by `nohup` ignore SIGHUP, and what they start would do so too, as is
/// right: the words in front of a command that undo it.
fn unignored_hangup() -> &'static [&'static str] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Bit 0 is signal 1.
    if mask & 1 == 0 {
        &[]
    } else {
        &["env", "--default-signal=HUP"]
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What a reader gathered. The program is gone: whoever keeps the pipe open was left behind by it.
fn read_to_end(reader: JoinHandle<String>, what: &str) -> String {
    let left_behind = format!("nobody holds {what} after the program ended");
    process::eventually(&left_behind, Duration::from_secs(10), || {
        reader.is_finished().then_some(())
    });
    reader.join().expect("a reader does not panic")
}

/// A run in progress.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    line: String,
    started: Instant,
    limit: Duration,
}

impl Running {
    /// The control process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its cells: at least `count` of them.
    pub fn wait_for_cells(&self, count: usize) -> Vec<process::Child> {
        process::eventually("the cells of the run start", Duration::from_secs(20), || {
            let cells = process::cells(self.pid());
            (cells.len() >= count).then_some(cells)
        })
    }

    /// Waits for its end; at the deadline the whole group is killed and the test fails.
    pub fn wait(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                break status;
            }
            if self.started.elapsed() > self.limit {
                process::signal_group(self.child.id(), Signal::KILL);
                let _ = self.child.wait();
                let words = self.stderr.join().unwrap_or_default();
                panic!("{} still ran after {:?}; it had said:\n{words}", self.line, self.limit);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.started.elapsed();
        Outcome {
            line: self.line,
            status: status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)),
            stdout: read_to_end(self.stdout, "standard output"),
            stderr: read_to_end(self.stderr, "standard error"),
            took,
        }
    }
}

/// What a finished run left.
#[derive(Debug)]
pub struct Outcome {
    /// The command line, for messages.
    pub line: String,
    /// Exit status; minus the signal's number where one killed the control process.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

impl Outcome {
    /// Panics, showing everything, unless it ended with this status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Outcome {
        assert_eq!(self.status, status, "exit status of:\n{self}");
        self
    }

    /// Panics, showing everything, unless standard error contains all of these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Outcome {
        for word in words {
            assert!(self.stderr.contains(word), "standard error lacks {word:?}:\n{self}");
        }
        self
    }

    /// The JSON document on standard output, which holds nothing else.
    #[track_caller]
    pub fn document(&self) -> Document {
        assert!(!self.stdout.trim().is_empty(), "no document on standard output:\n{self}");
        let document = Document::parse(&self.stdout);
        assert_eq!(document.exit_status(), self.status as u64, "told and real status:\n{self}");
        document
    }

    /// Status 0, and its document, which tells of no error.
    #[track_caller]
    pub fn clean(self) -> Document {
        let outcome = self.expect(0);
        let document = outcome.document();
        document.assert_no_errors();
        document
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { line, status, stdout, stderr, took } = self;
        writeln!(f, "{line}\nended with {status} after {took:?}")?;
        writeln!(f, "--- standard output\n{stdout}\n--- standard error\n{stderr}---")
    }
}
