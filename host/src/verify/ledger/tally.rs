//! The sums of a ledger: how much of what was written has to be there, and was looked at.
//!
//! A second part of [`Ledger`], asked when reading back begins and at the end. Walks through all
//! that is used; changes nothing.

use super::{file, flag, head, Ledger, CHUNK};
use crate::verify::check::Expectation;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;

/// Bytes of a worker's targets by what is known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Written, as far as it is not trimmed since.
    pub written: u64,
    /// Of these: read back and right.
    pub verified: u64,
    /// Read back and wrong.
    pub wrong: u64,
    /// Not verifiable, because a write failed or did not end.
    pub unsure: u64,
    /// Trimmed.
    pub trimmed: u64,
}

impl<W: Deref<Target = [AtomicU64]>> Ledger<W> {
    /// The sums. What no flush covered is not among them where only what one covered counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { unsure: self.get(head::LOST) * self.interval, ..Tally::default() };
        for number in 0..self.get(head::FILES) {
            let base = self.file_base(number);
            let slots = self.get(base + file::INTERVALS).div_ceil(CHUNK);
            for slot in self.get(base + file::TABLE)..self.get(base + file::TABLE) + slots {
                if self.get(slot) == 0 {
                    continue;
                }
                for at in 0..CHUNK {
                    self.count(base, self.place(slot, at), &mut tally);
                }
            }
        }
        tally
    }

    /// Adds one interval to the sums.
    fn count(&self, file_base: u64, entry: u64, tally: &mut Tally) {
        let word = self.get(entry);
        let count = |bit, sum: &mut u64| {
            *sum += if word & bit != 0 { self.interval } else { 0 };
        };
        count(flag::UNSURE, &mut tally.unsure);
        count(flag::TRIMMED, &mut tally.trimmed);
        if matches!(self.expectation(file_base, entry), Expectation::Own { .. }) {
            tally.written += self.interval;
            count(flag::WRONG, &mut tally.wrong);
            if word & flag::WRONG == 0 {
                count(flag::CHECKED, &mut tally.verified);
            }
        }
    }
}
