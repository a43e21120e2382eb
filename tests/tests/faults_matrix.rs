//! Every fault of `plugins-example/faulty` against a run: with a cell for each job, and with one
//! cell for all of them.
//!
//! One table says what each has to come to; one test runs it, prints what came of it, and another
//! holds the table against the plugin's own list, so that no fault is left out. What a run cannot
//! see is a row as well: it says so, and the run has to be clean.

use iodyno_tests::{plugins, require, Document, Outcome, Scene};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Good requests before the fault, and those of a whole job.
const AFTER: u64 = 100;
const ALL: u64 = 1024;

/// Runs at a time: most of them wait for a process or for a time limit.
const AT_ONCE: usize = 4;

/// What a fault comes to.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// The plugin is not loaded, with these words: nothing runs.
    Refused(&'static str),
    /// The cell dies in this callback, by this signal or exit.
    Crash(&'static str, &'static str),
    /// The contract is broken by this callback, in these words: the job ends.
    Broken(&'static str, &'static str),
    /// This callback is given up after engine_timeout.
    Stuck(&'static str),
    /// What the contract allows: an I/O error with these words.
    IoError(&'static str),
    /// It costs a run nothing.
    Harmless,
    /// The run is as clean as one without it, and the data or the durability is not.
    Unseen,
}
use Verdict::*;

/// How much of the job is counted.
#[derive(Clone, Copy)]
enum Counted {
    Nothing,
    /// What went well before the fault, and at most what was on its way.
    Good,
    /// The fault comes somewhere in the middle.
    Something,
    Everything,
}
use Counted::*;

struct Row {
    fault: &'static str,
    verdict: Verdict,
    counted: Counted,
    /// Lines of the job; reads and writes of a file where it says nothing.
    job: &'static str,
}

const fn row(fault: &'static str, verdict: Verdict) -> Row {
    let counted = match verdict {
        Refused(_) => Nothing,
        Harmless | Unseen => Everything,
        Crash(..) | Broken(..) | Stuck(_) | IoError(_) => Good,
    };
    Row { fault, verdict, counted, job: "rw=randrw" }
}

impl Row {
    const fn counts(self, counted: Counted) -> Row {
        Row { counted, ..self }
    }

    const fn with(self, job: &'static str) -> Row {
        Row { job, ..self }
    }
}

/// A second file that is opened in mid-run.
const TWO_FILES: &str = "rw=write\nnrfiles=2\nfile_service_type=sequential\nopenfiles=1";

/// Faults of loading: chosen by the environment.
const LOADING: &[Row] = &[
    row("constructor_hang", Refused("hung while being loaded")),
    row("constructor_segv", Refused("SIGSEGV")),
    row("constructor_exit", Refused("ended the process while being loaded")),
    row("constructor_print", Harmless),
    row("constructor_slow", Harmless),
    row("constructor_thread", Harmless),
    row("constructor_chdir", Harmless),
    row("constructor_signal", Harmless),
    row("constructor_setenv", Harmless),
    row("constructor_leak_fd", Harmless),
    row("entry_segv", Refused("crashed in its entry function: SIGSEGV")),
    row("entry_hang", Refused("hung in its entry function")),
    row("entry_null", Refused("answered NULL and gave no reason")),
    row("entry_overflow", Harmless),
    row("entry_any_major", Harmless),
    row("entry_one_minor", Harmless),
    row("entry_changes", Harmless),
    row("option_default", Refused("outside its range 1 to 4095")),
    row("option_no_help", Harmless),
    row("bad_string", Refused("not UTF-8")),
    row("setup_segv", Crash("setup", "SIGSEGV")).counts(Nothing),
    row("setup_hang", Crash("setup", "engine_timeout")).counts(Nothing),
    row("setup_fails", Broken("", "the flux capacitor does not start")).counts(Nothing),
    row("teardown_segv", Crash("teardown", "SIGSEGV")).counts(Everything),
    row("teardown_hang", Crash("teardown", "did not end within 10 s")).counts(Everything),
];

/// Faults of an instance's life.
const INSTANCE: &[Row] = &[
    row("none", Harmless),
    row("init_segv", Crash("init", "SIGSEGV")).counts(Nothing),
    row("init_hang", Stuck("init")).counts(Nothing),
    row("init_fails", IoError("the flux capacitor is empty")).counts(Nothing),
    row("init_no_words", IoError("No such device")).counts(Nothing),
    row("init_second", Harmless),
    row("init_many", Harmless),
    row("beyond_host", Harmless),
    row("beyond_job", Harmless),
    row("option_segv", Harmless),
    row("option_refused", Harmless),
    row("altered_name", Harmless),
    row("altered_flags", Harmless),
    row("altered_callback", Harmless),
    row("leak_fd", Harmless),
    row("leak_memory", Harmless),
    row("leak_thread", Harmless),
    row("cleanup_segv", Crash("cleanup", "SIGSEGV")).counts(Everything),
    row("cleanup_hang", Stuck("cleanup")).counts(Everything),
    row("only_moves", Harmless),
    row("caps_diskless", Broken("get_caps", "IOE_F_DISKLESS")).counts(Nothing),
    row("open_fails", IoError("the door is stuck")).with(TWO_FILES).counts(Something),
    row("open_no_words", Harmless),
    row("open_any", Harmless),
    row("open_status", Broken("open_file", "answered 7")).with(TWO_FILES).counts(Something),
    row("open_hang", Stuck("open_file")).with(TWO_FILES).counts(Something),
    row("open_once", Harmless),
    row("extension_unknown", Harmless),
    row("extension_garbage", Harmless),
];

/// Faults of queue.
const QUEUE: &[Row] = &[
    row("segv", Crash("queue", "SIGSEGV")),
    row("sigbus", Crash("queue", "SIGBUS")),
    row("abort", Crash("queue", "SIGABRT")),
    row("stack_overflow", Crash("queue", "SIGSEGV")),
    row("thread_segv", Crash("queue", "SIGSEGV")),
    row("exit", Crash("queue", "ended by itself with status 0")),
    row("hang", Stuck("queue")),
    row("fork_segv", Crash("queue", "SIGSEGV")),
    row("print_segv", Crash("queue", "SIGSEGV")),
    row("babble", Harmless),
    row("eat_memory", Crash("queue", "SIGABRT")),
    row("scribble", Harmless),
    row("close_all", Crash("", "")),
    row("status", Broken("queue", "answered 7")),
    row("negative", IoError("Input/output error")),
    row("negative_range", Broken("queue", "answered -5000")),
    row("busy", Broken("queue", "answered Busy with nothing in flight")),
    row("busy_keeps", Broken("getevents", "which is not in flight")),
    row("both_ways", Broken("getevents", "which is not in flight")),
    row("depth_segv", Harmless),
    row("depth_more", Harmless),
    row("depth_fails", Harmless),
    row("sync_queues", Broken("queue", "IOE_F_SYNC")).counts(Nothing),
];

/// Faults in what becomes of a unit.
const UNITS: &[Row] = &[
    row("error", IoError("Input/output error")),
    row("late_error", IoError("Input/output error")),
    row("error_negative", Broken("getevents", "set error to -5")),
    row("error_range", Broken("getevents", "set error to 5000")),
    row("error_eintr", Harmless),
    row("unknown_succeeds", Harmless),
    row("no_progress", IoError("Input/output error")).with("rw=randwrite"),
    row("resid", Broken("queue", "resid above len")),
    row("changes_offset", Broken("getevents", "left offset of unit")),
    row("changes_len", Broken("getevents", "left len of unit")),
    row("changes_buf", Broken("getevents", "left buf of unit")),
    row("changes_op", Broken("", "left op of unit")).counts(Everything),
    row("changes_flags", Broken("", "left flags of unit")).counts(Everything),
    row("changes_file", Broken("", "left file of unit")).counts(Everything),
    row("changes_cookie", Broken("", "left host_cookie of unit")).counts(Everything),
    row("overrun", Broken("", "wrote beyond buffer")).counts(Everything),
    row("underrun", Unseen),
    row("private_overrun", Broken("", "wrote beyond private memory")).counts(Everything),
    row("source_changed", Unseen),
    row("read_wrong", Unseen),
    row("write_dropped", Unseen),
    row("short_as_full", Unseen),
    row("eof_as_full", Unseen),
    row("fsync_nothing", Unseen).with("rw=randwrite\nfsync=100"),
    row("trim_nothing", Unseen).with("rw=trim"),
    row("zeroes_nothing", Harmless),
];

/// Faults of the other callbacks.
const EVENTS: &[Row] = &[
    row("commit_segv", Crash("commit", "SIGSEGV")),
    row("commit_hang", Stuck("commit")),
    row("commit_fails", IoError("commit")),
    row("commit_empty", Harmless),
    row("commit_keeps", Harmless),
    row("getevents_segv", Crash("getevents", "SIGSEGV")),
    row("getevents_hang", Stuck("getevents")),
    row("getevents_negative", Broken("", "requests never came back")),
    row("getevents_eintr", Broken("", "requests never came back")),
    row("lost", Stuck("getevents")),
    row("twice", Broken("getevents", "which is not in flight")),
    row("invented", Broken("getevents", "which is no unit of this instance")),
    row("late_resid", Broken("getevents", "resid above len")),
    row("count_more", Broken("getevents", "handed back 5 units, asked for 1 to 4")),
    row("count_fewer", Broken("getevents", "handed back 0 units")),
    row("count_range", Broken("getevents", "handed back -5000 units")),
    row("nothing_negative", Harmless),
    row("timeout_ignored", Harmless),
    row("timeout_short", Harmless),
    row("cancel_nonsense", Harmless),
    row("cancel_lies", Harmless),
    row("terminate_segv", Harmless),
    row("terminate_hang", Harmless),
    row("terminate_ignored", Stuck("getevents")),
    row("terminate_deafens", Harmless),
    row("errdetails_overflow", IoError("No space left"))
        .with("rw=write\nfilename=/dev/full")
        .counts(Something),
    row("errdetails_endless", IoError("No space left"))
        .with("rw=write\nfilename=/dev/full")
        .counts(Something),
    row("errdetails_empty", IoError("No space left"))
        .with("rw=write\nfilename=/dev/full")
        .counts(Something),
];

/// How the fault is chosen, and in how many cells the jobs run.
#[derive(Clone, Copy)]
struct Case {
    row: &'static Row,
    by_environment: bool,
    isolation: &'static str,
}

fn cases() -> Vec<Case> {
    let loading = LOADING.iter().map(|row| Case { row, by_environment: true, isolation: "job" });
    let running = [INSTANCE, QUEUE, UNITS, EVENTS].into_iter().flatten().flat_map(|row| {
        ["job", "run"].map(|isolation| Case { row, by_environment: false, isolation })
    });
    loading.chain(running).collect()
}

/// The job with the fault, a neighbour of the null engine beside it.
fn start(scene: &Scene, case: Case) -> Outcome {
    let Row { fault, job, .. } = case.row;
    let choice = if case.by_environment { String::new() } else { format!("fault={fault}\n") };
    // Where nothing is to be given up, a busy machine shall not look like it.
    let timeout = if matches!(case.row.verdict, Stuck(_) | Crash(_, "engine_timeout")) {
        "1s"
    } else {
        "30s"
    };
    let text = format!(
        "[global]\nbs=4k\nsize=4m\nengine_timeout={timeout}\nisolation={}\n[bad]\n\
         ioengine={}\n{choice}after={AFTER}\niodepth=4\niodepth_batch_complete_max=4\n{job}\n\
         [neighbour]\nioengine=null\nrw=randread\n",
        case.isolation,
        plugins::faulty(),
    );
    let file = scene.file("job.fio", text);
    let args = ["run", &file, "--output-format", "json"];
    // Who allocates without end is stopped early: the machine has other things to do.
    let limit = if *fault == "eat_memory" { "ulimit -v 400000" } else { ":" };
    let run = scene.iodyno_after(&[], limit, args);
    if case.by_environment {
        run.env("IODYNO_FAULTY", format!("{fault}:{AFTER}")).run()
    } else {
        run.run()
    }
}

/// What came of a case: its line of the table, and what is wrong with it.
struct Result {
    line: String,
    wrong: Vec<String>,
}

/// Collects what is not as it should be.
struct Check(Vec<String>);

impl Check {
    fn holds(&mut self, is_so: bool, words: impl FnOnce() -> String) {
        if !is_so {
            self.0.push(words());
        }
    }

    fn says(&mut self, errors: &str, word: &str) {
        self.holds(errors.contains(word), || format!("no {word:?} in {errors}"));
    }
}

fn judge(case: Case) -> Result {
    let scene = Scene::new();
    let outcome = start(&scene, case);
    let Row { fault, verdict, counted, .. } = case.row;
    let mut check = Check(Vec::new());
    let (status, name) = match verdict {
        Refused(_) => (5, "refused"),
        Crash(..) => (5, "crash"),
        Broken(..) => (5, "contract broken"),
        Stuck(_) => (5, "given up"),
        IoError(_) => (1, "I/O error"),
        Harmless => (0, "harmless to a run"),
        Unseen => (0, "not seen by a run"),
    };
    check.holds(outcome.status == status, || format!("status {status} expected"));
    let document = serde_json::from_str(&outcome.stdout).ok().map(Document);
    check.holds(document.is_some(), || "the report does not parse".to_owned());
    let mut line = format!("{fault:20} {:4} {name:18} {:6}", case.isolation, outcome.status);
    let Some(document) = document else {
        return finish(line + " NO", check, &outcome);
    };
    check.holds(document.exit_status() == outcome.status as u64, || "told status".to_owned());
    let errors = document.errors();
    says_it_all(&mut check, *verdict, &errors);
    let (bad, neighbour) = (ios(&document, "bad"), ios(&document, "neighbour"));
    let _ = write!(line, " yes     {bad:7} {neighbour:9} {:6.1} s", outcome.took.as_secs_f64());
    let range = match counted {
        Nothing => 0..=0,
        Good => AFTER..=AFTER + 8,
        Something => 1..=ALL - 1,
        Everything => ALL..=ALL,
    };
    check.holds(range.contains(&bad), || format!("{bad} counted, {range:?} expected"));
    let is_spared = match verdict {
        Refused(_) => false,
        Crash(..) => case.isolation == "job",
        _ => true,
    };
    check.holds(!is_spared || neighbour == ALL, || "the neighbour does not finish".to_owned());
    finish(line, check, &outcome)
}

/// The words that each verdict owes the user.
fn says_it_all(check: &mut Check, verdict: Verdict, errors: &str) {
    let (callback, words) = match verdict {
        Harmless | Unseen => return check.holds(errors == "[]", || format!("told: {errors}")),
        Refused(words) => {
            check.says(errors, "libfaulty.so");
            return check.says(errors, words);
        }
        IoError(words) => return check.says(errors, words),
        Crash(callback, words) | Broken(callback, words) => (callback, words),
        Stuck(callback) => (callback, "engine_timeout"),
    };
    for word in [callback, words, "faulty", "1.2.3", "libfaulty.so", "sha256"] {
        check.says(errors, word);
    }
}

fn ios(document: &Document, job: &str) -> u64 {
    let jobs = document.at("/jobs").as_array().cloned().unwrap_or_default();
    let index = jobs.iter().position(|entry| entry["jobname"] == job);
    index.map_or(0, |job| ["read", "write", "trim"].map(|dir| document.ios(job, dir)).iter().sum())
}

fn finish(line: String, check: Check, outcome: &Outcome) -> Result {
    let Check(mut wrong) = check;
    if !wrong.is_empty() {
        wrong.push(outcome.stderr.clone());
    }
    Result { line, wrong }
}

/// The choices of the option `fault`, as the program shows them.
pub(crate) fn faults_listed() -> Vec<String> {
    let scene = Scene::new();
    let shown = scene.iodyno(["engines", "show", &plugins::faulty(), "--json"]).run().expect(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let options = find(&shown, "options").and_then(|options| options.as_array());
    let option = options.and_then(|all| all.iter().find(|option| option["name"] == "fault"));
    let choices = option.and_then(|option| option["choices"].as_array()).expect("its choices");
    choices.iter().map(|choice| choice["name"].as_str().expect("a name").to_owned()).collect()
}

fn find<'a>(value: &'a serde_json::Value, key: &str) -> Option<&'a serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => {
            map.get(key).or_else(|| map.values().find_map(|value| find(value, key)))
        }
        serde_json::Value::Array(items) => items.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn no_fault_of_the_plugin_is_missing() {
    require!(c_compiler);
    let mut rows: Vec<&str> = [LOADING, INSTANCE, QUEUE, UNITS, EVENTS]
        .into_iter()
        .flatten()
        .map(|row| row.fault)
        .collect();
    let mut faults = faults_listed();
    rows.sort_unstable();
    faults.sort_unstable();
    assert_eq!(rows, faults, "one row for each fault");
}

#[test]
fn the_whole_matrix() {
    require!(c_compiler);
    let cases = cases();
    let next = AtomicUsize::new(0);
    let run = || {
        let mut results = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(judge(*case));
        }
        results
    };
    let results: Vec<Result> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut lines: Vec<&str> = results.iter().map(|result| &*result.line).collect();
    lines.sort_unstable();
    // Not through println, whose words the test harness keeps back where all is well.
    let head = format!(
        "{:20} {:4} {:18} {:6} {:7} {:7} {:9} {:>8}",
        "fault", "cell", "verdict", "status", "parses", "counted", "neighbour", "took"
    );
    let table = format!("\n{head}\n{}\n\n", lines.join("\n"));
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert_eq!(results.len(), cases.len());
    let wrong: Vec<String> = results
        .iter()
        .filter(|result| !result.wrong.is_empty())
        .map(|result| format!("{}\n{}", result.line, result.wrong.join("\n")))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}
