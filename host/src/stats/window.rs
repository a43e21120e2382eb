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
