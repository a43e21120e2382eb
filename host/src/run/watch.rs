//! Watches one worker through its page: whether anything moves, and how fast.
//!
//! Called by the control process at each tick with a copy of the small counters. Costs the worker
//! nothing and judges only time; what to do about it is `control`'s affair.

use super::page::LiveSnapshot;
use crate::ddir::Ddir;
use crate::plugin::handle::Callback;
use crate::stats::live::WorkerState;
use crate::stats::window::{DirWindows, WINDOW};
use crate::units::Nanos;

/// After so long without movement there is a note.
pub(super) const STUCK_NOTE: Nanos = Nanos(30_000_000_000);

/// How long nothing has moved; zero where something does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stillness {
    /// The callback that is being executed, and for how long.
    pub callback: Option<(Callback, Nanos)>,
    /// How long units are in flight of which none came back.
    pub units: Nanos,
    /// Units in flight.
    pub in_flight: u64,
}

impl Stillness {
    /// Words for what has not moved for longer than `limit`.
    pub(super) fn beyond(&self, limit: Nanos) -> Option<String> {
        let seconds = |time: Nanos| time.0 as f64 / 1e9;
        match self.callback {
            Some((callback, since)) if since > limit => {
                Some(format!("{} has not returned for {:.1} s", callback.name(), seconds(since)))
            }
            _ if self.units > limit => Some(format!(
                "{} committed requests, of which none came back for {:.1} s",
                self.in_flight,
                seconds(self.units)
            )),
            _ => None,
        }
    }
}

/// One worker's watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    crumb: u64,
    crumb_since_ns: u64,
    progress: u64,
    progress_since_ns: u64,
    window_ns: u64,
    window_counts: [(u64, u64); 4],
    /// Windows by direction.
    pub windows: [DirWindows; 4],
}

impl Watch {
    /// Looks at the counters of this tick.
    pub(super) fn look(&mut self, live: &LiveSnapshot, now_ns: u64) -> Stillness {
        self.take_window(live, now_ns);
        // A damaged page may say anything.
        let all = live.measure.dirs.iter().map(|dir| dir.ios);
        let progress = all.fold(live.ramp.0, u64::wrapping_add);
        if live.callback != self.crumb || self.crumb_since_ns == 0 {
            self.crumb = live.callback;
            self.crumb_since_ns = now_ns;
        }
        if progress != self.progress || live.in_flight == 0 || self.progress_since_ns == 0 {
            self.progress = progress;
            self.progress_since_ns = now_ns;
        }
        if !(WorkerState::Setup as u64..=WorkerState::Teardown as u64).contains(&live.state) {
            return Stillness::default();
        }
        let in_callback = |callback| (callback, Nanos(now_ns.saturating_sub(self.crumb_since_ns)));
        Stillness {
            callback: Callback::from_crumb(live.callback).map(in_callback),
            units: Nanos(now_ns.saturating_sub(self.progress_since_ns)),
            in_flight: live.in_flight,
        }
    }

    /// Takes a window once it is long enough; a shorter rest at the end does not count.
    fn take_window(&mut self, live: &LiveSnapshot, now_ns: u64) {
        if live.measure.begin_ns == 0 {
            return;
        }
        if self.window_ns == 0 {
            self.window_ns = live.measure.begin_ns;
        }
        let ended_ns = live.measure.end_ns;
        let end_ns = if ended_ns == 0 { now_ns } else { ended_ns };
        let length_ns = end_ns.saturating_sub(self.window_ns);
        if u128::from(length_ns) < WINDOW.as_nanos() * 9 / 10 {
            return;
        }
        for ddir in Ddir::ALL {
            let dir = live.measure.dir(ddir);
            let (bytes, ios) = &mut self.window_counts[ddir as usize];
            if dir.ios > 0 {
                let seconds = length_ns as f64 / 1e9;
                let grown = (dir.bytes.saturating_sub(*bytes), dir.ios.saturating_sub(*ios));
                self.windows[ddir as usize].add(grown.0, grown.1, seconds);
            }
            (*bytes, *ios) = (dir.bytes, dir.ios);
        }
        self.window_ns = end_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(callback: u64, in_flight: u64, ios: u64) -> LiveSnapshot {
        let mut live = LiveSnapshot {
            state: WorkerState::Measure as u64,
            callback,
            in_flight,
            ..LiveSnapshot::default()
        };
        live.measure.begin_ns = 1;
        live.measure.dirs[0].ios = ios;
        live.measure.dirs[0].bytes = ios * 4096;
        live
    }

    #[test]
    fn a_callback_that_does_not_return_is_still() {
        let mut watch = Watch::default();
        let queue = 0x700 | Callback::Queue as u64;
        watch.look(&live(queue, 0, 7), 100);
        let still = watch.look(&live(queue, 0, 7), 5_000_000_100);
        assert_eq!(still.callback, Some((Callback::Queue, Nanos(5_000_000_000))));
        assert_eq!(still.beyond(Nanos(6_000_000_000)), None);
        let words = still.beyond(Nanos(4_000_000_000)).unwrap();
        assert_eq!(words, "queue has not returned for 5.0 s");
        let moved = watch.look(&live(queue + 0x100, 0, 8), 9_000_000_000);
        assert_eq!(moved.beyond(Nanos(1)), None);
    }

    #[test]
    fn a_unit_that_never_comes_back_is_still_though_getevents_returns() {
        let mut watch = Watch::default();
        let reap = Callback::GetEvents as u64;
        for tick in 0..10u64 {
            watch.look(&live(tick << 8 | reap, 3, 7), 1 + tick * 1_000_000_000);
        }
        let still = watch.look(&live(0x6300, 3, 7), 10_000_000_001);
        let words = still.beyond(Nanos(9_000_000_000)).unwrap();
        assert_eq!(words, "3 committed requests, of which none came back for 10.0 s");
        assert_eq!(watch.look(&live(0x6400, 3, 8), 11_000_000_001).beyond(Nanos(0)), None);
    }

    #[test]
    fn a_scribbled_page_is_no_trouble() {
        let mut watch = Watch::default();
        for (tick, word) in [7, u64::MAX, 0, u64::MAX, 1].into_iter().enumerate() {
            let mut live = live(word, word, 0);
            live.ramp = (word, word);
            live.measure.end_ns = if word == 1 { u64::MAX } else { 0 };
            for dir in &mut live.measure.dirs {
                (dir.ios, dir.bytes) = (word, word);
            }
            watch.look(&live, 1_000_000_000 * (tick as u64 + 1));
        }
        // The clock itself never goes back, but what was compared with it came from the page.
        watch.look(&live(1, 1, 1), 3);
    }

    #[test]
    fn windows_are_rates_of_whole_windows() {
        let mut watch = Watch::default();
        watch.look(&live(0, 0, 1), 100_000_001);
        watch.look(&live(0, 0, 500), 500_000_001);
        watch.look(&live(0, 0, 2000), 1_000_000_001);
        let iops = watch.windows[0].iops;
        assert_eq!((iops.count, iops.min.round(), iops.max.round()), (2, 1000.0, 3000.0));
    }
}
