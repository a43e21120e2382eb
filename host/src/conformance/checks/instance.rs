//! Instances come and go: once, often, several at a time, on several threads; and what they leave
//! behind. Requests are made only to see that an instance works: what they answer is the affair of
//! other files.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{Request, Rig, RigWish};
use super::super::stand::Stand;
use crate::sys::footprint::{descriptors, heap_bytes, threads};
use iodyno_engine_api::abi::*;

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["queue.status", "units.once"];
    Check { id, rule, level: Level::Requests, rests_on, deadline: DEADLINE, run }
}

/// What comes before the first request.
pub(super) const FIRST: &[Check] = &[
    Check {
        id: "instance.once",
        rule: "init, get_caps, open_file, io_init, start, io_free, close_file, cleanup: an \
               instance comes and goes without a request.",
        level: Level::Instance,
        rests_on: &["load.admitted"],
        deadline: DEADLINE,
        run: once,
    },
    Check {
        level: Level::Instance,
        rests_on: &["instance.once"],
        ..check(
            "instance.caps",
            "get_caps keeps to what exists: known operations, an alignment that is a power of two, \
             and IOE_F_DISKLESS as in the table.",
            caps,
        )
    },
];

pub(super) const CHECKS: &[Check] = &[
    check(
        "instance.descriptors",
        "cleanup closes what the instance opened: descriptors do not grow with instances.",
        |stand| grows(stand, "descriptors", 1, || descriptors() as u64),
    ),
    check("instance.threads", "The threads of an instance end before cleanup returns.", |stand| {
        grows(stand, "threads", 1, || threads() as u64)
    }),
    Check {
        // What is left running or open has memory of its own.
        rests_on: &["instance.threads", "instance.descriptors"],
        ..check(
            "instance.memory",
            "cleanup gives back what the instance allocated: memory does not grow with instances.",
            |stand| grows(stand, "bytes of heap", 16, heap_bytes),
        )
    },
    check(
        "instance.two",
        "Instances run side by side: the end of one leaves the other one alone.",
        two,
    ),
    check(
        "instance.other-thread",
        "All callbacks of an instance come from one thread, which need not be the process's first.",
        other_thread,
    ),
    Check {
        level: Level::Stress,
        rests_on: &["instance.two"],
        ..check("instance.many", "64 instances can exist at once, each with requests.", many)
    },
    Check {
        level: Level::Stress,
        rests_on: &["instance.two"],
        ..check(
            "instance.side-by-side",
            "Instances run side by side on threads of their own: statics need locks.",
            side_by_side,
        )
    },
];

fn once(stand: &Stand) -> Outcome {
    stand.rig(RigWish::default())?.end()
}

fn caps(stand: &Stand) -> Outcome {
    const KNOWN_OPS: u64 = (1 << (IOE_OP_WRITE_ZEROES + 1)) - 1;
    let rig = stand.rig(RigWish::default())?;
    let (caps, table) = (&rig.caps, rig.subject().info().flags);
    if caps.mem_align != 0 && !caps.mem_align.is_power_of_two() {
        return Err(Finding::fail(format!("mem_align is {}, no power of two", caps.mem_align)));
    }
    if (caps.flags ^ table) & IOE_F_DISKLESS != 0 {
        return Err(Finding::fail("IOE_F_DISKLESS differs between the table and get_caps"));
    }
    let unknown = caps.ops & !KNOWN_OPS & ((1 << IOE_OP_ENGINE.min(63)) - 1);
    if unknown != 0 {
        return Err(Finding::fail(format!("ops has bits {unknown:#x}, which no operation bears")));
    }
    if caps.max_transfer != 0 && caps.max_transfer < 512 {
        let words = format!("max_transfer is {} bytes, less than a block", caps.max_transfer);
        return Err(Finding::warn(words));
    }
    rig.end()
}

/// An instance with a request, whole or not: what it does is another check's affair.
fn cycle(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish { depth: 2, ..RigWish::default() })?;
    touch(&mut rig)?;
    rig.end()
}

fn touch(rig: &mut Rig<'_>) -> Outcome {
    match rig.can(IOE_OP_READ) {
        Ok(()) => rig.complete(0, Request::read(0, 4096)).map(drop),
        Err(_) => Ok(()),
    }
}

/// Whether something grows by at least `least` for each instance, in each of some spans of fifty:
/// what is kept for later, by the C library as well, grows now and then, a leak in all of them.
fn grows(stand: &Stand, what: &str, least: u64, count: impl Fn() -> u64) -> Outcome {
    const SPAN: u64 = 50;
    const SPANS: u64 = 5;
    cycles(stand, 10)?;
    let before = count();
    let mut mark = before;
    for _ in 0..SPANS {
        cycles(stand, SPAN)?;
        let now = count();
        if now.saturating_sub(mark) < SPAN * least {
            return Ok(());
        }
        mark = now;
    }
    let (grown, instances) = (mark - before, SPAN * SPANS);
    Err(Finding::fail(format!("{grown} more {what} after {instances} instances ({before} before)")))
}

fn cycles(stand: &Stand, count: u64) -> Outcome {
    (0..count).try_for_each(|_| cycle(stand))
}

fn two(stand: &Stand) -> Outcome {
    let wish = |clone| RigWish { clone: (2, clone), ..RigWish::default() };
    let mut first = stand.rig(wish(0))?;
    let mut second = stand.rig(wish(1)).map_err(own)?;
    touch(&mut first)?;
    touch(&mut second)?;
    first.end()?;
    touch(&mut second).map_err(|finding| about("after the first one's end", finding))?;
    second.end()
}

/// Where the first one could be made, it is this check's affair that the second one cannot.
fn own(finding: Finding) -> Finding {
    match finding {
        Finding::Fail { cause, .. } => Finding::fail(format!("the second instance: {cause}")),
        other => other,
    }
}

/// Says where it happened. Where an instance alone keeps to the rule, it stays a failure of this
/// check's; where it does not, the rule's own check tells.
fn about(what: &str, finding: Finding) -> Finding {
    match finding {
        Finding::Fail { cause, breaks } => {
            Finding::Fail { cause: format!("{what}: {cause}"), breaks }
        }
        other => other,
    }
}

fn other_thread(stand: &Stand) -> Outcome {
    std::thread::scope(|scope| match scope.spawn(|| cycle(stand)).join() {
        Ok(outcome) => outcome.map_err(|finding| about("on another thread", finding)),
        Err(_) => Err(Finding::fail("the check itself panicked on its thread")),
    })
}

fn many(stand: &Stand) -> Outcome {
    const COUNT: u32 = 64;
    let mut rigs = Vec::new();
    for n in 0..COUNT {
        let wish = RigWish { clone: (COUNT, n), ..RigWish::default() };
        let words = format!("instance {} of {COUNT}", n + 1);
        rigs.push(stand.rig(wish).map_err(|finding| about(&words, finding))?);
    }
    for (n, rig) in rigs.iter_mut().enumerate() {
        let words = format!("instance {} of {COUNT}", n + 1);
        touch(rig).map_err(|finding| about(&words, finding))?;
    }
    rigs.into_iter().try_for_each(Rig::end)
}

fn side_by_side(stand: &Stand) -> Outcome {
    const THREADS: u32 = 4;
    let work = |n: u32| -> Outcome {
        for _ in 0..10 {
            let wish = RigWish { depth: 4, clone: (THREADS, n), ..RigWish::default() };
            let mut rig = stand.rig(wish)?;
            if rig.can(IOE_OP_READ).is_ok() {
                let reads = (0..64).map(|n| (Request::read(n * 4096, 4096), None));
                rig.run(reads, |_, _| Ok(()))?;
            }
            rig.end()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || work(n))).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome.map_err(|finding| about("beside others", finding)),
            Err(_) => Err(Finding::fail("the check itself panicked on a thread")),
        })
    })
}
