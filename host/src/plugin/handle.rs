//! One engine instance: its callbacks are called here, and those of extensions in `extensions`.
//!
//! Made, used and ended on the worker's thread; `&mut self` keeps two callbacks of one instance
//! from ever running at once. Before each call the breadcrumb in the shared page names it, so that
//! whoever finds this process dead or stuck knows what it was at. Judges nothing that an engine
//! answers about units (that is `io`'s affair), but what is no legal status at all is told apart
//! here. After a fault the caller drops the instance with [`Instance::abandon`]: nothing is called
//! any more.

pub use super::callback::{Callback, Refusal};
use super::foreign;
use super::gate::HostTable;
use super::host_table;
use super::lent::{FileTable, JobTable};
use super::stack;
use iodyno_engine_api::abi::*;
use std::ffi::{c_char, c_void, CStr};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, TryLockError};

/// What `queue()` said of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done; `error` and `resid` say how.
    Completed,
    /// The engine owns the unit now.
    Queued,
    /// Not taken; commit, reap, offer again.
    Busy,
    /// Anything else: -errno, or no legal status at all.
    Other(i32),
}

/// A request slot as the engine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPtr(NonNull<ioe_io>);

// SAFETY: an address alone. Whoever looks behind it has been handed the unit: `io::slots` knows who
// owns it, and what hands it to another thread and back (`io::crew`) is a channel.
unsafe impl Send for UnitPtr {}

impl UnitPtr {
    /// # Safety
    /// `unit` must point to an initialised `ioe_io` that stays where it is until the instance that
    /// it is given to is cleaned up or abandoned.
    pub unsafe fn new(unit: NonNull<ioe_io>) -> Self {
        UnitPtr(unit)
    }

    /// The raw pointer.
    pub fn as_ptr(self) -> *mut ioe_io {
        self.0.as_ptr()
    }
}

/// Wakes a blocked callback from another thread, as long as the instance lives.
#[derive(Clone, Debug)]
pub struct Terminator(Arc<Mutex<Option<TerminateCall>>>);

#[derive(Debug)]
struct TerminateCall {
    terminate: unsafe extern "C" fn(*mut c_void),
    inst: *mut c_void,
}

// SAFETY: `terminate` is the one callback that the contract allows on any thread, and the mutex
// around this value keeps the instance from being cleaned up meanwhile.
unsafe impl Send for TerminateCall {}

impl Terminator {
    /// Calls `terminate`, unless the instance has none or is gone.
    pub fn terminate(&self) {
        if let Some(call) = &*self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            // SAFETY: the pointer came from the engine's checked ops table, `inst` from its init,
            // and `Instance::disarm` takes both out under this lock before cleanup is called.
            unsafe { (call.terminate)(call.inst) }
        }
    }

    /// Whether a call would do anything: the instance lives, has the callback, and is not in it.
    pub fn is_armed(&self) -> bool {
        match self.0.try_lock() {
            Ok(call) => call.is_some(),
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().is_some(),
        }
    }

    /// From now on `terminate` is not called; waits for a call that is under way.
    fn disarm(&self) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }

    /// As `disarm`, but for a call that is under way, which may never return.
    fn disarm_if_idle(&self) {
        if let Ok(mut call) = self.0.try_lock() {
            *call = None;
        }
    }
}

/// An engine instance.
pub struct Instance<'page> {
    pub(super) ops: &'static ioe_ops,
    queue: unsafe extern "C" fn(*mut c_void, *mut ioe_io) -> i32,
    inst: *mut c_void,
    crumb: &'page AtomicU64,
    calls: u64,
    job: JobTable,
    terminator: Terminator,
}

impl std::fmt::Debug for Instance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("inst", &self.inst).field("job", &self.job).finish()
    }
}

impl<'page> Instance<'page> {
    /// Makes an instance. `ops` is the host's own checked copy; `job` stays alive until the end of
    /// the instance, as the contract promises the engine.
    pub fn init(
        ops: &'static ioe_ops,
        host: &'static ioe_host,
        job: JobTable,
        crumb: &'page AtomicU64,
    ) -> Result<Self, Refusal> {
        Instance::init_shown(ops, HostTable::of(host), job, crumb)
    }

    /// The same for a host's table that may be shorter than this host's own.
    pub fn init_shown(
        ops: &'static ioe_ops,
        host: HostTable,
        job: JobTable,
        crumb: &'page AtomicU64,
    ) -> Result<Self, Refusal> {
        let no_queue = || Refusal { callback: Callback::Queue, errno: libc::ENOSYS, words: None };
        let queue = ops.queue.ok_or_else(no_queue)?;
        let mut instance = Instance {
            ops,
            queue,
            inst: std::ptr::null_mut(),
            crumb,
            calls: 0,
            job,
            terminator: Terminator(Arc::new(Mutex::new(None))),
        };
        if let Some(init) = ops.init {
            let (host, job) = (host.as_ptr(), instance.job.as_ptr());
            let mut inst = std::ptr::null_mut();
            // SAFETY: the job table stays, see below.
            let _showing = unsafe { stack::show(instance.job.below()) };
            // SAFETY: `init` comes from a checked table; a HostTable is good until the process
            // ends; the job table stays where it is until `cleanup` below disposes of it, or for
            // ever; `inst` is a local out pointer.
            let status = instance.call(Callback::Init, |_| unsafe { init(host, job, &mut inst) });
            instance.check(Callback::Init, status)?;
            instance.inst = inst;
        }
        if let Some(terminate) = ops.terminate {
            let call = TerminateCall { terminate, inst: instance.inst };
            *instance.terminator.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) =
                Some(call);
        }
        Ok(instance)
    }

    /// Leaves the breadcrumb, calls, takes it away.
    #[inline(always)]
    pub(super) fn call<R>(&mut self, callback: Callback, f: impl FnOnce(*mut c_void) -> R) -> R {
        self.calls += 1 << 8;
        self.crumb.store(self.calls | callback as u64, Relaxed);
        let answer = f(self.inst);
        self.crumb.store(self.calls, Relaxed);
        answer
    }

    pub(super) fn check(&self, callback: Callback, status: i32) -> Result<u32, Refusal> {
        u32::try_from(status).map_err(|_| self.refusal(callback, status))
    }

    /// Words and errno of a negative answer.
    #[cold]
    pub fn refusal(&self, callback: Callback, status: i32) -> Refusal {
        let errno = status.checked_neg().filter(|errno| *errno > 0).unwrap_or(libc::EIO);
        Refusal { callback, errno, words: host_table::take_error_words() }
    }

    /// To wake it from another thread.
    pub fn terminator(&self) -> Terminator {
        self.terminator.clone()
    }

    /// Whether it has this callback.
    pub fn has(&self, callback: Callback) -> bool {
        match callback {
            Callback::Prep => self.ops.prep.is_some(),
            Callback::Commit => self.ops.commit.is_some(),
            Callback::GetEvents => self.ops.getevents.is_some(),
            Callback::OpenFile => self.ops.open_file.is_some(),
            Callback::GetFileSize => self.ops.get_file_size.is_some(),
            Callback::Cancel => self.ops.cancel.is_some(),
            Callback::ErrDetails => self.ops.errdetails.is_some(),
            Callback::Terminate => self.ops.terminate.is_some(),
            _ => false,
        }
    }

    /// Bytes of private memory that each unit needs.
    pub fn io_private_size(&self) -> usize {
        self.ops.io_private_size as usize
    }

    /// What `get_caps` fills in: nothing known but the ops table's flags.
    pub(super) fn blank_caps(&self, struct_size: u32) -> ioe_caps {
        ioe_caps {
            struct_size,
            max_depth: 0,
            flags: self.ops.flags,
            ops: 0,
            max_transfer: 0,
            mem_align: 0,
            reserved: 0,
        }
    }

    /// What this instance really is; the ops table's flags where it does not say.
    pub fn caps(&mut self) -> Result<ioe_caps, Refusal> {
        let mut caps = self.blank_caps(size_of::<ioe_caps>() as u32);
        if let Some(get_caps) = self.ops.get_caps {
            // SAFETY: checked pointer, own instance, and `caps` is a whole local struct whose size
            // stands in it.
            let status = self.call(Callback::GetCaps, |inst| unsafe { get_caps(inst, &mut caps) });
            self.check(Callback::GetCaps, status)?;
        }
        Ok(caps)
    }

    /// Asks the engine to open a file. `IOE_OPEN_HOST` (also where it has no such callback): the
    /// host is to open the path.
    pub fn open_file(&mut self, files: &mut FileTable, index: u32) -> Result<u32, Refusal> {
        let Some(open) = self.ops.open_file else { return Ok(IOE_OPEN_HOST as u32) };
        let file = files.as_ptr(index);
        // SAFETY: checked pointer, own instance; the file table's entries never move and stay until
        // they are disposed of after cleanup (`run::worker`, `run::crew`), or for ever.
        let status = self.call(Callback::OpenFile, |inst| unsafe { open(inst, file) });
        self.check(Callback::OpenFile, status)
    }

    /// Tells the engine that a file is about to be closed.
    pub fn close_file(&mut self, files: &mut FileTable, index: u32) -> Result<(), Refusal> {
        let Some(close) = self.ops.close_file else { return Ok(()) };
        let file = files.as_ptr(index);
        // SAFETY: as in `open_file`.
        let status = self.call(Callback::CloseFile, |inst| unsafe { close(inst, file) });
        self.check(Callback::CloseFile, status).map(drop)
    }

    /// Asks the engine for size and block size. False where it has no such callback.
    pub fn get_file_size(&mut self, files: &mut FileTable, index: u32) -> Result<bool, Refusal> {
        let Some(get) = self.ops.get_file_size else { return Ok(false) };
        let file = files.as_ptr(index);
        // SAFETY: as in `open_file`.
        let status = self.call(Callback::GetFileSize, |inst| unsafe { get(inst, file) });
        self.check(Callback::GetFileSize, status).map(|_| true)
    }

    /// Announces a unit.
    pub fn io_init(&mut self, unit: UnitPtr) -> Result<(), Refusal> {
        let Some(io_init) = self.ops.io_init else { return Ok(()) };
        // SAFETY: checked pointer, own instance; a `UnitPtr` stays valid until the instance's end.
        let status = self.call(Callback::IoInit, |inst| unsafe { io_init(inst, unit.as_ptr()) });
        self.check(Callback::IoInit, status).map(drop)
    }

    /// Takes a unit back for good.
    pub fn io_free(&mut self, unit: UnitPtr) {
        if let Some(io_free) = self.ops.io_free {
            // SAFETY: as in `io_init`; `io::slots` and `run::crew` come here only with nothing in
            // flight.
            self.call(Callback::IoFree, |inst| unsafe { io_free(inst, unit.as_ptr()) });
        }
    }

    /// Files are open and units made.
    pub fn start(&mut self) -> Result<(), Refusal> {
        let Some(start) = self.ops.start else { return Ok(()) };
        // SAFETY: checked pointer, own instance.
        let status = self.call(Callback::Start, |inst| unsafe { start(inst) });
        self.check(Callback::Start, status).map(drop)
    }

    /// Offers a unit, after `prep` where the engine has one. A refusal of `prep` is one of the
    /// unit: [`Answer::Other`].
    #[inline(always)]
    pub fn offer(&mut self, unit: UnitPtr) -> Answer {
        if let Some(prep) = self.ops.prep {
            // SAFETY: checked pointer, own instance; the unit is the host's at this moment.
            let status = self.call(Callback::Prep, |inst| unsafe { prep(inst, unit.as_ptr()) });
            if status < 0 {
                return Answer::Other(status);
            }
        }
        let queue = self.queue;
        // SAFETY: checked pointer, own instance; the unit is the host's at this moment, and by its
        // type stays valid for as long as the engine may keep it.
        match self.call(Callback::Queue, |inst| unsafe { queue(inst, unit.as_ptr()) }) {
            IOE_Q_COMPLETED => Answer::Completed,
            IOE_Q_QUEUED => Answer::Queued,
            IOE_Q_BUSY => Answer::Busy,
            other => Answer::Other(other),
        }
    }

    /// Submits what was taken. The raw status: a negative one ends the job.
    #[inline(always)]
    pub fn commit(&mut self) -> i32 {
        match self.ops.commit {
            // SAFETY: checked pointer, own instance.
            Some(commit) => self.call(Callback::Commit, |inst| unsafe { commit(inst) }),
            None => 0,
        }
    }

    /// Takes finished units back into `out`. The raw answer, which may be anything.
    #[inline(always)]
    pub fn getevents(
        &mut self,
        min: u32,
        max: u32,
        timeout_ns: i64,
        out: &mut [*mut ioe_io],
    ) -> i32 {
        assert!(max as usize <= out.len());
        let Some(getevents) = self.ops.getevents else { return -libc::ENOSYS };
        let out = out.as_mut_ptr();
        // SAFETY: checked pointer, own instance; `out` has room for `max` pointers (asserted).
        self.call(Callback::GetEvents, |inst| unsafe { getevents(inst, min, max, timeout_ns, out) })
    }

    /// The engine's words about a unit that failed.
    pub fn errdetails(&mut self, unit: UnitPtr) -> Option<String> {
        if let Some(words) = host_table::take_error_words() {
            return Some(words);
        }
        let errdetails = self.ops.errdetails?;
        let mut buf = [0 as c_char; 512];
        let (ptr, cap) = (buf.as_mut_ptr(), buf.len() - 1);
        // SAFETY: checked pointer, own instance; the unit is back in the host's hands; the buffer
        // is one byte longer than said, and that byte stays 0.
        let status = self.call(Callback::ErrDetails, |inst| unsafe {
            errdetails(inst, unit.as_ptr(), ptr, cap)
        });
        // An engine that writes beyond what it was given shall not make this host read beyond it.
        buf[cap] = 0;
        // SAFETY: the last byte of the buffer was just made a terminator.
        let text = unsafe { CStr::from_ptr(buf.as_ptr()) }.to_string_lossy().into_owned();
        (status >= 0 && !text.is_empty()).then(|| foreign::tame(&text))
    }

    /// Ends the instance in order. Nothing may be in flight.
    pub fn cleanup(mut self) {
        let terminator = self.terminator.clone();
        // A `terminate` that does not return is seen through the breadcrumb, like any callback.
        self.call(Callback::Terminate, |_| terminator.disarm());
        if let Some(cleanup) = self.ops.cleanup {
            // SAFETY: checked pointer, own instance, used for the last time.
            self.call(Callback::Cleanup, |inst| unsafe { cleanup(inst) });
        }
        self.job.dispose();
    }

    /// Lets go of an instance that broke its contract: no callback is made any more, and whatever
    /// it may still write to stays allocated.
    pub fn abandon(self) {
        self.terminator.disarm_if_idle();
    }
}
