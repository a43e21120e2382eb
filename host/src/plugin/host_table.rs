//! What the host offers to plugins: the `ioe_host` table and the functions behind it.
//!
//! Given to a plugin's entry, `setup` and `init`, and called by plugins from any thread at any
//! time. So nothing here may unwind, block, print, or believe a pointer; what plugins say is
//! bounded in length and number and collected for whoever runs the cell.

use super::foreign;
use super::stack;
use iodyno_engine_api::abi::{
    ioe_host, IOE_ABI_MAJOR, IOE_ABI_MINOR, IOE_LOG_DEBUG, IOE_LOG_ERROR,
};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::cell::RefCell;
use std::ffi::{c_char, c_void, CStr};
use std::mem::size_of;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Longest line of a plugin's that is kept; the rest of it is dropped and marked so.
pub const LINE_BYTES_MAX: usize = 1024;
/// Longest id of an extension that is looked at.
const EXTENSION_ID_BYTES_MAX: usize = 256;
/// Lines that are kept; later ones are counted.
pub const LINES_MAX: u64 = 1000;

/// A line that a plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// `IOE_LOG_*`.
    pub level: i32,
    /// Without control characters.
    pub text: String,
}

type Sink = Box<dyn Fn(LogLine) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();
static COLLECTED: Mutex<Vec<LogLine>> = Mutex::new(Vec::new());
static LINES: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ERROR_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Only makes the table's pointers shareable.
struct Shared(ioe_host);
// SAFETY: the table is never written, its strings are static, its functions are callable from any
// thread, and ctx is null and never followed.
unsafe impl Sync for Shared {}

static TABLE: Shared = Shared(ioe_host {
    struct_size: size_of::<ioe_host>() as u32,
    abi_major: IOE_ABI_MAJOR,
    abi_minor: IOE_ABI_MINOR,
    ctx: std::ptr::null_mut(),
    name: c"iodyno".as_ptr(),
    version: VERSION.as_ptr(),
    log: Some(log),
    set_error: Some(set_error),
    now_ns: Some(now_ns),
    alloc: Some(alloc),
    free: Some(free),
    should_stop: Some(should_stop),
    get_extension: Some(get_extension),
});

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => c"unknown",
    };

/// The table, valid for ever.
#[must_use]
pub fn table() -> &'static ioe_host {
    &TABLE.0
}

/// From now on every log line goes to `sink` instead of being collected. The first sink stays; the
/// answer is false where there was one. It may be called from any thread and must not block.
pub fn set_log_sink(sink: impl Fn(LogLine) + Send + Sync + 'static) -> bool {
    SINK.set(Box::new(sink)).is_ok()
}

/// Takes what was logged while there was no sink.
#[must_use]
pub fn take_log() -> Vec<LogLine> {
    std::mem::take(&mut COLLECTED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Lines that were dropped because plugins said too much.
#[must_use]
pub fn dropped_lines() -> u64 {
    LINES.load(Ordering::Relaxed).saturating_sub(LINES_MAX)
}

/// Takes the words that a plugin left about this thread's last call.
#[must_use]
pub fn take_error_words() -> Option<String> {
    ERROR_WORDS.with_borrow_mut(Option::take)
}

/// Leaves words of the host's own about this thread's call, where an engine would leave its own.
pub(super) fn leave_error_words(words: &str) {
    let _ = ERROR_WORDS.try_with(|cell| cell.replace(Some(words.to_owned())));
}

/// Tells all plugins that ask that the run is to end.
pub fn request_stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// A plugin's text, bounded and tamed; none for a null pointer.
///
/// # Safety
/// `msg` is null or leads to a text that ends in a zero byte, or to [`LINE_BYTES_MAX`] bytes.
unsafe fn line(msg: *const c_char) -> Option<String> {
    if msg.is_null() {
        return None;
    }
    // SAFETY: not null; reads no further than the zero byte or the bound.
    let whole = unsafe { foreign::bytes_until_zero(msg, LINE_BYTES_MAX) };
    Some(match whole {
        Some(bytes) => foreign::tame(&String::from_utf8_lossy(&bytes)),
        None => {
            // SAFETY: no zero byte within the bound, so all of it is text.
            let cut = unsafe { std::slice::from_raw_parts(msg.cast::<u8>(), LINE_BYTES_MAX) };
            format!("{} ... (cut)", foreign::tame(&String::from_utf8_lossy(cut)))
        }
    })
}

unsafe extern "C" fn log(_ctx: *mut c_void, level: i32, msg: *const c_char) {
    // SAFETY: null is answered inside; a text is what the contract says msg is.
    let Some(text) = (unsafe { line(msg) }) else { return };
    if LINES.fetch_add(1, Ordering::Relaxed) >= LINES_MAX {
        return;
    }
    let line = LogLine { level: level.clamp(IOE_LOG_DEBUG, IOE_LOG_ERROR), text };
    match SINK.get() {
        Some(sink) => {
            let call = std::panic::AssertUnwindSafe(|| sink(line));
            // A panic of the sink's is the host's bug, reported by its own hook; it must not cross.
            let _ = std::panic::catch_unwind(call);
        }
        None => COLLECTED.lock().unwrap_or_else(PoisonError::into_inner).push(line),
    }
}

unsafe extern "C" fn set_error(_ctx: *mut c_void, _err: i32, msg: *const c_char) {
    // SAFETY: null is answered inside; a text is what the contract says msg is.
    let words = unsafe { line(msg) };
    // At the end of a thread its last words are gone already, and nobody asks for them.
    let _ = ERROR_WORDS.try_with(|cell| cell.replace(words));
}

unsafe extern "C" fn now_ns(_ctx: *mut c_void) -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // The monotonic clock is never negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + u64::from(now.tv_nsec.unsigned_abs() as u32)
}

unsafe extern "C" fn alloc(_ctx: *mut c_void, size: usize, align: usize) -> *mut c_void {
    match Layout::from_size_align(size, align) {
        // SAFETY: the size is not 0.
        Ok(layout) if size > 0 => unsafe { alloc_zeroed(layout) }.cast(),
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn free(_ctx: *mut c_void, p: *mut c_void, size: usize, align: usize) {
    if p.is_null() || size == 0 {
        return;
    }
    if let Ok(layout) = Layout::from_size_align(size, align) {
        // SAFETY: p is not null and came from alloc above with this layout: that is the contract.
        unsafe { dealloc(p.cast(), layout) };
    }
}

unsafe extern "C" fn should_stop(_ctx: *mut c_void) -> i32 {
    i32::from(STOP.load(Ordering::Relaxed))
}

unsafe extern "C" fn get_extension(_ctx: *mut c_void, id: *const c_char) -> *const c_void {
    if id.is_null() {
        return std::ptr::null();
    }
    // SAFETY: not null; an id that has no end within the bound is none that is known here.
    let id = unsafe { foreign::bytes_until_zero(id, EXTENSION_ID_BYTES_MAX) };
    match id {
        Some(id) if id == stack::ID.to_bytes() => (&raw const stack::TABLE).cast(),
        _ => std::ptr::null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    #[test]
    fn texts_are_taken_bounded_and_null_is_nothing() {
        let set = table().set_error.unwrap();
        let long = [b'x'; LINE_BYTES_MAX + 1];
        // SAFETY: null, texts of this test, and one of more than LINE_BYTES_MAX bytes.
        unsafe {
            set(null_mut(), 5, c"no \xff\nmedium".as_ptr());
            assert_eq!(take_error_words().unwrap(), "no \u{fffd} medium");
            assert_eq!(take_error_words(), None);
            set(null_mut(), 5, long.as_ptr().cast());
            assert!(take_error_words().unwrap().ends_with("... (cut)"));
            set(null_mut(), 5, std::ptr::null());
            assert_eq!(take_error_words(), None);
        }
    }

    #[test]
    fn error_words_belong_to_their_thread() {
        let set = table().set_error.unwrap();
        std::thread::spawn(move || {
            // SAFETY: a static text.
            unsafe { set(null_mut(), 5, c"other".as_ptr()) };
            assert_eq!(take_error_words().unwrap(), "other");
        })
        .join()
        .unwrap();
        assert_eq!(take_error_words(), None);
    }

    #[test]
    fn memory_is_zeroed_aligned_and_nonsense_is_null() {
        let (alloc, free) = (table().alloc.unwrap(), table().free.unwrap());
        // SAFETY: what alloc gave is given back once, with its size and alignment.
        unsafe {
            let p = alloc(null_mut(), 100, 4096);
            assert!(!p.is_null() && p.addr() % 4096 == 0);
            assert!(std::slice::from_raw_parts(p.cast::<u8>(), 100).iter().all(|&b| b == 0));
            free(null_mut(), p, 100, 4096);
            free(null_mut(), null_mut(), 100, 4096);
            assert!(alloc(null_mut(), 0, 8).is_null());
            assert!(alloc(null_mut(), 8, 3).is_null());
            assert!(alloc(null_mut(), usize::MAX, 8).is_null());
        }
    }

    #[test]
    fn time_runs_and_unknown_extensions_are_null() {
        let host = table();
        // SAFETY: none of these follows ctx or id.
        unsafe {
            let now = host.now_ns.unwrap();
            let first = now(null_mut());
            assert!(first > 0 && now(null_mut()) >= first);
            assert!(host.get_extension.unwrap()(null_mut(), c"x/1".as_ptr()).is_null());
            assert!(host.get_extension.unwrap()(null_mut(), std::ptr::null()).is_null());
            assert!(!host.get_extension.unwrap()(null_mut(), stack::ID.as_ptr()).is_null());
        }
    }

    #[test]
    fn log_lines_are_collected_and_bounded_in_number() {
        let log = table().log.unwrap();
        for _ in 0..LINES_MAX + 7 {
            // SAFETY: a static text.
            unsafe { log(null_mut(), 99, c"line".as_ptr()) };
        }
        // SAFETY: null is allowed.
        unsafe { log(null_mut(), 0, std::ptr::null()) };
        let lines = take_log();
        assert!(lines.len() as u64 <= LINES_MAX);
        assert_eq!(lines[0], LogLine { level: IOE_LOG_ERROR, text: "line".to_owned() });
        assert!(dropped_lines() >= 7);
    }
}
