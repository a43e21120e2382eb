//! The tables of a plugin while it is at work, and its end: what `get_extension` makes of ids that
//! nobody knows, tables that are cut to their first version, tables that must stay as they were,
//! `teardown`.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{file_facts, job_facts, not_made, rules, Request, RigWish};
use super::super::stand::{Stand, Subject};
use crate::plugin::gate::HostTable;
use crate::plugin::guarded::GuardedUnit;
use crate::plugin::handle::{Answer, Callback, Instance, Refusal};
use crate::plugin::lent::{FileTable, JobTable};
use crate::plugin::walk::Tables;
use crate::sys::surroundings::{descriptors, threads, Facts};
use crate::target::{self, OpenWish};
use iodyno_engine_api::abi::*;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const fn check(
    id: &'static str,
    rule: &'static str,
    level: Level,
    rests_on: &'static [&'static str],
    run: fn(&Stand) -> Outcome,
) -> Check {
    Check { id, rule, level, rests_on, deadline: DEADLINE, run }
}

pub(super) const CHECKS: &[Check] = &[
    check(
        "tables.extension",
        "get_extension answers NULL to an id that it does not know, with an instance and without.",
        Level::Instance,
        &["instance.once"],
        extension,
    ),
    check(
        "tables.guarded",
        "An engine reads and writes nothing of the host's tables beyond their struct_size.",
        Level::Requests,
        &["queue.status", "units.once"],
        guarded,
    ),
    check(
        "teardown.returns",
        "teardown, called once after the last cleanup, returns.",
        Level::Instance,
        &["instance.once"],
        teardown,
    ),
    check(
        "teardown.clean",
        "What setup has started and opened is ended and closed by teardown.",
        Level::Instance,
        &["teardown.returns"],
        teardown_clean,
    ),
    check(
        "tables.unchanged",
        "A plugin's tables are const: structs and texts are the same after loading, setup, two \
         instances with requests, and teardown.",
        Level::Requests,
        &["teardown.returns", "queue.status", "units.once"],
        unchanged,
    ),
];

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of a request.
const LEN: u64 = 4096;
/// The longest id that is asked for.
const LONG_ID_BYTES: usize = 10 << 10;

fn extension(stand: &Stand) -> Outcome {
    let long = "x".repeat(LONG_ID_BYTES);
    let ids =
        ["", "org.example.iodyno.check/1", "iodyno.check.unknown/1", "iodyno.iomem/99", &long];
    let subject = stand.subject()?;
    let mut rig = stand.rig(RigWish::default())?;
    for id in ids {
        let shown: String = id.chars().take(40).collect();
        let Ok(text) = CString::new(id) else { continue };
        stand.crumb.store(Callback::Extension as u64, Ordering::Relaxed);
        let alone = subject.engine.knows(&text);
        stand.crumb.store(Callback::None as u64, Ordering::Relaxed);
        let Some(alone) = alone else {
            rig.end()?;
            return Err(Finding::skip("it has no get_extension"));
        };
        for (known, how) in
            [(alone, "without an instance"), (rig.instance().knows(&text), "with an instance")]
        {
            if known {
                let words = format!("{how}, the id \"{shown}\" is answered with something");
                return Err(Finding::fail(words));
            }
        }
    }
    rig.end()
}

fn tear_down(stand: &Stand) -> Outcome {
    let plugin = stand.plugin()?;
    stand.crumb.store(Callback::Teardown as u64, Ordering::Relaxed);
    plugin.teardown();
    stand.crumb.store(Callback::None as u64, Ordering::Relaxed);
    Ok(())
}

fn teardown(stand: &Stand) -> Outcome {
    stand.rig(RigWish::default())?.end()?;
    if !stand.plugin()?.has_teardown() {
        return Err(Finding::skip("it has no teardown"));
    }
    tear_down(stand)
}

/// What instances leave behind is told by the checks of instances.
fn teardown_clean(stand: &Stand) -> Outcome {
    let look = || -> Result<Facts, Finding> {
        let unknown = |e: std::io::Error| Finding::skip(format!("the process cannot be seen: {e}"));
        let mut facts = threads().map_err(unknown)?;
        facts.extend(descriptors().map_err(unknown)?);
        Ok(facts)
    };
    let before = look()?;
    if !stand.plugin()?.has_teardown() {
        return Err(Finding::skip("it has no teardown"));
    }
    let set_up = look()?;
    stand.rig(RigWish::default())?.end()?;
    tear_down(stand)?;
    let patience = Instant::now() + Duration::from_secs(1);
    loop {
        let after = look()?;
        let left = set_up
            .iter()
            .find(|(name, what)| !before.contains_key(*name) && after.get(*name) == Some(*what));
        match left {
            None => return Ok(()),
            Some((name, what)) if Instant::now() > patience => {
                return Err(Finding::warn(format!("{name} ({what}) is still there")));
            }
            Some(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn unchanged(stand: &Stand) -> Outcome {
    let gate = stand.gate()?;
    let answered = gate.ask(HostTable::own(), None).ok_or_else(|| {
        Finding::breaks("entry.answers", "the entry answers NULL where errcap is 0")
    })?;
    let read = || Tables::read(answered).map_err(Finding::fail);
    let before = read()?;
    let same_after = |when: &str| match read()?.change_since(&before) {
        Some(what) => Err(Finding::fail(format!("{what} has changed after {when}"))),
        None => Ok(()),
    };
    stand.plugin()?;
    same_after("setup")?;
    // A change comes first: it may be the reason of what the instances met.
    let worked = work_at_two(stand);
    same_after("two instances with requests")?;
    worked?;
    tear_down(stand)?;
    same_after("teardown")
}

fn work_at_two(stand: &Stand) -> Outcome {
    let mut first = stand.rig(RigWish::default())?;
    // Whether there can be two is another check's affair.
    let mut second = stand.rig(RigWish { clone: (2, 1), ..RigWish::default() }).ok();
    let writes = !first.is(IOE_F_UNIDIR);
    for offset in (0..8).map(|n| n * LEN) {
        first.complete(0, Request::read(offset, LEN))?;
        match &mut second {
            Some(second) if writes => {
                second.fill(0, offset, second.pattern(1));
                second.complete(0, Request::write(offset, LEN))?;
            }
            Some(second) => {
                second.complete(0, Request::read(offset, LEN))?;
            }
            None => {}
        }
    }
    first.end()?;
    second.map_or(Ok(()), |second| second.end())
}

fn no_memory() -> Finding {
    Finding::skip("no memory for guard pages")
}

fn refused(rule: &str) -> impl Fn(Refusal) -> Finding + '_ {
    move |refusal| Finding::breaks(rule, refusal.to_string())
}

/// The order of a run, by hand: the rig's own tables are larger.
fn guarded(stand: &Stand) -> Outcome {
    let subject = stand.subject()?;
    let unidir = subject.has(IOE_F_UNIDIR);
    let read_only = 1 << IOE_OP_READ;
    let ops = if unidir { read_only } else { read_only | 1 << IOE_OP_WRITE };
    let wish = RigWish { ops, bs: LEN as usize, ..RigWish::default() };
    let mut instance = cut_instance(stand, subject, &wish)?;
    let flags = instance.caps_guarded().ok_or_else(no_memory)?.map_err(refused(rules::INIT))?;
    let facts = file_facts(stand, &wish, 0)?;
    let mut files = FileTable::guarded(&facts).ok_or_else(no_memory)?;
    let mut unit = GuardedUnit::new(LEN as usize, &files, &mut instance).ok_or_else(no_memory)?;
    let descriptor = open(stand, subject, &mut instance, &mut files)?;
    instance.io_init(unit.ptr()).map_err(refused(rules::INIT))?;
    instance.start().map_err(refused(rules::INIT))?;
    for op in [IOE_OP_WRITE, IOE_OP_READ] {
        if ops & 1 << op != 0 {
            unit.ask(op, 0, LEN);
            request(&mut instance, &unit, flags & IOE_F_SYNC == 0)?;
        }
    }
    instance.io_free(unit.ptr());
    instance.close_file(&mut files, 0).map_err(refused(rules::OPEN))?;
    drop(descriptor);
    unit.end(&mut instance);
    instance.cleanup();
    Ok(())
}

fn cut_instance<'s>(
    stand: &'s Stand,
    subject: Subject,
    wish: &RigWish,
) -> Result<Instance<'s>, Finding> {
    let values = stand.values(subject.info())?;
    let (facts, inner) = (job_facts(wish, &values), stand.inner(&values).map_err(Finding::skip)?);
    let job = JobTable::guarded(&facts).and_then(|table| table.over(&facts, &inner));
    let job = job.ok_or_else(no_memory)?;
    let host = HostTable::guarded().map_err(|_| no_memory())?;
    let instance = Instance::init_shown(&subject.engine.ops, host, job, stand.crumb);
    instance.map_err(|refusal| not_made(stand, rules::INIT, &refusal))
}

fn open(
    stand: &Stand,
    subject: Subject,
    instance: &mut Instance<'_>,
    files: &mut FileTable,
) -> Result<Option<OwnedFd>, Finding> {
    let answer = instance.open_file(files, 0);
    let answer = answer.map_err(|refusal| not_made(stand, rules::OPEN, &refusal))?;
    let mut descriptor = None;
    if answer == IOE_OPEN_HOST as u32 && !subject.has(IOE_F_DISKLESS) {
        let wish = OpenWish { read: true, write: true, ..OpenWish::default() };
        let fd = target::open(&stand.place.name(0), wish)
            .map_err(|error| Finding::skip(error.to_string()))?;
        files.set_fd(0, fd.as_raw_fd());
        descriptor = Some(fd);
    }
    instance.get_file_size(files, 0).map_err(refused(rules::OPEN))?;
    Ok(descriptor)
}

/// One request, to its end; how it ends is nobody's business here.
fn request(instance: &mut Instance<'_>, unit: &GuardedUnit, may_queue: bool) -> Outcome {
    match instance.offer(unit.ptr()) {
        Answer::Queued if may_queue => {}
        Answer::Queued => {
            return Err(Finding::breaks(rules::STATUS, "Queued, though it says IOE_F_SYNC"));
        }
        Answer::Busy => return Err(Finding::breaks(rules::BUSY, "Busy with nothing in flight")),
        _ => return Ok(()),
    }
    instance.commit();
    let patience = Instant::now() + PATIENCE;
    let mut out = [std::ptr::null_mut(); 1];
    while Instant::now() < patience {
        match instance.getevents(1, 1, 500_000_000, &mut out) {
            1 if out[0] == unit.ptr().as_ptr() => return Ok(()),
            0 => {}
            1 => return Err(Finding::breaks(rules::ONCE, "another unit came back")),
            other => {
                let words = format!("getevents answered {other} where 1 was asked for");
                return Err(Finding::breaks(rules::COUNT, words));
            }
        }
    }
    Err(Finding::breaks(rules::ONCE, "a unit was committed and did not come back"))
}
