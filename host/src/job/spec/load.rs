//! What a job asks for: directions, block sizes, order, amounts.
//!
//! Filled by the options of the same chapter, read by `run` (which makes the workload's recipe of
//! it) and by `cli lint`. Holds checked values only; knows no text and no target.

use crate::ddir::PerDir;
use crate::units::Bytes;
use serde::{Deserialize, Serialize};

/// `rw`: which directions, in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rw {
    /// Sequential reads.
    #[default]
    Read,
    /// Sequential writes.
    Write,
    /// Random reads.
    RandRead,
    /// Random writes.
    RandWrite,
    /// Sequential reads and writes, mixed.
    Rw,
    /// Random reads and writes, mixed.
    RandRw,
    /// Sequential trims.
    Trim,
    /// Random trims.
    RandTrim,
    /// Each block trimmed, then written.
    TrimWrite,
    /// Random blocks, each trimmed, then written.
    RandTrimWrite,
}

impl Rw {
    /// fio's word.
    pub fn name(self) -> &'static str {
        match self {
            Rw::Read => "read",
            Rw::Write => "write",
            Rw::RandRead => "randread",
            Rw::RandWrite => "randwrite",
            Rw::Rw => "rw",
            Rw::RandRw => "randrw",
            Rw::Trim => "trim",
            Rw::RandTrim => "randtrim",
            Rw::TrimWrite => "trimwrite",
            Rw::RandTrimWrite => "randtrimwrite",
        }
    }

    /// Offsets are drawn at random.
    pub fn is_random(self) -> bool {
        use Rw::{RandRead, RandRw, RandTrim, RandTrimWrite, RandWrite};
        matches!(self, RandRead | RandWrite | RandRw | RandTrim | RandTrimWrite)
    }

    /// Reads and writes are mixed by `rwmixread`.
    pub fn is_mixed(self) -> bool {
        matches!(self, Rw::Rw | Rw::RandRw)
    }

    /// Each block is trimmed, then written.
    pub fn is_trimwrite(self) -> bool {
        matches!(self, Rw::TrimWrite | Rw::RandTrimWrite)
    }

    /// Issues reads.
    pub fn reads(self) -> bool {
        matches!(self, Rw::Read | Rw::RandRead | Rw::Rw | Rw::RandRw)
    }

    /// Issues writes.
    pub fn writes(self) -> bool {
        matches!(self, Rw::Write | Rw::RandWrite) || self.is_mixed() || self.is_trimwrite()
    }

    /// Issues trims.
    pub fn trims(self) -> bool {
        matches!(self, Rw::Trim | Rw::RandTrim) || self.is_trimwrite()
    }
}

/// An amount of data: a number, or a part of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// That many bytes.
    Bytes(Bytes),
    /// Percent of the target's size, 1 to 100.
    Percent(u8),
    /// That many zones of a zoned block device (`2z`).
    Zones(u64),
}

/// Smallest and largest block of a direction; equal for a fixed `bs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRange {
    /// Smallest block.
    pub min: Bytes,
    /// Largest block.
    pub max: Bytes,
}

/// One block size of `bssplit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockShare {
    /// The block size.
    pub bs: Bytes,
    /// Percent of the requests that have it; those of a direction add up to 100.
    pub percent: u8,
}

/// `random_distribution`: where random offsets fall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Everywhere alike.
    #[default]
    Random,
    /// `zipf:THETA[:CENTER]`.
    Zipf {
        /// Above 0, not 1.
        theta: f64,
        /// Where the most frequent block lies, 0 to 1 of the region; none = spread by a hash.
        center: Option<f64>,
    },
    /// `pareto:H[:CENTER]`.
    Pareto {
        /// Between 0 and 1.
        h: f64,
        /// As for zipf.
        center: Option<f64>,
    },
    /// `normal:DEVIATION[:CENTER]`.
    Normal {
        /// Percent of the region.
        deviation: f64,
        /// Where the mean lies, 0 to 1 of the region; none = the middle.
        center: Option<f64>,
    },
    /// `zoned:ACCESS/SIZE:...`, both in percent, both adding up to 100.
    Zoned(Vec<(u8, u8)>),
    /// `zoned_abs:ACCESS/BYTES:...`; what is left over of the region is never touched.
    ZonedAbs(Vec<(u8, Bytes)>),
}

/// `random_generator`: names of fio's; what matters is whether each block comes once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RandomGenerator {
    /// fio's default.
    #[default]
    Tausworthe,
    /// Each block once, also with `norandommap`.
    Lfsr,
    /// For large targets in fio; the same here.
    Tausworthe64,
}

/// `rw_sequencer`: what the number behind `rw=rand...:N` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sequencer {
    /// N requests one behind the other, then a new random offset.
    #[default]
    Sequential,
    /// The same random offset N times.
    Identical,
}

/// `file_service_type`: which file comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChoice {
    /// In turn.
    #[default]
    RoundRobin,
    /// Any.
    Random,
    /// One file to its end, then the next.
    Sequential,
    /// By a zipf law.
    Zipf(f64),
    /// By a pareto law.
    Pareto(f64),
    /// By a normal law, deviation in percent.
    Gauss(f64),
}

/// `zonemode=strided`: work on a part, skip a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strided {
    /// `zonesize`: bytes issued in a zone before it moves on.
    pub size: Bytes,
    /// `zonerange`: length of a zone, at least `size`.
    pub range: Bytes,
    /// `zoneskip`: bytes from the end of a zone to the next one.
    pub skip: Bytes,
}

/// `zonemode=zbd` and its kin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zbd {
    /// `zonesize`: what the device's zones are to have; 0 = whatever they have.
    pub zone_size: Bytes,
    /// `zoneskip`: left out after each zone of a sequential load.
    pub skip: Bytes,
    /// `max_open_zones`: 0 = as the device allows.
    pub max_open: u32,
    /// `job_max_open_zones`: 0 = no limit of the worker's own.
    pub job_max_open: u32,
    /// `ignore_zone_limits`.
    pub ignore_limits: bool,
    /// `zone_reset_threshold`: 0 to 1 of the region.
    pub reset_threshold: f64,
    /// `zone_reset_frequency`: resets a write, 0 to 1.
    pub reset_frequency: f64,
    /// `read_beyond_wp`.
    pub read_beyond_wp: bool,
}

/// `sync_file_range=FLAGS:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncFileRange {
    /// `wait_before`.
    pub wait_before: bool,
    /// `write`.
    pub write: bool,
    /// `wait_after`.
    pub wait_after: bool,
    /// After so many writes.
    pub every: u32,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// `rw`.
    pub rw: Rw,
    /// The number behind `rw=SEQUENTIAL:N`: bytes added to each offset, negative = backwards.
    pub seq_add: i64,
    /// The number behind `rw=RANDOM:N`: requests to a random offset; 0 = one.
    pub seq_nr: u32,
    /// `rw_sequencer`.
    pub rw_sequencer: Sequencer,
    /// `bs`, `bsrange`; with `bssplit` the smallest and largest of the split.
    pub bs: PerDir<BlockRange>,
    /// `bssplit`; empty = none.
    pub bssplit: PerDir<Vec<BlockShare>>,
    /// `blockalign`; none = the smallest block.
    pub blockalign: PerDir<Option<Bytes>>,
    /// `bs_unaligned`: sizes of a range need not be multiples of the smallest.
    pub bs_unaligned: bool,
    /// `bs_is_seq_rand`: the first size is for sequential, the second for random requests.
    pub bs_is_seq_rand: bool,
    /// `size`: of all files of one clone together; none = what is there.
    pub size: Option<Amount>,
    /// `io_size`: how much to transfer; none = `size`.
    pub io_size: Option<Amount>,
    /// `offset`: where the region begins.
    pub offset: Option<Amount>,
    /// `offset_increment`: further on for each clone.
    pub offset_increment: Option<Amount>,
    /// `offset_align`: offsets in percent are rounded to it; 0 = the smallest block.
    pub offset_align: Bytes,
    /// `rwmixread`: percent of requests that read.
    pub rwmixread: u8,
    /// `percentage_random`: of random loads, 0 = sequential.
    pub percentage_random: PerDir<u8>,
    /// `random_distribution`.
    pub random_distribution: PerDir<Distribution>,
    /// `random_generator`.
    pub random_generator: RandomGenerator,
    /// `norandommap`: blocks may repeat.
    pub norandommap: bool,
    /// `randrepeat`: the same sequence in each run.
    pub randrepeat: bool,
    /// `randseed`.
    pub randseed: u64,
    /// `zonemode=strided` and its sizes.
    pub strided: Option<Strided>,
    /// `zonemode=zbd` and its kin.
    pub zbd: Option<Zbd>,
    /// `file_service_type`.
    pub file_service: FileChoice,
    /// The number behind `file_service_type=X:N`: requests to a file before the next; 0 = one.
    pub file_service_every: u32,
    /// `fill_device`: write until there is no space left, which is no error.
    pub fill_device: bool,
    /// `fsync`: after so many writes; 0 = never.
    pub fsync: u32,
    /// `fdatasync`: after so many writes; 0 = never.
    pub fdatasync: u32,
    /// `sync_file_range`.
    pub sync_file_range: Option<SyncFileRange>,
    /// `write_barrier`: every so many writes one goes through to the medium; 0 = none.
    pub write_barrier: u32,
    /// `end_fsync`.
    pub end_fsync: bool,
    /// `number_ios`: ends after so many requests.
    pub number_ios: Option<u64>,
}

/// How many requests at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepthSpec {
    /// `iodepth`.
    pub iodepth: u32,
    /// `iodepth_batch_submit`: requests to a commit.
    pub batch_submit: u32,
    /// `iodepth_batch_complete_min`: reap at least so many; 0 = look without waiting.
    pub batch_complete_min: u32,
    /// `iodepth_batch_complete_max`: reap at most so many.
    pub batch_complete_max: u32,
    /// `iodepth_low`: once full, drain to this before filling again.
    pub low: u32,
    /// `io_submit_mode=offload`: threads of their own submit, one to a request in flight.
    pub offload: bool,
}
