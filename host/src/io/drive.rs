//! What the loop drives: an engine instance on its own thread, or a crew of them.
//!
//! Chosen once, before the start. The names are those of [`Instance`], so that the loop does not
//! know the difference; a plain way ([`super::way`]) is for instances alone.

use super::crew::Crew;
use super::slots::{SlotIndex, Slots};
use super::trouble::Trouble;
use super::way::Way;
use crate::plugin::handle::{Answer, Callback, Instance, Refusal, Terminator, UnitPtr};
use iodyno_engine_api::abi::ioe_io;

/// What serves the requests.
#[derive(Debug)]
pub(super) struct Drive<'a> {
    /// The worker's own instance. With a crew it opens files and nothing else.
    pub(super) own: Instance<'a>,
    crew: Option<Box<Crew>>,
}

impl<'a> Drive<'a> {
    pub(super) fn new(own: Instance<'a>, crew: Option<Box<Crew>>) -> Drive<'a> {
        Drive { own, crew }
    }

    /// Whether others submit than the worker itself.
    pub(super) fn has_crew(&self) -> bool {
        self.crew.is_some()
    }

    pub(super) fn into_parts(self) -> (Instance<'a>, Option<Box<Crew>>) {
        (self.own, self.crew)
    }

    #[inline(always)]
    pub(super) fn offer<W: Way>(
        &mut self,
        unit: UnitPtr,
        index: SlotIndex,
        slots: &Slots,
    ) -> Answer {
        match &mut self.crew {
            Some(crew) if !W::IS_PLAIN => crew.offer(unit, index, slots.slot(index).file),
            _ => self.own.offer(unit),
        }
    }

    #[inline(always)]
    pub(super) fn commit<W: Way>(&mut self) -> i32 {
        if !W::IS_PLAIN && self.has_crew() {
            return 0;
        }
        self.own.commit()
    }

    #[inline(always)]
    pub(super) fn getevents<W: Way>(
        &mut self,
        min: u32,
        max: u32,
        timeout_ns: i64,
        out: &mut [*mut ioe_io],
    ) -> i32 {
        match &mut self.crew {
            Some(crew) if !W::IS_PLAIN => crew.getevents(min, max, timeout_ns, out),
            _ => self.own.getevents(min, max, timeout_ns, out),
        }
    }

    /// What a member of the crew met with, that is no answer about a request.
    #[cold]
    pub(super) fn take_trouble(&mut self) -> Option<Trouble> {
        self.crew.as_mut()?.take_trouble()
    }

    #[cold]
    pub(super) fn refusal(&self, callback: Callback, status: i32) -> Refusal {
        self.own.refusal(callback, status)
    }

    /// The engine's words about a unit that failed.
    pub(super) fn errdetails(&mut self, unit: UnitPtr, index: SlotIndex) -> Option<String> {
        match &mut self.crew {
            None => self.own.errdetails(unit),
            Some(crew) => crew.take_words(index),
        }
    }

    pub(super) fn terminator(&self) -> Terminator {
        self.own.terminator()
    }
}
