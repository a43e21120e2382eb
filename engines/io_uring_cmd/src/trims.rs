//! Trims: gathered until commit, sent as few commands as their places and the controller allow, and
//! each alone again where a command of several has failed.
//!
//! The second part of the engine, called by `engine` on the worker's thread. A command is known by
//! its first request; the others are a chain behind it. Allocates nothing after [`Trims::new`].

use crate::command::{Command, Op, Range};
use crate::dsm::{Limits, List, RANGES_MAX};
use crate::engine::{private_of, IoUringCmd};
use crate::entry::Entry;
use iodyno_engine_api::{Answer, Cancel, Error, Io, Reaped, Request, Unit, Wait};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::uring::requests::{Core, OnRing};
use std::collections::VecDeque;

/// Lists of several ranges that are on their way at the same time; what comes beyond goes singly.
const LISTS_MAX: usize = 64;

/// What is gathered, and what belongs to the commands that are on their way.
pub(crate) struct Trims {
    /// Taken and not sent; room for the depth.
    gathered: Vec<Unit>,
    /// The list that is being filled.
    list: List,
    /// Lists of commands, of `stride` ranges each, which the kernel reads; those that are free.
    lists: Vec<Range>,
    stride: usize,
    free: Vec<u32>,
    /// Commands of several requests that are on their way.
    shared: u32,
    /// Ended, when there was no room to hand them back; room for the depth.
    ended: VecDeque<(Unit, Result<u64, Errno>)>,
}

impl Trims {
    /// Whether one completion may be for several requests.
    #[inline(always)]
    pub(crate) fn share(&self) -> bool {
        self.shared > 0
    }

    /// A command has come back, or will not be sent.
    pub(crate) fn back(&mut self, is_one_of_many: bool) {
        self.shared -= u32::from(is_one_of_many);
    }

    pub(crate) fn new(depth: u32, has_trims: bool) -> Trims {
        let depth = if has_trims { depth as usize } else { 0 };
        let (lists, stride) = ((depth / 2).min(LISTS_MAX), depth.min(RANGES_MAX));
        Trims {
            gathered: Vec::with_capacity(depth),
            list: List::new(),
            lists: vec![Range::default(); lists * stride],
            stride,
            free: (0..lists as u32).collect(),
            shared: 0,
            ended: VecDeque::with_capacity(depth),
        }
    }
}

fn index_of(io: &Request) -> usize {
    io.file().map_or(usize::MAX, |file| file.index() as usize)
}

impl IoUringCmd {
    /// A trim, into the batch.
    pub(crate) fn take_trim<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let Some(Some(target)) = self.targets.get(index_of(&io)) else {
            return io.finish(Err(libc::EBADF));
        };
        if io.private().is_null() {
            return io.finish(Err(libc::EFAULT));
        }
        // SAFETY: the request is ours for the length of the call, and this is the one reference.
        let private = unsafe { private_of(&io) };
        private.clear();
        let (lba, blocks) = match target.range(&io) {
            Ok(range) => range,
            Err(early) => return io.finish(early),
        };
        let blocks = target.node.controller.trims.covered(blocks);
        (private.lba, private.covered) = (lba, blocks << target.block_shift);
        private.op = Some(Op::DatasetManagement);
        self.core.in_flight += 1;
        let (unit, answer) = io.keep();
        self.trims.gathered.push(unit);
        answer
    }

    /// `Engine::COMMIT`.
    #[inline]
    pub(crate) fn commit_all(&mut self) -> Result<(), Error> {
        if !self.trims.gathered.is_empty() {
            self.send_gathered();
        }
        self.commit()
    }

    fn send_gathered(&mut self) {
        let mut gathered = std::mem::take(&mut self.trims.gathered);
        gathered.sort_unstable_by_key(|unit| (index_of(unit), unit.offset()));
        let mut rest = gathered.drain(..).peekable();
        while let Some(head) = rest.next() {
            let index = index_of(&head);
            let limits = self.limits(index);
            self.trims.list.clear();
            self.add(&head, &limits);
            let mut last = head.as_ptr();
            let head = head.into_raw();
            while let Some(unit) =
                rest.next_if(|unit| index_of(unit) == index && self.add(unit, &limits))
            {
                let next = unit.into_raw();
                // SAFETY: a request of the batch, let go of just above or one round before, which
                // is ours until it is handed back.
                let link = unsafe { Unit::from_raw(last) };
                // SAFETY: the same; no other reference to its memory is alive.
                unsafe { private_of(&link) }.next = next;
                link.into_raw();
                last = next;
            }
            // SAFETY: let go of above, and nowhere else.
            self.send_list(unsafe { Unit::from_raw(head) }, false);
        }
        drop(rest);
        self.trims.gathered = gathered;
    }

    /// What one command may hold now.
    fn limits(&self, index: usize) -> Limits {
        let target = self.targets.get(index).and_then(Option::as_ref);
        let limits = target.map_or(Limits::NONE, |target| target.node.controller.trims);
        let ranges = if self.trims.free.is_empty() { 1 } else { self.trims.stride };
        Limits { ranges: limits.ranges.min(ranges), ..limits }
    }

    fn add(&mut self, io: &Request, limits: &Limits) -> bool {
        let Some(Some(target)) = self.targets.get(index_of(io)) else { return false };
        // SAFETY: the request is ours, and no other reference to its memory is alive.
        let private = unsafe { private_of(io) };
        self.trims.list.add(private.lba, private.covered >> target.block_shift, limits)
    }

    /// Sends what is in the list for a chain of requests; `again`: nobody will commit for it.
    fn send_list(&mut self, head: Unit, again: bool) {
        let Some(Some(target)) = self.targets.get(index_of(&head)) else {
            return self.end_chain(head, Err((libc::EBADF, 0)));
        };
        // SAFETY: the request is ours, and no other reference to its memory is alive.
        let private = unsafe { private_of(&head) };
        let trims = &mut self.trims;
        let ranges = trims.list.ranges();
        let addr = match (ranges, trims.free.last()) {
            ([one], _) => {
                private.range = *one;
                (&raw const private.range) as u64
            }
            (several, Some(list)) => {
                let room = &mut trims.lists[*list as usize * trims.stride..][..several.len()];
                room.copy_from_slice(several);
                private.list = trims.free.pop();
                room.as_ptr() as u64
            }
            // limits() lets no list become so long.
            (_, None) => return self.end_chain(head, Err((libc::EIO, 0))),
        };
        let command = Command::deallocate_ranges(target.nsid, addr, ranges.len());
        let is_one_of_many = !private.next.is_null();
        let Core { files, ring, host, .. } = &mut self.core;
        let file = files.name(ring, host, &head);
        let entry = Entry::new(command, file, None, head.as_ptr() as u64);
        let is_sent = match again {
            // SAFETY: the ranges lie in the request's memory or in a list that is its own until its
            // command has ended.
            true => unsafe { self.core.push_again(entry) },
            false => {
                if !self.core.ring.has_room() {
                    self.core.ring.wait_for_room();
                }
                // SAFETY: as above.
                unsafe { self.core.ring.push(entry) };
                true
            }
        };
        match is_sent {
            true => {
                self.trims.shared += u32::from(is_one_of_many);
                let _carried = head.into_raw(); // its entry has it
            }
            false => self.end_chain(head, Err((libc::EAGAIN, 0))),
        }
    }

    /// A command has ended: its requests with it, or each of them is sent alone.
    pub(crate) fn trimmed(&mut self, head: Unit, res: i32, reaped: &mut Reaped<'_>) {
        // SAFETY: the request is ours until it is handed back; no other reference is alive.
        let private = unsafe { private_of(&head) };
        let is_one_of_many = !private.next.is_null();
        self.trims.back(is_one_of_many);
        if res == 0 {
            return self.finish_chain(head, Ok(()), reaped);
        }
        let failure = self.errno_of(&head, res);
        // One of them may have spoilt it for all: each gets the answer that is due to it. Where the
        // device is gone, each would only fail alone.
        if !is_one_of_many || failure.0 == libc::ENODEV {
            return self.finish_chain(head, Err(failure), reaped);
        }
        if let Some(list) = private.list.take() {
            self.trims.free.push(list);
        }
        let mut link = Some(head);
        while let Some(unit) = link {
            // SAFETY: as above; each link is looked at once, before it is sent.
            let private = unsafe { private_of(&unit) };
            let next = std::mem::replace(&mut private.next, std::ptr::null_mut());
            self.trims.list.clear();
            let limits = self.limits(index_of(&unit));
            self.add(&unit, &limits);
            self.send_list(unit, true);
            // SAFETY: let go of when the chain was made, and nowhere else.
            link = (!next.is_null()).then(|| unsafe { Unit::from_raw(next) });
        }
        self.hand_back_ended(reaped);
    }

    /// All requests of a command go back as it ended.
    pub(crate) fn finish_chain(
        &mut self,
        head: Unit,
        result: Result<(), (Errno, u32)>,
        reaped: &mut Reaped<'_>,
    ) {
        self.end_chain(head, result);
        self.hand_back_ended(reaped);
    }

    fn end_chain(&mut self, head: Unit, result: Result<(), (Errno, u32)>) {
        let mut link = Some(head);
        while let Some(mut unit) = link {
            // SAFETY: the chain is ours: each of its links is looked at once, before it goes.
            let private = unsafe { private_of(&unit) };
            let next = std::mem::replace(&mut private.next, std::ptr::null_mut());
            if let Some(list) = private.list.take() {
                self.trims.free.push(list);
            }
            let result = result.map(|()| private.covered).map_err(|(errno, vendor_status)| {
                unit.set_vendor_status(vendor_status);
                errno
            });
            self.trims.ended.push_back((unit, result));
            // SAFETY: let go of when the chain was made, and nowhere else.
            link = (!next.is_null()).then(|| unsafe { Unit::from_raw(next) });
        }
    }

    fn hand_back_ended(&mut self, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            let Some((unit, result)) = self.trims.ended.pop_front() else { return };
            self.core.in_flight -= 1;
            reaped.push(unit, result);
        }
    }

    /// `Engine::GETEVENTS`.
    #[inline]
    pub(crate) fn reap(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        if !self.trims.ended.is_empty() {
            self.hand_back_ended(reaped);
            if reaped.count() >= wait.min {
                return Ok(());
            }
        }
        self.getevents(wait, reaped)
    }

    /// `Engine::CANCEL`. A trim that was not sent is given back.
    pub(crate) fn cancel_any(&mut self, io: &Request) -> Result<Cancel, Error> {
        let gathered = &mut self.trims.gathered;
        if let Some(at) = gathered.iter().position(|unit| unit.is(io)) {
            self.core.in_flight -= 1;
            return Ok(Cancel::Canceled(gathered.swap_remove(at)));
        }
        if self.trims.ended.iter().any(|(unit, _)| unit.is(io)) {
            return Ok(Cancel::Pending);
        }
        self.cancel(io)
    }
}
