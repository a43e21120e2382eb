//! Rates: when the next request of a direction is due.
//!
//! Each limited direction has a schedule of its own: request n is due when the bytes (or requests)
//! before it have had their time. A request that comes late is issued at once and the schedule
//! catches up, so that the mean is exact; a new phase starts the schedule anew, so that nothing
//! saved up during ramp bursts into the measurement. Pure arithmetic: the worker waits.

use crate::ddir::{Ddir, PerDir};

/// The limit of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes a second.
    Bytes(u64),
    /// Requests a second.
    Ios(u64),
}

/// Schedules of all directions.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    limits: PerDir<Option<Limit>>,
    spent: PerDir<u64>,
    begin_ns: u64,
    limited: bool,
}

impl Pacer {
    /// Not started yet: everything is due at time 0.
    pub fn new(limits: PerDir<Option<Limit>>) -> Pacer {
        let limited = limits.iter().any(|(_, limit)| limit.is_some());
        Pacer { limits, spent: PerDir::all(0), begin_ns: 0, limited }
    }

    /// Whether any direction is limited.
    #[inline(always)]
    pub fn is_limited(&self) -> bool {
        self.limited
    }

    /// Starts all schedules at `now_ns`.
    pub fn restart(&mut self, now_ns: u64) {
        self.spent = PerDir::all(0);
        self.begin_ns = now_ns;
    }

    /// When the next request of `ddir` is due, CLOCK_MONOTONIC; none = at once.
    pub fn due_ns(&self, ddir: Ddir) -> Option<u64> {
        if ddir == Ddir::Sync {
            return None;
        }
        let (Limit::Bytes(per_s) | Limit::Ios(per_s)) = self.limits[ddir]?;
        let after = u128::from(self.spent[ddir]) * 1_000_000_000 / u128::from(per_s.max(1));
        Some(self.begin_ns.saturating_add(after as u64))
    }

    /// A request of `len` bytes is issued.
    pub fn spend(&mut self, ddir: Ddir, len: u64) {
        if ddir == Ddir::Sync {
            return;
        }
        match self.limits[ddir] {
            Some(Limit::Bytes(_)) => self.spent[ddir] += len,
            Some(Limit::Ios(_)) => self.spent[ddir] += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_evenly() {
        let limits = PerDir { read: Some(Limit::Ios(1000)), write: None, trim: None };
        let mut pacer = Pacer::new(limits);
        pacer.restart(5_000);
        for n in 0..10 {
            assert_eq!(pacer.due_ns(Ddir::Read), Some(5_000 + n * 1_000_000));
            pacer.spend(Ddir::Read, 4096);
        }
        assert_eq!(pacer.due_ns(Ddir::Write), None);
        assert_eq!(pacer.due_ns(Ddir::Sync), None);
    }

    #[test]
    fn bytes_are_due_by_what_was_issued() {
        let mut pacer = Pacer::new(PerDir::all(Some(Limit::Bytes(1 << 20))));
        pacer.spend(Ddir::Write, 1 << 19);
        assert_eq!(pacer.due_ns(Ddir::Write), Some(500_000_000));
        assert_eq!(pacer.due_ns(Ddir::Trim), Some(0));
        pacer.restart(7);
        assert_eq!(pacer.due_ns(Ddir::Write), Some(7));
    }
}
