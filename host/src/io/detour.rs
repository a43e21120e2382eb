//! The way of a request in a job that asks for something between two requests: rates, syncs, zones,
//! files that come and go, verification.
//!
//! Called by the loop in [`super::worker`], which sends plain jobs past all of this by one flag.
//! Decides the order in which these are asked, and nothing about what they do.

use super::slots::{Slot, Slots};
use super::trouble::Trouble;
use super::worker::{Filled, Worker};
use super::zoned::Seen;
use crate::ddir::Ddir;
use crate::sys::clock::{Clock, Stage};
use crate::workload::Request;

impl<C: Clock> Worker<'_, C> {
    /// As `offer_next`, for jobs that ask for something between two requests.
    #[inline(never)]
    pub(super) fn offer_by_detour(&mut self) -> Result<Option<Filled>, Trouble> {
        self.clock.enter(Stage::Generate);
        if self.kept != 0 {
            if let Some(filled) = self.offer_kept()? {
                return Ok(filled);
            }
        }
        if self.zoned.is_some() {
            match self.see_to_zones()? {
                Seen::GoOn => {}
                Seen::Begun => return Ok(None),
                Seen::Held(filled) => return Ok(Some(filled)),
            }
        }
        if self.syncs.is_due {
            return self.offer_sync().map(|()| None);
        }
        if self.pace.paced {
            return self.offer_paced();
        }
        if self.draws_ahead {
            return self.offer_drawn();
        }
        let Some(request) = self.generator.next() else { return Ok(Some(Filled::Ended)) };
        self.prepare_way(request.ddir, request.file)?;
        if self.failures.stop {
            return Ok(Some(Filled::Ended));
        }
        let slot = self.slot_by_detour(request);
        self.begin_by_detour(slot).map(|()| None)
    }

    /// What a request that the plain way would not begin asks for.
    pub(super) fn slot_by_detour(&self, request: Request) -> Slot {
        match self.settings.whole_files {
            true => Slots::request(request.ddir, request.file, 0, 0),
            false => Slots::request(request.ddir, request.file, request.offset, request.len),
        }
    }

    /// Begins a request that the plain way would not begin: what it writes may be due for a sync.
    /// Apart, because the plain way's slot must never have an address.
    pub(super) fn begin_by_detour(&mut self, mut slot: Slot) -> Result<(), Trouble> {
        if self.syncs.watches && slot.ddir == Ddir::Write {
            self.syncs.watch(&mut slot);
        }
        if self.zoned.is_some() && slot.ddir != Ddir::Sync {
            return self.begin_in_zone(slot);
        }
        if self.settings.serialize_overlap {
            self.wait_for_overlaps(&slot)?;
        }
        if self.kept != 0 {
            self.keep(&slot)?;
        }
        self.begin_request(slot)
    }

    /// What has to be done before a request to `file` can begin: a trim has ended before its block
    /// is written, and the file is open.
    pub(super) fn prepare_way(&mut self, ddir: Ddir, file: u32) -> Result<(), Trouble> {
        if self.settings.write_after_trim && ddir == Ddir::Write {
            self.drain()?;
        }
        if self.doorway.is_some() && !self.failures.stop {
            self.see_to_doors(file)?;
        }
        Ok(())
    }

    #[cold]
    fn offer_sync(&mut self) -> Result<(), Trouble> {
        let slot = self.syncs.take_due(self.last_written.unwrap_or(0));
        self.begin_sync(slot)
    }

    /// Begins a sync, of which who verifies wants to know.
    pub(super) fn begin_sync(&mut self, slot: Slot) -> Result<(), Trouble> {
        if self.kept != 0 {
            self.keep(&slot)?;
        }
        self.begin_request(slot)
    }
}
