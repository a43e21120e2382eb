//! Ways out: `cancel`, `terminate`, words for what failed, and an end with units on their way.
//!
//! Called through the table. Where this engine knows no wait, or no failure, the check is a skip.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{describe, Done, Request, Rig, RigWish, Taken};
use super::super::stand::Stand;
use super::requests::UNKNOWN_OP;
use crate::plugin::handle::{Callback, Terminator};
use iodyno_engine_api::abi::*;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What all of them have in common.
const ENDS: Check = Check {
    id: "",
    rule: "",
    level: Level::Requests,
    rests_on: &["queue.status", "units.once"],
    deadline: DEADLINE,
    run: drains,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "stop.drains",
        rule: "What queue took comes back once it is committed, also at the end; only then comes \
               cleanup.",
        run: drains,
        ..ENDS
    },
    Check {
        id: "cancel.answers",
        rule:
            "cancel answers Canceled (0: the unit does not come back), pending (1: it still comes \
               back, once) or -errno (it is as if nobody had asked), and nothing else.",
        run: cancel,
        ..ENDS
    },
    Check {
        id: "terminate.any-time",
        rule: "terminate may come at any moment between init and cleanup, from any thread, again \
               and again; later calls behave normally, so that units drain.",
        run: any_time,
        ..ENDS
    },
    Check {
        id: "terminate.wakes",
        rule: "terminate wakes a blocked callback.",
        rests_on: &["queue.status", "units.once", "terminate.any-time"],
        deadline: Duration::from_secs(30),
        run: wakes,
        ..ENDS
    },
    Check {
        id: "errdetails.capacity",
        rule: "errdetails stays within the capacity that it is given, and ends its words with a \
               zero byte.",
        rests_on: &["queue.status"],
        run: capacity,
        ..ENDS
    },
    Check {
        id: "errdetails.words",
        rule: "A unit with error or vendor_status has words in errdetails.",
        rests_on: &["queue.status", "errdetails.capacity"],
        run: words,
        ..ENDS
    },
];

/// As many units as the engine allows, at most these.
fn depth_of(stand: &Stand, wanted: u32) -> Result<u32, Finding> {
    let rig = stand.rig(RigWish::default())?;
    let most = rig.caps.max_depth;
    rig.end()?;
    Ok(if most == 0 { wanted } else { wanted.min(most) })
}

fn drains(stand: &Stand) -> Outcome {
    let depth = depth_of(stand, 8)?;
    // All uncommitted, half of them, none.
    for committed in [0, depth / 2, depth] {
        let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
        for index in 0..depth {
            if rig.offer(index as usize, rig.nth(u64::from(index)))? == Taken::Busy {
                break;
            }
            if index + 1 == committed {
                rig.commit()?;
            }
        }
        rig.end()?;
    }
    Ok(())
}

/// Asks for a unit in flight to be given up, and holds the engine to its answer.
fn give_up(rig: &mut Rig<'_>, index: usize) -> Outcome {
    let unit = rig.unit(index);
    match rig.instance().cancel(unit) {
        Some(IOE_CANCELED) => rig.canceled(index),
        Some(IOE_CANCEL_PENDING | -4095..=-1) | None => {}
        Some(other) => {
            let words = format!(
                "cancel answered {other}, which is neither Canceled (0), pending (1) nor -errno"
            );
            return Err(Finding::fail(words));
        }
    }
    Ok(())
}

fn cancel(stand: &Stand) -> Outcome {
    let depth = depth_of(stand, 4)?;
    let mut rig = stand.rig(RigWish { depth, bs: 64 << 10, ..RigWish::default() })?;
    rig.asynchronous()?;
    if !rig.instance().has(Callback::Cancel) {
        return Err(Finding::skip("it has no cancel"));
    }
    for round in 0..8 {
        let mut queued = Vec::new();
        for index in 0..depth as usize {
            match rig.offer(index, rig.slow(round + index as u64))? {
                Taken::Queued => queued.push(index),
                Taken::Busy => break,
                Taken::Completed(_) | Taken::Refused(_) => {}
            }
        }
        // The second of them before the commit, the last one after it.
        if let Some(index) = queued.get(1) {
            give_up(&mut rig, *index)?;
        }
        if rig.in_flight() > 0 {
            rig.commit()?;
        }
        if let (Some(index), true) = (queued.last(), queued.len() > 2 || round % 2 == 0) {
            if queued.get(1) != Some(index) {
                give_up(&mut rig, *index)?;
            }
        }
        rig.reap_all().map_err(|finding| match finding {
            Finding::Fail { cause, .. } => Finding::fail(format!("after cancel: {cause}")),
            other => other,
        })?;
        rig.reap(0, depth, Some(Duration::from_millis(1)))?;
    }
    rig.end()
}

/// Skips engines without `terminate`.
fn terminator(rig: &mut Rig<'_>) -> Result<Terminator, Finding> {
    match rig.instance().has(Callback::Terminate) {
        true => Ok(rig.instance().terminator()),
        false => Err(Finding::skip("it has no terminate")),
    }
}

/// Calls it on another thread, so that it may hang there.
fn terminate(terminator: &Terminator) -> Outcome {
    const PATIENCE: Duration = Duration::from_secs(3);
    let (done, waiting) = mpsc::channel();
    let terminator = terminator.clone();
    std::thread::spawn(move || {
        terminator.terminate();
        // Who waited too long is gone.
        let _gone = done.send(());
    });
    waiting.recv_timeout(PATIENCE).map_err(|_| {
        Finding::fail(format!("terminate did not return within {} s", PATIENCE.as_secs()))
    })
}

fn any_time(stand: &Stand) -> Outcome {
    let mut unused = Rig::bare(stand, stand.subject()?, &RigWish::default())?;
    let early = terminator(&mut unused)?;
    terminate(&early)?;
    terminate(&early)?;
    unused.end_bare();
    let depth = depth_of(stand, 8)?;
    let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
    let late = terminator(&mut rig)?;
    rig.expect_interrupts(true);
    terminate(&late)?;
    terminate(&late)?;
    storm(&mut rig, &late, u64::from(depth))?;
    rig.end()
}

/// Many threads call it while requests are made; afterwards waits are whole again.
fn storm(rig: &mut Rig<'_>, terminator: &Terminator, depth: u64) -> Outcome {
    const THREADS: u32 = 3;
    const CALLS: u32 = 50;
    /// Waits that may be short afterwards.
    const SHORT: u32 = 8;
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let terminator = terminator.clone();
            std::thread::spawn(move || {
                for _ in 0..CALLS {
                    terminator.terminate();
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        requests(rig, depth)?;
    }
    rig.expect_interrupts(true);
    for _ in 0..32 {
        requests(rig, depth)?;
    }
    match rig.short_waits() {
        0..=SHORT => Ok(()),
        short => {
            Err(Finding::fail(format!("{short} waits were short after the last call of terminate")))
        }
    }
}

/// Twice as many requests as there are units.
fn requests(rig: &mut Rig<'_>, depth: u64) -> Outcome {
    let requests: Vec<_> = (0..2 * depth).map(|n| (rig.nth(n), None)).collect();
    rig.run(requests, |_, _| Ok(()))
}

/// A wait that goes on for longer was not ended: what a busy disk and machine take is less.
const SOON: Duration = Duration::from_secs(4);

fn wakes(stand: &Stand) -> Outcome {
    let mut slowest = None;
    // A busy machine may keep a thread, or a disk, waiting once.
    for _ in 0..2 {
        match wake(stand)? {
            None => return Err(Finding::skip("no unit was late: there was no wait to be ended")),
            Some(took) if took < SOON => return Ok(()),
            took => slowest = took.max(slowest),
        }
    }
    let took = slowest.unwrap_or_default().as_secs_f64();
    Err(Finding::fail(format!("a wait for events went on for {took:.1} s after terminate")))
}

/// How long a wait went on after `terminate`; none where all waits ended before it.
fn wake(stand: &Stand) -> Result<Option<Duration>, Finding> {
    const LIMIT: Duration = Duration::from_secs(20);
    let depth = depth_of(stand, 8)?;
    let mut rig = stand.rig(RigWish { depth, bs: 256 << 10, ..RigWish::default() })?;
    rig.asynchronous()?;
    let terminator = terminator(&mut rig)?;
    rig.expect_interrupts(true);
    let mut longest = None;
    for delay_us in [0, 100, 1_000, 10_000, 50_000] {
        for index in 0..depth {
            if rig.offer(index as usize, rig.slow(u64::from(index)))? == Taken::Busy {
                break;
            }
        }
        rig.commit()?;
        let (all, call) = (rig.in_flight() as u32, terminator.clone());
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(delay_us));
            let called = Instant::now();
            call.terminate();
            called
        });
        rig.reap(all, all, Some(LIMIT))?;
        let back = Instant::now();
        let called = thread.join().map_err(|_| Finding::fail("terminate panicked"))?;
        longest = back.checked_duration_since(called).max(longest);
        if longest.is_some_and(|took| took >= SOON) {
            break;
        }
        rig.reap_all()?;
    }
    rig.end()?;
    Ok(longest)
}

/// A request that failed, as the engine handed it back; skips where none does.
fn failed(rig: &mut Rig<'_>) -> Result<Done, Finding> {
    let far = 1 << 62;
    let wanted = [
        rig.piece(UNKNOWN_OP, 0, 4096),
        Request::read(far, 4096),
        Request::new(IOE_OP_TRIM, far, 4096),
    ];
    for request in wanted {
        if let Some(done) = rig.complete_as_told(0, request)? {
            if done.error != 0 || done.vendor_status != 0 {
                return Ok(done);
            }
        }
    }
    Err(Finding::skip("no request fails"))
}

fn with_errdetails(stand: &Stand) -> Result<Rig<'_>, Finding> {
    let mut rig = stand.rig(RigWish::default())?;
    match rig.instance().has(Callback::ErrDetails) {
        true => Ok(rig),
        false => Err(Finding::skip("it has no errdetails")),
    }
}

fn capacity(stand: &Stand) -> Outcome {
    const CANARY: u8 = 0xa5;
    const BEHIND: usize = 64;
    let mut rig = with_errdetails(stand)?;
    let done = failed(&mut rig)?;
    let unit = rig.unit(done.index);
    for cap in [0, 1, 2, 3, 8, 64, 4096] {
        let mut area = vec![CANARY; cap + BEHIND];
        let status = rig.instance().errdetails_into(unit, &mut area, cap).unwrap_or(0);
        if area[cap..].iter().any(|byte| *byte != CANARY) {
            let words = format!("it wrote beyond its capacity of {cap} bytes");
            return Err(Finding::fail(words));
        }
        if status >= 0 && cap > 0 && !area[..cap].contains(&0) {
            let words = format!("with a capacity of {cap} bytes its words do not end");
            return Err(Finding::fail(words));
        }
    }
    rig.end()
}

fn words(stand: &Stand) -> Outcome {
    let mut rig = with_errdetails(stand)?;
    let done = failed(&mut rig)?;
    let unit = rig.unit(done.index);
    let words = rig.instance().errdetails(unit);
    rig.end()?;
    match words {
        Some(_) => Ok(()),
        None => {
            let (what, how) = (describe(&done.request), done.how());
            Err(Finding::warn(format!("it has no words for what failed: {what}: {how}")))
        }
    }
}
