//! `io_submit_mode=offload`: a thread and an engine instance for each slot, so that a request that
//! blocks holds no later one back.
//!
//! The worker hands a slot to its member and goes on; members put what is done into one channel.
//! [`Crew`] is the worker's side, [`Post::serve`] a member's; `run` makes the threads and their
//! instances. A slot's unit belongs to its member from the order to the report, and to nobody
//! else. Every channel is as long as it may get from the start.

use super::posted;
use super::slots::SlotIndex;
use super::trouble::{Breach, Fault, Trouble};
use crate::plugin::handle::{Answer, Callback, Instance, Refusal, UnitPtr};
use crate::plugin::lent::FileTable;
use crate::stats::live::WorkerPage;
use crossbeam::channel::{bounded, Receiver, RecvTimeoutError, Sender};
use iodyno_engine_api::abi::ioe_io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at whoever is stuck.
const LOOK: Duration = Duration::from_millis(100);

/// Low byte of a breadcrumb.
const CALLBACK: u64 = 0xff;

/// What a member is told.
#[derive(Debug)]
pub enum Order {
    /// Serve the unit, a request to this file.
    Serve(UnitPtr, u32),
    /// End the instance in order.
    Leave,
}

/// What a member tells.
#[derive(Debug)]
pub struct Report {
    slot: SlotIndex,
    /// The unit is done, with the engine's words where it failed; or the member's instance is.
    outcome: Result<Option<String>, Trouble>,
}

/// A member as the worker knows it.
#[derive(Debug)]
struct Member {
    orders: Sender<Order>,
    crumb: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    /// The unit that it serves, and which order of the crew's that was.
    serves: Option<(UnitPtr, u64)>,
}

/// What a member's thread is given.
#[derive(Debug)]
pub struct Post {
    /// Its slot.
    pub slot: SlotIndex,
    /// Where its instance leaves breadcrumbs.
    pub crumb: Arc<AtomicU64>,
    orders: Receiver<Order>,
    reports: Sender<Report>,
}

/// The members, as the worker drives them.
#[derive(Debug)]
pub struct Crew {
    members: Vec<Member>,
    reports: Receiver<Report>,
    words: Vec<Option<String>>,
    trouble: Option<Trouble>,
    /// A member broke off: what the others have done is heard, and nothing more is ordered.
    broken: bool,
    /// A refusal is told once; units that are refused after it end like it.
    refused: bool,
    page: &'static WorkerPage,
    orders: u64,
    busy: u32,
    /// When it was last looked who is stuck.
    looked: Instant,
    /// The order that was the oldest then; 0 = none.
    oldest: u64,
    /// It was so at two looks in a row: the page names it, and nothing else, until it is done.
    pinned: bool,
}

impl Crew {
    /// A crew for `size` slots; `start` makes the thread of each. Where one cannot be made, those
    /// before it have ended when this returns.
    pub fn hire(
        size: u32,
        page: &'static WorkerPage,
        mut start: impl FnMut(Post) -> std::io::Result<JoinHandle<()>>,
    ) -> std::io::Result<Crew> {
        let (sender, reports) = bounded(size as usize);
        let mut crew = Crew {
            members: Vec::with_capacity(size as usize),
            reports,
            words: (0..size).map(|_| None).collect(),
            trouble: None,
            broken: false,
            refused: false,
            page,
            orders: 0,
            busy: 0,
            looked: Instant::now(),
            oldest: 0,
            pinned: false,
        };
        for slot in 0..size {
            // Two: a member that is told to leave may not have taken its last order yet.
            let (orders, taken) = bounded(2);
            let crumb = Arc::new(AtomicU64::new(0));
            let post =
                Post { slot, crumb: Arc::clone(&crumb), orders: taken, reports: sender.clone() };
            match start(post) {
                Ok(thread) => crew.members.push(Member { orders, crumb, thread, serves: None }),
                Err(error) => {
                    crew.dismiss();
                    return Err(error);
                }
            }
        }
        Ok(crew)
    }

    /// While members are set up: what one of them is at goes into the worker's page, where the
    /// supervisor looks; nothing, once none is.
    pub fn show_setup(&self) {
        let mut crumbs =
            (1u64..).zip(&self.members).map(|(n, member)| (n, member.crumb.load(Relaxed)));
        let busy = crumbs.find(|(_, crumb)| crumb & CALLBACK != 0);
        // Numbered by member: another one's first call is no call that goes on.
        self.page.callback.set(busy.map_or(0, |(n, crumb)| n << 48 ^ crumb));
    }

    #[cold]
    pub(super) fn offer(&mut self, unit: UnitPtr, index: SlotIndex, file: u32) -> Answer {
        if self.broken {
            // The unit that broke it is in flight for ever, so that the loop comes to reap.
            return Answer::Busy;
        }
        self.orders += 1;
        let member = &mut self.members[index as usize];
        if member.orders.try_send(Order::Serve(unit, file)).is_err() {
            unreachable!("a member has left only when its crew is no more");
        }
        member.serves = Some((unit, self.orders));
        self.busy += 1;
        if !self.pinned {
            // A crash that leaves no time for a look is most likely one of these.
            self.page.callback.set(self.orders << 8 | Callback::Queue as u64);
        }
        Answer::Queued
    }

    #[cold]
    pub(super) fn getevents(
        &mut self,
        min: u32,
        max: u32,
        timeout_ns: i64,
        out: &mut [*mut ioe_io],
    ) -> i32 {
        // What came back beside a trouble has been accounted by now.
        if self.trouble.is_some() && !self.broken {
            return i32::MIN;
        }
        let limit = u64::try_from(timeout_ns).ok().map(Duration::from_nanos);
        let begin = Instant::now();
        if begin.duration_since(self.looked) >= LOOK {
            self.look(begin);
        }
        let mut got = 0;
        while got < max {
            let left = limit.map(|limit| limit.saturating_sub(begin.elapsed()));
            let report = match self.reports.try_recv() {
                Ok(report) => report,
                Err(_) if self.broken && got == 0 => return i32::MIN,
                Err(_) if self.broken || got >= min || left == Some(Duration::ZERO) => break,
                Err(_) => match self.reports.recv_timeout(left.unwrap_or(LOOK).min(LOOK)) {
                    Ok(report) => report,
                    Err(RecvTimeoutError::Timeout) => {
                        self.look(Instant::now());
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            if let Some(unit) = self.hear(report) {
                out[got as usize] = unit.as_ptr();
                got += 1;
            }
        }
        if self.busy == 0 {
            self.page.callback.set(self.orders << 8);
        }
        got as i32
    }

    /// The unit that is done; none where its member's instance is, and the unit with it.
    fn hear(&mut self, report: Report) -> Option<UnitPtr> {
        match report.outcome {
            Ok(words) => {
                self.words[report.slot as usize] = words;
                self.take_from(report.slot)
            }
            Err(Trouble::Refused(refusal)) => {
                self.words[report.slot as usize] = refusal.words.clone();
                if !std::mem::replace(&mut self.refused, true) {
                    self.trouble = Some(Trouble::Refused(refusal));
                }
                self.take_from(report.slot)
            }
            Err(trouble) => {
                if !std::mem::replace(&mut self.broken, true) {
                    self.trouble = Some(trouble);
                }
                None
            }
        }
    }

    fn take_from(&mut self, slot: SlotIndex) -> Option<UnitPtr> {
        let (unit, order) = self.members[slot as usize].serves.take()?;
        self.busy -= 1;
        self.pinned &= order != self.oldest;
        Some(unit)
    }

    pub(super) fn take_trouble(&mut self) -> Option<Trouble> {
        // What is broken stays so.
        if self.broken {
            return self.trouble.clone();
        }
        self.trouble.take()
    }

    pub(super) fn take_words(&mut self, index: SlotIndex) -> Option<String> {
        self.words[index as usize].take()
    }

    /// The breadcrumb of whoever has been at it longest goes into the worker's page, where the
    /// supervisor looks, and stays there for as long as that one is at it, whatever the others do.
    #[cold]
    fn look(&mut self, now: Instant) {
        self.looked = now;
        let busy = self
            .members
            .iter()
            .filter(|member| member.serves.is_some() && member.crumb.load(Relaxed) & CALLBACK != 0);
        let oldest = busy.min_by_key(|member| member.serves.map(|(_, order)| order));
        let order = oldest.and_then(|member| member.serves).map_or(0, |(_, order)| order);
        if let Some(oldest) = oldest {
            self.page.callback.set(order << 8 | oldest.crumb.load(Relaxed) & CALLBACK);
        }
        self.pinned = order != 0 && order == self.oldest;
        self.oldest = order;
    }

    /// Ends every instance in order; nothing is in flight.
    pub fn dismiss(self) {
        for member in &self.members {
            // A member that broke off has no more orders to take.
            let _gone = member.orders.send(Order::Leave);
        }
        for (calls, member) in self.members.into_iter().enumerate() {
            while !member.thread.is_finished() {
                let callback = member.crumb.load(Relaxed) & CALLBACK;
                self.page.callback.set((self.orders + calls as u64) << 8 | callback);
                std::thread::sleep(Duration::from_millis(1));
            }
            // A panic was reported when it happened.
            let _panicked = member.thread.join();
        }
        self.page.callback.set((self.orders + 1) << 8);
    }
}

impl Post {
    /// Serves orders until the member is to leave, which is true, or until there is nobody left to
    /// serve or the engine broke its contract: nothing of the instance may be called any more.
    pub fn serve(&self, engine: &mut Instance<'_>, files: &FileTable) -> bool {
        loop {
            let (unit, file) = match self.orders.recv() {
                Ok(Order::Serve(unit, file)) => (unit, file),
                Ok(Order::Leave) => return true,
                Err(_) => return false,
            };
            let own = files.as_ptr(file);
            let given = posted::readdress(unit, own);
            let outcome = self.one(engine, unit);
            let kept = posted::readdress(unit, given);
            if kept != own {
                // What the engine made of it is the worker's to judge.
                posted::readdress(unit, kept);
            }
            let is_fault = matches!(outcome, Err(Trouble::Fault(_)));
            let told = self.reports.send(Report { slot: self.slot, outcome });
            if told.is_err() || is_fault {
                return false;
            }
        }
    }

    fn one(&self, engine: &mut Instance<'_>, unit: UnitPtr) -> Result<Option<String>, Trouble> {
        let breach = match engine.offer(unit) {
            Answer::Completed if posted::went_well(unit) => return Ok(None),
            Answer::Completed => return Ok(engine.errdetails(unit)),
            Answer::Other(status) if (-4095..0).contains(&status) => {
                let refusal: Refusal = engine.refusal(Callback::Queue, status);
                posted::fail(unit, refusal.errno);
                return Err(refusal.into());
            }
            Answer::Other(status) => Breach::Status(status),
            Answer::Queued => Breach::QueuedBySync,
            Answer::Busy => Breach::BusyForever,
        };
        Err(Fault { callback: Callback::Queue, breach, in_flight: 0 }.into())
    }

    /// Tells of an end that is none of the engine's doing.
    pub fn break_off(&self, trouble: Trouble) {
        let _gone = self.reports.send(Report { slot: self.slot, outcome: Err(trouble) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fresh_page, OPS};
    use super::*;
    use crate::plugin::host_table;
    use crate::plugin::lent::{FileTable, JobFacts, JobTable};
    use std::sync::atomic::AtomicU32;

    fn member(post: &Post) -> bool {
        let facts = JobFacts {
            name: "toy".to_owned(),
            iodepth: 1,
            numjobs: 1,
            job_index: 0,
            max_bs: 4096,
            align: 4096,
            direct: false,
            op_mask: 1,
            options: Vec::new(),
        };
        let job = JobTable::new(&facts).unwrap();
        let mut engine = Instance::init(&OPS.0, host_table::table(), job, &post.crumb).unwrap();
        let files = FileTable::new(&[]).unwrap();
        let left = post.serve(&mut engine, &files);
        engine.cleanup();
        left
    }

    #[test]
    fn where_a_thread_is_missing_the_others_end_in_order_first() {
        let left = Arc::new(AtomicU32::new(0));
        let hired = Crew::hire(3, fresh_page(), |post| {
            if post.slot == 2 {
                return Err(std::io::ErrorKind::WouldBlock.into());
            }
            let left = Arc::clone(&left);
            Ok(std::thread::spawn(move || {
                left.fetch_add(u32::from(member(&post)), Relaxed);
            }))
        });
        assert_eq!(hired.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(left.load(Relaxed), 2, "both had left in order when hire returned");
    }

    #[test]
    fn what_a_member_is_at_while_it_is_set_up_is_seen() {
        let (page, callback) = (fresh_page(), Callback::OpenFile as u64);
        let crumbs = std::cell::RefCell::new(Vec::new());
        let crew = Crew::hire(2, page, |post| {
            crumbs.borrow_mut().push(Arc::clone(&post.crumb));
            Ok(std::thread::spawn(move || drop(post.orders.recv())))
        });
        let crew = crew.unwrap();
        crew.show_setup();
        assert_eq!(page.callback.get() & CALLBACK, 0);
        let crumbs = crumbs.into_inner();
        crumbs[1].store(0x300 | callback, Relaxed);
        crew.show_setup();
        let second = page.callback.get();
        assert_eq!(second & CALLBACK, callback);
        crew.show_setup();
        assert_eq!(page.callback.get(), second, "stands still as long as the member does");
        crumbs[0].store(0x300 | callback, Relaxed);
        crew.show_setup();
        assert_ne!(page.callback.get(), second, "another member's call is another call");
        crumbs.iter().for_each(|crumb| crumb.store(0, Relaxed));
        crew.dismiss();
    }
}
