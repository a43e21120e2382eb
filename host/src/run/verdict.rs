//! Verification around a worker: what is said of it at the end.
//!
//! Called by [`super::worker`] once a worker is over. Turns a verdict into the result, the error
//! and the files of `verify_dump`. Looks at no data itself.

use super::protocol::ToControl;
use super::result::{ErrorKind, MiscompareResult, RunError, VerifyResult};
use super::words::place;
use super::worker::Context;
use crate::io::kept::{Unfinished, Verdict};
use crate::job::spec::JobSpec;
use crate::verify::damage::Miscompare;
use std::path::Path;

/// A size as a person reads it.
pub(super) fn show_bytes(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes.div_ceil(1024)),
        mib => format!("{mib} MiB"),
    }
}

/// Tells the control process what came of it, and makes an error of what is wrong.
pub(super) fn conclude(
    context: &Context,
    names: &[String],
    outcome: Result<(), RunError>,
    verdict: Verdict,
) -> Result<(), RunError> {
    let job = &context.job;
    dump(context, names, &verdict.miscompares);
    let result = result(job, names, &verdict);
    let error = judge(job, &result, &verdict);
    if let (Some(words), Ok(())) = (&result.unfinished, &outcome) {
        let words = format!("{}: verification: {words}", place(job));
        context.outbox.send(&ToControl::Note(words));
    }
    let worker = context.planned.id;
    context.outbox.send(&ToControl::Verdict { worker, verdict: Box::new(result) });
    match (outcome, error) {
        (Ok(()), Some(error)) => Err(error),
        (Err(first), Some(error)) => {
            // Both are told: neither may hide the other.
            context.outbox.error(worker, error);
            Err(first)
        }
        (outcome, None) => outcome,
    }
}

fn result(job: &JobSpec, names: &[String], verdict: &Verdict) -> VerifyResult {
    let interval = verdict.interval;
    let looked = (verdict.right + verdict.wrong + verdict.blank) * interval;
    let tally = verdict.tally.unwrap_or_default();
    let (bytes, verified_bytes) = match verdict.tally {
        Some(tally) => (tally.written, tally.verified),
        None => (looked, verdict.right * interval),
    };
    let name = |file: u32| names.get(file as usize).cloned().unwrap_or_default();
    VerifyResult {
        method: job.verify.method.map_or(String::new(), |method| method.name().to_owned()),
        interval,
        run: verdict.run,
        bytes,
        verified_bytes,
        wrong: verdict.wrong,
        unsure_bytes: tally.unsure,
        blank_bytes: verdict.blank * interval,
        trimmed_bytes: tally.trimmed,
        unfinished: verdict.unfinished.map(|why| unfinished(why).to_owned()),
        miscompares: verdict
            .miscompares
            .iter()
            .map(|miscompare| MiscompareResult {
                target: name(miscompare.file),
                miscompare: miscompare.clone(),
            })
            .collect(),
    }
}

fn unfinished(why: Unfinished) -> &'static str {
    match why {
        Unfinished::NotAsked => "nothing was read back, because do_verify=0",
        Unfinished::Failed => "nothing was read back, because the load failed",
        Unfinished::Interrupted => "the run was ended before all was read back",
        Unfinished::Fatal => "verify_fatal=1 ended it at the first miscompare",
    }
}

fn error(job: &JobSpec, kind: ErrorKind, words: &str) -> RunError {
    let method = job.verify.method.map_or("", |method| method.name());
    RunError {
        kind,
        job: Some(job.name.clone()),
        errno: (kind == ErrorKind::Miscompare).then_some(libc::EILSEQ),
        message: format!("{}: verify={method}: {words}", place(job)),
        engine: None,
    }
}

/// The error that is left of a worker whose cell died: what it had found by then.
pub(super) fn of_the_dead(job: &JobSpec, wrong: u64) -> Option<RunError> {
    let words = match wrong {
        0 => return None,
        1 => "1 block was".to_owned(),
        wrong => format!("{wrong} blocks were"),
    };
    let words = format!("{words} found wrong before the cell died; which ones died with it");
    Some(error(job, ErrorKind::Miscompare, &words))
}

/// The error that a verdict is, if it is one.
fn judge(job: &JobSpec, result: &VerifyResult, verdict: &Verdict) -> Option<RunError> {
    if let Some(first) = result.miscompares.first() {
        let many = match result.wrong {
            1 => "1 block is wrong".to_owned(),
            wrong => format!("{wrong} blocks are wrong, the first"),
        };
        let words = format!("{many}: {}", describe(&first.target, &first.miscompare));
        return Some(error(job, ErrorKind::Miscompare, &words));
    }
    if verdict.panicked > 0 {
        let blocks = verdict.panicked;
        let words = format!(
            "internal error: a check panicked, and {blocks} blocks were not looked at (the panic's \
             words are on standard error: please report them)"
        );
        return Some(error(job, ErrorKind::Unverified, &words));
    }
    let is_whole = result.verified_bytes >= result.bytes && result.unsure_bytes == 0;
    if is_whole || verdict.unfinished.is_some() {
        return None;
    }
    let mut words = format!("{:.2} % is verified", result.coverage());
    if result.unsure_bytes > 0 {
        let unsure = show_bytes(result.unsure_bytes);
        words.push_str(&format!("; of {unsure} nothing can be said, as writes failed"));
    }
    if result.blank_bytes > 0 {
        let blank = show_bytes(result.blank_bytes);
        words.push_str(&format!("; {blank} are zeros: never written, or lost"));
    }
    Some(error(job, ErrorKind::Unverified, &words))
}

/// A miscompare in words.
pub(super) fn describe(target: &str, wrong: &Miscompare) -> String {
    let mut words =
        format!("{target} at offset {} ({} bytes): {}", wrong.offset, wrong.len, wrong.damage);
    if let Some(first) = &wrong.first {
        words.push_str(&format!(
            "; byte {} is {:#04x}, should be {:#04x}",
            wrong.offset + first.at,
            first.is,
            first.should
        ));
        let wrong = first.is ^ first.should;
        let bits = (0..8).filter(|bit| wrong >> bit & 1 != 0).map(|bit: u32| bit.to_string());
        let bits = bits.collect::<Vec<_>>().join(", ");
        let word = if wrong.is_power_of_two() { "bit" } else { "bits" };
        words.push_str(&format!(" ({word} {bits})"));
    }
    words
}

/// `verify_dump`: the blocks as they were read and as they should have been, in files of the
/// working directory.
fn dump(context: &Context, names: &[String], miscompares: &[Miscompare]) {
    for wrong in miscompares {
        let name = names.get(wrong.file as usize).map_or("", String::as_str);
        let stem = Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
        let parts = [("received", &wrong.received), ("expected", &wrong.wanted)];
        for (suffix, bytes) in parts {
            let Some(bytes) = bytes else { continue };
            let path = format!("{stem}.{}.{suffix}", wrong.offset);
            if let Err(error) = std::fs::write(&path, bytes) {
                let words = format!("{}: verify_dump: {path}: {error}", place(&context.job));
                context.outbox.send(&ToControl::Note(words));
            }
        }
    }
}
