//! What a wrapper asks its inner engine for, and what becomes of it.
//!
//! Plain values: the instance behind them is `Inner`, which lends and takes back.

use super::buffer::Buffer;
use crate::abi::{IOE_OP_ENGINE, IOE_OP_READ, IOE_OP_WRITE};
use crate::io::{Answer, Io, Request};
use crate::unit::Unit;

/// What the inner engine is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// `IOE_OP_*`.
    pub op: u32,
    /// `IOE_IO_*`.
    pub flags: u64,
    /// Bytes from the target's beginning.
    pub offset: u64,
    /// Bytes, from the data's beginning.
    pub len: u64,
    /// Number of the target within the job; none for engines without files.
    pub file: Option<u32>,
    /// As `ioprio_set(2)`.
    pub ioprio: u32,
}

impl Ask {
    /// The same as the host asks.
    #[inline]
    pub fn of(request: &Request) -> Ask {
        Ask {
            op: request.op(),
            flags: request.flags(),
            offset: request.offset(),
            len: request.len(),
            file: request.file().map(|file| file.index()),
            ioprio: request.ioprio(),
        }
    }

    /// Whether the operation moves data, and so wants a buffer of `len` bytes.
    pub(super) fn has_data(&self) -> bool {
        matches!(self.op, IOE_OP_READ | IOE_OP_WRITE | IOE_OP_ENGINE..)
    }
}

/// Where the data of a request lies, and who has it meanwhile.
#[derive(Debug)]
pub enum Data {
    /// There is none: a flush, a trim.
    None,
    /// Memory of the wrapper's own.
    Own(Buffer),
    /// The buffer of a request that the wrapper has kept.
    Unit(Unit),
}

/// A shadow request of an [`super::Inner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub(super) u32);

/// How a request of the inner engine's ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes done, or a positive errno.
    pub result: Result<u64, i32>,
    /// The inner engine's own number.
    pub vendor_status: u32,
}

/// A request that came back.
#[derive(Debug)]
#[must_use = "a unit may be in it"]
pub struct Finished {
    /// Which.
    pub slot: Slot,
    /// How.
    pub outcome: Outcome,
    /// What it was sent with.
    pub data: Data,
}

/// What the inner engine made of a request of the wrapper's.
#[derive(Debug)]
#[must_use = "a unit may be in it"]
pub enum Sent {
    /// It is done.
    Done(Outcome, Data),
    /// It comes back through [`super::Inner::reap`].
    Queued,
    /// Commit, reap, try again.
    Busy(Data),
    /// Refused for good, with this errno.
    Refused(i32, Data),
}

/// What the inner engine made of a request of the host's.
#[derive(Debug)]
pub enum Passed<'a> {
    /// It is done; the answer is the wrapper's to give.
    Done(Io<'a>, Outcome),
    /// The inner engine has it: the wrapper's answer, too.
    Queued(Answer<'a>),
    /// Likewise; it will be offered again.
    Busy(Answer<'a>),
    /// Likewise; refused for good.
    Refused(Answer<'a>),
}
