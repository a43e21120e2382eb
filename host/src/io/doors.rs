//! Files that are opened and closed while the worker runs: fewer open at once than there are, made
//! when first used, or made anew for each loop.
//!
//! Called by the loop before each request, of such jobs alone; all others have every file open
//! before the start. Decides when; how is the affair of whoever implements [`Doors`]. A file is
//! closed only once nothing of it is in flight. What this takes is time of the run, of no request.

use super::slots::Slots;
use super::trouble::Trouble;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::plugin::handle::Instance;
use crate::plugin::lent::FileTable;
use crate::sys::clock::Clock;
use std::collections::VecDeque;

/// Opens and closes files, for the host and for the engine.
pub trait Doors: std::fmt::Debug {
    /// Opens a file that is closed.
    fn open(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
    ) -> Result<(), Trouble>;

    /// Closes a file that is open; nothing of it is in flight.
    fn close(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
    ) -> Result<(), Trouble>;

    /// Removes all files, which are closed, and makes them anew.
    fn renew_all(&mut self) -> Result<(), Trouble>;
}

/// Which files are open, and which are to be.
#[derive(Debug)]
pub struct Doorway<'a> {
    doors: Box<dyn Doors + 'a>,
    /// Open at once.
    limit: usize,
    /// Files are made anew for each loop.
    renews: bool,
    is_open: Vec<bool>,
    /// Opened at some time in this loop.
    was_open: Vec<bool>,
    /// The open ones, the one that was opened first in front.
    open: VecDeque<u32>,
    /// Open ones that the load is done with, and that may have something in flight.
    leaving: Vec<u32>,
    /// Loops that were over when a request began.
    loops: u64,
}

impl<'a> Doorway<'a> {
    /// All of `files` are closed; at most `limit` of them (0 = any number) will be open at once.
    pub fn new(doors: Box<dyn Doors + 'a>, files: u32, limit: u32, renews: bool) -> Doorway<'a> {
        let all = files as usize;
        Doorway {
            doors,
            limit: if limit == 0 { all } else { limit as usize },
            renews,
            is_open: vec![false; all],
            was_open: vec![false; all],
            open: VecDeque::with_capacity(all),
            leaving: Vec::with_capacity(all),
            loops: 0,
        }
    }
}

impl<C: Clock> Worker<'_, C> {
    /// Before a request to `file`: it is open, and what the load is done with is closed.
    #[cold]
    pub(super) fn see_to_doors(&mut self, file: u32) -> Result<(), Trouble> {
        let Some(mut way) = self.doorway.take() else { return Ok(()) };
        let outcome = self.turn_loop(&mut way).and_then(|()| self.let_in(&mut way, file));
        self.doorway = Some(way);
        outcome
    }

    /// The last loop is over: what it used is closed and made anew.
    fn turn_loop(&mut self, way: &mut Doorway<'_>) -> Result<(), Trouble> {
        let loops = self.generator.loops_done();
        if !way.renews || loops == way.loops {
            return Ok(());
        }
        way.loops = loops;
        way.leaving.clear();
        self.drain()?;
        while let Some(&file) = way.open.front() {
            if self.failures.stop {
                return Ok(());
            }
            self.close_file(way, file)?;
        }
        way.was_open.fill(false);
        way.doors.renew_all()
    }

    fn let_in(&mut self, way: &mut Doorway<'_>, file: u32) -> Result<(), Trouble> {
        way.leaving.retain(|leaving| *leaving != file);
        let mut at = 0;
        while let Some(&left) = way.leaving.get(at) {
            if self.slots.uses(left) {
                at += 1;
            } else {
                self.close_file(way, left)?;
            }
        }
        while let Some(retired) = self.generator.retired() {
            // The file itself left before it entered again.
            let stays = retired == file || way.leaving.contains(&retired);
            if way.is_open[retired as usize] && !stays {
                way.leaving.push(retired);
            }
        }
        if way.is_open[file as usize] {
            return Ok(());
        }
        self.make_way(way)?;
        if self.failures.stop {
            return Ok(());
        }
        self.open_file(way, file)
    }

    /// Closes what has to be closed before one more file is opened.
    fn make_way(&mut self, way: &mut Doorway<'_>) -> Result<(), Trouble> {
        while way.open.len() >= way.limit {
            let leaving = way.leaving.first().or(way.open.front());
            let Some(&leaving) = leaving else { break };
            self.drain()?;
            if self.failures.stop {
                return Ok(());
            }
            self.close_file(way, leaving)?;
        }
        Ok(())
    }

    fn open_file(&mut self, way: &mut Doorway<'_>, file: u32) -> Result<(), Trouble> {
        let opened = way.doors.open(&mut self.engine.own, &mut self.files, file);
        opened.map_err(|trouble| self.with_in_flight(trouble))?;
        way.is_open[file as usize] = true;
        way.was_open[file as usize] = true;
        way.open.push_back(file);
        self.doors_moved(way);
        Ok(())
    }

    /// Closes a file that nothing is in flight to; with `fsync_on_close` it is synced before.
    fn close_file(&mut self, way: &mut Doorway<'_>, file: u32) -> Result<(), Trouble> {
        if self.syncs.on_close() && self.last_written.is_some() {
            self.begin_sync(Slots::request(Ddir::Sync, file, 0, 0))?;
            self.drain()?;
        }
        way.is_open[file as usize] = false;
        way.open.retain(|open| *open != file);
        way.leaving.retain(|leaving| *leaving != file);
        self.doors_moved(way);
        way.doors.close(&mut self.engine.own, &mut self.files, file)
    }

    /// What was stamped before belongs to no request, and no sample of the tester's own time.
    fn doors_moved(&mut self, way: &Doorway<'_>) {
        self.stamp = None;
        self.harness.discard();
        self.page.open_files.set(way.open.len() as u64);
    }

    /// `end_fsync` and `fsync_on_close`: one sync for each file that was used, once everything is
    /// back. What was closed before is opened once more.
    pub(super) fn sync_files(&mut self) -> Result<(), Trouble> {
        for file in 0..self.files.len() {
            if self.failures.fatal.is_some() {
                return Ok(());
            }
            if let Some(mut way) = self.doorway.take() {
                let opens = way.was_open[file as usize] && !way.is_open[file as usize];
                // What was closed with a sync is durable.
                let wanted = way.is_open[file as usize] || (opens && self.settings.end_fsync);
                let opened = if opens && wanted { self.let_in(&mut way, file) } else { Ok(()) };
                let is_open = way.is_open[file as usize];
                self.doorway = Some(way);
                opened?;
                if !is_open {
                    continue;
                }
            }
            self.begin_request(Slots::request(Ddir::Sync, file, 0, 0))?;
            self.drain()?;
        }
        Ok(())
    }
}
