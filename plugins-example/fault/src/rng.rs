//! Random numbers that are the same for the same seed, everywhere and for ever (splitmix64).
//!
//! Used by `choose`, `engine` and `power`. Not for anything that has to be hard to guess.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Clones of a job go different ways.
    pub(crate) fn new(seed: u64, clone: u32) -> Rng {
        let mut rng = Rng(seed ^ u64::from(clone).wrapping_mul(0xd1b5_4a32_d192_ed03));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in so many cases of a hundred. Draws nothing where there is nothing to decide.
    pub(crate) fn percent(&mut self, percentage: f64) -> bool {
        percentage >= 100.0 || (percentage > 0.0 && self.unit() * 100.0 < percentage)
    }
}
