//! Files of an instance: opened, closed, opened again; sizes; targets that are not there. Engines
//! whose targets are no paths are skipped, and so are devices where the check would need files of
//! its own making.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::place::Place;
use super::super::rig::{init, not_made, rules, Request, Rig, RigWish};
use super::super::stand::Stand;
use crate::plugin::lent::{FileFacts, FileTable};
use iodyno_engine_api::abi::*;

const fn check(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    let rests_on = &["instance.once"];
    Check { id, rule, level: Level::Instance, rests_on, deadline: DEADLINE, run }
}

/// One that makes requests, which have to succeed.
const fn at_work(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    Check { level: Level::Requests, rests_on: &["queue.works"], ..check(id, rule, run) }
}

/// One that looks at what becomes of what it wrote.
const fn with_data(id: &'static str, rule: &'static str, run: fn(&Stand) -> Outcome) -> Check {
    Check { rests_on: &["data.read-after-write"], ..at_work(id, rule, run) }
}

pub(super) const CHECKS: &[Check] = &[
    check(
        "target.open",
        "open_file answers IOE_OPENED, IOE_OPEN_HOST or -errno, and nothing else; close_file \
         undoes it.",
        open,
    ),
    at_work(
        "target.reopen",
        "A file may be closed and opened again while the instance lives, with requests after it.",
        reopen,
    ),
    check(
        "target.missing",
        "A target that is not there makes open_file, or start, fail cleanly and with words.",
        missing,
    ),
    check(
        "target.size",
        "get_file_size fills in the target's true size and a sensible block size.",
        size,
    ),
    with_data("target.several", "An instance serves several files.", several),
    with_data(
        "target.read-only",
        "A file that is opened for reading alone is not opened for writing.",
        read_only,
    ),
];

/// Skips engines without files, and places that hold none.
fn needs_files(stand: &Stand) -> Outcome {
    if stand.subject()?.has(IOE_F_DISKLESS) {
        return Err(Finding::skip("it is DISKLESS: its targets are no paths"));
    }
    match stand.place.is_directory() {
        true => Ok(()),
        false => Err(Finding::skip("the target is a device")),
    }
}

fn open(stand: &Stand) -> Outcome {
    let wish = RigWish::default();
    let subject = stand.subject()?;
    let mut rig = Rig::bare(stand, subject, &wish)?;
    if rig.instance().has(crate::plugin::handle::Callback::OpenFile) {
        let answer = rig.open_answer(0);
        let answer = answer.map_err(|refusal| match refusal.errno {
            libc::ENOTBLK => not_made(stand, rules::OPEN, &refusal),
            _ => Finding::fail(refusal.to_string()),
        })?;
        if answer > IOE_OPEN_HOST as u32 {
            return Err(Finding::fail(format!("open_file answered {answer}, neither 0 nor 1")));
        }
        if answer == IOE_OPENED as u32 {
            rig.close(0).map_err(|refusal| Finding::fail(format!("close: {refusal}")))?;
        }
    }
    rig.end_bare();
    let mut rig = stand.rig(wish)?;
    rig.close(0).map_err(|refusal| Finding::fail(format!("close: {refusal}")))?;
    Ok(())
}

fn reopen(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    // A request that makes or removes a whole file is not to be repeated.
    let reads = rig.can(IOE_OP_READ).is_ok() && !rig.is(IOE_F_PER_FILE);
    for _ in 0..3 {
        if reads {
            rig.complete(0, Request::read(0, 4096))?;
        }
        rig.close(0).map_err(|refusal| Finding::fail(format!("close: {refusal}")))?;
        rig.open(0).map_err(|refusal| Finding::fail(format!("open again: {refusal}")))?;
    }
    if reads && !rig.is(IOE_F_UNIDIR) {
        let done = rig.complete(0, Request::read(0, 4096))?;
        if done.error != 0 {
            let how = done.how();
            return Err(Finding::fail(format!("a read after the file was opened again: {how}")));
        }
    }
    rig.end()
}

fn missing(stand: &Stand) -> Outcome {
    needs_files(stand)?;
    let subject = stand.subject()?;
    let wish = RigWish::default();
    let values = stand.values(subject.info())?;
    let mut instance = init(stand, subject, &wish, &values)
        .map_err(|refusal| Finding::breaks("instance.once", refusal.to_string()))?;
    let Place::Directory(dir) = &stand.place else { return Ok(()) };
    let name = dir.join("not/there/at/all").to_string_lossy().into_owned();
    let facts = FileFacts {
        name,
        size: 0,
        kind: IOE_KIND_REGULAR,
        open_flags: IOE_OPEN_READ | IOE_OPEN_WRITE,
        block_size: 512,
    };
    let mut files = FileTable::new(&[facts]).ok_or_else(|| Finding::skip("a name with a NUL"))?;
    let outcome = match instance.open_file(&mut files, 0) {
        Ok(answer) if answer == IOE_OPEN_HOST as u32 => {
            Err(Finding::skip("it leaves opening to the host"))
        }
        Ok(_) => match instance.start() {
            Ok(()) => Err(Finding::fail("open_file and start of a missing path succeeded")),
            Err(refusal) => words_of(&refusal.words),
        },
        Err(refusal) => words_of(&refusal.words),
    };
    instance.cleanup();
    outcome
}

fn words_of(words: &Option<String>) -> Outcome {
    match words {
        Some(_) => Ok(()),
        None => Err(Finding::warn("it refuses a missing path without words (host->set_error)")),
    }
}

fn size(stand: &Stand) -> Outcome {
    needs_files(stand)?;
    let bytes = (1 << 20) + 512;
    let mut rig = stand.rig(RigWish { file_bytes: bytes, ..RigWish::default() })?;
    if !rig.instance().has(crate::plugin::handle::Callback::GetFileSize) {
        return Err(Finding::skip("it has no get_file_size: the host looks"));
    }
    let (size, block_size) = rig.file_size(0);
    if size != bytes && size != 0 {
        return Err(Finding::fail(format!("a file of {bytes} bytes has {size} by get_file_size")));
    }
    if block_size != 0 && !block_size.is_power_of_two() {
        return Err(Finding::fail(format!("block_size is {block_size}, no power of two")));
    }
    rig.end()
}

fn several(stand: &Stand) -> Outcome {
    needs_files(stand)?;
    const FILES: u32 = 4;
    let mut rig = stand.rig(RigWish { files: FILES, ..RigWish::default() })?;
    rig.keeps_data()?;
    for file in 0..FILES {
        let pattern = rig.pattern(u64::from(file) + 1);
        rig.fill(0, 0, pattern);
        rig.complete(0, Request { file, ..Request::write(0, 4096) })?.whole()?;
    }
    for file in (0..FILES).rev() {
        let pattern = rig.pattern(u64::from(file) + 1);
        rig.complete(0, Request { file, ..Request::read(0, 4096) })?.whole()?;
        rig.expect(0, 0, 4096, pattern)
            .map_err(|_| Finding::fail(format!("file {file} holds what belongs elsewhere")))?;
    }
    rig.end()
}

fn read_only(stand: &Stand) -> Outcome {
    needs_files(stand)?;
    let mut rig = stand.rig(RigWish { read_only: true, ..RigWish::default() })?;
    rig.moves_data()?;
    rig.can(IOE_OP_WRITE)?;
    let done = rig.complete(0, Request::write(0, 4096))?;
    if done.error == 0 && done.resid < 4096 {
        return Err(Finding::fail("a write to a file that was opened for reading succeeded"));
    }
    rig.end()
}
