//! The sums of a ledger: how much of what was written must be there, and was found there.
//!
//! Called at the end of a worker's verification, and before it reads back. A part of [`Ledger`];
//! changes nothing.

use super::super::check::Expectation;
use super::{flag, head, Ledger, CHUNK};
use std::ops::Deref;
use std::sync::atomic::AtomicU64;

/// Bytes of a worker's targets by what is known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Written, as far as it has to be there: it was not trimmed since, and the policy counts it.
    pub written: u64,
    /// Of these: read back and right.
    pub verified: u64,
    /// Read back and wrong.
    pub wrong: u64,
    /// Not verifiable, because a write failed or did not end.
    pub unsure: u64,
    /// Trimmed.
    pub trimmed: u64,
    /// Of these: must read as zeros.
    pub zeros: u64,
}

impl<W: Deref<Target = [AtomicU64]>> Ledger<W> {
    /// The sums.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { unsure: self.get(head::LOST) * self.interval, ..Tally::default() };
        for file in 0..self.get(head::FILES) {
            let base = self.file_base(file);
            for slot in self.slots_of(base) {
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

    fn count(&self, file_base: u64, entry: u64, tally: &mut Tally) {
        let word = self.get(entry);
        let has = |bit| if word & bit != 0 { self.interval } else { 0 };
        tally.unsure += has(flag::UNSURE);
        tally.trimmed += has(flag::TRIMMED);
        tally.wrong += has(flag::WRONG);
        match self.expectation(file_base, entry) {
            Expectation::Own { .. } => {
                tally.written += self.interval;
                if word & flag::WRONG == 0 {
                    tally.verified += has(flag::CHECKED);
                }
            }
            Expectation::Zeros => tally.zeros += self.interval,
            Expectation::Unknown | Expectation::Stamped => {}
        }
    }
}
