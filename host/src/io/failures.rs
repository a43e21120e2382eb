//! What becomes of a request that failed: the end of the job, a figure, or nothing at all.
//!
//! Called by [`super::reap`] with each failure, and by `run` once the worker is through. The list
//! of what is told is as long as it may get from the start; words are made of it later. Must not
//! format, and must not decide whether the run's status tells of it.

use super::signal::Signal;
use super::slots::{Outcome, SlotIndex};
use super::trouble::RequestError;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::plugin::host_table;
use crate::sys::clock::Clock;

/// Failures of one worker that `error_dump` tells one by one.
pub const TOLD_MAX: usize = 100;

/// What one kind of requests may do without ending the job.
#[derive(Clone, Debug, Default)]
pub struct Tolerated {
    /// A failure is counted, and the job goes on.
    pub goes_on: bool,
    /// Errnos that count as done.
    pub ignored: Vec<i32>,
}

/// What failures do to a job.
#[derive(Clone, Debug, Default)]
pub struct Tolerance {
    /// Of reads.
    pub reads: Tolerated,
    /// Of writes, trims and syncs.
    pub writes: Tolerated,
    /// Each failure is told, not the first alone.
    pub dump: bool,
    /// A write that finds no room ends the job in order.
    pub fill_device: bool,
}

/// What a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// None: it counts as done.
    Ignored,
    /// A failure that the job survives.
    GoesOn,
    /// The orderly end of a job: it has filled its device, or the run is over.
    Full,
    /// The end of the job.
    Ends,
}

impl Tolerance {
    fn judge(&self, ddir: Ddir, errno: i32) -> Verdict {
        let kind = if ddir == Ddir::Read { &self.reads } else { &self.writes };
        let no_room = matches!(errno, libc::ENOSPC | libc::EDQUOT);
        if kind.ignored.contains(&errno) {
            Verdict::Ignored
        } else if self.fill_device && ddir == Ddir::Write && no_room {
            Verdict::Full
        } else if kind.goes_on {
            Verdict::GoesOn
        } else {
            Verdict::Ends
        }
    }
}

/// A failure that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub error: RequestError,
    /// It counts as done.
    pub ignored: bool,
}

/// The failures of one worker.
#[derive(Debug, Default)]
pub struct Failures {
    tolerance: Tolerance,
    /// The first ones: [`TOLD_MAX`] with `error_dump`, else one that is not ignored.
    pub told: Vec<Failure>,
    /// Failures that are not ignored.
    pub failed: u64,
    /// Failures that are.
    pub ignored: u64,
    /// The one that ended the job.
    pub(super) fatal: Option<RequestError>,
    /// Issue nothing more.
    pub(super) stop: bool,
}

impl Failures {
    pub(super) fn new(tolerance: Tolerance) -> Failures {
        let told = Vec::with_capacity(if tolerance.dump { TOLD_MAX } else { 1 });
        Failures { tolerance, told, ..Failures::default() }
    }

    /// Whether each failure was to be told.
    pub fn dump(&self) -> bool {
        self.tolerance.dump
    }

    fn tells(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Full => false,
            _ if self.tolerance.dump => self.told.len() < TOLD_MAX,
            Verdict::Ignored => false,
            _ => self.told.is_empty(),
        }
    }
}

impl<C: Clock> Worker<'_, C> {
    /// Counts a request that came back with `errno`, and decides what becomes of the job.
    #[cold]
    pub(super) fn account_failure(&mut self, index: SlotIndex, outcome: Outcome, errno: i32) {
        self.note_failure(index, outcome.vendor_status, errno, None);
    }

    /// The same with words of the host's, who did it itself.
    pub(super) fn note_failure(
        &mut self,
        index: SlotIndex,
        vendor_status: u32,
        errno: i32,
        words: Option<String>,
    ) {
        let slot = *self.slots.slot(index);
        let verdict = match errno {
            // What `terminate` interrupted because the run is to end failed by our own wish.
            libc::ECANCELED if self.signal.get() >= Signal::ABORT => Verdict::Full,
            errno => self.failures.tolerance.judge(slot.ddir, errno),
        };
        let dir = slot.ddir as usize;
        let counters =
            if slot.measured { &self.page.measure.dirs[dir] } else { &self.page.ramp.dirs[dir] };
        if verdict != Verdict::Full || slot.done > 0 {
            counters.ios.add(1);
            counters.bytes.add(slot.done);
        }
        match verdict {
            Verdict::Ignored => {
                counters.ignored_ios.add(1);
                self.failures.ignored += 1;
            }
            Verdict::Full if slot.done > 0 => {
                counters.short_ios.add(1);
                counters.cut_ios.add(1);
            }
            Verdict::Full => {}
            Verdict::GoesOn | Verdict::Ends => {
                counters.failed_ios.add(1);
                self.failures.failed += 1;
            }
        }
        self.failures.stop |= matches!(verdict, Verdict::Full | Verdict::Ends);
        if verdict != Verdict::Full && self.page.first_error.get() == 0 {
            self.page.first_error.set(errno as u64);
        }
        let ends = verdict == Verdict::Ends && self.failures.fatal.is_none();
        let tells = self.failures.tells(verdict);
        if !ends && !tells {
            // Words about this failure are not to be taken for words about a later one.
            drop(host_table::take_error_words());
            return;
        }
        let error = RequestError {
            ddir: slot.ddir,
            op: u32::from(slot.op),
            file: slot.file,
            offset: slot.offset,
            len: slot.len,
            errno,
            vendor_status,
            words: words.or_else(|| self.words(index)),
        };
        if tells {
            let ignored = verdict == Verdict::Ignored;
            self.failures.told.push(Failure { error: error.clone(), ignored });
        }
        if ends {
            self.failures.fatal = Some(error);
        }
    }

    /// What the engine says about a failure of its own; none of what the host found.
    fn words(&mut self, index: SlotIndex) -> Option<String> {
        if self.slots.outcome(index).error == 0 {
            drop(host_table::take_error_words());
            return None;
        }
        self.engine.errdetails(self.slots.unit(index), index)
    }

    /// What failed, once the worker is through.
    pub fn take_failures(&mut self) -> Failures {
        std::mem::take(&mut self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failure_does_depends_on_its_kind_and_errno() {
        use Verdict::{Ends, Full, GoesOn, Ignored};
        let tolerance = Tolerance {
            reads: Tolerated { goes_on: true, ignored: vec![libc::EPERM] },
            writes: Tolerated { goes_on: false, ignored: vec![libc::EIO] },
            dump: false,
            fill_device: true,
        };
        let cases = [
            (Ddir::Read, libc::EIO, GoesOn),
            (Ddir::Read, libc::ENODATA, GoesOn),
            (Ddir::Read, libc::EPERM, Ignored),
            (Ddir::Read, libc::EINVAL, GoesOn),
            (Ddir::Read, libc::ENOSPC, GoesOn),
            (Ddir::Write, libc::EIO, Ignored),
            (Ddir::Trim, libc::EIO, Ignored),
            (Ddir::Sync, libc::EIO, Ignored),
            (Ddir::Write, libc::ENODATA, Ends),
            (Ddir::Write, libc::ENOSPC, Full),
            (Ddir::Write, libc::EDQUOT, Full),
            (Ddir::Trim, libc::ENOSPC, Ends),
        ];
        for (ddir, errno, verdict) in cases {
            assert_eq!(tolerance.judge(ddir, errno), verdict, "{ddir:?} {errno}");
        }
        assert_eq!(Tolerance::default().judge(Ddir::Write, libc::ENOSPC), Ends);
    }
}
