//! Every fault of `plugins-example/faulty` against the whole of `iodyno check`: one cause is one
//! failure, of the check that the rule belongs to.
//!
//! One table says what each has to come to; one test runs it, prints what came of it, and another
//! holds the table against the plugin's own list, so that no fault is left out. What no check can
//! see, or what is no breach, is a row as well, with the reason.

use crate::faults_matrix::faults_listed;
use iodyno_tests::{plugins, require, Outcome, Scene};
use serde_json::Value;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs at a time: those that wait for a deadline, and those that work.
const WAITING_AT_ONCE: usize = 8;
const WORKING_AT_ONCE: usize = 3;

/// What a fault comes to.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// This check alone ends badly, with this verdict.
    To(&'static str, &'static str),
    /// No check ends badly, and this one warns.
    ToWarning(&'static str),
    /// No check ends badly: why.
    ToNothing(&'static str),
}

struct Row {
    fault: &'static str,
    comes: Comes,
    /// Arguments beside the usual ones.
    more: &'static [&'static str],
}

const fn row(fault: &'static str, comes: Comes) -> Row {
    Row { fault, comes, more: &[] }
}

const fn fails(fault: &'static str, check: &'static str) -> Row {
    row(fault, Comes::To(check, "fail"))
}

const fn crashes(fault: &'static str, check: &'static str) -> Row {
    row(fault, Comes::To(check, "crash"))
}

const fn hangs(fault: &'static str, check: &'static str) -> Row {
    row(fault, Comes::To(check, "timeout"))
}

const fn warns(fault: &'static str, check: &'static str) -> Row {
    row(fault, Comes::ToWarning(check))
}

const fn is_fine(fault: &'static str, why: &'static str) -> Row {
    row(fault, Comes::ToNothing(why))
}

impl Row {
    const fn with(self, more: &'static [&'static str]) -> Row {
        Row { more, ..self }
    }
}

/// So that units are late.
const LATE: &[&str] = &["--set", "latency=20ms"];
/// With the checks of many at once.
const STRESS: &[&str] = &["--level", "4", "--only", "^(file|load|instance|queue|units)"];

const LOADING: &[Row] = &[
    hangs("constructor_hang", "load.opens"),
    crashes("constructor_segv", "load.opens"),
    crashes("constructor_exit", "load.opens"),
    fails("constructor_print", "load.quiet"),
    warns("constructor_slow", "load.time"),
    fails("constructor_thread", "load.threads"),
    fails("constructor_chdir", "load.directory"),
    fails("constructor_signal", "load.signals"),
    fails("constructor_setenv", "load.environment"),
    fails("constructor_leak_fd", "load.descriptors"),
    crashes("entry_segv", "entry.answers"),
    hangs("entry_hang", "entry.answers"),
    fails("entry_null", "entry.answers"),
    fails("entry_overflow", "entry.words"),
    fails("entry_any_major", "entry.wrong-major"),
    fails("entry_one_minor", "entry.future-host"),
    fails("entry_changes", "entry.repeat"),
    fails("option_default", "tables.options"),
    warns("option_no_help", "tables.help"),
    fails("bad_string", "tables.strings"),
    crashes("setup_segv", "load.admitted"),
    hangs("setup_hang", "load.admitted"),
    fails("setup_fails", "load.admitted"),
    crashes("teardown_segv", "teardown.returns"),
    hangs("teardown_hang", "teardown.returns"),
];

const INSTANCES: &[Row] = &[
    is_fine("none", "a correct engine"),
    crashes("init_segv", "instance.once"),
    hangs("init_hang", "instance.once"),
    fails("init_fails", "instance.once"),
    fails("init_no_words", "instance.once"),
    fails("init_second", "instance.two"),
    fails("init_many", "instance.many").with(STRESS),
    crashes("beyond_host", "tables.guarded"),
    crashes("beyond_job", "tables.guarded"),
    crashes("option_segv", "options.bounds"),
    is_fine("option_refused", "init may refuse any value, in words"),
    fails("altered_name", "tables.unchanged"),
    fails("altered_flags", "tables.unchanged"),
    fails("altered_callback", "tables.unchanged"),
    fails("leak_fd", "instance.descriptors"),
    fails("leak_memory", "instance.memory"),
    fails("leak_thread", "instance.threads"),
    crashes("cleanup_segv", "instance.once"),
    hangs("cleanup_hang", "instance.once"),
    is_fine("only_moves", "an engine need not know more than reads and writes, if it says so"),
    fails("caps_diskless", "instance.caps"),
    fails("open_fails", "target.several"),
    warns("open_no_words", "target.missing"),
    fails("open_any", "target.missing"),
    fails("open_status", "target.several"),
    hangs("open_hang", "target.several"),
    fails("open_once", "target.reopen"),
    fails("extension_unknown", "tables.extension"),
    fails("extension_garbage", "tables.extension"),
];

const QUEUE: &[Row] = &[
    crashes("segv", "queue.status"),
    crashes("sigbus", "queue.status"),
    crashes("abort", "queue.status"),
    crashes("stack_overflow", "queue.status"),
    crashes("thread_segv", "queue.status"),
    crashes("exit", "queue.status"),
    hangs("hang", "queue.status"),
    crashes("fork_segv", "queue.status"),
    crashes("print_segv", "queue.status"),
    is_fine("babble", "what an engine prints while it works is caught, and counted by nobody"),
    crashes("eat_memory", "queue.status"),
    is_fine("scribble", "a check has no socket that could be written to"),
    crashes("close_all", "queue.status"),
    fails("status", "queue.status"),
    warns("negative", "queue.works"),
    fails("negative_range", "queue.status"),
    fails("busy", "queue.busy"),
    fails("busy_keeps", "queue.busy"),
    fails("both_ways", "units.once"),
    crashes("depth_segv", "queue.depth"),
    is_fine("depth_more", "an engine may take more than iodepth"),
    fails("depth_fails", "queue.many"),
    fails("sync_queues", "queue.status"),
];

const UNITS: &[Row] = &[
    warns("error", "queue.works"),
    warns("late_error", "queue.works"),
    fails("error_negative", "queue.errno"),
    fails("error_range", "queue.errno"),
    fails("error_eintr", "queue.intr"),
    fails("unknown_succeeds", "queue.errno"),
    fails("no_progress", "data.read-after-write"),
    fails("resid", "queue.resid"),
    fails("changes_offset", "units.inputs"),
    fails("changes_len", "units.inputs"),
    fails("changes_buf", "units.inputs"),
    fails("changes_op", "units.inputs"),
    fails("changes_flags", "units.inputs"),
    fails("changes_file", "units.inputs"),
    fails("changes_cookie", "units.inputs"),
    fails("overrun", "buffer.bounds"),
    fails("underrun", "buffer.bounds"),
    fails("private_overrun", "units.private"),
    fails("source_changed", "buffer.source"),
    fails("read_wrong", "data.read-after-write"),
    fails("write_dropped", "data.read-after-write"),
    fails("short_as_full", "data.read-after-write"),
    fails("eof_as_full", "data.end-of-file"),
    is_fine("fsync_nothing", "what was not made durable shows after a loss of power alone"),
    fails("trim_nothing", "trim.effect"),
    fails("zeroes_nothing", "zeroes.effect"),
];

const EVENTS: &[Row] = &[
    crashes("commit_segv", "queue.status"),
    hangs("commit_hang", "queue.status"),
    fails("commit_fails", "queue.status"),
    fails("commit_empty", "commit.empty"),
    fails("commit_keeps", "commit.batches"),
    crashes("getevents_segv", "queue.status"),
    hangs("getevents_hang", "queue.status"),
    fails("getevents_negative", "getevents.count"),
    fails("getevents_eintr", "getevents.intr"),
    fails("lost", "units.once"),
    fails("twice", "units.once"),
    fails("invented", "units.once"),
    fails("late_resid", "queue.resid"),
    fails("count_more", "getevents.count"),
    fails("count_fewer", "getevents.min"),
    fails("count_range", "getevents.count"),
    fails("nothing_negative", "getevents.nothing"),
    fails("timeout_ignored", "getevents.timeout-zero"),
    fails("timeout_short", "getevents.timeout").with(LATE),
    fails("cancel_nonsense", "cancel.answers"),
    fails("cancel_lies", "cancel.answers"),
    crashes("terminate_segv", "terminate.any-time"),
    fails("terminate_hang", "terminate.any-time"),
    fails("terminate_ignored", "terminate.wakes"),
    hangs("terminate_deafens", "terminate.any-time"),
    fails("errdetails_overflow", "errdetails.capacity"),
    fails("errdetails_endless", "errdetails.capacity"),
    warns("errdetails_empty", "errdetails.words"),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    [LOADING, INSTANCES, QUEUE, UNITS, EVENTS].into_iter().flatten()
}

/// Its line of the table, and what is wrong with it.
struct Result {
    line: String,
    wrong: Option<String>,
}

fn check(row: &Row) -> Outcome {
    let scene = Scene::new();
    let usual = ["check", &plugins::faulty_plugin(), "--engine", "faulty", "--seed", "1"];
    let level = ["--level", "3"].iter().filter(|_| !row.more.contains(&"--level"));
    // Who allocates without end is stopped early: the machine has other things to do.
    let limit = if row.fault == "eat_memory" { "ulimit -v 400000" } else { ":" };
    let run = scene.iodyno_after(&[], limit, usual).args(["--json", "-"]).args(level);
    let outcome = run.args(row.more).env("IODYNO_FAULTY", row.fault).run();
    let left: Vec<_> = std::fs::read_dir(scene.path()).expect("the scene").flatten().collect();
    assert!(left.is_empty(), "{} leaves {left:?}", row.fault);
    outcome
}

/// Of the checks with one of these verdicts: id, verdict, cause.
fn those(report: &Value, verdicts: &[&str]) -> Vec<[String; 3]> {
    let rows = report["checks"].as_array().cloned().unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| ["id", "verdict", "cause"].map(|key| text(row, key)))
        .filter(|[_, verdict, _]| verdicts.contains(&verdict.as_str()))
        .collect()
}

fn judge(row: &Row) -> Result {
    let outcome = check(row);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let count = report["checks"].as_array().map_or(0, Vec::len);
    let (bad, warned) = (those(&report, &["fail", "crash", "timeout"]), those(&report, &["warn"]));
    let (status, is_so, column) = match row.comes {
        Comes::To(id, verdict) => {
            let alone = matches!(&bad[..], [[found, how, _]] if found == id && how == verdict);
            (5, alone, [verdict, id])
        }
        Comes::ToWarning(id) => {
            (0, bad.is_empty() && warned.iter().any(|[found, ..]| found == id), ["warn", id])
        }
        Comes::ToNothing(why) => (0, bad.is_empty(), ["-", why]),
    };
    let [verdict, id] = column;
    let took = outcome.took.as_secs_f64();
    let line = format!("{:20} {verdict:8} {id:24} {took:6.1} s", row.fault);
    let whole = count > 30 && outcome.status == status;
    let wrong = (!is_so || !whole).then(|| {
        format!("{line}\nof {count} checks: {bad:?}, {warned:?}\n{}", outcome.stderr.trim_end())
            + &format!("\nstatus {}", outcome.status)
    });
    Result { line, wrong }
}

/// What several threads make of these rows.
fn results(rows: &[&Row], at_once: usize) -> Vec<Result> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(judge(row));
        }
        results
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn every_fault_has_a_row() {
    require!(c_compiler);
    let mut known: Vec<&str> = rows().map(|row| row.fault).collect();
    let mut faults = faults_listed();
    known.sort_unstable();
    faults.sort_unstable();
    assert_eq!(known, faults, "one row for each fault");
}

#[test]
fn the_faults_fail_one_check_each() {
    require!(c_compiler);
    plugins::faulty_plugin();
    let (waiting, working): (Vec<&Row>, Vec<&Row>) =
        rows().partition(|row| matches!(row.comes, Comes::To(_, "timeout")));
    let all: Vec<Result> = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| results(&waiting, WAITING_AT_ONCE));
        let mut all = results(&working, WORKING_AT_ONCE);
        all.extend(waiting.join().expect("no panic"));
        all
    });
    let mut lines: Vec<&str> = all.iter().map(|result| &*result.line).collect();
    lines.sort_unstable();
    // Not through println, whose words the test harness keeps back where all is well.
    let head = format!("{:20} {:8} {:24} {:>8}", "fault", "verdict", "check", "took");
    let table = format!("\n{head}\n{}\n\n", lines.join("\n"));
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert_eq!(all.len(), rows().count());
    let wrong: Vec<&str> = all.iter().filter_map(|result| result.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
}
