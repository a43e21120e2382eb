//! Requests in flight on a ring: submitting, waiting, waking, failing.
//!
//! An engine has a [`Core`] and says by [`OnRing`] what a completion means; the rest of the
//! contract's callbacks are here. The ring has room for all that may be in flight, and completions
//! for twice as many, so none can get lost; what the kernel is short of for a while is tried again
//! in the next wait. Must not allocate or lock between start and end.

use super::buffers::Buffers;
use super::files::{Files, Registering};
use super::kernel::{SyncCancel, Timespec, REGISTER_SYNC_CANCEL};
use super::ring::{Completion, Ring, Submission};
use super::wake::{Wake, WAKE};
use crate::errno::Errno;
use iodyno_engine_api::abi::ioe_io;
use iodyno_engine_api::{Cancel, Engine, Error, File, Host, Reaped, Request, Unit, Wait};

/// How long a wait lasts at most where nothing can wake it, and when the kernel is short of
/// something.
const SLICE_NS: u64 = 50_000_000;
const SHORT_OF_NS: u64 = 1_000_000;

/// A ring with what is in flight on it.
#[derive(Debug)]
pub struct Core<S: Submission, C: Completion> {
    /// The ring.
    pub ring: Ring<S, C>,
    /// Requests taken and not handed back.
    pub in_flight: u32,
    /// That many at most.
    pub depth: u32,
    /// The job's files, as the ring knows them.
    pub files: Files,
    /// The buffers that the ring knows.
    pub buffers: Buffers,
    /// The host.
    pub host: Host,
    wake: Option<Wake>,
    /// A wake was seen, and the ring does not look for the next one yet.
    wake_due: bool,
    /// What ended the submitting for good.
    broken: Option<Errno>,
}

impl<S: Submission, C: Completion> Core<S, C> {
    /// On a new ring. `wakeable`: waits can be ended by the host, which a ring that polls devices
    /// has no way to notice.
    pub fn new(
        host: Host,
        ring: Ring<S, C>,
        depth: u32,
        register_files: Registering,
        wakeable: bool,
    ) -> Result<Self, Error> {
        let mut core = Core {
            ring,
            in_flight: 0,
            depth,
            files: Files::new(register_files),
            buffers: Buffers::default(),
            host,
            wake: None,
            wake_due: false,
            broken: None,
        };
        if wakeable {
            core.make_wakeable()?;
        }
        Ok(core)
    }

    fn make_wakeable(&mut self) -> Result<(), Error> {
        let failed = |errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("make an eventfd for interrupted waits: {why}"))
        };
        let wake = Wake::new().map_err(failed)?;
        self.host.on_terminate(wake.waker())?;
        // SAFETY: the entry names a descriptor and points to nothing.
        unsafe { self.ring.push(S::plain(wake.entry())) };
        self.wake = Some(wake);
        self.ring.submit().map_err(failed)
    }

    /// Whether an entry can be pushed now; `false` is answered with Busy. Where nothing is in
    /// flight that would make room, waits for it.
    #[inline(always)]
    pub fn make_room(&mut self) -> bool {
        if !self.ring.has_room() {
            if self.in_flight > 0 {
                return false;
            }
            self.ring.wait_for_room();
        }
        true
    }

    /// Queues an entry once more. What the host has not committed yet goes along: nobody will
    /// commit for this one. `false`: there is no room for it.
    ///
    /// # Safety
    /// As for [`Ring::push`].
    pub unsafe fn push_again(&mut self, entry: S) -> bool {
        if !self.ring.has_room() && (self.ring.submit().is_err() || !self.ring.has_room()) {
            return false;
        }
        // SAFETY: passed on to the caller.
        unsafe { self.ring.push(entry) };
        self.ring.commit();
        true
    }

    /// A wake was seen: the next one is to be seen, too.
    #[cold]
    fn woken(&mut self) {
        if let Some(wake) = &self.wake {
            wake.clear();
            self.wake_due = true;
        }
    }

    /// Lets the ring look for the next wake. Not while requests lie there that are not committed:
    /// the kernel takes entries in order.
    #[cold]
    fn rearm(&mut self) {
        if self.ring.has_uncommitted() || !self.ring.has_room() {
            return;
        }
        if let Some(wake) = &self.wake {
            // SAFETY: the entry names a descriptor and points to nothing.
            unsafe { self.ring.push(S::plain(wake.entry())) };
            self.ring.commit();
            self.wake_due = false;
        }
    }

    /// How long to wait at a stretch.
    fn slice(&self, left: Option<u64>) -> Option<Timespec> {
        let limit = match &self.wake {
            Some(_) if !self.wake_due => left,
            _ => Some(left.map_or(SLICE_NS, |left| left.min(SLICE_NS))),
        };
        limit.map(Timespec::from_ns)
    }
}

impl<S: Submission, C: Completion> Drop for Core<S, C> {
    fn drop(&mut self) {
        self.buffers.release(&self.ring);
    }
}

/// An engine whose requests go through a ring. Its entries' `user_data` are the requests.
pub trait OnRing: Engine {
    /// Of the ring's submissions.
    type Entry: Submission;
    /// Of the ring's completions.
    type Answer: Completion;

    /// The ring.
    fn core(&mut self) -> &mut Core<Self::Entry, Self::Answer>;

    /// A request has ended: counts it out and hands it back, or queues it once more.
    fn completed(&mut self, unit: Unit, answer: Self::Answer, reaped: &mut Reaped<'_>);

    /// Completions to wait for where so many requests are to be handed back: less where one is for
    /// several.
    #[inline(always)]
    fn completions(&self, requests: u32) -> u32 {
        requests
    }

    /// The kernel never took a request's entry, and will not: hands it back with the reason.
    #[cold]
    fn taken_back(&mut self, unit: Unit, errno: Errno, reaped: &mut Reaped<'_>) {
        self.core().in_flight -= 1;
        reaped.push(unit, Err(errno));
    }

    /// After the ring broke: what it never took goes back.
    #[cold]
    fn fail_unsubmitted(&mut self, errno: Errno, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            match self.core().ring.take_back() {
                None => return,
                Some(WAKE) => {}
                Some(unit) => {
                    // SAFETY: as in hand_back(): an entry is taken back once, and never completed.
                    let unit = unsafe { Unit::from_raw(unit as *mut ioe_io) };
                    self.taken_back(unit, errno, reaped);
                }
            }
        }
    }

    /// `Engine::CLOSE_FILE`.
    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let core = self.core();
        core.files.closed(&core.ring, file);
        Ok(())
    }

    /// `Engine::START`.
    fn start(&mut self) -> Result<(), Error> {
        let core = self.core();
        core.files.start(&core.ring).map_err(|errno| {
            let why = std::io::Error::from_raw_os_error(errno);
            Error::new(errno, format!("registerfiles: make the table: {why}"))
        })
    }

    /// `Engine::COMMIT`.
    #[inline]
    fn commit(&mut self) -> Result<(), Error> {
        let core = self.core();
        match core.ring.submit() {
            // What the kernel could not take now is offered again by each wait.
            Ok(()) | Err(libc::EAGAIN | libc::EBUSY) => Ok(()),
            Err(errno) => {
                core.broken = Some(errno);
                let why = std::io::Error::from_raw_os_error(errno);
                Err(Error::new(errno, format!("submit requests (io_uring_enter): {why}")))
            }
        }
    }

    /// `Engine::GETEVENTS`.
    #[inline]
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        self.hand_back(reaped);
        let enough = reaped.count() >= wait.min;
        if enough && (reaped.count() > 0 || !self.core().ring.should_ask()) {
            return Ok(());
        }
        self.wait_for(wait, reaped)
    }

    /// Hands back what lies ready.
    #[inline]
    fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        let mut seen = false;
        while reaped.room() > 0 {
            let Some(answer) = self.core().ring.take() else { break };
            seen = true;
            match answer.user_data() {
                WAKE => self.core().woken(),
                unit => {
                    // SAFETY: `user_data` of every entry but the wake's is a unit that was taken
                    // apart by into_raw() when the entry was pushed, and the kernel answers each
                    // entry once.
                    let unit = unsafe { Unit::from_raw(unit as *mut ioe_io) };
                    self.completed(unit, answer, reaped);
                }
            }
        }
        if seen {
            self.core().ring.release();
        }
    }

    /// Asks the kernel for what is missing, until it is there or the time is over.
    #[inline(never)]
    fn wait_for(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        let deadline = u64::try_from(wait.timeout_ns).ok().filter(|limit| *limit > 0);
        let deadline = deadline.map(|limit| self.core().host.now_ns().saturating_add(limit));
        loop {
            let core = self.core();
            if core.wake_due {
                core.rearm();
            }
            if let Some(errno) = core.broken {
                self.fail_unsubmitted(errno, reaped);
            }
            let missing = self.completions(wait.min.saturating_sub(reaped.count()));
            let core = self.core();
            let left = deadline.map(|end| end.saturating_sub(core.host.now_ns()));
            let over = wait.timeout_ns == 0 || left == Some(0);
            let asked = match missing == 0 || over || core.ring.polls() {
                true => core.ring.wait(0, None),
                false => core.ring.wait(missing, core.slice(left)),
            };
            self.hand_back(reaped);
            let core = self.core();
            match asked {
                Ok(()) => {}
                Err(libc::EAGAIN | libc::EBUSY) if !over && reaped.count() < wait.min => {
                    core.ring.wait_only(Timespec::from_ns(SHORT_OF_NS));
                    self.hand_back(reaped);
                }
                Err(libc::EAGAIN | libc::EBUSY) => {}
                Err(errno) if core.broken.is_none() => core.broken = Some(errno),
                Err(errno) if reaped.count() == 0 && core.ring.unsubmitted() == 0 => {
                    let why = std::io::Error::from_raw_os_error(errno);
                    let words = format!("wait for completions (io_uring_enter): {why}");
                    return Err(Error::new(errno, words));
                }
                Err(_) => {}
            }
            if reaped.count() >= wait.min || over || self.core().host.take_interrupt() {
                return Ok(());
            }
        }
    }

    /// `Engine::CANCEL`. Whatever the kernel makes of it, the unit comes back through the ring,
    /// with ECANCELED where it was caught.
    fn cancel(&mut self, request: &Request) -> Result<Cancel, Error> {
        let core = self.core();
        if core.in_flight == 0 {
            return Ok(Cancel::Done);
        }
        let what = SyncCancel {
            addr: request.as_ptr() as u64,
            fd: -1,
            flags: 0,
            timeout: Timespec::from_ns(0),
            pad: [0; 4],
        };
        let arg = (&raw const what).cast();
        // SAFETY: one SyncCancel, read during the call; it names the request and follows nothing.
        match unsafe { core.ring.register(REGISTER_SYNC_CANCEL, arg, 1) } {
            Err(libc::EINVAL) => {
                Err(Error::new(libc::EOPNOTSUPP, "cancelling a request needs Linux 6.0"))
            }
            _ => Ok(Cancel::Pending),
        }
    }
}
