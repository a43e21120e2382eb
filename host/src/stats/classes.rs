//! Latency classes: how many requests fell below 2 ns, 4 ns, ... 2 s, as fio groups them.
//!
//! Called by `report`. Each class is named after its upper end, which it does not contain; it
//! begins where the one before it ends. Computed from a histogram, so never a matter of the data
//! plane.

use super::snapshot::HistogramSnapshot;

/// Upper ends within each of the three units.
const ENDS: [u64; 10] = [2, 4, 10, 20, 50, 100, 250, 500, 750, 1000];

/// Names of the classes of nanoseconds and of microseconds.
pub const NAMES: [&str; 10] = ["2", "4", "10", "20", "50", "100", "250", "500", "750", "1000"];
/// Names of the classes of milliseconds.
pub const NAMES_MS: [&str; 12] =
    ["2", "4", "10", "20", "50", "100", "250", "500", "750", "1000", "2000", ">=2000"];

/// Requests in each class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyClasses {
    /// Below one microsecond, by [`NAMES`].
    pub ns: [u64; 10],
    /// Below one millisecond, by [`NAMES`].
    pub us: [u64; 10],
    /// All others, by [`NAMES_MS`].
    pub ms: [u64; 12],
}

impl LatencyClasses {
    /// Sorts the samples of `histogram`, which are nanoseconds, into classes.
    pub fn of(histogram: &HistogramSnapshot) -> LatencyClasses {
        let mut classes = LatencyClasses::default();
        let mut low = 0;
        let mut up_to = |high: u64| {
            let n = histogram.count_between(low, high);
            low = high;
            n
        };
        for (slot, end) in classes.ns.iter_mut().zip(ENDS) {
            *slot = up_to(end);
        }
        for (slot, end) in classes.us.iter_mut().zip(ENDS) {
            *slot = up_to(end * 1_000);
        }
        let ends_ms = ENDS.iter().copied().chain([2000]);
        for (slot, end) in classes.ms.iter_mut().zip(ends_ms) {
            *slot = up_to(end * 1_000_000);
        }
        classes.ms[11] = up_to(u64::MAX);
        classes
    }

    /// Requests in all classes.
    pub fn total(&self) -> u64 {
        let all = self.ns.iter().chain(&self.us).chain(&self.ms);
        all.copied().fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sample_lands_in_the_class_that_fio_prints() {
        // sample in ns, unit, class: observed on fio 3.33 for the exact ones
        let cases = [
            (0, "ns", "2"),
            (1, "ns", "2"),
            (2, "ns", "4"),
            (10, "ns", "20"),
            (20, "ns", "50"),
            (999, "ns", "1000"),
            (1010, "us", "2"),
            (4016, "us", "10"),
            (999_000, "us", "1000"),
            (1_020_000, "ms", "2"),
            (1_990_000_000, "ms", "2000"),
            (2_040_000_000, "ms", ">=2000"),
            (u64::MAX, "ms", ">=2000"),
        ];
        for (sample, unit, class) in cases {
            let classes = LatencyClasses::of(&HistogramSnapshot::of(&[sample]));
            let (counts, names) = match unit {
                "ns" => (&classes.ns[..], &NAMES[..]),
                "us" => (&classes.us[..], &NAMES[..]),
                _ => (&classes.ms[..], &NAMES_MS[..]),
            };
            let hit = names.iter().position(|&name| name == class).unwrap();
            assert_eq!((counts[hit], classes.total()), (1, 1), "{sample} ns: {classes:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_lost(samples in prop::collection::vec(any::<u64>(), 0..100)) {
            let histogram = HistogramSnapshot::of(&samples);
            prop_assert_eq!(LatencyClasses::of(&histogram).total(), samples.len() as u64);
        }
    }
}
