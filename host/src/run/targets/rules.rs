//! What a job's words about files demand of the targets that are there: each contradiction an error
//! in words, before anything is made or opened.
//!
//! Called by [`super::check`], [`super::explain`] and, since files may have changed since, by
//! [`super::open`]. Pure: looks at what was found out, at no file.

use super::per_file;
use crate::ddir::Ddir;
use crate::job::spec::JobSpec;
use crate::target::{Direct, FilePlan, Kind, Plan, Target, TargetError};
use iodyno_engine_api::abi::{IOE_F_FAKE, IOE_F_NOEXTEND, IOE_F_PIPE, IOE_F_RAW};
use std::path::Path;

fn refused(path: &Path, why: impl Into<String>) -> TargetError {
    TargetError::Refused { doing: path.display().to_string(), why: why.into() }
}

/// How files are made, filled and read ahead.
pub(super) fn judge(job: &JobSpec, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    if per_file(job) {
        targets.iter().try_for_each(|target| judge_whole(job, target))?;
    }
    judge_pre_read(job, targets)?;
    judge_fill(job, targets, plan)?;
    judge_raw(job, targets, plan)?;
    judge_trim(job, targets, plan)?;
    targets.iter().zip(&plan.files).try_for_each(|(target, file)| judge_making(job, target, file))
}

/// A request that is a whole file never is a device.
fn judge_whole(job: &JobSpec, target: &Target) -> Result<(), TargetError> {
    let what = match target.kind {
        Kind::Regular | Kind::Missing | Kind::Directory | Kind::Opaque => {
            let forbids = !job.target.allow_file_create && target.kind == Kind::Missing;
            let why = format!(
                "it does not exist, and allow_file_create=0 forbids to make it (engine {} does \
                 one file with each request)",
                job.engine.name
            );
            return if forbids { Err(refused(&target.path, why)) } else { Ok(()) };
        }
        Kind::Block => "a block device",
        Kind::Char => "a character device",
        Kind::Pipe => "a pipe or socket",
    };
    let engine = &job.engine.name;
    let why = format!("{what}: a request of engine {engine} is a whole file (name files)");
    Err(refused(&target.path, why))
}

fn judge_making(job: &JobSpec, target: &Target, file: &FilePlan) -> Result<(), TargetError> {
    let words = &job.target;
    if job.only_looks() {
        return match target.kind {
            Kind::Missing => {
                Err(refused(&target.path, "it does not exist: nothing can be verified"))
            }
            // Where it ends too early, that is found.
            _ => Ok(()),
        };
    }
    if !words.allow_file_create && target.kind == Kind::Missing {
        let why = "it does not exist, and allow_file_create=0 forbids to make it (check filename=)";
        return Err(refused(&target.path, why));
    }
    if !words.create_on_open || file.file_len.is_none_or(|len| len <= target.size) {
        return Ok(());
    }
    let there = if target.kind == Kind::Missing { "does not exist" } else { "is too short" };
    if job.load.rw.reads() {
        let why = format!(
            "it {there}, and create_on_open=1 lays nothing out: there is nothing to read (leave \
             create_on_open out, or write the file by an earlier job)"
        );
        return Err(refused(&target.path, why));
    }
    if job.engine.flags & IOE_F_NOEXTEND != 0 {
        let why = format!(
            "it {there}, and engine {} cannot make it longer (leave create_on_open out)",
            job.engine.name
        );
        return Err(refused(&target.path, why));
    }
    Ok(())
}

fn judge_pre_read(job: &JobSpec, targets: &[Target]) -> Result<(), TargetError> {
    if !job.target.pre_read {
        return Ok(());
    }
    let contradiction = |why: String| TargetError::Refused { doing: "pre_read=1".into(), why };
    if job.target.direct {
        let why = "it brings files into the page cache, which direct=1 goes around (leave one out)";
        return Err(contradiction(why.into()));
    }
    if job.engine.flags & IOE_F_PIPE != 0 {
        let why = format!("engine {} cannot read the same data twice", job.engine.name);
        return Err(contradiction(why));
    }
    match targets.iter().find(|target| matches!(target.kind, Kind::Char | Kind::Pipe)) {
        Some(target) => {
            let path = target.path.display();
            Err(contradiction(format!("{path} is no file and no block device: it has no cache")))
        }
        None => Ok(()),
    }
}

/// Without a size only writing from the beginning to the end has an order.
fn judge_fill(job: &JobSpec, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    let endless = targets.iter().zip(&plan.files).any(|(target, file)| {
        file.file_len.is_none() && matches!(target.kind, Kind::Regular | Kind::Missing)
    });
    let load = &job.load;
    let in_order = load.rw.writes() && !load.rw.reads() && !load.rw.is_random();
    if !load.fill_device || !endless || in_order {
        return Ok(());
    }
    Err(TargetError::Refused {
        doing: format!("fill_device=1 with rw={}", load.rw.name()),
        why: "only sequential writes can go on until there is no space left (set size=, or \
              rw=write)"
            .into(),
    })
}

/// An engine that goes around the page cache reaches a device in whole blocks alone, whatever
/// `direct` says.
fn judge_raw(job: &JobSpec, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    if job.engine.flags & IOE_F_RAW == 0 || per_file(job) {
        return Ok(());
    }
    let wants = |bytes: u64| {
        format!(
            "engine {} wants multiples of the device's blocks of {bytes} bytes",
            job.engine.name
        )
    };
    for (target, file) in targets.iter().zip(&plan.files) {
        let block = u64::from(target.block_size);
        if !matches!(target.kind, Kind::Block | Kind::Char) || block <= 1 {
            continue;
        }
        let ddirs = [Ddir::Read, Ddir::Write, Ddir::Trim];
        if let Some(wrong) = misaligned(job, file, block, &ddirs) {
            return Err(refused(&target.path, format!("{wrong}: {} (change it)", wants(block))));
        }
    }
    Ok(())
}

/// Trims of a block device are discards, in whole blocks whatever `direct` says. An engine that
/// goes around the kernel's block layer has commands of its own, which the kernel may not know.
fn judge_trim(job: &JobSpec, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    let own_way = job.engine.flags & (IOE_F_RAW | IOE_F_FAKE) != 0 || per_file(job);
    // With zones a trim is a reset, which no discard has to do with.
    if own_way || !job.trims() || job.load.zbd.is_some() {
        return Ok(());
    }
    for (target, file) in targets.iter().zip(&plan.files) {
        if target.kind != Kind::Block {
            continue;
        }
        if target.device.as_ref().is_some_and(|device| device.discard_bytes == Some(0)) {
            let why = format!(
                "rw={}: the device cannot discard (queue/discard_max_bytes is 0; leave trims out, \
                 or name another device)",
                job.load.rw.name()
            );
            return Err(refused(&target.path, why));
        }
        let block = u64::from(target.block_size);
        if let Some(wrong) = misaligned(job, file, block, &[Ddir::Trim]) {
            let why = format!("{wrong}: trims want multiples of {block} bytes here (change it)");
            return Err(refused(&target.path, why));
        }
    }
    Ok(())
}

/// O_DIRECT: whether it works, and whether the load keeps to what it asks for. `directs`: one for
/// each target, or none where the job does not want it.
pub(super) fn judge_direct(
    job: &JobSpec,
    targets: &[Target],
    plan: &Plan,
    directs: &[Direct],
) -> Result<(), TargetError> {
    for ((target, file), direct) in targets.iter().zip(&plan.files).zip(directs) {
        match direct {
            Direct::Unknown(_) => {}
            Direct::Impossible(why) => {
                let why = format!("direct=1: {why} (set direct=0, or use another file system)");
                return Err(refused(&target.path, why));
            }
            Direct::Possible { offset_align, mem_align } => {
                let (blocks, memory) = (offset_align.unwrap_or(1), mem_align.unwrap_or(1));
                let blocks = u64::from(blocks.max(1));
                let wants = format!(
                    "direct=1 wants multiples of {blocks} bytes here (change it, or set direct=0)"
                );
                let wrong = misaligned(job, file, blocks, &[Ddir::Read, Ddir::Write])
                    .map(|wrong| format!("{wrong}: {wants}"))
                    .or_else(|| misaligned_memory(job, u64::from(memory.max(1))));
                if let Some(why) = wrong {
                    return Err(refused(&target.path, why));
                }
            }
        }
    }
    Ok(())
}

/// What of the load, in these directions, does not fall on blocks of `align` bytes.
fn misaligned(job: &JobSpec, file: &FilePlan, align: u64, ddirs: &[Ddir]) -> Option<String> {
    let load = &job.load;
    if align == 1 {
        return None;
    }
    let mut lengths: Vec<(&str, u64)> = Vec::new();
    for &ddir in ddirs {
        let used = match ddir {
            Ddir::Read => load.rw.reads(),
            Ddir::Write => load.rw.writes(),
            _ => load.rw.trims(),
        };
        if !used {
            continue;
        }
        lengths.push(("bs", load.bs[ddir].min.0));
        lengths.push(("bs", load.bs[ddir].max.0));
        lengths.extend(load.bssplit[ddir].iter().map(|share| ("bssplit", share.bs.0)));
        lengths.extend(load.blockalign[ddir].map(|align| ("blockalign", align.0)));
    }
    lengths.push(("an offset", file.offset));
    if let Some(zones) = load.strided {
        lengths.push(("zonerange", zones.range.0));
        lengths.push(("zoneskip", zones.skip.0));
    }
    if let Some((name, bytes)) = lengths.into_iter().find(|(_, bytes)| bytes % align != 0) {
        return Some(format!("{name} of {bytes} bytes"));
    }
    load.bs_unaligned.then(|| "bs_unaligned=1".to_owned())
}

fn misaligned_memory(job: &JobSpec, align: u64) -> Option<String> {
    let wanted = job.content.mem_align.0;
    (!wanted.is_multiple_of(align)).then(|| {
        format!("mem_align={wanted}: direct=1 wants buffers at multiples of {align} bytes here")
    })
}
