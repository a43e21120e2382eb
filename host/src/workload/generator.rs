//! Picks the next direction, file, offset and length. Called once a request by `io`'s loop.
//!
//! A pass touches each region once; it begins with all files live and ends when none has anything
//! left. A loop issues the recipe's amount, in as many passes as that takes. Everything is
//! allocated in [`Generator::new`]; [`Generator::next`] reads no clock and allocates nothing.

use super::bitmap::Bitmap;
use super::checks;
use super::files::Retired;
use super::lengths::gcd;
use super::plain::{draw_len, fit, pick_way, Blocks, FileState, Way, DIRECTIONS};
use super::recipe::{Order, Recipe, Repeat, Request, WorkloadError};
use super::rng::{mix_seed, Rng};
use super::stretch::{Stretch, STRETCH_MAX};
use super::varied::Varied;
use crate::ddir::Ddir;

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
    /// Requests of a plain load that were drawn at once: counted as issued, but not given yet.
    stretch: Stretch,
    /// All of them, but for their offsets.
    stretch_of: Request,
    /// The load is one of which stretches can be drawn.
    draws_stretches: bool,
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
        let only = match recipe.order {
            Order::Single { ddir, .. } => Some(ddir),
            Order::TrimWrite { .. } => Some(Ddir::Trim),
            Order::Mixed { .. } => None,
        };
        let is_winding = varied.is_some() || matches!(recipe.order, Order::TrimWrite { .. });
        let alike = only.map(|ddir| (ddir, blocks[ddir as usize])).filter(|(_, b)| b.min == b.max);
        let (ddir, len) = alike.map_or((Ddir::Read, 0), |(ddir, b)| (ddir, b.min));
        let block_max = match &varied {
            Some(varied) => varied.block_max(),
            None => used().map(|ddir| recipe.bs[ddir].1).max().unwrap_or(0),
        };
        let mut generator = Generator {
            way,
            order: recipe.order,
            only,
            rwmixread: u64::from(recipe.rwmixread),
            blocks,
            unit,
            live: Vec::with_capacity(files.len()),
            files,
            turn: 0,
            stretch: Stretch::default(),
            stretch_of: Request { ddir, file: 0, offset: 0, len },
            draws_stretches: alike.is_some()
                && !is_winding
                && recipe.files.len() == 1
                && !matches!(way, Way::Mapped | Way::Anywhere),
            is_winding,
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
        if let Some(offset) = self.stretch.next() {
            return Some(Request { offset, ..self.stretch_of });
        }
        self.next_beyond()
    }

    /// As `next`, where no stretch is left.
    #[inline(never)]
    fn next_beyond(&mut self) -> Option<Request> {
        if self.is_winding {
            return self.next_winding();
        }
        if self.loop_is_done() && !self.start_loop() {
            return None;
        }
        if self.draw_stretch() {
            let offset = self.stretch.next()?;
            return Some(Request { offset, ..self.stretch_of });
        }
        self.next_plain()
    }

    /// Draws as many requests at once as the loop has left and its only file has room for. False:
    /// none.
    #[inline(always)]
    fn draw_stretch(&mut self) -> bool {
        if !self.draws_stretches || self.live.is_empty() {
            return false;
        }
        let Request { ddir, len, .. } = self.stretch_of;
        let bytes_left = self.amount_bytes.saturating_sub(self.issued_bytes);
        let left = bytes_left.div_ceil(len).min(self.max_ios - self.issued_ios);
        let left = left.min(STRETCH_MAX as u64) as usize;
        let state = &mut self.files[0];
        let start = state.region.offset;
        let drawn = match self.way {
            Way::Shuffled => self.stretch.fill(left, || Some(start + state.order.next()? * len)),
            Way::Spots => {
                let (spots, align) = (state.spots[ddir as usize], self.blocks[ddir as usize].align);
                let rng = &mut self.offset_rng;
                self.stretch.fill(left, || Some(start + rng.below(spots) * align))
            }
            _ => self.stretch.fill(left, || Some(start + state.follow(ddir, len, len)?.0)),
        };
        self.issued_bytes += drawn as u64 * len;
        self.issued_ios += drawn as u64;
        drawn > 0
    }

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
    fn next_winding(&mut self) -> Option<Request> {
        if self.loop_is_done() && !self.start_loop() {
            return None;
        }
        if let Some(write) = self.pending.take() {
            return Some(self.account(write));
        }
        let request = match &self.varied {
            Some(_) => self.next_varied()?,
            None => self.next_plain()?,
        };
        if matches!(self.order, Order::TrimWrite { .. }) {
            self.pending = Some(Request { ddir: Ddir::Write, ..request });
        }
        Some(request)
    }

    fn next_varied(&mut self) -> Option<Request> {
        let ddir = self.draw_ddir();
        // Bounded: in a pass that has just begun each file has a block to give.
        loop {
            let varied = self.varied.as_mut()?;
            if let Some(request) = varied.next(ddir, &mut self.retired) {
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
        let amount_is_issued = self.issued_bytes >= self.amount_bytes && self.pending.is_none();
        (amount_is_issued || self.issued_ios >= self.max_ios) && self.stretch.is_empty()
    }

    fn draw_ddir(&mut self) -> Ddir {
        match self.only {
            Some(ddir) => ddir,
            None => self.draw_mixed(),
        }
    }

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
