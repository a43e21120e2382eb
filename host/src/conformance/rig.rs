//! The strictest of hosts: one instance, its files and units, driven by hand and watched closely.
//!
//! Checks make one through `Stand::rig`, offer requests, commit, reap, and end it. Whatever the
//! contract says of an answer is judged here, each rule in one place, and blamed on the check that
//! the rule belongs to (`rules`); so a check that is about something else need not look. A rig
//! that is dropped before [`Rig::end`] leaves its instance where it is: no callback is made any
//! more.

mod judge;
mod plan;
mod reap;
mod set_up;
mod words;

use super::check::Finding;
use super::pattern::Pattern;
use super::stand::{Stand, Subject};
use super::units::Units;
use crate::plugin::handle::{Answer, Callback, Instance, Refusal, UnitPtr};
use crate::plugin::lent::FileTable;
use iodyno_engine_api::abi::*;
use judge::Inputs;
use reap::{lost, LOST_AFTER, WAIT};
use std::os::fd::OwnedFd;
use std::time::Instant;

pub(super) use set_up::{file_facts, init, job_facts, not_made};
pub(super) use words::{describe, rules, Done, Request, RigWish, Taken};

/// An instance, its files and its units.
pub(super) struct Rig<'s> {
    stand: &'s Stand,
    subject: Subject,
    instance: Instance<'s>,
    /// What the instance says that it is.
    pub(super) caps: ioe_caps,
    files: FileTable,
    descriptors: Vec<Option<OwnedFd>>,
    units: Units,
    /// What each unit that the engine owns was asked for.
    in_flight: Vec<Option<Request>>,
    /// What stood in each unit when it was offered.
    offered: Vec<Option<Inputs>>,
    /// Taken and not committed yet.
    uncommitted: usize,
    /// What buffers of writes hold, and for which offset.
    sources: Vec<Option<(Pattern, u64)>>,
    /// Why a unit that was offered is not the engine's.
    gone: Vec<Option<Gone>>,
    /// Somebody calls `terminate`: waits may be short.
    interrupted: bool,
    /// How many of them were.
    short_waits: u32,
    /// Bytes of each file that requests go to.
    span: u64,
    /// `IOE_OP_*` that the job was said to issue, as a mask.
    ops: u32,
}

/// Why a unit must not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// `queue` answered Busy.
    Busy,
    /// `cancel` answered Canceled.
    Canceled,
}

fn refused(rule: &str, refusal: &Refusal) -> Finding {
    Finding::breaks(rule, refusal.to_string())
}

impl<'s> Rig<'s> {
    /// Size and block size of a file, as the engine may have set them.
    pub(super) fn file_size(&self, index: u32) -> (u64, u32) {
        self.files.size(index)
    }

    /// Whether the instance bears this flag.
    pub(super) fn is(&self, flag: u64) -> bool {
        self.caps.flags & flag != 0
    }

    /// Whether it may ever answer Queued.
    pub(super) fn may_queue(&self) -> bool {
        !self.is(IOE_F_SYNC) && self.instance.has(Callback::GetEvents)
    }

    /// Skips engines that complete everything at once.
    pub(super) fn asynchronous(&self) -> Result<(), Finding> {
        match self.may_queue() {
            true => Ok(()),
            false => Err(Finding::skip("it is synchronous: it never answers Queued")),
        }
    }

    /// Skips engines without data that could be compared.
    pub(super) fn moves_data(&self) -> Result<(), Finding> {
        let none = [
            (IOE_F_FAKE, "it moves no data"),
            (IOE_F_NOIO, "it does no I/O"),
            (IOE_F_PER_FILE, "its requests are whole files"),
            (IOE_F_PIPE, "its offsets mean nothing"),
        ];
        match none.into_iter().find(|(flag, _)| self.is(*flag)) {
            Some((_, why)) => Err(Finding::skip(why)),
            None => Ok(()),
        }
    }

    /// Skips engines that cannot read back what they wrote.
    pub(super) fn keeps_data(&self) -> Result<(), Finding> {
        self.moves_data()?;
        self.can(IOE_OP_READ)?;
        self.can(IOE_OP_WRITE)?;
        match self.is(IOE_F_UNIDIR) {
            true => Err(Finding::skip("a job of it reads or writes, never both")),
            false => Ok(()),
        }
    }

    /// Skips places that are no regular file.
    pub(super) fn on_files(&self) -> Result<(), Finding> {
        match self.stand.place.is_directory() && !self.is(IOE_F_DISKLESS) {
            true => Ok(()),
            false => Err(Finding::skip("the target is no regular file")),
        }
    }

    /// Skips engines that say they cannot do this.
    pub(super) fn can(&self, op: u32) -> Result<(), Finding> {
        match self.caps.ops == 0 || self.caps.ops & 1 << op != 0 {
            true => Ok(()),
            false => Err(Finding::skip("its get_caps does not name the operation")),
        }
    }

    /// The instance, for calls that no method here makes.
    pub(super) fn instance(&mut self) -> &mut Instance<'s> {
        &mut self.instance
    }

    /// The engine under check.
    pub(super) fn subject(&self) -> Subject {
        self.subject
    }

    /// A unit, for calls that no method here makes.
    pub(super) fn unit(&self, index: usize) -> UnitPtr {
        self.units.ptr(index)
    }

    /// How many units there are: as many as the job's iodepth, and spare ones.
    pub(super) fn unit_count(&self) -> usize {
        self.units.count()
    }

    /// How many units are the engine's.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.iter().flatten().count()
    }

    /// A pattern of this run's.
    pub(super) fn pattern(&self, generation: u64) -> Pattern {
        Pattern { seed: self.stand.seed, generation }
    }

    /// The buffer of a unit that the host owns. Filled for a write it is no more.
    pub(super) fn buffer(&mut self, index: usize) -> &mut [u8] {
        assert!(self.in_flight[index].is_none(), "the engine owns unit {index}");
        self.sources[index] = None;
        self.units.buffer(index)
    }

    /// Fills the buffer for a write at `offset`; it must be found like this when the write is done.
    pub(super) fn fill(&mut self, index: usize, offset: u64, pattern: Pattern) {
        pattern.fill(self.buffer(index), offset);
        self.sources[index] = Some((pattern, offset));
    }

    /// Offers a request. Writes whose buffer was not filled for their offset get some pattern.
    pub(super) fn offer(&mut self, index: usize, request: Request) -> Result<Taken, Finding> {
        self.place(index, request);
        let answer = self.instance.offer(self.units.ptr(index));
        self.gone[index] = (answer == Answer::Busy).then_some(Gone::Busy);
        self.answered(index, request, answer)
    }

    /// Makes a unit ready for a request, as it is before `prep`.
    pub(super) fn place(&mut self, index: usize, request: Request) {
        assert!(self.in_flight[index].is_none(), "unit {index} is in flight");
        let filled = self.sources[index].is_some_and(|(_, offset)| offset == request.offset);
        if request.op == IOE_OP_WRITE && !filled {
            self.fill(index, request.offset, self.pattern(0));
        }
        let file = match self.files.is_empty() {
            true => std::ptr::null_mut(),
            false => self.files.as_ptr(request.file),
        };
        let unit = ioe_io {
            op: request.op,
            flags: request.flags,
            offset: request.offset,
            len: request.len,
            file,
            resid: 0,
            issue_ns: 0,
            error: 0,
            vendor_status: 0,
            ..self.units.get(index)
        };
        self.offered[index] = Some(Inputs::of(&unit));
        self.units.set(index, unit);
    }

    fn answered(
        &mut self,
        index: usize,
        request: Request,
        answer: Answer,
    ) -> Result<Taken, Finding> {
        match answer {
            Answer::Completed => self.judge(index, request).map(Taken::Completed),
            Answer::Queued if !self.may_queue() => Err(Finding::breaks(
                rules::STATUS,
                "queue answered Queued, though the engine says IOE_F_SYNC or has no getevents",
            )),
            Answer::Queued => {
                self.in_flight[index] = Some(request);
                self.uncommitted += 1;
                Ok(Taken::Queued)
            }
            Answer::Busy if self.in_flight() == 0 => Err(Finding::breaks(
                rules::BUSY,
                "queue answered Busy with nothing in flight: no request can ever free it",
            )),
            Answer::Busy => self.unharmed(index).map(|()| Taken::Busy),
            Answer::Other(status) if (-4095..0).contains(&status) => {
                self.unharmed(index).map(|()| Taken::Refused(-status))
            }
            Answer::Other(status) => Err(Finding::breaks(
                rules::STATUS,
                format!(
                    "queue answered {status}, which is neither Completed (0), Queued (1), Busy (2) \
                     nor -errno"
                ),
            )),
        }
    }

    /// The engine said of a unit that it will not come back.
    pub(super) fn canceled(&mut self, index: usize) {
        self.in_flight[index] = None;
        self.gone[index] = Some(Gone::Canceled);
    }

    /// From now on waits may be short, because somebody calls `terminate`, or no more.
    pub(super) fn expect_interrupts(&mut self, expected: bool) {
        self.interrupted = expected;
        self.short_waits = 0;
    }

    /// How many waits were short since then.
    pub(super) fn short_waits(&self) -> u32 {
        self.short_waits
    }

    /// Submits what was taken. The engine's status, for checks of it.
    pub(super) fn commit_status(&mut self) -> i32 {
        self.uncommitted = 0;
        self.instance.commit()
    }

    /// Submits what was taken, which must work.
    pub(super) fn commit(&mut self) -> Result<(), Finding> {
        match self.commit_status() {
            0.. => Ok(()),
            status => Err(refused(rules::STATUS, &self.instance.refusal(Callback::Commit, status))),
        }
    }

    /// The same, but none where the engine refused it (-errno): then the unit holds no result.
    pub(super) fn complete_as_told(
        &mut self,
        index: usize,
        request: Request,
    ) -> Result<Option<Done>, Finding> {
        match self.offer(index, request)? {
            Taken::Completed(done) => Ok(Some(done)),
            Taken::Busy | Taken::Refused(_) => Ok(None),
            Taken::Queued => Ok(self.reap_all()?.pop()),
        }
    }

    /// Makes one request alone and waits for its end.
    pub(super) fn complete(&mut self, index: usize, request: Request) -> Result<Done, Finding> {
        match self.offer(index, request)? {
            Taken::Completed(done) => Ok(done),
            Taken::Busy => Err(Finding::breaks(rules::BUSY, "Busy although nothing is in flight")),
            Taken::Refused(errno) => {
                Ok(Done { index, request, resid: request.len, error: errno, vendor_status: 0 })
            }
            Taken::Queued => {
                self.commit()?;
                let mut back = self.reap_all()?;
                back.pop().ok_or_else(|| lost(1))
            }
        }
    }

    /// Makes many requests, as many at once as there are units, in the order given; each is told
    /// when it ends.
    pub(super) fn run(
        &mut self,
        requests: impl IntoIterator<Item = (Request, Option<Pattern>)>,
        mut ended: impl FnMut(&mut Rig<'s>, Done) -> Result<(), Finding>,
    ) -> Result<(), Finding> {
        let mut free: Vec<usize> = (0..self.units.count()).rev().collect();
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() || self.in_flight() > 0 {
            let mut finished = Vec::new();
            while let (Some(&index), Some(&(request, pattern))) = (free.last(), requests.peek()) {
                if let Some(pattern) = pattern {
                    self.fill(index, request.offset, pattern);
                }
                match self.offer(index, request)? {
                    Taken::Busy => break,
                    Taken::Queued => {}
                    Taken::Completed(done) => finished.push(done),
                    Taken::Refused(errno) => {
                        let resid = request.len;
                        finished.push(Done {
                            index,
                            request,
                            resid,
                            error: errno,
                            vendor_status: 0,
                        });
                    }
                }
                free.pop();
                requests.next();
            }
            if self.in_flight() > 0 {
                self.commit()?;
                let patience = Instant::now() + LOST_AFTER;
                while finished.is_empty() {
                    finished = self.reap(1, self.in_flight() as u32, Some(WAIT))?;
                    if finished.is_empty() && Instant::now() > patience {
                        return Err(self.lost(0));
                    }
                }
            }
            for done in finished {
                free.push(done.index);
                ended(self, done)?;
            }
        }
        Ok(())
    }

    /// The first bytes of a unit's buffer are what the pattern puts at `offset`.
    pub(super) fn expect(
        &mut self,
        index: usize,
        offset: u64,
        len: usize,
        pattern: Pattern,
    ) -> Result<(), Finding> {
        match pattern.first_wrong(&self.buffer(index)[..len], offset) {
            None => Ok(()),
            Some(at) => Err(Finding::breaks(
                rules::DATA,
                format!("the byte at {at} is not what was written there"),
            )),
        }
    }
}
