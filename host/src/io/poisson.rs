//! Arrivals of independent users: distances in time that are exponentially distributed.
//!
//! Used by [`super::schedule`]. A promise as the workload's: one seed, one sequence, on every
//! machine, so the logarithm is made of the basic operations, which are exact everywhere. A second
//! cursor runs ahead on the same sequence and counts what is owed; it must not disturb the first.

use crate::workload::{mix_seed, Rng};

/// Time is counted in this part of a nanosecond, so that rounding does not add up.
const FRACTION_BITS: u32 = 10;

/// Most arrivals that one look at the backlog counts: a look is to stay short, also after a long
/// stall. The next looks count the rest.
const STEPS_MAX: u32 = 4096;

/// Arrivals of one direction.
#[derive(Clone, Debug)]
pub(super) struct Poisson {
    seed: u64,
    /// Mean distance for a share of 1, in fractions of a nanosecond.
    mean: f64,
    issue: Cursor,
    ahead: Cursor,
}

/// A place in the sequence of arrivals.
#[derive(Clone, Debug)]
struct Cursor {
    rng: Rng,
    /// Arrivals before this place.
    count: u64,
    /// Time of the arrival at this place, since the beginning.
    at: u64,
}

impl Cursor {
    fn new(seed: u64) -> Cursor {
        Cursor { rng: Rng::new(seed), count: 0, at: 0 }
    }

    fn step(&mut self, mean: f64) {
        let distance = exponential(&mut self.rng) * mean;
        self.count += 1;
        self.at = self.at.saturating_add((distance + 0.5) as u64);
    }

    fn at_ns(&self) -> u64 {
        self.at.div_ceil(1 << FRACTION_BITS)
    }
}

impl Poisson {
    /// `per_s` shares a second on average; `stream` sets directions of one seed apart.
    pub(super) fn new(per_s: u64, seed: u64, stream: u64) -> Poisson {
        let seed = mix_seed(seed, stream);
        let mean = 1e9 * f64::from(1 << FRACTION_BITS) / per_s as f64;
        Poisson { seed, mean, issue: Cursor::new(seed), ahead: Cursor::new(seed) }
    }

    /// From the beginning: each phase has the same sequence.
    pub(super) fn restart(&mut self) {
        self.issue = Cursor::new(self.seed);
        self.ahead = self.issue.clone();
    }

    /// A request that takes `share` is issued: when the next one is due, since the beginning.
    pub(super) fn step(&mut self, share: u64) -> u64 {
        self.issue.step(self.mean * share as f64);
        self.issue.at_ns()
    }

    /// Arrivals up to `elapsed_ns` beyond the first `issued`.
    pub(super) fn backlog(&mut self, elapsed_ns: u64, issued: u64, mean_share: u64) -> u64 {
        if self.ahead.count <= issued {
            self.ahead = self.issue.clone();
        }
        let mean = self.mean * mean_share as f64;
        for _ in 0..STEPS_MAX {
            if self.ahead.at_ns() > elapsed_ns {
                break;
            }
            self.ahead.step(mean);
        }
        self.ahead.count.saturating_sub(issued)
    }
}

/// A draw from the exponential distribution with mean 1.
fn exponential(rng: &mut Rng) -> f64 {
    // 53 bits, moved off 0: above 0 and at most 1.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    -ln(uniform)
}

/// Natural logarithm of a normal number above 0, to some 1e-16: the exponent's part, and the series
/// of artanh for the rest. Basic operations only.
fn ln(x: f64) -> f64 {
    const EXPONENT_BIAS: i64 = 1023;
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - EXPONENT_BIAS;
    let mut rest = f64::from_bits((bits & MANTISSA) | ((EXPONENT_BIAS as u64) << 52));
    if rest > std::f64::consts::SQRT_2 {
        rest *= 0.5;
        exponent += 1;
    }
    let s = (rest - 1.0) / (rest + 1.0);
    let square = s * s;
    // |s| is at most 0.172: the term of s^21 is below 1e-17.
    let series = [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0]
        .into_iter()
        .fold(0.0, |sum, odd| sum * square + 1.0 / odd);
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_one() {
        let mut rng = Rng::new(3);
        for _ in 0..100_000 {
            let x = ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
            assert!((ln(x) - x.ln()).abs() <= 1e-15 * x.ln().abs().max(1.0), "{x}");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    /// Kolmogorov and Smirnov at p = 0.001, and the mean.
    #[test]
    fn distances_are_exponentially_distributed() {
        const N: usize = 1_000_000;
        let mut rng = Rng::new(42);
        let mut draws: Vec<f64> = (0..N).map(|_| exponential(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / N as f64;
        assert!((mean - 1.0).abs() < 4.0 / (N as f64).sqrt(), "{mean}");
        draws.sort_by(f64::total_cmp);
        let distance = draws
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let law = 1.0 - (-x).exp();
                (law - i as f64 / N as f64).abs().max(((i + 1) as f64 / N as f64 - law).abs())
            })
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / (N as f64).sqrt(), "{distance}");
    }

    #[test]
    fn one_seed_is_one_sequence_for_ever() {
        let mut poisson = Poisson::new(1000, 7, 0);
        let first: Vec<u64> = (0..6).map(|_| poisson.step(1)).collect();
        poisson.restart();
        let again: Vec<u64> = (0..6).map(|_| poisson.step(1)).collect();
        assert_eq!(first, again);
        assert_eq!(first, GOLDEN);
        let other: Vec<u64> =
            (0..6).scan(Poisson::new(1000, 7, 1), |p, _| Some(p.step(1))).collect();
        assert_ne!(first, other);
    }

    /// From another program, with another logarithm.
    const GOLDEN: [u64; 6] = [1135659, 2281859, 7637903, 8814396, 9748244, 10623045];
}
