//! What a request to a zoned device comes to: which zone, where in it, what has to come before.
//!
//! Called once a request, and again after each [`Step`] that is not the request itself. Writes go
//! where the zone's pointer stands, one at a time to a zone; reads stay below it. Pure, as all of
//! [`super::ZoneBoard`].

use super::{Hold, Manage, Share, Span, Step, Waiter, Zone, ZoneBoard};
use crate::ddir::Ddir;

impl ZoneBoard {
    /// A request was drawn; to be told once, before it is placed.
    pub fn drawn(&self, share: &mut Share, ddir: Ddir) {
        let every = share.rules.reset_every;
        if ddir != Ddir::Write || every == 0 {
            return;
        }
        share.writes += 1;
        let span = &self.spans[share.span];
        let above = span.data as f64 > share.rules.reset_above * span.total as f64;
        share.reset_due |= share.writes.is_multiple_of(every) && above;
    }

    /// What is to be done for a request at `offset`.
    pub fn place_request(&mut self, share: &mut Share, ddir: Ddir, offset: u64, len: u64) -> Step {
        match ddir {
            Ddir::Read => self.read(share, offset, len),
            Ddir::Trim => self.trim(share, offset),
            Ddir::Write | Ddir::Sync => self.write(share, offset, len),
        }
    }

    fn span_of(&self, share: &Share) -> &Span {
        &self.spans[share.span]
    }

    /// The zones of a worker's region, beginning with the one at `offset`.
    fn round(&self, share: &Share, offset: u64) -> impl Iterator<Item = u32> {
        let span = self.span_of(share);
        let (first, last) = (span.first, span.last);
        let from = self.index(offset).clamp(first, last - 1);
        (from..last).chain(first..from)
    }

    fn hold(&mut self, share: &Share, zone: u32, what: Manage) -> Step {
        self.zones[zone as usize].hold = Hold::Manage(share.worker);
        Step::Manage { zone, what }
    }

    fn write(&mut self, share: &mut Share, offset: u64, len: u64) -> Step {
        if std::mem::take(&mut share.reset_due) {
            if let Some(zone) = self.victim(share, offset) {
                return self.hold(share, zone, Manage::Reset);
            }
        }
        match share.rules.sequential {
            true => self.write_on(share, len),
            false => self.write_somewhere(share, offset, len),
        }
    }

    /// A zone that may be emptied: a full one, or else any with data.
    fn victim(&self, share: &Share, offset: u64) -> Option<u32> {
        let may = |zone: &Zone| {
            let idle = zone.is_free() && zone.readers == 0 && !zone.stale;
            idle && zone.facts.sequential && zone.facts.writable && !zone.is_empty()
        };
        let full = |zone: &u32| may(self.zone(*zone)) && self.zone(*zone).room() == 0;
        let any = |zone: &u32| may(self.zone(*zone));
        self.round(share, offset).find(full).or_else(|| self.round(share, offset).find(any))
    }

    /// The next write of those that go over the zones in order.
    fn write_on(&mut self, share: &Share, len: u64) -> Step {
        let Span { first, last, .. } = *self.span_of(share);
        for _ in 0..=2 * (last - first) {
            let span = self.span_of(share);
            let (cursor, entered, zone) = (span.cursor, span.entered, self.zone(span.cursor));
            if !zone.facts.writable {
                self.advance(share);
                continue;
            }
            if !zone.facts.sequential {
                let offset = zone.facts.start.max(span.begin) + span.at;
                let room = zone.end().min(span.end).saturating_sub(offset);
                if room < share.rules.write_min {
                    self.advance(share);
                    continue;
                }
                let len = fit(len, room, share.rules.write_min);
                self.spans[share.span].at += len;
                return Step::Go { ddir: Ddir::Write, offset, len, held: None };
            }
            let is_done = zone.is_free() && !zone.stale && zone.room() < share.rules.write_min;
            if is_done && entered {
                if zone.room() > 0 {
                    return self.hold(share, cursor, Manage::Finish);
                }
                self.advance(share);
                continue;
            }
            return self.write_to(share, cursor, len);
        }
        Step::Over
    }

    fn advance(&mut self, share: &Share) {
        let span = &mut self.spans[share.span];
        let next = u64::from(span.cursor) + 1 + u64::from(share.rules.skip);
        span.cursor = if next < u64::from(span.last) { next as u32 } else { span.first };
        (span.at, span.entered) = (0, false);
    }

    /// A write to the zone that was drawn, or, where that would be one too many, to an open one.
    fn write_somewhere(&mut self, share: &Share, offset: u64, len: u64) -> Step {
        let writable = |zone: &u32| self.zone(*zone).facts.writable;
        let Some(drawn) = self.round(share, offset).find(writable) else { return Step::Over };
        let zone = self.zone(drawn);
        if !zone.facts.sequential {
            let offset = offset.max(zone.facts.start);
            let room = zone.end().min(self.span_of(share).end).saturating_sub(offset);
            let len = fit(len, room.max(share.rules.block), share.rules.block);
            return Step::Go { ddir: Ddir::Write, offset, len, held: None };
        }
        if zone.is_free() && (self.is_open_for(share, drawn) || self.may_open(share, drawn)) {
            return self.write_to(share, drawn, len);
        }
        let count = self.open.len();
        let mut members = 0;
        for at in 0..count {
            let open = self.open[(drawn as usize + at) % count];
            if !self.is_in(share, open) || !self.is_open_for(share, open) {
                continue;
            }
            members += 1;
            if self.zone(open).is_free() {
                return self.write_to(share, open, len);
            }
        }
        if members > 0 {
            return Step::Wait;
        }
        // Of those that are active already, if the device allows no more.
        let active = |zone: &u32| {
            let zone = self.zone(*zone);
            zone.is_free() && zone.facts.active && zone.facts.writable && !zone.open
        };
        let chosen = match self.is_active_full() {
            true => self.round(share, offset).find(active),
            false => None,
        };
        let chosen = chosen.unwrap_or(drawn);
        match self.zone(chosen).is_free() {
            true => self.write_to(share, chosen, len),
            false => Step::Wait,
        }
    }

    fn is_in(&self, share: &Share, zone: u32) -> bool {
        let span = self.span_of(share);
        (span.first..span.last).contains(&zone)
    }

    /// Whether a worker may write to a zone without opening it.
    fn is_open_for(&self, share: &Share, zone: u32) -> bool {
        let zone = self.zone(zone);
        let is_own = zone.opened_by == Some(share.worker);
        zone.open && (share.rules.job_max_open == 0 || is_own)
    }

    fn limit(&self, share: &Share) -> u32 {
        match share.rules.max_open {
            0 => u32::MAX,
            limit => limit,
        }
    }

    fn own_open(&self, share: &Share) -> u32 {
        let own = |zone: &&u32| self.zone(**zone).opened_by == Some(share.worker);
        self.open.iter().filter(own).count() as u32
    }

    fn is_active_full(&self) -> bool {
        self.limits.active > 0 && self.active >= self.limits.active
    }

    fn may_open(&self, share: &Share, zone: u32) -> bool {
        let job_max = share.rules.job_max_open;
        (self.open.len() as u32) < self.limit(share)
            && (job_max == 0 || self.own_open(share) < job_max)
            && !self.zone(zone).open
            && (self.zone(zone).facts.active || !self.is_active_full())
            && !self.others_come_first(share)
    }

    /// Somebody waits who could open a zone now.
    fn others_come_first(&self, share: &Share) -> bool {
        let can = |front: &Waiter| (self.open.len() as u32) < front.limit;
        let other = |front: &Waiter| front.worker != share.worker && can(front);
        self.waiting.front().is_some_and(other) && !self.is_active_full()
    }

    /// A write to this sequential zone: what has to be done first, or where it goes.
    fn write_to(&mut self, share: &Share, at: u32, len: u64) -> Step {
        let zone = *self.zone(at);
        if !zone.is_free() {
            return Step::Wait;
        }
        if zone.stale {
            return self.hold(share, at, Manage::Report);
        }
        if zone.room() < share.rules.write_min {
            // What is left of an open zone is too short; any other is begun anew.
            return match zone.open && !share.rules.sequential && zone.room() > 0 {
                true => self.hold(share, at, Manage::Finish),
                false if zone.readers > 0 => Step::Wait,
                false => self.hold(share, at, Manage::Reset),
            };
        }
        if !self.is_open_for(share, at) {
            if let Some(step) = self.admit(share, at) {
                return step;
            }
        }
        self.no_longer_waits(share.worker);
        let span = &mut self.spans[share.span];
        span.entered |= share.rules.sequential && span.cursor == at;
        self.zones[at as usize].hold = Hold::Write(share.worker);
        let len = fit(len, zone.room(), share.rules.write_min);
        Step::Go { ddir: Ddir::Write, offset: zone.facts.wp, len, held: Some(at) }
    }

    /// Takes a zone among those that are written; or what has to come before.
    fn admit(&mut self, share: &Share, at: u32) -> Option<Step> {
        if self.others_come_first(share) {
            return Some(self.wait_for_place(share));
        }
        let job_max = share.rules.job_max_open;
        let was_open = self.zone(at).open;
        if job_max > 0 && self.own_open(share) >= job_max {
            let own = |zone: &Zone| zone.opened_by == Some(share.worker);
            if !self.give_up_one(own) {
                return Some(Step::Wait);
            }
        }
        if !was_open {
            if self.open.len() as u32 >= self.limit(share) && !self.give_up_one(|_| true) {
                return Some(self.wait_for_place(share));
            }
            if !self.zone(at).facts.active && self.is_active_full() {
                return Some(self.make_inactive(share));
            }
            self.open.push(at);
        }
        self.set_active(at, true);
        let zone = &mut self.zones[at as usize];
        (zone.open, zone.opened_by) = (true, Some(share.worker));
        None
    }

    fn wait_for_place(&mut self, share: &Share) -> Step {
        if !self.waiting.iter().any(|waiter| waiter.worker == share.worker) {
            self.waiting.push_back(Waiter { worker: share.worker, limit: self.limit(share) });
        }
        Step::Wait
    }

    /// A sequential writer stands on it.
    fn is_stood_on(&self, zone: u32) -> bool {
        self.spans.iter().any(|span| span.sequential_users > 0 && span.cursor == zone)
    }

    /// Takes an idle zone out of those that are written; it stays as it is. False: there is none.
    fn give_up_one(&mut self, may: impl Fn(&Zone) -> bool) -> bool {
        let idle = |zone: &&u32| {
            let known = self.zone(**zone);
            known.is_free() && may(known) && !self.is_stood_on(**zone)
        };
        let Some(&zone) = self.open.iter().find(idle) else { return false };
        self.close(zone);
        let known = self.zone(zone);
        if known.is_empty() && !known.stale {
            self.set_active(zone, false);
        }
        true
    }

    /// The device allows no more active zones: one is made full.
    fn make_inactive(&mut self, share: &Share) -> Step {
        let idle = |at: u32, zone: &Zone| {
            zone.is_free() && zone.facts.active && !zone.open && !self.is_stood_on(at)
        };
        let own = |zone: &u32| idle(*zone, self.zone(*zone));
        let used = |zone: &u32| own(zone) && self.zone(*zone).opened_by.is_some();
        let begin = self.span_of(share).begin;
        let all = 0..self.zones.len() as u32;
        let chosen = self.round(share, begin).find(own).or_else(|| all.clone().find(used));
        match chosen {
            Some(zone) => self.hold(share, zone, Manage::Finish),
            None if !self.open.is_empty() || all.clone().any(|zone| !self.zone(zone).is_free()) => {
                self.wait_for_place(share)
            }
            None => Step::NoPlace,
        }
    }

    /// Where a zone's data that a worker may read begins and ends.
    fn readable(&self, share: &Share, zone: &Zone) -> (u64, u64) {
        let span = self.span_of(share);
        let all = !zone.facts.sequential || share.rules.read_beyond_wp;
        let end = match zone.facts.readable {
            true if all => zone.end(),
            true => zone.facts.wp,
            false => zone.facts.start,
        };
        (zone.facts.start.max(span.begin), end.min(span.end))
    }

    fn read(&mut self, share: &mut Share, offset: u64, len: u64) -> Step {
        let step = match share.rules.sequential {
            true => self.read_on(share, len),
            false => self.read_somewhere(share, offset, len),
        };
        match step {
            Step::Over if share.rules.mixed => self.write(share, offset, len),
            Step::Over if !share.found && self.writers > 0 => Step::Wait,
            step => step,
        }
    }

    /// A zone is being emptied, or nobody knows how it stands: what a read has to do first.
    fn before_read(&mut self, share: &Share, at: u32) -> Option<Step> {
        let zone = self.zone(at);
        match zone.hold {
            Hold::Manage(_) => Some(Step::Wait),
            Hold::Write(_) if zone.stale => Some(Step::Wait),
            Hold::Free if zone.stale => Some(self.hold(share, at, Manage::Report)),
            _ => None,
        }
    }

    fn begin_read(&mut self, share: &mut Share, at: u32, offset: u64, len: u64) -> Step {
        share.found = true;
        self.zones[at as usize].readers += 1;
        Step::Go { ddir: Ddir::Read, offset, len, held: Some(at) }
    }

    fn read_on(&mut self, share: &mut Share, len: u64) -> Step {
        let Span { first, last, .. } = *self.span_of(share);
        let mut turns = 0;
        loop {
            if share.read_zone >= last {
                turns += 1;
                if share.passes_left <= 1 || turns > 1 {
                    return Step::Over;
                }
                share.passes_left -= 1;
                (share.read_zone, share.read_at) = (first, 0);
            }
            let at = share.read_zone;
            if let Some(step) = self.before_read(share, at) {
                return step;
            }
            let (from, to) = self.readable(share, self.zone(at));
            let offset = from + share.read_at;
            let len = fit(len, to.saturating_sub(offset), share.rules.block);
            if len > 0 {
                share.read_at += len;
                return self.begin_read(share, at, offset, len);
            }
            share.read_zone = at.saturating_add(1).saturating_add(share.rules.skip);
            share.read_at = 0;
        }
    }

    fn read_somewhere(&mut self, share: &mut Share, offset: u64, len: u64) -> Step {
        let mut busy = None;
        for whole in [true, false] {
            let least = if whole { len } else { share.rules.block };
            for at in self.round(share, offset) {
                if self.zone(at).stale || matches!(self.zone(at).hold, Hold::Manage(_)) {
                    busy = busy.or(Some(at));
                    continue;
                }
                let (from, to) = self.readable(share, self.zone(at));
                let there = to.saturating_sub(from);
                if there < least {
                    continue;
                }
                let len = fit(len, there, share.rules.block);
                // As deep in this zone as was drawn, or wrapped round what is there.
                let spots = (there - len) / len + 1;
                let drawn = offset.checked_sub(from).filter(|drawn| drawn + len <= there);
                let within = drawn.unwrap_or((offset.abs_diff(from) / len) % spots * len);
                return self.begin_read(share, at, from + within, len);
            }
        }
        match busy {
            Some(at) => self.before_read(share, at).unwrap_or(Step::Wait),
            None => Step::Over,
        }
    }

    /// A zone to empty; one that is empty is none.
    fn trim(&mut self, share: &mut Share, offset: u64) -> Step {
        let Span { first, last, .. } = *self.span_of(share);
        let may = |zone: &Zone| zone.facts.sequential && zone.facts.writable;
        let has = |zone: &Zone| may(zone) && (zone.stale || !zone.is_empty());
        let chosen = match share.rules.sequential {
            false => {
                let idle = |zone: &Zone| zone.is_free() && zone.readers == 0;
                let ready = |at: &u32| has(self.zone(*at)) && idle(self.zone(*at));
                let full = |at: &u32| has(self.zone(*at));
                let ready = self.round(share, offset).find(ready);
                ready.or_else(|| self.round(share, offset).find(full))
            }
            true => {
                let next = (share.trim_zone..last).find(|at| has(self.zone(*at)));
                if next.is_none() && share.passes_left > 1 {
                    share.passes_left -= 1;
                    share.trim_zone = first;
                }
                next.or_else(|| (share.trim_zone..last).find(|at| has(self.zone(*at))))
            }
        };
        let Some(at) = chosen else { return Step::Over };
        if !self.zone(at).is_free() || self.zone(at).readers > 0 {
            return Step::Wait;
        }
        if self.zone(at).stale {
            return self.hold(share, at, Manage::Report);
        }
        share.trim_zone = at + 1;
        share.found = true;
        self.zones[at as usize].hold = Hold::Manage(share.worker);
        Step::Trim { zone: at }
    }
}

/// `want` where so much is left, else what is left in whole `unit`s.
fn fit(want: u64, left: u64, unit: u64) -> u64 {
    if want <= left {
        want
    } else {
        left - left % unit.max(1)
    }
}
