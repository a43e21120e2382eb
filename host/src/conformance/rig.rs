//! The strictest of hosts: one instance, its files and units, driven by hand and watched closely.
//!
//! Checks make one through `Stand::rig`, offer requests, commit, reap, and end it. Whatever the
//! contract says of an answer is judged here, each rule in one place, and blamed on the check that
//! the rule belongs to (`rules`); so a check that is about something else need not look. A rig
//! that is dropped before [`Rig::end`] leaves its instance where it is: no callback is made any
//! more.

mod judge;
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
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

pub(super) use set_up::init;
pub(super) use words::{describe, rules, Done, Request, RigWish, Taken};

/// How long a unit may stay away before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(4);
/// One wait for events.
const WAIT: Duration = Duration::from_millis(500);
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
    /// What buffers of writes hold.
    sources: Vec<Option<Pattern>>,
}

fn refused(rule: &str, refusal: &Refusal) -> Finding {
    Finding::breaks(rule, refusal.to_string())
}

impl<'s> Rig<'s> {
    /// Size and block size of a file, as the engine may have set them.
    pub(super) fn file_size(&self, index: u32) -> (u64, u32) {
        self.files.size(index)
    }

    /// The descriptor of a file as it stands in the table, or -1.
    pub(super) fn fd(&self, index: u32) -> i32 {
        self.files.fd(index)
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

    /// How many units are the engine's.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.iter().flatten().count()
    }

    /// A pattern of this run's.
    pub(super) fn pattern(&self, generation: u64) -> Pattern {
        Pattern { seed: self.stand.seed, generation }
    }

    /// The buffer of a unit that the host owns.
    pub(super) fn buffer(&mut self, index: usize) -> &mut [u8] {
        assert!(self.in_flight[index].is_none(), "the engine owns unit {index}");
        self.units.buffer(index)
    }

    /// Fills the buffer for a write at `offset`; it must be found like this when the write is done.
    pub(super) fn fill(&mut self, index: usize, offset: u64, pattern: Pattern) {
        pattern.fill(self.buffer(index), offset);
        self.sources[index] = Some(pattern);
    }

    /// Offers a request. Writes whose buffer was not filled get some pattern.
    pub(super) fn offer(&mut self, index: usize, request: Request) -> Result<Taken, Finding> {
        assert!(self.in_flight[index].is_none(), "unit {index} is in flight");
        if request.op == IOE_OP_WRITE && self.sources[index].is_none() {
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
        let answer = self.instance.offer(self.units.ptr(index));
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

    /// Takes finished units back: `min` to `max` of them, fewer only where the time ran out. `None`
    /// waits without end.
    pub(super) fn reap(
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
            return Err(refused(rules::COUNT, &refusal));
        };
        if count > max || out[max as usize..].iter().any(|entry| *entry != guard) {
            return Err(Finding::breaks(
                rules::COUNT,
                format!(
                    "getevents handed back {count} units or more, at most {max} were asked for"
                ),
            ));
        }
        let in_time = timeout.is_none_or(|limit| begun.elapsed() < limit);
        if count < min && in_time {
            return Err(Finding::breaks(
                rules::COUNT,
                format!(
                    "getevents handed back {count} units, {min} were asked for and the time had \
                     not run out"
                ),
            ));
        }
        out[..count as usize].iter().map(|unit| self.take_back(*unit)).collect()
    }

    fn take_back(&mut self, unit: *mut ioe_io) -> Result<Done, Finding> {
        let Some(index) = self.units.find(unit) else {
            let words =
                format!("getevents handed back {unit:p}, which is no unit of this instance");
            return Err(Finding::breaks(rules::ONCE, words));
        };
        let Some(request) = self.in_flight[index].take() else {
            let words =
                format!("unit {index} came back, but was not in flight (twice, or never queued)");
            return Err(Finding::breaks(rules::ONCE, words));
        };
        self.judge(index, request)
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

    /// Reaps until nothing is in flight any more. What was taken is committed first.
    pub(super) fn reap_all(&mut self) -> Result<Vec<Done>, Finding> {
        if self.uncommitted > 0 {
            self.commit()?;
        }
        let mut back = Vec::new();
        let mut patience = Instant::now() + LOST_AFTER;
        while self.in_flight() > 0 {
            let some = self.reap(1, self.in_flight() as u32, Some(WAIT))?;
            if !some.is_empty() {
                patience = Instant::now() + LOST_AFTER;
            } else if Instant::now() > patience {
                return Err(lost(self.in_flight()));
            }
            back.extend(some);
        }
        Ok(back)
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
                        return Err(lost(self.in_flight()));
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

fn lost(units: usize) -> Finding {
    let seconds = LOST_AFTER.as_secs();
    let words = format!("{units} units were committed and did not come back within {seconds} s");
    Finding::breaks(rules::ONCE, words)
}
