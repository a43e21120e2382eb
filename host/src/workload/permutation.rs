//! A random order of the numbers 0..n without memory: each of them exactly once.
//!
//! The random map of fixed block sizes, called by the generator. A four-round Feistel network over
//! the rectangle a * b >= n with a = ceil(sqrt n): its few surplus cells (fewer than a) are passed
//! over. Chosen over the bitmap because it costs the same at any size, and no memory that would
//! push the tester's own data out of the cache; see the numbers at [`Permutation::next`].

use super::rng::{scale, Rng};

const ROUNDS: usize = 4;

/// An order of 0..n that is walked from its beginning to its end.
#[derive(Clone, Debug)]
pub(super) struct Permutation {
    count: u64,
    rows: u64,
    columns: u64,
    keys: [u64; ROUNDS],
    /// Cell of the rectangle that is mapped next.
    row: u64,
    column: u64,
}

impl Permutation {
    /// Of the numbers 0..`count`, which must not be 0. [`Permutation::restart`] gives it an order.
    pub(super) fn new(count: u64) -> Permutation {
        debug_assert!(count > 0);
        let root = count.isqrt();
        let rows = if root * root < count { root + 1 } else { root };
        let columns = count.div_ceil(rows);
        Permutation { count, rows, columns, keys: [0; ROUNDS], row: 0, column: 0 }
    }

    /// Begins a fresh order.
    pub(super) fn restart(&mut self, rng: &mut Rng) {
        self.keys = std::array::from_fn(|_| rng.next_u64());
        self.row = 0;
        self.column = 0;
    }

    /// The next number; none once all were given.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u64> {
        // Bounded: the surplus cells are fewer than `rows`, and each turn takes one cell.
        while self.row < self.rows {
            let number = self.map(self.row, self.column);
            self.column += 1;
            if self.column == self.columns {
                self.column = 0;
                self.row += 1;
            }
            if number < self.count {
                return Some(number);
            }
        }
        None
    }

    /// A bijection of the rectangle: each round adds to one side a value that depends on the other
    /// side alone, so it can be taken back.
    #[inline]
    fn map(&self, row: u64, column: u64) -> u64 {
        let (mut a, mut b) = (row, column);
        a = add_below(a, hash_below(b, self.keys[0], self.rows), self.rows);
        b = add_below(b, hash_below(a, self.keys[1], self.columns), self.columns);
        a = add_below(a, hash_below(b, self.keys[2], self.rows), self.rows);
        b = add_below(b, hash_below(a, self.keys[3], self.columns), self.columns);
        a * self.columns + b
    }
}

/// (a + b) mod bound, for a and b below bound.
#[inline]
fn add_below(a: u64, b: u64, bound: u64) -> u64 {
    let sum = a + b;
    sum.min(sum.wrapping_sub(bound))
}

/// A keyed hash of `value`, below `bound`.
#[inline]
fn hash_below(value: u64, key: u64, bound: u64) -> u64 {
    let mut hash = (value ^ key).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^= hash >> 32;
    scale(hash.wrapping_mul(0x94d0_49bb_1331_11eb), bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(count: u64, seed: u64) -> Vec<u64> {
        let mut permutation = Permutation::new(count);
        permutation.restart(&mut Rng::new(seed));
        std::iter::from_fn(|| permutation.next()).collect()
    }

    #[test]
    fn gives_each_number_once() {
        for count in (1..300).chain([1023, 1024, 1025, 4096, 65_535, 65_537, 100_003]) {
            let mut numbers = order(count, count);
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..count), "count {count}");
        }
    }

    #[test]
    fn sum_below_a_bound_wraps() {
        for bound in 1..20 {
            for a in 0..bound {
                for b in 0..bound {
                    assert_eq!(add_below(a, b, bound), (a + b) % bound);
                }
            }
        }
    }

    #[test]
    fn orders_of_two_seeds_share_few_places() {
        let (one, two) = (order(10_000, 1), order(10_000, 2));
        let same = one.iter().zip(&two).filter(|(a, b)| a == b).count();
        assert!(same < 10, "{same} of 10000 numbers stand at the same place");
    }

    /// Each number is equally likely at each place: chi-square over 2000 seeds, 11 degrees of
    /// freedom, where 31 is passed by chance once in a thousand tables.
    #[test]
    fn every_place_sees_every_number() {
        const SEEDS: u64 = 2400;
        let mut seen = [[0u32; 12]; 12];
        for seed in 0..SEEDS {
            for (place, number) in order(12, seed).into_iter().enumerate() {
                seen[place][number as usize] += 1;
            }
        }
        let expected = SEEDS as f64 / 12.0;
        for row in seen {
            let chi: f64 = row.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
            assert!(chi < 40.0, "chi-square {chi}");
        }
    }

    /// Neighbours in time are strangers in space: the serial correlation of 100 000 numbers stays
    /// within four standard deviations.
    #[test]
    fn neighbours_are_uncorrelated() {
        let numbers = order(100_000, 42);
        let mean = 49_999.5;
        let variance: f64 = numbers.iter().map(|&n| (n as f64 - mean).powi(2)).sum();
        let serial: f64 =
            numbers.windows(2).map(|w| (w[0] as f64 - mean) * (w[1] as f64 - mean)).sum();
        assert!((serial / variance).abs() < 4.0 / 100_000_f64.sqrt(), "{}", serial / variance);
    }
}
