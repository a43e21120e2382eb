//! What comes back: a third part of [`Fault`].
//!
//! Takes from the inner engine what has ended, does what was left to do, and keeps what is late or
//! stalled until its time.

use crate::engine::{After, Fault};
use iodyno_engine_api::stack::{Data, Finished, Outcome, Sent};
use iodyno_engine_api::{Error, Reaped, Wait};
use std::time::Duration;

impl Fault {
    pub(crate) fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let now = self.host.now_ns();
        let timeout = u64::try_from(wait.timeout_ns).ok();
        let deadline = timeout.map(|timeout| now.saturating_add(timeout));
        loop {
            if self.host.terminated() {
                self.release()?;
            }
            self.take(Wait { min: 0, max: u32::MAX, timeout_ns: 0 })?;
            self.hand_back(reaped);
            let now = self.host.now_ns();
            let over = deadline.is_some_and(|deadline| now >= deadline);
            if reaped.count() >= wait.min || over || self.host.take_interrupt() {
                return Ok(());
            }
            let due = self.late.iter().map(|(due, ..)| *due).min();
            let until = due.into_iter().chain(deadline).min();
            let limit = until.map(|until| until.saturating_sub(now).max(1));
            match self.inner.in_flight() {
                0 => self.bell.sleep(limit.map(Duration::from_nanos)),
                _ => {
                    let timeout_ns = limit.map_or(-1, |ns| i64::try_from(ns).unwrap_or(-1));
                    self.take(Wait { min: 1, max: u32::MAX, timeout_ns })?;
                }
            }
        }
    }

    /// Takes from the inner engine what has ended, and does what was left to do.
    fn take(&mut self, wait: Wait) -> Result<(), Error> {
        let reaped = self.inner.reap(wait, &mut self.ended);
        for Finished { slot, mut outcome, data } in std::mem::take(&mut self.ended) {
            let after = self.after.remove(&slot).unwrap_or(After::Nothing);
            match (after, data) {
                (After::Owned(unit), _) => self.ready.push_back((unit, outcome)),
                (After::Late(due), Data::Unit(unit)) => self.late.push((due, unit, outcome)),
                (After::Torn(bytes), Data::Unit(unit)) => {
                    if outcome.result == Ok(bytes) {
                        outcome.result = Ok(unit.len());
                    }
                    self.ready.push_back((unit, outcome));
                }
                (After::Flip(bits), Data::Unit(mut unit)) => {
                    if outcome.result.is_ok() {
                        crate::engine::flip(unit.buf_mut(), &bits);
                    }
                    self.ready.push_back((unit, outcome));
                }
                (After::Nothing, Data::Unit(unit)) => self.ready.push_back((unit, outcome)),
                (_, Data::None | Data::Own(_)) => {}
            }
        }
        reaped
    }

    /// Hands back what is ready and what is due, as far as there is room.
    fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        if !self.late.is_empty() {
            let now = self.host.now_ns();
            while let Some(at) = self.late.iter().position(|(due, ..)| *due <= now) {
                let (_, unit, outcome) = self.late.swap_remove(at);
                self.ready.push_back((unit, outcome));
            }
        }
        while reaped.room() > 0 {
            let Some((mut unit, outcome)) = self.ready.pop_front() else { return };
            unit.set_vendor_status(outcome.vendor_status);
            reaped.push(unit, outcome.result);
        }
    }

    /// The run is to end: what was stalled is done after all.
    fn release(&mut self) -> Result<(), Error> {
        let failed = |errno| Outcome { result: Err(errno), vendor_status: 0 };
        for (slot, ask, unit) in std::mem::take(&mut self.stalled) {
            match self.inner.send(slot, ask, Data::Unit(unit)) {
                Sent::Queued | Sent::Done(_, Data::None | Data::Own(_)) => {}
                Sent::Done(outcome, Data::Unit(unit)) => self.ready.push_back((unit, outcome)),
                Sent::Busy(Data::Unit(unit)) => self.stalled.push((slot, ask, unit)),
                Sent::Refused(errno, Data::Unit(unit)) => {
                    self.ready.push_back((unit, failed(errno)));
                }
                Sent::Busy(_) | Sent::Refused(..) => {}
            }
        }
        self.inner.commit()
    }
}
