//! The zones of a zoned device while workers use them: where each may be written next, who holds
//! it, which are open.
//!
//! One [`ZoneBoard`] a device, shared (behind a lock, by `io::zoned`) by all workers of a cell.
//! [`pick`] says what a worker is to do next; this part keeps what was done. Pure arithmetic:
//! touches no device, and once its workers have joined it allocates nothing. A zone of which
//! nobody knows how a write to it ended is `stale`: it is asked for anew before it is used.

mod pick;
mod share;

#[cfg(test)]
mod tests;

pub use share::{Share, ShareRules};

use crate::ddir::Ddir;
use std::collections::VecDeque;

/// What a device says of one zone, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneFacts {
    /// Where it begins.
    pub start: u64,
    /// To the begin of the next one.
    pub len: u64,
    /// What can be written of it, from its begin.
    pub capacity: u64,
    /// Where the next write has to begin; the capacity's end where it is full.
    pub wp: u64,
    /// It is written at its pointer only; otherwise it is a conventional one.
    pub sequential: bool,
    /// It can be read.
    pub readable: bool,
    /// It can be written and reset.
    pub writable: bool,
    /// It takes one of the device's active zones: it is open, or closed with room left.
    pub active: bool,
}

/// What a device allows at once; 0 = as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneLimits {
    /// Open zones.
    pub open: u32,
    /// Open zones and closed ones with room left.
    pub active: u32,
}

/// Who has a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Free,
    /// A write is under way.
    Write(u32),
    /// It is being reset, finished or asked for.
    Manage(u32),
}

#[derive(Clone, Copy, Debug)]
struct Zone {
    facts: ZoneFacts,
    hold: Hold,
    /// Reads under way.
    readers: u32,
    /// How the last write ended is not known.
    stale: bool,
    /// It is one of those that are written.
    open: bool,
    /// The worker that opened it last.
    opened_by: Option<u32>,
}

impl Zone {
    fn end(&self) -> u64 {
        self.facts.start + self.facts.capacity
    }

    /// What can still be written.
    fn room(&self) -> u64 {
        self.end().saturating_sub(self.facts.wp)
    }

    fn is_free(&self) -> bool {
        self.hold == Hold::Free
    }

    fn is_empty(&self) -> bool {
        self.facts.wp == self.facts.start
    }
}

/// A part of the device that one or more workers have as their region.
#[derive(Clone, Debug)]
struct Span {
    begin: u64,
    end: u64,
    first: u32,
    /// The one behind its last.
    last: u32,
    /// Where its sequential writers are: they go over the zones together, each zone once.
    cursor: u32,
    /// In a conventional zone: bytes written.
    at: u64,
    /// Something was written to the zone since the cursor came there.
    entered: bool,
    sequential_users: u32,
    /// Bytes in its sequential zones, and room for them.
    data: u64,
    total: u64,
}

/// A worker that waits until a zone may be opened.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    worker: u32,
    limit: u32,
}

/// The zones of one device.
#[derive(Clone, Debug)]
pub struct ZoneBoard {
    zones: Vec<Zone>,
    limits: ZoneLimits,
    /// Those that are written.
    open: Vec<u32>,
    active: u32,
    spans: Vec<Span>,
    waiting: VecDeque<Waiter>,
    users: u32,
    writers: u32,
}

/// What is to be done to a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manage {
    /// Empty it.
    Reset,
    /// Make it full: what is left of it is too short.
    Finish,
    /// Ask the device how it stands.
    Report,
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Issue it there.
    Go {
        /// It may have become another one.
        ddir: Ddir,
        /// Bytes from the device's beginning.
        offset: u64,
        /// At most what was asked for.
        len: u64,
        /// The zone to give back once it has ended; none in a conventional one.
        held: Option<u32>,
    },
    /// Do this to a zone, tell how it went, and ask again.
    Manage {
        /// Which zone.
        zone: u32,
        /// What.
        what: Manage,
    },
    /// The request is the reset of this zone.
    Trim {
        /// Which zone.
        zone: u32,
    },
    /// Ask again later: others have what is needed.
    Wait,
    /// There is nothing (more) to do it to.
    Over,
    /// All zones that the device allows to be active are so, by nobody that is known here.
    NoPlace,
}

impl ZoneBoard {
    /// Of all zones of a device, in order.
    pub fn new(facts: &[ZoneFacts], limits: ZoneLimits) -> ZoneBoard {
        let zone = |facts: &ZoneFacts| Zone {
            facts: *facts,
            hold: Hold::Free,
            readers: 0,
            stale: false,
            open: false,
            opened_by: None,
        };
        ZoneBoard {
            zones: facts.iter().map(zone).collect(),
            limits,
            open: Vec::with_capacity(facts.len()),
            active: facts.iter().filter(|facts| facts.active).count() as u32,
            spans: Vec::new(),
            waiting: VecDeque::new(),
            users: 0,
            writers: 0,
        }
    }

    /// Workers that have joined and not left.
    pub fn users(&self) -> u32 {
        self.users
    }

    /// Zones that are open now.
    pub fn open_zones(&self) -> u32 {
        self.open.len() as u32
    }

    /// Begin and length of a zone.
    pub fn place(&self, zone: u32) -> (u64, u64) {
        let facts = &self.zones[zone as usize].facts;
        (facts.start, facts.len)
    }

    /// A worker begins. Its region has a zone.
    pub fn join(&mut self, rules: ShareRules) -> Share {
        let (begin, end) = (rules.begin, rules.begin + rules.len);
        let span = match self.spans.iter().position(|span| (span.begin, span.end) == (begin, end)) {
            Some(span) => span,
            None => {
                let span = self.span(begin, end);
                self.spans.push(span);
                self.spans.len() - 1
            }
        };
        self.users += 1;
        self.writers += u32::from(rules.writes);
        self.waiting.reserve(self.users as usize);
        if rules.sequential && rules.writes {
            self.spans[span].sequential_users += 1;
        }
        Share::new(rules, span, self.spans[span].first)
    }

    fn span(&self, begin: u64, end: u64) -> Span {
        let first = self.index(begin);
        let last = self.zones.partition_point(|zone| zone.facts.start < end) as u32;
        let of_span = &self.zones[first as usize..last as usize];
        let sequential = || of_span.iter().filter(|zone| zone.facts.sequential);
        Span {
            begin,
            end,
            first,
            last,
            cursor: first,
            at: 0,
            entered: false,
            sequential_users: 0,
            data: sequential().map(|zone| zone.facts.wp - zone.facts.start).sum(),
            total: sequential().map(|zone| zone.facts.capacity).sum(),
        }
    }

    /// A worker ends. What it has not given back is asked for before it is used again.
    pub fn leave(&mut self, share: &Share) {
        for zone in &mut self.zones {
            if matches!(zone.hold, Hold::Write(who) | Hold::Manage(who) if who == share.worker) {
                zone.hold = Hold::Free;
                zone.stale = true;
            }
        }
        self.no_longer_waits(share.worker);
        self.users -= 1;
        self.writers -= u32::from(share.rules.writes);
        if share.rules.sequential && share.rules.writes {
            self.spans[share.span].sequential_users -= 1;
        }
    }

    /// A write has ended well, and with it the data reaches to `end`.
    pub fn written(&mut self, zone: u32, end: u64) {
        self.free(zone);
        self.set_wp(zone, end);
        if self.zones[zone as usize].room() == 0 {
            self.close(zone);
            self.set_active(zone, false);
        }
    }

    /// A write, or what was to be done to a zone, ended otherwise.
    pub fn failed(&mut self, zone: u32) {
        self.free(zone);
        self.zones[zone as usize].stale = true;
    }

    /// A read has ended.
    pub fn read_done(&mut self, zone: u32) {
        let readers = &mut self.zones[zone as usize].readers;
        *readers = readers.saturating_sub(1);
    }

    /// A zone is empty.
    pub fn was_reset(&mut self, zone: u32) {
        self.free(zone);
        self.set_wp(zone, self.zones[zone as usize].facts.start);
        self.close(zone);
        self.set_active(zone, false);
    }

    /// A zone is full.
    pub fn was_finished(&mut self, zone: u32) {
        self.free(zone);
        self.set_wp(zone, self.zones[zone as usize].end());
        self.close(zone);
        self.set_active(zone, false);
    }

    /// The device has said how a zone stands.
    pub fn was_reported(&mut self, zone: u32, facts: ZoneFacts) {
        self.free(zone);
        self.set_wp(zone, facts.wp);
        self.set_active(zone, facts.active);
        let known = &mut self.zones[zone as usize];
        (known.facts.readable, known.facts.writable) = (facts.readable, facts.writable);
        known.stale = false;
        if !facts.active {
            self.close(zone);
        }
    }

    /// The zone that a byte lies in.
    fn index(&self, at: u64) -> u32 {
        let behind = self.zones.partition_point(|zone| zone.facts.start <= at);
        behind.saturating_sub(1) as u32
    }

    fn zone(&self, zone: u32) -> &Zone {
        &self.zones[zone as usize]
    }

    fn free(&mut self, zone: u32) {
        self.zones[zone as usize].hold = Hold::Free;
    }

    fn set_wp(&mut self, zone: u32, wp: u64) {
        let facts = &mut self.zones[zone as usize].facts;
        let (before, wp) = (facts.wp, wp.clamp(facts.start, facts.start + facts.capacity));
        facts.wp = wp;
        for span in self.spans.iter_mut().filter(|span| (span.first..span.last).contains(&zone)) {
            span.data = (span.data + wp).saturating_sub(before);
        }
    }

    fn set_active(&mut self, zone: u32, active: bool) {
        let was = &mut self.zones[zone as usize].facts.active;
        match (*was, active) {
            (false, true) => self.active += 1,
            (true, false) => self.active -= 1,
            _ => {}
        }
        *was = active;
    }

    /// It is no longer one of those that are written.
    fn close(&mut self, zone: u32) {
        if std::mem::take(&mut self.zones[zone as usize].open) {
            self.open.retain(|open| *open != zone);
        }
    }

    fn no_longer_waits(&mut self, worker: u32) {
        self.waiting.retain(|waiter| waiter.worker != worker);
    }
}
