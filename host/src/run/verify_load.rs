//! A verifying worker and states: what it tells of its ledger, so that the control process can save
//! it whatever becomes of the cell, and the state of an earlier run, taken in place of a load
//! (`verify_state_load`).
//!
//! Called by [`super::verifying`] when a worker is made. Reads the file and believes it only where
//! it is of this very job; writes none, that is [`super::verify_state`]'s affair.

use super::protocol::ToControl;
use super::result::{ErrorKind, RunError};
use super::targets::Files;
use super::verdict::show_bytes;
use super::verifying::{ledger_max, zeros_count};
use super::words::place;
use super::worker::Context;
use crate::job::spec::{JobSpec, SyncMode, VerifyPolicy};
use crate::sys::clock::wall_ms;
use crate::sys::shm::{SharedMemory, SharedWords};
use crate::verify::digest::Algorithm;
use crate::verify::ledger::{Adopted, Ledger, LedgerShape};
use crate::verify::payload::Payload;
use crate::verify::recipe::Recipe;
use crate::verify::state::{self, About, State};
use std::os::fd::AsRawFd;

/// The file's name, as fio has it; what no name may hold is written as `%2f`.
pub(super) fn file_name(job: &str, clone: u32) -> String {
    format!("local-{}-{clone}-verify.state", job.replace('%', "%25").replace('/', "%2f"))
}

/// What the worker writes, and how.
pub(super) fn about(
    context: &Context,
    names: &[String],
    recipe: &Recipe,
    shape: LedgerShape,
) -> About {
    let job = &context.job;
    About {
        host: env!("CARGO_PKG_VERSION").to_owned(),
        job: job.name.clone(),
        clone: context.planned.clone,
        method: recipe.method.name().to_owned(),
        place: recipe.place as u64,
        payload: payload(&recipe.payload),
        targets: names.to_vec(),
        durable: job.target.sync != SyncMode::None,
        shape,
    }
}

/// What a payload is made of, in one word.
fn payload(payload: &Payload) -> String {
    let hash = |bytes: &[u8]| {
        let digest = Algorithm::Xxhash.digest(bytes);
        digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    match payload {
        Payload::Random => "random".to_owned(),
        Payload::Pattern(pattern) => {
            format!("pattern {} {:?}", hash(&pattern.bytes), pattern.offsets)
        }
        Payload::Squeezed { chunk, fresh, rest } => {
            format!("squeezed {fresh}/{chunk} {}", hash(rest))
        }
    }
}

/// Makes a ledger's memory and tells the control process of it. Behind the words stands what they
/// are about.
pub(super) fn announced(context: &Context, about: &About) -> std::io::Result<SharedWords> {
    let words = about.shape.bytes();
    let text = serde_json::to_vec(about)?;
    let memory = SharedMemory::create("iodyno-ledger", words + text.len() as u64)?;
    memory.write(&text, words)?;
    let words = memory.into_words(about.shape.words() as usize)?;
    // Who writes nothing has nothing to tell.
    if let (Some(fd), false) = (words.fd(), context.job.verify.only_looks()) {
        context.outbox.send(&ToControl::Ledger {
            worker: context.planned.id,
            fd: fd.as_raw_fd(),
            about_at: about.shape.bytes(),
            about_len: text.len() as u64,
        });
    }
    Ok(words)
}

/// Takes the state of the worker's job: the ledger that says what must be there, and into `recipe`
/// who wrote it.
///
/// # Errors
/// There is none, it is damaged, or of another job; or it says of nothing that it must be there.
pub(super) fn load(
    context: &Context,
    files: &Files,
    recipe: &mut Recipe,
    shape: LedgerShape,
) -> Result<Ledger<SharedWords>, RunError> {
    let job = &context.job;
    let path = file_name(&job.name, context.planned.clone);
    let words = |words: String| format!("{}: verify_state_load: {path}: {words}", place(job));
    let usage = |why: String| RunError::usage(&job.name, words(why));
    let state = read(&path).map_err(usage)?;
    let own = about(context, &files.opened.names, recipe, shape);
    if let Some(why) = differs(job, &state.about, &own) {
        return Err(usage(why));
    }
    let (ledger, adopted) = adopt(job, &state, own.shape.depth).map_err(usage)?;
    recipe.run = state.about.shape.run;
    recipe.worker = state.about.shape.worker;
    recipe.seed = state.about.shape.seed;
    let must = ledger.tally();
    if must.written + must.zeros == 0 {
        let hint = match job.verify.policy {
            VerifyPolicy::Fsynced => " (no flush had covered a write: verify_policy=fsynced)",
            VerifyPolicy::Completed => "",
        };
        let why = format!("it says of no block that it must be there{hint}: nothing is verified");
        let error = RunError::usage(&job.name, words(why));
        return Err(RunError { kind: ErrorKind::Unverified, ..error });
    }
    context.outbox.send(&ToControl::Note(words(told(&state, must.written + must.zeros, adopted))));
    Ok(ledger)
}

fn read(path: &str) -> Result<State, String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file: a run that wrote all and read \
                                         all back leaves none (run where it was saved, or leave \
                                         verify_state_load out)"
            .to_owned(),
        _ => error.to_string(),
    })?;
    let hint = "(leave verify_state_load out: verify_only, or iodyno verify, judge without one)";
    state::read(&bytes).map_err(|error| format!("{error} {hint}"))
}

/// Why a state is not of this job.
fn differs(job: &JobSpec, saved: &About, own: &About) -> Option<String> {
    let (is, was) = (&own.shape, &saved.shape);
    let mut pairs = vec![
        ("the job's name", saved.job.clone(), own.job.clone()),
        ("the clone", saved.clone.to_string(), own.clone.to_string()),
        ("verify", saved.method.clone(), own.method.clone()),
        ("verify_interval", was.interval.to_string(), is.interval.to_string()),
        ("verify_offset", saved.place.to_string(), own.place.to_string()),
        ("what fills the blocks", saved.payload.clone(), own.payload.clone()),
        ("the targets", saved.targets.join(":"), own.targets.join(":")),
    ];
    for ((name, was), is) in own.targets.iter().zip(&was.files).zip(&is.files) {
        let (name, was_at, is_at) = (name.as_str(), was.offset, is.offset);
        pairs.push((name, format!("from {was_at} on"), format!("from {is_at} on")));
        pairs.push((name, format!("{} bytes", was.len), format!("{} bytes", is.len)));
        pairs.push((name, format!("target {:x}", was.target), format!("target {:x}", is.target)));
    }
    if let Some(run) = job.verify.run {
        pairs.push(("verify_run", format!("{:016x}", was.run), format!("{run:016x}")));
    }
    let (what, was, is) = pairs.into_iter().find(|(_, was, is)| was != is)?;
    Some(format!(
        "it is the state of another job: {what} was {was}, and is {is} here (load it with the job \
         that saved it)"
    ))
}

fn adopt(
    job: &JobSpec,
    state: &State,
    depth: u32,
) -> Result<(Ledger<SharedWords>, Adopted), String> {
    // This run's requests, which may be more at once than those of the run that saved it.
    let shape = LedgerShape { depth, ..state.about.shape.to_adopt(state.dump.chunks) };
    let bytes = shape.bytes();
    if bytes > ledger_max(job) {
        let (needs, limit) = (show_bytes(bytes), show_bytes(ledger_max(job)));
        return Err(format!("it takes {needs}, and verify_ledger_max is {limit} (raise it)"));
    }
    let words = SharedMemory::create("iodyno-ledger", bytes)
        .and_then(|memory| memory.into_words(shape.words() as usize))
        .map_err(|errno| format!("map {} for it: {errno}", show_bytes(bytes)))?;
    let fsynced = job.verify.policy == VerifyPolicy::Fsynced && !state.about.durable;
    let ledger = Ledger::new(words, &shape).with_rules(zeros_count(job), fsynced);
    let mut adopted = Adopted::default();
    state.chunks.iter().for_each(|chunk| ledger.adopt(chunk, &mut adopted));
    ledger.adopt_rest(&state.dump, &mut adopted);
    Ok((ledger, adopted))
}

/// What a state says, in words.
fn told(state: &State, must: u64, adopted: Adopted) -> String {
    let age_s = wall_ms().saturating_sub(state.saved_ms) / 1000;
    let mut words = format!(
        "saved {age_s} s ago by run {:016x} ({}): {} must be there",
        state.about.shape.run,
        state.why,
        show_bytes(must)
    );
    if adopted.either > 0 {
        let either = show_bytes(adopted.either);
        words.push_str(&format!(", of that {either} old or new, as writes were on their way"));
    }
    if adopted.unknown > 0 {
        let unknown = show_bytes(adopted.unknown);
        words.push_str(&format!("; {unknown} may hold anything, as their writes did not end well"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_a_file_of_its_own_in_the_working_directory() {
        assert_eq!(file_name("a", 0), "local-a-0-verify.state");
        assert_eq!(file_name("../x", 3), "local-..%2fx-3-verify.state");
        assert_ne!(file_name("a/b", 0), file_name("a%2fb", 0));
    }
}
