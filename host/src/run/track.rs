//! What the control process knows of one worker beside its page. Filled by `control` from what
//! cells say and from a look at each tick; read by `status` and `gather`. Judges nothing: what
//! stillness means is [`super::watch`]'s and `control`'s affair.

use super::page::{Begin, LiveSnapshot};
use super::result::VerifyResult;
use super::verify_state::Kept;
use super::watch::{Stillness, Watch};
use crate::ddir::Ddir;
use crate::stats::snapshot::PhaseSnapshot;
use crate::stats::window::DirWindows;

/// One worker's record.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Thread id; 0 = it never began.
    pub tid: u32,
    /// Wall clock at its begin, milliseconds.
    pub start_ms: u64,
    /// CLOCK_MONOTONIC at its begin.
    pub began_ns: u64,
    /// CLOCK_MONOTONIC at its end; 0 = runs or never began.
    pub ended_ns: u64,
    /// It is through, well or ill.
    pub ended: bool,
    /// Something went wrong with it.
    pub failed: bool,
    /// It was told to end before its time.
    pub ending: bool,
    /// Its end has taken others with it.
    pub exited: bool,
    /// First errno.
    pub error: i32,
    /// What it had measured when it was given up.
    pub given_up: Option<Box<PhaseSnapshot>>,
    /// What its target is.
    pub identity: Vec<(String, String)>,
    /// What must be on its targets, until that is saved or nobody needs it.
    pub ledger: Option<Box<Kept>>,
    /// What came of its verification.
    pub verify: Option<VerifyResult>,
    /// Counters of the last tick.
    pub live: LiveSnapshot,
    /// Requests and bytes by direction at the tick before.
    pub done_before: [(u64, u64); Ddir::DATA.len()],
    /// When the last tick was.
    pub looked_ns: u64,
    /// When the tick before was.
    pub previous_ns: u64,
    watch: Watch,
}

impl Track {
    /// What its page says of its thread's begin.
    pub(super) fn meet(&mut self, begin: Begin) {
        self.tid = begin.tid;
        self.start_ms = begin.start_ms;
        self.began_ns = begin.began_ns;
    }

    /// A tick.
    pub(super) fn look(&mut self, live: LiveSnapshot, now_ns: u64) -> Stillness {
        let still = self.watch.look(&live, now_ns);
        self.meet(live.begin);
        self.done_before = Ddir::DATA.map(|ddir| self.live.done(ddir));
        self.live = live;
        self.previous_ns = std::mem::replace(&mut self.looked_ns, now_ns);
        still
    }

    /// Something went wrong with it, without an errno of its own.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        if self.error == 0 {
            self.error = libc::EIO;
        }
    }

    /// It is through.
    pub(super) fn end(&mut self, now_ns: u64) {
        if !self.ended {
            self.ended = true;
            self.ended_ns = now_ns;
        }
    }

    /// Windows by direction.
    pub(super) fn windows(&self) -> [DirWindows; 4] {
        self.watch.windows
    }
}
