//! Taking units back: what `getevents` hands over, how long it may take, and what it means where
//! nothing comes.
//!
//! Called by checks and by `run` of the rig. Judges `getevents` alone: what is in a unit is
//! `judge`'s affair.

use super::super::check::Finding;
use super::words::{rules, Done};
use super::{refused, Gone, Rig};
use crate::plugin::handle::Callback;
use iodyno_engine_api::abi::ioe_io;
use std::time::{Duration, Instant};

/// By how much a wait may end too early: clocks and timers differ.
const EARLY: Duration = Duration::from_millis(2);
/// How long a unit may stay away before it counts as lost.
pub(super) const LOST_AFTER: Duration = Duration::from_secs(4);
/// One wait for events.
pub(super) const WAIT: Duration = Duration::from_millis(500);

impl Rig<'_> {
    /// Takes finished units back: `min` to `max` of them, fewer only where the time ran out. `None`
    /// waits without end.
    pub(in super::super) fn reap(
        &mut self,
        min: u32,
        max: u32,
        timeout: Option<Duration>,
    ) -> Result<Vec<Done>, Finding> {
        let limit_ns = timeout.map_or(-1, |limit| limit.as_nanos() as i64);
        let begun = Instant::now();
        // Behind the room that the engine is told of stand pointers that it must leave alone.
        let guard = std::ptr::without_provenance_mut::<ioe_io>(0x5a5a);
        let mut out = vec![guard; max as usize + 8];
        let answer = self.instance.getevents(min, max, limit_ns, &mut out);
        let Ok(count) = u32::try_from(answer) else {
            let refusal = self.instance.refusal(Callback::GetEvents, answer);
            let rule = match answer == -libc::EINTR {
                true => rules::INTR,
                false if self.in_flight() == 0 => rules::NOTHING,
                false => rules::COUNT,
            };
            return Err(refused(rule, &refusal));
        };
        if count > max || out[max as usize..].iter().any(|entry| *entry != guard) {
            return Err(Finding::breaks(
                rules::COUNT,
                format!(
                    "getevents handed back {count} units or more, at most {max} were asked for"
                ),
            ));
        }
        if count < min {
            self.too_few(count, min, timeout, begun.elapsed())?;
        }
        out[..count as usize].iter().map(|unit| self.take_back(*unit)).collect()
    }

    /// Fewer than asked for: only where the time ran out, or where a wait was interrupted.
    fn too_few(
        &mut self,
        count: u32,
        min: u32,
        timeout: Option<Duration>,
        waited: Duration,
    ) -> Result<(), Finding> {
        let what = format!("getevents handed back {count} units, {min} were asked for");
        if timeout.is_some_and(|limit| waited + EARLY >= limit) {
            return Ok(());
        }
        if self.interrupted {
            self.short_waits += 1;
            return Ok(());
        }
        if self.forgotten() {
            let words = format!("{what}: a unit came back only after another commit");
            return Err(Finding::breaks(rules::COMMIT, words));
        }
        Err(match timeout {
            None => Finding::breaks(rules::MIN, format!("{what} without a time limit")),
            Some(limit) => {
                let words = format!("{what}; it came back after {waited:?} of {limit:?}");
                Finding::breaks(rules::TIMEOUT, words)
            }
        })
    }

    fn take_back(&mut self, unit: *mut ioe_io) -> Result<Done, Finding> {
        let Some(index) = self.units.find(unit) else {
            let words =
                format!("getevents handed back {unit:p}, which is no unit of this instance");
            return Err(Finding::breaks(rules::ONCE, words));
        };
        let Some(request) = self.in_flight[index].take() else {
            let (rule, why) = match self.gone[index] {
                Some(Gone::Busy) => (rules::BUSY, "queue had answered Busy to it"),
                Some(Gone::Canceled) => (rules::CANCEL, "cancel had answered Canceled"),
                None => (rules::ONCE, "it was not in flight (twice, or never queued)"),
            };
            return Err(Finding::breaks(rule, format!("unit {index} came back, but {why}")));
        };
        self.judge(index, request)
    }

    /// Reaps until nothing is in flight any more. What was taken is committed first.
    pub(in super::super) fn reap_all(&mut self) -> Result<Vec<Done>, Finding> {
        if self.uncommitted > 0 {
            self.commit()?;
        }
        self.drain(0, u32::MAX)
    }

    /// Reaps, at most `max` at once, until no more than `left` units are in flight. These are not
    /// committed: all others are.
    pub(in super::super) fn drain(&mut self, left: usize, max: u32) -> Result<Vec<Done>, Finding> {
        let mut back = Vec::new();
        let mut patience = Instant::now() + LOST_AFTER;
        while self.in_flight() > left {
            let wanted = ((self.in_flight() - left) as u32).min(max);
            let some = self.reap(1, wanted, Some(WAIT))?;
            if !some.is_empty() {
                patience = Instant::now() + LOST_AFTER;
            } else if Instant::now() > patience {
                return Err(self.lost(left));
            }
            back.extend(some);
        }
        Ok(back)
    }

    /// Units did not come back. Or did commit forget them?
    pub(super) fn lost(&mut self, left: usize) -> Finding {
        let missing = self.in_flight() - left;
        if left == 0 && self.forgotten() {
            return Finding::breaks(rules::COMMIT, "a unit came back only after another commit");
        }
        lost(missing)
    }

    /// Whether commit has forgotten a unit: nothing comes back for a while, and then, after another
    /// commit, something does. Nothing can be made of this rig afterwards.
    fn forgotten(&mut self) -> bool {
        const WHILE: Duration = Duration::from_millis(200);
        self.uncommitted == 0
            && !self.comes_back_within(WHILE)
            && self.commit_status() >= 0
            && self.comes_back_within(WHILE)
    }

    fn comes_back_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        let mut out = vec![std::ptr::null_mut::<ioe_io>(); self.units.count()];
        let max = out.len() as u32;
        while begun.elapsed() < limit {
            if self.instance.getevents(0, max, 0, &mut out) > 0 {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

pub(super) fn lost(units: usize) -> Finding {
    let seconds = LOST_AFTER.as_secs();
    let words = format!("{units} units were committed and did not come back within {seconds} s");
    Finding::breaks(rules::ONCE, words)
}
