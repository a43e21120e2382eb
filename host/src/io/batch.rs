//! Blocks that were read and are looked at together, by the worker or by a thread of the pool.
//!
//! Filled by [`super::keeper`]; carries everything that looking needs, so that it can go to another
//! thread and come back. Decides nothing.

use super::ahead::Seals;
use super::held::Held;
use crate::verify::check::{check, Block, Expectation, Findings, Rules};
use crate::verify::ledger::Span;
use crate::verify::pool::Work;
use crate::verify::recipe::Recipe;
use std::sync::Arc;

/// What a worker has done by the pool.
#[derive(Debug)]
pub enum Errand {
    /// Blocks that were read are to be looked at.
    Look(Batch),
    /// Blocks are to be made.
    Seal(Seals),
}

impl Work for Errand {
    fn run(&mut self) {
        match self {
            Errand::Look(batch) => batch.run(),
            Errand::Seal(seals) => seals.run(),
        }
    }
}

/// A block that was read.
#[derive(Debug)]
pub struct Read {
    /// Its data.
    pub(super) held: Held,
    /// What was to be read.
    pub(super) span: Span,
    /// Where in `expected` its intervals begin.
    pub(super) first: usize,
}

/// Blocks that are looked at together.
#[derive(Debug)]
pub struct Batch {
    recipe: Arc<Recipe>,
    rules: Rules,
    pub(super) reads: Vec<Read>,
    pub(super) expected: Vec<Expectation>,
    pub(super) findings: Findings,
}

impl Batch {
    /// An empty one with room for so many blocks and intervals.
    pub(super) fn new(recipe: Arc<Recipe>, rules: Rules, blocks: usize, intervals: usize) -> Batch {
        Batch {
            recipe,
            rules,
            reads: Vec::with_capacity(blocks),
            expected: Vec::with_capacity(intervals),
            findings: Findings::default(),
        }
    }

    /// Takes a block, with what its intervals must hold.
    pub(super) fn push(
        &mut self,
        held: Held,
        span: Span,
        expected: impl Iterator<Item = Expectation>,
    ) {
        let first = self.expected.len();
        self.expected.extend(expected);
        self.reads.push(Read { held, span, first });
    }

    /// What the intervals of a block must hold.
    pub(super) fn expected_of(&self, read: &Read) -> &[Expectation] {
        let count = read.span.len.div_ceil(self.recipe.interval as u64) as usize;
        &self.expected[read.first..read.first + count]
    }
}

impl Work for Batch {
    fn run(&mut self) {
        let (recipe, expected) = (&*self.recipe, &self.expected);
        let blocks = self.reads.iter_mut().map(|read| {
            let count = (read.span.len as usize).div_ceil(recipe.interval);
            Block {
                file: read.span.file,
                offset: read.span.offset,
                expected: &expected[read.first..read.first + count],
                data: read.held.data(),
            }
        });
        check(recipe, &self.rules, blocks, &mut self.findings);
    }
}
