//! Runs checks, each in a child, and judges them together: one cause, one failure.
//!
//! Called by `cli` in the control process. A check that fails because of what another one is about
//! is a skip that says so; what rests on a failed check is not run. Loads no plugin, unless the
//! user wants the checks in this process (`--in-process`, for debuggers).

use super::check::{Check, Finding, Judged, Level, Verdict};
use super::child::{carry_out, Order, Report};
use super::list;
use super::place::Made;
use super::stand::Below;
use crate::catalogue::EngineInfo;
use crate::plugin::handle::Callback;
use crate::sys::shm::SharedMemory;
use crate::sys::spawn::{self, End, Ended, Limits};
use iodyno_engine_api::abi::IOE_F_DISKLESS;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// This program, even where its file was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";
const REPORT_BYTES_MAX: usize = 1 << 20;
const PRINTS_BYTES_MAX: usize = 400;

/// What is to be checked, and how.
#[derive(Clone, Debug)]
pub struct Session {
    /// The plugin's file, absolute.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: String,
    /// Engines to check; empty where the plugin could not be loaded.
    pub engines: Vec<EngineInfo>,
    /// Which checks, in order.
    pub checks: Vec<&'static Check>,
    /// What the user named for files.
    pub target: Option<PathBuf>,
    /// Values of the engine's options.
    pub sets: Vec<(String, String)>,
    /// Engines that it may stand on, as its options name them.
    pub below: Vec<Below>,
    /// What random choices begin with.
    pub seed: u64,
    /// No children.
    pub in_process: bool,
}

/// A judged check and what its judgement hangs on.
struct Row {
    judged: Judged,
    /// The check that the broken rule belongs to.
    breaks: Option<String>,
    /// How the child ended, where it did not end well: signal or deadline, and where.
    ending: Option<String>,
    /// Nothing can rest on it: it failed for a reason that another check is about, or has said so.
    unmet: bool,
}

/// Runs all of them. `told` hears of each before it runs (its number, from 0, and its id).
///
/// # Errors
/// In words: the place for files cannot be had, or no child can be started.
pub fn run(session: &Session, told: &mut dyn FnMut(usize, &str)) -> Result<Vec<Judged>, String> {
    let mut rows: Vec<Row> = Vec::new();
    let (plugin, engine): (Vec<&Check>, Vec<&Check>) =
        session.checks.iter().partition(|check| check.level == Level::Load);
    let nowhere = Made::new(None, true)?;
    for check in plugin {
        told(rows.len(), check.id);
        let row = one(session, check, None, &nowhere, &rows)?;
        rows.push(row);
    }
    for info in subjects(session) {
        let diskless = info.is_none_or(|info| info.flags & IOE_F_DISKLESS != 0);
        let made = Made::new(session.target.as_deref(), diskless)?;
        for check in &engine {
            told(rows.len(), check.id);
            let name = info.map(|info| info.name.as_str());
            let row = one(session, check, name, &made, &rows)?;
            rows.push(row);
        }
    }
    settle(&mut rows);
    Ok(rows.into_iter().map(|row| row.judged).collect())
}

/// The engines; one that nobody knows where the plugin has not told of any.
fn subjects(session: &Session) -> Vec<Option<&EngineInfo>> {
    match session.engines.is_empty() {
        true => vec![None],
        false => session.engines.iter().map(Some).collect(),
    }
}

fn one(
    session: &Session,
    check: &'static Check,
    engine: Option<&str>,
    made: &Made,
    rows: &[Row],
) -> Result<Row, String> {
    let begun = Instant::now();
    let judgement = match failed_base(check, engine, rows) {
        Some(words) => Judgement { cause: words, ..Judgement::of(Verdict::Skip) },
        None => {
            // Files of its own, so that what another check left behind is not met.
            let apart = made.apart()?;
            let directory = apart.directory().map(Path::to_owned);
            let order = Order {
                id: check.id.to_owned(),
                path: session.path.clone(),
                sha256: session.sha256.clone(),
                engine: engine.map(str::to_owned),
                place: apart.place.clone(),
                directory,
                sets: session.sets.clone(),
                below: session.below.clone(),
                seed: session.seed,
            };
            match session.in_process {
                true => within(&order),
                false => apart_from_us(&order, check)?,
            }
        }
    };
    let judged = Judged {
        id: check.id,
        engine: engine.map(str::to_owned),
        verdict: judgement.verdict,
        cause: one_line(&judgement.cause),
        rule: check.rule,
        seconds: begun.elapsed().as_secs_f64(),
    };
    let Judgement { breaks, ending, unmet, .. } = judgement;
    let mut row = Row { judged, breaks, ending, unmet };
    excuse(&mut row, rows);
    Ok(row)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two rows may have to do with each other: plugin-wide ones concern every engine.
fn related(row: &Row, engine: Option<&str>) -> bool {
    row.judged.engine.is_none() || row.judged.engine.as_deref() == engine
}

fn failed_base(check: &Check, engine: Option<&str>, rows: &[Row]) -> Option<String> {
    // A check whose own rule was found broken by its base looks for itself: it tells best.
    let bases = bases(check);
    let failed = rows.iter().find(|row| {
        (row.judged.verdict.is_bad() || row.unmet)
            && related(row, engine)
            && bases.contains(&row.judged.id)
            && row.breaks.as_deref() != Some(check.id)
    })?;
    let base = failed.judged.id;
    Some(match failed.breaks.as_deref() {
        Some(rule) if rule != base => format!("rests on {base}, which met a broken rule of {rule}"),
        _ => format!("rests on {base}, which ended with {}", failed.judged.verdict.word()),
    })
}

/// What a check rests on, and what that rests on in turn.
fn bases(check: &Check) -> Vec<&'static str> {
    let mut bases = check.rests_on.to_vec();
    let mut n = 0;
    while let Some(id) = bases.get(n) {
        let deeper = list::by_id(id).map_or(&[][..], |base| base.rests_on);
        bases.extend_from_slice(deeper);
        n += 1;
    }
    bases
}

/// A child that ended like an earlier one tells nothing new; nor does a rule broken that another
/// check found broken.
fn excuse(row: &mut Row, others: &[Row]) {
    if !row.judged.verdict.is_bad() {
        return;
    }
    let engine = row.judged.engine.as_deref();
    let bad = |other: &&Row| other.judged.verdict.is_bad() && related(other, engine);
    let same_end = |other: &&Row| row.ending.is_some() && other.ending == row.ending;
    let owner = |other: &&Row| row.breaks.as_deref() == Some(other.judged.id);
    let known = others.iter().filter(bad).find(|other| same_end(other) || owner(other));
    if let Some(known) = known {
        row.judged.cause = format!("meets what {} found: {}", known.judged.id, row.judged.cause);
        row.judged.verdict = Verdict::Skip;
        row.unmet = true;
    }
}

/// Rules that belong to checks which ran later.
fn settle(rows: &mut [Row]) {
    for n in 0..rows.len() {
        let (before, later) = rows.split_at_mut(n + 1);
        let row = &mut before[n];
        excuse(row, later);
        if let (Some(rule), Verdict::Fail) = (&row.breaks, row.judged.verdict) {
            if rule != row.judged.id {
                row.judged.cause = format!("{} (a rule of {rule})", row.judged.cause);
            }
        }
    }
}

/// What came of one check, before the others are looked at.
#[derive(Debug)]
struct Judgement {
    verdict: Verdict,
    cause: String,
    breaks: Option<String>,
    ending: Option<String>,
    unmet: bool,
}

impl Judgement {
    fn of(verdict: Verdict) -> Judgement {
        Judgement { verdict, cause: String::new(), breaks: None, ending: None, unmet: false }
    }
}

fn judge(finding: Option<Finding>) -> Judgement {
    let because = |verdict, cause| Judgement { cause, ..Judgement::of(verdict) };
    match finding {
        None => Judgement::of(Verdict::Pass),
        Some(Finding::Warn(cause)) => because(Verdict::Warn, cause),
        Some(Finding::Moot(cause)) => Judgement { unmet: true, ..because(Verdict::Warn, cause) },
        Some(Finding::Skip(cause)) => because(Verdict::Skip, cause),
        Some(Finding::Fail { cause, breaks }) => {
            Judgement { breaks, ..because(Verdict::Fail, cause) }
        }
    }
}

/// In this process: no deadline, and a crash is ours.
fn within(order: &Order) -> Judgement {
    static CRUMB: AtomicU64 = AtomicU64::new(0);
    judge(carry_out(order, &CRUMB).err())
}

fn apart_from_us(order: &Order, check: &Check) -> Result<Judgement, String> {
    let fail = |error: &dyn std::fmt::Display| format!("start a child for {}: {error}", check.id);
    let memory = SharedMemory::create("iodyno-check", 4096).map_err(|error| fail(&error))?;
    let text = serde_json::to_string(order).map_err(|error| fail(&error))?;
    let stdin = memory.fd().try_clone_to_owned().map_err(|error| fail(&error))?;
    let limits = Limits {
        deadline: check.deadline,
        report_bytes_max: REPORT_BYTES_MAX,
        prints_bytes_max: PRINTS_BYTES_MAX,
    };
    let args = [OsStr::new("__check"), OsStr::new(&text)];
    let ended = spawn::run(Path::new(OWN_PROGRAM), &args, Some(stdin), &limits, || ())
        .map_err(|error| fail(&error))?;
    let crumb = memory.read_words(0, 8).map_err(|error| fail(&error))?[0];
    Ok(interpret(&ended, check, crumb))
}

fn interpret(ended: &Ended, check: &Check, crumb: u64) -> Judgement {
    let report: Option<Report> = String::from_utf8_lossy(&ended.report)
        .lines()
        .find_map(|line| serde_json::from_str(line).ok());
    let place = match Callback::from_crumb(crumb) {
        Some(callback) => format!("in {}", callback.name()),
        None => "outside of its callbacks".to_owned(),
    };
    let printed = match String::from_utf8_lossy(&ended.prints).trim() {
        "" => String::new(),
        words => format!("; it printed: {words}"),
    };
    let ending = |verdict: Verdict, how: String| {
        let words = format!("{how} {place}");
        // Deadlines differ; what was waited for does not.
        let ending = match verdict {
            Verdict::Timeout => format!("{} {place}", verdict.word()),
            _ => words.clone(),
        };
        let cause = format!("{words}{printed}");
        Judgement { cause, ending: Some(ending), ..Judgement::of(verdict) }
    };
    match (ended.end, report) {
        (End::Exited(_), Some(report)) => judge(report.finding),
        (End::TimedOut, _) => {
            let seconds = check.deadline.as_secs();
            ending(Verdict::Timeout, format!("not back after {seconds} s,"))
        }
        (End::Signalled(signal), _) => ending(Verdict::Crash, spawn::signal_name(signal)),
        (End::Exited(status), None) => {
            ending(Verdict::Crash, format!("ended the process with status {status}"))
        }
    }
}

/// A seed that no run had before.
#[must_use]
pub fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |since| since.as_nanos() as u64);
    // Small enough to be typed again.
    (nanos ^ u64::from(std::process::id()).rotate_left(20)) % 1_000_000
}

/// How many checks ended badly.
#[must_use]
pub fn bad(rows: &[Judged]) -> usize {
    rows.iter().filter(|row| row.verdict.is_bad()).count()
}

#[cfg(test)]
mod tests;
