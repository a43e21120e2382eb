//! The sequence of a load that is not plain: skips, runs, shares, laws, zones, choices of files.
//!
//! Called by the generator in place of its plain ways, which stay as fast as they are. Made of
//! [`super::files`] (which file), [`super::zones`] (which part of it) and [`super::places`]
//! (where in that); knows no amounts. Allocates in [`Varied::new`] only.

use super::checks;
use super::files::{Files, Retired};
use super::lengths::{gcd, Lengths};
use super::places::{Draws, Source, Style};
use super::recipe::{Recipe, Request, WorkloadError};
use super::rng::{mix_seed, Rng};
use super::shape::{FileChoice, Law};
use super::zones::FilePlaces;
use crate::ddir::{Ddir, PerDir};

/// Files and places of such a load.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    style: Style,
    places: Vec<FilePlaces>,
    files: Files,
    draws: Draws,
}

impl Varied {
    /// None if the plain ways do.
    pub(super) fn new(recipe: &Recipe) -> Result<Option<Varied>, WorkloadError> {
        if is_plain(recipe) {
            return Ok(None);
        }
        let style = style(recipe);
        checks::check_regions(recipe, &style)?;
        let seed = |number| mix_seed(recipe.seed, number);
        let hot = seed(6);
        let place = |(file, &region)| {
            FilePlaces::new(region, recipe.shape.strided, &style, mix_seed(hot, file as u64))
        };
        let places = recipe.files.iter().enumerate().map(place).collect();
        let count = recipe.files.len();
        let window = match recipe.shape.openfiles {
            0 => count,
            files => count.min(files as usize),
        };
        let shape = &recipe.shape;
        Ok(Some(Varied {
            files: Files::new(shape.files, shape.files_every, count as u32, window, seed(5)),
            draws: Draws {
                length: Rng::new(seed(2)),
                offset: Rng::new(seed(3)),
                chance: Rng::new(seed(4)),
            },
            places,
            style,
        }))
    }

    /// The largest block.
    pub(super) fn block_max(&self) -> u64 {
        self.style.block_max()
    }

    /// The only block size, if there is but one.
    pub(super) fn block_size(&self) -> Option<u64> {
        // The smallest of all: where they are as large as the largest, there are no others.
        let fixed = Ddir::DATA.into_iter().filter(|&ddir| self.style.drawn[ddir]).all(|ddir| {
            [&self.style.sequential, &self.style.random]
                .iter()
                .all(|lengths| lengths[ddir].fixed() == Some(self.block_max()))
        });
        fixed.then(|| self.block_max())
    }

    /// Begins a pass over all files.
    pub(super) fn restart(&mut self, retired: &mut Retired) {
        self.files.restart(retired);
        for places in &mut self.places {
            places.restart(&mut self.draws);
        }
    }

    /// The next request; none if the pass is over.
    pub(super) fn next(&mut self, ddir: Ddir, retired: &mut Retired) -> Option<Request> {
        // Bounded: each turn takes a file out of the pass, or begins one, which then has a place.
        loop {
            let file = self.files.pick(retired)?;
            let places = &mut self.places[file as usize];
            if let Some((offset, len)) = places.draw(ddir, &self.style, &mut self.draws) {
                self.files.gave();
                return Some(Request { ddir, file, offset, len });
            }
            if self.files.repeat() {
                places.restart(&mut self.draws);
            } else {
                self.files.retire(retired);
            }
        }
    }
}

/// Whether nothing of the recipe's shape makes a difference.
fn is_plain(recipe: &Recipe) -> bool {
    let shape = &recipe.shape;
    let files = recipe.files.len();
    let is_random = recipe.order.is_random();
    let by_turns = shape.files == FileChoice::RoundRobin
        && shape.files_every <= 1
        && (shape.openfiles == 0 || shape.openfiles as usize >= files);
    let whole = shape.strided.is_none() && (files <= 1 || by_turns);
    let differs = |ddir| {
        let taken = size_of(is_random);
        recipe.bs[ddir] != recipe.bs[taken] || !shape.bssplit[taken].is_empty()
    };
    let plain_direction = |ddir: Ddir| {
        let sizes = shape.bssplit[ddir].is_empty()
            && !(shape.unaligned && recipe.bs[ddir].0 != recipe.bs[ddir].1)
            && !(shape.seq_rand && differs(ddir));
        let places = shape.percentage_random[ddir] == 100
            && shape.blockalign[ddir].is_none()
            && shape.laws[ddir] == Law::Uniform;
        sizes && (!is_random || places)
    };
    let modified = if is_random { shape.seq_nr > 1 } else { shape.seq_add != 0 };
    whole && !modified && drawn(recipe).all(plain_direction)
}

/// With `bs_is_seq_rand`: the direction whose sizes are taken.
fn size_of(random: bool) -> Ddir {
    if random {
        Ddir::Write
    } else {
        Ddir::Read
    }
}

/// Directions for which places are drawn: the write of a trimmed block goes where the trim went.
pub(super) fn drawn(recipe: &Recipe) -> impl Iterator<Item = Ddir> + '_ {
    Ddir::DATA.into_iter().filter(|&ddir| recipe.order.draws(ddir))
}

fn style(recipe: &Recipe) -> Style {
    let shape = &recipe.shape;
    let lengths = |random: bool| {
        let of = |ddir: Ddir| {
            let ddir = if shape.seq_rand { size_of(random) } else { ddir };
            Lengths::new(recipe.bs[ddir], shape.unaligned, &shape.bssplit[ddir])
        };
        PerDir { read: of(Ddir::Read), write: of(Ddir::Write), trim: of(Ddir::Trim) }
    };
    let (sequential, random) = (lengths(false), lengths(true));
    let unit = drawn(recipe).fold(recipe.min_align, |unit, ddir| gcd(unit, random[ddir].unit()));
    let align = |ddir: Ddir| {
        shape.blockalign[ddir].unwrap_or_else(|| gcd(recipe.min_align, random[ddir].min)).max(1)
    };
    let is_mapped = recipe.random_map
        && drawn(recipe)
            .all(|ddir| shape.blockalign[ddir].is_none() && shape.laws[ddir] == Law::Uniform);
    let never_random = drawn(recipe).all(|ddir| shape.percentage_random[ddir] == 0);
    let source = if !recipe.order.is_random() || never_random {
        Source::Sequential
    } else if !is_mapped {
        Source::Law
    } else if drawn(recipe).all(|ddir| random[ddir].fixed() == Some(unit)) {
        Source::Shuffled
    } else {
        Source::Mapped
    };
    Style {
        source,
        unit,
        seq_add: if recipe.order.is_random() { 0 } else { shape.seq_add },
        run: if source == Source::Sequential { 1 } else { u64::from(shape.seq_nr.max(1)) },
        identical: shape.identical && shape.seq_nr > 1,
        percent_random: shape.percentage_random.map(u64::from),
        align: PerDir {
            read: align(Ddir::Read),
            write: align(Ddir::Write),
            trim: align(Ddir::Trim),
        },
        laws: shape.laws.clone(),
        drawn: PerDir {
            read: recipe.order.draws(Ddir::Read),
            write: recipe.order.draws(Ddir::Write),
            trim: recipe.order.draws(Ddir::Trim),
        },
        sequential,
        random,
    }
}
