//! Accounting of a finished request's times where something is asked beyond the usual latencies:
//! response times, limits on latencies, latencies that are not wanted.
//!
//! Called by [`super::reap`] for watched jobs, in place of the usual recording. Reads no clock, and
//! does no more than record and judge: what is to end the job is seen by the loop before the next
//! request.

use super::slots::Slot;
use super::target_depth::Verdict;
use super::trouble::TooSlow;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::sys::clock::{Clock, Ticks};

impl<C: Clock> Worker<'_, C> {
    /// Records and judges the times of a request that began in the measure phase and ended well.
    #[inline(never)]
    pub(super) fn watch(&mut self, slot: &Slot, end: Ticks) {
        let lat_ns = self.clock.ns_between(slot.start, end);
        self.record_wanted(slot, lat_ns, end);
        if slot.ddir == Ddir::Sync {
            return;
        }
        let limit_ns = self.pace.max_latency_ns[slot.ddir];
        if lat_ns > limit_ns && self.pace.too_slow.is_none() {
            let (ddir, file) = (slot.ddir, slot.file);
            let (offset, len) = (slot.offset - slot.done, slot.len + slot.done);
            let request = TooSlow::Request { ddir, file, offset, len, lat_ns, limit_ns };
            self.pace.too_slow = Some(request);
        }
        if self.pace.target.is_some() {
            self.count_for_target(slot, lat_ns, end);
        }
    }

    fn record_wanted(&self, slot: &Slot, lat_ns: u64, end: Ticks) {
        let (records, to) = (self.pace.records, &self.page.latencies);
        let dir = slot.ddir as usize;
        let clat_ns = match slot.queued {
            true => self.clock.ns_between(slot.issue, end).min(lat_ns),
            false => lat_ns,
        };
        if records.slat && slot.queued {
            to.slat_ns[dir].record(lat_ns - clat_ns);
        }
        if records.clat {
            to.clat_ns[dir].record(clat_ns);
        }
        // Where clat says the same, it stands for both.
        let stands_for_both = self.settings.sync_engine && records.clat;
        if records.lat && !stands_for_both {
            to.lat_ns[dir].record(lat_ns);
        }
        if records.response && self.pace.pacer.limits(slot.ddir) {
            to.qlat_ns[dir].record(slot.qlat_ns);
            to.rlat_ns[dir].record(slot.qlat_ns + lat_ns);
        }
    }

    /// `latency_target`: requests count for the depth that they began at.
    fn count_for_target(&mut self, slot: &Slot, lat_ns: u64, end: Ticks) {
        let Some(target) = &mut self.pace.target else { return };
        if self.pace.window_since == Ticks(0) {
            self.pace.window_since = slot.start;
        }
        if slot.start < self.pace.window_since || self.pace.found {
            return;
        }
        let age_ns = self.clock.ns_between(self.pace.window_since, end);
        if !target.count(lat_ns, age_ns) {
            return;
        }
        let (ios, slow_ios) = target.counted();
        let depth = target.depth();
        let (met, verdict) = target.judge();
        let rule = *target.rule();
        self.page.measure.latency_depth.set(u64::from(depth));
        self.page.measure.latency_met.set(u64::from(met));
        self.pace.window_since = end;
        match verdict {
            Verdict::Open => {}
            Verdict::Found => self.pace.found = !rule.run,
            Verdict::Impossible => {
                let (target_ns, percentile) = (rule.target_ns, rule.percentile);
                self.pace.too_slow = Some(TooSlow::Target { target_ns, percentile, ios, slow_ios });
            }
        }
    }
}
