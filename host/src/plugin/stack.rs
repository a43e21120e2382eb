//! `iodyno.stack/1`: an engine that stands on another one is given that one's table and job.
//!
//! `lent` lays out what an instance is shown, `handle` shows it for the length of `init`, and
//! `host_table` hands out the extension. What an engine asks for is what stands below itself, also
//! where several stand one over the other: each `init` of an inner engine passes through here and
//! shows that engine its own. Finds and loads nothing: `run` and `conformance` bring what is there.

use super::host_table;
use super::lent::{JobFacts, JobTable};
use super::load::LoadedEngine;
use crate::catalogue::{EngineInfo, EngineValue};
use iodyno_engine_api::abi::*;
use std::cell::Cell;
use std::ffi::{c_void, CStr};

/// The id by which engines ask for it.
pub(super) const ID: &CStr = c"iodyno.stack/1";

/// What `get_extension` answers.
pub(super) static TABLE: ioe_stack_1 = ioe_stack_1 {
    struct_size: size_of::<ioe_stack_1>() as u32,
    reserved: 0,
    ops: Some(ops),
    job: Some(job),
};

/// An engine for an option of type ENGINE.
#[derive(Clone)]
pub struct Inner {
    /// Index of the option.
    pub option: u32,
    /// The engine that it names.
    pub engine: &'static LoadedEngine,
    /// Values of that engine's options.
    pub values: Vec<EngineValue>,
    /// What that engine stands on.
    pub inner: Vec<Inner>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { option, engine, inner, .. } = self;
        write!(f, "{option}: {} over {inner:?}", engine.name)
    }
}

/// An engine's description, with the nature of those that it stands on.
#[must_use]
pub fn merged(info: &EngineInfo, inner: &[Inner]) -> EngineInfo {
    let below = |inner: &Inner| merged(&inner.engine.info, &inner.inner);
    inner.iter().fold(info.clone(), |sum, inner| sum.over(&below(inner)))
}

/// What one instance stands on.
pub(super) struct Below(Vec<Entry>);

struct Entry {
    option: u32,
    /// The inner engine's, but that its `init` passes through [`init`].
    ops: ioe_ops,
    /// Its own `init`.
    init: Option<InitFn>,
    job: JobTable,
}

type InitFn = unsafe extern "C" fn(*const ioe_host, *const ioe_job, *mut *mut c_void) -> ioe_status;

thread_local! {
    /// What the instance stands on whose `init` runs on this thread; null outside of one.
    static SHOWN: Cell<*const Below> = const { Cell::new(std::ptr::null()) };
}

/// As long as it lives, engines on this thread are shown what one instance stands on.
pub(super) struct Showing(*const Below);

impl Below {
    /// Lays out what the engines of `inner` are to see: the facts of the job, but for the options.
    /// None where a text holds a NUL byte.
    pub(super) fn new(facts: &JobFacts, inner: &[Inner]) -> Option<Below> {
        let entries = inner.iter().map(|inner| {
            let kinds = inner.engine.option_kinds.iter().copied();
            let options = kinds.zip(inner.values.iter().cloned()).collect();
            let facts = JobFacts { options, ..facts.clone() };
            // SAFETY: integers, pointers to what is never unloaded, and functions: a copy is as
            // good as the original, and nobody writes either.
            let mut ops = unsafe { std::ptr::from_ref(&inner.engine.ops).read() };
            let own = ops.init;
            ops.init = own.map(|_| init as InitFn);
            let job = JobTable::new(&facts)?.over(&facts, &inner.inner)?;
            Some(Entry { option: inner.option, ops, init: own, job })
        });
        Some(Below(entries.collect::<Option<Vec<Entry>>>()?))
    }

    /// Gives the memory back. To be called once the instance is cleaned up.
    pub(super) fn dispose(self) {
        self.0.into_iter().for_each(|entry| entry.job.dispose());
    }
}

/// Shows it on this thread. Null: nothing.
///
/// # Safety
/// `below` is null or stays where it is as long as the answer lives.
pub(super) unsafe fn show(below: *const Below) -> Showing {
    Showing(SHOWN.replace(below))
}

impl Drop for Showing {
    fn drop(&mut self) {
        SHOWN.set(self.0);
    }
}

/// The entry of the instance whose `init` runs here.
fn entry<R>(of: impl Fn(&Entry) -> bool, answer: impl FnOnce(&Entry) -> R) -> Option<R> {
    let below = SHOWN.get();
    // SAFETY: null, or lent by a `show` whose answer still lives: it takes the pointer away again.
    let below = unsafe { below.as_ref() }?;
    below.0.iter().find(|entry| of(entry)).map(answer)
}

unsafe extern "C" fn ops(_ctx: *mut c_void, opt: u32) -> *const ioe_ops {
    entry(|entry| entry.option == opt, |entry| &raw const entry.ops).unwrap_or(std::ptr::null())
}

unsafe extern "C" fn job(_ctx: *mut c_void, opt: u32) -> *const ioe_job {
    entry(|entry| entry.option == opt, |entry| entry.job.as_ptr()).unwrap_or(std::ptr::null())
}

/// The `init` that an inner engine's table shows: its own, with what itself stands on.
unsafe extern "C" fn init(
    host: *const ioe_host,
    job: *const ioe_job,
    inst: *mut *mut c_void,
) -> ioe_status {
    let found = entry(|entry| entry.job.as_ptr() == job, |entry| (entry.init, entry.job.below()));
    let Some((Some(init), below)) = found else {
        host_table::leave_error_words(
            "the inner engine's init() was called outside of the outer engine's, or with another \
             job than that of iodyno.stack/1",
        );
        return -libc::EINVAL;
    };
    // SAFETY: belongs to the job table that the pointer names, which stays until the outermost
    // instance was cleaned up.
    let _showing = unsafe { show(below) };
    // SAFETY: the inner engine's own init from its checked table; host, job and the place for the
    // answer are passed on as the outer engine gave them, which answers for them by the contract.
    unsafe { init(host, job, inst) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_outside_of_an_init() {
        // SAFETY: neither follows ctx.
        unsafe {
            assert!(ops(std::ptr::null_mut(), 0).is_null());
            assert!(job(std::ptr::null_mut(), 0).is_null());
            let mut inst = std::ptr::null_mut();
            assert_eq!(init(host_table::table(), std::ptr::null(), &mut inst), -libc::EINVAL);
        }
        let words = host_table::take_error_words().unwrap();
        assert!(words.contains("outside of the outer engine's"), "{words}");
    }

    #[test]
    fn showing_ends_with_its_guard() {
        let (outer, inner) = (Below(Vec::new()), Below(Vec::new()));
        // SAFETY: both outlive their guards.
        let first = unsafe { show(&raw const outer) };
        // SAFETY: as above.
        let second = unsafe { show(&raw const inner) };
        assert_eq!(SHOWN.get(), &raw const inner);
        drop(second);
        assert_eq!(SHOWN.get(), &raw const outer);
        drop(first);
        assert!(SHOWN.get().is_null());
    }
}
