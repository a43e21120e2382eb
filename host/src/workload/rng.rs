//! The project's own random numbers: splitmix64 for seeding, xoshiro256++ for drawing.
//!
//! Used by the whole room, and by whoever has to derive a seed. Frozen: a job's seed promises the
//! same sequence in every release, so no outside crate may decide about it. Not for secrets.

/// xoshiro256++ of Blackman and Vigna: 256 bits of state, under a nanosecond a number.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator of its own for each seed; near seeds give unrelated sequences.
    pub fn new(seed: u64) -> Rng {
        let mut walk = SplitMix64(seed);
        Rng { state: [walk.next(), walk.next(), walk.next(), walk.next()] }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        let (b2, a) = (b ^ c, a ^ d);
        self.state = [a, b2, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`, which must not be 0. The bias is at most `bound` in 2^64.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        scale(self.next_u64(), bound)
    }

    /// A multiple of 2^-53 from 0 to below 1.
    #[inline]
    pub(super) fn real(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// Maps 64 random bits to 0..`bound`, taking the high bits of the product.
#[inline]
pub(super) fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// One seed of a seed and a number (clone, file, pass): unrelated for each pair.
pub fn mix_seed(seed: u64, number: u64) -> u64 {
    let mut walk = SplitMix64(seed);
    let high = walk.next();
    SplitMix64(high ^ number).next()
}

/// splitmix64 of Steele, Lea and Flood: every seed is a good one.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xoshiro_gives_the_reference_sequence() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let expected = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
            14_011_001_112_246_962_877,
            12_406_186_145_184_390_807,
            15_849_039_046_786_891_736,
            10_450_023_813_501_588_000,
        ];
        for number in expected {
            assert_eq!(rng.next_u64(), number);
        }
    }

    #[test]
    fn splitmix_gives_the_reference_sequence() {
        let mut walk = SplitMix64(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        for number in expected {
            assert_eq!(walk.next(), number);
        }
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = Rng::new(7);
        for bound in [1, 2, 3, 10, 1 << 40, u64::MAX] {
            for _ in 0..200 {
                assert!(rng.below(bound) < bound);
            }
        }
        let mut seen = [false; 10];
        for _ in 0..200 {
            seen[rng.below(10) as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
    }

    #[test]
    fn mixed_seeds_differ_in_both_arguments() {
        let mut seeds: Vec<u64> =
            (0..16).flat_map(|a| (0..16).map(move |b| mix_seed(a, b))).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 256);
    }
}
