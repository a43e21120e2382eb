//! Verification around a worker: what it is made of before the start.
//!
//! Called by [`super::worker`]. Turns the job's words into a recipe, rules and a ledger, says what
//! the ledger may cost and refuses what would cost too much. Looks at no data itself; what came of
//! it is told by [`super::verdict`].

use super::content;
use super::fit::{self, max_bs};
use super::protocol::ToControl;
use super::result::RunError;
use super::targets::Files;
use super::verdict::show_bytes;
use super::verify_load;
use super::words::place;
use super::worker::Context;
use crate::ddir::Ddir;
use crate::io::batch::Errand;
use crate::io::kept::{KeeperParts, Trims, AWAY_MAX};
use crate::job::spec::{JobSpec, VerifyMethod, VerifyPart, VerifyPolicy};
use crate::sys::facts;
use crate::sys::shm::SharedWords;
use crate::target;
use crate::verify::check::Rules;
use crate::verify::digest::{Algorithm, Cost};
use crate::verify::ledger::{Doing, Extent, Ledger, LedgerShape, Span};
use crate::verify::method::Method;
use crate::verify::payload::{Pattern, Payload};
use crate::verify::pool::Desk;
use crate::verify::recipe::Recipe;
use crate::workload::{mix_seed, Generator};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets the payloads apart from other uses of a worker's seed.
const PAYLOAD_STREAM: u64 = 0x7665_7269_6679;

/// Sets the choice of what is trimmed apart.
const TRIM_STREAM: u64 = 0x7472_696d;

/// What a ledger may cost without a word.
const LEDGER_QUIET: u64 = 64 << 20;

/// Work below that costs more to hand over than it saves.
const HAND_OVER_NS: u64 = 200_000;

/// Data that waits for lanes to be filled, at most: large blocks would take memory without measure.
const FILLING_BYTES: u64 = 16 << 20;

/// Data of one batch, and blocks of it, at most.
const BATCH_BYTES: u64 = 4 << 20;
const BATCH_MAX: u64 = 256;

/// How the job's intervals are verified.
pub(super) fn method(job: &JobSpec) -> Option<Method> {
    Some(match job.verify.method? {
        VerifyMethod::Md5 => Method::Digest(Algorithm::Md5),
        VerifyMethod::Crc32 => Method::Digest(Algorithm::Crc32),
        VerifyMethod::Crc32c => Method::Digest(Algorithm::Crc32c),
        VerifyMethod::Crc64 => Method::Digest(Algorithm::Crc64),
        VerifyMethod::Crc16 => Method::Digest(Algorithm::Crc16),
        VerifyMethod::Crc7 => Method::Digest(Algorithm::Crc7),
        VerifyMethod::Xxhash => Method::Digest(Algorithm::Xxhash),
        VerifyMethod::Sha1 => Method::Digest(Algorithm::Sha1),
        VerifyMethod::Sha256 => Method::Digest(Algorithm::Sha256),
        VerifyMethod::Sha512 => Method::Digest(Algorithm::Sha512),
        VerifyMethod::Sha3_224 => Method::Digest(Algorithm::Sha3_224),
        VerifyMethod::Sha3_256 => Method::Digest(Algorithm::Sha3_256),
        VerifyMethod::Sha3_384 => Method::Digest(Algorithm::Sha3_384),
        VerifyMethod::Sha3_512 => Method::Digest(Algorithm::Sha3_512),
        VerifyMethod::Pattern => Method::Pattern,
        VerifyMethod::PatternHdr => Method::PatternHdr,
        VerifyMethod::Meta => Method::Meta,
        VerifyMethod::Null => Method::Null,
    })
}

/// Bytes of an interval: `verify_interval`, or the smallest block.
fn interval(job: &JobSpec) -> u64 {
    if job.verify.interval.0 > 0 {
        return job.verify.interval.0;
    }
    let ddir = if job.load.rw.writes() { Ddir::Write } else { Ddir::Read };
    job.load.bs[ddir].min.0.max(1)
}

/// Blocks that are looked at together: as many as fill the lanes of the digest, and, where there is
/// a pool, as many as are worth a hand-over.
fn batch(job: &JobSpec) -> usize {
    let Some(Method::Digest(algorithm)) = method(job) else { return 1 };
    // A crew has a thread for each slot, and none for spare ones.
    if job.depth.offload {
        return 1;
    }
    let per_block = (max_bs(job) / interval(job)).max(1) as usize;
    let most = (FILLING_BYTES / max_bs(job)).max(1) as usize;
    let filled = algorithm.lanes().div_ceil(per_block).min(most);
    // A rest that fills no lanes would cost as much as all of them.
    worth_a_hand_over(job, algorithm).unwrap_or(1).next_multiple_of(filled)
}

/// Blocks that take as long as a hand-over is worth; none where there is no pool, or no batch of a
/// reasonable size does.
fn worth_a_hand_over(job: &JobSpec, algorithm: Algorithm) -> Option<usize> {
    if job.verify.threads == 0 || job.depth.offload {
        return None;
    }
    let cost = cost(algorithm);
    let intervals = (max_bs(job) / interval(job)).max(1) as usize;
    let worth = |blocks: usize| cost.worth(blocks * intervals, interval(job)).0;
    let most = (BATCH_BYTES / max_bs(job)).clamp(1, BATCH_MAX) as usize;
    (1..=most).find(|&blocks| worth(blocks) >= HAND_OVER_NS)
}

/// Measured once in a process, so that whoever asks gets the same answer.
fn cost(algorithm: Algorithm) -> Cost {
    static COSTS: Mutex<BTreeMap<Algorithm, Cost>> = Mutex::new(BTreeMap::new());
    let mut costs = COSTS.lock().unwrap_or_else(PoisonError::into_inner);
    *costs.entry(algorithm).or_insert_with(|| Cost::measure(algorithm))
}

/// Slots that take the place of those whose data waits to be looked at.
pub(super) fn spare_slots(job: &JobSpec) -> u32 {
    match batch(job) {
        _ if !job.verifies() => 0,
        // Slots that go round without need would come from a farther cache.
        1 if !hands_over(job) => 0,
        // All writes of a batch are made before the first of them begins.
        batch if !hands_over(job) => batch as u32,
        batch => (batch * (AWAY_MAX + 1)) as u32,
    }
}

/// Whether there is a pool, and what the job has to look at is worth it.
fn hands_over(job: &JobSpec) -> bool {
    match method(job) {
        Some(Method::Digest(algorithm)) => worth_a_hand_over(job, algorithm).is_some(),
        _ => false,
    }
}

/// The worker's place at the pool, where what it has to look at is worth it.
fn desk(context: &Context) -> Option<Desk<Errand>> {
    let pool = context.pool.as_ref().filter(|_| hands_over(&context.job));
    pool.map(|pool| pool.desk(AWAY_MAX))
}

/// What verifies this worker's job, if it asks for it.
pub(super) fn keeper(
    context: &Context,
    files: &Files,
    generator: &mut Generator,
) -> Result<Option<KeeperParts>, RunError> {
    match method(&context.job) {
        Some(method) => parts(context, files, generator, method).map(Some),
        None => Ok(None),
    }
}

/// Apart from its caller: the test of a digest takes a stack that a worker without verification
/// need not have.
#[inline(never)]
fn parts(
    context: &Context,
    files: &Files,
    generator: &mut Generator,
    method: Method,
) -> Result<KeeperParts, RunError> {
    let job = &context.job;
    let usage = |words: String| RunError::usage(&job.name, format!("{}: {words}", place(job)));
    self_test(job, method).map_err(usage)?;
    let mut recipe = recipe(context, files, method).map_err(usage)?;
    let writes = job.load.rw.writes();
    let loads = job.verify.state_load;
    let ledger = if loads {
        let shape = ledger_shape(context, files, &recipe, generator);
        Some(verify_load::load(context, files, &mut recipe, shape)?)
    } else if writes {
        Some(ledger(context, files, &recipe, generator).map_err(usage)?)
    } else {
        None
    };
    if job.verify.verify_only && !loads {
        if let Some(ledger) = &ledger {
            draw_again(generator, ledger);
        }
    }
    Ok(KeeperParts {
        rules: rules(context, &recipe),
        ledger,
        checks_load: !writes && !loads,
        reads_back: job.verify.do_verify,
        only: job.verify.only_looks(),
        apart: job.load.rw.reads() && !loads,
        fatal: job.verify.fatal,
        goes_on: job.errors.continue_on_error.verify,
        batch: batch(job),
        desk: desk(context),
        backlog: if job.verify.do_verify { job.verify.backlog } else { 0 },
        backlog_batch: job.verify.backlog_batch,
        trims: trims(context),
        block_max: max_bs(job) / interval(job) * interval(job),
        settle: settle(files),
        recipe: Arc::new(recipe),
    })
}

fn trims(context: &Context) -> Trims {
    let (job, verify) = (&context.job, &context.job.verify);
    Trims {
        percentage: if verify.only_looks() { 0 } else { verify.trim_percentage },
        backlog: verify.trim_backlog,
        batch: verify.trim_backlog_batch,
        block: job.load.bs[Ddir::Write].min.0.max(interval(job)),
        seed: mix_seed(fit::seed(context), TRIM_STREAM),
    }
}

/// Whether the digest sees what it must see (`verify_selftest`).
fn self_test(job: &JobSpec, method: Method) -> Result<(), String> {
    match method {
        Method::Digest(algorithm) if job.verify.selftest => {
            algorithm.self_test().map_err(|failed| format!("verify={algorithm}: {failed}"))
        }
        _ => Ok(()),
    }
}

fn recipe(context: &Context, files: &Files, method: Method) -> Result<Recipe, String> {
    let job = &context.job;
    let names = &files.opened.names;
    Ok(Recipe {
        method,
        interval: interval(job) as usize,
        place: job.verify.offset.0 as usize,
        payload: payload(job)?,
        run: context.run,
        worker: context.planned.id,
        seed: mix_seed(fit::seed(context), PAYLOAD_STREAM),
        targets: names.iter().map(|name| target_id(name)).collect(),
    })
}

/// What stamps call a target: a number of its name.
fn target_id(name: &str) -> u64 {
    let digest = Algorithm::Xxhash.digest(name.as_bytes());
    digest.as_bytes().iter().fold(0, |all, &byte| all << 8 | u64::from(byte))
}

fn payload(job: &JobSpec) -> Result<Payload, String> {
    let interval = interval(job);
    if !job.verify.pattern.is_empty() {
        return Ok(Payload::Pattern(pattern(&job.verify.pattern, interval)?));
    }
    let content = &job.content;
    if content.compress_percentage == 0 {
        return Ok(Payload::Random);
    }
    let chunk = match content.compress_chunk.0 {
        0 => interval,
        chunk => chunk.min(interval),
    };
    let fresh = chunk * u64::from(100 - content.compress_percentage.min(100)) / 100;
    let rest = content::pattern(&content.buffer_pattern, interval)?;
    Ok(Payload::Squeezed { chunk: chunk as usize, fresh: fresh as usize, rest })
}

fn pattern(parts: &[VerifyPart], interval: u64) -> Result<Pattern, String> {
    let mut pattern = Pattern::default();
    for part in parts {
        match part {
            VerifyPart::Bytes(bytes) => pattern.bytes.extend_from_slice(bytes),
            VerifyPart::Offset => {
                pattern.offsets.push(pattern.bytes.len());
                pattern.bytes.extend_from_slice(&[0; 8]);
            }
            VerifyPart::File(path) => content::append(path, interval, &mut pattern.bytes)
                .map_err(|words| format!("verify_pattern: {}: {words}", path.display()))?,
        }
    }
    Ok(pattern)
}

/// What is compared. A job that looks at what it wrote itself compares everything; one that looks
/// at what another run wrote, what the user asks for.
fn rules(context: &Context, recipe: &Recipe) -> Rules {
    let (verify, load) = (&context.job.verify, &context.job.load);
    let own = verify.state_load || (load.rw.writes() && !verify.verify_only);
    Rules {
        generation: verify.write_sequence.unwrap_or(own),
        seed: verify.header_seed.unwrap_or(own),
        run: if own { Some(recipe.run) } else { verify.run },
        origin: own,
        blank: verify.blank,
        dump: verify.dump,
    }
}

fn ledger(
    context: &Context,
    files: &Files,
    recipe: &Recipe,
    generator: &Generator,
) -> Result<Ledger<SharedWords>, String> {
    let job = &context.job;
    let shape = ledger_shape(context, files, recipe, generator);
    let worst = shape.bytes();
    let limit = ledger_max(job);
    let others = u64::from(job.process.numjobs.max(1));
    if worst.saturating_mul(others) > limit {
        return Err(format!(
            "verification has to remember what was written where: {} in the worst case{}, and \
             verify_ledger_max is {} (raise it, write less by io_size, or make verify_interval or \
             bs larger)",
            show_bytes(worst.saturating_mul(others)),
            if others > 1 { " for all clones" } else { "" },
            show_bytes(limit)
        ));
    }
    if worst > LEDGER_QUIET {
        let words = format!(
            "{}: verification remembers what was written where: at most {} of memory",
            place(job),
            show_bytes(worst)
        );
        context.outbox.send(&ToControl::Note(words));
    }
    let about = verify_load::about(context, &files.opened.names, recipe, shape);
    let words = verify_load::announced(context, &about)
        .map_err(|error| format!("map {} for verification: {error}", show_bytes(worst)))?;
    let fsynced = job.verify.policy == VerifyPolicy::Fsynced && !about.durable;
    Ok(Ledger::new(words, &about.shape).with_rules(zeros_count(job), fsynced))
}

/// Whether what was trimmed must read as zeros; what stands beyond a zone's pointer is the device's
/// affair.
pub(super) fn zeros_count(job: &JobSpec) -> bool {
    job.verify.trim_verify_zero && job.load.zbd.is_none()
}

fn ledger_shape(
    context: &Context,
    files: &Files,
    recipe: &Recipe,
    generator: &Generator,
) -> LedgerShape {
    let job = &context.job;
    let smallest = [Ddir::Write, Ddir::Trim]
        .into_iter()
        .map(|ddir| job.load.bs[ddir].min.0)
        .min()
        .unwrap_or(1)
        .max(1);
    let extents = files.regions.iter().zip(&recipe.targets);
    LedgerShape {
        interval: recipe.interval as u64,
        block_max: max_bs(job),
        depth: job.depth.iodepth.saturating_add(spare_slots(job)),
        writes_max: generator.total_bytes().map(|bytes| bytes / smallest + 1),
        files: extents
            .map(|(region, &target)| Extent { offset: region.offset, len: region.len, target })
            .collect(),
        run: recipe.run,
        worker: recipe.worker,
        seed: recipe.seed,
    }
}

/// `verify_ledger_max`: a quarter of the memory where the job does not say.
pub(super) fn ledger_max(job: &JobSpec) -> u64 {
    job.verify.ledger_max.map_or_else(|| facts::memory_bytes() / 4, |bytes| bytes.0)
}

/// `verify_only`: what an earlier run of the same job wrote, drawn once more.
fn draw_again(generator: &mut Generator, ledger: &Ledger<SharedWords>) {
    while let Some(request) = generator.next() {
        let doing = match request.ddir {
            Ddir::Write => Doing::Write,
            Ddir::Trim => Doing::Trim,
            Ddir::Read | Ddir::Sync => continue,
        };
        let span = Span { file: request.file, offset: request.offset, len: request.len };
        ledger.begin(0, doing, &span, ledger.take_generation());
        ledger.end(0, true);
    }
}

/// Brings what was written to the medium and out of the page cache, as far as that is possible:
/// what is read back then comes from the target.
fn settle(files: &Files) -> Box<dyn FnMut()> {
    let targets: Vec<(PathBuf, target::Kind)> =
        files.opened.targets().iter().map(|target| (target.path.clone(), target.kind)).collect();
    Box::new(move || {
        for (path, kind) in &targets {
            if !matches!(kind, target::Kind::Regular | target::Kind::Missing | target::Kind::Block)
            {
                continue;
            }
            let Ok(file) = File::open(path) else { continue };
            // Where it fails, reading back tells.
            let _durable = file.sync_data();
            let _dropped = target::invalidate(&file, path, *kind, 0, 0);
        }
    })
}
