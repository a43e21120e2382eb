//! Picks the next direction, file, offset and length. Called once a request by `io`'s loop.
//!
//! A pass touches each region once; it begins with all files live and ends when none has anything
//! left. A loop issues the recipe's amount, in as many passes as that takes. Everything is
//! allocated in [`Generator::new`]; [`Generator::next`] reads no clock and allocates nothing.

use super::bitmap::Bitmap;
use super::checks;
use super::files::Retired;
use super::lengths::gcd;
use super::permutation::Permutation;
use super::recipe::{Order, Recipe, Region, Repeat, Request, WorkloadError};
use super::rng::{mix_seed, Rng};
use super::varied::Varied;
use crate::ddir::Ddir;

/// Directions that carry data.
const DIRECTIONS: usize = Ddir::DATA.len();

/// How offsets come about in a plain load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// One behind the other.
    Sequential,
    /// Each block once, in a random order; one block size.
    Shuffled,
    /// Each unit once, in a random order; several block sizes.
    Mapped,
    /// Anywhere, also twice; one block size.
    Spots,
    /// The same, several block sizes.
    Anywhere,
}

/// Block sizes of one direction.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    min: u64,
    max: u64,
    /// Offsets without a random map are multiples of it.
    align: u64,
}

/// What is known about one file.
#[derive(Clone, Debug)]
struct FileState {
    region: Region,
    /// Whole units of the random map in it.
    units: u64,
    /// Where the next sequential request of each direction goes.
    position: [u64; DIRECTIONS],
    /// Number of random offsets of each direction without a map.
    spots: [u64; DIRECTIONS],
    order: Permutation,
    map: Option<Bitmap>,
}

/// The sequence of requests that a [`Recipe`] describes.
#[derive(Clone, Debug)]
pub struct Generator {
    way: Way,
    order: Order,
    /// The direction of all requests that are drawn, where they have one.
    only: Option<Ddir>,
    rwmixread: u64,
    blocks: [Blocks; DIRECTIONS],
    /// Bytes of a unit of the random map.
    unit: u64,
    files: Vec<FileState>,
    /// Files that have something left in this pass, and whose turn it is.
    live: Vec<u32>,
    turn: usize,
    /// In place of ways, blocks and files where the recipe's shape is not plain.
    varied: Option<Box<Varied>>,
    /// Something is there to be looked at before a plain request: `varied`, or writes behind trims.
    is_winding: bool,
    retired: Retired,
    loops_done: u64,
    ended: bool,
    /// The write that follows a trim.
    pending: Option<Request>,
    /// Direction of the next request of a mix, where somebody looked at it already.
    drawn: Option<Ddir>,
    issued_bytes: u64,
    amount_bytes: u64,
    issued_ios: u64,
    max_ios: u64,
    /// A pass that ends with less than this missing ends the loop.
    block_max: u64,
    loops_left: u64,
    repeat: Repeat,
    ddir_rng: Rng,
    length_rng: Rng,
    offset_rng: Rng,
}

impl Generator {
    /// Checks the recipe and allocates everything that will be needed.
    ///
    /// # Errors
    /// A recipe that gives no load: see [`WorkloadError`].
    pub fn new(recipe: &Recipe) -> Result<Generator, WorkloadError> {
        checks::check(recipe)?;
        let used = || Ddir::DATA.into_iter().filter(|&ddir| recipe.order.uses(ddir));
        let unit = used().fold(recipe.min_align, |unit, ddir| gcd(unit, recipe.bs[ddir].0));
        let blocks = Ddir::DATA.map(|ddir| {
            let (min, max) = recipe.bs[ddir];
            Blocks { min, max, align: gcd(recipe.min_align, min).max(1) }
        });
        let way = pick_way(recipe, unit);
        let varied = Varied::new(recipe)?.map(Box::new);
        let plain_files = if varied.is_some() { &[][..] } else { &recipe.files };
        let files = plain_files
            .iter()
            .enumerate()
            .map(|(index, region)| FileState::new(index, region, way, unit, &blocks))
            .collect::<Result<Vec<_>, _>>()?;
        let directions = if matches!(recipe.order, Order::TrimWrite { .. }) { 2 } else { 1 };
        let block_max = match &varied {
            Some(varied) => varied.block_max(),
            None => used().map(|ddir| recipe.bs[ddir].1).max().unwrap_or(0),
        };
        let mut generator = Generator {
            way,
            order: recipe.order,
            only: match recipe.order {
                Order::Single { ddir, .. } => Some(ddir),
                Order::TrimWrite { .. } => Some(Ddir::Trim),
                Order::Mixed { .. } => None,
            },
            rwmixread: u64::from(recipe.rwmixread),
            blocks,
            unit,
            live: Vec::with_capacity(files.len()),
            files,
            turn: 0,
            is_winding: varied.is_some() || matches!(recipe.order, Order::TrimWrite { .. }),
            varied,
            retired: Retired::new(recipe.files.len()),
            loops_done: 0,
            ended: false,
            pending: None,
            drawn: None,
            issued_bytes: 0,
            amount_bytes: recipe.amount.saturating_mul(directions),
            issued_ios: 0,
            max_ios: recipe.max_ios.unwrap_or(u64::MAX),
            block_max: block_max * directions,
            loops_left: match recipe.repeat {
                Repeat::Loops(loops) => loops,
                Repeat::Endless => 1,
            },
            repeat: recipe.repeat,
            ddir_rng: Rng::new(mix_seed(recipe.seed, 1)),
            length_rng: Rng::new(mix_seed(recipe.seed, 2)),
            offset_rng: Rng::new(mix_seed(recipe.seed, 3)),
        };
        generator.start_loop();
        Ok(generator)
    }

    /// The next request; none once all loops are done (and then for ever). Inlined wherever it is
    /// called: of its few callers one is the loop, in which a call costs as much as a request.
    #[inline(always)]
    // An iterator would invite adapters into the data plane.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Request> {
        if self.is_winding {
            return self.next_winding();
        }
        if self.amount_is_issued() && !self.start_loop() {
            return None;
        }
        self.next_plain()
    }

    #[inline(always)]
    fn next_plain(&mut self) -> Option<Request> {
        // Bounded: each turn takes a file out of the pass, or begins a pass, in which every file
        // has at least one block to give.
        loop {
            let Some(&file) = self.live.get(self.turn) else {
                if !self.start_pass() {
                    return None;
                }
                continue;
            };
            let ddir = self.draw_ddir();
            let Some((offset, len)) = self.draw_place(file as usize, ddir) else {
                self.retire_file();
                continue;
            };
            self.turn += 1;
            if self.turn == self.live.len() {
                self.turn = 0;
            }
            return Some(self.account(Request { ddir, file, offset, len }));
        }
    }

    /// So many bytes of a request that was given are not issued after all.
    pub fn give_back(&mut self, bytes: u64) {
        self.issued_bytes = self.issued_bytes.saturating_sub(bytes);
    }

    /// What is no plain load, and the writes behind trims.
    #[inline(never)]
    fn next_winding(&mut self) -> Option<Request> {
        if self.loop_is_done() && !self.start_loop() {
            return None;
        }
        if let Some(write) = self.pending.take() {
            return Some(self.account(write));
        }
        if self.varied.is_some() {
            return self.next_varied();
        }
        let trim = self.next_plain()?;
        self.pending = Some(Request { ddir: Ddir::Write, ..trim });
        Some(trim)
    }

    fn next_varied(&mut self) -> Option<Request> {
        let ddir = self.draw_ddir();
        // Bounded: in a pass that has just begun each file has a block to give.
        loop {
            let varied = self.varied.as_mut()?;
            if let Some(request) = varied.next(ddir, &mut self.retired) {
                if matches!(self.order, Order::TrimWrite { .. }) {
                    self.pending = Some(Request { ddir: Ddir::Write, ..request });
                }
                return Some(self.account(request));
            }
            if !self.start_pass() {
                return None;
            }
        }
    }

    /// A file that has left the window of live files since the last question, the first to leave
    /// first; to be asked after each request until there is none. It has nothing left in this
    /// pass, the loop has ended, or it makes room for another. It is named no more until it enters
    /// again; requests of it may still be in flight. After a loop's end files may be among them
    /// that were never named. Files that are live never outnumber [`Shape::openfiles`].
    ///
    /// [`Shape::openfiles`]: super::Shape::openfiles
    #[inline]
    pub fn retired(&mut self) -> Option<u32> {
        self.retired.pop()
    }

    /// Loops that have ended. One is known to have ended when the request after its last one is
    /// asked for.
    #[inline]
    pub fn loops_done(&self) -> u64 {
        self.loops_done
    }

    /// Whether a loop has given all its requests and another one follows, which
    /// [`Generator::next`] would begin.
    pub fn is_between_loops(&self) -> bool {
        self.repeat != Repeat::Endless && self.loop_is_done() && self.loops_left > 0 && !self.ended
    }

    /// Direction of the request that [`Generator::next`] will give; none where all loops are done.
    pub fn peek(&mut self) -> Option<Ddir> {
        if self.loop_is_done() && self.loops_left == 0 && self.repeat != Repeat::Endless {
            return None;
        }
        if let Some(write) = &self.pending {
            return Some(write.ddir);
        }
        let ddir = self.draw_ddir();
        self.drawn = Some(ddir);
        Some(ddir)
    }

    /// Makes the next request of a mix one of `ddir`, whatever was drawn: for rates, which may ask
    /// for another mix than `rwmixread`.
    pub fn steer(&mut self, ddir: Ddir) {
        if matches!(self.order, Order::Mixed { .. }) {
            self.drawn = Some(ddir);
        }
    }

    /// Bytes that all loops together are to issue, trims included; none when endless or limited by
    /// a number of requests of varying size. Exact up to the last block of each loop.
    pub fn total_bytes(&self) -> Option<u64> {
        let Repeat::Loops(loops) = self.repeat else { return None };
        let mut used = Ddir::DATA
            .into_iter()
            .filter(|&ddir| self.order.uses(ddir))
            .map(|ddir| self.blocks[ddir as usize]);
        let one_loop = if self.max_ios == u64::MAX {
            self.amount_bytes
        } else if let Some(varied) = &self.varied {
            self.amount_bytes.min(self.max_ios.saturating_mul(varied.block_size()?))
        } else if used.all(|blocks| blocks.min == self.block_size_max() && blocks.min == blocks.max)
        {
            self.amount_bytes.min(self.max_ios.saturating_mul(self.block_size_max()))
        } else {
            return None;
        };
        Some(one_loop.saturating_mul(loops))
    }

    fn block_size_max(&self) -> u64 {
        self.block_max / if matches!(self.order, Order::TrimWrite { .. }) { 2 } else { 1 }
    }

    #[inline(always)]
    fn account(&mut self, request: Request) -> Request {
        self.issued_bytes += request.len;
        self.issued_ios += 1;
        request
    }

    fn loop_is_done(&self) -> bool {
        (self.issued_bytes >= self.amount_bytes && self.pending.is_none())
            || self.issued_ios >= self.max_ios
    }

    /// As `loop_is_done`, where no write waits behind a trim.
    #[inline(always)]
    fn amount_is_issued(&self) -> bool {
        self.issued_bytes >= self.amount_bytes || self.issued_ios >= self.max_ios
    }

    #[inline(always)]
    fn draw_ddir(&mut self) -> Ddir {
        match self.only {
            Some(ddir) => ddir,
            None => self.draw_mixed(),
        }
    }

    #[inline(never)]
    fn draw_mixed(&mut self) -> Ddir {
        match self.order {
            Order::Single { ddir, .. } => ddir,
            Order::Mixed { .. } => {
                if let Some(drawn) = self.drawn.take() {
                    return drawn;
                }
                if self.ddir_rng.below(100) < self.rwmixread {
                    Ddir::Read
                } else {
                    Ddir::Write
                }
            }
            Order::TrimWrite { .. } => Ddir::Trim,
        }
    }

    /// Offset and length of the file's next request; none if this pass has none left for it.
    #[inline(always)]
    fn draw_place(&mut self, file: usize, ddir: Ddir) -> Option<(u64, u64)> {
        let blocks = self.blocks[ddir as usize];
        if self.way == Way::Shuffled {
            let state = &mut self.files[file];
            return Some((state.region.offset + state.order.next()? * blocks.min, blocks.min));
        }
        if self.way == Way::Spots {
            let state = &mut self.files[file];
            let spot = self.offset_rng.below(state.spots[ddir as usize]) * blocks.align;
            return Some((state.region.offset + spot, blocks.min));
        }
        if self.way == Way::Sequential {
            let want = draw_len(&mut self.length_rng, blocks);
            let state = &mut self.files[file];
            let place = state.follow(ddir, want, blocks.min)?;
            return Some((state.region.offset + place.0, place.1));
        }
        self.draw_scattered(file, ddir)
    }

    /// As `draw_place`, for random offsets of blocks of several sizes.
    #[inline(never)]
    fn draw_scattered(&mut self, file: usize, ddir: Ddir) -> Option<(u64, u64)> {
        let blocks = self.blocks[ddir as usize];
        let want = draw_len(&mut self.length_rng, blocks);
        let state = &mut self.files[file];
        let place = if self.way == Way::Mapped {
            let start = self.offset_rng.below(state.units);
            let (first, count) = state.map.as_mut()?.take(start, want / self.unit)?;
            (first * self.unit, count * self.unit)
        } else {
            let spot = self.offset_rng.below(state.spots[ddir as usize]) * blocks.align;
            (spot, fit(want, state.region.len - spot, blocks.min))
        };
        Some((state.region.offset + place.0, place.1))
    }

    /// The file whose turn it is has nothing left.
    #[cold]
    fn retire_file(&mut self) {
        self.retired.push(self.live.remove(self.turn));
        if self.turn == self.live.len() {
            self.turn = 0;
        }
    }

    /// All files have given what they had: begin again, or end the loop if what is missing is less
    /// than a block.
    #[cold]
    fn start_pass(&mut self) -> bool {
        if self.amount_bytes.saturating_sub(self.issued_bytes) < self.block_max {
            return self.start_loop();
        }
        self.reset_files();
        true
    }

    #[cold]
    fn start_loop(&mut self) -> bool {
        // The first loop is begun by `new`.
        if !self.ended && self.issued_ios > 0 {
            self.loops_done += 1;
        }
        if self.loops_left == 0 {
            self.ended = true;
            // Also when asked again: the state that led here stays as it is.
            self.live.clear();
            self.pending = None;
            self.issued_bytes = self.amount_bytes;
            return false;
        }
        if self.repeat != Repeat::Endless {
            self.loops_left -= 1;
        }
        self.issued_bytes = 0;
        self.issued_ios = 0;
        self.pending = None;
        self.reset_files();
        true
    }

    fn reset_files(&mut self) {
        if let Some(varied) = &mut self.varied {
            varied.restart(&mut self.retired);
            return;
        }
        self.turn = 0;
        for file in self.live.drain(..) {
            self.retired.push(file);
        }
        self.live.extend(0..self.files.len() as u32);
        for state in &mut self.files {
            state.position = [0; DIRECTIONS];
            match self.way {
                Way::Shuffled => state.order.restart(&mut self.offset_rng),
                Way::Mapped | Way::Sequential | Way::Spots | Way::Anywhere => {
                    state.map.iter_mut().for_each(Bitmap::clear);
                }
            }
        }
    }
}

impl FileState {
    fn new(
        index: usize,
        region: &Region,
        way: Way,
        unit: u64,
        blocks: &[Blocks; DIRECTIONS],
    ) -> Result<FileState, WorkloadError> {
        let units = region.len / unit;
        if way == Way::Mapped && units > checks::MAP_UNITS_MAX {
            return Err(WorkloadError::MapTooLarge { file: index, units, unit });
        }
        let map = (way == Way::Mapped).then(|| Bitmap::new(units));
        Ok(FileState {
            region: *region,
            units,
            position: [0; DIRECTIONS],
            // An offset counts if the smallest block fits behind it.
            spots: blocks.map(|b| region.len.saturating_sub(b.min) / b.align + 1),
            order: Permutation::new(units),
            map,
        })
    }

    /// The next sequential request of a direction, relative to the region's beginning.
    #[inline]
    fn follow(&mut self, ddir: Ddir, want: u64, min: u64) -> Option<(u64, u64)> {
        let position = &mut self.position[ddir as usize];
        let left = self.region.len - *position;
        if left < min {
            return None;
        }
        let place = (*position, fit(want, left, min));
        *position += place.1;
        Some(place)
    }
}

/// A length of a direction: each byte count up to the largest is equally likely, rounded up to a
/// multiple of the smallest and cut at the largest, which is how fio draws from a range.
#[inline]
fn draw_len(rng: &mut Rng, blocks: Blocks) -> u64 {
    if blocks.min == blocks.max {
        return blocks.min;
    }
    ((rng.below(blocks.max) / blocks.min + 1) * blocks.min).min(blocks.max)
}

/// `want` where so much is left, else what is left in whole smallest blocks.
#[inline]
fn fit(want: u64, left: u64, min: u64) -> u64 {
    if want <= left {
        want
    } else {
        left - left % min
    }
}

fn pick_way(recipe: &Recipe, unit: u64) -> Way {
    if !recipe.order.is_random() {
        return Way::Sequential;
    }
    let used = || Ddir::DATA.into_iter().filter(|&ddir| recipe.order.uses(ddir));
    if !recipe.random_map {
        let fixed = used().all(|ddir| recipe.bs[ddir].0 == recipe.bs[ddir].1);
        return if fixed { Way::Spots } else { Way::Anywhere };
    }
    if used().all(|ddir| recipe.bs[ddir] == (unit, unit)) {
        Way::Shuffled
    } else {
        Way::Mapped
    }
}
