//! The loop's way to a zoned device (`zonemode=zbd`): where a request goes, what has to be done to
//! zones before, what came of it.
//!
//! Called by the loop in [`super::worker`] for such jobs only, between drawing a request and
//! beginning it. The zones are shared by the workers of a cell, so this takes a lock; nothing is
//! done to a device while it is held. What is asked of a device, its keeper does (`run::zbd`).

use super::slots::{Slot, SlotIndex, Slots};
use super::trouble::{FileTrouble, Trouble};
use super::worker::{Filled, Worker};
use crate::ddir::Ddir;
use crate::plugin::handle::Instance;
use crate::plugin::lent::FileTable;
use crate::sys::clock::Clock;
use crate::workload::zoned::{Manage, Share, Step, ZoneBoard, ZoneFacts};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Looks at zones that others have, before naps begin: few, for who has one may need the processor.
const LOOKS_WITHOUT_NAP: u32 = 4;

/// A nap between two looks.
const NAP_NS: u64 = 50_000;

/// A device's zones as its workers share them.
pub type SharedBoard = Arc<Mutex<ZoneBoard>>;

/// What did not work about a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTrouble {
    /// Positive errno.
    pub errno: i32,
    /// What, where, why.
    pub message: String,
}

/// Does to zones what has to be done. On the worker's thread.
pub trait ZoneKeeper: std::fmt::Debug {
    /// Empties the zone that begins at `start`, or makes it full.
    ///
    /// # Errors
    /// As the device's.
    fn manage(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
        what: Manage,
        place: (u64, u64),
    ) -> Result<(), ZoneTrouble>;

    /// How the zone that begins at `start` stands.
    ///
    /// # Errors
    /// As the device's.
    fn report(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
        start: u64,
    ) -> Result<ZoneFacts, ZoneTrouble>;
}

/// A worker's part in the zones of one file.
#[derive(Debug)]
pub struct ZonedFile {
    /// Shared with others.
    pub board: SharedBoard,
    /// Its own.
    pub share: Share,
}

impl ZonedFile {
    fn board(&self) -> MutexGuard<'_, ZoneBoard> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way that has something of a zone.
#[derive(Clone, Copy, Debug)]
struct Held {
    index: SlotIndex,
    file: u32,
    zone: u32,
    ddir: Ddir,
    end: u64,
}

/// A request that waits for its zone.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: Slot,
    since_ns: u64,
}

/// What became of looking after the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing stands in the way of another request.
    GoOn,
    /// One that waited has begun.
    Begun,
    /// Nothing can begin now.
    Held(Filled),
}

/// A worker's part in the zones of all of its files.
#[derive(Debug)]
pub struct Zoned<'a> {
    files: Vec<ZonedFile>,
    keeper: Box<dyn ZoneKeeper + 'a>,
    /// Where the job stands, for messages.
    place: String,
    held: Vec<Held>,
    waiting: Option<Waiting>,
    looks: u32,
    /// There is nothing (more) to do it to.
    is_over: bool,
    /// The engine does not say any more how requests end.
    distrusts: bool,
}

impl<'a> Zoned<'a> {
    /// By file. Room for `depth` requests under way.
    pub fn new(
        files: Vec<ZonedFile>,
        keeper: Box<dyn ZoneKeeper + 'a>,
        place: String,
        depth: u32,
    ) -> Zoned<'a> {
        Zoned {
            files,
            keeper,
            place,
            held: Vec::with_capacity(depth as usize),
            waiting: None,
            looks: 0,
            is_over: false,
            distrusts: false,
        }
    }

    fn file(&mut self, file: u32) -> &mut ZonedFile {
        &mut self.files[file as usize]
    }

    /// Gives back what the requests had that have ended.
    fn settle(&mut self, slots: &Slots) {
        let (files, distrusts) = (&self.files, self.distrusts);
        self.held.retain(|held| {
            if !slots.is_free(held.index) {
                return true;
            }
            let outcome = slots.outcome(held.index);
            let is_good = outcome.error == 0 && outcome.resid == 0 && !distrusts;
            let mut board = files[held.file as usize].board();
            match held.ddir {
                Ddir::Read => board.read_done(held.zone),
                _ if is_good => board.written(held.zone, held.end),
                _ => board.failed(held.zone),
            }
            false
        });
    }
}

impl Drop for Zoned<'_> {
    /// Whatever is still under way nobody will hear of.
    fn drop(&mut self) {
        for held in std::mem::take(&mut self.held) {
            if held.ddir == Ddir::Read {
                self.files[held.file as usize].board().read_done(held.zone);
            }
        }
        for file in &self.files {
            file.board().leave(&file.share);
        }
    }
}

/// What placing a request came to.
enum Placed {
    /// It can begin.
    Ready(Slot, Option<u32>),
    /// The host is to do it: the reset of a zone.
    Trim(u32),
    /// Later.
    Later,
    /// Never.
    Over,
}

impl<C: Clock> Worker<'_, C> {
    /// Gives back what has ended, and tries the request that waits.
    pub(super) fn see_to_zones(&mut self) -> Result<Seen, Trouble> {
        self.settle_zones();
        let Some(zoned) = &mut self.zoned else { return Ok(Seen::GoOn) };
        if zoned.is_over || self.failures.stop {
            return Ok(Seen::Held(Filled::Ended));
        }
        let Some(Waiting { mut slot, since_ns }) = zoned.waiting.take() else {
            return Ok(Seen::GoOn);
        };
        let now_ns = self.clock.mono_ns();
        if self.pace.pacer.is_limited() {
            slot.qlat_ns += now_ns.saturating_sub(since_ns);
        }
        self.stamp = None;
        self.begin_in_zone(slot)?;
        let Some(zoned) = &mut self.zoned else { return Ok(Seen::GoOn) };
        if zoned.is_over {
            return Ok(Seen::Held(Filled::Ended));
        }
        if zoned.waiting.is_none() {
            zoned.looks = 0;
            return Ok(Seen::Begun);
        }
        // What has it may be a request of our own.
        if self.in_flight > 0 {
            return Ok(Seen::Held(Filled::Full));
        }
        zoned.looks = zoned.looks.saturating_add(1);
        if zoned.looks > LOOKS_WITHOUT_NAP {
            return Ok(Seen::Held(Filled::NotBefore(now_ns + NAP_NS)));
        }
        std::thread::yield_now();
        Ok(Seen::Held(Filled::NotBefore(now_ns)))
    }

    /// Gives back what the requests had that have ended.
    pub(super) fn settle_zones(&mut self) {
        if let Some(zoned) = &mut self.zoned {
            zoned.settle(&self.slots);
        }
    }

    /// Begins a request where its zone wants it, or lets it wait.
    pub(super) fn begin_in_zone(&mut self, slot: Slot) -> Result<(), Trouble> {
        let Some(mut zoned) = self.zoned.take() else {
            unreachable!("only jobs with zones come here")
        };
        if zoned.waiting.is_none() && zoned.looks == 0 {
            let file = zoned.file(slot.file);
            let ZonedFile { board, share } = file;
            board.lock().unwrap_or_else(PoisonError::into_inner).drawn(share, slot.ddir);
        }
        let placed = self.place(&mut zoned, &slot);
        let outcome = placed.and_then(|placed| self.begin_placed(&mut zoned, slot, placed));
        zoned.distrusts |= outcome.is_err();
        zoned.settle(&self.slots);
        self.zoned = Some(zoned);
        outcome
    }

    fn begin_placed(
        &mut self,
        zoned: &mut Zoned<'_>,
        slot: Slot,
        placed: Placed,
    ) -> Result<(), Trouble> {
        match placed {
            Placed::Ready(ready, held) => {
                if self.kept != 0 {
                    self.keep_in_zone(&ready, &zoned.place)?;
                }
                // The one that it will get.
                let Some(index) = self.slots.next_free() else {
                    unreachable!("has_free was asked")
                };
                let end = ready.offset + ready.len;
                let held =
                    held.map(|zone| Held { index, file: ready.file, zone, ddir: ready.ddir, end });
                zoned.held.extend(held);
                self.generator.give_back(slot.len - ready.len);
                self.begin_request(ready)
            }
            Placed::Trim(zone) => {
                self.trim_zone(zoned, slot, zone);
                Ok(())
            }
            Placed::Later => {
                zoned.looks = zoned.looks.max(1);
                zoned.waiting = Some(Waiting { slot, since_ns: self.clock.mono_ns() });
                Ok(())
            }
            Placed::Over => {
                zoned.is_over = true;
                Ok(())
            }
        }
    }

    /// Asks where a request goes, and does to zones what has to come first. Bounded: each of these
    /// brings a zone further on.
    fn place(&mut self, zoned: &mut Zoned<'_>, slot: &Slot) -> Result<Placed, Trouble> {
        loop {
            let ZonedFile { board, share } = zoned.file(slot.file);
            let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
            let step = board.place_request(share, slot.ddir, slot.offset, slot.len);
            let open = u64::from(board.open_zones());
            drop(board);
            match step {
                Step::Go { ddir, offset, len, held } => {
                    self.page.measure.zones_open_max.raise(open);
                    let mut ready = Slots::request(ddir, slot.file, offset, len);
                    ready.qlat_ns = slot.qlat_ns;
                    if ddir == slot.ddir {
                        (ready.op, ready.flags) = (slot.op, slot.flags);
                    }
                    return Ok(Placed::Ready(ready, held));
                }
                Step::Manage { zone, what } => {
                    self.stamp = None;
                    self.manage_zone(zoned, slot.file, zone, what)?;
                }
                Step::Trim { zone } => return Ok(Placed::Trim(zone)),
                Step::Wait => return Ok(Placed::Later),
                Step::Over
                    if !zoned.file(slot.file).share.has_found() && slot.ddir != Ddir::Write =>
                {
                    return Err(nothing(&zoned.place, slot.ddir));
                }
                Step::Over => return Ok(Placed::Over),
                Step::NoPlace => return Err(no_place(&zoned.place)),
            }
        }
    }

    fn manage_zone(
        &mut self,
        zoned: &mut Zoned<'_>,
        file: u32,
        zone: u32,
        what: Manage,
    ) -> Result<(), Trouble> {
        let place = zoned.file(file).board().place(zone);
        if what == Manage::Reset {
            self.forget_zone(file, place);
        }
        let (engine, files) = (&mut self.engine.own, &mut self.files);
        let done = match what {
            Manage::Report => zoned.keeper.report(engine, files, file, place.0).map(Some),
            _ => zoned.keeper.manage(engine, files, file, what, place).map(|()| None),
        };
        if done.is_ok() && what == Manage::Reset {
            self.count_reset();
        }
        let mut board = zoned.files[file as usize].board();
        match (what, done) {
            (_, Err(trouble)) => {
                board.failed(zone);
                let ZoneTrouble { errno, message } = trouble;
                let message = format!("{}: {message}", zoned.place);
                return Err(FileTrouble { is_usage: false, errno: Some(errno), message }.into());
            }
            (Manage::Reset, _) => board.was_reset(zone),
            (Manage::Finish, _) => board.was_finished(zone),
            (Manage::Report, Ok(facts)) => facts.into_iter().for_each(|facts| {
                board.was_reported(zone, facts);
            }),
        }
        Ok(())
    }

    fn count_reset(&self) {
        if self.phase == super::signal::Signal::MEASURE {
            self.page.measure.zone_resets.add(1);
        }
    }

    /// A trim is the reset of a zone, and counts as a request that ended at once.
    fn trim_zone(&mut self, zoned: &mut Zoned<'_>, mut slot: Slot, zone: u32) {
        let place = zoned.file(slot.file).board().place(zone);
        (slot.offset, slot.len) = place;
        slot.measured = self.phase == super::signal::Signal::MEASURE;
        slot.start = self.clock.ticks();
        self.stamp = None;
        // The engine never sees it; what stands in its unit is to be this request all the same.
        let taken = self.slots.take(slot, &self.files);
        let Some(index) = taken else { unreachable!("has_free was asked") };
        self.forget_zone(slot.file, place);
        let (engine, files) = (&mut self.engine.own, &mut self.files);
        let done = zoned.keeper.manage(engine, files, slot.file, Manage::Reset, place);
        let end = self.clock.ticks();
        match done {
            Ok(()) => {
                zoned.file(slot.file).board().was_reset(zone);
                self.count_reset();
                self.account(index, 0, end);
            }
            Err(ZoneTrouble { errno, message }) => {
                zoned.file(slot.file).board().failed(zone);
                self.note_failure(index, 0, errno, Some(message));
            }
        }
        self.slots.release(index);
    }
}

fn nothing(place: &str, ddir: Ddir) -> Trouble {
    let why = match ddir {
        Ddir::Read => {
            "nothing to read: no zone of its region holds data (write to it first, or set \
             read_beyond_wp=1)"
        }
        _ => "nothing to trim: all zones of its region are empty (write to them first)",
    };
    FileTrouble { is_usage: true, errno: None, message: format!("{place}: {why}") }.into()
}

fn no_place(place: &str) -> Trouble {
    let why = "no zone can be opened: as many zones as the device allows to be active hold \
                   data outside of what this run writes (reset or finish some: blkzone reset)";
    FileTrouble { is_usage: true, errno: None, message: format!("{place}: {why}") }.into()
}
