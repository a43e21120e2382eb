//! Commands in flight on /dev/sgN: sent, waited for, handed back; trims gathered until commit.
//!
//! The second part of the engine, called by `engine` on the worker's thread. A command is carried
//! by the driver as the address of its request; several trims are a chain of requests behind the
//! one whose packet is the command.

use crate::char_device::Lane;
use crate::device::Device;
use crate::engine::{Settled, Sg};
use crate::header::{Packet, SgIoHdr, FLAG_DIRECT};
use crate::request::{arm_unmap, packet_of};
use crate::unmap::List;
use crate::wake::Wake;
use iodyno_engine_api::abi::ioe_io;
use iodyno_engine_api::{Answer, Cancel, Error, Host, Io, Reaped, Request, Unit, Wait};
use iodyno_engine_support::errno::{self, Errno};
use std::collections::VecDeque;
use std::ptr::null_mut;
use std::time::Duration;

/// How long a wait goes on at most before everything is looked at again: a device that is gone may
/// show no event that can be waited for.
const TICK: Duration = Duration::from_millis(100);
/// Pause where a device that is gone has commands that have not come back yet.
const GONE_PAUSE: Duration = Duration::from_millis(1);

/// Whether a chain is on its way already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    First,
    Again,
}

/// What is under way.
pub(crate) struct Flight {
    wake: Wake,
    /// Taken and not sent; room for the depth.
    trims: Vec<Unit>,
    /// For the data of an UNMAP, until the driver has copied it.
    pub(crate) list: List,
    /// Requests whose command was sent.
    sent: usize,
    /// Ended and not handed back; room for the depth.
    ended: VecDeque<(Unit, Result<u64, Errno>)>,
    /// Of all lanes, in the order of files and lanes, and last that of `wake`.
    polled: Vec<libc::pollfd>,
}

impl Flight {
    pub(crate) fn new(host: &Host, depth: usize) -> Result<Flight, Error> {
        let wake = Wake::new().map_err(|errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("eventfd: {why}"))
        })?;
        host.on_terminate(wake.waker())?;
        Ok(Flight {
            wake,
            trims: Vec::with_capacity(depth),
            list: List::new(),
            sent: 0,
            ended: VecDeque::with_capacity(depth),
            polled: Vec::new(),
        })
    }

    /// Requests that are the engine's.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.sent + self.trims.len() + self.ended.len()
    }

    /// Files came or went.
    pub(crate) fn watch(&mut self, devices: &[Option<Box<Device>>]) {
        let pollfd = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let lanes = devices.iter().flatten().flat_map(|device| &device.lanes);
        self.polled = lanes.map(|lane| pollfd(lane.fd())).collect();
        self.polled.push(pollfd(self.wake.fd()));
    }

    /// A trim, into the batch.
    pub(crate) fn take_trim<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let (unit, answer) = io.keep();
        self.trims.push(unit);
        answer
    }

    #[inline]
    fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            let Some((unit, result)) = self.ended.pop_front() else { break };
            match result {
                Ok(done) if done == unit.len() => reaped.push_all(unit),
                result => reaped.push(unit, result),
            }
        }
    }

    /// Waits until something has ended, `terminate` wakes, or the time is over. Signals end it too.
    fn poll(&mut self, limit: Duration) -> Result<(), Error> {
        let limit = libc::timespec {
            tv_sec: limit.as_secs().cast_signed(),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let (fds, count) = (self.polled.as_mut_ptr(), self.polled.len() as libc::nfds_t);
        // SAFETY: so many entries, a timespec, and no mask.
        if unsafe { libc::ppoll(fds, count, &limit, std::ptr::null()) } < 0 {
            self.polled.iter_mut().for_each(|entry| entry.revents = 0);
            match errno::last() {
                libc::EINTR => {}
                errno => {
                    let why = std::io::Error::from_raw_os_error(errno);
                    return Err(Error::new(errno, format!("poll: {why}")));
                }
            }
        }
        if self.polled.last().is_some_and(|entry| entry.revents != 0) {
            self.wake.clear();
        }
        Ok(())
    }
}

/// The unit that was let go of when its command was sent.
fn unit_of(raw: *mut ioe_io) -> Unit {
    // SAFETY: submit() and send_trims() let go of it by into_raw(); each comes back once, out of a
    // lane or as a link of the chain behind one that does.
    unsafe { Unit::from_raw(raw) }
}

fn index_of(io: &Request) -> usize {
    io.file().map_or(usize::MAX, |file| file.index() as usize)
}

impl Sg {
    /// Writes a command to /dev/sgN.
    #[inline]
    pub(crate) fn submit<'a>(
        &mut self,
        io: Io<'a>,
        index: usize,
        packet: &mut Packet,
    ) -> Answer<'a> {
        let lane = self.devices[index].as_mut().and_then(|device| device.lane());
        let Some(lane) = lane else { return io.busy() };
        // SAFETY: queue() armed it, in the private memory of this request, which stays where it is,
        // as does its buffer, until the request is handed back.
        match unsafe { lane.submit(io.as_ptr(), packet) } {
            Ok(()) => {
                self.flight.sent += 1;
                let (unit, answer) = io.keep();
                let _carried = unit.into_raw(); // the lane has it
                answer
            }
            // The driver is short of room for it: what is in flight gives some back.
            Err(libc::EDOM | libc::EAGAIN | libc::ENOMEM) if self.flight.sent > 0 => io.busy(),
            Err(errno) => {
                packet.call_errno = errno;
                io.finish(Err(errno))
            }
        }
    }

    /// Sends the trims, as few commands as their places and the device's limits allow.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        if self.flight.trims.is_empty() {
            return Ok(());
        }
        let mut trims = std::mem::take(&mut self.flight.trims);
        trims.sort_unstable_by_key(|unit| (index_of(unit), unit.offset()));
        let mut rest = trims.drain(..).peekable();
        while let Some(first) = rest.next() {
            let index = index_of(&first);
            let Some(Some(device)) = self.devices.get(index) else {
                self.flight.ended.push_back((first, Err(libc::EBADF)));
                continue;
            };
            let list = &mut self.flight.list;
            list.clear();
            let head = first.into_raw();
            add_range(list, device, head);
            let mut last = head;
            let fits =
                |unit: &Unit| index_of(unit) == index && add_range(list, device, unit.as_ptr());
            let mut fits = fits;
            while let Some(unit) = rest.next_if(&mut fits) {
                let next = unit.into_raw();
                // SAFETY: a request of the batch, which is ours; the reference ends here.
                unsafe { packet_of(last) }.next = next;
                last = next;
            }
            self.send_chain(index, head, Sending::First);
        }
        drop(rest);
        self.flight.trims = trims;
        Ok(())
    }

    /// Sends the UNMAP whose ranges are in the list, for a chain of requests.
    fn send_chain(&mut self, index: usize, head: *mut ioe_io, sending: Sending) {
        if sending == Sending::First {
            self.flight.sent += links(head);
        }
        // SAFETY: the first of the chain, which is ours; no other reference to its packet is alive.
        let packet = unsafe { packet_of(head) };
        let (next, retries) = (packet.next, packet.retries);
        arm_unmap(packet, self.flight.list.finish());
        (packet.next, packet.retries) = (next, retries);
        let lane = self.devices[index].as_mut().and_then(|device| device.lane());
        // SAFETY: armed just above, in the private memory of a request that is ours until its
        // command has ended; the driver copies the list, since FLAG_DIRECT is not asked for.
        let sent = lane.map_or(Err(libc::EAGAIN), |lane| unsafe { lane.submit(head, packet) });
        if let Err(errno) = sent {
            packet.call_errno = errno;
            self.finish(head, Err((errno, 0)));
        }
    }

    /// One request of a command may have spoilt it for all: each gets a command of its own, and so
    /// the answer that is due to it.
    #[cold]
    fn send_singly(&mut self, index: usize, head: *mut ioe_io) {
        let mut link = head;
        while !link.is_null() {
            // SAFETY: the chain is ours; each of its links is looked at once, before it is sent.
            let packet = unsafe { packet_of(link) };
            let next = std::mem::replace(&mut packet.next, null_mut());
            packet.retries = 0;
            if let Some(Some(device)) = self.devices.get_mut(index) {
                let list = &mut self.flight.list;
                list.clear();
                add_range(list, device, link);
            }
            self.send_chain(index, link, Sending::Again);
            link = next;
        }
    }

    /// A command has ended: its requests with it, or it is sent again.
    #[inline]
    fn land(&mut self, index: usize, head: *mut ioe_io, header: SgIoHdr) {
        // SAFETY: the driver is through with it, and the request is ours until it is handed back.
        let packet = unsafe { packet_of(head) };
        packet.hdr = header;
        if header.flags & FLAG_DIRECT != 0 && !header.was_direct() {
            if let Some(Some(device)) = self.devices.get_mut(index) {
                device.told.copied = true;
            }
        }
        let is_one_of_many = !packet.next.is_null();
        match self.settle(index, packet) {
            // Where the device is gone, or so slow, each would only fail alone.
            Some(Err((errno, _)))
                if is_one_of_many && !matches!(errno, libc::ENODEV | libc::ETIMEDOUT) =>
            {
                self.send_singly(index, head);
            }
            Some(settled) => self.finish(head, settled),
            None => self.send_again(index, head),
        }
    }

    #[cold]
    fn send_again(&mut self, index: usize, head: *mut ioe_io) {
        // SAFETY: as in land(), whose reference is not used any more.
        let packet = unsafe { packet_of(head) };
        let is_trim = unit_is_trim(head);
        let Some(Some(device)) = self.devices.get_mut(index) else { return };
        if is_trim {
            let list = &mut self.flight.list;
            list.clear();
            let mut link = head;
            while !link.is_null() {
                add_range(list, device, link);
                // SAFETY: a link of the chain, which is ours.
                link = unsafe { packet_of(link) }.next;
            }
            return self.send_chain(index, head, Sending::Again);
        }
        // SAFETY: as for the first time, in submit(): the request was not handed back.
        let sent =
            device.lane().map_or(Err(libc::EAGAIN), |lane| unsafe { lane.submit(head, packet) });
        if let Err(errno) = sent {
            packet.call_errno = errno;
            self.finish(head, Err((errno, 0)));
        }
    }

    /// All requests of a command have ended as it did.
    #[inline]
    fn finish(&mut self, head: *mut ioe_io, settled: Settled) {
        let mut link = head;
        while !link.is_null() {
            // SAFETY: the chain is ours: each of its links is looked at once, before its unit goes.
            let packet = unsafe { packet_of(link) };
            let next = std::mem::replace(&mut packet.next, null_mut());
            if link != head {
                // SAFETY: another request than `link`, still ours or, if handed back, not before
                // this callback returns.
                packet.retell(unsafe { packet_of(head) });
            }
            let mut unit = unit_of(link);
            let result = match settled {
                Ok(_) if link != head || !next.is_null() => Ok(packet.covered),
                Ok(done) => Ok(done),
                Err((errno, vendor_status)) => {
                    unit.set_vendor_status(vendor_status);
                    Err(errno)
                }
            };
            self.flight.ended.push_back((unit, result));
            self.flight.sent -= 1;
            link = next;
        }
    }

    /// Takes what has ended on a lane.
    fn collect(&mut self, index: usize, lane: usize, is_gone: bool) {
        let mut found = false;
        while let Some(lane) = lane_of(&mut self.devices, index, lane).filter(|l| !l.is_idle()) {
            match lane.collect() {
                Ok(Some((head, header))) => {
                    found = true;
                    self.land(index, head, header);
                }
                Ok(None) => break,
                Err(errno) => {
                    let Some(head) = lane.abandon() else { break };
                    // SAFETY: the driver will not tell of it any more; the request is ours.
                    unsafe { packet_of(head) }.call_errno = errno;
                    self.finish(head, Err((errno, 0)));
                }
            }
        }
        if is_gone && !found {
            std::thread::sleep(GONE_PAUSE);
        }
    }

    /// Takes what has ended on the lanes that `poll` found something on; on all, without it.
    fn collect_all(&mut self, polled: bool) {
        let mut at = 0;
        for index in 0..self.devices.len() {
            let lanes = self.devices[index].as_ref().map_or(0, |device| device.lanes.len());
            for lane in 0..lanes {
                let events = self.flight.polled[at].revents;
                at += 1;
                if !polled || events != 0 {
                    let is_gone = polled && events & (libc::POLLERR | libc::POLLHUP) != 0;
                    self.collect(index, lane, is_gone);
                }
            }
        }
    }

    pub(crate) fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.flight.hand_back(reaped);
        if reaped.count() >= wait.min {
            if reaped.room() > 0 && self.flight.sent > 0 {
                self.collect_all(false);
                self.flight.hand_back(reaped);
            }
            return Ok(());
        }
        let begin = if wait.timeout_ns > 0 { self.host.now_ns() } else { 0 };
        loop {
            let left = match wait.timeout_ns {
                ..0 => TICK,
                0 => Duration::ZERO,
                all => {
                    let passed = self.host.now_ns() - begin;
                    Duration::from_nanos(all.cast_unsigned().saturating_sub(passed))
                }
            };
            self.flight.poll(left.min(TICK))?;
            self.collect_all(true);
            self.flight.hand_back(reaped);
            // Nothing left to wait for: by the contract this cannot be, and is no reason to hang.
            let over = left.is_zero() || self.flight.sent == 0;
            if reaped.count() >= wait.min || over || self.host.take_interrupt() {
                return Ok(());
            }
        }
    }

    /// A trim that was not sent is given back; the driver has no way to take a command back.
    pub(crate) fn cancel(&mut self, io: &Request) -> Result<Cancel, Error> {
        let trims = &mut self.flight.trims;
        if let Some(at) = trims.iter().position(|unit| unit.is(io)) {
            return Ok(Cancel::Canceled(trims.swap_remove(at)));
        }
        let lanes = self.devices.iter().flatten().flat_map(|device| &device.lanes);
        let is_sent = lanes.flat_map(Lane::units).any(|head| is_in_chain(*head, io.as_ptr()));
        let is_here = self.flight.ended.iter().any(|(unit, _)| unit.is(io));
        Ok(if is_sent || is_here { Cancel::Pending } else { Cancel::Done })
    }
}

fn lane_of(devices: &mut [Option<Box<Device>>], index: usize, lane: usize) -> Option<&mut Lane> {
    devices.get_mut(index)?.as_mut()?.lanes.get_mut(lane)
}

/// Adds a trim's range. False: it does not fit into the command.
fn add_range(list: &mut List, device: &Device, io: *mut ioe_io) -> bool {
    let block = u64::from(device.capacity.block_bytes);
    // SAFETY: a request that is ours; its offset is the host's input, which nobody writes now.
    let (offset, covered) = unsafe { ((*io).offset, packet_of(io).covered) };
    list.add(offset / block, covered / block, device.unmap)
}

fn unit_is_trim(io: *mut ioe_io) -> bool {
    // SAFETY: as in add_range().
    unsafe { (*io).op == iodyno_engine_api::abi::IOE_OP_TRIM }
}

fn links(head: *mut ioe_io) -> usize {
    let (mut count, mut link) = (0, head);
    while !link.is_null() {
        count += 1;
        // SAFETY: a link of a chain of requests that are ours.
        link = unsafe { packet_of(link) }.next;
    }
    count
}

fn is_in_chain(head: *mut ioe_io, wanted: *mut ioe_io) -> bool {
    let mut link = head;
    while !link.is_null() {
        if link == wanted {
            return true;
        }
        // SAFETY: as in links().
        link = unsafe { packet_of(link) }.next;
    }
    false
}
