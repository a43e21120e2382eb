//! What a generator is made from, what it gives, and why it may refuse.
//!
//! Filled in by `io` from the job and the sizes of its targets. Plain data in bytes; knows nothing
//! of options, paths or devices.

use super::shape::Shape;
use crate::ddir::{Ddir, PerDir};
use thiserror::Error;

/// Directions and order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One direction: `read`, `write`, `trim`, `randread`, `randwrite`, `randtrim`.
    Single {
        /// Which; never [`Ddir::Sync`].
        ddir: Ddir,
        /// Offsets are drawn at random.
        random: bool,
    },
    /// Reads and writes by [`Recipe::rwmixread`]: `rw`, `randrw`. A sequential mix keeps a position
    /// for each direction, as fio does.
    Mixed {
        /// Offsets are drawn at random.
        random: bool,
    },
    /// Each block is trimmed, then written: `trimwrite`, `randtrimwrite`. The write must not be
    /// issued before its trim has ended.
    TrimWrite {
        /// Offsets are drawn at random.
        random: bool,
    },
}

impl Order {
    /// Whether requests of that direction occur.
    pub fn uses(self, ddir: Ddir) -> bool {
        match self {
            Order::Single { ddir: only, .. } => ddir == only,
            Order::Mixed { .. } => matches!(ddir, Ddir::Read | Ddir::Write),
            Order::TrimWrite { .. } => matches!(ddir, Ddir::Trim | Ddir::Write),
        }
    }

    /// Whether places are drawn for that direction: the write of a trimmed block goes where the
    /// trim went.
    pub(super) fn draws(self, ddir: Ddir) -> bool {
        match self {
            Order::TrimWrite { .. } => ddir == Ddir::Trim,
            Order::Single { .. } | Order::Mixed { .. } => self.uses(ddir),
        }
    }

    /// Whether offsets are drawn at random.
    pub fn is_random(self) -> bool {
        match self {
            Order::Single { random, .. }
            | Order::Mixed { random }
            | Order::TrimWrite { random } => random,
        }
    }
}

/// The part of one file that the load stays inside, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it begins.
    pub offset: u64,
    /// How long it is. What is left over behind the last whole block is not touched.
    pub len: u64,
}

/// How often the amount is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// `loops`, at least 1. Each begins afresh.
    Loops(u64),
    /// Until somebody stops asking (`time_based`).
    Endless,
}

/// Everything that a [`Generator`](super::Generator) has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Directions and order.
    pub order: Order,
    /// Smallest and largest block of each direction in bytes; equal for a fixed size.
    pub bs: PerDir<(u64, u64)>,
    /// One region a file; requests go to the files in turn.
    pub files: Vec<Region>,
    /// Bytes to issue in one loop (`io_size`); where the user gave none, the sum of the regions.
    /// The last request is whole, so up to a block more is issued; a pass that ends less than a
    /// block short of it is the last. `trimwrite` trims so much and writes so much.
    pub amount: u64,
    /// Percent of the requests that read, for [`Order::Mixed`].
    pub rwmixread: u8,
    /// No block twice within a pass of random offsets (the opposite of `norandommap`).
    pub random_map: bool,
    /// Mixed with the clone's number already.
    pub seed: u64,
    /// `number_ios`: at most so many requests in one loop.
    pub max_ios: Option<u64>,
    /// How often.
    pub repeat: Repeat,
    /// Random offsets are multiples of it, counted from the region's beginning; 0 = the smallest
    /// block. Where blocks are no multiples of it, the greatest common divisor is used.
    pub min_align: u64,
    /// What makes the load less plain.
    pub shape: Shape,
}

/// One request: what to do, where, how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Direction; never [`Ddir::Sync`].
    pub ddir: Ddir,
    /// Index into [`Recipe::files`].
    pub file: u32,
    /// Bytes from the file's beginning.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// A recipe that gives no load.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkloadError {
    /// There is nothing to do I/O on.
    #[error("no file to do I/O on")]
    NoFiles,
    /// A region cannot hold one request.
    #[error(
        "file {file}: its part of {len} bytes is smaller than one {ddir} block of {block} bytes \
         (raise size or lower bs)"
    )]
    RegionTooShort {
        /// Index of the file.
        file: usize,
        /// Length of its region.
        len: u64,
        /// Direction whose block does not fit.
        ddir: &'static str,
        /// Smallest block of that direction.
        block: u64,
    },
    /// A region that reaches beyond what 64 bits can count.
    #[error("file {file}: offset {offset} plus {len} bytes is beyond 2^63")]
    RegionTooFar {
        /// Index of the file.
        file: usize,
        /// Where the region begins.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// A block size of nothing, or smallest above largest.
    #[error("block size of {ddir}: {min} to {max} bytes is no range of sizes")]
    BadBlockSize {
        /// Direction.
        ddir: &'static str,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A trimmed block is written whole.
    #[error(
        "trimwrite writes the blocks that it trimmed: bs for write and trim must be equal, here \
         {write:?} and {trim:?} bytes"
    )]
    TrimWriteSizes {
        /// Smallest and largest write.
        write: (u64, u64),
        /// Smallest and largest trim.
        trim: (u64, u64),
    },
    /// Nothing is to be issued.
    #[error("{what} is 0: nothing to do")]
    Nothing {
        /// The quantity's name.
        what: &'static str,
    },
    /// A percentage above 100.
    #[error("rwmixread={percent} is no percentage")]
    BadMix {
        /// As given.
        percent: u8,
    },
    /// A share of random requests above 100.
    #[error("percentage_random of {ddir}: {percent} is no percentage (0 to 100)")]
    BadPercentage {
        /// Direction.
        ddir: &'static str,
        /// As given.
        percent: u8,
    },
    /// Offsets that are multiples of nothing.
    #[error("blockalign of {ddir} is 0: offsets cannot be multiples of it (512 or more)")]
    BadAlign {
        /// Direction.
        ddir: &'static str,
    },
    /// Shares of block sizes that leave requests without a size.
    #[error("bssplit of {ddir} adds up to {percent} percent (make it 100)")]
    BadSplit {
        /// Direction.
        ddir: &'static str,
        /// Their sum.
        percent: u32,
    },
    /// A law without a meaning.
    #[error("random_distribution of {ddir}: {what}")]
    BadLaw {
        /// Direction.
        ddir: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A law of files without a meaning.
    #[error("file_service_type: {what}")]
    BadFileChoice {
        /// What is wrong, and what to do.
        what: String,
    },
    /// A zone that requests are to go to lies behind the end.
    #[error(
        "file {file}: random_distribution: zone {zone} begins behind the end of the {len} bytes \
         that the load may touch (raise size or make the zones before it smaller)"
    )]
    ZoneBehind {
        /// Index of the file.
        file: usize,
        /// Which, from 1.
        zone: usize,
        /// Length of the region, or of a strided zone of it.
        len: u64,
    },
    /// Zones that hold nothing.
    #[error(
        "zonemode=strided: zonesize {size} and zonerange {range} bytes hold no request (zonesize \
         must be above 0 and zonerange at least one block of {block} bytes)"
    )]
    BadZones {
        /// Bytes issued in a zone.
        size: u64,
        /// Length of a zone.
        range: u64,
        /// Smallest block.
        block: u64,
    },
    /// A random map beyond all reason.
    #[error(
        "file {file}: {units} blocks of {unit} bytes are too many for a random map (use a larger \
         bs, block sizes with a larger common divisor, or norandommap=1)"
    )]
    MapTooLarge {
        /// Index of the file.
        file: usize,
        /// Number of units.
        units: u64,
        /// Bytes a unit.
        unit: u64,
    },
}
