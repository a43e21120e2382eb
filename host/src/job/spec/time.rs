//! How long a job runs: by the clock, by its amount, until its figures are steady.
//!
//! Filled by the options of the same chapter; `run` raises its alarms by it.

use crate::units::Nanos;
use serde::{Deserialize, Serialize};

/// What `steadystate` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SteadyMetric {
    /// Requests a second.
    Iops,
    /// Bytes a second.
    Bw,
    /// Mean total latency.
    Lat,
}

/// `steadystate=METRIC[_slope]:LIMIT[%]` and its times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// What is looked at.
    pub metric: SteadyMetric,
    /// The slope of a fitted line is judged, not the largest deviation from the mean.
    pub slope: bool,
    /// The bound, in the metric's unit (nanoseconds for lat) or in percent of the mean.
    pub limit: f64,
    /// `limit` is in percent.
    pub percent: bool,
    /// `steadystate_duration`: so long it has to hold.
    pub duration: Nanos,
    /// `steadystate_ramp_time`: not looked at before.
    pub ramp_time: Nanos,
    /// `steadystate_check_interval`: one look each.
    pub interval: Nanos,
}

impl SteadyState {
    /// fio's word for what is looked at: `iops`, `iops_slope` ...
    pub fn name(&self) -> &'static str {
        match (self.metric, self.slope) {
            (SteadyMetric::Iops, false) => "iops",
            (SteadyMetric::Iops, true) => "iops_slope",
            (SteadyMetric::Bw, false) => "bw",
            (SteadyMetric::Bw, true) => "bw_slope",
            (SteadyMetric::Lat, false) => "lat",
            (SteadyMetric::Lat, true) => "lat_slope",
        }
    }
}

/// How long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSpec {
    /// `runtime`: of the measure phase; none = until the amount is done.
    pub runtime: Option<Nanos>,
    /// `time_based`: start over until `runtime` is up.
    pub time_based: bool,
    /// `ramp_time`.
    pub ramp_time: Nanos,
    /// `startdelay`: from and to; each clone draws its own by the job's seed.
    pub startdelay: (Nanos, Nanos),
    /// `loops`.
    pub loops: u64,
    /// `steadystate`: ends the job once its figures are steady.
    pub steadystate: Option<SteadyState>,
}
