//! Chance, for one request in so many.
//!
//! `engine` throws once per request where a percentage is asked for: a few shifts, no system call.
//! The same seed throws the same numbers. Nothing here is secret or fair beyond that.

/// A die with a hundred sides.
pub(crate) struct Dice(u64);

impl Dice {
    /// One that throws other numbers than those of other seeds.
    pub(crate) fn new(seed: u32) -> Dice {
        Dice((u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 0 to 99, each as likely (xorshift).
    #[inline]
    pub(crate) fn throw(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * 100) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_as_likely() {
        for seed in [0, 1, u32::MAX] {
            let (mut dice, mut thrown) = (Dice::new(seed), [0; 100]);
            (0..100_000).for_each(|_| thrown[dice.throw() as usize] += 1);
            let (least, most) = (thrown.iter().min(), thrown.iter().max());
            assert!(least > Some(&800) && most < Some(&1200), "{seed}: {least:?} {most:?}");
        }
    }
}
