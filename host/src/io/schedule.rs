//! Schedules of rates: when each request of a limited direction is due, and how many are owed.
//!
//! Called by [`super::openloop`] before and after each request of a job with a rate. Each limited
//! direction has a schedule of its own, which begins with its phase and knows nothing of what the
//! engine does: a request that comes late is owed and made up for, and nothing moves because of it.
//! Pure arithmetic: reads no clock, allocates nothing; the worker waits.

use super::poisson::Poisson;
use crate::ddir::{Ddir, PerDir};

const SECOND_NS: u128 = 1_000_000_000;

/// The limit of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes a second.
    Bytes(u64),
    /// Requests a second.
    Ios(u64),
}

impl Limit {
    /// Its number, never 0.
    fn per_s(self) -> u64 {
        let (Limit::Bytes(per_s) | Limit::Ios(per_s)) = self;
        per_s.max(1)
    }

    /// What a request of `len` bytes takes of it.
    fn share(self, len: u64) -> u64 {
        match self {
            Limit::Bytes(_) => len,
            Limit::Ios(_) => 1,
        }
    }
}

/// How requests are spread over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// At equal distances.
    #[default]
    Linear,
    /// At exponentially distributed distances, drawn from this seed.
    Poisson(u64),
}

/// The schedule of one direction. Request n is due when what the requests before it take of the
/// limit has had its time (with poisson: that time on average); the first one is due at once.
#[derive(Clone, Debug)]
struct Lane {
    limit: Limit,
    begin_ns: u64,
    /// Requests that were issued.
    issued: u64,
    /// What they took of the limit.
    spent: u64,
    /// When the next one is due.
    due_ns: u64,
    poisson: Option<Poisson>,
}

impl Lane {
    fn new(limit: Limit, spread: Spread, ddir: Ddir) -> Lane {
        let poisson = match spread {
            Spread::Linear => None,
            Spread::Poisson(seed) => Some(Poisson::new(limit.per_s(), seed, ddir as u64)),
        };
        Lane { limit, begin_ns: 0, issued: 0, spent: 0, due_ns: 0, poisson }
    }

    fn restart(&mut self, now_ns: u64) {
        (self.begin_ns, self.due_ns) = (now_ns, now_ns);
        (self.issued, self.spent) = (0, 0);
        self.poisson.iter_mut().for_each(Poisson::restart);
    }

    fn spend(&mut self, len: u64) {
        let share = self.limit.share(len);
        self.issued += 1;
        self.spent += share;
        let after_ns = match &mut self.poisson {
            Some(poisson) => poisson.step(share),
            None => {
                let time = u128::from(self.spent) * SECOND_NS;
                time.div_ceil(u128::from(self.limit.per_s())) as u64
            }
        };
        self.due_ns = self.begin_ns.saturating_add(after_ns);
    }

    /// Requests that are due at `now_ns` and were not issued. Where sizes vary, those to come are
    /// taken for as large as those before them on average.
    fn backlog(&mut self, now_ns: u64) -> u64 {
        if now_ns < self.due_ns {
            return 0;
        }
        let elapsed_ns = now_ns - self.begin_ns;
        let mean_share = (self.spent / self.issued.max(1)).max(1);
        match &mut self.poisson {
            Some(poisson) => poisson.backlog(elapsed_ns, self.issued, mean_share),
            None => {
                let granted = u128::from(elapsed_ns) * u128::from(self.limit.per_s()) / SECOND_NS;
                (granted as u64).saturating_sub(self.spent) / mean_share + 1
            }
        }
    }
}

/// Schedules of all directions.
#[derive(Clone, Debug)]
pub struct Pacer {
    lanes: PerDir<Option<Lane>>,
    limited: bool,
}

impl Pacer {
    /// Not started yet: everything is due at time 0.
    pub fn new(limits: PerDir<Option<Limit>>, spread: Spread) -> Pacer {
        let limited = limits.iter().any(|(_, limit)| limit.is_some());
        let lane = |ddir: Ddir| limits[ddir].map(|limit| Lane::new(limit, spread, ddir));
        let lanes =
            PerDir { read: lane(Ddir::Read), write: lane(Ddir::Write), trim: lane(Ddir::Trim) };
        Pacer { lanes, limited }
    }

    /// Whether any direction is limited.
    pub fn is_limited(&self) -> bool {
        self.limited
    }

    /// Whether requests of `ddir` have an intended start.
    pub fn limits(&self, ddir: Ddir) -> bool {
        ddir != Ddir::Sync && self.lanes[ddir].is_some()
    }

    /// Starts all schedules at `now_ns`; what was owed is forgotten.
    pub fn restart(&mut self, now_ns: u64) {
        for ddir in Ddir::DATA {
            self.lanes[ddir].iter_mut().for_each(|lane| lane.restart(now_ns));
        }
    }

    /// When the next request of `ddir` is due, CLOCK_MONOTONIC; none = at once.
    pub fn due_ns(&self, ddir: Ddir) -> Option<u64> {
        if ddir == Ddir::Sync {
            return None;
        }
        self.lanes[ddir].as_ref().map(|lane| lane.due_ns)
    }

    /// A request of `len` bytes is issued.
    pub fn spend(&mut self, ddir: Ddir, len: u64) {
        if ddir == Ddir::Sync {
            return;
        }
        if let Some(lane) = &mut self.lanes[ddir] {
            lane.spend(len);
        }
    }

    /// Requests of all directions that are due at `now_ns` and were not issued.
    pub fn backlog(&mut self, now_ns: u64) -> u64 {
        let lanes = Ddir::DATA.into_iter();
        let mut sum = 0;
        for ddir in lanes {
            sum += self.lanes[ddir].as_mut().map_or(0, |lane| lane.backlog(now_ns));
        }
        sum
    }
}

#[cfg(test)]
mod tests;
