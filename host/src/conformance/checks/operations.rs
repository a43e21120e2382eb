//! Requests beyond reading and writing, and requests that cannot work: done, or refused aloud,
//! never in silence. Must not ask for more than the contract: EOPNOTSUPP is always an answer, and
//! what a device shows after a trim is its own affair.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{describe, Done, Request, Rig, RigWish};
use super::super::stand::Stand;
use iodyno_engine_api::abi::*;

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["data.read-after-write"];
    Check { id, rule, level: Level::Requests, rests_on, deadline: DEADLINE, run }
}

/// One that needs the ends of files to be where they are.
const fn at_ends(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    Check { rests_on: &["data.end-of-file"], ..check(id, rule, run) }
}

pub(super) const CHECKS: &[Check] = &[
    check(
        "sync.answers",
        "fsync, fdatasync and sync_file_range work, with resid 0, or end with EOPNOTSUPP.",
        syncs,
    ),
    check(
        "trim.effect",
        "A trim that succeeds on a file leaves zeroes; else it ends with an error (EOPNOTSUPP).",
        |stand| clears(stand, IOE_OP_TRIM),
    ),
    check(
        "zeroes.effect",
        "write_zeroes that succeeds leaves zeroes; else it ends with an error (EOPNOTSUPP).",
        |stand| clears(stand, IOE_OP_WRITE_ZEROES),
    ),
    at_ends(
        "errors.huge-offset",
        "A request that no file could hold ends with an error or moves nothing; it harms nobody.",
        huge_offsets,
    ),
    at_ends(
        "errors.truncated",
        "A file that is cut while it is open makes requests short or fail, and no crash.",
        truncated,
    ),
    check(
        "errors.write-when-read-only",
        "A write that cannot be done ends with an error of that request, and the next one works.",
        goes_on,
    ),
];

fn syncs(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish {
        ops: 1 << IOE_OP_WRITE | 1 << IOE_OP_FSYNC | 1 << IOE_OP_FDATASYNC | 1 << IOE_OP_SYNC_RANGE,
        ..RigWish::default()
    })?;
    rig.moves_data()?;
    if rig.can(IOE_OP_WRITE).is_ok() && !rig.is(IOE_F_UNIDIR) {
        rig.complete(0, Request::write(0, 4096))?;
    }
    let mut answers = Vec::new();
    for (op, len) in [(IOE_OP_FSYNC, 0), (IOE_OP_FDATASYNC, 0), (IOE_OP_SYNC_RANGE, 4096)] {
        let done = rig.complete(0, Request::new(op, 0, len))?;
        answers.push(done.error);
        let fine = match done.error {
            0 => done.resid == 0,
            libc::EOPNOTSUPP => true,
            // What a kind of target cannot do at all, sync(2)'s own words for it.
            libc::EINVAL | libc::ESPIPE => true,
            _ => false,
        };
        if !fine {
            return Err(Finding::fail(format!("{}: {}", describe(&done.request), done.how())));
        }
        named(&rig, &done)?;
    }
    match answers.iter().all(|error| *error != 0) {
        true => Err(Finding::warn("it can sync nothing: a write cannot be made durable")),
        false => rig.end(),
    }
}

/// Who names an operation in get_caps has to know it.
fn named(rig: &Rig<'_>, done: &Done) -> Outcome {
    let named = rig.caps.ops & 1 << done.request.op != 0;
    match named && done.error == libc::EOPNOTSUPP && rig.on_files().is_ok() {
        true => {
            let what = describe(&done.request);
            Err(Finding::warn(format!(
                "get_caps names it, but on a regular file {what} is EOPNOTSUPP"
            )))
        }
        false => Ok(()),
    }
}

fn clears(stand: &Stand, op: u32) -> Outcome {
    const LEN: u64 = 16 * 4096;
    let ops = 1 << IOE_OP_READ | 1 << IOE_OP_WRITE | 1 << op;
    let mut rig = stand.rig(RigWish { ops, bs: LEN as usize, ..RigWish::default() })?;
    rig.keeps_data()?;
    let pattern = rig.pattern(1);
    rig.fill(0, 0, pattern);
    rig.complete(0, Request::write(0, LEN))?.whole()?;
    let done = rig.complete(0, Request::new(op, 4096, LEN - 8192))?;
    if done.error != 0 {
        named(&rig, &done)?;
        return rig.end();
    }
    if done.resid != 0 {
        return Err(Finding::fail(format!("{}: {}", describe(&done.request), done.how())));
    }
    if op == IOE_OP_TRIM && rig.on_files().is_err() {
        // What a device shows where it was trimmed is its own affair.
        return rig.end();
    }
    rig.complete(0, Request::read(0, LEN))?.whole()?;
    let (first, last) = (4096, LEN as usize - 4096);
    if let Some(at) = rig.buffer(0)[first..last].iter().position(|byte| *byte != 0) {
        let words = format!(
            "{} succeeded, but the byte at {} is not 0",
            describe(&done.request),
            first + at
        );
        return Err(Finding::fail(words));
    }
    let outside = [(0, first), (last, LEN as usize)];
    for (from, to) in outside {
        if pattern.first_wrong(&rig.buffer(0)[from..to], from as u64).is_some() {
            let words = format!("{} touched what lies outside of it", describe(&done.request));
            return Err(Finding::fail(words));
        }
    }
    rig.end()
}

fn huge_offsets(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.keeps_data()?;
    for offset in [1 << 62, i64::MAX as u64 - 4095, 1 << 63, u64::MAX - 4095] {
        let done = rig.complete(0, Request::read(offset, 4096))?;
        if done.error == 0 && done.resid < 4096 {
            let what = describe(&done.request);
            return Err(Finding::fail(format!("{what}: {} bytes were read", 4096 - done.resid)));
        }
        if offset > i64::MAX as u64 {
            let done = rig.complete(0, Request::write(offset, 4096))?;
            if done.error == 0 && done.resid < 4096 {
                return Err(Finding::fail(format!("{} succeeded", describe(&done.request))));
            }
        }
    }
    let pattern = rig.pattern(1);
    rig.fill(0, 0, pattern);
    rig.complete(0, Request::write(0, 4096))?.whole()?;
    rig.end()
}

fn truncated(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.keeps_data()?;
    rig.on_files()?;
    rig.complete(0, Request::read(0, 4096))?.whole()?;
    let cut = std::fs::File::options().write(true).open(stand.place.name(0));
    cut.and_then(|file| file.set_len(4096))
        .map_err(|error| Finding::skip(format!("the file cannot be cut: {error}")))?;
    for offset in [0, 4096, 1 << 19] {
        let done = rig.complete(0, Request::read(offset, 4096))?;
        if done.error == 0 && done.resid < 4096 && offset >= 4096 {
            let what = describe(&done.request);
            return Err(Finding::fail(format!("{what} found data behind the end of a cut file")));
        }
    }
    rig.end()
}

fn goes_on(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish { read_only: true, ..RigWish::default() })?;
    rig.keeps_data()?;
    rig.on_files()?;
    for _ in 0..4 {
        let done = rig.complete(0, Request::write(0, 4096))?;
        if done.error == 0 && done.resid < 4096 {
            return Err(Finding::breaks("target.read-only", "a write to a read-only file worked"));
        }
        if done.error == 0 {
            return Err(Finding::fail("a write that cannot be done ended without an error"));
        }
        rig.complete(0, Request::read(0, 4096))?.whole()?;
    }
    rig.end()
}
