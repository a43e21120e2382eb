//! Draws a block by a law: uniform, zipf, pareto, normal, zoned.
//!
//! Called by [`super::places`] and [`super::files`]. Exact laws, not approximations of them: zipf
//! by rejection-inversion (Hörmann and Derflinger, 1996), pareto by inversion, normal by the polar
//! method. Floating point is `+ - * /`, the square root and [`super::reals`]: the same everywhere.
//! Allocates in [`Sampler::new`] only.

use super::permutation::Permutation;
use super::reals::{exp, exp_m1, ln, ln_1p};
use super::rng::Rng;
use super::shape::Law;

#[cfg(test)]
mod tests;

/// So often a normal number outside of the region is drawn again, before the nearest block is
/// taken. Even with the mean at the region's end that happens once in 10^11 requests.
const REDRAWS: u32 = 64;

/// A law over the numbers 0..count.
#[derive(Clone, Debug)]
pub(super) enum Sampler {
    Uniform {
        count: u64,
    },
    Zipf {
        zipf: Zipf,
        spread: Spread,
    },
    Pareto {
        count: u64,
        power: f64,
        spread: Spread,
    },
    Normal(Normal),
    /// First number and length of a part for each percent of the requests.
    Zoned(Vec<(u64, u64)>),
}

impl Sampler {
    /// Of `count` numbers, at least 1, each of them `bytes` apart. Scattered ranks lie where `seed`
    /// puts them. The law was found good by [`complaint`].
    pub(super) fn new(law: &Law, count: u64, bytes: u64, seed: u64) -> Sampler {
        debug_assert!(count > 0);
        match law {
            Law::Uniform => Sampler::Uniform { count },
            &Law::Zipf { theta, center } => Sampler::Zipf {
                zipf: Zipf::new(count, theta),
                spread: Spread::new(count, center, seed),
            },
            &Law::Pareto { h, center } => Sampler::Pareto {
                count,
                power: ln(h) / ln_1p(-h),
                spread: Spread::new(count, center, seed),
            },
            &Law::Normal { deviation, center } => {
                Sampler::Normal(Normal::new(count, deviation, center))
            }
            Law::Zoned(parts) => {
                let share = |percent: u64| part_of(count, percent, 100);
                zoned(parts.iter().map(|&(access, size)| (access, u64::from(size))), count, share)
            }
            Law::ZonedAbs(parts) => {
                let whole =
                    |end: u64| (end / bytes + u64::from(end % bytes * 2 >= bytes)).min(count);
                zoned(parts.iter().copied(), count, whole)
            }
        }
    }

    /// A number below the count.
    #[inline]
    pub(super) fn draw(&mut self, rng: &mut Rng) -> u64 {
        match self {
            Sampler::Uniform { count } => rng.below(*count),
            Sampler::Zipf { zipf, spread } => spread.place(zipf.rank(rng)),
            Sampler::Pareto { count, power, spread } => {
                // 1 - u: above 0, so that there is a logarithm.
                let rank = (*count as f64 * exp(*power * ln(1.0 - rng.real()))) as u64;
                spread.place(rank.min(*count - 1))
            }
            Sampler::Normal(normal) => normal.draw(rng),
            Sampler::Zoned(parts) => {
                let (first, len) = parts[rng.below(parts.len() as u64) as usize];
                first + rng.below(len)
            }
        }
    }
}

/// Parts of the numbers, from (requests, size) and the number at which a sum of sizes ends. A part
/// too small for a block is the block in which it begins.
fn zoned(
    parts: impl Iterator<Item = (u8, u64)>,
    count: u64,
    end_of: impl Fn(u64) -> u64,
) -> Sampler {
    let mut table = Vec::with_capacity(100);
    let mut sum = 0u64;
    for (access, size) in parts {
        let first = end_of(sum).min(count - 1);
        sum = sum.saturating_add(size);
        let len = end_of(sum).saturating_sub(first).max(1);
        table.extend(std::iter::repeat_n((first, len), usize::from(access)));
    }
    Sampler::Zoned(table)
}

/// `share` of `whole` parts of `count`, to the nearest.
fn part_of(count: u64, share: u64, whole: u64) -> u64 {
    ((u128::from(count) * u128::from(share) * 2 + u128::from(whole)) / (2 * u128::from(whole)))
        as u64
}

/// Where ranks lie.
#[derive(Clone, Debug)]
pub(super) enum Spread {
    Scattered(Box<Permutation>),
    Behind { first: u64, count: u64 },
}

impl Spread {
    fn new(count: u64, center: Option<f64>, seed: u64) -> Spread {
        match center {
            Some(center) => {
                Spread::Behind { first: ((count as f64 * center) as u64).min(count - 1), count }
            }
            None => {
                let mut permutation = Permutation::new(count);
                permutation.restart(&mut Rng::new(seed));
                Spread::Scattered(Box::new(permutation))
            }
        }
    }

    #[inline]
    fn place(&self, rank: u64) -> u64 {
        match self {
            Spread::Scattered(permutation) => permutation.place(rank),
            &Spread::Behind { first, count } => {
                let left = count - first;
                if rank < left {
                    first + rank
                } else {
                    rank - left
                }
            }
        }
    }
}

/// The zipf law over ranks 0..count: an envelope of the law's integral is inverted, and the little
/// that lies between the two is drawn again.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    count: u64,
    theta: f64,
    /// The integral at its two ends.
    integral_first: f64,
    integral_last: f64,
    /// This near to a rank it is taken without asking further.
    near: f64,
}

impl Zipf {
    fn new(count: u64, theta: f64) -> Zipf {
        let mut zipf = Zipf { count, theta, integral_first: 0.0, integral_last: 0.0, near: 0.0 };
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.integral_last = zipf.integral(count as f64 + 0.5);
        zipf.near = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    /// x to the power of -theta.
    fn weight(&self, x: f64) -> f64 {
        exp(-self.theta * ln(x))
    }

    /// Its integral: (x^(1-theta) - 1) / (1-theta), or ln x.
    fn integral(&self, x: f64) -> f64 {
        let log = ln(x);
        log * quotient((1.0 - self.theta) * log, exp_m1)
    }

    fn inverse(&self, integral: f64) -> f64 {
        let x = ((1.0 - self.theta) * integral).max(-1.0 + f64::EPSILON);
        exp(integral * quotient(x, ln_1p))
    }

    fn rank(&self, rng: &mut Rng) -> u64 {
        // More than half of the draws are taken at once, whatever theta and count.
        loop {
            let drawn =
                self.integral_last + rng.real() * (self.integral_first - self.integral_last);
            let x = self.inverse(drawn);
            let rank = ((x + 0.5) as u64).clamp(1, self.count);
            let real = rank as f64;
            if real - x <= self.near || drawn >= self.integral(real + 0.5) - self.weight(real) {
                return rank - 1;
            }
        }
    }
}

/// f(x) / x for an f that is near x at 0.
#[inline]
fn quotient(x: f64, f: impl Fn(f64) -> f64) -> f64 {
    if x.abs() < 1e-300 {
        1.0
    } else {
        f(x) / x
    }
}

/// The normal law over 0..count.
#[derive(Clone, Debug)]
pub(super) struct Normal {
    count: f64,
    last: u64,
    mean: f64,
    deviation: f64,
    /// The polar method gives two numbers at a time.
    other: Option<f64>,
}

impl Normal {
    fn new(count: u64, deviation: f64, center: f64) -> Normal {
        let last = count - 1;
        let count = count as f64;
        let deviation = count * deviation / 100.0;
        Normal { count, last, mean: count * center, deviation, other: None }
    }

    fn draw(&mut self, rng: &mut Rng) -> u64 {
        for _ in 0..REDRAWS {
            let x = self.mean + self.deviation * self.standard(rng);
            if x >= 0.0 && x < self.count {
                return x as u64;
            }
        }
        (self.mean as u64).min(self.last)
    }

    /// Of mean 0 and deviation 1.
    fn standard(&mut self, rng: &mut Rng) -> f64 {
        if let Some(other) = self.other.take() {
            return other;
        }
        // A point of the square lies in the circle with a probability of 79 %.
        loop {
            let (x, y) = (2.0 * rng.real() - 1.0, 2.0 * rng.real() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 1e-300 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.other = Some(y * factor);
                return x * factor;
            }
        }
    }
}

/// What is wrong with a law, and what to do about it; none if nothing.
pub(super) fn complaint(law: &Law) -> Option<String> {
    let off_center = |center: f64| {
        (!(0.0..=1.0).contains(&center))
            .then(|| format!("center {center} is not from 0 to 1 (0.5 is the region's middle)"))
    };
    match law {
        Law::Uniform => None,
        &Law::Zipf { theta, center } => {
            // Far beyond, all requests go to one block, and numbers overflow.
            if !(theta > 0.0 && theta <= 100.0) {
                return Some(format!("zipf's theta {theta} is not above 0 and up to 100"));
            }
            off_center(center.unwrap_or(0.0))
        }
        &Law::Pareto { h, center } => {
            if !(h > 1e-9 && h < 1.0) {
                return Some(format!("pareto's h {h} is not between 0 and 1 (0.2: 80/20)"));
            }
            off_center(center.unwrap_or(0.0))
        }
        &Law::Normal { deviation, center } => {
            if !(deviation > 0.0 && deviation <= 100.0) {
                return Some(format!(
                    "normal's deviation {deviation} is not above 0 and up to 100 percent"
                ));
            }
            off_center(center)
        }
        Law::Zoned(parts) => {
            let sizes: u32 = parts.iter().map(|part| u32::from(part.1)).sum();
            if sizes != 100 {
                return Some(format!("the zones' sizes add up to {sizes} percent (make it 100)"));
            }
            bad_shares(parts.iter().map(|&(access, size)| (access, u64::from(size))))
        }
        Law::ZonedAbs(parts) => bad_shares(parts.iter().copied()),
    }
}

fn bad_shares(parts: impl Iterator<Item = (u8, u64)> + Clone) -> Option<String> {
    let sum: u32 = parts.clone().map(|(access, _)| u32::from(access)).sum();
    if sum != 100 {
        return Some(format!("the zones' requests add up to {sum} percent (make it 100)"));
    }
    let empty = parts.into_iter().any(|(access, size)| access > 0 && size == 0);
    empty.then(|| "a zone of size 0 cannot take requests (give it a size)".to_owned())
}

/// The first part, counted from 0, of a law in bytes that lies behind a region of `len` bytes
/// although requests are to go there.
pub(super) fn part_behind(law: &Law, len: u64) -> Option<usize> {
    let Law::ZonedAbs(parts) = law else { return None };
    let mut begin = 0u64;
    for (index, &(access, size)) in parts.iter().enumerate() {
        if access > 0 && begin >= len {
            return Some(index);
        }
        begin = begin.saturating_add(size);
    }
    None
}
