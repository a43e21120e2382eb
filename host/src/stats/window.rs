//! Bandwidth and IOPS over windows of fixed length (fio's `bwavgtime`, 500 ms): minimum, maximum,
//! mean and deviation of what each whole window saw.
//!
//! Fed by the control process from the shared page, so that it costs the data plane nothing.

use std::time::Duration;

/// Length of a window.
pub const WINDOW: Duration = Duration::from_millis(500);

/// Running minimum, maximum, mean and deviation of samples (Welford).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Samples {
    /// Number of samples.
    pub count: u64,
    /// Smallest; 0 where there is none.
    pub min: f64,
    /// Largest; 0 where there is none.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    squares: f64,
}

impl Samples {
    /// Takes one sample.
    pub fn add(&mut self, value: f64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = if self.count == 0 { value } else { self.max.max(value) };
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Sample standard deviation.
    pub fn stddev(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        (self.squares / (self.count - 1) as f64).sqrt()
    }

    /// Adds the samples of a clone that ran beside this one: fio adds minima, maxima and means,
    /// because the clones' windows lie side by side.
    pub fn merge_parallel(&mut self, other: &Samples) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let variance = self.stddev().powi(2) + other.stddev().powi(2);
        self.min += other.min;
        self.max += other.max;
        self.mean += other.mean;
        self.count += other.count;
        self.squares = variance * (self.count - 1) as f64;
    }
}

/// The windows of one direction of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DirWindows {
    /// KiB a second.
    pub bw_kib: Samples,
    /// Requests a second.
    pub iops: Samples,
}

impl DirWindows {
    /// Takes the growth of the counters during one window of `seconds`.
    pub fn add(&mut self, bytes: u64, ios: u64, seconds: f64) {
        self.bw_kib.add(bytes as f64 / 1024.0 / seconds);
        self.iops.add(ios as f64 / seconds);
    }

    /// Adds the windows of a clone that ran beside this one.
    pub fn merge_parallel(&mut self, other: &DirWindows) {
        self.bw_kib.merge_parallel(&other.bw_kib);
        self.iops.merge_parallel(&other.iops);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        values.iter().for_each(|&value| samples.add(value));
        samples
    }

    #[test]
    fn samples_follow_the_textbook() {
        let samples = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((samples.count, samples.min, samples.max), (8, 2.0, 9.0));
        assert!((samples.mean - 5.0).abs() < 1e-12);
        assert!((samples.stddev() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn one_sample_or_none_has_no_deviation() {
        assert_eq!(of(&[]).stddev(), 0.0);
        let one = of(&[-3.0]);
        assert_eq!((one.min, one.max, one.mean, one.stddev()), (-3.0, -3.0, -3.0, 0.0));
    }

    #[test]
    fn clones_side_by_side_add_up() {
        let (a, b) = (of(&[10.0, 20.0, 30.0]), of(&[1.0, 2.0, 3.0]));
        let mut both = a;
        both.merge_parallel(&b);
        assert_eq!((both.count, both.min, both.max), (6, 11.0, 33.0));
        assert!((both.mean - 22.0).abs() < 1e-12);
        let deviation = (a.stddev().powi(2) + b.stddev().powi(2)).sqrt();
        assert!((both.stddev() - deviation).abs() < 1e-12);
    }

    #[test]
    fn merging_with_nothing_changes_nothing() {
        let a = of(&[1.0, 2.0]);
        let mut left = a;
        left.merge_parallel(&Samples::default());
        let mut right = Samples::default();
        right.merge_parallel(&a);
        assert_eq!((left, right), (a, a));
    }

    #[test]
    fn a_window_of_half_a_second_counts_twice() {
        let mut windows = DirWindows::default();
        windows.add(1024 * 1024, 256, 0.5);
        assert_eq!((windows.bw_kib.mean, windows.iops.mean), (2048.0, 512.0));
        let mut two = windows;
        two.merge_parallel(&windows);
        assert_eq!((two.bw_kib.mean, two.iops.max), (4096.0, 1024.0));
    }
}
