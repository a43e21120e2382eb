//! The samples of the tester's own time, and the figure that stands for them: their median.
//!
//! Fed by [`super::harness`], once in some thousand requests. A mean would be at the mercy of one
//! interrupt, one preemption, one visit of the hypervisor in the few microseconds of a sample; the
//! median is what a request costs when nothing comes in between. Allocates nothing.

use crate::stats::live::MeasureCounters;

/// Samples that are remembered: the newest. Odd, so that one of them is the middle.
const KEPT: usize = 63;

/// Parts of a nanosecond in which times per request are kept.
const PARTS: u128 = 1024;

/// The newest samples of one worker.
#[derive(Debug)]
pub(super) struct Samples {
    /// Time per request, in parts.
    kept: [u64; KEPT],
    /// Samples so far.
    taken: u64,
    /// Requests in all of them.
    ios: u64,
}

impl Samples {
    pub(super) fn new() -> Self {
        Samples { kept: [0; KEPT], taken: 0, ios: 0 }
    }

    /// Takes one: `own_ns` during `ios` requests, at least one. Publishes the median, times the
    /// requests that were sampled, so that workers' figures can be added.
    pub(super) fn take(&mut self, own_ns: u64, ios: u64, to: &MeasureCounters) {
        let per_io = u128::from(own_ns) * PARTS / u128::from(ios.max(1));
        self.kept[(self.taken % KEPT as u64) as usize] = per_io.min(u64::MAX.into()) as u64;
        self.taken += 1;
        self.ios += ios;
        let mut sorted = self.kept;
        let sorted = &mut sorted[..self.taken.min(KEPT as u64) as usize];
        sorted.sort_unstable();
        let median = u128::from(sorted[(sorted.len() - 1) / 2]);
        to.harness_ns.set((median * u128::from(self.ios) / PARTS) as u64);
        to.harness_ios.set(self.ios);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh_page;
    use super::*;

    #[test]
    fn one_preemption_is_not_the_testers_own_time() {
        let (page, mut samples) = (fresh_page(), Samples::new());
        for n in 0..500 {
            let own_ns = if n % 7 == 3 { 4_000_000 } else { 32 * 30 + n % 3 };
            samples.take(own_ns, 32, &page.measure);
        }
        let (ns, ios) = (page.measure.harness_ns.get(), page.measure.harness_ios.get());
        assert_eq!(ios, 500 * 32);
        assert!((30..=30 + 1).contains(&(ns / ios)), "{ns} ns in {ios}");
    }

    #[test]
    fn a_figure_that_changes_is_followed_and_no_number_is_too_large() {
        let (page, mut samples) = (fresh_page(), Samples::new());
        samples.take(64, 32, &page.measure);
        assert_eq!((page.measure.harness_ns.get(), page.measure.harness_ios.get()), (64, 32));
        for _ in 0..40 {
            samples.take(96, 32, &page.measure);
        }
        assert_eq!(page.measure.harness_ns.get(), 41 * 32 * 3);
        for _ in 0..40 {
            samples.take(u64::MAX, 1, &page.measure);
        }
    }
}
