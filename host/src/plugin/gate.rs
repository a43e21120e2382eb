//! A plugin's file, opened, and its entry called with host tables that no host of today offers:
//! older, newer, of another major, ending at a page that nobody may touch.
//!
//! For `conformance` alone, in a child of its own. What the entry returns is read by `walk`. Calls
//! the entry, `setup` and `teardown`, nothing of an instance. What plugins are shown here stays for
//! ever, since they may keep its address.

use super::callback::Callback;
use super::error::PluginError;
use super::host_table;
use super::load::{self, LoadRequest};
use super::negotiate;
use crate::sys::{guard, surroundings};
use iodyno_engine_api::abi::{
    ioe_host, ioe_plugin, ioe_plugin_entry_v1_fn, IOE_ABI_MAJOR, IOE_ENTRY_SYMBOL,
};
use iodyno_engine_api::v1_0;
use libloading::os::unix::Library;
use std::ffi::c_char;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What stands around the room for an entry's words.
const CANARY: u8 = 0xa7;
const CANARY_BYTES: usize = 4096;

type Entry = unsafe extern "C" fn(*const ioe_host, *mut c_char, usize) -> *const ioe_plugin;

/// A plugin's file whose constructors have run.
pub struct Gate {
    /// Never closed; the entry lies in it.
    _library: ManuallyDrop<Library>,
    entry: Entry,
    crumb: &'static AtomicU64,
    opened_in: Duration,
}

/// What an entry answered, other than NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(NonNull<ioe_plugin>);

/// A host's table that is good until the process ends, with `struct_size` bytes at least.
#[derive(Clone, Copy, Debug)]
pub struct HostTable(NonNull<ioe_host>);

/// Room for an entry's words, and what must stay as it is on both sides of it.
#[derive(Debug)]
pub struct Words {
    bytes: Vec<u8>,
    capacity: usize,
}

impl Gate {
    /// Opens the file that was probed, and finds its entry.
    ///
    /// # Errors
    /// It is another file meanwhile, or the loader does not take it.
    pub fn open(request: &LoadRequest, crumb: &'static AtomicU64) -> Result<Gate, PluginError> {
        crumb.store(Callback::Constructor as u64, Ordering::Relaxed);
        let (library, opened_in) = load::open_same_file(request)?;
        crumb.store(Callback::None as u64, Ordering::Relaxed);
        let refused = |why: String| PluginError::Refused { path: request.path.clone(), why };
        // SAFETY: the major in the symbol's name makes this its type.
        let symbol = unsafe { library.get::<ioe_plugin_entry_v1_fn>(IOE_ENTRY_SYMBOL) };
        let entry = symbol.map_err(|error| refused(error.to_string()))?;
        let entry = entry.ok_or_else(|| refused(format!("{IOE_ENTRY_SYMBOL} is at address 0")))?;
        Ok(Gate { _library: library, entry, crumb, opened_in })
    }

    /// How long the loader and the constructors took, without what was waited for a processor.
    #[must_use]
    pub fn opened_in(&self) -> Duration {
        self.opened_in
    }

    /// Calls the entry. Without words it gets no room for any: NULL, 0. None = a refusal.
    #[must_use]
    pub fn ask(&self, host: HostTable, words: Option<&mut Words>) -> Option<Answered> {
        let (err, errcap) = match words {
            Some(words) => (words.room(), words.capacity),
            None => (std::ptr::null_mut(), 0),
        };
        let host = host.0.as_ptr().cast_const();
        // SAFETY: the entry of this major in a library that is never closed; a host's table is good
        // for ever, as HostTable promises; `errcap` bytes can be written at `err`, or none.
        let answer = self.watched(Callback::Entry, || unsafe { (self.entry)(host, err, errcap) });
        NonNull::new(answer.cast_mut()).map(Answered)
    }

    /// Calls `setup`, where there is one.
    ///
    /// # Errors
    /// It refuses, or the struct is none that this host can work with: in words.
    pub fn set_up(&self, answered: Answered, host: HostTable) -> Result<(), String> {
        let plugin = answered.agree()?;
        let Some(setup) = plugin.setup else { return Ok(()) };
        let host = host.0.as_ptr().cast_const();
        let _before = host_table::take_error_words();
        // SAFETY: from a struct that agreed with this host (above); the table is good for ever.
        let status = self.watched(Callback::Setup, || unsafe { setup(host) });
        match status {
            0.. => Ok(()),
            _ => {
                let errno = io::Error::from_raw_os_error(status.saturating_neg());
                let words = host_table::take_error_words();
                Err(words.map_or_else(|| errno.to_string(), |words| format!("{words} ({errno})")))
            }
        }
    }

    fn watched<T>(&self, callback: Callback, call: impl FnOnce() -> T) -> T {
        self.crumb.store(callback as u64, Ordering::Relaxed);
        let answer = call();
        self.crumb.store(Callback::None as u64, Ordering::Relaxed);
        answer
    }
}

/// Times a call: the wall's clock, less the time in which there was no processor to be had, so
/// that a busy machine does not count as a slow plugin.
pub fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let (begun, waited_ns) = (Instant::now(), surroundings::waited_for_cpu_ns());
    let answer = call();
    let waited_ns = surroundings::waited_for_cpu_ns().saturating_sub(waited_ns);
    (answer, begun.elapsed().saturating_sub(Duration::from_nanos(waited_ns)))
}

impl Answered {
    /// The host's copy of the struct, if host and plugin fit.
    pub(super) fn agree(self) -> Result<ioe_plugin, String> {
        // SAFETY: an `Answered` is made by `Gate::ask` alone, of what an entry returned.
        unsafe { negotiate::agree(self.0.as_ptr()) }.map_err(|why| why.to_string())
    }

    /// The number of engines that it says it carries.
    ///
    /// # Errors
    /// Host and plugin do not fit, in words.
    pub fn engines(self) -> Result<u32, String> {
        self.agree().map(|plugin| plugin.n_engines)
    }

    /// The oldest host minor that it says it can work with.
    ///
    /// # Errors
    /// As above.
    pub fn need_minor(self) -> Result<u16, String> {
        self.agree().map(|plugin| plugin.need_minor)
    }

    /// Where it stands.
    pub(super) fn as_ptr(self) -> *const ioe_plugin {
        self.0.as_ptr()
    }
}

impl HostTable {
    /// This host's.
    #[must_use]
    pub fn own() -> HostTable {
        HostTable::of(host_table::table())
    }

    /// A whole one.
    #[must_use]
    pub fn of(table: &'static ioe_host) -> HostTable {
        HostTable(NonNull::from(table))
    }

    /// This host's, cut to what 1.0 had, and of another version.
    #[must_use]
    pub fn of_version(major: u16, minor: u16) -> HostTable {
        let struct_size = match (major, minor) {
            (IOE_ABI_MAJOR, 0) => v1_0::HOST,
            _ => host_table::table().struct_size,
        };
        let table = ioe_host { struct_size, abi_major: major, abi_minor: minor, ..copy_of_own() };
        HostTable(NonNull::from(Box::leak(Box::new(table))))
    }

    /// That of a host of the far future: minor 99, and eight callbacks behind the known ones, which
    /// nobody of today may call.
    #[must_use]
    pub fn of_the_future() -> HostTable {
        #[repr(C)]
        struct Grown {
            known: ioe_host,
            more: [unsafe extern "C" fn(); 8],
        }
        let struct_size = size_of::<Grown>() as u32;
        let known = ioe_host { struct_size, abi_minor: 99, ..copy_of_own() };
        let table = Box::leak(Box::new(Grown { known, more: [unknown_callback; 8] }));
        HostTable(NonNull::from(table).cast())
    }

    /// That of 1.0, and behind it a page that nobody may touch.
    ///
    /// # Errors
    /// No memory.
    pub fn guarded() -> io::Result<HostTable> {
        let size = v1_0::HOST as usize;
        let table = ioe_host { struct_size: size as u32, abi_minor: 0, ..copy_of_own() };
        // SAFETY: the struct is at least as large as 1.0 had it (engine-api asserts that), all of
        // it was initialised above, and it has no padding that nobody initialised.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const table).cast::<u8>(), size) };
        Ok(HostTable(guard::place(bytes)?.cast()))
    }

    /// For callbacks that are shown it: whoever follows it keeps to its `struct_size`.
    pub(super) fn as_ptr(self) -> *const ioe_host {
        self.0.as_ptr()
    }
}

unsafe extern "C" fn unknown_callback() {
    std::process::abort();
}

fn copy_of_own() -> ioe_host {
    let own = host_table::table();
    ioe_host {
        struct_size: own.struct_size,
        abi_major: own.abi_major,
        abi_minor: own.abi_minor,
        ctx: own.ctx,
        name: own.name,
        version: own.version,
        log: own.log,
        set_error: own.set_error,
        now_ns: own.now_ns,
        alloc: own.alloc,
        free: own.free,
        should_stop: own.should_stop,
        get_extension: own.get_extension,
    }
}

impl Words {
    /// Room for `capacity` bytes, the terminator among them.
    #[must_use]
    pub fn new(capacity: usize) -> Words {
        Words { bytes: vec![CANARY; CANARY_BYTES + capacity + CANARY_BYTES], capacity }
    }

    fn room(&mut self) -> *mut c_char {
        self.bytes[CANARY_BYTES..].as_mut_ptr().cast()
    }

    /// What was said, without its terminator; none where there is none within the capacity.
    #[must_use]
    pub fn said(&self) -> Option<&[u8]> {
        let room = &self.bytes[CANARY_BYTES..][..self.capacity];
        Some(&room[..room.iter().position(|byte| *byte == 0)?])
    }

    /// Whether nothing at all was written.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == CANARY)
    }

    /// What was written where nothing may be, in words.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        let begin = CANARY_BYTES + self.capacity;
        let foreign = |zone: &[u8]| zone.iter().position(|byte| *byte != CANARY);
        if let Some(at) = foreign(&self.bytes[begin..]) {
            return Some(format!("byte {at} behind the capacity of {} is written", self.capacity));
        }
        foreign(&self.bytes[..CANARY_BYTES])
            .map(|at| format!("a byte {} before the room for words is written", CANARY_BYTES - at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_what_was_said_and_what_was_damaged() {
        let mut words = Words::new(4);
        assert_eq!((words.said(), words.damage()), (None, None));
        words.bytes[CANARY_BYTES..][..3].copy_from_slice(b"no\0");
        assert_eq!((words.said(), words.damage()), (Some(&b"no"[..]), None));
        words.bytes[CANARY_BYTES + 4] = 0;
        assert!(words.damage().unwrap().contains("byte 0 behind the capacity of 4"));
        let mut words = Words::new(0);
        assert_eq!(words.said(), None);
        words.bytes[CANARY_BYTES - 1] = 0;
        assert!(words.damage().unwrap().contains("a byte 1 before"));
    }

    #[test]
    fn tables_are_what_they_say() {
        let own = host_table::table();
        for (table, minor, size) in [
            (HostTable::of_version(IOE_ABI_MAJOR, 0), 0, v1_0::HOST),
            (HostTable::of_the_future(), 99, own.struct_size + 64),
            (HostTable::guarded().unwrap(), 0, v1_0::HOST),
        ] {
            // SAFETY: all of them have the fields of 1.0.
            let (is_minor, is_size, log) = unsafe {
                ((*table.as_ptr()).abi_minor, (*table.as_ptr()).struct_size, (*table.as_ptr()).log)
            };
            assert_eq!((is_minor, is_size), (minor, size));
            assert_eq!(log.map(|f| f as usize), own.log.map(|f| f as usize));
        }
    }
}
