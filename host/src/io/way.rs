//! Which way the loop goes: what it asks for each request is decided once, when it begins.
//!
//! A plain job (no rates, no verification, nothing between two requests, one thread that submits)
//! needs none of the questions that others do. The loop is compiled once for each way, so that on
//! the plain ones these questions are not there at all. Called by [`super::worker`], [`super::reap`]
//! and [`super::harness`]. Holds no state: what it asks stands in the settings.

use super::worker::Worker;

/// What is known before the first request. None: it is looked up each time.
pub(super) trait Way {
    /// No detours, no keeper, no watch, no crew.
    const IS_PLAIN: bool;
    /// Requests are timed.
    const TIMED: Option<bool>;
    /// Callbacks are timed, for a sample of the tester's own time.
    const SAMPLED: Option<bool>;
}

/// Everything is asked: the way of jobs with detours, and of what is done beside the load.
pub(super) struct General;

impl Way for General {
    const IS_PLAIN: bool = false;
    const TIMED: Option<bool> = None;
    const SAMPLED: Option<bool> = None;
}

/// A plain job without any look at the clock.
pub(super) struct Untimed;

impl Way for Untimed {
    const IS_PLAIN: bool = true;
    const TIMED: Option<bool> = Some(false);
    const SAMPLED: Option<bool> = Some(false);
}

/// A plain job whose requests are timed.
pub(super) struct Timed;

impl Way for Timed {
    const IS_PLAIN: bool = true;
    const TIMED: Option<bool> = Some(true);
    const SAMPLED: Option<bool> = Some(false);
}

/// The same, while callbacks are timed.
pub(super) struct Sampled;

impl Way for Sampled {
    const IS_PLAIN: bool = true;
    const TIMED: Option<bool> = Some(true);
    const SAMPLED: Option<bool> = Some(true);
}

impl<C> Worker<'_, C> {
    #[inline(always)]
    pub(super) fn is_timed<W: Way>(&self) -> bool {
        W::TIMED.unwrap_or(self.settings.timed)
    }

    #[inline(always)]
    pub(super) fn is_sampled<W: Way>(&self) -> bool {
        W::SAMPLED.unwrap_or(self.harness.times_callbacks)
    }

    #[inline(always)]
    pub(super) fn takes_detours<W: Way>(&self) -> bool {
        !W::IS_PLAIN && self.takes_detours
    }

    #[inline(always)]
    pub(super) fn is_watched<W: Way>(&self) -> bool {
        !W::IS_PLAIN && self.watched
    }

    #[inline(always)]
    pub(super) fn is_kept<W: Way>(&self) -> bool {
        !W::IS_PLAIN && self.kept != 0
    }

    /// Whether a plain way is open to the job. There is nothing to watch where nothing is timed.
    pub(super) fn is_plain(&self) -> bool {
        let is_watched = self.watched && self.settings.timed;
        !(self.takes_detours || is_watched || self.kept != 0 || self.engine.has_crew())
    }
}
