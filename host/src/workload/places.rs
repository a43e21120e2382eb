//! Picks offset and length within one part of a file: a whole region, or a zone of it.
//!
//! Called by [`super::zones`], once a request. Knows skips, runs, shares of sequential requests,
//! the random map and the laws; knows neither files nor amounts. Allocates in [`Part::new`] only.

use super::bitmap::Bitmap;
use super::laws::Sampler;
use super::lengths::Lengths;
use super::permutation::Permutation;
use super::rng::Rng;
use super::shape::Law;
use crate::ddir::{Ddir, PerDir};

/// Directions that carry data.
const DIRECTIONS: usize = Ddir::DATA.len();

/// Where a new offset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Behind the one before, with a skip.
    Sequential,
    /// Each block once; one block size.
    Shuffled,
    /// Each unit once; several block sizes.
    Mapped,
    /// By a law, also twice.
    Law,
}

/// What all files of a load have in common.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) source: Source,
    /// Bytes of a unit of the random map.
    pub(super) unit: u64,
    pub(super) seq_add: i64,
    /// Requests to a new offset, at least 1.
    pub(super) run: u64,
    pub(super) identical: bool,
    pub(super) percent_random: PerDir<u64>,
    /// Lengths of requests that follow each other, and of random ones.
    pub(super) sequential: PerDir<Lengths>,
    pub(super) random: PerDir<Lengths>,
    /// Offsets by a law are multiples of it.
    pub(super) align: PerDir<u64>,
    pub(super) laws: PerDir<Law>,
    /// Directions for which places are drawn.
    pub(super) drawn: PerDir<bool>,
}

impl Style {
    /// The longest of the smallest blocks: less is no place to do anything.
    pub(super) fn block_min(&self) -> u64 {
        self.blocks().map(|lengths| lengths.min).max().unwrap_or(1)
    }

    /// The largest block.
    pub(super) fn block_max(&self) -> u64 {
        self.blocks().map(|lengths| lengths.max).max().unwrap_or(1)
    }

    fn blocks(&self) -> impl Iterator<Item = &Lengths> {
        let is_random = self.source != Source::Sequential;
        Ddir::DATA.into_iter().filter(|&ddir| self.drawn[ddir]).flat_map(move |ddir| {
            let follows = !is_random || self.percent_random[ddir] < 100;
            let sequential = follows.then_some(&self.sequential[ddir]);
            sequential.into_iter().chain(is_random.then_some(&self.random[ddir]))
        })
    }
}

/// The random numbers of a load, a stream for each question.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    pub(super) length: Rng,
    pub(super) offset: Rng,
    /// Sequential or random.
    pub(super) chance: Rng,
}

/// Where one direction is.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    start: u64,
    end: u64,
    /// Requests that are still to follow before a new offset is due.
    run_left: u64,
    /// The run began with a random offset.
    random: bool,
    /// There was a request.
    begun: bool,
}

#[derive(Clone, Debug)]
enum Stock {
    Sequential,
    /// Runs of `run` blocks each; the last may be shorter.
    Shuffled {
        order: Box<Permutation>,
        blocks: u64,
        run: u64,
    },
    Mapped(Bitmap),
    Law(PerDir<Sampler>),
}

/// A stretch of a file; offsets are counted from its beginning.
#[derive(Clone, Debug)]
pub(super) struct Part {
    len: u64,
    stock: Stock,
    cursors: [Cursor; DIRECTIONS],
}

impl Part {
    /// Of `len` bytes, at least [`Style::block_min`]. `seed` says where hot blocks lie.
    pub(super) fn new(len: u64, style: &Style, seed: u64) -> Part {
        let stock = match style.source {
            Source::Sequential => Stock::Sequential,
            Source::Shuffled => {
                let blocks = len / style.unit;
                let run = if style.identical { 1 } else { style.run };
                Stock::Shuffled {
                    order: Box::new(Permutation::new(blocks.div_ceil(run))),
                    blocks,
                    run,
                }
            }
            Source::Mapped => Stock::Mapped(Bitmap::new(len / style.unit)),
            Source::Law => {
                let sampler = |ddir| {
                    if !style.drawn[ddir] {
                        return Sampler::Uniform { count: 1 };
                    }
                    let align = style.align[ddir];
                    // An offset counts if the smallest block fits behind it.
                    let spots = (len - style.random[ddir].min) / align + 1;
                    Sampler::new(&style.laws[ddir], spots, align, seed)
                };
                Stock::Law(PerDir {
                    read: sampler(Ddir::Read),
                    write: sampler(Ddir::Write),
                    trim: sampler(Ddir::Trim),
                })
            }
        };
        Part { len, stock, cursors: [Cursor::default(); DIRECTIONS] }
    }

    /// Begins a pass. To be called before the first one too.
    pub(super) fn restart(&mut self, draws: &mut Draws) {
        self.cursors = [Cursor::default(); DIRECTIONS];
        match &mut self.stock {
            Stock::Sequential | Stock::Law(_) => {}
            Stock::Shuffled { order, .. } => order.restart(&mut draws.offset),
            Stock::Mapped(map) => map.clear(),
        }
    }

    /// Offset and length of the next request; none if this pass has none left.
    pub(super) fn draw(
        &mut self,
        ddir: Ddir,
        style: &Style,
        draws: &mut Draws,
    ) -> Option<(u64, u64)> {
        let at = ddir as usize;
        if self.cursors[at].run_left > 0 {
            if let Some(place) = self.go_on(ddir, style, draws) {
                return Some(place);
            }
        }
        if style.source == Source::Sequential {
            let want = style.sequential[ddir].draw(&mut draws.length);
            let (offset, len) = self.skip(ddir, style, want)?;
            return Some(self.note(ddir, offset, len));
        }
        let percent = style.percent_random[ddir];
        let random = percent == 100 || draws.chance.below(100) < percent;
        let followed = if random { None } else { self.follow_or_wrap(ddir, style, draws) };
        let (offset, len) = match followed {
            Some(place) => {
                self.cursors[at].random = false;
                self.cursors[at].run_left = style.run - 1;
                place
            }
            None => self.anew(ddir, style, draws)?,
        };
        Some(self.note(ddir, offset, len))
    }

    fn note(&mut self, ddir: Ddir, start: u64, len: u64) -> (u64, u64) {
        let cursor = &mut self.cursors[ddir as usize];
        (cursor.start, cursor.end, cursor.begun) = (start, start + len, true);
        (start, len)
    }

    /// The next request of a run; none if it cannot go on.
    fn go_on(&mut self, ddir: Ddir, style: &Style, draws: &mut Draws) -> Option<(u64, u64)> {
        let cursor = &mut self.cursors[ddir as usize];
        cursor.run_left -= 1;
        if style.identical {
            return Some((cursor.start, cursor.end - cursor.start));
        }
        let cursor = *cursor;
        let place = match &mut self.stock {
            Stock::Mapped(map) if cursor.random => {
                let want = style.random[ddir].draw(&mut draws.length);
                take(map, cursor.end.div_ceil(style.unit), want, style.unit)
            }
            _ => self.follow(ddir, style, draws, cursor.random),
        };
        let Some((offset, len)) = place else {
            self.cursors[ddir as usize].run_left = 0;
            return None;
        };
        Some(self.note(ddir, offset, len))
    }

    /// Behind the last request of this direction; none if no block is left there.
    fn follow(
        &self,
        ddir: Ddir,
        style: &Style,
        draws: &mut Draws,
        random: bool,
    ) -> Option<(u64, u64)> {
        let lengths = if random { &style.random[ddir] } else { &style.sequential[ddir] };
        let end = self.cursors[ddir as usize].end;
        let left = self.len - end;
        (left >= lengths.min)
            .then(|| (end, fit(lengths.draw(&mut draws.length), left, lengths.min)))
    }

    /// The same; a direction that is never random begins at the beginning again.
    fn follow_or_wrap(
        &mut self,
        ddir: Ddir,
        style: &Style,
        draws: &mut Draws,
    ) -> Option<(u64, u64)> {
        let place = self.follow(ddir, style, draws, false);
        if place.is_some() || style.percent_random[ddir] > 0 {
            return place;
        }
        self.cursors[ddir as usize].end = 0;
        self.follow(ddir, style, draws, false)
    }

    /// The next sequential offset with `seq_add`. Forwards it begins at the beginning, backwards
    /// that far before the end; beyond either end the pass is over.
    fn skip(&self, ddir: Ddir, style: &Style, want: u64) -> Option<(u64, u64)> {
        let cursor = self.cursors[ddir as usize];
        let lengths = &style.sequential[ddir];
        let add = style.seq_add;
        let offset = if cursor.begun {
            cursor.end.checked_add_signed(add)?
        } else if add < 0 && add.unsigned_abs() > lengths.max {
            let back = if add.unsigned_abs() > self.len { want } else { add.unsigned_abs() };
            self.len.saturating_sub(back)
        } else {
            0
        };
        let left = self.len.checked_sub(offset)?;
        (left >= lengths.min).then(|| (offset, fit(want, left, lengths.min)))
    }

    /// A new random offset.
    fn anew(&mut self, ddir: Ddir, style: &Style, draws: &mut Draws) -> Option<(u64, u64)> {
        let mut run_left = style.run - 1;
        let lengths = &style.random[ddir];
        let place = match &mut self.stock {
            Stock::Sequential => unreachable!("a sequential load draws no offsets"),
            Stock::Shuffled { order, blocks, run } => match order.next() {
                Some(number) => {
                    let first = number * *run;
                    if !style.identical {
                        run_left = (*run).min(*blocks - first) - 1;
                    }
                    (first * style.unit, style.unit)
                }
                None => return self.take_over(ddir, style, draws),
            },
            Stock::Mapped(map) => {
                let want = lengths.draw(&mut draws.length);
                let start = draws.offset.below(self.len / style.unit);
                take(map, start, want, style.unit)?
            }
            Stock::Law(samplers) => {
                let want = lengths.draw(&mut draws.length);
                let spot = samplers[ddir].draw(&mut draws.offset) * style.align[ddir];
                (spot, fit(want, self.len - spot, lengths.min))
            }
        };
        let cursor = &mut self.cursors[ddir as usize];
        cursor.random = true;
        cursor.run_left = run_left;
        Some(place)
    }

    /// All runs are given out: the rest of one that another direction has begun.
    #[cold]
    fn take_over(&mut self, ddir: Ddir, style: &Style, draws: &mut Draws) -> Option<(u64, u64)> {
        if style.identical {
            return None;
        }
        let begun = |cursor: &Cursor| cursor.random && cursor.run_left > 0;
        let other = self.cursors.iter().position(begun)?;
        self.cursors.swap(other, ddir as usize);
        self.cursors[ddir as usize].run_left -= 1;
        self.follow(ddir, style, draws, true)
    }
}

/// Takes room for `want` bytes off the map, less if there is no more in one piece.
fn take(map: &mut Bitmap, start: u64, want: u64, unit: u64) -> Option<(u64, u64)> {
    // Sizes that are no multiples of a unit leave the rest of their last one untouched.
    let (first, count) = map.take(start, want.div_ceil(unit))?;
    Some((first * unit, want.min(count * unit)))
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
