//! Reports: each a pure function of a [`crate::run::result::RunResult`].
//!
//! [`json::json`] speaks fio's JSON, [`text::text`] fio's normal output. Users' scripts know both,
//! so lines and keys keep fio's shape and what is ours comes after. `cli` writes what they return.
//! Must not: read a clock, a file or the environment; print; know engines or the data plane.

mod calendar;
mod entry;
#[cfg(test)]
mod fixture;
pub mod json;
mod json_style;
mod tester;
pub mod text;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::live::STAGES;
    use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};

    /// A plugin may scribble over the page that the figures are read from.
    #[test]
    fn no_number_is_too_large_to_be_reported() {
        const ALL: u64 = u64::MAX;
        let latencies = HistogramSnapshot {
            count: ALL,
            sum: u128::from(ALL),
            min: ALL,
            max: ALL,
            buckets: vec![(0, ALL), (7, ALL), (1855, ALL)],
        };
        let dir = DirSnapshot {
            ios: ALL,
            bytes: ALL,
            short_ios: ALL,
            cut_ios: ALL,
            failed_ios: ALL,
            ignored_ios: ALL,
            slat_ns: latencies.clone(),
            clat_ns: latencies.clone(),
            lat_ns: latencies.clone(),
            qlat_ns: latencies.clone(),
            rlat_ns: latencies,
        };
        let mut result = fixture::groups();
        for worker in &mut result.workers {
            worker.measure = PhaseSnapshot {
                read_back_ns: 0,
                read_back_within_ns: 0,
                begin_ns: 1,
                end_ns: ALL,
                dirs: [dir.clone(), dir.clone(), dir.clone(), dir.clone()],
                depth_levels: [ALL; 7],
                submit_levels: [ALL; 7],
                complete_levels: [ALL; 7],
                user_us: ALL,
                system_us: ALL,
                switches: ALL,
                major_faults: ALL,
                minor_faults: ALL,
                harness_ns: ALL,
                harness_ios: ALL,
                backlog_sum: ALL,
                backlog_looks: ALL,
                backlog_max: ALL,
                first_error: ALL,
                latency_depth: ALL,
                latency_met: ALL,
                zone_resets: ALL,
                zones_open_max: ALL,
                involuntary: ALL,
                slips: ALL,
                slip_ns: ALL,
                slip_ns_max: ALL,
                profile_ns: [ALL; STAGES],
                profile_ios: ALL,
            };
        }
        for grouped in [false, true] {
            for worker in &mut result.workers {
                worker.job.process.group_reporting = grouped;
            }
            assert!(text::text(&result).contains("IOPS="));
            assert!(json::json(&result).contains("total_ios"));
        }
    }
}
