//! What a recipe may say beyond directions, sizes and order: skips, runs, shares, laws, zones and
//! the choice of files.
//!
//! Filled in by `run` from the job. Plain data in bytes; [`Shape::default`] asks for nothing, and
//! a recipe with that shape takes the plain ways of the generator.

use crate::ddir::PerDir;

#[cfg(test)]
mod tests;

/// Everything that makes a load less plain.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Of a sequential load: added to each offset (`rw=read:8k`); below minus the block size it
    /// goes backwards.
    pub seq_add: i64,
    /// Of a random load: so many requests to one random offset (`rw=randread:8`); 0 is as 1.
    pub seq_nr: u32,
    /// Those requests repeat the offset instead of going on behind it.
    pub identical: bool,
    /// Of a random load: percent of the requests that are random, the others go on behind the one
    /// before them.
    pub percentage_random: PerDir<u8>,
    /// Block sizes with the percent of the requests that have them; empty = by the range.
    pub bssplit: PerDir<Vec<(u64, u8)>>,
    /// Sizes of a range need not be multiples of the smallest.
    pub unaligned: bool,
    /// Sequential requests take the size of reads, random ones that of writes.
    pub seq_rand: bool,
    /// Random offsets are multiples of it, counted from the region's beginning; takes the random
    /// map away.
    pub blockalign: PerDir<Option<u64>>,
    /// Where random offsets fall. Any law but the uniform one takes the random map away.
    pub laws: PerDir<Law>,
    /// Work on a part, skip a part.
    pub strided: Option<Zoning>,
    /// Which file comes next.
    pub files: FileChoice,
    /// So many requests to a file before another is chosen; 0 is as 1.
    pub files_every: u32,
    /// At most so many files live at once; 0 = all.
    pub openfiles: u32,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            seq_add: 0,
            seq_nr: 1,
            identical: false,
            percentage_random: PerDir::all(100),
            bssplit: PerDir::default(),
            unaligned: false,
            seq_rand: false,
            blockalign: PerDir::default(),
            laws: PerDir::default(),
            strided: None,
            files: FileChoice::default(),
            files_every: 1,
            openfiles: 0,
        }
    }
}

/// Where random offsets fall. A rank is a block's place in the order of frequency.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Law {
    /// Everywhere alike.
    #[default]
    Uniform,
    /// Rank k (from 1) comes in proportion to k to the power of -theta. With a center rank 1 lies
    /// there and the others behind it, round the region's end; without, ranks are scattered.
    Zipf {
        /// Above 0.
        theta: f64,
        /// 0 to 1 of the region.
        center: Option<f64>,
    },
    /// The share `h` of the blocks gets the share 1 - `h` of the requests, and so on within them.
    Pareto {
        /// Between 0 and 1.
        h: f64,
        /// As for zipf.
        center: Option<f64>,
    },
    /// A bell; what would fall outside of the region is drawn again.
    Normal {
        /// Standard deviation in percent of the region.
        deviation: f64,
        /// Where the mean lies, 0 to 1 of the region.
        center: f64,
    },
    /// Percent of the requests, percent of the region; one part behind the other.
    Zoned(Vec<(u8, u8)>),
    /// Percent of the requests, bytes; what is left over of the region is never touched, and a
    /// part that reaches beyond the region's end is cut there.
    ZonedAbs(Vec<(u8, u64)>),
}

/// `zonemode=strided`. A zone that is cut by the region's end gives what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zoning {
    /// Bytes issued in a zone before the next one's turn; above `range` the zone is gone through
    /// again.
    pub size: u64,
    /// Length of a zone.
    pub range: u64,
    /// From the end of a zone to the next one.
    pub skip: u64,
}

/// Which file comes next, of those that are live.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum FileChoice {
    /// In turn.
    #[default]
    RoundRobin,
    /// Any that has something left in this pass.
    Random,
    /// One to its end, then the next.
    Sequential,
    /// By a zipf law over all files, the first being the most frequent. Under a law a file that has
    /// nothing left begins afresh by itself: the amount alone ends the pass.
    Zipf(f64),
    /// By a pareto law, likewise.
    Pareto(f64),
    /// By a normal law around the middle one, deviation in percent of the files.
    Gauss(f64),
}

impl FileChoice {
    /// The law that it follows, if any.
    pub(super) fn law(self) -> Option<Law> {
        match self {
            FileChoice::RoundRobin | FileChoice::Random | FileChoice::Sequential => None,
            FileChoice::Zipf(theta) => Some(Law::Zipf { theta, center: Some(0.0) }),
            FileChoice::Pareto(h) => Some(Law::Pareto { h, center: Some(0.0) }),
            FileChoice::Gauss(deviation) => Some(Law::Normal { deviation, center: 0.5 }),
        }
    }
}
