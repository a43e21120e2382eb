//! Phases of a worker: how ramp, measure and drain begin and end.
//!
//! Called by the loop in [`super::worker`] at the ends of phases, never in their middle. Issues no
//! request of the load; only continues what was begun, and syncs.

use super::signal::Signal;
use super::trouble::{Breach, Fault, Trouble};
use super::worker::Worker;
use crate::plugin::handle::{Callback, Refusal};
use crate::stats::live::WorkerState;
use crate::sys::clock::Clock;
use crate::sys::thread::Usage;

impl<C: Clock> Worker<'_, C> {
    /// The signal changed. True: issue nothing more.
    #[cold]
    pub(super) fn change_phase(&mut self) -> bool {
        match self.signal.get() {
            // The end of the load's time is none of verification's.
            now if self.keeper.as_ref().is_some_and(|keeper| keeper.is_after_load()) => {
                now >= Signal::ABORT
            }
            Signal::RAMP => false,
            Signal::MEASURE => {
                self.begin_measure();
                false
            }
            _ => {
                // What is owed at the end would be seen by no request.
                if self.phase == Signal::MEASURE && self.pace.pacer.is_limited() {
                    self.look_at_backlog(self.clock.mono_ns());
                }
                true
            }
        }
    }

    pub(super) fn begin(&mut self) {
        let now_ns = self.clock.mono_ns();
        self.page.ramp.begin_ns.set(now_ns);
        self.pace.pacer.restart(now_ns);
        self.pace.flow.iter_mut().for_each(|flow| flow.join(now_ns));
        if self.signal.get() == Signal::RAMP {
            self.page.state.set(WorkerState::Ramp as u64);
        } else {
            self.begin_measure();
        }
    }

    fn begin_measure(&mut self) {
        let now_ns = self.clock.mono_ns();
        self.phase = Signal::MEASURE;
        self.harness.discard();
        self.usage_at_begin = Usage::of_thread();
        self.page.ramp.end_ns.set(now_ns);
        self.page.measure.begin_ns.set(now_ns);
        self.page.state.set(WorkerState::Measure as u64);
        self.pace.pacer.restart(now_ns);
    }

    pub(super) fn end(&mut self) {
        let measure = &self.page.measure;
        if self.phase == Signal::MEASURE {
            measure.end_ns.set(self.clock.mono_ns());
            let used = Usage::of_thread().since(&self.usage_at_begin);
            measure.user_us.set(used.user_us);
            measure.system_us.set(used.system_us);
            measure.switches.set(used.switches);
            measure.involuntary.set(used.involuntary);
            measure.major_faults.set(used.major_faults);
            measure.minor_faults.set(used.minor_faults);
        }
        self.page.in_flight.set(u64::from(self.in_flight));
    }

    /// Takes back everything that is in flight and continues what ended short.
    pub(super) fn drain(&mut self) -> Result<(), Trouble> {
        let mut refused = None;
        loop {
            while let Some(index) = self.pending.pop() {
                if self.failures.fatal.is_some() || refused.is_some() {
                    self.slots.release(index);
                } else {
                    keep_refusal(self.offer(index), &mut refused)?;
                }
            }
            // The units that were taken still come back, each with its error.
            keep_refusal(self.commit(), &mut refused)?;
            if self.in_flight == 0 && self.pending.is_empty() {
                self.settle_zones();
                // One that came with a crew's last unit was told to nobody yet.
                let last = self.engine.take_trouble();
                return refused.map(Trouble::from).or(last).map_or(Ok(()), Err);
            }
            match self.reap(1, self.in_flight, -1) {
                // Who refuses to hand back is not asked for ever: what is in flight is lost. The
                // refusal of a crew's member is about its own unit, and `queue`'s.
                Err(Trouble::Refused(refusal)) if refusal.callback == Callback::GetEvents => {
                    return Err(Trouble::Refused(refused.map_or(refusal, Box::new)));
                }
                outcome => keep_refusal(outcome, &mut refused)?,
            }
        }
    }

    /// The outcome, with what the engine did to memory that is not its own: no callback is to
    /// blame, for it is seen when all is over.
    pub(super) fn with_traces(&self, outcome: Result<(), Trouble>) -> Result<(), Trouble> {
        let damage = self.slots.damage();
        match (outcome, damage) {
            (Err(Trouble::Fault(fault)), Some(damage)) => {
                let Fault { callback, breach, in_flight } = *fault;
                let breach = Breach::AndDamage(Box::new(breach), damage);
                Err(Fault { callback, breach, in_flight }.into())
            }
            (outcome @ Err(Trouble::Fault(_)), None) => outcome,
            (_, Some(damage)) => Err(self.fault(Callback::None, Breach::Damage(damage))),
            (outcome, None) => match self.slots.altered_for_good(&self.files) {
                Some(breach) => Err(self.fault(Callback::None, breach)),
                None => outcome,
            },
        }
    }

    /// `end_fsync` and `fsync_on_close`, unless the job ended in disorder.
    pub(super) fn final_sync(&mut self, in_order: bool) -> Result<(), Trouble> {
        let asked = self.settings.end_fsync || self.syncs.on_close();
        if !asked || !in_order || self.last_written.is_none() || self.failures.fatal.is_some() {
            return Ok(());
        }
        // A device that is full ends the load; what it holds is synced all the same.
        self.failures.stop = false;
        self.sync_files()
    }
}

/// A refusal ends the job but not the drain: what is in flight is to come back all the same. But
/// for one of `getevents`, by which alone it could.
fn keep_refusal(
    outcome: Result<(), Trouble>,
    refused: &mut Option<Refusal>,
) -> Result<(), Trouble> {
    match outcome {
        Err(Trouble::Refused(refusal)) if refusal.callback != Callback::GetEvents => {
            refused.get_or_insert(*refusal);
            Ok(())
        }
        other => other,
    }
}
