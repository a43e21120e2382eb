//! The loop of engines that do no I/O (IOE_F_NOIO): one burns CPU, another runs a program.
//!
//! Called by [`super::worker`] in place of its own loop. `queue` is called again and again:
//! Completed is a step, and the next one follows; Queued begins a run, which lasts until its unit
//! comes back, and after the job's number of runs the job is through. Nothing of it is counted,
//! for it is no I/O; failures are. When the time is up the engine is told by `terminate`.

use super::slots::Slots;
use super::trouble::Trouble;
use super::worker::Worker;
use crate::ddir::Ddir;
use crate::sys::clock::Clock;

/// Between two looks at the signal while a run lasts.
const LOOK_NS: i64 = 10_000_000;

impl<C: Clock> Worker<'_, C> {
    /// The loop. Apart, so that the loop of requests has the registers for itself.
    #[cold]
    #[inline(never)]
    pub(super) fn drive_without_io(&mut self, runs: u64) -> Result<(), Trouble> {
        let mut begun = 0;
        loop {
            if self.signal.get() != self.phase && self.change_phase() {
                self.engine.terminator().terminate();
                return Ok(());
            }
            if self.failures.stop {
                return Ok(());
            }
            if self.in_flight > 0 {
                self.commit()?;
                self.reap(1, 1, LOOK_NS)?;
                continue;
            }
            if begun == runs {
                return Ok(());
            }
            self.ask()?;
            begun += u64::from(self.in_flight);
        }
    }

    /// A step, or the begin of a run. In the phase before the measured one nothing is measured.
    fn ask(&mut self) -> Result<(), Trouble> {
        let mut slot = Slots::request(Ddir::Read, 0, 0, 0);
        slot.start = self.clock.ticks();
        let taken = self.slots.take(slot, &self.files);
        let Some(index) = taken else { unreachable!("nothing is in flight") };
        self.offer(index)
    }
}
