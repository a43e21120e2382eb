//! Logarithm and exponential out of additions, multiplications and divisions alone.
//!
//! Called by the laws of random offsets. A seed promises the same sequence on every machine, in
//! every release: the platform's own functions differ in the last bit from one C library to the
//! next, and a crate's from one version to the next. Accurate to a few units in the last place for
//! the finite positive numbers that laws ask for; not a mathematics library.

use std::f64::consts::{LN_2, SQRT_2};

/// The upper bits of ln 2 (so that small multiples of it are exact), and what is left of it.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// Terms of the series of [`ln`]: 0.03^12 is below the last bit.
const LN_TERMS: u32 = 12;
/// Terms of the series of [`exp_m1`]: 0.35^16 / 16! is below the last bit.
const EXP_TERMS: u32 = 16;

/// The natural logarithm of a positive, finite and normal number.
pub(super) fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let power = f64::from(exponent);
    power * LN_2_HIGH + (power * LN_2_LOW + twice_artanh((mantissa - 1.0) / (mantissa + 1.0)))
}

/// ln(1 + x) for x above -1, exact for small x too.
pub(super) fn ln_1p(x: f64) -> f64 {
    if x.abs() < 0.4 {
        twice_artanh(x / (2.0 + x))
    } else {
        ln(1.0 + x)
    }
}

/// ln((1 + s) / (1 - s)) for small s.
fn twice_artanh(s: f64) -> f64 {
    let square = s * s;
    let series =
        (0..LN_TERMS).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * s * series
}

/// e to the x; 0 far below 0, infinite far above.
pub(super) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    let scaled = x / LN_2;
    let power = (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32;
    let rest = x - f64::from(power) * LN_2_HIGH - f64::from(power) * LN_2_LOW;
    // -1010 <= power <= 1023: a normal number.
    let two_to_the_power = f64::from_bits(((1023 + power) as u64) << 52);
    (1.0 + small_exp_m1(rest)) * two_to_the_power
}

/// e to the x, minus 1, exact for small x too.
pub(super) fn exp_m1(x: f64) -> f64 {
    if x.abs() < 0.35 {
        small_exp_m1(x)
    } else {
        exp(x) - 1.0
    }
}

/// Taylor's series, for x up to about 0.35.
fn small_exp_m1(x: f64) -> f64 {
    x * (2..=EXP_TERMS).rev().fold(1.0, |sum, term| 1.0 + sum * x * (1.0 / f64::from(term)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, what: &str) {
        let error = (got - want).abs() / want.abs().max(1e-300);
        assert!(error < 2e-15, "{what}: {got} instead of {want}");
    }

    #[test]
    fn logarithms_are_those_of_the_platform() {
        for step in 1..20_000 {
            for scale in [1e-200, 1e-16, 1e-4, 1e-3, 1.0, 1e9, 1e200] {
                let x = f64::from(step) * scale;
                if (x - 1.0).abs() > 1e-3 {
                    close(ln(x), x.ln(), &format!("ln {x}"));
                }
            }
            for x in [f64::from(step) * 1e-6, f64::from(step) * -4.9e-5, f64::from(step)] {
                close(ln_1p(x), x.ln_1p(), &format!("ln_1p {x}"));
            }
        }
    }

    #[test]
    fn exponentials_are_those_of_the_platform() {
        for step in -7000..7000 {
            let x = f64::from(step) * 0.1 + 0.0123;
            close(exp(x), x.exp(), &format!("exp {x}"));
            for x in [x * 1e-3, x * 1e-9, x * 0.01] {
                close(exp_m1(x), x.exp_m1(), &format!("exp_m1 {x}"));
            }
        }
        assert_eq!((exp(0.0), exp(-1e9), exp(1e9)), (1.0, 0.0, f64::INFINITY));
    }

    /// The bits themselves: these may differ on no machine.
    #[test]
    fn bits_are_frozen() {
        let bits = [ln(10.0), ln(0.3), ln_1p(-0.25), exp(1.0), exp(-20.5), exp_m1(0.1)];
        assert_eq!(bits.map(f64::to_bits), FROZEN);
    }

    const FROZEN: [u64; 6] = [
        0x4002_6bb1_bbb5_5516,
        0xbff3_4378_fcbd_a721,
        0xbfd2_6962_1134_db92,
        0x4005_bf0a_8b14_576a,
        0x3e15_7a3a_feed_00ac,
        0x3fba_ec7b_35a0_0d3a,
    ];
}
