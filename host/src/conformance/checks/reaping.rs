//! Handing units over and back: what `commit` and `getevents` owe.
//!
//! Called through the table. Time is judged generously and more than once: the machine may be busy.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{rules, Rig, RigWish, Taken};
use super::super::stand::Stand;
use crate::plugin::handle::Callback;
use crate::sys::interrupt::Interrupter;
use std::time::{Duration, Instant};

/// What all of them have in common.
const REAPING: Check = Check {
    id: "",
    rule: "",
    level: Level::Requests,
    rests_on: &["queue.status", "units.once"],
    deadline: DEADLINE,
    run: count,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "getevents.count",
        rule: "getevents answers how many units it hands back, never more than max, and stores no \
               more pointers than that.",
        run: count,
        ..REAPING
    },
    Check {
        id: "getevents.min",
        rule: "Without a time limit getevents hands back min units at least.",
        run: min,
        ..REAPING
    },
    Check {
        id: "getevents.nothing",
        rule: "With nothing in flight and min 0 getevents answers 0.",
        run: nothing,
        ..REAPING
    },
    Check {
        id: "getevents.timeout-zero",
        rule: "With a time limit of 0 getevents does not wait.",
        run: timeout_zero,
        ..REAPING
    },
    Check {
        id: "getevents.timeout",
        rule:
            "getevents hands back fewer than min units only once its time limit has run out, and \
               then soon.",
        run: timeout,
        ..REAPING
    },
    Check {
        id: "getevents.intr",
        rule: "EINTR never crosses: a wait that a signal interrupts goes on.",
        run: intr,
        ..REAPING
    },
    Check {
        id: "commit.empty",
        rule: "commit submits what queue took; with nothing taken it does nothing.",
        rests_on: &["queue.status"],
        run: empty,
        ..REAPING
    },
    Check {
        id: "commit.batches",
        rule: "One commit submits all that queue took, however many they are; they come back in \
               pieces of any size.",
        run: batches,
        ..REAPING
    },
];

/// An instance that may answer Queued, of an iodepth that it allows.
fn deep(stand: &Stand, wish: RigWish) -> Result<Rig<'_>, Finding> {
    let first = stand.rig(RigWish::default())?;
    let most = first.caps.max_depth;
    first.end()?;
    let depth = if most == 0 { wish.depth } else { wish.depth.min(most) };
    let rig = stand.rig(RigWish { depth, ..wish })?;
    rig.asynchronous()?;
    Ok(rig)
}

/// Offers these units, as far as they exist, until one is not taken, without a commit: how many
/// were queued.
fn fill(rig: &mut Rig<'_>, units: std::ops::Range<usize>, slow: bool) -> Result<usize, Finding> {
    let before = rig.in_flight();
    for index in units.start..units.end.min(rig.unit_count()) {
        let n = index as u64;
        let request = if slow { rig.slow(n) } else { rig.nth(n) };
        if rig.offer(index, request)? == Taken::Busy {
            break;
        }
    }
    Ok(rig.in_flight() - before)
}

fn count(stand: &Stand) -> Outcome {
    const DEPTH: usize = 8;
    const WAIT: Duration = Duration::from_millis(200);
    let mut rig = deep(stand, RigWish { depth: DEPTH as u32, ..RigWish::default() })?;
    for round in 0..8 {
        fill(&mut rig, 0..DEPTH, false)?;
        rig.commit()?;
        for (least, most) in [(1, 1), (0, 3), (1, 1), (2, 2)] {
            if rig.in_flight() >= most as usize {
                rig.reap(least, most, Some(WAIT))?;
            }
        }
        rig.drain(0, 1 + round)?;
    }
    rig.end()
}

fn min(stand: &Stand) -> Outcome {
    const DEPTH: usize = 8;
    let mut rig = deep(stand, RigWish { depth: DEPTH as u32, ..RigWish::default() })?;
    for _ in 0..8 {
        fill(&mut rig, 0..DEPTH, false)?;
        rig.commit()?;
        while rig.in_flight() > 0 {
            let all = rig.in_flight() as u32;
            rig.reap(all.div_ceil(2), all, None)?;
        }
    }
    rig.end()
}

fn nothing(stand: &Stand) -> Outcome {
    const LIMITS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(10)];
    let mut rig = deep(stand, RigWish { depth: 4, ..RigWish::default() })?;
    for _ in 0..2 {
        for (max, limit) in [0, 1, 4].into_iter().flat_map(|max| LIMITS.map(|limit| (max, limit))) {
            // The rig knows that nothing is in flight: any unit is one too many.
            let units = rig.reap(0, max, Some(limit)).map_err(own)?.len();
            assert_eq!(units, 0, "the rig lets no unit pass that is not in flight");
        }
        fill(&mut rig, 0..4, false)?;
        rig.reap_all()?;
    }
    rig.end()
}

/// What would be another check's rule is this one's here.
fn own(finding: Finding) -> Finding {
    match finding {
        Finding::Fail { cause, .. } => Finding::fail(cause),
        other => other,
    }
}

fn timeout_zero(stand: &Stand) -> Outcome {
    const DEPTH: usize = 8;
    const SOON: Duration = Duration::from_millis(500);
    let wish = RigWish { depth: DEPTH as u32, bs: 64 << 10, ..RigWish::default() };
    let mut rig = deep(stand, wish)?;
    for in_flight in [false, true] {
        // A busy machine makes a call late now and then, but not most of them.
        let mut late = Vec::new();
        for _ in 0..5 {
            if in_flight {
                fill(&mut rig, 0..DEPTH, true)?;
                rig.commit()?;
            }
            let all = rig.in_flight() as u32;
            let begun = Instant::now();
            rig.reap(all, all.max(1), Some(Duration::ZERO))?;
            late.extend(Some(begun.elapsed()).filter(|took| *took > SOON));
            rig.reap_all()?;
        }
        if late.len() >= 3 {
            let with = if in_flight { "units" } else { "nothing" };
            let words =
                format!("with {with} in flight a call took {:?}, most of them did", late[0]);
            return Err(Finding::fail(words));
        }
    }
    rig.end()
}

fn timeout(stand: &Stand) -> Outcome {
    const DEPTH: usize = 8;
    const LIMITS_US: [u64; 4] = [50, 1_000, 10_000, 50_000];
    /// What a busy machine may add.
    const SLACK: Duration = Duration::from_millis(500);
    let wish = RigWish { depth: DEPTH as u32, bs: 64 << 10, ..RigWish::default() };
    let mut rig = deep(stand, wish)?;
    let (mut ran_out, mut late) = (0, Vec::new());
    for limit in LIMITS_US.map(Duration::from_micros).repeat(3) {
        fill(&mut rig, 0..DEPTH, true)?;
        rig.commit()?;
        let all = rig.in_flight();
        let begun = Instant::now();
        // That it does not come back too early is the rig's to judge.
        let back = rig.reap(all as u32, all as u32, Some(limit))?.len();
        let took = begun.elapsed();
        if back < all {
            ran_out += 1;
            late.extend(Some((limit, took)).filter(|_| took > limit + SLACK));
        }
        rig.reap_all()?;
    }
    rig.end()?;
    match late.first() {
        Some((limit, took)) if late.len() >= 3 => {
            let words = format!("came back after {took:?}, the time limit was {limit:?}");
            Err(Finding::fail(words))
        }
        _ if ran_out == 0 => Err(Finding::skip("no unit was late: no time limit ran out")),
        _ => Ok(()),
    }
}

fn intr(stand: &Stand) -> Outcome {
    const DEPTH: usize = 8;
    const TIME: Duration = Duration::from_millis(300);
    const LIMIT: Duration = Duration::from_secs(2);
    let wish = RigWish { depth: DEPTH as u32, bs: 64 << 10, ..RigWish::default() };
    let mut rig = deep(stand, wish)?;
    let interrupter = Interrupter::start(Duration::from_micros(200));
    let _interrupter = interrupter.map_err(|error| Finding::skip(format!("signals: {error}")))?;
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        fill(&mut rig, 0..DEPTH, true)?;
        rig.commit()?;
        let all = rig.in_flight() as u32;
        rig.reap(all, all, Some(LIMIT)).map_err(|finding| match finding {
            // Whoever ends the wait early because of a signal hands back too few.
            Finding::Fail { cause, breaks: Some(rule) } if rule == rules::TIMEOUT => {
                Finding::fail(format!("signals came: {cause}"))
            }
            other => other,
        })?;
        rig.reap_all()?;
    }
    rig.end()
}

fn empty(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish { depth: 2, ..RigWish::default() })?;
    if !rig.instance().has(Callback::Commit) {
        return Err(Finding::skip("it has no commit"));
    }
    for round in 0..3 {
        for _ in 0..3 {
            let status = rig.commit_status();
            if status < 0 {
                let refusal = rig.instance().refusal(Callback::Commit, status);
                return Err(Finding::fail(format!("with nothing taken, {refusal}")));
            }
        }
        for index in 0..2 {
            rig.complete(index, rig.nth(round + index as u64))?;
        }
    }
    rig.end()
}

fn batches(stand: &Stand) -> Outcome {
    const DEPTH: usize = 32;
    let mut rig = deep(stand, RigWish { depth: DEPTH as u32, ..RigWish::default() })?;
    for piece in [1, 3, 5, DEPTH as u32] {
        fill(&mut rig, 0..DEPTH, false)?;
        rig.commit()?;
        rig.drain(0, piece)?;
    }
    // A second batch is taken, and not committed, while the first one comes back.
    for _ in 0..4 {
        fill(&mut rig, 0..DEPTH / 2, false)?;
        rig.commit()?;
        let second = fill(&mut rig, DEPTH / 2..DEPTH, false)?;
        rig.drain(second, u32::MAX)?;
        rig.reap_all()?;
    }
    rig.end()
}
