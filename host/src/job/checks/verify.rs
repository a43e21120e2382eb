//! What is contradictory or without effect in verification: stamps that do not fit, engines that
//! give nothing back, wishes to verify that would verify nothing.
//!
//! Called by `checks` for each job. A job that could seem verified and is not gets an error, an
//! option that merely does nothing a warning. Who writes beside whom is judged by `writers`.

use super::super::diagnostic::{push_once, Diagnostic};
use super::super::spec::{ContinueOnError, Rw, SyncMode, VerifyMethod, VerifyPart, VerifyPolicy};
use super::{without, Judged};
use crate::ddir::Ddir;
use crate::units::Bytes;

pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let Some(method) = job.draft.verify.method else {
        unused(job, out);
        return;
    };
    trims(job, out);
    if !is_possible(job, out) {
        return;
    }
    intervals(job, method, out);
    content(job, out);
    phases(job, out);
    one_way(job, out);
    backlog(job, out);
    stamps(job, method, out);
    policy(job, out);
    pool(job, out);
}

/// Options of a verification that nobody asked for; not where a job says `verify=none`.
fn unused(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    if job.said("verify").is_some() {
        return;
    }
    let verify = &job.draft.verify;
    let on = &job.draft.errors.continue_on_error;
    for (name, active) in [
        ("do_verify", !verify.do_verify),
        ("verify_only", verify.verify_only),
        ("verify_interval", verify.interval != Bytes(0)),
        ("verify_offset", verify.offset != Bytes(0)),
        ("verify_pattern", !verify.pattern.is_empty()),
        ("verify_fatal", verify.fatal),
        ("verify_dump", verify.dump),
        ("verify_policy", verify.policy != VerifyPolicy::default()),
        ("verify_write_sequence", verify.write_sequence.is_some()),
        ("verify_header_seed", verify.header_seed.is_some()),
        ("verify_run", verify.run.is_some()),
        ("verify_selftest", !verify.selftest),
        ("verify_ledger_max", verify.ledger_max.is_some()),
        ("verify_backlog", verify.backlog > 0),
        ("verify_backlog_batch", verify.backlog_batch > 0),
        ("verify_async", verify.threads > 0),
        ("verify_async_cpus", verify.cpus.is_some()),
        ("verify_state_save", !verify.state_save),
        ("verify_state_load", verify.state_load),
        ("experimental_verify", verify.experimental),
        ("trim_percentage", verify.trim_percentage > 0),
        ("trim_verify_zero", !verify.trim_verify_zero),
        ("trim_backlog", verify.trim_backlog > 0),
        ("trim_backlog_batch", verify.trim_backlog_batch > 0),
        ("continue_on_error", *on == ContinueOnError { read: false, write: false, verify: true }),
    ] {
        if active {
            without(job, name, "verify", out);
        }
    }
}

/// Something can be read back at all, and what is written can be cut into intervals.
fn is_possible(job: &Judged<'_>, out: &mut Vec<Diagnostic>) -> bool {
    let load = &job.draft.load;
    let why = job.engine.and_then(|engine| match engine {
        engine if engine.no_io => Some("does no I/O"),
        engine if engine.whole_files => Some("works on whole files and moves no data"),
        engine if engine.stream => Some("gives nothing back: what was sent cannot be read again"),
        engine if engine.fake => Some("moves no data: there is nothing to look at"),
        _ => None,
    });
    if let (Some(engine), Some(why)) = (job.engine, why) {
        let message = format!("`verify`: engine {} {why}", engine.name);
        let help = "drop `verify`, or choose an engine that reads and writes files or devices";
        job.refuse("verify", "ioengine", &message, help, out);
        return false;
    }
    if matches!(load.rw, Rw::Trim | Rw::RandTrim) {
        let message =
            format!("`verify` has nothing to look at: `rw={}` only trims", load.rw.name());
        job.refuse("verify", "rw", &message, "`rw=trimwrite` writes, too", out);
        return false;
    }
    if load.bs_unaligned && load.bs.iter().any(|(_, bs)| bs.min != bs.max) {
        let message = "`bs_unaligned` draws sizes that no `verify_interval` divides";
        job.refuse("bs_unaligned", "verify", message, "leave one of them out", out);
        return false;
    }
    true
}

/// Sizes of the job's requests, those of ranges by their ends.
fn sizes(job: &Judged<'_>) -> Vec<u64> {
    let load = &job.draft.load;
    let mut sizes = Vec::new();
    for (ddir, bs) in load.bs.iter() {
        let by_order = load.bs_is_seq_rand && ddir != Ddir::Trim;
        if !job.draft.uses(ddir) && !by_order {
            continue;
        }
        match &load.bssplit[ddir][..] {
            [] => sizes.extend([bs.min.0, bs.max.0]),
            shares => sizes.extend(shares.iter().map(|share| share.bs.0)),
        }
    }
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}

/// Intervals that make up each block, with room for their stamps.
fn intervals(job: &Judged<'_>, method: VerifyMethod, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    let sizes = sizes(job);
    let common = sizes.iter().copied().fold(0, gcd);
    let by_default = verify.interval == Bytes(0);
    let interval = match verify.interval.0 {
        0 => sizes.first().copied().unwrap_or(common),
        interval => interval,
    };
    if interval == 0 || common % interval != 0 {
        let blocks = ["bs", "bsrange", "bssplit"];
        let mut said = job.said.iter().rev().map(|said| said.name);
        let blocks = said.find(|name| blocks.contains(name)).unwrap_or("verify");
        let shown: Vec<String> = sizes.iter().map(u64::to_string).collect();
        let shown = shown.join(", ");
        let (name, other, whose) = match by_default {
            true => (blocks, "verify", ", which `verify_interval` is by default,"),
            false => ("verify_interval", blocks, ""),
        };
        let message = format!(
            "`verify_interval`: {interval} bytes{whose} do not divide all block sizes ({shown})"
        );
        let help = format!("the largest that does is `verify_interval={common}`");
        job.refuse(name, other, &message, &help, out);
        return;
    }
    room(job, method, interval, out);
    steps(job, interval, out);
    pattern(job, method, interval, out);
}

/// The stamp and its digest lie within the interval.
fn room(job: &Judged<'_>, method: VerifyMethod, interval: u64, out: &mut Vec<Diagnostic>) {
    let (stamp, offset) = (method.stamp_len(), job.draft.verify.offset.0);
    if stamp == 0 || offset.saturating_add(stamp) <= interval {
        return;
    }
    let name = method.name();
    if stamp > interval {
        let message = format!(
            "`verify={name}` stamps each interval with {stamp} bytes, which an interval of \
             {interval} bytes has no room for"
        );
        let place = if job.said("verify_interval").is_some() { "verify_interval" } else { "bs" };
        let help = "larger blocks, a larger `verify_interval`, or `verify=pattern`, which has no \
                    stamp";
        let blamed = if job.said(place).is_some() { place } else { "verify" };
        job.refuse(blamed, "verify", &message, help, out);
        return;
    }
    let message = format!(
        "`verify_offset`: the stamp of verify={name}, {stamp} bytes from {offset} on, does not fit \
         into an interval of {interval} bytes"
    );
    let help = format!("{} at most", interval - stamp);
    job.refuse("verify_offset", "verify_interval", &message, &help, out);
}

/// Blocks begin where intervals begin.
fn steps(job: &Judged<'_>, interval: u64, out: &mut Vec<Diagnostic>) {
    let (load, zones) = (&job.draft.load, &job.draft.zones);
    let zone = |bytes: Bytes| if zones.strided { bytes.0 } else { 0 };
    let mut steps = vec![
        ("rw", if load.rw.is_random() { 0 } else { load.seq_add.unsigned_abs() }),
        ("zonesize", zone(zones.size)),
        ("zonerange", zone(zones.range)),
        ("zoneskip", zone(zones.skip)),
    ];
    let aligned = load.blockalign.iter().filter(|(ddir, _)| job.draft.uses(*ddir));
    steps.extend(aligned.filter_map(|(_, align)| Some(("blockalign", (*align)?.0))));
    for (name, step) in steps.into_iter().filter(|(_, step)| step % interval != 0) {
        let message = format!(
            "`{name}`: steps of {step} bytes are no multiple of the interval of {interval} bytes \
             that is verified: blocks would overlap in part"
        );
        let help = format!("a `verify_interval` that divides both: {}", gcd(step, interval));
        job.refuse(name, "verify", &message, &help, out);
    }
}

fn pattern(job: &Judged<'_>, method: VerifyMethod, interval: u64, out: &mut Vec<Diagnostic>) {
    let parts = &job.draft.verify.pattern;
    if parts.is_empty() && method.needs_pattern() {
        let message = format!("`verify={}` needs `verify_pattern`", method.name());
        let error = Diagnostic::error(message).at(job.place("verify"));
        push_once(out, error.help("`verify_pattern=0xdeadbeef`, or `%o`, the block's offset"));
    }
    let length = |part: &VerifyPart| match part {
        VerifyPart::Bytes(bytes) => bytes.len() as u64,
        VerifyPart::Offset => 8,
        // Known when the run begins.
        VerifyPart::File(_) => 0,
    };
    let len: u64 = parts.iter().map(length).sum();
    if len > interval {
        let message = format!(
            "`verify_pattern` is {len} bytes long, and an interval of {interval} bytes would never \
             hold its end"
        );
        let help = "a shorter one, or a larger `verify_interval`";
        job.refuse("verify_pattern", "verify_interval", &message, help, out);
    }
}

/// Wishes about what is written, which verification decides.
fn content(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let (content, verify) = (&job.draft.content, &job.draft.verify);
    if !job.draft.load.rw.writes() || verify.only_looks() {
        return;
    }
    if content.dedupe_percentage > 0 {
        let message =
            "`dedupe_percentage` asks for blocks that are alike, and `verify` makes each \
                       tell itself from the others";
        let help = "leave one of them out; `dedupe_percentage=0` lifts one that is inherited";
        job.refuse("dedupe_percentage", "verify", message, help, out);
    }
    if content.zero_buffers {
        let message = "`zero_buffers`: what is written is said by `verify` and `verify_pattern`";
        let help = "`verify_pattern=0x00` writes zeros around the stamps";
        job.refuse("zero_buffers", "verify", message, help, out);
    }
    let compresses = content.compress_percentage > 0;
    if !content.buffer_pattern.is_empty() && !compresses {
        let message = "`buffer_pattern`: what is written is said by `verify` and `verify_pattern`";
        let help = "write it as `verify_pattern`";
        job.refuse("buffer_pattern", "verify", message, help, out);
    }
    if compresses && !verify.pattern.is_empty() {
        let why = "`verify_pattern` says what is written";
        job.no_effect("buffer_compress_percentage", why, out);
    }
    let why = "under `verify` each block is filled anew";
    for (name, active) in [
        ("refill_buffers", content.refill_buffers),
        ("scramble_buffers", !content.scramble_buffers),
    ] {
        if active {
            job.no_effect(name, why, out);
        }
    }
}

/// Wishes to look at what is not read back.
fn phases(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    let rw = job.draft.load.rw;
    if !verify.do_verify {
        for (name, active) in [
            ("verify_backlog", verify.backlog > 0),
            ("verify_only", verify.verify_only),
            ("verify_state_load", verify.state_load),
        ] {
            if active {
                let message =
                    format!("`{name}` asks to verify, and with `do_verify=0` nothing is verified");
                job.refuse(name, "do_verify", &message, "drop one of them", out);
            }
        }
        for (name, active) in [("verify_fatal", verify.fatal), ("verify_dump", verify.dump)] {
            if active {
                job.no_effect(name, "with `do_verify=0` nothing is verified", out);
            }
        }
        if !rw.writes() {
            let why = "`do_verify=0`, and the job writes nothing that could be stamped";
            job.no_effect("verify", why, out);
        }
    }
    if verify.verify_only && !rw.writes() && !verify.state_load {
        let message = format!("`verify_only` reads what a job writes, and `rw={}`", rw.name());
        let help = "leave it out: a job that only reads verifies what it reads";
        job.refuse("verify_only", "rw", &message, help, out);
    } else if verify.verify_only && job.draft.time.time_based && !verify.state_load {
        let message = "`verify_only` draws the job's writes again, and with `time_based` nobody \
                       knows how many they were";
        job.refuse("verify_only", "time_based", message, "leave one of them out", out);
    }
    if verify.fatal && job.draft.errors.continue_on_error.verify {
        let message = "`verify_fatal` ends the job at the first miscompare, which \
                       `continue_on_error` tells it to go on after";
        job.refuse("verify_fatal", "continue_on_error", message, "leave one of them out", out);
    }
}

/// What concerns writes, in a job that makes none, and the other way round.
fn one_way(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    let rw = job.draft.load.rw;
    if rw.writes() {
        if verify.run.is_some() && !verify.only_looks() {
            job.no_effect("verify_run", "the job looks at what it writes itself", out);
        }
        return;
    }
    let why = format!("`rw={}` never writes", rw.name());
    let fsynced = verify.policy == VerifyPolicy::Fsynced;
    for (name, active) in [
        ("verify_backlog", verify.backlog > 0 && verify.do_verify),
        ("verify_policy", fsynced && !verify.state_load),
        ("verify_ledger_max", verify.ledger_max.is_some()),
        ("trim_percentage", verify.trim_percentage > 0),
    ] {
        if active {
            job.no_effect(name, &why, out);
        }
    }
}

fn backlog(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    batch(
        job,
        ("verify_backlog", verify.backlog),
        ("verify_backlog_batch", verify.backlog_batch),
        out,
    );
}

/// Trims on the way, and wishes about them where there are none.
fn trims(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    if verify.trim_percentage > 0 {
        let batched = ("trim_backlog_batch", verify.trim_backlog_batch);
        batch(job, ("trim_backlog", verify.trim_backlog), batched, out);
        return;
    }
    for (name, active) in [
        ("trim_verify_zero", !verify.trim_verify_zero && !job.draft.load.rw.trims()),
        ("trim_backlog", verify.trim_backlog > 0),
        ("trim_backlog_batch", verify.trim_backlog_batch > 0),
    ] {
        if active {
            without(job, name, "trim_percentage", out);
        }
    }
}

/// A part of a backlog, which there has to be, and which is no smaller.
fn batch(
    job: &Judged<'_>,
    (backlog, blocks): (&str, u64),
    (name, batch): (&str, u64),
    out: &mut Vec<Diagnostic>,
) {
    if batch > 0 && blocks == 0 {
        without(job, name, backlog, out);
    } else if batch > blocks {
        let message = format!("`{name}` is cut from {batch} to {blocks}, the `{backlog}`");
        push_once(out, Diagnostic::warning(message).at(job.place(name)));
    }
}

/// What is in stamps, where there are none.
fn stamps(job: &Judged<'_>, method: VerifyMethod, out: &mut Vec<Diagnostic>) {
    if method.has_stamp() {
        return;
    }
    let verify = &job.draft.verify;
    let why = format!("`verify={}` has no stamp", method.name());
    for (name, active) in [
        ("verify_offset", verify.offset != Bytes(0)),
        ("verify_write_sequence", verify.write_sequence.is_some()),
        ("verify_header_seed", verify.header_seed.is_some()),
        ("verify_run", verify.run.is_some() && !job.draft.load.rw.writes()),
    ] {
        if active {
            job.no_effect(name, &why, out);
        }
    }
}

/// What only a flush makes count, where nothing is flushed.
fn policy(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let (load, target) = (&job.draft.load, &job.draft.target);
    let fsynced = job.draft.verify.policy == VerifyPolicy::Fsynced;
    let each = load.fsync > 0 || load.fdatasync > 0 || load.write_barrier > 0;
    let last = load.end_fsync || target.fsync_on_close;
    // What another run flushed is for its state to say.
    if job.draft.verify.state_load
        || !fsynced
        || !load.rw.writes()
        || each
        || last
        || target.sync != SyncMode::None
    {
        return;
    }
    let message = "`verify_policy=fsynced`: the job flushes nothing, so no write has to be there \
                   and none is counted";
    let warning = Diagnostic::warning(message).at(job.place("verify_policy"));
    push_once(out, warning.help("`fsync=32`, `end_fsync=1` or `sync=dsync` flush"));
}

fn pool(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let verify = &job.draft.verify;
    let Some(cpus) = &verify.cpus else { return };
    if verify.threads == 0 {
        without(job, "verify_async_cpus", "verify_async", out);
    }
    let here = &job.env.cpu_ids;
    if let Some(missing) = cpus.iter().find(|cpu| !here.contains(cpu)) {
        let message = format!("verify_async_cpus: CPU {missing} is not there");
        let error = Diagnostic::error(message).at(job.place("verify_async_cpus"));
        let here: Vec<String> = here.iter().map(u32::to_string).collect();
        push_once(out, error.note(format!("CPUs here: {}", here.join(", "))));
    }
}
