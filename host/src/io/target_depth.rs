//! The search for the largest depth whose latency is good enough (`latency_target`).
//!
//! Told of each finished request by [`super::watch`], asked for the depth by [`super::openloop`].
//! Each depth is tried for a window: doubled while it is good, halved in between the last good and
//! the first bad one after that; what was found must stand a window of its own before it counts.
//! Pure: reads no clock.

/// `latency_target` and its kin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetRule {
    /// The latency to keep to.
    pub target_ns: u64,
    /// Length of a window.
    pub window_ns: u64,
    /// So many percent of a window's requests have to keep to it.
    pub percentile: f64,
    /// Go on at the depth that was found, and follow what the device does.
    pub run: bool,
}

/// Good windows in a row after which a job that goes on tries one more.
const PATIENCE: u32 = 8;

/// How the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Open,
    /// The present depth is the answer.
    Found,
    /// Not even one request at a time is fast enough.
    Impossible,
}

/// The search of one worker.
#[derive(Clone, Debug)]
pub(super) struct DepthSearch {
    rule: TargetRule,
    depth_max: u32,
    depth: u32,
    /// The largest depth that was good; 0 = none yet.
    good: u32,
    /// The smallest depth that was bad.
    bad: u32,
    /// Requests of the present window.
    ios: u64,
    slow_ios: u64,
    /// The present depth is the answer, if it stands this window.
    confirming: bool,
    /// A job that goes on has found its depth; so many good windows in a row since.
    settled: Option<u32>,
}

impl DepthSearch {
    pub(super) fn new(rule: TargetRule, depth_max: u32) -> DepthSearch {
        DepthSearch {
            rule,
            depth_max: depth_max.max(1),
            depth: 1,
            good: 0,
            bad: depth_max.max(1) + 1,
            ios: 0,
            slow_ios: 0,
            confirming: false,
            settled: None,
        }
    }

    /// The rule.
    pub(super) fn rule(&self) -> &TargetRule {
        &self.rule
    }

    /// At most so many requests in flight now.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// A request of the present window ended. True: the window may be judged.
    pub(super) fn count(&mut self, lat_ns: u64, window_age_ns: u64) -> bool {
        self.ios += 1;
        self.slow_ios += u64::from(lat_ns > self.rule.target_ns);
        window_age_ns >= self.rule.window_ns
    }

    /// Requests of the window, and those among them that were too slow.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.ios, self.slow_ios)
    }

    /// The window is over: whether it was good, and what now. The next one begins.
    pub(super) fn judge(&mut self) -> (bool, Verdict) {
        let fast_percent = (self.ios - self.slow_ios) as f64 * 100.0 / self.ios.max(1) as f64;
        let met = fast_percent >= self.rule.percentile;
        (self.ios, self.slow_ios) = (0, 0);
        let verdict = match self.settled {
            Some(streak) => self.follow(met, streak),
            None => self.search(met),
        };
        (met, verdict)
    }

    fn search(&mut self, met: bool) -> Verdict {
        if met {
            if self.confirming {
                self.settled = Some(0);
                return Verdict::Found;
            }
            self.good = self.depth;
        } else {
            self.bad = self.depth;
            if self.confirming {
                // What stood once and does not stand twice is no answer: search below it again.
                self.good = 1;
            }
        }
        if self.bad == 1 {
            if self.rule.run {
                self.settled = Some(0);
                return Verdict::Open;
            }
            return Verdict::Impossible;
        }
        let all_good_so_far = self.bad > self.depth_max;
        let next = match self.bad - self.good {
            1 => self.good,
            _ if all_good_so_far => (self.good * 2).min(self.depth_max),
            distance => self.good + distance / 2,
        };
        self.confirming = next == self.good;
        self.depth = next;
        Verdict::Open
    }

    /// A job that goes on: down at once when it is too slow, up by one when it was good for long.
    fn follow(&mut self, met: bool, streak: u32) -> Verdict {
        if !met {
            self.depth = (self.depth - self.depth.div_ceil(8)).max(1);
            self.settled = Some(0);
        } else if streak + 1 >= PATIENCE {
            self.depth = (self.depth + 1).min(self.depth_max);
            self.settled = Some(0);
        } else {
            self.settled = Some(streak + 1);
        }
        Verdict::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: TargetRule =
        TargetRule { target_ns: 1000, window_ns: 10, percentile: 99.0, run: false };

    /// One window in which a fraction of the requests is slow.
    fn window(search: &mut DepthSearch, slow_percent: u64) -> (bool, Verdict) {
        for i in 0..100 {
            let lat_ns = if i < slow_percent { 1001 } else { 1000 };
            let over = search.count(lat_ns, if i == 99 { 10 } else { 9 });
            assert_eq!(over, i == 99);
        }
        search.judge()
    }

    /// Searches with a device that is good up to `limit`: the depth found and windows taken.
    fn find(depth_max: u32, limit: u32) -> (Verdict, u32, u32) {
        let mut search = DepthSearch::new(RULE, depth_max);
        for windows in 1..200 {
            assert!((1..=depth_max).contains(&search.depth()));
            let slow = if search.depth() <= limit { 1 } else { 2 };
            match window(&mut search, slow) {
                (_, Verdict::Open) => {}
                (_, verdict) => return (verdict, search.depth(), windows),
            }
        }
        panic!("no end");
    }

    #[test]
    fn every_depth_is_found() {
        for depth_max in [1, 2, 3, 7, 8, 32, 100] {
            for limit in 1..=depth_max + 1 {
                let (verdict, depth, windows) = find(depth_max, limit);
                assert_eq!(verdict, Verdict::Found);
                assert_eq!(depth, limit.min(depth_max), "of {depth_max}");
                assert!(windows <= 2 * depth_max.ilog2() + 3, "{windows} windows");
            }
        }
    }

    #[test]
    fn not_even_one_at_a_time() {
        assert_eq!(find(32, 0), (Verdict::Impossible, 1, 1));
        let mut search = DepthSearch::new(TargetRule { run: true, ..RULE }, 32);
        assert_eq!(window(&mut search, 2), (false, Verdict::Open));
        assert_eq!(search.depth(), 1);
    }

    #[test]
    fn what_does_not_stand_twice_is_no_answer() {
        let mut search = DepthSearch::new(RULE, 4);
        for slow in [0, 0, 2, 2] {
            assert_eq!(window(&mut search, slow).1, Verdict::Open);
        }
        // 1 and 2 were good, 4 and 3 bad; 2 is tried once more and fails.
        assert_eq!((search.depth(), search.confirming), (2, true));
        assert_eq!(window(&mut search, 2), (false, Verdict::Open));
        assert_eq!(search.depth(), 1);
        assert_eq!(window(&mut search, 0).1, Verdict::Found);
        assert_eq!(search.depth(), 1);
    }

    #[test]
    fn a_job_that_goes_on_follows_the_device() {
        let mut search = DepthSearch::new(TargetRule { run: true, ..RULE }, 16);
        for (limit, windows, depths) in [(16, 20, 16..=16), (5, 20, 4..=6), (16, 200, 16..=16)] {
            for _ in 0..windows {
                let slow = if search.depth() <= limit { 0 } else { 50 };
                window(&mut search, slow);
            }
            assert!(depths.contains(&search.depth()), "{limit}: {}", search.depth());
        }
    }
}
