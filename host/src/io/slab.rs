//! What a slab of request slots is asked for, and what can be wrong with it or what comes back.
//!
//! The words of [`super::slots`], under whose name others use them. Plain data.

use super::slots::SlotIndex;
use super::zones::ZONE_BYTES_MAX;
use crate::sys::memory::{MemoryError, MemoryWish};

/// What the slab needs to know.
#[derive(Clone, Debug)]
pub struct SlabShape {
    /// Number of requests at once.
    pub depth: u32,
    /// Slots beside these, which take the place of those whose data is being verified.
    pub spare: u32,
    /// Bytes of the largest request.
    pub max_bs: u64,
    /// Alignment of each buffer, a power of two.
    pub align: usize,
    /// Buffers may come from the engine alone (`IOE_F_MUST_MEM`).
    pub engine_memory: bool,
    /// Where the buffers come from, if not from the engine.
    pub memory: MemoryWish,
    /// Their pages are brought in before the start, so that no request waits for one.
    pub populate: bool,
}

/// A worker's red zones may take so many bytes where the buffers' distance leaves no room for them:
/// an iodepth of 16 with buffers in pages. Deeper queues have one behind the last buffer, and so
/// have alignments that are too small to be that of a zone, whose jobs want dense buffers.
const ZONES_BYTES_MAX: usize = 64 << 10;

impl SlabShape {
    /// From one buffer to the next.
    pub(super) fn buffer_stride(&self) -> Result<usize, SlabError> {
        let too_large = || SlabError::TooLarge;
        let align = self.align.max(1);
        let bare = (self.max_bs as usize).checked_next_multiple_of(align).ok_or_else(too_large)?;
        let bare = bare.max(align);
        let zones = align.checked_mul(self.slots() as usize).ok_or_else(too_large)?;
        let is_fit = align >= ZONE_BYTES_MAX && zones <= ZONES_BYTES_MAX;
        if bare == self.max_bs as usize && self.may_grow() && is_fit {
            return bare.checked_add(align).ok_or_else(too_large);
        }
        Ok(bare)
    }

    /// All slots.
    pub(super) fn slots(&self) -> u32 {
        self.depth.saturating_add(self.spare)
    }

    /// Bytes of a zone behind the last buffer's own room.
    pub(super) fn tail_zone(&self) -> usize {
        if self.may_grow() {
            ZONE_BYTES_MAX
        } else {
            0
        }
    }

    /// Other memory than the usual is counted by those who set it aside.
    fn may_grow(&self) -> bool {
        self.memory == MemoryWish::default()
    }
}

/// A pointer from `getevents` that cannot be accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// No unit of this worker lies there.
    Invented(usize),
    /// A unit of this worker that is not in flight: handed back twice, or never queued.
    NotInFlight(SlotIndex),
}

/// Why there is no slab.
#[derive(Debug, thiserror::Error)]
pub enum SlabError {
    /// The product overflows.
    #[error("iodepth times the largest block is more memory than there are addresses")]
    TooLarge,
    /// The kernel gave none.
    #[error("allocate the I/O buffers: {0}")]
    Memory(#[from] MemoryError),
    /// The engine says that buffers come from it alone, and gives none.
    #[error("says IOE_F_MUST_MEM, and iodyno.iomem/1 gives no memory")]
    NoEngineMemory,
    /// Its memory belongs to one instance, and the units are served by others.
    #[error(
        "its buffers come from itself alone (IOE_F_MUST_MEM), which instances cannot share: leave \
         io_submit_mode=offload out"
    )]
    NotShared,
    /// The job wants other memory.
    #[error("its buffers come from itself alone (IOE_F_MUST_MEM): leave mem out")]
    OnlyEngineMemory,
    /// The engine's memory cannot be used.
    #[error("iodyno.iomem/1 gave memory at {address:#x}, which is not aligned to {align}")]
    Misaligned {
        /// Where it begins.
        address: usize,
        /// What was asked for.
        align: usize,
    },
    /// The engine wants none of it.
    #[error("{0}")]
    Refused(String),
}
