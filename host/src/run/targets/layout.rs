//! A job's words about making files, as the target room understands them; one worker's layout.
//!
//! Runs on the worker's thread, before its start, and between two loops for files that are removed
//! and made again. Decides nothing about names and sizes.

use super::super::protocol::ToControl;
use super::super::words::place;
use super::super::worker::Context;
use crate::job::spec::{Fallocate, JobSpec};
use crate::target::{self, LaidOut, LayoutOptions, Plan, Purpose, Room, Target, TargetError};
use iodyno_engine_api::abi::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// Between two words about a layout: not more often than anybody can look.
const TELL_EVERY_BYTES: u64 = 64 << 20;

/// What the workers of a cell share while they lay files out.
#[derive(Debug, Default)]
pub(in super::super) struct LayoutDesk {
    /// Whose turn it is, with `create_serialize`: files then lie one behind the other.
    turn: Mutex<()>,
    /// A turn for each file, for clones that share it and lay out side by side.
    turns: Mutex<BTreeMap<PathBuf, Arc<Mutex<()>>>>,
    /// The run is to end.
    pub stop: AtomicBool,
}

impl LayoutDesk {
    fn turn_of(&self, path: &Path) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(path.to_path_buf()).or_default())
    }
}

/// What a file of the job is laid out for.
pub(super) fn purpose(job: &JobSpec, engine_flags: u64) -> Purpose {
    if job.verify.state_load {
        // What is missing was lost, and has to be seen to be.
        return Purpose::Reserve(Room::None);
    }
    let moves_data = engine_flags & IOE_F_FAKE == 0;
    let reads = job.load.rw.reads() && moves_data;
    if reads || job.target.overwrite || engine_flags & IOE_F_NOEXTEND != 0 {
        return Purpose::Fill;
    }
    Purpose::Reserve(match job.target.fallocate {
        // Who writes until it is full wants to see when that is.
        _ if job.load.fill_device => Room::None,
        Fallocate::None => Room::None,
        // Nothing will be written: room would only take the work away that is to be measured. But
        // what is trimmed has to be there.
        Fallocate::Native if !moves_data && !job.load.rw.trims() => Room::None,
        Fallocate::Native => Room::Native,
        Fallocate::Posix => Room::Posix,
        Fallocate::Keep => Room::Keep,
        Fallocate::Truncate => Room::Truncate,
    })
}

/// Makes the worker's files as long as its load needs them; nothing with `create_on_open`.
pub(in super::super) fn lay_out(
    context: &Context,
    targets: &[Target],
    plan: &Plan,
    caps: &ioe_caps,
) -> Result<(), TargetError> {
    let job = &context.job;
    // What is to be verified stays as it is.
    if job.target.create_on_open || job.only_looks() {
        return Ok(());
    }
    let desk = &context.layout;
    let _turn = job
        .target
        .create_serialize
        .then(|| desk.turn.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut files, mut bytes) = (0, 0);
    for (target, file) in targets.iter().zip(&plan.files) {
        let Some(len) = file.file_len else { continue };
        lay_out_one(context, target, len, caps.flags, targets.len() as u32)?;
        files += 1;
        bytes += len;
    }
    if job.target.create_only {
        let words = format!("{}: create_only: {files} files of {bytes} bytes laid out", place(job));
        context.outbox.send(&ToControl::Note(words));
    }
    Ok(())
}

/// Brings one file to its length. `files`: of the worker, for the words about progress.
fn lay_out_one(
    context: &Context,
    target: &Target,
    len: u64,
    engine_flags: u64,
    files: u32,
) -> Result<LaidOut, TargetError> {
    let job = &context.job;
    let desk = &context.layout;
    let turn = desk.turn_of(&target.path);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let options = LayoutOptions {
        purpose: purpose(job, engine_flags),
        seed: job.load.randseed,
        fsync: job.target.create_fsync,
        stop: &desk.stop,
    };
    let mut said = None;
    let mut tell = |done_bytes: u64, total_bytes: u64| {
        let is_news = said.is_none_or(|said| done_bytes >= said + TELL_EVERY_BYTES);
        if is_news || done_bytes == total_bytes {
            said = Some(done_bytes);
            context.outbox.send(&ToControl::Layout {
                job: job.name.clone(),
                files,
                total_bytes,
                done_bytes,
            });
        }
    };
    let done = target::lay_out(target, len, &options, &mut tell)?;
    if let Some(why) = &done.unreserved {
        context.outbox.send(&ToControl::Note(format!("{}: {why}", place(job))));
    }
    Ok(done)
}
