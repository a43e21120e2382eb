//! Which sync is due, and which write goes through to the medium: fsync, fdatasync,
//! sync_file_range and write_barrier, each by its own number of writes.
//!
//! Asked by [`super::worker`] after each write, where the job wants any of them; a job that does
//! not pays for one flag. Issues nothing and knows no engine.

use super::slots::{Slot, Slots};
use crate::ddir::Ddir;
use iodyno_engine_api::abi::*;

/// Syncs beside `fsync`, as the job asks for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncPlan {
    /// fdatasync after so many writes; 0 = never.
    pub fdatasync_every: u32,
    /// sync_file_range after so many writes; 0 = never.
    pub range_every: u32,
    /// What it waits for: `IOE_IO_SYNC_*`.
    pub range_flags: u64,
    /// Every so many writes one carries `IOE_IO_FUA`; 0 = none.
    pub barrier_every: u32,
    /// A file is synced before it is closed.
    pub on_close: bool,
}

/// A range without anything in it.
const CLEAN: (u64, u64) = (u64::MAX, 0);

/// What was written since, and what is due.
#[derive(Debug)]
pub(super) struct Syncs {
    plan: SyncPlan,
    fsync_every: u32,
    /// Somebody wants to know of writes.
    pub(super) watches: bool,
    /// A sync is to be issued before anything else.
    pub(super) is_due: bool,
    writes: u64,
    /// With sync_file_range: begin and end of what was written to each file since its last one.
    dirty: Vec<(u64, u64)>,
}

impl Syncs {
    pub(super) fn new(plan: SyncPlan, fsync_every: u32, files: u32) -> Syncs {
        let every = [fsync_every, plan.fdatasync_every, plan.range_every, plan.barrier_every];
        let ranges = if plan.range_every > 0 { files } else { 0 };
        Syncs {
            plan,
            fsync_every,
            watches: every.iter().any(|every| *every > 0),
            is_due: false,
            writes: 0,
            dirty: vec![CLEAN; ranges as usize],
        }
    }

    /// A write is about to be issued.
    #[cold]
    pub(super) fn watch(&mut self, write: &mut Slot) {
        self.writes += 1;
        let plan = &self.plan;
        if self.comes_at(plan.barrier_every) {
            write.flags |= IOE_IO_FUA as u8;
        }
        if let Some(dirty) = self.dirty.get_mut(write.file as usize) {
            dirty.0 = dirty.0.min(write.offset);
            dirty.1 = dirty.1.max(write.offset + write.len);
        }
        let every = [self.fsync_every, plan.fdatasync_every, plan.range_every];
        self.is_due = every.into_iter().any(|every| self.comes_at(every));
    }

    fn comes_at(&self, every: u32) -> bool {
        every > 0 && self.writes.is_multiple_of(u64::from(every))
    }

    /// The sync that is due: the strongest where several are.
    pub(super) fn take_due(&mut self, file: u32) -> Slot {
        self.is_due = false;
        let mut slot = Slots::request(Ddir::Sync, file, 0, 0);
        if self.comes_at(self.fsync_every) {
            return slot;
        }
        if self.comes_at(self.plan.fdatasync_every) {
            slot.op = IOE_OP_FDATASYNC as u8;
            return slot;
        }
        slot.op = IOE_OP_SYNC_RANGE as u8;
        slot.flags = self.plan.range_flags as u8;
        if let Some(dirty) = self.dirty.get_mut(file as usize) {
            let (begin, end) = std::mem::replace(dirty, CLEAN);
            (slot.offset, slot.len) = (begin, end.saturating_sub(begin));
        }
        slot
    }

    /// Whether files are synced before they are closed.
    pub(super) fn on_close(&self) -> bool {
        self.plan.on_close
    }
}
