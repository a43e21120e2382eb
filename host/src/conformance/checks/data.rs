//! What is written is what is read: over sizes, offsets, depths, files and instances, and as the
//! kernel shows it to others. Must not look at answers that the rig has judged already: here it is
//! about bytes.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::pattern::Pattern;
use super::super::rig::{describe, rules, Done, Request, Rig, RigWish};
use super::super::stand::Stand;
use crate::workload::Rng;
use iodyno_engine_api::abi::*;
use std::os::unix::fs::FileExt;

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["data.read-after-write"];
    Check { id, rule, level: Level::Requests, rests_on, deadline: DEADLINE, run }
}

/// What everything about the contents of a target rests on.
pub(super) const FIRST: &[Check] = &[Check {
    rests_on: &["queue.works", "units.once"],
    ..check(
        "data.read-after-write",
        "A read that begins after a write has ended finds what was written.",
        read_after_write,
    )
}];

pub(super) const CHECKS: &[Check] = &[
    check("data.sizes", "Any length at any offset that the target allows is served.", sizes),
    check(
        "data.depths",
        "Requests in flight together do not mix, at any depth that the engine takes.",
        depths,
    ),
    Check {
        rests_on: &["data.read-after-write", "instance.two"],
        ..check("data.instances", "What one instance wrote, another one reads.", instances)
    },
    check(
        "data.seen-by-others",
        "After a write and a sync the data is where everybody finds it, and what others wrote is \
         read.",
        seen_by_others,
    ),
    check("data.holes", "What was never written reads as zeroes.", holes),
    check(
        "data.end-of-file",
        "A read across the end is short (resid), one beyond it moves nothing and is no error.",
        end_of_file,
    ),
    check(
        "data.extend",
        "A write beyond the end makes the file longer, unless the engine says IOE_F_NOEXTEND.",
        extend,
    ),
];

const BLOCK: u64 = 4096;

/// Continues a short transfer until nothing is left, as a run does.
fn transfer(rig: &mut Rig<'_>, request: Request, pattern: Pattern) -> Outcome {
    let mut at = request;
    loop {
        if at.op == IOE_OP_WRITE {
            rig.fill(0, at.offset, pattern);
        }
        let done = rig.complete(0, at)?;
        let moved = at.len - done.resid;
        if done.error != 0 || moved == 0 {
            let words = format!("{}: {}", describe(&request), done.how());
            return Err(Finding::breaks(rules::DATA, words));
        }
        if at.op == IOE_OP_READ {
            rig.expect(0, at.offset, moved as usize, pattern)?;
        }
        if done.resid == 0 {
            return Ok(());
        }
        at = Request { offset: at.offset + moved, len: done.resid, ..at };
    }
}

fn write(rig: &mut Rig<'_>, offset: u64, len: u64, pattern: Pattern) -> Outcome {
    transfer(rig, Request::write(offset, len), pattern)
}

fn read(rig: &mut Rig<'_>, offset: u64, len: u64, pattern: Pattern) -> Outcome {
    transfer(rig, Request::read(offset, len), pattern)
}

fn read_after_write(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.keeps_data()?;
    for generation in 1..=2 {
        let pattern = rig.pattern(generation);
        for n in 0..16 {
            write(&mut rig, n * BLOCK, BLOCK, pattern)?;
            read(&mut rig, n * BLOCK, BLOCK, pattern)?;
        }
        for n in (0..16).rev() {
            read(&mut rig, n * BLOCK, BLOCK, pattern)?;
        }
    }
    rig.end()
}

/// With buffers as large as the target takes: a device may refuse, when it is opened, what no
/// command of it could carry.
fn largest(stand: &Stand, max: u64) -> Result<Rig<'_>, Finding> {
    let made =
        |bs: u64| stand.rig(RigWish { bs: bs as usize, file_bytes: 4 * max, ..RigWish::default() });
    made(max).or_else(|refusal| {
        let smaller = [max / 2, max / 4, max / 16];
        smaller.into_iter().find_map(|bs| made(bs).ok()).ok_or(refusal)
    })
}

fn sizes(stand: &Stand) -> Outcome {
    const MAX: u64 = 1 << 20;
    let mut rig = largest(stand, MAX)?;
    rig.keeps_data()?;
    let max = rig.len_max();
    let block = u64::from(rig.file_size(0).1.max(512));
    let odd = rig.on_files().is_ok() && !rig.is(IOE_F_RAW);
    let mut lengths = vec![block, 2 * block, 8 * block, 64 * block, 1 << 18, max];
    if odd {
        lengths.extend([1, 7, 511, 513, 4095, 4097, 65_537]);
    }
    lengths.retain(|len| *len <= max && (odd || len.is_multiple_of(block)));
    let mut rng = Rng::new(stand.seed);
    for (n, len) in lengths.into_iter().enumerate() {
        let pattern = rig.pattern(n as u64 + 1);
        let step = if odd { 1 } else { block };
        let offset = rng.below((4 * MAX - len) / step + 1) * step;
        write(&mut rig, offset, len, pattern)?;
        read(&mut rig, offset, len, pattern)?;
    }
    rig.end()
}

fn depths(stand: &Stand) -> Outcome {
    for depth in [2, 8, 64] {
        let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
        rig.keeps_data()?;
        let pattern = rig.pattern(u64::from(depth));
        let mut order: Vec<u64> = (0..128).collect();
        let mut rng = Rng::new(stand.seed + u64::from(depth));
        shuffle(&mut order, &mut rng);
        let writes = order.clone().into_iter();
        let writes = writes.map(|n| (Request::write(n * BLOCK, BLOCK), Some(pattern)));
        rig.run(writes, |_, done| whole(&done))?;
        shuffle(&mut order, &mut rng);
        let reads = order.into_iter().map(|n| (Request::read(n * BLOCK, BLOCK), None));
        rig.run(reads, |rig, done| {
            whole(&done)?;
            let found = rig.expect(done.index, done.request.offset, BLOCK as usize, pattern);
            found.map_err(|_| {
                let words =
                    format!("{} at depth {depth} found other data", describe(&done.request));
                Finding::fail(words)
            })
        })?;
        rig.end()?;
    }
    Ok(())
}

fn whole(done: &Done) -> Outcome {
    done.whole()
}

fn shuffle(order: &mut [u64], rng: &mut Rng) {
    for n in (1..order.len()).rev() {
        order.swap(n, rng.below(n as u64 + 1) as usize);
    }
}

fn instances(stand: &Stand) -> Outcome {
    let mut first = stand.rig(RigWish { clone: (2, 0), ..RigWish::default() })?;
    first.keeps_data()?;
    let mut second = stand.rig(RigWish { clone: (2, 1), ..RigWish::default() })?;
    let pattern = first.pattern(1);
    for n in 0..16 {
        write(&mut first, n * BLOCK, BLOCK, pattern)?;
        let found = read(&mut second, n * BLOCK, BLOCK, pattern);
        found.map_err(|finding| match finding {
            Finding::Fail { cause, .. } => Finding::fail(format!("another instance: {cause}")),
            other => other,
        })?;
    }
    first.end()?;
    second.end()
}

fn seen_by_others(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.keeps_data()?;
    rig.on_files()?;
    let trouble = |error: std::io::Error| Finding::skip(format!("the file itself: {error}"));
    let path = stand.place.name(0);
    let file = std::fs::File::options().read(true).write(true).open(path).map_err(trouble)?;
    let mut buf = vec![0u8; BLOCK as usize];
    for n in 0..8 {
        let pattern = rig.pattern(n + 1);
        write(&mut rig, n * BLOCK, BLOCK, pattern)?;
        // Whether it can sync is another check's affair; who cannot has nothing to hold back.
        rig.complete(0, Request::new(IOE_OP_FSYNC, 0, 0))?;
        file.read_exact_at(&mut buf, n * BLOCK).map_err(trouble)?;
        if let Some(at) = pattern.first_wrong(&buf, n * BLOCK) {
            let words = format!("pread finds other data at {at} than was written there");
            return Err(Finding::fail(words));
        }
    }
    for n in 0..8 {
        let pattern = rig.pattern(100 + n);
        pattern.fill(&mut buf, n * BLOCK);
        file.write_all_at(&buf, n * BLOCK).map_err(trouble)?;
        read(&mut rig, n * BLOCK, BLOCK, pattern).map_err(|finding| match finding {
            Finding::Fail { cause, .. } => Finding::fail(format!("written by pwrite: {cause}")),
            other => other,
        })?;
    }
    rig.end()
}

fn holes(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.keeps_data()?;
    rig.on_files()?;
    rig.buffer(0).fill(0xaa);
    let done = rig.complete(0, Request::read(BLOCK, BLOCK))?;
    done.whole()?;
    match rig.buffer(0).iter().position(|byte| *byte != 0) {
        None => rig.end(),
        Some(at) => Err(Finding::fail(format!("byte {at} of a hole reads as something else"))),
    }
}

fn end_of_file(stand: &Stand) -> Outcome {
    let bytes = 10 * BLOCK;
    let mut rig = stand.rig(RigWish { file_bytes: bytes, bs: 16384, ..RigWish::default() })?;
    rig.keeps_data()?;
    rig.on_files()?;
    let across = Request::read(bytes - BLOCK, 4 * BLOCK);
    let done = rig.complete(0, across)?;
    if done.error != 0 || done.resid != 3 * BLOCK {
        let words = format!(
            "{} of a file of {bytes}: error {}, resid {}, where {} bytes are there",
            describe(&across),
            done.error,
            done.resid,
            BLOCK
        );
        return Err(Finding::fail(words));
    }
    for offset in [bytes, bytes + BLOCK, 64 * bytes] {
        let done = rig.complete(0, Request::read(offset, BLOCK))?;
        if done.error != 0 || done.resid != BLOCK {
            let words = format!(
                "a read at {offset} of a file of {bytes}: error {}, resid {} (0 and {BLOCK} are \
                 the end of the file)",
                done.error, done.resid
            );
            return Err(Finding::fail(words));
        }
    }
    rig.end()
}

fn extend(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish { file_bytes: BLOCK, ..RigWish::default() })?;
    rig.keeps_data()?;
    rig.on_files()?;
    if rig.is(IOE_F_NOEXTEND) {
        return Err(Finding::skip("it says IOE_F_NOEXTEND: the host lays files out"));
    }
    let pattern = rig.pattern(1);
    write(&mut rig, 8 * BLOCK, BLOCK, pattern)?;
    read(&mut rig, 8 * BLOCK, BLOCK, pattern)?;
    let length = std::fs::metadata(stand.place.name(0)).map_or(0, |found| found.len());
    if length < 9 * BLOCK {
        let words = format!("the file has {length} bytes after a write that ends at {}", 9 * BLOCK);
        return Err(Finding::fail(words));
    }
    rig.end()
}
