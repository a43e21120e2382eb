//! How fast a job goes, and what it must keep to: rates, pauses, flow, latencies.
//!
//! Filled by the options of the same chapter. Rates and pauses act in the worker's loop; lower
//! bounds are judged by the control process.

use crate::ddir::PerDir;
use crate::units::{Bytes, Nanos};
use serde::{Deserialize, Serialize};

/// `rate_process`: how requests are spread over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateProcess {
    /// At equal distances.
    #[default]
    Linear,
    /// At exponentially distributed distances, as independent users do.
    Poisson,
}

/// `thinktime_blocks_type`: what `thinktime_blocks` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThinktimeBlocks {
    /// Requests that ended.
    #[default]
    Complete,
    /// Requests that were issued.
    Issue,
}

/// `flow` and its kin: shares between jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSpec {
    /// `flow`: this job's weight, from 1.
    pub weight: u32,
    /// `flow_id`: jobs of one id share.
    pub id: u32,
    /// `flow_sleep`: wait so long when ahead; 0 = look again at once.
    pub sleep: Nanos,
}

/// `latency_target` and its kin: the largest depth whose latency is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyTarget {
    /// `latency_target`: the latency to keep below.
    pub target: Nanos,
    /// `latency_window`: each depth is tried for so long.
    pub window: Nanos,
    /// `latency_percentile`: so many percent of the requests have to keep below.
    pub percentile: f64,
    /// `latency_run`: go on at the depth that was found, instead of ending.
    pub run: bool,
}

/// How fast; none = as fast as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PaceSpec {
    /// `rate`, bytes a second.
    pub rate: PerDir<Option<Bytes>>,
    /// `rate_iops`, requests a second.
    pub rate_iops: PerDir<Option<u64>>,
    /// `rate_min`: below it, the job fails.
    pub rate_min: PerDir<Option<Bytes>>,
    /// `rate_iops_min`: below it, the job fails.
    pub rate_iops_min: PerDir<Option<u64>>,
    /// `ratecycle`: what lower bounds are averaged over.
    pub ratecycle: Nanos,
    /// `rate_process`.
    pub rate_process: RateProcess,
    /// `thinktime`: pause; 0 = none.
    pub thinktime: Nanos,
    /// `thinktime_spin`: so much of the pause is spent computing.
    pub thinktime_spin: Nanos,
    /// `thinktime_blocks`: a pause after so many requests; 0 = not given: 1, or by
    /// `thinktime_iotime` alone.
    pub thinktime_blocks: u32,
    /// `thinktime_blocks_type`.
    pub thinktime_blocks_type: ThinktimeBlocks,
    /// `thinktime_iotime`: a pause only after so long a time of I/O; 0 = by blocks alone.
    pub thinktime_iotime: Nanos,
    /// `flow`.
    pub flow: Option<FlowSpec>,
    /// `latency_target`.
    pub latency_target: Option<LatencyTarget>,
    /// `max_latency`: a slower request ends the job.
    pub max_latency: PerDir<Option<Nanos>>,
}
