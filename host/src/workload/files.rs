//! Chooses the file of the next request, out of a window of live files.
//!
//! Called by [`super::varied`]. A file is live from when it is first named until it is told as
//! retired; never are more live than the window has room for. Allocates in [`Files::new`] only.

use super::laws::Sampler;
use super::rng::Rng;
use super::shape::FileChoice;
use std::collections::VecDeque;

/// No place in the window.
const OUTSIDE: u32 = u32::MAX;

/// Files that have left the window and were not asked for yet.
#[derive(Clone, Debug)]
pub(super) struct Retired(VecDeque<u32>);

impl Retired {
    /// One request may retire each file, and a loop's end each of them again.
    pub(super) fn new(files: usize) -> Retired {
        Retired(VecDeque::with_capacity(2 * files))
    }

    /// If nobody asks, the oldest are forgotten.
    pub(super) fn push(&mut self, file: u32) {
        if self.0.len() == self.0.capacity() {
            self.0.pop_front();
        }
        self.0.push_back(file);
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        self.0.pop_front()
    }
}

/// Whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Files {
    choice: FileChoice,
    /// Requests to a file before another is chosen, and how many are left of them.
    every: u64,
    left: u64,
    /// Files that are live or about to be, and the one whose turn it is.
    live: Vec<u32>,
    turn: usize,
    count: u32,
    window: usize,
    /// The next file to enter.
    entering: u32,
    /// Of a choice by law: the law, each file's place in the window, whose is given away next.
    law: Option<Sampler>,
    place_of: Vec<u32>,
    oldest: usize,
    rng: Rng,
}

impl Files {
    /// Over `count` files; `window` is from 1 to `count`.
    pub(super) fn new(
        choice: FileChoice,
        every: u32,
        count: u32,
        window: usize,
        seed: u64,
    ) -> Files {
        let law = choice.law().map(|law| Sampler::new(&law, u64::from(count), 1, seed));
        Files {
            every: if choice == FileChoice::Sequential {
                u64::MAX
            } else {
                u64::from(every.max(1))
            },
            choice,
            left: 0,
            live: Vec::with_capacity(window),
            turn: 0,
            count,
            window,
            entering: 0,
            place_of: if law.is_some() { vec![OUTSIDE; count as usize] } else { Vec::new() },
            law,
            oldest: 0,
            rng: Rng::new(seed),
        }
    }

    /// All files have something left again. What was live until now is retired.
    pub(super) fn restart(&mut self, retired: &mut Retired) {
        for file in self.live.drain(..) {
            retired.push(file);
        }
        self.turn = 0;
        self.left = 0;
        self.oldest = 0;
        self.entering = 0;
        if self.law.is_some() {
            self.place_of.fill(OUTSIDE);
        } else {
            self.entering = self.window as u32;
            self.live.extend(0..self.entering);
        }
    }

    /// A file that has nothing left begins afresh by itself.
    pub(super) fn repeat(&self) -> bool {
        self.law.is_some()
    }

    /// The file of the next request; none if all have nothing left.
    #[inline]
    pub(super) fn pick(&mut self, retired: &mut Retired) -> Option<u32> {
        if self.left == 0 {
            match self.choice {
                FileChoice::RoundRobin | FileChoice::Sequential => {}
                FileChoice::Random => {
                    self.turn = self.rng.below(self.live.len() as u64) as usize;
                }
                FileChoice::Zipf(_) | FileChoice::Pareto(_) | FileChoice::Gauss(_) => {
                    self.pick_by_law(retired);
                }
            }
            self.left = self.every;
        }
        self.live.get(self.turn).copied()
    }

    fn pick_by_law(&mut self, retired: &mut Retired) {
        let Some(law) = &mut self.law else { return };
        let file = law.draw(&mut self.rng) as u32;
        let place = self.place_of[file as usize];
        if place != OUTSIDE {
            self.turn = place as usize;
            return;
        }
        if self.live.len() < self.window {
            self.turn = self.live.len();
            self.live.push(file);
        } else {
            self.turn = self.oldest;
            self.oldest = (self.oldest + 1) % self.window;
            let leaving = std::mem::replace(&mut self.live[self.turn], file);
            self.place_of[leaving as usize] = OUTSIDE;
            retired.push(leaving);
        }
        self.place_of[file as usize] = self.turn as u32;
    }

    /// The file that was picked gave a request.
    #[inline]
    pub(super) fn gave(&mut self) {
        self.left -= 1;
        if self.left == 0 && self.choice == FileChoice::RoundRobin {
            self.turn += 1;
            if self.turn == self.live.len() {
                self.turn = 0;
            }
        }
    }

    /// The file that was picked has nothing left: it leaves, and the next one enters.
    #[cold]
    pub(super) fn retire(&mut self, retired: &mut Retired) {
        self.left = 0;
        retired.push(self.live[self.turn]);
        if self.entering == self.count {
            self.live.remove(self.turn);
            if self.turn == self.live.len() {
                self.turn = 0;
            }
            return;
        }
        if self.choice == FileChoice::Sequential {
            self.live.remove(0);
            self.live.push(self.entering);
        } else {
            self.live[self.turn] = self.entering;
        }
        self.entering += 1;
    }
}
