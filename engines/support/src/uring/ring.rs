//! One ring: its memory shared with the kernel, its entries, its system calls.
//!
//! Used by engines for every request, so: no allocation, no lock, and a look at memory that the
//! kernel writes only where the answer may have changed. Knows entries and their `user_data`, not
//! what they mean. One thread uses a ring, the one that made it: newer kernels insist on that.

use super::kernel::*;
use crate::errno::{self, Errno};
use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{null, null_mut, NonNull};
use std::sync::atomic::{fence, AtomicU32, Ordering};
use std::sync::Arc;

/// When the kernel does the work that a completion needs in the task that owns the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRun {
    /// As late as the kernel can: the best of the following that it has.
    Auto,
    /// When completions are waited for (DEFER_TASKRUN).
    Defer,
    /// At the task's next system call (COOP_TASKRUN).
    Coop,
    /// At once, by an interruption of the task.
    Plain,
}

/// What a ring is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Room for so many at least.
    pub entries: u32,
    /// The kernel finds completions by asking the device.
    pub iopoll: bool,
    /// A kernel thread submits; on this processor.
    pub sqpoll: Option<Option<u32>>,
    /// When completions are worked on.
    pub task_run: TaskRun,
    /// Descriptor of a ring whose back end is to be shared.
    pub attach: Option<i32>,
}

/// Why there is no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRing {
    /// The kernel refuses, with this errno.
    Setup(Errno),
    /// The kernel's rings lack what Linux 5.11 brought.
    TooOld,
    /// The ring's memory cannot be mapped.
    Map(Errno),
}

/// A form of submission entry.
///
/// # Safety
/// An entry has the size that `SETUP` gives those of a ring (64 bytes, 128 with SQE128), and the
/// kernel finds in its bytes what [`Sqe`] says of the first 64.
pub unsafe trait Submission: Copy {
    /// Flags for `io_uring_setup`.
    const SETUP: u32;
    /// An entry that is no more than this.
    fn plain(sqe: Sqe) -> Self;
    /// What its completion will be known by.
    fn user_data(&self) -> u64;
}

/// A form of completion entry.
///
/// # Safety
/// An entry has the size that `SETUP` gives those of a ring (16 bytes, 32 with CQE32), begins as
/// [`Cqe`] does, and any bytes are one.
pub unsafe trait Completion: Copy {
    /// Flags for `io_uring_setup`.
    const SETUP: u32;
    /// What the entry that it completes was given.
    fn user_data(&self) -> u64;
}

// SAFETY: 64 bytes, without a flag; itself.
unsafe impl Submission for Sqe {
    const SETUP: u32 = 0;

    #[inline(always)]
    fn plain(sqe: Sqe) -> Sqe {
        sqe
    }

    #[inline(always)]
    fn user_data(&self) -> u64 {
        self.user_data
    }
}

// SAFETY: 16 bytes, without a flag; numbers alone.
unsafe impl Completion for Cqe {
    const SETUP: u32 = 0;

    #[inline(always)]
    fn user_data(&self) -> u64 {
        self.user_data
    }
}

/// Memory of a ring.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(fd: &OwnedFd, len: usize, offset: i64) -> Result<Mapping, NoRing> {
        let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(null_mut(), len, prot, flags | libc::MAP_POPULATE, fd.as_raw_fd(), offset)
        };
        if start == libc::MAP_FAILED {
            return Err(NoRing::Map(errno::last()));
        }
        NonNull::new(start.cast())
            .map_or(Err(NoRing::Map(libc::ENOMEM)), |start| Ok(Mapping { start, len }))
    }

    /// The place `offset` bytes from the start, where `bytes` bytes are used.
    fn at<T>(&self, offset: u32, bytes: usize) -> Result<NonNull<T>, NoRing> {
        let fits = (offset as usize).checked_add(bytes).is_some_and(|end| end <= self.len);
        if !fits || !(offset as usize).is_multiple_of(align_of::<T>()) {
            return Err(NoRing::TooOld);
        }
        // SAFETY: the place lies inside the mapping and is aligned in it, as just tested; mappings
        // begin at a page.
        Ok(unsafe { self.start.add(offset as usize) }.cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mmap() gave it, with this length; the ring that pointed into it is gone.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A ring, with entries of these forms.
#[derive(Debug)]
pub struct Ring<S = Sqe, C = Cqe> {
    /// Next submission entry to be written; grows for ever, as all counters here.
    tail: u32,
    /// Entries that the kernel may take.
    committed: u32,
    /// Entries that the kernel has taken.
    submitted: u32,
    /// The kernel's head as last seen: entries before it may be written over.
    head_seen: u32,
    sq_mask: u32,
    sqes: NonNull<S>,
    /// Next completion to be read.
    cq_next: u32,
    cq_tail_seen: u32,
    cq_mask: u32,
    cqes: NonNull<C>,
    sq_head: NonNull<AtomicU32>,
    sq_tail: NonNull<AtomicU32>,
    sq_flags: NonNull<AtomicU32>,
    cq_head: NonNull<AtomicU32>,
    cq_tail: NonNull<AtomicU32>,
    sqpoll: bool,
    /// Completions are found by asking the device, in this thread's system calls.
    polls: bool,
    /// What `io_uring_enter` is called with: the descriptor, or its place among registered ones.
    enter_fd: i32,
    enter_flags: u32,
    _rings: Mapping,
    _entries: Mapping,
    fd: Arc<OwnedFd>,
}

/// The kernel's flags for a wish, best first.
fn ladder(wish: &Wish, mut base: u32) -> Vec<u32> {
    let defer = SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG;
    let coop = SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG;
    let task_run: &[u32] = match (wish.sqpoll, wish.task_run) {
        (Some(_), _) => &[SETUP_SINGLE_ISSUER, 0],
        (None, TaskRun::Auto) => &[defer, SETUP_SINGLE_ISSUER | coop, coop, 0],
        (None, TaskRun::Defer) => &[defer],
        (None, TaskRun::Coop) => &[SETUP_SINGLE_ISSUER | coop, coop],
        (None, TaskRun::Plain) => &[0],
    };
    if wish.iopoll {
        base |= SETUP_IOPOLL;
    }
    match wish.sqpoll {
        Some(Some(_)) => base |= SETUP_SQPOLL | SETUP_SQ_AFF,
        Some(None) => base |= SETUP_SQPOLL,
        None => {}
    }
    if wish.attach.is_some() {
        base |= SETUP_ATTACH_WQ;
    }
    let newer = [SETUP_SUBMIT_ALL | SETUP_NO_SQARRAY, SETUP_SUBMIT_ALL, 0];
    task_run.iter().flat_map(|run| newer.map(|more| base | run | more)).collect()
}

fn set_up(wish: &Wish, forms: u32) -> Result<(OwnedFd, Params), NoRing> {
    for flags in ladder(wish, forms) {
        let mut params = Params { flags, ..Params::default() };
        params.sq_thread_cpu = wish.sqpoll.flatten().unwrap_or(0);
        params.wq_fd = wish.attach.unwrap_or(0) as u32;
        match setup(wish.entries, &mut params) {
            Ok(fd) => return Ok((fd, params)),
            Err(libc::EINVAL) => {} // a flag that this kernel does not know: ask for less
            Err(errno) => return Err(NoRing::Setup(errno)),
        }
    }
    Err(NoRing::Setup(libc::EINVAL))
}

impl<S: Submission, C: Completion> Ring<S, C> {
    /// Makes a ring.
    pub fn new(wish: &Wish) -> Result<Ring<S, C>, NoRing> {
        const NEEDED: u32 = FEAT_SINGLE_MMAP | FEAT_NODROP | FEAT_SUBMIT_STABLE | FEAT_EXT_ARG;
        let (fd, p) = set_up(wish, S::SETUP | C::SETUP)?;
        if p.features & NEEDED != NEEDED {
            return Err(NoRing::TooOld);
        }
        let (sq_count, cq_count) = (p.sq_entries as usize, p.cq_entries as usize);
        let cqes_end = p.cq_off.cqes as usize + cq_count * size_of::<C>();
        let array_end = p.sq_off.array as usize + sq_count * size_of::<u32>();
        let rings = Mapping::new(&fd, cqes_end.max(array_end), OFF_SQ_RING)?;
        let entries = Mapping::new(&fd, sq_count * size_of::<S>(), OFF_SQES)?;
        if p.flags & SETUP_NO_SQARRAY == 0 {
            let array = rings.at::<u32>(p.sq_off.array, sq_count * size_of::<u32>())?;
            for i in 0..sq_count {
                // SAFETY: at() found room for so many, and the kernel reads the array only when it
                // is told of entries, which is never yet.
                unsafe { array.add(i).write(i as u32) };
            }
        }
        let mut ring = Ring {
            tail: 0,
            committed: 0,
            submitted: 0,
            head_seen: 0,
            sq_mask: p.sq_entries - 1,
            sqes: entries.at(0, sq_count * size_of::<S>())?,
            cq_next: 0,
            cq_tail_seen: 0,
            cq_mask: p.cq_entries - 1,
            cqes: rings.at(p.cq_off.cqes, cq_count * size_of::<C>())?,
            sq_head: rings.at(p.sq_off.head, 4)?,
            sq_tail: rings.at(p.sq_off.tail, 4)?,
            sq_flags: rings.at(p.sq_off.flags, 4)?,
            cq_head: rings.at(p.cq_off.head, 4)?,
            cq_tail: rings.at(p.cq_off.tail, 4)?,
            sqpoll: wish.sqpoll.is_some(),
            polls: wish.iopoll && wish.sqpoll.is_none(),
            enter_fd: fd.as_raw_fd(),
            enter_flags: 0,
            _rings: rings,
            _entries: entries,
            fd: Arc::new(fd),
        };
        ring.register_itself();
        Ok(ring)
    }

    /// The ring's descriptor, for those who share its back end.
    pub fn descriptor(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    /// Saves the kernel the look-up of the descriptor in each call. A kernel that cannot (before
    /// Linux 5.18; more than 16 rings of one thread) costs what it cost before.
    fn register_itself(&mut self) {
        let mut own = Update { offset: u32::MAX, resv: 0, data: self.enter_fd as u64 };
        // SAFETY: one Update, which the kernel reads and writes during the call.
        let done = unsafe { register(self.enter_fd, REGISTER_RING_FDS, (&raw mut own).cast(), 1) };
        if let (Ok(1), Ok(place)) = (done, i32::try_from(own.offset)) {
            (self.enter_fd, self.enter_flags) = (place, ENTER_REGISTERED_RING);
        }
    }

    /// `io_uring_register` on this ring.
    ///
    /// # Safety
    /// As for [`register`].
    pub unsafe fn register(&self, opcode: u32, arg: *const c_void, n: u32) -> Result<u32, Errno> {
        // SAFETY: passed on to the caller.
        unsafe { register(self.fd.as_raw_fd(), opcode, arg, n) }
    }

    #[inline(always)]
    fn word(&self, place: NonNull<AtomicU32>) -> &AtomicU32 {
        // SAFETY: Mapping::at() found each of these places inside the rings' mapping and aligned;
        // the mapping lives as long as `self`, and kernel and process write there atomically.
        unsafe { place.as_ref() }
    }

    /// Whether another entry can be pushed.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        if self.tail.wrapping_sub(self.head_seen) <= self.sq_mask {
            return true;
        }
        self.head_seen = self.word(self.sq_head).load(Ordering::Acquire);
        self.tail.wrapping_sub(self.head_seen) <= self.sq_mask
    }

    /// Writes an entry; only with room. The kernel does not see it before a submit.
    ///
    /// # Safety
    /// What the entry points to is good until its completion was read, or it was taken back.
    #[inline(always)]
    pub unsafe fn push(&mut self, sqe: S) {
        debug_assert!(self.tail.wrapping_sub(self.head_seen) <= self.sq_mask);
        // SAFETY: masked, so inside the array; has_room() was asked, so that the kernel has read
        // what stood there before.
        unsafe { self.sqes.add((self.tail & self.sq_mask) as usize).write(sqe) };
        self.tail = self.tail.wrapping_add(1);
    }

    /// Entries that the kernel may take and has not taken yet.
    #[inline]
    pub fn unsubmitted(&self) -> u32 {
        self.committed.wrapping_sub(self.submitted)
    }

    /// Whether there are entries that the kernel may not take before the next `submit`.
    #[inline]
    pub fn has_uncommitted(&self) -> bool {
        self.tail != self.committed
    }

    /// The youngest entry that the kernel has not taken is taken back: its `user_data`.
    pub fn take_back(&mut self) -> Option<u64> {
        if self.tail == self.submitted {
            return None;
        }
        if !self.has_uncommitted() {
            self.committed = self.committed.wrapping_sub(1);
            self.word(self.sq_tail).store(self.committed, Ordering::Release);
        }
        self.tail = self.tail.wrapping_sub(1);
        // SAFETY: as in push(); by push() it was written, and the kernel is not told of it.
        Some(unsafe { self.sqes.add((self.tail & self.sq_mask) as usize).read() }.user_data())
    }

    /// Shows the kernel what it may take. With a kernel thread that submits, that is all there is
    /// to it, unless it sleeps: answers the flag that wakes it.
    #[inline]
    fn publish(&mut self) -> u32 {
        self.word(self.sq_tail).store(self.committed, Ordering::Release);
        if !self.sqpoll {
            return 0;
        }
        self.submitted = self.committed;
        // The thread says that it sleeps, then looks at the tail; here it is the other way round.
        fence(Ordering::SeqCst);
        match self.word(self.sq_flags).load(Ordering::Relaxed) & SQ_NEED_WAKEUP {
            0 => 0,
            _ => ENTER_SQ_WAKEUP,
        }
    }

    /// The kernel may take all entries, with the next call that hands some over.
    #[inline]
    pub fn commit(&mut self) {
        self.committed = self.tail;
    }

    /// Hands all entries to the kernel. On an error, EAGAIN and EBUSY included, some are left.
    #[inline]
    pub fn submit(&mut self) -> Result<(), Errno> {
        self.commit();
        while self.unsubmitted() > 0 {
            let flags = self.publish();
            if self.sqpoll && flags == 0 {
                return Ok(());
            }
            match self.enter(0, flags, null(), 0) {
                Ok(0) if !self.sqpoll => return Err(libc::EAGAIN),
                Ok(_) | Err(libc::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Hands the kernel what it may take and left, lets it do what it put off, and waits until
    /// `min` completions lie ready or the time is over. May return before: the caller looks for
    /// itself.
    pub fn wait(&mut self, min: u32, limit: Option<Timespec>) -> Result<(), Errno> {
        let flags = self.publish() | ENTER_GETEVENTS;
        let answer = match limit {
            None => self.enter(min, flags, null(), 0),
            Some(limit) => {
                let ts = (&raw const limit) as u64;
                let arg = GeteventsArg { sigmask: 0, sigmask_sz: 0, pad: 0, ts };
                let size = size_of::<GeteventsArg>();
                self.enter(min, flags | ENTER_EXT_ARG, (&raw const arg).cast(), size)
            }
        };
        match answer {
            Ok(_) | Err(libc::EINTR | libc::ETIME) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// As `wait`, without handing over entries: for when the kernel is short of something.
    pub fn wait_only(&mut self, limit: Timespec) {
        let ts = (&raw const limit) as u64;
        let arg = GeteventsArg { sigmask: 0, sigmask_sz: 0, pad: 0, ts };
        let (flags, min) = (ENTER_GETEVENTS | ENTER_EXT_ARG | self.enter_flags, 1);
        let (fd, size) = (self.enter_fd, size_of::<GeteventsArg>());
        // SAFETY: nothing is submitted; the argument is a whole GeteventsArg. That it ended early,
        // for whatever reason, is seen by the caller's next look.
        let _ = unsafe { enter(fd, 0, min, flags, (&raw const arg).cast(), size) };
    }

    /// Waits until a kernel thread that submits has made room.
    pub fn wait_for_room(&mut self) {
        while !self.has_room() {
            let wake = self.publish();
            if self.enter(0, wake | ENTER_SQ_WAIT, null(), 0).is_err() {
                std::thread::yield_now();
            }
        }
    }

    #[inline]
    fn enter(
        &mut self,
        min: u32,
        flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> Result<u32, Errno> {
        let (to_submit, flags) = (self.unsubmitted(), flags | self.enter_flags);
        // SAFETY: whoever pushed the entries vouched for what they point to; `arg` comes from the
        // callers above, which name it in `flags` where it is not null.
        let took = unsafe { enter(self.enter_fd, to_submit, min, flags, arg, size) }?;
        self.submitted = self.submitted.wrapping_add(took.min(to_submit));
        Ok(took)
    }

    /// Whether a completion may come to light by asking the kernel: it has put work off, or it asks
    /// the device only when told to.
    #[inline]
    pub fn should_ask(&self) -> bool {
        self.polls
            || self.unsubmitted() > 0
            || self.word(self.sq_flags).load(Ordering::Relaxed) & SQ_TASKRUN != 0
    }

    /// Whether waiting is asking again and again.
    pub fn polls(&self) -> bool {
        self.polls
    }

    /// The next completion.
    #[inline]
    pub fn take(&mut self) -> Option<C> {
        if self.cq_next == self.cq_tail_seen {
            self.cq_tail_seen = self.word(self.cq_tail).load(Ordering::Acquire);
            if self.cq_next == self.cq_tail_seen {
                return None;
            }
        }
        // SAFETY: masked, so inside the array; the kernel's tail, read with Acquire, says that the
        // entry is written, and it stays so until release().
        let cqe = unsafe { self.cqes.add((self.cq_next & self.cq_mask) as usize).read() };
        self.cq_next = self.cq_next.wrapping_add(1);
        Some(cqe)
    }

    /// The kernel may write over what `take` gave.
    #[inline]
    pub fn release(&mut self) {
        self.word(self.cq_head).store(self.cq_next, Ordering::Release);
    }
}

impl<S, C> Drop for Ring<S, C> {
    fn drop(&mut self) {
        if self.enter_flags & ENTER_REGISTERED_RING != 0 {
            let own = Update { offset: self.enter_fd as u32, resv: 0, data: 0 };
            let (fd, n) = (self.fd.as_raw_fd(), 1);
            // SAFETY: one Update, read during the call. What it answers changes nothing: the
            // thread's end would take the registration back as well.
            let _ = unsafe { register(fd, UNREGISTER_RING_FDS, (&raw const own).cast(), n) };
        }
    }
}
