//! What `queue` may say, and what a finished unit looks like: one rule after the other.
//!
//! Called through the table. What stands in `FIRST` comes first: all that makes requests
//! rests on it.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{describe, Done, Request, Rig, RigWish, Taken};
use super::super::stand::Stand;
use crate::sys::interrupt::Interrupter;
use iodyno_engine_api::abi::{IOE_F_FAKE, IOE_F_NOIO, IOE_OP_FSYNC, IOE_OP_READ};
use std::time::{Duration, Instant};

/// What most of them have in common.
const REQUESTS: Check = Check {
    id: "",
    rule: "",
    level: Level::Requests,
    rests_on: &["queue.status"],
    deadline: DEADLINE,
    run: status,
};

/// The first requests of all: whatever makes some rests on these.
pub(super) const FIRST: &[Check] = &[
    Check {
        id: "queue.status",
        rule: "queue answers Completed (0), Queued (1), Busy (2) or -errno, and nothing else; an \
               engine with IOE_F_SYNC never answers Queued.",
        rests_on: &["instance.once"],
        run: status,
        ..REQUESTS
    },
    Check {
        id: "units.once",
        rule: "Each unit that was queued comes back through getevents, exactly once.",
        deadline: Duration::from_secs(30),
        run: once,
        ..REQUESTS
    },
    Check {
        id: "queue.works",
        rule: "A request that the target can serve succeeds.",
        run: works,
        ..REQUESTS
    },
];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "queue.resid",
        rule: "resid is what was not transferred: 0 to len.",
        run: resid,
        ..REQUESTS
    },
    Check {
        id: "queue.errno",
        rule: "error is 0 or a positive errno; an operation that is not known ends with \
               EOPNOTSUPP, never in silence.",
        run: errno,
        ..REQUESTS
    },
    Check {
        id: "queue.depth",
        rule: "One unit more than iodepth is Busy, or taken; then everything drains.",
        run: depth,
        ..REQUESTS
    },
    Check {
        id: "queue.busy",
        rule: "After Busy the engine has kept nothing, and the unit can be offered again once \
               another one came back; it is never Busy with nothing in flight.",
        rests_on: &["queue.status", "queue.depth"],
        run: busy,
        ..REQUESTS
    },
    Check {
        id: "queue.many",
        rule: "Any iodepth that max_depth allows is served like iodepth 1.",
        rests_on: &["queue.status", "units.once"],
        deadline: Duration::from_secs(20),
        run: many,
        ..REQUESTS
    },
    Check {
        id: "queue.intr",
        rule: "EINTR never crosses: a request that a signal interrupts is made again.",
        rests_on: &["queue.status", "units.once"],
        run: intr,
        ..REQUESTS
    },
];

fn status(stand: &Stand) -> Outcome {
    const EACH: u64 = 16;
    let mut rig = stand.rig(RigWish::default())?;
    for op in rig.moves() {
        for n in 0..EACH {
            rig.complete(0, rig.piece(op, n, 4096))?;
        }
    }
    rig.end()
}

/// A target may fail whatever the engine does, which is no breach: but nothing more can be told.
fn works(stand: &Stand) -> Outcome {
    const EACH: u64 = 16;
    let mut rig = stand.rig(RigWish::default())?;
    let mut failed = None;
    for op in rig.moves() {
        for n in 0..EACH {
            let done = rig.complete(0, rig.piece(op, n, 4096))?;
            if done.error == 0 {
                return rig.end();
            }
            failed = failed.or(Some(done));
        }
    }
    rig.end()?;
    let first = failed.map(|done| format!("{}: {}", describe(&done.request), done.how()));
    Err(Finding::moot(format!("no request succeeds: {}", first.unwrap_or_default())))
}

fn resid(stand: &Stand) -> Outcome {
    const BS: usize = 256 << 10;
    let mut rig = stand.rig(RigWish { bs: BS, ..RigWish::default() })?;
    let (size, block_size) = rig.file_size(0);
    let shortest = u64::from(block_size.max(512));
    let mut len = shortest;
    while len <= rig.len_max() {
        for op in rig.moves() {
            for n in 0..4 {
                rig.complete(0, rig.piece(op, n, len))?;
            }
        }
        // Across the end, where a read gets a part of what it asks for, and behind it.
        if stand.place.is_directory() && rig.can(IOE_OP_READ).is_ok() {
            for offset in [size.saturating_sub(len / 2), size] {
                rig.complete(0, Request::read(offset, len))?;
            }
        }
        len *= 2;
    }
    if rig.can(IOE_OP_FSYNC).is_ok() {
        rig.complete(0, Request::new(IOE_OP_FSYNC, 0, 0))?;
    }
    rig.end()
}

/// An operation number that nobody knows: neither one of the contract's nor an engine's own.
pub(super) const UNKNOWN_OP: u32 = 63;

fn errno(stand: &Stand) -> Outcome {
    const FITTING: [i32; 5] =
        [libc::EOPNOTSUPP, libc::EINVAL, libc::ENOSYS, libc::ENOTTY, libc::EBADRQC];
    let mut rig = stand.rig(RigWish::default())?;
    for n in 0..8 {
        rig.complete(0, rig.nth(n))?;
    }
    let done = rig.complete(0, rig.piece(UNKNOWN_OP, 0, 4096))?;
    // Whatever it made of that, it goes on.
    rig.complete(0, rig.nth(0))?;
    let nothing = rig.is(IOE_F_FAKE | IOE_F_NOIO);
    rig.end()?;
    match done.error {
        0 if nothing || done.resid == done.request.len => Ok(()),
        0 => Err(Finding::fail(format!("operation {UNKNOWN_OP}, which nobody knows, succeeded"))),
        error if FITTING.contains(&error) => Ok(()),
        _ => {
            let how = done.how();
            Err(Finding::warn(format!("operation {UNKNOWN_OP}, which nobody knows: {how}")))
        }
    }
}

fn once(stand: &Stand) -> Outcome {
    const REQUESTS: u64 = 500;
    const TIME: Duration = Duration::from_secs(3);
    let limits = depths(stand, &[1, 2, 16])?;
    for depth in limits {
        let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
        let begun = Instant::now();
        let (mut offered, mut back) = (0, 0);
        // Batches of any size, up to all units.
        for batch in (1..=depth as usize).cycle() {
            if offered >= REQUESTS || begun.elapsed() > TIME {
                break;
            }
            for index in 0..batch {
                match rig.offer(index, rig.nth(offered))? {
                    Taken::Busy => break,
                    Taken::Queued => {}
                    Taken::Completed(_) | Taken::Refused(_) => back += 1,
                }
                offered += 1;
            }
            back += rig.reap_all()?.len() as u64;
        }
        nothing_more(&mut rig, depth)?;
        if offered != back {
            let words = format!("{offered} units were taken and {back} came back");
            return Err(Finding::fail(words));
        }
        in_turn(&mut rig, depth)?;
        rig.end()?;
    }
    Ok(())
}

/// Nothing comes back of itself.
fn nothing_more(rig: &mut Rig<'_>, depth: u32) -> Outcome {
    match rig.may_queue() {
        true => rig.reap(0, depth, Some(Duration::ZERO)).map(drop),
        false => Ok(()),
    }
}

/// The same, with units that are used again while others are in flight.
fn in_turn(rig: &mut Rig<'_>, depth: u32) -> Outcome {
    let requests: Vec<_> = (0..4 * u64::from(depth)).map(|n| (rig.nth(n), None)).collect();
    rig.run(requests, |_, _| Ok(()))?;
    nothing_more(rig, depth)
}

/// Those of these iodepths that the engine allows.
fn depths(stand: &Stand, wanted: &[u32]) -> Result<Vec<u32>, Finding> {
    let rig = stand.rig(RigWish::default())?;
    let depths = rig.depths(wanted);
    rig.end()?;
    Ok(depths)
}

fn depth(stand: &Stand) -> Outcome {
    for depth in depths(stand, &[1, 4])? {
        let mut rig = stand.rig(RigWish { depth, spare: 1, ..RigWish::default() })?;
        let units = depth as usize + 1;
        let mut busy = Vec::new();
        for index in 0..units {
            match rig.offer(index, rig.nth(index as u64))? {
                Taken::Busy => busy.push(index),
                Taken::Queued | Taken::Completed(_) => {}
                Taken::Refused(error) => {
                    let why = std::io::Error::from_raw_os_error(error);
                    let words = format!("unit {} of iodepth {depth}: {why}", index + 1);
                    return Err(match index < depth as usize {
                        true => Finding::skip(words),
                        false => Finding::fail(words),
                    });
                }
            }
        }
        rig.reap_all()?;
        for index in busy {
            rig.complete(index, rig.nth(index as u64))?;
        }
        rig.end()?;
    }
    Ok(())
}

fn busy(stand: &Stand) -> Outcome {
    const UNITS: usize = 8;
    for depth in depths(stand, &[1, 4])? {
        let spare = UNITS as u32 - depth;
        let mut rig = stand.rig(RigWish { depth, spare, ..RigWish::default() })?;
        for round in 0..16 {
            let mut waiting: Vec<usize> = (0..UNITS).collect();
            // The rig knows to whom Busy was said, and finds out if such a unit comes back.
            while !waiting.is_empty() {
                let mut refused = Vec::new();
                for index in waiting {
                    if rig.offer(index, rig.nth(round + index as u64))? == Taken::Busy {
                        refused.push(index);
                    }
                }
                waiting = refused;
                if rig.in_flight() > 0 {
                    rig.commit()?;
                    let left = rig.in_flight() - 1;
                    rig.drain(left, u32::MAX)?;
                }
            }
            rig.reap_all()?;
            nothing_more(&mut rig, depth)?;
        }
        rig.end()?;
    }
    Ok(())
}

fn many(stand: &Stand) -> Outcome {
    for depth in depths(stand, &[1, 2, 8, 64, 256])? {
        let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
        let requests: Vec<_> = (0..u64::from(depth) * 2 + 16).map(|n| (rig.nth(n), None)).collect();
        let mut failed: Option<Done> = None;
        rig.run(requests, |_, done| {
            if done.error != 0 && done.error != libc::EAGAIN {
                failed = Some(done);
            }
            Ok(())
        })?;
        rig.end()?;
        let Some(done) = failed else { continue };
        let words = format!("iodepth {depth}: {}: {}", describe(&done.request), done.how());
        return Err(match depth {
            1 => Finding::skip(format!("requests fail with {words}")),
            _ => Finding::fail(words),
        });
    }
    Ok(())
}

fn intr(stand: &Stand) -> Outcome {
    const DEPTH: u32 = 4;
    const TIME: Duration = Duration::from_millis(300);
    let depth = depths(stand, &[DEPTH])?.pop().unwrap_or(1);
    let mut rig = stand.rig(RigWish { depth, bs: 64 << 10, ..RigWish::default() })?;
    let interrupter = Interrupter::start(Duration::from_micros(200));
    let _interrupter = interrupter.map_err(|error| Finding::skip(format!("signals: {error}")))?;
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        let len = rig.len_max();
        let moves = rig.moves();
        let requests = (0..4).flat_map(|n| moves.iter().map(move |op| (*op, n)));
        let requests: Vec<_> = requests.map(|(op, n)| (rig.piece(op, n, len), None)).collect();
        rig.run(requests, |_, done| match done.error {
            libc::EINTR => {
                let what = describe(&done.request);
                Err(Finding::fail(format!("{what} ended with EINTR when a signal came")))
            }
            _ => Ok(()),
        })?;
    }
    rig.end()
}
