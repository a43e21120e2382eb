//! Logarithm and exponential out of additions, multiplications and divisions alone.
//!
//! Called by the laws of random offsets. A seed promises the same sequence on every machine, in
//! every release: the platform's own functions differ in the last bit from one C library to the
//! next, and a crate's from one version to the next. Tables (made by the compiler, from series)
//! leave short polynomials to do: about 5 ns a call. Not a mathematics library: finite positive
//! numbers, errors below 1e-15 of the larger of 1 and the result.

use std::f64::consts::LN_2;

/// The upper 32 bits of ln 2 (multiples of it by whole numbers are exact), and what is left of it.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// Steps of a table between 1 and 2.
const STEPS: usize = 64;

/// 2 to the power of i / 64.
static POWERS: [f64; STEPS] = powers();
/// 1 / c and ln c, where c is the middle of the step from 1 + i / 64 on.
static MIDDLES: [(f64, f64); STEPS] = middles();

const fn powers() -> [f64; STEPS] {
    let mut table = [0.0; STEPS];
    let mut step = 0;
    while step < STEPS {
        let x = step as f64 / STEPS as f64 * LN_2;
        let mut sum = 1.0;
        let mut term = 24;
        while term > 0 {
            sum = 1.0 + sum * x / term as f64;
            term -= 1;
        }
        table[step] = sum;
        step += 1;
    }
    table
}

const fn middles() -> [(f64, f64); STEPS] {
    let mut table = [(0.0, 0.0); STEPS];
    let mut step = 0;
    while step < STEPS {
        let middle = 1.0 + (step as f64 + 0.5) / STEPS as f64;
        let s = (middle - 1.0) / (middle + 1.0);
        let mut sum = 0.0;
        let mut term = 20;
        while term > 0 {
            term -= 1;
            sum = sum * s * s + 1.0 / (2 * term + 1) as f64;
        }
        table[step] = (1.0 / middle, 2.0 * s * sum);
        step += 1;
    }
    table
}

/// The natural logarithm of a positive, finite and normal number.
#[inline]
pub(super) fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let bits = x.to_bits();
    let power = f64::from((bits >> 52) as i32 - 1023);
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let (inverse, log) = MIDDLES[(bits >> 46) as usize % STEPS];
    // At most 1/128 from 0: the 8th power is below the last bit.
    let r = mantissa * inverse - 1.0;
    let (r2, r3) = (r * r, r * r * r);
    let series = r - r2 * 0.5
        + r3 * (1.0 / 3.0 - r * 0.25 + r2 * (0.2 - r * (1.0 / 6.0) + r2 * (1.0 / 7.0)));
    power * LN_2_HIGH + (log + (power * LN_2_LOW + series))
}

/// ln(1 + x) for x above -1; small x keep their digits.
#[inline]
pub(super) fn ln_1p(x: f64) -> f64 {
    if x.abs() >= 1.0 / 64.0 {
        return ln(1.0 + x);
    }
    let s = x / (2.0 + x);
    let s2 = s * s;
    2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (0.2 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0)))))
}

/// e to the x; 0 far below 0, infinite far above.
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    let scaled = x * (STEPS as f64 / LN_2);
    let steps = (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i64;
    let whole = steps as f64 / STEPS as f64;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // -1010 <= power <= 1023: a normal number.
    let power = steps.div_euclid(STEPS as i64);
    let two_to_the_power = f64::from_bits(((1023 + power) as u64) << 52);
    let table = POWERS[steps.rem_euclid(STEPS as i64) as usize];
    table * (1.0 + small_exp_m1(rest)) * two_to_the_power
}

/// e to the x, minus 1; small x keep their digits.
#[inline]
pub(super) fn exp_m1(x: f64) -> f64 {
    if x.abs() < 1.0 / 64.0 {
        small_exp_m1(x)
    } else {
        exp(x) - 1.0
    }
}

/// Taylor's series, for x up to 1/64.
#[inline]
fn small_exp_m1(x: f64) -> f64 {
    let x2 = x * x;
    let high = 1.0 / 120.0 + x * (1.0 / 720.0) + x2 * (1.0 / 5040.0);
    x + x2 * (0.5 + x * (1.0 / 6.0) + x2 * (1.0 / 24.0 + x * high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, limit: f64, what: &str) {
        assert!((got - want).abs() <= limit, "{what}: {got} instead of {want}");
    }

    #[test]
    fn logarithms_are_those_of_the_platform() {
        for step in 1..20_000 {
            for scale in [1e-200, 1e-16, 1e-4, 1e-3, 1.0, 1e9, 1e200] {
                let x = f64::from(step) * scale;
                close(ln(x), x.ln(), 4e-16 * x.ln().abs().max(1.0), &format!("ln {x}"));
            }
            for x in [f64::from(step) * 1e-6, f64::from(step) * -4.9e-5, f64::from(step)] {
                close(ln_1p(x), x.ln_1p(), 2e-14 * x.ln_1p().abs(), &format!("ln_1p {x}"));
            }
        }
    }

    #[test]
    fn exponentials_are_those_of_the_platform() {
        for step in -7000..7000 {
            let x = f64::from(step) * 0.1 + 0.0123;
            close(exp(x), x.exp(), 1e-15 * x.exp(), &format!("exp {x}"));
            for x in [x * 1e-3, x * 1e-9, x * 0.01] {
                close(exp_m1(x), x.exp_m1(), 2e-14 * x.exp_m1().abs(), &format!("exp_m1 {x}"));
            }
        }
        assert_eq!((exp(0.0), exp(-1e9), exp(1e9)), (1.0, 0.0, f64::INFINITY));
    }

    /// The bits themselves: these may differ on no machine.
    #[test]
    fn bits_are_frozen() {
        let bits = [ln(10.0), ln(0.3), ln_1p(-0.25), exp(1.0), exp(-20.5), exp_m1(0.01)];
        assert_eq!(bits.map(f64::to_bits), FROZEN);
    }

    const FROZEN: [u64; 6] = [
        0x4002_6bb1_bbb5_5515,
        0xbff3_4378_fcbd_a720,
        0xbfd2_6962_1134_db92,
        0x4005_bf0a_8b14_5769,
        0x3e15_7a3a_feed_00ab,
        0x3f84_952e_9791_133f,
    ];
}
