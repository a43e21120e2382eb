//! For engines that stand on another engine: the other one's instance, behind a safe door.
//!
//! A wrapper has an option of type ENGINE ([`Opt::engine`](crate::Opt::engine)); in `init` it opens
//! an [`Inner`] by that option's name, and passes its callbacks on. Requests go down in shadows of
//! the host's ([`Slot`]), so that they may ask for something else than the host did, or bring data
//! of the wrapper's own. The files are the host's: their private pointer is the inner engine's.
//! An [`Inner`] is its worker's: it stays on that thread, which the compiler checks.

mod ask;
mod buffer;
mod terminator;

pub use ask::{Ask, Data, Finished, Outcome, Passed, Sent, Slot};
pub use buffer::Buffer;
pub use terminator::Terminator;

use crate::abi::*;
use crate::error::Error;
use crate::file::{Caps, File, Opened};
use crate::host::{copy_table, Host, Job, Level};
use crate::io::Io;
use crate::unit::Wait;
use crate::v1_0;
use core::ffi::{c_char, c_void, CStr};
use core::fmt;
use core::ptr::{null_mut, NonNull};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::collections::HashMap;

const ID: &CStr = c"iodyno.stack/1";
/// Alignment of a request's private memory, by the ABI.
const PRIVATE_ALIGN: usize = 64;
const DETAILS_BYTES: usize = 512;

struct Shadow {
    io: NonNull<ioe_io>,
    /// In the inner engine's hands, and its data with it.
    flying: bool,
    data: Data,
}

/// An instance of the engine that an option names.
pub struct Inner {
    ops: ioe_ops,
    queue: unsafe extern "C" fn(*mut c_void, *mut ioe_io) -> i32,
    inst: *mut c_void,
    host: Host,
    caps: ioe_caps,
    /// By their number in the job.
    files: Vec<*mut ioe_file>,
    shadows: Vec<Shadow>,
    by_address: HashMap<usize, Slot>,
    flying: u32,
    out: Vec<*mut ioe_io>,
    terminator: Terminator,
    freed: bool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("name", &self.name()).field("flying", &self.flying).finish()
    }
}

impl Inner {
    /// Makes an instance of the engine that option `option` names; only in `init`. Its job is this
    /// one, with its own options as the job gives them.
    pub fn open(host: &Host, job: &Job, option: &str) -> Result<Inner, Error> {
        let none = |words: &str| Error::new(libc::EINVAL, format!("option {option}: {words}"));
        let index = job.option_index(option).ok_or_else(|| none("the engine has none of it"))?;
        let table = host.extension(ID).ok_or_else(|| {
            Error::new(libc::ENOTSUP, "this host has no iodyno.stack/1: no engine over another one")
        })?;
        // SAFETY: the host's table of exactly this id and revision begins with its size; zeroes are
        // a value of it.
        let table: ioe_stack_1 = unsafe { copy_table(table.as_ptr().cast::<ioe_stack_1>()) };
        let (Some(ops), Some(inner_job)) = (table.ops, table.job) else {
            return Err(none("the host's iodyno.stack/1 lacks a function"));
        };
        // SAFETY: functions of that table, the host's ctx, during init.
        let (ops, inner_job) =
            unsafe { (ops(host.ctx(), index as u32), inner_job(host.ctx(), index as u32)) };
        // SAFETY: null is tested first; a table begins with its size.
        if ops.is_null() || inner_job.is_null() || unsafe { (*ops).struct_size } < v1_0::OPS {
            return Err(none("no engine is there; it names one, such as psync"));
        }
        // SAFETY: a whole table of 1.0 or later, as just tested.
        Inner::make(host, unsafe { copy_table(ops) }, inner_job)
    }

    fn make(host: &Host, ops: ioe_ops, job: *const ioe_job) -> Result<Inner, Error> {
        let queue = ops.queue.ok_or_else(|| Error::new(libc::ENOSYS, "no queue handler"))?;
        let struct_size = size_of::<ioe_caps>() as u32;
        let flags = ops.flags;
        // SAFETY: integers: zeroes are a value, and mean that nothing is known.
        let caps = ioe_caps { struct_size, flags, ..unsafe { core::mem::zeroed() } };
        let mut inst = null_mut();
        if let Some(init) = ops.init {
            // SAFETY: a function of the table that the host checked; its own table, which is good
            // until the process ends, and the job that belongs to this engine.
            told(unsafe { init(host.as_ptr(), job, &mut inst) })?;
        }
        let mut inner = Inner {
            ops,
            queue,
            inst,
            host: host.clone(),
            caps,
            files: Vec::new(),
            shadows: Vec::new(),
            by_address: HashMap::new(),
            flying: 0,
            out: Vec::new(),
            terminator: Terminator::new(),
            freed: false,
        };
        if let Some(get_caps) = inner.ops.get_caps {
            // SAFETY: own instance, and a whole struct whose size stands in it.
            told(unsafe { get_caps(inner.inst, &mut inner.caps) })?;
        }
        if inner.caps.flags & IOE_F_MUST_MEM != 0 {
            let name = inner.name().to_string_lossy().into_owned();
            let words = format!(
                "engine {name} works in memory of its own alone: nothing can \
                                 stand over it"
            );
            return Err(Error::new(libc::ENOTSUP, words));
        }
        if let Some(terminate) = inner.ops.terminate {
            // SAFETY: the instance's own; `drop` disarms before it cleans up.
            unsafe { inner.terminator.arm(terminate, inner.inst) };
        }
        Ok(inner)
    }

    /// The engine's name.
    pub fn name(&self) -> &CStr {
        // SAFETY: the host checked that the table has a name, a C string that lives for ever.
        unsafe { CStr::from_ptr(self.ops.name) }
    }

    /// The instance's `IOE_F_*`.
    pub fn flags(&self) -> u64 {
        self.caps.flags
    }

    /// Says the same of the wrapper, but for flags about when and how the inner engine's own
    /// requests are stamped and answered.
    pub fn report(&self, caps: &mut Caps<'_>) {
        caps.set_flags(self.caps.flags & !(IOE_F_SYNC | IOE_F_SETS_ISSUE | IOE_F_MUST_MEM));
        caps.set_max_depth(self.caps.max_depth);
        caps.set_ops(self.caps.ops);
        caps.set_max_transfer(self.caps.max_transfer);
        caps.set_mem_align(self.caps.mem_align);
    }

    /// To pass a `terminate` on: [`Host::on_terminate`].
    pub fn terminator(&self) -> Terminator {
        self.terminator.clone()
    }

    /// Passes `open_file` on.
    pub fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let raw = self.note(file);
        let Some(open) = self.ops.open_file else { return Ok(Opened::ByHost) };
        // SAFETY: own instance; a file that the host lends to this very callback of the wrapper's.
        match told(unsafe { open(self.inst, raw) })? {
            IOE_OPENED => Ok(Opened::ByEngine),
            _ => Ok(Opened::ByHost),
        }
    }

    /// Passes `close_file` on.
    pub fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let raw = self.note(file);
        let Some(close) = self.ops.close_file else { return Ok(()) };
        // SAFETY: as in open_file().
        told(unsafe { close(self.inst, raw) }).map(drop)
    }

    /// Passes `get_file_size` on. False: the inner engine has none, and the file is as it was.
    pub fn get_file_size(&mut self, file: &mut File<'_>) -> Result<bool, Error> {
        let raw = self.note(file);
        let Some(get) = self.ops.get_file_size else { return Ok(false) };
        // SAFETY: as in open_file().
        told(unsafe { get(self.inst, raw) }).map(|_| true)
    }

    /// Remembers where the file is: by the ABI its entry stays there until `cleanup`, which is when
    /// the engine drops this.
    fn note(&mut self, file: &mut File<'_>) -> *mut ioe_file {
        let (index, raw) = (file.index() as usize, file.as_ptr());
        if self.files.len() <= index {
            self.files.resize(index + 1, null_mut());
        }
        self.files[index] = raw;
        raw
    }

    /// A new shadow; before [`Inner::start`].
    pub fn slot(&mut self) -> Result<Slot, Error> {
        let size = self.ops.io_private_size as usize;
        let engine_data = match Layout::from_size_align(size, PRIVATE_ALIGN) {
            // SAFETY: the size is not zero.
            Ok(layout) if size > 0 => unsafe { alloc_zeroed(layout) },
            _ => null_mut(),
        };
        if size > 0 && engine_data.is_null() {
            return Err(Error::from_errno(libc::ENOMEM));
        }
        let file = self.files.first().copied().unwrap_or(null_mut());
        let slot = Slot(self.shadows.len() as u32);
        let io = Box::into_raw(Box::new(ioe_io {
            struct_size: size_of::<ioe_io>() as u32,
            op: 0,
            flags: 0,
            offset: 0,
            len: 0,
            buf: null_mut(),
            file,
            buf_index: u32::MAX,
            ioprio: 0,
            resid: 0,
            issue_ns: 0,
            error: 0,
            vendor_status: 0,
            host_cookie: u64::from(slot.0),
            engine_data: engine_data.cast(),
        }));
        // SAFETY: a box is never null.
        let io = unsafe { NonNull::new_unchecked(io) };
        self.shadows.push(Shadow { io, flying: false, data: Data::None });
        self.by_address.insert(io.as_ptr() as usize, slot);
        if let Some(io_init) = self.ops.io_init {
            // SAFETY: own instance; the shadow stays where it is until the inner cleanup.
            told(unsafe { io_init(self.inst, io.as_ptr()) })?;
        }
        Ok(slot)
    }

    /// Passes the end of all shadows on; to be called in `io_free`, once or more often.
    pub fn free_slots(&mut self) {
        if self.freed || self.flying > 0 {
            return;
        }
        self.freed = true;
        if let Some(io_free) = self.ops.io_free {
            // SAFETY: own instance, each shadow once, none of them in flight.
            self.shadows
                .iter()
                .for_each(|shadow| unsafe { io_free(self.inst, shadow.io.as_ptr()) });
        }
    }

    /// Passes `start` on.
    pub fn start(&mut self) -> Result<(), Error> {
        let Some(start) = self.ops.start else { return Ok(()) };
        // SAFETY: own instance.
        told(unsafe { start(self.inst) }).map(drop)
    }

    /// Passes a request of the host's on, with its own buffer, as `ask` changes it. A slot carries
    /// one request at a time.
    #[inline]
    pub fn pass<'a>(&mut self, slot: Slot, ask: Ask, io: Io<'a>) -> Passed<'a> {
        if ask.has_data() && ask.len > io.len() {
            return Passed::Refused(io.refuse(libc::EINVAL));
        }
        match self.offer(slot, ask, io.buf_ptr()) {
            Offered::Done(outcome) => Passed::Done(io, outcome),
            Offered::Busy => Passed::Busy(io.busy()),
            Offered::Refused(errno) => Passed::Refused(io.refuse(errno)),
            Offered::Queued => {
                let (unit, answer) = io.keep();
                self.shadows[slot.0 as usize].data = Data::Unit(unit);
                Passed::Queued(answer)
            }
        }
    }

    /// Sends a request of the wrapper's own, or one that it has kept.
    pub fn send(&mut self, slot: Slot, ask: Ask, mut data: Data) -> Sent {
        let (buf, room) = match &mut data {
            Data::None => (null_mut(), 0),
            Data::Own(buffer) => (buffer.as_mut_ptr(), buffer.len() as u64),
            Data::Unit(unit) => (unit.buf_ptr(), unit.len()),
        };
        if ask.has_data() && ask.len > room {
            return Sent::Refused(libc::EINVAL, data);
        }
        match self.offer(slot, ask, buf) {
            Offered::Done(outcome) => Sent::Done(outcome, data),
            Offered::Busy => Sent::Busy(data),
            Offered::Refused(errno) => Sent::Refused(errno, data),
            Offered::Queued => {
                self.shadows[slot.0 as usize].data = data;
                Sent::Queued
            }
        }
    }

    /// Prepares and queues. Who calls it holds the buffer, and on Queued puts it into the shadow.
    #[inline]
    fn offer(&mut self, slot: Slot, ask: Ask, buf: *mut u8) -> Offered {
        let Some(shadow) = self.shadows.get(slot.0 as usize) else {
            return Offered::Refused(libc::EINVAL);
        };
        let file = match ask.file {
            None => Some(null_mut()),
            Some(index) => self.files.get(index as usize).copied().filter(|file| !file.is_null()),
        };
        let (Some(file), false, false) = (file, shadow.flying, self.freed) else {
            return Offered::Refused(libc::EINVAL);
        };
        let io = shadow.io.as_ptr();
        // SAFETY: a live shadow that is not in flight (just tested), so it is ours to write.
        unsafe {
            ((*io).op, (*io).flags, (*io).offset, (*io).len) =
                (ask.op, ask.flags, ask.offset, ask.len);
            ((*io).buf, (*io).file, (*io).ioprio) = (buf.cast(), file, ask.ioprio);
            ((*io).resid, (*io).issue_ns, (*io).error, (*io).vendor_status) = (0, 0, 0, 0);
        }
        if let Some(prep) = self.ops.prep {
            // SAFETY: own instance and a live shadow, which is ours at this moment.
            let status = unsafe { prep(self.inst, io) };
            if status < 0 {
                return Offered::Refused(-status);
            }
        }
        // SAFETY: own instance and a live shadow. Its buffer has `len` bytes (the callers test it)
        // and stays with the caller during the call, with the shadow after Queued, until `reap`.
        match unsafe { (self.queue)(self.inst, io) } {
            IOE_Q_COMPLETED => Offered::Done(self.outcome(slot)),
            IOE_Q_QUEUED => {
                self.shadows[slot.0 as usize].flying = true;
                self.flying += 1;
                Offered::Queued
            }
            IOE_Q_BUSY => Offered::Busy,
            status => {
                Offered::Refused(if status < 0 { status.saturating_neg() } else { libc::EIO })
            }
        }
    }

    fn outcome(&self, slot: Slot) -> Outcome {
        let io = self.shadows[slot.0 as usize].io.as_ptr();
        // SAFETY: a live shadow that is not in flight: its one reader is this thread.
        let (error, len, resid, vendor_status) =
            unsafe { ((*io).error, (*io).len, (*io).resid, (*io).vendor_status) };
        let result = if error > 0 { Err(error) } else { Ok(len.saturating_sub(resid)) };
        Outcome { result, vendor_status }
    }

    /// Requests that are in the inner engine's hands.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.flying
    }

    /// Passes `commit` on.
    #[inline]
    pub fn commit(&mut self) -> Result<(), Error> {
        let Some(commit) = self.ops.commit else { return Ok(()) };
        // SAFETY: own instance.
        told(unsafe { commit(self.inst) }).map(drop)
    }

    /// Takes back what has ended. Asks for no more than there is in flight.
    pub fn reap(&mut self, wait: Wait, ended: &mut Vec<Finished>) -> Result<(), Error> {
        let max = wait.max.min(self.flying);
        let Some(getevents) = self.ops.getevents.filter(|_| max > 0) else { return Ok(()) };
        self.out.resize(max as usize, null_mut());
        let (min, out) = (wait.min.min(max), self.out.as_mut_ptr());
        // SAFETY: own instance; `out` has room for `max` (just made).
        let n = told(unsafe { getevents(self.inst, min, max, wait.timeout_ns, out) })? as usize;
        let broken = || Error::new(libc::EIO, "the inner engine hands back what it was not given");
        for at in 0..n.min(self.out.len()) {
            let slot = *self.by_address.get(&(self.out[at] as usize)).ok_or_else(broken)?;
            let shadow = &mut self.shadows[slot.0 as usize];
            if !shadow.flying {
                return Err(broken());
            }
            shadow.flying = false;
            self.flying -= 1;
            let data = core::mem::replace(&mut shadow.data, Data::None);
            ended.push(Finished { slot, outcome: self.outcome(slot), data });
        }
        Ok(())
    }

    /// Sends a request and waits for it; what else comes back meanwhile goes into `others`.
    pub fn run(
        &mut self,
        slot: Slot,
        ask: Ask,
        data: Data,
        others: &mut Vec<Finished>,
    ) -> (Outcome, Data) {
        let failed = |errno| Outcome { result: Err(errno), vendor_status: 0 };
        let mut data = data;
        loop {
            match self.send(slot, ask, data) {
                Sent::Done(outcome, data) => return (outcome, data),
                Sent::Refused(errno, data) => return (failed(errno), data),
                Sent::Queued => break,
                Sent::Busy(back) => {
                    data = back;
                    let reaped = self.commit().and_then(|()| self.reap_some(others));
                    match reaped {
                        Ok(()) if self.flying > 0 || !others.is_empty() => {}
                        Ok(()) => return (failed(libc::EBUSY), data),
                        Err(error) => return (failed(error.errno()), data),
                    }
                }
            }
        }
        // A commit that fails hands its requests back with their errors.
        let mut worst = self.commit().err();
        loop {
            if let Some(at) = others.iter().position(|finished| finished.slot == slot) {
                let Finished { outcome, data, .. } = others.swap_remove(at);
                return (outcome, data);
            }
            if let Err(error) = self.reap_some(others) {
                // The engine still has the request; so its data stays with the shadow, for ever.
                let errno = worst.take().map_or(error.errno(), |error| error.errno());
                return (failed(errno), Data::None);
            }
        }
    }

    fn reap_some(&mut self, others: &mut Vec<Finished>) -> Result<(), Error> {
        let wait = Wait { min: 1, max: self.flying, timeout_ns: -1 };
        self.reap(wait, others)
    }

    /// The inner engine's words about how the last request of a slot ended.
    pub fn errdetails(&mut self, slot: Slot) -> Option<String> {
        let errdetails = self.ops.errdetails?;
        let shadow = self.shadows.get(slot.0 as usize).filter(|shadow| !shadow.flying)?;
        let mut buf = [0 as c_char; DETAILS_BYTES];
        // SAFETY: own instance, a shadow that was handed back, and room but for the last byte.
        let status = unsafe {
            errdetails(self.inst, shadow.io.as_ptr(), buf.as_mut_ptr(), DETAILS_BYTES - 1)
        };
        buf[DETAILS_BYTES - 1] = 0;
        // SAFETY: the last byte was just made a terminator.
        let text = unsafe { CStr::from_ptr(buf.as_ptr()) }.to_string_lossy().into_owned();
        (status >= 0 && !text.is_empty()).then_some(text)
    }
}

enum Offered {
    Done(Outcome),
    Queued,
    Busy,
    Refused(i32),
}

/// A status of the inner engine's. Its words, where it left any, are with the host already, under
/// the same errno: none are added.
fn told(status: ioe_status) -> Result<i32, Error> {
    if status >= 0 {
        return Ok(status);
    }
    Err(Error::from_errno(status.saturating_neg()))
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.terminator.disarm();
        if self.flying > 0 {
            // The engine may still write there: instance, shadows and buffers stay.
            core::mem::take(&mut self.shadows).into_iter().for_each(core::mem::forget);
            self.host.log(Level::Warn, "an inner engine was left with requests");
            return;
        }
        self.free_slots();
        if let Some(cleanup) = self.ops.cleanup {
            // SAFETY: own instance, nothing in flight, for the last time.
            unsafe { cleanup(self.inst) };
        }
        for shadow in &self.shadows {
            // SAFETY: `slot` boxed the request and allocated so many private bytes for it; the
            // instance, which knew both, is gone.
            unsafe {
                let private = (*shadow.io.as_ptr()).engine_data.cast::<u8>();
                let size = self.ops.io_private_size as usize;
                if let Ok(layout) = Layout::from_size_align(size, PRIVATE_ALIGN) {
                    if size > 0 && !private.is_null() {
                        dealloc(private, layout);
                    }
                }
                drop(Box::from_raw(shadow.io.as_ptr()));
            }
        }
    }
}
