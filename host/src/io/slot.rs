//! What the host knows of a request, apart from what its engine sees of it.
//!
//! A part of [`super::slots`], which owns these. Plain data: who may touch which memory is decided
//! there.

use super::slots::Slots;
use crate::ddir::Ddir;
use crate::sys::clock::Ticks;
use iodyno_engine_api::abi::*;

/// Number of a slot.
pub type SlotIndex = u32;

/// Who owns a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: it is on the free list.
    #[default]
    Free,
    /// The host: it is being filled, continued or accounted.
    Host,
    /// Whoever has its [`super::held::Held`]: its data is being made or verified.
    Held,
    /// The engine, from Queued until `getevents` hands it back.
    Engine,
}

/// What the host knows of a request.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) owner: Owner,
    /// Direction.
    pub ddir: Ddir,
    /// Whether it began in the measure phase.
    pub measured: bool,
    /// Whether any of its pieces was queued.
    pub queued: bool,
    /// Whether it needed more than one piece.
    pub short: bool,
    /// `IOE_OP_*`, which fits into a byte.
    pub op: u8,
    /// `IOE_IO_*`, likewise.
    pub flags: u8,
    /// File number.
    pub file: u32,
    /// Where the present piece begins.
    pub offset: u64,
    /// Length of the present piece.
    pub len: u64,
    /// Bytes that earlier pieces transferred.
    pub done: u64,
    /// When the request began.
    pub start: Ticks,
    /// When its last piece was submitted.
    pub issue: Ticks,
    /// With a rate: from its intended start to its start.
    pub qlat_ns: u64,
}

/// What comes back from the engine with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes not transferred.
    pub resid: u64,
    /// Whatever the engine wrote there: 0 or an errno, if it keeps to the contract.
    pub error: i32,
    /// The engine's own status.
    pub vendor_status: u32,
    /// Host clock, where the engine sets it.
    pub issue_ns: u64,
}

impl Slots {
    /// A new slot description, as the generator asks for it.
    pub fn request(ddir: Ddir, file: u32, offset: u64, len: u64) -> Slot {
        Slot {
            owner: Owner::Host,
            ddir,
            measured: false,
            queued: false,
            short: false,
            op: op_of(ddir),
            flags: 0,
            file,
            offset,
            len,
            done: 0,
            start: Ticks(0),
            issue: Ticks(0),
            qlat_ns: 0,
        }
    }
}

/// What the engine is asked for; a sync is an fsync where nobody says another one.
#[inline(always)]
fn op_of(ddir: Ddir) -> u8 {
    let op = match ddir {
        Ddir::Read => IOE_OP_READ,
        Ddir::Write => IOE_OP_WRITE,
        Ddir::Trim => IOE_OP_TRIM,
        Ddir::Sync => IOE_OP_FSYNC,
    };
    op as u8
}
