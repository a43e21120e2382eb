//! The bucket boundaries of every histogram: log-linear, 64 buckets per power of two, fio's.
//!
//! Values below 128 are exact; above, a bucket is at most 1/64 of its value wide, so that its
//! middle is off by less than 1/128. Covers all of `u64`: nothing is ever clamped.

/// Number of buckets: 128 exact ones and 64 for each of the 57 further powers of two.
pub const BUCKETS: usize = 3776;

/// log2 of the buckets per power of two.
const BITS: u32 = 6;

/// The bucket that `value` falls into.
#[inline(always)]
pub fn index(value: u64) -> usize {
    let msb = (value | 1).ilog2();
    let shift = msb.saturating_sub(BITS);
    ((shift as usize) << BITS) + (value >> shift) as usize
}

/// The smallest value of bucket `index`.
pub fn lower(index: usize) -> u64 {
    let group = index >> BITS;
    if group < 2 {
        return index as u64;
    }
    let shift = group as u32 - 1;
    (((index & 63) + 64) as u64) << shift
}

/// The value that stands for bucket `index`: its middle, as fio prints it.
pub fn middle(index: usize) -> u64 {
    let group = index >> BITS;
    let half = if group < 2 { 0 } else { (1u64 << (group - 1)) >> 1 };
    lower(index) + half
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_128_values_are_exact() {
        for value in 0..128 {
            assert_eq!(index(value), value as usize);
            assert_eq!(middle(index(value)), value);
        }
    }

    #[test]
    fn the_ends_are_covered() {
        assert_eq!(index(u64::MAX), BUCKETS - 1);
        assert_eq!(index(128), 128);
        assert_eq!(index(1 << 63), BUCKETS - 64);
    }

    #[test]
    fn fio_prints_these_middles() {
        // Observed: fio's percentiles of ~1 us and ~17 s latencies.
        assert_eq!(middle(index(1000)), 1004);
        assert_eq!(middle(index(4000)), 4016);
        assert_eq!(middle(index(17_112_760_320)), 17_112_760_320);
    }

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket(value: u64) {
            let i = index(value);
            prop_assert!(lower(i) <= value);
            if i + 1 < BUCKETS {
                prop_assert!(value < lower(i + 1));
            }
        }

        #[test]
        fn the_middle_is_off_by_less_than_one_128th(value in 1u64..u64::MAX) {
            let off = middle(index(value)).abs_diff(value);
            prop_assert!((off as f64) < value as f64 / 127.9);
        }

        #[test]
        fn boundaries_agree_with_the_crate_histogram(value in 0u64..(1 << 40)) {
            let mut oracle = histogram::Histogram::new(6, 64).unwrap();
            oracle.increment(value).unwrap();
            let theirs = oracle.iter().find(|bucket| bucket.count() == 1).unwrap().range();
            let i = index(value);
            prop_assert!(*theirs.start() >= lower(i) && *theirs.end() < lower(i + 1));
        }
    }
}
