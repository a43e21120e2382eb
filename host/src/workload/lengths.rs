//! Draws the length of a request: fixed, from a range, or by the shares of `bssplit`.
//!
//! Called by the varied way of the generator, once a request. Allocates in [`Lengths::new`] only.

use super::rng::Rng;

/// Block sizes of one direction.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    pub(super) min: u64,
    pub(super) max: u64,
    /// Sizes of a range are any number of bytes.
    unaligned: bool,
    /// A size for each percent; empty without `bssplit`.
    shares: Vec<u64>,
}

impl Lengths {
    /// Shares, where there are any, add up to 100 and hold no size of 0.
    pub(super) fn new(range: (u64, u64), unaligned: bool, split: &[(u64, u8)]) -> Lengths {
        let shares: Vec<u64> = split
            .iter()
            .flat_map(|&(size, percent)| std::iter::repeat_n(size, usize::from(percent)))
            .collect();
        let min = shares.iter().copied().min().unwrap_or(range.0);
        let max = shares.iter().copied().max().unwrap_or(range.1);
        Lengths { min, max, unaligned: unaligned && shares.is_empty(), shares }
    }

    /// What all sizes are multiples of, but for the end of a range.
    pub(super) fn unit(&self) -> u64 {
        self.shares.iter().fold(self.min, |unit, &size| gcd(unit, size))
    }

    /// The only size, if there is but one.
    pub(super) fn fixed(&self) -> Option<u64> {
        (self.min == self.max).then_some(self.min)
    }

    /// A length. Of a range each byte count up to the largest is equally likely, rounded up to a
    /// multiple of the smallest and cut at the largest, which is how fio draws from a range;
    /// unaligned, each size is equally likely (fio gives the largest to nearly half of them).
    #[inline]
    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        if self.min == self.max {
            return self.min;
        }
        if !self.shares.is_empty() {
            return self.shares[rng.below(self.shares.len() as u64) as usize];
        }
        if self.unaligned {
            return self.min + rng.below(self.max - self.min + 1);
        }
        ((rng.below(self.max) / self.min + 1) * self.min).min(self.max)
    }
}

/// The greatest common divisor.
pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}
