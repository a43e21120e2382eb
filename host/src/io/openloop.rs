//! The loop's way to the next request where something may hold it back: rates, pauses, partners, a
//! depth to keep to.
//!
//! Called by the loop in [`super::worker`] for paced jobs only, before anything is drawn from the
//! generator. With a rate, each request has an intended start, which is its own whatever the engine
//! does, and the distance to its real start is kept with it. Never issues before its time.

use super::signal::Signal;
use super::thinktime::Thought;
use super::trouble::Trouble;
use super::worker::{Filled, Worker};
use crate::ddir::Ddir;
use crate::sys::clock::{Clock, Stage};

/// Longest sleep between two looks at the signal.
const NAP_NS: u64 = 20_000_000;

/// A wait that is shorter than going to sleep and waking up takes is spent awake.
const AWAKE_NS: u64 = 5_000;

impl<C: Clock> Worker<'_, C> {
    /// Offers the next request of the load. Something comes back where there is none to offer now.
    #[inline(never)]
    pub(super) fn offer_paced(&mut self) -> Result<Option<Filled>, Trouble> {
        // A failure that was reaped while nothing was due must not wait for what is due next.
        if self.failures.stop || self.pace.found || self.pace.too_slow.is_some() {
            return Ok(Some(Filled::Ended));
        }
        if self.pace.target.as_ref().is_some_and(|target| self.in_flight >= target.depth()) {
            return Ok(Some(Filled::Full));
        }
        let now_ns = self.clock.mono_ns();
        if let Some(filled) = self.hold_back(now_ns)? {
            return Ok(Some(filled));
        }
        let Some(request) = self.generator.next() else { return Ok(Some(Filled::Ended)) };
        let due_ns = self.pace.pacer.due_ns(request.ddir);
        self.pace.pacer.spend(request.ddir, request.len);
        self.pace.flow.iter().for_each(|flow| flow.issue());
        self.pace.think.iter_mut().for_each(|think| think.issue(now_ns));
        let mut slot = self.slot_by_detour(request);
        let mut start_ns = now_ns;
        if self.settings.write_after_trim || self.doorway.is_some() {
            self.prepare_way(request.ddir, request.file)?;
            start_ns = self.clock.mono_ns();
        }
        if self.failures.stop {
            return Ok(Some(Filled::Ended));
        }
        if let Some(due_ns) = due_ns {
            slot.qlat_ns = start_ns.saturating_sub(due_ns);
            // An earlier look at the clock may lie before the intended start.
            self.stamp = self.settings.timed.then(|| self.clock.ticks());
            if self.phase == Signal::MEASURE {
                self.look_at_backlog(start_ns);
            }
        }
        self.begin_by_detour(slot).map(|()| None)
    }

    /// What holds the next request back at `now_ns`, if anything does.
    fn hold_back(&mut self, now_ns: u64) -> Result<Option<Filled>, Trouble> {
        if let Some(think) = &mut self.pace.think {
            let under_way = self.in_flight + self.pending.len() as u32;
            match think.look(now_ns, under_way) {
                Thought::Go => {}
                Thought::Finish => return Ok(Some(Filled::Full)),
                Thought::Rest(until_ns) => return Ok(Some(Filled::NotBefore(until_ns))),
                Thought::Begin { spin_until_ns, until_ns } => {
                    if self.generator.peek().is_none() {
                        return Ok(Some(Filled::Ended));
                    }
                    self.compute(spin_until_ns.saturating_sub(now_ns))?;
                    return Ok(Some(Filled::NotBefore(until_ns)));
                }
            }
        }
        if self.pace.pacer.is_limited() {
            if let Some(due_ns) = self.not_before(now_ns) {
                return Ok(Some(Filled::NotBefore(due_ns)));
            }
        }
        let flow = self.pace.flow.as_mut();
        Ok(flow.and_then(|flow| flow.hold_until_ns(now_ns)).map(Filled::NotBefore))
    }

    /// With rates: none where the next request is due, else when it will be. Where both directions
    /// of a mix are limited, the one that is due first goes first, so that each keeps its rate;
    /// where one is, and it was drawn and is not due, the other one goes instead.
    fn not_before(&mut self, now_ns: u64) -> Option<u64> {
        let drawn = self.generator.peek()?;
        if !self.settings.mixed {
            return self.pace.pacer.due_ns(drawn).filter(|due_ns| *due_ns > now_ns);
        }
        let other = match drawn {
            Ddir::Read => Ddir::Write,
            _ => Ddir::Read,
        };
        match (self.pace.pacer.due_ns(drawn), self.pace.pacer.due_ns(other)) {
            (Some(drawn_ns), Some(other_ns)) => {
                self.generator.steer(if other_ns < drawn_ns { other } else { drawn });
                Some(drawn_ns.min(other_ns)).filter(|due_ns| *due_ns > now_ns)
            }
            (Some(drawn_ns), None) if drawn_ns > now_ns => {
                self.generator.steer(other);
                None
            }
            _ => None,
        }
    }

    /// Counts what is owed at `now_ns`; what begins now is no longer owed.
    pub(super) fn look_at_backlog(&mut self, now_ns: u64) {
        let backlog = self.pace.pacer.backlog(now_ns);
        self.page.measure.backlog_sum.add(backlog);
        self.page.measure.backlog_looks.add(1);
        self.page.measure.backlog_max.raise(backlog);
    }

    /// The busy part of a pause.
    #[cold]
    fn compute(&mut self, for_ns: u64) -> Result<(), Trouble> {
        self.commit()?;
        self.stamp = None;
        self.harness.discard();
        self.stay_awake(for_ns);
        Ok(())
    }

    /// Spends so much time awake, or less where the signal changes.
    fn stay_awake(&self, for_ns: u64) {
        let begin = self.clock.ticks();
        while self.clock.ns_between(begin, self.clock.ticks()) < for_ns
            && self.signal.get() == self.phase
        {
            std::hint::spin_loop();
        }
    }

    /// Nothing is due: take back what is ready, sleep until something is due or comes back.
    #[cold]
    pub(super) fn wait_until(&mut self, due_ns: u64) -> Result<(), Trouble> {
        self.commit()?;
        self.stamp = None;
        self.harness.discard();
        let now_ns = self.clock.mono_ns();
        let nap_ns = due_ns.saturating_sub(now_ns).min(NAP_NS);
        let max = self.settings.complete_max.max(1);
        let was = self.clock.enter(Stage::Wait);
        let waited = match (self.in_flight > 0, nap_ns < AWAKE_NS) {
            (true, true) => self.reap(0, max, 0),
            (true, false) => {
                let in_flight = self.in_flight;
                let reaped = self.reap(1, max, nap_ns as i64);
                // What woke it was the time limit, and not a completion.
                if reaped.is_ok() && self.in_flight == in_flight {
                    self.count_slip(now_ns + nap_ns);
                }
                reaped
            }
            (false, true) => {
                self.stay_awake(nap_ns);
                Ok(())
            }
            (false, false) => {
                self.clock.sleep_until(now_ns + nap_ns);
                self.count_slip(now_ns + nap_ns);
                Ok(())
            }
        };
        self.clock.enter(was);
        waited
    }

    /// A sleep that was to last until `wanted_ns` is over: counts by how much too late.
    fn count_slip(&mut self, wanted_ns: u64) {
        let now_ns = self.clock.mono_ns();
        // What a signal or a wake from elsewhere ended early was no slip of a timer.
        if self.phase == Signal::MEASURE && now_ns >= wanted_ns {
            let measure = &self.page.measure;
            measure.slips.add(1);
            measure.slip_ns.add(now_ns - wanted_ns);
            measure.slip_ns_max.raise(now_ns - wanted_ns);
        }
    }
}
