//! Clones of a job, whom it waits for and whom it ends, CPUs, memory nodes, priorities.
//!
//! Filled by the options of the same chapter; `run` plans by it and sets a worker's thread up.

use serde::{Deserialize, Serialize};

/// `exit_what`: whom `exitall` ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExitWhat {
    /// Jobs of the same reporting group.
    #[default]
    Group,
    /// Jobs of the same stage (between two stonewalls).
    Stonewall,
    /// Everybody, also those that have not begun.
    All,
}

/// `cpus_allowed_policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CpusPolicy {
    /// Every clone may use all of them.
    #[default]
    Shared,
    /// Each clone gets one of its own, in turn.
    Split,
}

/// `numa_mem_policy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumaPolicy {
    /// The process's own.
    Default,
    /// From this node where it has any.
    Prefer(u32),
    /// From these nodes only.
    Bind(Vec<u32>),
    /// Page by page from these nodes in turn.
    Interleave(Vec<u32>),
    /// From the node of the CPU that asks.
    Local,
}

/// Clones, groups, CPUs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// `numjobs`.
    pub numjobs: u32,
    /// `group_reporting`.
    pub group_reporting: bool,
    /// `new_group`: begins a reporting group.
    pub new_group: bool,
    /// `stonewall`: wait for all jobs before this one; begins a new group.
    pub stonewall: bool,
    /// `wait_for`: begins when all clones of that job, which stands before it, are through.
    pub wait_for: Option<String>,
    /// `exitall`: when it is through, others end.
    pub exitall: bool,
    /// `exitall_on_error`: when it fails, others end.
    pub exitall_on_error: bool,
    /// `exit_what`.
    pub exit_what: ExitWhat,
    /// `thread`: accepted; workers are always threads of a cell.
    pub thread: bool,
    /// `cpus_allowed`, `cpumask`, sorted; none = all.
    pub cpus_allowed: Option<Vec<u32>>,
    /// `cpus_allowed_policy`.
    pub cpus_allowed_policy: CpusPolicy,
    /// `numa_cpu_nodes`; none = all.
    pub numa_cpu_nodes: Option<Vec<u32>>,
    /// `numa_mem_policy`.
    pub numa_mem_policy: Option<NumaPolicy>,
    /// `nice`, -20 to 19.
    pub nice: i32,
    /// `prio`, 0 (highest) to 7; none = the process's own.
    pub prio: Option<u8>,
    /// `prioclass`: 1 realtime, 2 best effort, 3 idle; none = the process's own.
    pub prioclass: Option<u8>,
}
