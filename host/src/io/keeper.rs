//! A verifying worker's memory: what it wrote where, what it read back, what was wrong with it.
//!
//! Asked by [`super::keeping`] around each request of a verifying job; other jobs have none. Holds
//! what it needs from the start and allocates only when something is wrong. Makes no request and
//! touches no slot but through [`Held`].

use super::ahead::Ahead;
use super::batch::{Batch, Errand};
use super::held::Held;
use super::kept::{KeeperParts, Unfinished, Verdict, AWAY_MAX, TOLD_MAX};
use super::slots::{Slot, SlotIndex};
use crate::ddir::Ddir;
use crate::stats::live::WorkerPage;
use crate::sys::clock::wall_ms;
use crate::verify::check::{Expectation, Findings};
use crate::verify::ledger::{Cursor, Doing, Ledger, Span};
use crate::verify::pool::{Desk, Done, Work};
use crate::verify::recipe::Sealing;
use iodyno_engine_api::abi::IOE_OP_SYNC_RANGE;
use std::collections::VecDeque;
use std::sync::Arc;

/// How a request of the load comes by its number and its data.
#[derive(Debug)]
pub(super) enum Made<'a> {
    /// It has both.
    Before {
        /// The number.
        generation: u64,
    },
    /// Its data is made now.
    Now {
        /// The number, where it has one.
        generation: Option<u64>,
        /// What it will write; empty for what writes nothing.
        data: &'a mut [u8],
    },
}

/// The memory of one worker.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) parts: KeeperParts,
    /// What was written is being read back.
    pub(super) is_reading_back: bool,
    cursor: Cursor,
    /// Written and not read back yet, the oldest first, with `verify_backlog`.
    backlog: VecDeque<Span>,
    /// Of these, so many are to be read back now.
    pub(super) backlog_due: u64,
    /// All that was written is gone through for what is to be trimmed.
    pub(super) is_trimming: bool,
    /// Written and chosen to be trimmed, with `trim_backlog`.
    to_trim: VecDeque<Span>,
    writes_since_trims: u64,
    /// Of these, so many are to be trimmed now.
    pub(super) trims_due: u64,
    /// By slot: the request as it was begun.
    spans: Box<[Span]>,
    /// By slot: what a flush covers.
    covered: Box<[u64]>,
    /// By slot: it reads back.
    looks: Box<[bool]>,
    /// The load rests between two loops.
    rests: bool,
    loops_verified: u64,
    /// Being filled.
    open: Batch,
    /// Empty ones.
    batches: Vec<Batch>,
    /// Writes that are made before their turn; none: each is made when it begins.
    pub(super) ahead: Option<Ahead>,
    verdict: Verdict,
}

impl Keeper {
    pub(super) fn new(parts: KeeperParts, slots: u32) -> Keeper {
        let slots = slots as usize;
        let per_block = (parts.block_max as usize / parts.recipe.interval).max(1);
        let empty = || {
            let (recipe, blocks) = (Arc::clone(&parts.recipe), parts.batch);
            Batch::new(recipe, parts.rules, blocks, blocks * per_block)
        };
        Keeper {
            is_reading_back: false,
            cursor: Cursor::default(),
            backlog: VecDeque::with_capacity(parts.backlog as usize + slots + 1),
            backlog_due: 0,
            is_trimming: false,
            to_trim: VecDeque::with_capacity(parts.trims.backlog as usize + slots + 1),
            writes_since_trims: 0,
            trims_due: 0,
            spans: vec![Span::default(); slots].into_boxed_slice(),
            covered: vec![0; slots].into_boxed_slice(),
            looks: vec![false; slots].into_boxed_slice(),
            rests: false,
            loops_verified: 0,
            batches: (0..AWAY_MAX).map(|_| empty()).collect(),
            open: empty(),
            ahead: None,
            verdict: Verdict {
                miscompares: Vec::with_capacity(TOLD_MAX),
                interval: parts.recipe.interval as u64,
                run: parts.recipe.run,
                ..Verdict::default()
            },
            parts,
        }
    }

    /// Whether the load is over: its time limit does not end what is done now.
    pub(super) fn is_after_load(&self) -> bool {
        self.is_reading_back || self.is_trimming
    }

    /// Whether something is on its way to this part of a target.
    pub(super) fn is_busy(&self, span: &Span) -> bool {
        self.parts.ledger.as_ref().is_some_and(|ledger| ledger.is_busy(span))
    }

    /// The interval, where a part of a target does not divide into such.
    pub(super) fn askew(&self, span: &Span) -> Option<u64> {
        let ledger = self.parts.ledger.as_ref()?;
        (!ledger.divides(span)).then(|| ledger.interval())
    }

    /// What was written to this part is gone.
    pub(super) fn emptied(&self, span: &Span) {
        self.parts.ledger.iter().for_each(|ledger| ledger.emptied(span));
    }

    /// A request of the load is about to begin in this slot.
    pub(super) fn begins(&mut self, index: SlotIndex, slot: &Slot, made: Made<'_>) {
        let at = index as usize;
        self.spans[at] = span(slot);
        self.looks[at] = slot.ddir == Ddir::Read && self.parts.checks_load;
        let Some(ledger) = &self.parts.ledger else { return };
        let doing = match slot.ddir {
            Ddir::Read => return,
            Ddir::Sync => {
                // What is drawn and has not begun has a number, and is not on the medium.
                let begun = self.oldest_drawn().map_or(u64::MAX, |oldest| oldest - 1);
                self.covered[at] = ledger.flush_begins().min(begun);
                return;
            }
            Ddir::Write => Doing::Write,
            Ddir::Trim => Doing::Trim,
        };
        let generation = match made {
            Made::Before { generation } => generation,
            Made::Now { generation, data } => {
                let generation = generation.unwrap_or_else(|| ledger.take_generation());
                if doing == Doing::Write {
                    let writes =
                        [Sealing { data, file: slot.file, offset: slot.offset, generation }];
                    self.parts.recipe.seal(writes, wall_ms() * 1_000_000);
                }
                generation
            }
        };
        ledger.begin(index, doing, &span(slot), generation);
    }

    /// What is to be read back next, if anything is.
    pub(super) fn next_look(&mut self) -> Option<Span> {
        let ledger = self.parts.ledger.as_ref()?;
        if self.is_reading_back {
            return ledger.next_span(&mut self.cursor, self.parts.block_max);
        }
        self.backlog_due = self.backlog_due.saturating_sub(1);
        self.backlog.pop_front()
    }

    /// A request that reads back is about to begin in this slot.
    pub(super) fn look_begins(&mut self, index: SlotIndex, span: &Span) {
        self.spans[index as usize] = *span;
        self.looks[index as usize] = true;
        if let Some(ledger) = &self.parts.ledger {
            ledger.begin(index, Doing::Look, span, 0);
        }
    }

    /// A request ended. True: its data is to be looked at, and is to be given to
    /// [`Keeper::takes`].
    pub(super) fn ended(&mut self, index: SlotIndex, slot: &Slot, well: bool) -> bool {
        let at = index as usize;
        let span = self.spans[at];
        if let Some(ledger) = &self.parts.ledger {
            match slot.ddir {
                // It flushes neither the device nor the file's length.
                Ddir::Sync if slot.op == IOE_OP_SYNC_RANGE as u8 => {}
                Ddir::Sync if well => ledger.flushed(slot.file, self.covered[at]),
                Ddir::Sync => {}
                _ => ledger.end(index, well),
            }
        }
        if slot.ddir == Ddir::Write && well {
            self.queue_look(span);
            self.queue_trim(span);
        }
        slot.ddir == Ddir::Read && self.looks[at]
    }

    /// `verify_backlog`: what was written is to be read back, and when.
    fn queue_look(&mut self, span: Span) {
        if self.parts.backlog == 0 {
            return;
        }
        self.backlog.push_back(span);
        let waiting = self.backlog.len() as u64;
        if waiting >= self.parts.backlog && self.backlog_due == 0 {
            let batch = self.parts.backlog_batch;
            self.backlog_due = if batch == 0 { waiting } else { batch.min(waiting) };
        }
    }

    /// `trim_backlog`: whether what was written is to be trimmed, and when.
    fn queue_trim(&mut self, span: Span) {
        let trims = self.parts.trims;
        if trims.percentage == 0 || trims.backlog == 0 {
            return;
        }
        self.writes_since_trims += 1;
        if trims.chooses(span.file, span.offset, self.writes_since_trims) {
            self.to_trim.push_back(span);
        }
        if self.writes_since_trims >= trims.backlog {
            self.writes_since_trims = 0;
            let waiting = self.to_trim.len() as u64;
            self.trims_due = if trims.batch == 0 { waiting } else { trims.batch.min(waiting) };
        }
    }

    /// What is to be trimmed next, if anything is.
    pub(super) fn next_trim(&mut self) -> Option<Span> {
        if !self.is_trimming {
            self.trims_due = self.trims_due.saturating_sub(1);
            return self.to_trim.pop_front();
        }
        let (ledger, trims) = (self.parts.ledger.as_ref()?, self.parts.trims);
        loop {
            let span = ledger.next_span(&mut self.cursor, trims.block)?;
            if trims.chooses(span.file, span.offset, 0) {
                return Some(span);
            }
        }
    }

    /// Whether all that was written is to be gone through for what is to be trimmed.
    pub(super) fn begin_trimming(&mut self) -> bool {
        let trims = self.parts.trims;
        self.is_trimming = trims.percentage > 0 && trims.backlog == 0;
        self.cursor = Cursor::default();
        self.is_trimming
    }

    /// Bytes that a read was to bring.
    pub(super) fn span_of(&self, index: SlotIndex) -> Span {
        self.spans[index as usize]
    }

    /// Takes what a read brought. True: it is time to look.
    pub(super) fn takes(&mut self, held: Held) -> bool {
        let span = self.spans[held.index() as usize];
        let interval = self.parts.recipe.interval as u64;
        let ledger = self.parts.ledger.as_ref();
        let expected = (0..span.len.div_ceil(interval)).map(|n| match ledger {
            Some(ledger) => ledger.expect(span.file, span.offset + n * interval),
            None => Expectation::Stamped,
        });
        self.open.push(held, span, expected);
        self.open.reads.len() >= self.parts.batch
    }

    /// Looks at what was taken, or hands it over to who does; gives data back that was looked at.
    pub(super) fn look(&mut self, page: &WorkerPage, give_back: &mut dyn FnMut(Held)) {
        if !self.open.reads.is_empty() {
            if let Some(mut batch) = self.hand_over() {
                batch.run();
                self.note(page, batch, true, give_back);
            }
        }
        while let Some(done) = self.parts.desk.as_mut().and_then(Desk::take) {
            self.note_done(page, done, give_back);
        }
    }

    /// Whether anything that was read is not looked at yet.
    pub(super) fn has_reads(&self) -> bool {
        let away = self.parts.desk.as_ref().map_or(0, Desk::out);
        away > 0 || !self.open.reads.is_empty()
    }

    /// Waits for a batch that is away, and gives its data back. False: none is.
    pub(super) fn wait(&mut self, page: &WorkerPage, give_back: &mut dyn FnMut(Held)) -> bool {
        let done = self.parts.desk.as_mut().and_then(Desk::wait);
        let any = done.is_some();
        done.into_iter().for_each(|done| self.note_done(page, done, give_back));
        any
    }

    /// The batch that was filled, where it is to be done here.
    fn hand_over(&mut self) -> Option<Batch> {
        let empty = self.batches.pop()?;
        let full = std::mem::replace(&mut self.open, empty);
        match &mut self.parts.desk {
            Some(desk) => match desk.hand_over(Errand::Look(full)) {
                Err(Errand::Look(full)) => Some(full),
                _ => None,
            },
            None => Some(full),
        }
    }

    fn note_done(
        &mut self,
        page: &WorkerPage,
        done: Done<Errand>,
        give_back: &mut dyn FnMut(Held),
    ) {
        let (errand, well) = match done {
            Done::Well(errand) => (errand, true),
            Done::Panicked(errand) => (errand, false),
        };
        match errand {
            Errand::Look(batch) => self.note(page, batch, well, give_back),
            Errand::Seal(mut seals) => {
                if !well {
                    // Once more here: what panics again ends the worker, and is told.
                    seals.run();
                }
                let Some(ahead) = &mut self.ahead else { unreachable!("it was drawn ahead") };
                ahead.returned(seals);
            }
        }
    }

    /// Keeps what a batch has found. Nothing that is found later takes it away.
    fn note(
        &mut self,
        page: &WorkerPage,
        mut batch: Batch,
        well: bool,
        give_back: &mut dyn FnMut(Held),
    ) {
        if well {
            self.mark(&batch);
            self.latch(page, &mut batch);
        } else {
            self.verdict.panicked += batch.reads.len() as u64;
        }
        batch.expected.clear();
        batch.findings = Findings::default();
        batch.reads.drain(..).for_each(|read| give_back(read.held));
        self.batches.push(batch);
    }

    /// Tells the ledger what was looked at.
    fn mark(&self, batch: &Batch) {
        let Some(ledger) = &self.parts.ledger else { return };
        let interval = self.parts.recipe.interval as u64;
        for read in &batch.reads {
            for (at, expected) in (0..).zip(batch.expected_of(read)) {
                if *expected != Expectation::Unknown {
                    ledger.checked(read.span.file, read.span.offset + at * interval, true);
                }
            }
        }
        for wrong in &batch.findings.miscompares {
            ledger.checked(wrong.file, wrong.offset, false);
        }
    }

    fn latch(&mut self, page: &WorkerPage, batch: &mut Batch) {
        let Findings { right, blank, miscompares, .. } = &mut batch.findings;
        page.verify.right_bytes.add(*right * self.verdict.interval);
        page.verify.wrong.add(miscompares.len() as u64);
        self.verdict.right += *right;
        self.verdict.blank += *blank;
        self.verdict.wrong += miscompares.len() as u64;
        let room = TOLD_MAX - self.verdict.miscompares.len();
        self.verdict.miscompares.extend(miscompares.drain(..).take(room));
    }

    /// Whether the load rests here until the loop that has ended is verified: the generator stands
    /// between two loops, of which so many have ended before.
    pub(super) fn ends_loop(&mut self, is_between: bool, loops_done: u64) -> bool {
        self.rests = is_between && self.parts.reads_back && self.loops_verified == loops_done;
        self.rests
    }

    /// Whether the load rested, and goes on.
    pub(super) fn begins_next_loop(&mut self) -> bool {
        self.loops_verified += u64::from(self.rests);
        std::mem::take(&mut self.rests)
    }

    /// Whether the job is to end now.
    pub(super) fn is_fatal(&self) -> bool {
        self.parts.fatal && self.verdict.wrong > 0
    }

    /// Whether the load is to end: what it has written is read back, and no more is written.
    pub(super) fn ends_load(&self) -> bool {
        let is_load = self.parts.ledger.is_some() && !self.is_reading_back;
        is_load && !self.parts.goes_on && self.verdict.wrong > 0
    }

    /// A phase in which what was written is read back begins. Gives the bytes that are to be read.
    pub(super) fn begin_reading_back(&mut self) -> u64 {
        self.is_reading_back = true;
        self.cursor = Cursor::default();
        self.backlog.clear();
        self.backlog_due = 0;
        (self.parts.settle)();
        self.parts.ledger.as_ref().map_or(0, |ledger| ledger.tally().written)
    }

    pub(super) fn end_reading_back(&mut self) {
        self.is_reading_back = false;
    }

    /// Not all was looked at.
    pub(super) fn leave_unfinished(&mut self, why: Unfinished) {
        self.verdict.unfinished.get_or_insert(why);
    }

    /// What came of it.
    pub(super) fn into_verdict(self) -> Verdict {
        let tally = self.parts.ledger.as_ref().map(Ledger::tally);
        Verdict { tally, ..self.verdict }
    }
}

fn span(slot: &Slot) -> Span {
    Span { file: slot.file, offset: slot.offset, len: slot.len }
}
