//! States of verifying jobs whose data was not wholly read back, saved for a later run
//! (`verify_state_save`).
//!
//! Called by `control`, which holds each ledger's memory from the moment that its worker tells of
//! it: so it can be saved whatever becomes of the cell. What lies in that memory is believed no
//! further than it can be checked, because an engine may have written anywhere. Judges no data.

use super::control::Control;
use super::process::CellHandle;
use super::result::VerifyResult;
use super::verify_load::file_name;
use super::verifying::ledger_max;
use super::words::place;
use crate::job::spec::JobSpec;
use crate::sys::clock::wall_ms;
use crate::verify::ledger::{Dump, DumpError};
use crate::verify::state::{self, About, Writer};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of what a ledger is about: a name for each of a million files.
const ABOUT_MAX: u64 = 256 << 20;

/// A worker's ledger.
#[derive(Debug)]
pub(super) struct Kept {
    about: About,
    memory: File,
}

impl Control<'_> {
    /// A worker tells where its ledger lies: from now on it outlives the cell.
    pub(super) fn keep_ledger(&mut self, cell: u32, worker: u32, fd: i32, about: (u64, u64)) {
        let planned = self.plan.workers.get(worker as usize);
        if planned.is_none_or(|planned| planned.cell != cell) {
            return;
        }
        let Some(handle) = &self.cells[cell as usize] else { return };
        match keep(handle, self.job(worker), fd, about) {
            Ok(kept) => self.track(worker, |track| track.ledger = Some(Box::new(kept))),
            Err(error) => {
                let place = place(self.job(worker));
                self.note(format!(
                    "{place}: verify_state_save: take the ledger over from the cell: {error}; no \
                     state will be saved"
                ));
            }
        }
    }

    /// The workers of a wave begin to write: what an earlier run of theirs has left says nothing
    /// any more.
    pub(super) fn outdate_states(&mut self, wave: u32) {
        let workers: Vec<u32> = self.plan.wave(wave).map(|worker| worker.id).collect();
        for id in workers {
            let Some(kept) = &self.tracks[id as usize].ledger else { continue };
            let path = file_name(&kept.about.job, kept.about.clone);
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let Ok(old) = state::read(&bytes) else { continue };
            if !old.about.targets.iter().any(|name| kept.about.targets.contains(name)) {
                continue;
            }
            if let Err(error) = std::fs::remove_file(&path) {
                let place = place(self.job(id));
                self.note(format!("{place}: {path}: an outdated state stays: {error}"));
            }
        }
    }

    /// A stage is over: what was written and not read back is told to a later run.
    pub(super) fn save_states(&mut self, stage: u32) {
        let workers: Vec<u32> = self.plan.stage(stage).map(|worker| worker.id).collect();
        for id in workers {
            let track = &mut self.tracks[id as usize];
            let Some(kept) = track.ledger.take() else { continue };
            let Some(why) = why(track.verify.as_ref()) else { continue };
            let job = self.job(id);
            if !job.verify.state_save {
                continue;
            }
            let (place, path) = (place(job), file_name(&kept.about.job, kept.about.clone));
            match save(&kept, &path, &why) {
                Ok(false) => {}
                Ok(true) => self.note(format!(
                    "{place}: what has to be on its targets is saved in {path}: \
                     verify_state_load=1 looks at it"
                )),
                Err(error) => {
                    self.note(format!("{place}: verify_state_save: {path}: {error}"));
                }
            }
        }
    }
}

/// Why there is something to save, in words; none where all was read back.
fn why(verdict: Option<&VerifyResult>) -> Option<String> {
    let Some(verdict) = verdict else { return Some("the job was lost".to_owned()) };
    let looked = verdict.verified_bytes + verdict.wrong * verdict.interval;
    match &verdict.unfinished {
        Some(why) => Some(why.clone()),
        None if looked < verdict.bytes => Some("not all could be read back".to_owned()),
        None => None,
    }
}

fn keep(handle: &CellHandle, job: &JobSpec, fd: i32, about: (u64, u64)) -> io::Result<Kept> {
    let damaged = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let process = handle.pid.map_or("self".to_owned(), |pid| pid.to_string());
    // What is no memory of ours may block, or do something, when it is opened.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let memory = rustix::fs::open(format!("/proc/{process}/fd/{fd}"), flags, Mode::empty())?;
    let memory = File::from(memory);
    let facts = memory.metadata()?;
    let (at, len) = about;
    if !facts.is_file() || len > ABOUT_MAX || at.checked_add(len) != Some(facts.len()) {
        return Err(damaged("it is not where it should be"));
    }
    let mut text = vec![0; len as usize];
    memory.read_exact_at(&mut text, at)?;
    let about: About = serde_json::from_slice(&text)?;
    let shape = &about.shape;
    if shape.interval == 0 || shape.bytes() != at || at > ledger_max(job) || about.job != job.name {
        return Err(damaged("it is not what it should be"));
    }
    Ok(Kept { about, memory })
}

/// Saves a state, if anything was written: the file is there as a whole or not at all.
fn save(kept: &Kept, path: &str, why: &str) -> io::Result<bool> {
    let temporary = format!("{path}.{}.tmp", std::process::id());
    let written = write(kept, &temporary, why);
    if !matches!(written, Ok(true)) {
        let _gone = std::fs::remove_file(&temporary);
        return written;
    }
    std::fs::rename(&temporary, path)?;
    // The name has to be durable as well.
    File::open(Path::new("."))?.sync_all()?;
    Ok(true)
}

fn write(kept: &Kept, path: &str, why: &str) -> io::Result<bool> {
    let mut writer = Writer::new(BufWriter::new(File::create(path)?), &kept.about)?;
    let mut read = |first: u64, count: u64| read_words(&kept.memory, first, count);
    let dump = kept.about.shape.dump(&mut read, &mut |chunk| writer.chunk(chunk));
    let dump = dump.map_err(|error| match error {
        DumpError::Read(error) => error,
        DumpError::Damaged(_) => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the ledger is damaged, and nothing was saved: {error}"),
        ),
    })?;
    if is_empty(&dump) {
        return Ok(false);
    }
    let mut out = writer.finish(dump, why, wall_ms())?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(true)
}

fn is_empty(dump: &Dump) -> bool {
    dump.chunks == 0 && dump.flights.is_empty() && dump.lost == 0
}

/// Words of a ledger. Reading leaves the holes in it holes, where a mapping would fill them.
fn read_words(memory: &File, first: u64, count: u64) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; count as usize * 8];
    memory.read_exact_at(&mut bytes, first * 8)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok(words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_back_needs_no_state() {
        let whole = VerifyResult {
            method: "md5".to_owned(),
            interval: 4096,
            run: 1,
            bytes: 8192,
            verified_bytes: 4096,
            wrong: 1,
            unsure_bytes: 0,
            blank_bytes: 0,
            trimmed_bytes: 0,
            unfinished: None,
            miscompares: Vec::new(),
        };
        assert_eq!(why(Some(&whole)), None);
        let part = VerifyResult { wrong: 0, ..whole.clone() };
        assert_eq!(why(Some(&part)).as_deref(), Some("not all could be read back"));
        let cut = VerifyResult { unfinished: Some("SIGINT".to_owned()), ..whole };
        assert_eq!(why(Some(&cut)).as_deref(), Some("SIGINT"));
        assert_eq!(why(None).as_deref(), Some("the job was lost"));
    }
}
