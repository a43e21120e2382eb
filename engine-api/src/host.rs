//! The host as an engine sees it, and the facts about the job.
//!
//! `vtable` makes a [`Host`] and a [`Job`] for `init`. Both copy the host's tables, as much of them
//! as both sides know, so that nothing is read beyond the host's `struct_size`. Callbacks of the
//! host may be called from any thread.

use crate::abi::*;
use crate::error::Error;
use crate::options::{position, read, Value, Values};
use crate::text::c_text;
use core::ffi::{c_char, c_void, CStr};
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Weight of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the engine's author.
    Debug = IOE_LOG_DEBUG as isize,
    /// Worth knowing.
    Info = IOE_LOG_INFO as isize,
    /// Lands in the report.
    Warn = IOE_LOG_WARN as isize,
    /// Lands in the report as an error.
    Error = IOE_LOG_ERROR as isize,
}

/// A handle on the host. Cheap to clone, usable from any thread until the process ends.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    table: ioe_host,
    original: *const ioe_host,
    terminable: bool,
    terminated: AtomicBool,
    interrupt: AtomicBool, // a terminate() that no wait has taken yet
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

// SAFETY: the table is a copy that nobody writes. What makes it not Send are its pointers: ctx is
// only ever passed to the host's callbacks, which by their tag in the ABI may be called from any
// thread, and name, version and the original are never followed, only passed on.
unsafe impl Send for Shared {}
// SAFETY: as for Send; everything else in it is Sync.
unsafe impl Sync for Shared {}

/// Copies the part of a host's table that both sides know; the rest is zero.
///
/// # Safety
/// `from` points to a struct that begins with its `struct_size`, and all-zero bytes are a valid
/// `T`.
pub(crate) unsafe fn copy_table<T>(from: *const T) -> T {
    let mut own = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: struct_size is the first field of every table of the ABI and says how many bytes the
    // writer has; no more than that is read, no more than size_of::<T>() written.
    unsafe {
        let bytes = (*from.cast::<u32>() as usize).min(size_of::<T>());
        ptr::copy_nonoverlapping(from.cast::<u8>(), own.as_mut_ptr().cast::<u8>(), bytes);
        own.assume_init()
    }
}

impl Host {
    /// # Safety
    /// `table` is a host table of this major, at least as long as in 1.0, whose callbacks and ctx
    /// are good until the process ends, as the ABI says.
    pub(crate) unsafe fn from_raw(table: *const ioe_host, terminable: bool) -> Host {
        Host(Arc::new(Shared {
            // SAFETY: the caller vouches for the table; null pointers and None are all-zero.
            table: unsafe { copy_table(table) },
            original: table,
            terminable,
            terminated: AtomicBool::new(false),
            interrupt: AtomicBool::new(false),
            wake: OnceLock::new(),
        }))
    }

    /// A line for the host's log. An engine prints nothing on its own.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(log) = self.0.table.log {
            let text = c_text(text);
            // SAFETY: the table's own ctx, good for ever (from_raw); the host copies the text.
            unsafe { log(self.0.table.ctx, level as i32, text.as_ptr()) };
        }
    }

    /// Words for the errno that this thread's callback is about to answer. For callbacks that
    /// return a `Result`, the [`Error`]'s words get there by themselves.
    pub fn set_error(&self, errno: i32, text: &str) {
        if let Some(set_error) = self.0.table.set_error {
            let text = c_text(text);
            // SAFETY: as in log().
            unsafe { set_error(self.0.table.ctx, errno, text.as_ptr()) };
        }
    }

    /// CLOCK_MONOTONIC in nanoseconds, one epoch for all processes of a run; 0 without a clock.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        // SAFETY: the table's own ctx, good for ever (from_raw).
        self.0.table.now_ns.map_or(0, |now| unsafe { now(self.0.table.ctx) })
    }

    /// Whether the run is to end.
    #[inline]
    pub fn should_stop(&self) -> bool {
        // SAFETY: the table's own ctx, good for ever (from_raw).
        self.0.table.should_stop.is_some_and(|stop| unsafe { stop(self.0.table.ctx) } != 0)
    }

    /// Zeroed memory of the host's, given back when dropped. `align` is a power of two.
    pub fn alloc(&self, size: usize, align: usize) -> Option<Memory> {
        let alloc = self.0.table.alloc?;
        // SAFETY: as in now_ns(); a null answer becomes None.
        let start = NonNull::new(unsafe { alloc(self.0.table.ctx, size, align) }.cast())?;
        Some(Memory { host: self.clone(), start, size, align })
    }

    /// A host extension by id, as a pointer to its table; `None` = unknown. Only from `init`.
    pub fn extension(&self, id: &CStr) -> Option<NonNull<c_void>> {
        let get = self.0.table.get_extension?;
        // SAFETY: as in now_ns(); id is a C string for the length of the call.
        NonNull::new(unsafe { get(self.0.table.ctx, id.as_ptr()) }.cast_mut())
    }

    /// The host's own table, which is good until the process ends.
    pub(crate) fn as_ptr(&self) -> *const ioe_host {
        self.0.original
    }

    /// The `ctx` that callbacks of host extensions want.
    pub fn ctx(&self) -> *mut c_void {
        self.0.table.ctx
    }

    /// Whether `terminate` was called since the last time that this was asked: one `getevents` may
    /// end with fewer units than asked for, later ones wait as ever, so that units drain. A call
    /// that came while nothing waited counts for the next wait: the host cannot know which it hit.
    #[inline]
    pub fn take_interrupt(&self) -> bool {
        // The load keeps a wait's loop from writing to a line that other threads read.
        self.0.interrupt.load(Ordering::Relaxed) && self.0.interrupt.swap(false, Ordering::Acquire)
    }

    /// Whether `terminate` was ever called: for what then ends for good, such as an `accept` or a
    /// retry in `open_file`. No condition of a wait in `getevents`, which has
    /// [`Host::take_interrupt`]: short answers for ever are a fault of the engine's.
    #[inline]
    pub fn terminated(&self) -> bool {
        self.0.terminated.load(Ordering::Acquire)
    }

    /// What wakes a wait when `terminate` is called; runs on the caller's thread. Once per
    /// instance, and only with `Engine::TERMINATE`.
    pub fn on_terminate(&self, wake: impl Fn() + Send + Sync + 'static) -> Result<(), Error> {
        if !self.0.terminable {
            return Err(Error::new(libc::EINVAL, "on_terminate() needs Engine::TERMINATE = true"));
        }
        self.0
            .wake
            .set(Box::new(wake))
            .map_err(|_| Error::new(libc::EBUSY, "on_terminate() was called before"))
    }

    pub(crate) fn terminate(&self) {
        self.0.terminated.store(true, Ordering::Release);
        self.0.interrupt.store(true, Ordering::Release);
        if let Some(wake) = self.0.wake.get() {
            wake();
        }
    }

    /// Hands over the words of an error, and answers its status.
    pub(crate) fn tell(&self, error: &Error) -> ioe_status {
        if !error.text().is_empty() {
            self.set_error(error.errno(), error.text());
        }
        -error.errno()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("terminated", &self.terminated()).finish_non_exhaustive()
    }
}

/// Memory of the host's.
#[derive(Debug)]
pub struct Memory {
    host: Host,
    start: NonNull<u8>,
    size: usize,
    align: usize,
}

// SAFETY: alloc and free may be called from any thread, and the bytes belong to this value alone.
unsafe impl Send for Memory {}

impl Deref for Memory {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: alloc() gave `size` zeroed bytes, which nobody else holds.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.size) }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in deref(), borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.size) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(free) = self.host.0.table.free {
            // SAFETY: alloc() of the same table gave it, with this size and alignment.
            unsafe {
                free(self.host.0.table.ctx, self.start.as_ptr().cast(), self.size, self.align)
            };
        }
    }
}

/// Facts about the job, for `init`. Text lives until the instance ends; keep copies of it.
pub struct Job {
    job: ioe_job,
    values: Values,
}

impl Job {
    /// # Safety
    /// `job` is at least as long as in 1.0 and valid until cleanup; `table` is the engine's own.
    pub(crate) unsafe fn from_raw(
        job: *const ioe_job,
        table: &'static [&'static ioe_option],
    ) -> Job {
        // SAFETY: the caller vouches for it; a job is integers and pointers, all valid as zero.
        let job = unsafe { copy_table(job) };
        Job { values: Values { table, opts: job.opts, n_opts: job.n_opts }, job }
    }

    /// The job's name.
    pub fn name(&self) -> &CStr {
        let name: *const c_char = self.job.name;
        match name.is_null() {
            true => c"",
            // SAFETY: not null, and a C string until cleanup by the ABI's promise.
            false => unsafe { CStr::from_ptr(name) },
        }
    }

    /// Units that may be in flight.
    pub fn iodepth(&self) -> u32 {
        self.job.iodepth
    }

    /// Clones of this job.
    pub fn numjobs(&self) -> u32 {
        self.job.numjobs
    }

    /// Which clone this is, from 0.
    pub fn job_index(&self) -> u32 {
        self.job.job_index
    }

    /// The largest request in bytes.
    pub fn max_bs(&self) -> u64 {
        self.job.max_bs
    }

    /// Alignment of the buffers in bytes.
    pub fn align(&self) -> u32 {
        self.job.align
    }

    /// Whether O_DIRECT was asked for.
    pub fn direct(&self) -> bool {
        self.job.direct != 0
    }

    /// Bit per `IOE_OP_*`: what the job will issue.
    pub fn op_mask(&self) -> u32 {
        self.job.op_mask
    }

    /// Whether data will be checked.
    pub fn verify(&self) -> bool {
        self.job.verify != 0
    }

    fn value(&self, name: &str) -> Result<Option<Value<'_>>, Error> {
        read(&self.values, name)
    }

    /// Index of an option in the engine's own table.
    pub(crate) fn option_index(&self, name: &str) -> Option<usize> {
        position(&self.values, name)
    }

    /// Value of a BOOL option; `None` = not given and without a default.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.uint(name)?.map(|u| u != 0))
    }

    /// Value of an INT option.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        self.value(name)?.map_or(Ok(None), |v| match v {
            Value::Int(i) => Ok(Some(i)),
            _ => Err(misread(name, "int")),
        })
    }

    /// Value of a UINT, SIZE (bytes), TIME_NS (nanoseconds), ENUM or FLAGSET option.
    pub fn uint(&self, name: &str) -> Result<Option<u64>, Error> {
        self.value(name)?.map_or(Ok(None), |v| match v {
            Value::Uint(u) => Ok(Some(u)),
            _ => Err(misread(name, "uint")),
        })
    }

    /// Value of a FLOAT option.
    pub fn float(&self, name: &str) -> Result<Option<f64>, Error> {
        self.value(name)?.map_or(Ok(None), |v| match v {
            Value::Float(f) => Ok(Some(f)),
            _ => Err(misread(name, "float")),
        })
    }

    /// Value of a STR, PATH or ENGINE option.
    pub fn text(&self, name: &str) -> Result<Option<&CStr>, Error> {
        self.value(name)?.map_or(Ok(None), |v| match v {
            Value::Text(s) => Ok(Some(s)),
            _ => Err(misread(name, "text")),
        })
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.job.fmt(f)
    }
}

fn misread(name: &str, as_what: &str) -> Error {
    Error::new(
        libc::EINVAL,
        format!("option {name}: its table declares another type than the {as_what} it is read as"),
    )
}
