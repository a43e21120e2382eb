//! A device with a volatile cache: writes lie in memory until a flush, and a power cut takes some
//! of them.
//!
//! Holds and overlays, and says what is to be written; the writing itself is `engine`'s.

use crate::rng::Rng;
use crate::settings::Settings;
use iodyno_engine_api::stack::Ask;
use iodyno_engine_api::Io;
use std::collections::VecDeque;

/// A write that has not reached the inner engine.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ask: Ask,
    /// Of the target, for the log.
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Power {
    held: VecDeque<Held>,
    bytes: u64,
    writes: u64,
    began_ns: Option<u64>,
    rng: Rng,
    /// It went: for good, or for a moment.
    cut: bool,
}

impl Power {
    pub(crate) fn new(settings: &Settings, clone: u32) -> Power {
        // Another stream than that of the choice.
        let rng = Rng::new(settings.seed ^ 0x706f_7765_7263_7574, clone);
        Power { held: VecDeque::new(), bytes: 0, writes: 0, began_ns: None, rng, cut: false }
    }

    /// Whether the moment of the cut has come.
    pub(crate) fn is_to_go(&mut self, settings: &Settings, now_ns: u64) -> bool {
        let began_ns = *self.began_ns.get_or_insert(now_ns);
        let Settings { cut_after, cut_time_ns, .. } = *settings;
        let by_count = cut_after > 0 && self.writes >= cut_after;
        let by_time = cut_time_ns > 0 && now_ns.saturating_sub(began_ns) >= cut_time_ns;
        !self.cut && (by_count || by_time)
    }

    /// Whether it is gone.
    pub(crate) fn is_off(&self, settings: &Settings) -> bool {
        self.cut && !settings.power_returns
    }

    pub(crate) fn hold(&mut self, io: &Io<'_>) {
        let name = io.file().map(|file| file.name().to_string_lossy().into_owned());
        self.writes += 1;
        self.bytes += io.len();
        let data = io.buf().to_vec();
        self.held.push_back(Held { ask: Ask::of(io), name: name.unwrap_or_default(), data });
    }

    /// The oldest, as long as more than `bytes` are held.
    pub(crate) fn oldest_above(&mut self, bytes: u64) -> Option<Held> {
        if self.bytes <= bytes {
            return None;
        }
        let held = self.held.pop_front()?;
        self.bytes -= held.data.len() as u64;
        Some(held)
    }

    /// The power goes: all that is held, each with whether it survives.
    pub(crate) fn judged(&mut self, keep: f64) -> Vec<(Held, bool)> {
        self.cut = true;
        self.bytes = 0;
        let held = std::mem::take(&mut self.held);
        held.into_iter().map(|held| (held, self.rng.percent(keep))).collect()
    }

    /// Lays what is held over what the inner engine read. Answers the bytes read: more than `done`
    /// where something is held beyond the end of the file.
    pub(crate) fn overlay(&self, ask: &Ask, buf: &mut [u8], done: u64) -> u64 {
        let (begin, end) = (ask.offset, ask.offset + buf.len() as u64);
        let mut reached = done;
        for held in self.held.iter().filter(|held| held.ask.file == ask.file) {
            let first = held.ask.offset.max(begin);
            let last = (held.ask.offset + held.data.len() as u64).min(end);
            if first >= last {
                continue;
            }
            let to = (first - begin) as usize..(last - begin) as usize;
            let from = (first - held.ask.offset) as usize..(last - held.ask.offset) as usize;
            if reached < to.start as u64 {
                buf[reached as usize..to.start].fill(0);
            }
            reached = reached.max(to.end as u64);
            buf[to].copy_from_slice(&held.data[from]);
        }
        reached
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn held(offset: u64, data: &[u8]) -> Held {
        let ask = Ask { op: 1, flags: 0, offset, len: data.len() as u64, file: Some(0), ioprio: 0 };
        Held { ask, name: String::new(), data: data.to_vec() }
    }

    #[test]
    fn what_is_held_lies_over_what_was_read() {
        let mut power = Power {
            held: [held(2, b"ab"), held(3, b"c"), held(7, b"xyz")].into(),
            bytes: 6,
            writes: 3,
            began_ns: None,
            rng: Rng::new(1, 0),
            cut: false,
        };
        let ask = Ask { op: 0, flags: 0, offset: 1, len: 8, file: Some(0), ioprio: 0 };
        let mut buf = *b"01234567";
        // The file ends after four bytes: the gap up to what is held reads as zeroes.
        assert_eq!(power.overlay(&ask, &mut buf, 4), 8);
        assert_eq!(&buf, b"0ac3\0\0xy");
        let mut other = *b"0123";
        assert_eq!(power.overlay(&Ask { file: Some(1), ..ask }, &mut other, 4), 4);
        assert_eq!(&other, b"0123");
        assert_eq!(power.oldest_above(5).unwrap().ask.offset, 2);
        assert!(power.oldest_above(5).is_none());
        assert!(power.judged(100.0).iter().all(|(_, kept)| *kept));
    }
}
