//! Which blocks repeat: exactly so many of each hundred, in an order that nobody can foresee.
//!
//! Used by [`super::blocks`]. A coin tossed for each block would miss the percentage by chance on
//! small files; this draws without return, so that every hundred blocks keep it.

use crate::workload::rng::Rng;

/// Blocks of a round.
const ROUND: u64 = 100;

/// What is left of the present round.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    percentage: u64,
    left: u64,
    left_yes: u64,
}

impl Quota {
    /// So many of each hundred.
    pub(super) fn new(percentage: u8) -> Quota {
        let percentage = u64::from(percentage);
        Quota { percentage, left: ROUND, left_yes: percentage }
    }

    /// Whether the next one is of them. Where that is not `possible`, it is not, and another one
    /// of the round will be instead.
    pub(super) fn draw(&mut self, possible: bool, rng: &mut Rng) -> bool {
        if self.left == 0 {
            (self.left, self.left_yes) = (ROUND, self.percentage);
        }
        let yes = possible && rng.below(self.left) < self.left_yes;
        self.left -= 1;
        self.left_yes -= u64::from(yes);
        yes
    }
}
