//! Pauses between requests: when one is due, and how much of it is spent computing.
//!
//! Asked by [`super::openloop`] before each request of a job with `thinktime`. Pure: reads no
//! clock, and the worker does the waiting. Knows nothing of rates: time that was thought away is
//! owed to a rate's schedule and made up for.

/// `thinktime` and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinkRule {
    /// Length of a pause.
    pub pause_ns: u64,
    /// So much of its beginning is spent computing.
    pub spin_ns: u64,
    /// A pause after so many requests; 0 = not by their number.
    pub blocks: u64,
    /// They count when they are issued; else each of them has to have ended as well, so that
    /// nothing is in flight during a pause.
    pub by_issue: bool,
    /// A pause after so long a time of I/O; 0 = not by time.
    pub iotime_ns: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thought {
    /// Issue.
    Go,
    /// A pause begins once nothing is in flight.
    Finish,
    /// A pause begins: compute until the first time, rest until the second.
    Begin { spin_until_ns: u64, until_ns: u64 },
    /// A pause goes on until then.
    Rest(u64),
}

/// Pauses of one worker.
#[derive(Clone, Debug)]
pub(super) struct Thinking {
    rule: ThinkRule,
    /// Requests issued since the last pause.
    issued: u64,
    /// Begin of the time of I/O; none before the first request after a pause.
    io_since_ns: Option<u64>,
    pause_until_ns: Option<u64>,
}

impl Thinking {
    pub(super) fn new(rule: ThinkRule) -> Thinking {
        Thinking { rule, issued: 0, io_since_ns: None, pause_until_ns: None }
    }

    /// What to do at `now_ns` with so many requests under way.
    pub(super) fn look(&mut self, now_ns: u64, under_way: u32) -> Thought {
        if let Some(until_ns) = self.pause_until_ns {
            if now_ns < until_ns {
                return Thought::Rest(until_ns);
            }
            self.pause_until_ns = None;
        }
        let rule = &self.rule;
        let by_blocks = rule.blocks > 0 && self.issued >= rule.blocks;
        let io_ns = self.io_since_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        let by_time = rule.iotime_ns > 0 && io_ns >= rule.iotime_ns;
        if !by_blocks && !by_time {
            return Thought::Go;
        }
        if !rule.by_issue && under_way > 0 {
            return Thought::Finish;
        }
        let until_ns = now_ns.saturating_add(rule.pause_ns);
        let spin_until_ns = now_ns.saturating_add(rule.spin_ns.min(rule.pause_ns));
        (self.issued, self.io_since_ns) = (0, None);
        self.pause_until_ns = Some(until_ns);
        Thought::Begin { spin_until_ns, until_ns }
    }

    /// A request is issued.
    pub(super) fn issue(&mut self, now_ns: u64) {
        self.issued += 1;
        self.io_since_ns.get_or_insert(now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: ThinkRule =
        ThinkRule { pause_ns: 100, spin_ns: 30, blocks: 2, by_issue: false, iotime_ns: 0 };

    #[test]
    fn a_pause_comes_after_so_many_requests_have_ended() {
        let mut thinking = Thinking::new(RULE);
        for now_ns in [10, 20] {
            assert_eq!(thinking.look(now_ns, 1), Thought::Go);
            thinking.issue(now_ns);
        }
        assert_eq!(thinking.look(30, 2), Thought::Finish);
        assert_eq!(thinking.look(40, 1), Thought::Finish);
        let begin = Thought::Begin { spin_until_ns: 80, until_ns: 150 };
        assert_eq!(thinking.look(50, 0), begin);
        assert_eq!(thinking.look(80, 0), Thought::Rest(150));
        assert_eq!(thinking.look(150, 0), Thought::Go);
        thinking.issue(150);
        assert_eq!(thinking.look(160, 0), Thought::Go);
    }

    #[test]
    fn by_issue_nothing_has_to_have_ended() {
        let mut thinking = Thinking::new(ThinkRule { by_issue: true, blocks: 1, ..RULE });
        assert_eq!(thinking.look(0, 0), Thought::Go);
        thinking.issue(0);
        assert!(matches!(thinking.look(5, 1), Thought::Begin { until_ns: 105, .. }));
        assert_eq!(thinking.look(105, 1), Thought::Go);
    }

    #[test]
    fn time_of_io_counts_from_the_first_request_after_a_pause() {
        let rule = ThinkRule { blocks: 0, iotime_ns: 900, ..RULE };
        let mut thinking = Thinking::new(rule);
        assert_eq!(thinking.look(5_000, 0), Thought::Go);
        thinking.issue(5_000);
        assert_eq!(thinking.look(5_899, 0), Thought::Go);
        assert!(matches!(thinking.look(5_900, 0), Thought::Begin { until_ns: 6_000, .. }));
        assert_eq!(thinking.look(6_000, 0), Thought::Go);
        // Whichever comes first.
        let mut both = Thinking::new(ThinkRule { blocks: 1, ..rule });
        both.issue(0);
        assert!(matches!(both.look(1, 0), Thought::Begin { .. }));
    }

    #[test]
    fn computing_takes_no_more_than_the_pause() {
        let mut thinking = Thinking::new(ThinkRule { spin_ns: 500, ..RULE });
        thinking.issue(0);
        thinking.issue(0);
        let begin = Thought::Begin { spin_until_ns: 100, until_ns: 100 };
        assert_eq!(thinking.look(0, 0), begin);
    }
}
