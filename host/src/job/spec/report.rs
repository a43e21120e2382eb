//! What is measured and shown.
//!
//! Filled by the options of the same chapter; what is not measured costs the loop nothing.

use serde::{Deserialize, Serialize};

/// `unified_rw_reporting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnifiedRw {
    /// By direction.
    #[default]
    None,
    /// All directions as one, called `mixed`.
    Mixed,
    /// By direction, and `mixed` as well.
    Both,
}

/// What is measured and shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportSpec {
    /// `gtod_reduce`: no clock reads for latencies.
    pub gtod_reduce: bool,
    /// `disable_lat`.
    pub disable_lat: bool,
    /// `disable_clat`.
    pub disable_clat: bool,
    /// `disable_slat`.
    pub disable_slat: bool,
    /// `disable_bw`: no windows of bandwidth and IOPS.
    pub disable_bw: bool,
    /// `clat_percentiles`.
    pub clat_percentiles: bool,
    /// `lat_percentiles`.
    pub lat_percentiles: bool,
    /// `slat_percentiles`.
    pub slat_percentiles: bool,
    /// `percentile_list`, ascending.
    pub percentile_list: Vec<f64>,
    /// `unified_rw_reporting`.
    pub unified_rw_reporting: UnifiedRw,
    /// `disk_util`: its disks are watched.
    pub disk_util: bool,
    /// `significant_figures` of the normal output, 1 to 10.
    pub significant_figures: u8,
    /// `--profile-harness`: where the tester's own time goes is looked into.
    pub profile_harness: bool,
}
