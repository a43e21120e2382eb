//! What ends a worker before its time, in words for the report.
//!
//! Kept apart because they end differently: a request failed or was too slow, the engine refused,
//! or a file could not be opened (drain and clean up); the engine broke its contract (nothing of it
//! is called any more).

use super::inputs;
use super::slots::Stray;
use super::zones::Damage;
use crate::ddir::Ddir;
use crate::plugin::handle::{Callback, Refusal};

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// Direction.
    pub ddir: Ddir,
    /// `IOE_OP_*`: which sync it was.
    pub op: u32,
    /// Number of the file.
    pub file: u32,
    /// Where the failed piece began.
    pub offset: u64,
    /// Its length.
    pub len: u64,
    /// Positive errno.
    pub errno: i32,
    /// The engine's own status; 0 = none.
    pub vendor_status: u32,
    /// The engine's words.
    pub words: Option<String>,
}

/// A breach of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who did it.
    pub callback: Callback,
    /// What was done.
    pub breach: Breach,
    /// Units that are in flight and will not come back.
    pub in_flight: u32,
}

/// The rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// `queue` answered something else.
    #[error("answered {0}, which is neither Completed (0), Queued (1), Busy (2) nor -errno")]
    Status(i32),
    /// `open_file` answered something else.
    #[error("answered {0}, which is neither 0 (opened) nor 1 (the host opens)")]
    OpenStatus(u32),
    /// More left over than was asked for.
    #[error("left {resid} of {len} bytes over (resid above len)")]
    Resid {
        /// What the engine said.
        resid: u64,
        /// What the host asked for.
        len: u64,
    },
    /// `error` is positive errno or 0.
    #[error("set error to {0}, which is no errno (0 or a positive one)")]
    Errno(i32),
    /// Nothing in flight, nothing taken.
    #[error("answered Busy with nothing in flight: no request can ever free it")]
    BusyForever,
    /// An engine without `getevents`, or that said IOE_F_SYNC, must complete at once.
    #[error("answered Queued although the engine says IOE_F_SYNC or has no getevents")]
    QueuedBySync,
    /// Counts outside min..max.
    #[error("handed back {got} units, asked for {min} to {max} without a time limit")]
    Count {
        /// What it answered.
        got: i32,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// A pointer to no unit of this worker.
    #[error("handed back {0:#x}, which is no unit of this instance")]
    Invented(usize),
    /// A unit that is not in flight.
    #[error("handed back unit {0}, which is not in flight (twice, or never queued)")]
    NotInFlight(u32),
    /// What the host wrote into a unit is to come back as it was.
    #[error(
        "left {field} of unit {unit} changed from {} to {} (the field is the host's)",
        inputs::shown(field, *wanted),
        inputs::shown(field, *found)
    )]
    Altered {
        /// Which field.
        field: &'static str,
        /// Of which slot's unit.
        unit: u32,
        /// What the host wrote.
        wanted: u64,
        /// What came back.
        found: u64,
    },
    /// Something was written where nothing was lent.
    #[error("{0}")]
    Damage(Damage),
    /// The same, found when another rule had been broken.
    #[error("{0}; it also {1}")]
    AndDamage(Box<Breach>, Damage),
}

impl From<Stray> for Breach {
    fn from(stray: Stray) -> Breach {
        match stray {
            Stray::Invented(address) => Breach::Invented(address),
            Stray::NotInFlight(index) => Breach::NotInFlight(index),
        }
    }
}

/// A latency that the job does not bear.
#[derive(Clone, Debug, PartialEq)]
pub enum TooSlow {
    /// A request took longer than `max_latency`.
    Request {
        /// Direction.
        ddir: Ddir,
        /// Number of the file.
        file: u32,
        /// Where it began.
        offset: u64,
        /// Its length.
        len: u64,
        /// How long it took.
        lat_ns: u64,
        /// How long it may take.
        limit_ns: u64,
    },
    /// `latency_target` is missed at depth 1.
    Target {
        /// The latency to keep to.
        target_ns: u64,
        /// So many percent have to.
        percentile: f64,
        /// Requests of the window.
        ios: u64,
        /// Those that took longer.
        slow_ios: u64,
    },
}

/// What ended a worker. Boxed: each step of the loop answers with a result, which is to fit into
/// registers.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// A request failed.
    Request(Box<RequestError>),
    /// A callback answered -errno.
    Refused(Box<Refusal>),
    /// The engine broke its contract.
    Fault(Box<Fault>),
    /// A file could not be opened, closed or made again.
    File(Box<FileTrouble>),
    /// A latency that the job does not bear.
    TooSlow(Box<TooSlow>),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Refused(Box::new(refusal))
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(Box::new(fault))
    }
}

impl From<FileTrouble> for Trouble {
    fn from(trouble: FileTrouble) -> Trouble {
        Trouble::File(Box::new(trouble))
    }
}

/// A file that could not be opened, closed or made again during the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTrouble {
    /// The job asks for something that cannot be; otherwise it could have worked.
    pub is_usage: bool,
    /// errno, where there is one.
    pub errno: Option<i32>,
    /// What, where, why.
    pub message: String,
}
