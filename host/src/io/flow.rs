//! Shares between jobs: who is ahead of its partners waits for them.
//!
//! Asked by [`super::openloop`] before each request of a job with `flow`. A worker's count stands
//! in its page, where its partners, in whatever cell they run, see it. Partners that have not begun
//! or do not issue any more do not count. Writes its own page only; waits for nobody itself.

use crate::stats::live::{WorkerPage, WorkerState};

/// Looks that only give the CPU away, before naps begin.
const LOOKS_WITHOUT_NAP: u32 = 200;

/// A nap between two looks, where `flow_sleep` asks for none.
const NAP_NS: u64 = 50_000;

/// Partners start and stop together, but not in the same microsecond: so long they count although
/// they do not run yet, or any more. A fast engine would do thousands of requests in between.
const GRACE_NS: u64 = 50_000_000;

/// A partner that is ready is let to begin by the same word, but may get its processor late where
/// there are more workers than processors: so long it is waited for.
const READY_GRACE_NS: u64 = 1_000_000_000;

/// Another worker of the same flow.
#[derive(Clone, Copy, Debug)]
pub struct Partner<'a> {
    /// Its page.
    pub page: &'a WorkerPage,
    /// Its weight, from 1.
    pub weight: u32,
}

impl Partner<'_> {
    fn state(&self) -> WorkerState {
        WorkerState::from_u64(self.page.state.get())
    }

    /// Whether it issues requests.
    fn runs(&self) -> bool {
        matches!(self.state(), WorkerState::Ramp | WorkerState::Measure)
    }
}

/// What is known of a partner.
#[derive(Debug)]
struct Known<'a> {
    partner: Partner<'a>,
    /// It does not count any more from then on, unless it runs.
    counts_until_ns: u64,
}

/// One worker's part in a flow.
#[derive(Debug)]
pub struct Flow<'a> {
    own: &'a WorkerPage,
    weight: u64,
    partners: Vec<Known<'a>>,
    sleep_ns: u64,
    /// `flow_sleep` goes on until then.
    sleeps_until_ns: u64,
    looks: u32,
}

impl<'a> Flow<'a> {
    /// `sleep_ns` is `flow_sleep`.
    pub fn new(
        own: &'a WorkerPage,
        weight: u32,
        partners: Vec<Partner<'a>>,
        sleep_ns: u64,
    ) -> Flow<'a> {
        let weight = u64::from(weight.max(1));
        let unknown = |partner| Known { partner, counts_until_ns: 0 };
        let partners = partners.into_iter().map(unknown).collect();
        Flow { own, weight, partners, sleep_ns, sleeps_until_ns: 0, looks: 0 }
    }

    /// Joins at the level of the slowest partner that runs. To be called before the own page says
    /// that this worker runs.
    pub(super) fn join(&mut self, now_ns: u64) {
        let mut level = None;
        for Known { partner, counts_until_ns } in &mut self.partners {
            if partner.runs() {
                let issued = u128::from(partner.page.flow_issued.get());
                let there = issued * u128::from(self.weight) / u128::from(partner.weight.max(1));
                level = Some(level.unwrap_or(u64::MAX).min(there as u64));
            } else if partner.state() == WorkerState::Ready {
                *counts_until_ns = now_ns.saturating_add(READY_GRACE_NS);
            }
        }
        self.own.flow_issued.set(level.unwrap_or(0));
    }

    /// None: issue. Else when to look again.
    pub(super) fn hold_until_ns(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.sleeps_until_ns {
            return Some(self.sleeps_until_ns);
        }
        let own = u128::from(self.own.flow_issued.get());
        let mut ahead = false;
        for Known { partner, counts_until_ns } in &mut self.partners {
            if partner.runs() {
                *counts_until_ns = now_ns.saturating_add(GRACE_NS);
            }
            let weight = u128::from(partner.weight.max(1));
            let theirs = u128::from(partner.page.flow_issued.get());
            // own / own weight reaches theirs / their weight + 1.
            let beyond = own * weight >= (theirs + weight) * u128::from(self.weight);
            ahead |= beyond && now_ns < *counts_until_ns;
        }
        if !ahead {
            self.looks = 0;
            return None;
        }
        self.looks = self.looks.saturating_add(1);
        if self.sleep_ns > 0 {
            self.sleeps_until_ns = now_ns.saturating_add(self.sleep_ns);
            return Some(self.sleeps_until_ns);
        }
        if self.looks > LOOKS_WITHOUT_NAP {
            return Some(now_ns + NAP_NS);
        }
        std::thread::yield_now();
        Some(now_ns)
    }

    /// A request is issued.
    pub(super) fn issue(&self) {
        self.own.flow_issued.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh_page;
    use super::*;

    fn flows(weights: &[u32]) -> (Vec<&'static WorkerPage>, Vec<Flow<'static>>) {
        let pages: Vec<&WorkerPage> = weights.iter().map(|_| fresh_page()).collect();
        let flow = |at: usize| {
            let others = (0..weights.len()).filter(|&other| other != at);
            let partner = |other: usize| Partner { page: pages[other], weight: weights[other] };
            Flow::new(pages[at], weights[at], others.map(partner).collect(), 0)
        };
        let flows = (0..weights.len()).map(flow).collect();
        (pages, flows)
    }

    fn begin(flow: &mut Flow<'_>, now_ns: u64) {
        flow.join(now_ns);
        flow.own.state.set(WorkerState::Measure as u64);
    }

    #[test]
    fn shares_are_as_the_weights() {
        let (pages, mut flows) = flows(&[3, 2, 1]);
        flows.iter_mut().for_each(|flow| begin(flow, 0));
        for _ in 0..1000 {
            for flow in &mut flows {
                while flow.hold_until_ns(0).is_none() {
                    flow.issue();
                }
            }
        }
        let rounds = pages.iter().zip([3, 2, 1]).map(|(page, w)| page.flow_issued.get() / w);
        assert!(rounds.clone().max().unwrap() - rounds.clone().min().unwrap() <= 1);
        assert!(rounds.min().unwrap() >= 1000);
    }

    #[test]
    fn nobody_waits_for_who_does_not_run() {
        let (pages, mut flows) = flows(&[1, 1]);
        begin(&mut flows[0], 0);
        for _ in 0..500 {
            assert_eq!(flows[0].hold_until_ns(0), None);
            flows[0].issue();
        }
        // One that begins late joins at the present level.
        begin(&mut flows[1], 0);
        assert_eq!(pages[1].flow_issued.get(), 500);
        assert_eq!(flows[0].hold_until_ns(0), None);
        flows[0].issue();
        assert!(flows[0].hold_until_ns(0).is_some());
        for state in [WorkerState::Drain, WorkerState::Done, WorkerState::Failed] {
            pages[1].state.set(state as u64);
            assert!(flows[0].hold_until_ns(GRACE_NS - 1).is_some(), "{state:?}");
            assert_eq!(flows[0].hold_until_ns(GRACE_NS), None, "{state:?}");
        }
    }

    #[test]
    fn who_is_about_to_begin_is_waited_for_a_moment() {
        let (pages, mut flows) = flows(&[1, 1]);
        pages[1].state.set(WorkerState::Ready as u64);
        begin(&mut flows[0], 0);
        flows[0].issue();
        assert!(flows[0].hold_until_ns(READY_GRACE_NS - 1).is_some());
        assert_eq!(flows[0].hold_until_ns(READY_GRACE_NS), None);
    }

    #[test]
    fn looks_become_naps_and_flow_sleep_is_kept() {
        let (_, mut flows) = flows(&[1, 1]);
        flows.iter_mut().for_each(|flow| begin(flow, 0));
        flows[0].issue();
        for _ in 0..LOOKS_WITHOUT_NAP {
            assert_eq!(flows[0].hold_until_ns(0), Some(0));
        }
        assert_eq!(flows[0].hold_until_ns(0), Some(NAP_NS));
        flows[0].sleep_ns = 7;
        assert_eq!(flows[0].hold_until_ns(10), Some(17));
        flows[1].issue();
        flows[1].issue();
        assert_eq!(flows[0].hold_until_ns(16), Some(17));
        assert_eq!(flows[0].hold_until_ns(17), None);
    }
}
