//! Plain copies of a worker's counters: to merge, to compute with, to print.
//!
//! Merging adds buckets; percentiles are computed from merged buckets and never merged themselves.

use super::buckets;
use super::live::STAGES;
use crate::ddir::Ddir;

/// A copy of a histogram: the buckets that hold something, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Number of samples.
    pub count: u64,
    /// Sum of the samples.
    pub sum: u128,
    /// Smallest sample; 0 where there is none.
    pub min: u64,
    /// Largest sample.
    pub max: u64,
    /// (bucket index, samples), ascending, none empty.
    pub buckets: Vec<(u32, u64)>,
}

impl HistogramSnapshot {
    /// What a worker that recorded these samples leaves behind.
    #[cfg(test)]
    pub(crate) fn of(samples: &[u64]) -> HistogramSnapshot {
        samples.iter().fold(HistogramSnapshot::default(), |mut all, &value| {
            all.merge(&HistogramSnapshot {
                count: 1,
                sum: u128::from(value),
                min: value,
                max: value,
                buckets: vec![(buckets::index(value) as u32, 1)],
            });
            all
        })
    }

    /// Adds another one's samples.
    pub fn merge(&mut self, other: &HistogramSnapshot) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.buckets = merged(&self.buckets, &other.buckets);
    }

    /// Arithmetic mean, exact; 0 where there is no sample.
    pub fn mean(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.sum as f64 / self.count as f64
    }

    /// Sample standard deviation, from the buckets' middles.
    pub fn stddev(&self) -> f64 {
        if self.count < 2 || self.min == self.max {
            return 0.0;
        }
        let mean = self.mean();
        let squares: f64 = self
            .buckets
            .iter()
            .map(|&(index, n)| {
                let middle = buckets::middle(index as usize).clamp(self.min, self.max);
                (middle as f64 - mean).powi(2) * n as f64
            })
            .sum();
        (squares / (self.count - 1) as f64).sqrt()
    }

    /// The value at `percent` (0 < percent <= 100): the middle of the bucket in which the
    /// ceil(percent of all)-th sample lies. None without samples.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let total = self.buckets.iter().map(|&(_, n)| n).fold(0, u64::saturating_add);
        if total == 0 {
            return None;
        }
        let rank = rank(percent, total);
        let mut seen = 0u64;
        self.buckets.iter().find_map(|&(index, n)| {
            seen = seen.saturating_add(n);
            (seen >= rank).then(|| buckets::middle(index as usize))
        })
    }

    /// Samples in `low..high`, by the buckets' middles.
    pub fn count_between(&self, low: u64, high: u64) -> u64 {
        self.buckets
            .iter()
            .filter(|&&(index, _)| (low..high).contains(&buckets::middle(index as usize)))
            .map(|&(_, n)| n)
            .fold(0, u64::saturating_add)
    }
}

/// Number of the sample at `percent` of `total`, from 1. Counts in millionths of a percent, because
/// in floating point 99.99 % of 10000 comes out above 9999.
fn rank(percent: f64, total: u64) -> u64 {
    const WHOLE: u128 = 100_000_000;
    let millionths = (percent * 1e6).round() as u128;
    ((millionths * u128::from(total)).div_ceil(WHOLE) as u64).clamp(1, total)
}

fn merged(a: &[(u32, u64)], b: &[(u32, u64)]) -> Vec<(u32, u64)> {
    let mut out: Vec<(u32, u64)> = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let take_a = j == b.len() || (i < a.len() && a[i].0 <= b[j].0);
        let (index, n) = if take_a { a[i] } else { b[j] };
        if take_a {
            i += 1;
        } else {
            j += 1;
        }
        match out.last_mut() {
            Some(last) if last.0 == index => last.1 = last.1.saturating_add(n),
            _ => out.push((index, n)),
        }
    }
    out
}

/// A copy of [`super::live::DirCounters`] with its histograms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirSnapshot {
    /// Requests that are finished.
    pub ios: u64,
    /// Bytes that were transferred.
    pub bytes: u64,
    /// Requests that needed a continuation or ended short.
    pub short_ios: u64,
    /// Requests among these that ended without all their bytes, at the end of a file.
    pub cut_ios: u64,
    /// Requests that failed.
    pub failed_ios: u64,
    /// Requests whose failure was to be ignored.
    pub ignored_ios: u64,
    /// Submission latency.
    pub slat_ns: HistogramSnapshot,
    /// Completion latency.
    pub clat_ns: HistogramSnapshot,
    /// Total latency.
    pub lat_ns: HistogramSnapshot,
    /// Wait from the intended start to the start; empty without a rate.
    pub qlat_ns: HistogramSnapshot,
    /// Response time, from the intended start; empty without a rate.
    pub rlat_ns: HistogramSnapshot,
}

impl DirSnapshot {
    /// Adds another one's: of another worker, or of another direction.
    pub fn merge(&mut self, other: &DirSnapshot) {
        self.ios = self.ios.saturating_add(other.ios);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.short_ios = self.short_ios.saturating_add(other.short_ios);
        self.cut_ios = self.cut_ios.saturating_add(other.cut_ios);
        self.failed_ios = self.failed_ios.saturating_add(other.failed_ios);
        self.ignored_ios = self.ignored_ios.saturating_add(other.ignored_ios);
        self.slat_ns.merge(&other.slat_ns);
        self.clat_ns.merge(&other.clat_ns);
        self.lat_ns.merge(&other.lat_ns);
        self.qlat_ns.merge(&other.qlat_ns);
        self.rlat_ns.merge(&other.rlat_ns);
    }
}

/// A copy of [`super::live::MeasureCounters`], of one worker or of several merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseSnapshot {
    /// Begin, CLOCK_MONOTONIC; 0 = not begun.
    pub begin_ns: u64,
    /// End; of a worker that died, the time at which that was seen.
    pub end_ns: u64,
    /// By direction, in the order of [`Ddir::ALL`].
    pub dirs: [DirSnapshot; 4],
    /// Requests by the depth that they found: 1, 2, 4, 8, 16, 32, >= 64.
    pub depth_levels: [u64; 7],
    /// Commits by size: 0, 4, 8, 16, 32, 64, > 64.
    pub submit_levels: [u64; 7],
    /// Reaps by size: 0, 4, 8, 16, 32, 64, > 64.
    pub complete_levels: [u64; 7],
    /// CPU time in user space, microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, microseconds.
    pub system_us: u64,
    /// Context switches.
    pub switches: u64,
    /// Major page faults.
    pub major_faults: u64,
    /// Minor page faults.
    pub minor_faults: u64,
    /// Sampled time of the tester itself, nanoseconds.
    pub harness_ns: u64,
    /// Requests during which it was sampled.
    pub harness_ios: u64,
    /// Due and not yet begun, summed over all looks.
    pub backlog_sum: u64,
    /// Looks at the backlog.
    pub backlog_looks: u64,
    /// The longest backlog.
    pub backlog_max: u64,
    /// First errno of a request, also of one that the job survived; 0 = none.
    pub first_error: u64,
    /// `latency_target`: the depth that was tried last or found; 0 = none.
    pub latency_depth: u64,
    /// `latency_target`: 1 where the latency was met at that depth; of several workers, by all.
    pub latency_met: u64,
    /// Time in which what was written was read back, nanoseconds.
    pub read_back_ns: u64,
    /// The part of it that lies between begin and end.
    pub read_back_within_ns: u64,
    /// `zonemode=zbd`: zones that were emptied.
    pub zone_resets: u64,
    /// `zonemode=zbd`: the most zones that were open at once on any of its devices.
    pub zones_open_max: u64,
    /// Of the context switches: those that the worker did not ask for.
    pub involuntary: u64,
    /// Sleeps of the pace that lasted to their end.
    pub slips: u64,
    /// By how much they ended late, all together, nanoseconds.
    pub slip_ns: u64,
    /// The latest of them, nanoseconds.
    pub slip_ns_max: u64,
    /// `--profile-harness`: time by stage of a request, nanoseconds.
    pub profile_ns: [u64; STAGES],
    /// Requests during which that was sampled.
    pub profile_ios: u64,
}

impl PhaseSnapshot {
    /// The counters of a direction.
    pub fn dir(&self, ddir: Ddir) -> &DirSnapshot {
        &self.dirs[ddir as usize]
    }

    /// From the first begin to the last end, nanoseconds, without what verification took of it.
    pub fn runtime_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.begin_ns).saturating_sub(self.read_back_within_ns)
    }

    /// Adds another worker's counters; the span covers both.
    pub fn merge(&mut self, other: &PhaseSnapshot) {
        if other.begin_ns != 0 {
            self.begin_ns =
                if self.begin_ns == 0 { other.begin_ns } else { self.begin_ns.min(other.begin_ns) };
        }
        self.end_ns = self.end_ns.max(other.end_ns);
        self.read_back_ns = self.read_back_ns.max(other.read_back_ns);
        self.read_back_within_ns = self.read_back_within_ns.max(other.read_back_within_ns);
        for (mine, theirs) in self.dirs.iter_mut().zip(&other.dirs) {
            mine.merge(theirs);
        }
        add_all(&mut self.depth_levels, &other.depth_levels);
        add_all(&mut self.submit_levels, &other.submit_levels);
        add_all(&mut self.complete_levels, &other.complete_levels);
        self.user_us = self.user_us.saturating_add(other.user_us);
        self.system_us = self.system_us.saturating_add(other.system_us);
        self.switches = self.switches.saturating_add(other.switches);
        self.major_faults = self.major_faults.saturating_add(other.major_faults);
        self.minor_faults = self.minor_faults.saturating_add(other.minor_faults);
        self.harness_ns = self.harness_ns.saturating_add(other.harness_ns);
        self.harness_ios = self.harness_ios.saturating_add(other.harness_ios);
        self.backlog_sum = self.backlog_sum.saturating_add(other.backlog_sum);
        self.backlog_looks = self.backlog_looks.saturating_add(other.backlog_looks);
        self.backlog_max = self.backlog_max.max(other.backlog_max);
        self.zone_resets = self.zone_resets.saturating_add(other.zone_resets);
        self.zones_open_max = self.zones_open_max.max(other.zones_open_max);
        self.involuntary = self.involuntary.saturating_add(other.involuntary);
        self.slips = self.slips.saturating_add(other.slips);
        self.slip_ns = self.slip_ns.saturating_add(other.slip_ns);
        self.slip_ns_max = self.slip_ns_max.max(other.slip_ns_max);
        add_all(&mut self.profile_ns, &other.profile_ns);
        self.profile_ios = self.profile_ios.saturating_add(other.profile_ios);
        if self.first_error == 0 {
            self.first_error = other.first_error;
        }
        if other.latency_depth > 0 {
            let first = self.latency_depth == 0;
            self.latency_met =
                if first { other.latency_met } else { self.latency_met.min(other.latency_met) };
            self.latency_depth = self.latency_depth.max(other.latency_depth);
        }
    }
}

fn add_all<const N: usize>(mine: &mut [u64; N], theirs: &[u64; N]) {
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a = a.saturating_add(*b);
    }
}

#[cfg(test)]
mod tests;
