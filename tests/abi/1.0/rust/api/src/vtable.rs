//! From an [`Engine`] to an `ioe_ops` table: the functions that the host really calls.
//!
//! Each one turns the host's pointers into safe views, calls the engine inside `catch_unwind`, and
//! turns the answer back. A panic never crosses: the call answers -EIO, says so through the host's
//! `set_error` and log, and the instance is poisoned: every later call answers -EIO, and cleanup
//! leaks it. Only a `queue` that panicked after it kept its request answers Queued: a thread of
//! the engine's may be at work on it, and -EIO would give it back to the host. Callbacks that the
//! engine does not have are null. Engines call nothing here, save [`enter`] from the tables of
//! their extensions.

use crate::abi::*;
use crate::engine::Engine;
use crate::error::Error;
use crate::file::{Caps, File, Opened};
use crate::host::{copy_table, Host, Job, Level};
use crate::io::{Failed, Io, Request};
use crate::panics;
use crate::text::write_text;
use crate::unit::{Cancel, Reaped, Wait};
use crate::v1_0;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_void, CStr};
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

const EIO: i32 = -libc::EIO;
const EINVAL: i32 = -libc::EINVAL;
/// No answer of any [`Answer`](crate::Answer): `queue` panicked, now or before.
const PANICKED: i32 = i32::MIN;

// SAFETY: shared means read-only: no field has interior mutability, and what follows a pointer or
// calls a function of the table is unsafe itself.
unsafe impl Sync for ioe_ops {}

/// The table of engine `E`, in read-only data.
pub struct Table<E>(PhantomData<E>);

impl<E: Engine> Table<E> {
    const CHECKED: () = {
        let sync = E::FLAGS & IOE_F_SYNC != 0;
        assert!(sync || E::GETEVENTS.is_some(), "without IOE_F_SYNC an engine needs GETEVENTS");
        let name = E::NAME.to_bytes();
        assert!(!name.is_empty() && name.len() <= 32, "an engine's name has 1 to 32 characters");
        let mut i = 0;
        while i < name.len() {
            let c = name[i];
            let fits = c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
            assert!(fits, "an engine's name is made of a-z, 0-9, _ and -");
            i += 1;
        }
        let mut row = 0;
        while row < E::OPTIONS.len() {
            assert!(!E::OPTIONS[row].name.is_null(), "an option has a name");
            row += 1;
        }
    };

    /// The table.
    pub const OPS: &'static ioe_ops = &{
        let () = Self::CHECKED;
        ioe_ops {
            struct_size: size_of::<ioe_ops>() as u32,
            n_options: E::OPTIONS.len() as u32,
            flags: E::FLAGS,
            name: E::NAME.as_ptr(),
            help: E::HELP.as_ptr(),
            options: E::OPTIONS.as_ptr().cast(), // a reference is a pointer that is not null
            io_private_size: E::IO_PRIVATE_SIZE,
            reserved: 0,
            init: Some(init::<E>),
            cleanup: Some(cleanup::<E>),
            get_caps: if E::GET_CAPS.is_some() { Some(get_caps::<E>) } else { None },
            open_file: if E::OPEN_FILE.is_some() { Some(open_file::<E>) } else { None },
            close_file: if E::CLOSE_FILE.is_some() { Some(close_file::<E>) } else { None },
            get_file_size: if E::GET_FILE_SIZE.is_some() { Some(get_file_size::<E>) } else { None },
            io_init: if E::IO_INIT.is_some() { Some(io_init::<E>) } else { None },
            io_free: if E::IO_FREE.is_some() { Some(io_free::<E>) } else { None },
            start: if E::START.is_some() { Some(start::<E>) } else { None },
            prep: if E::PREP.is_some() { Some(prep::<E>) } else { None },
            queue: Some(queue::<E>),
            commit: if E::COMMIT.is_some() { Some(commit::<E>) } else { None },
            getevents: if E::GETEVENTS.is_some() { Some(getevents::<E>) } else { None },
            cancel: if E::CANCEL.is_some() { Some(cancel::<E>) } else { None },
            terminate: if E::TERMINATE { Some(terminate::<E>) } else { None },
            errdetails: if E::ERRDETAILS.is_some() { Some(errdetails::<E>) } else { None },
            get_extension: if E::EXTENSION.is_some() { Some(get_extension::<E>) } else { None },
        }
    };
}

/// What an `inst` of the ABI points to.
struct Instance<E> {
    poisoned: AtomicBool,
    host: Host,
    engine: UnsafeCell<E>,
}

impl<E: Engine> Instance<E> {
    #[cold]
    fn poison(&self, callback: &str, payload: Box<dyn Any + Send>) {
        self.poisoned.store(true, Ordering::Relaxed);
        report_panic::<E>(&self.host, callback, payload);
    }

    #[cold]
    fn refuse(&self, callback: &str) {
        let name = E::NAME.to_string_lossy();
        let text = format!("engine {name}: {callback}() refused: an earlier callback panicked");
        self.host.set_error(libc::EIO, &text);
    }
}

#[cold]
fn report_panic<E: Engine>(host: &Host, callback: &str, payload: Box<dyn Any + Send>) {
    let (name, words) = (E::NAME.to_string_lossy(), panics::words(payload));
    let text = format!("engine {name}: panic in {callback}(): {words}");
    host.set_error(libc::EIO, &text);
    host.log(Level::Error, &text);
}

/// Runs `f` on the engine behind `inst`; `fault` if it panics or has panicked before. For callbacks
/// in the extension tables of an engine; `callback` is its name for the message.
///
/// # Safety
/// `inst` was made by `E`'s own `init`, was not cleaned up, and this is the job's thread outside of
/// any other callback of the instance.
#[inline(always)]
pub unsafe fn enter<E: Engine, R>(
    inst: *mut c_void,
    callback: &str,
    fault: R,
    f: impl FnOnce(&mut E, &Host) -> R,
) -> R {
    // SAFETY: the caller vouches for the pointer. terminate() may use the instance at the same time
    // from another thread, but only through shared references to its other fields.
    let instance = unsafe { &*inst.cast::<Instance<E>>() };
    if instance.poisoned.load(Ordering::Relaxed) {
        instance.refuse(callback);
        return fault;
    }
    let engine = instance.engine.get();
    // SAFETY: the one mutable reference: callbacks of one instance never overlap, by the ABI, and
    // terminate(), which may, stays out of the cell. Threads of the engine's own have what the
    // engine gave them, checked by the compiler; nobody gives them the cell.
    match catch_unwind(AssertUnwindSafe(|| f(unsafe { &mut *engine }, &instance.host))) {
        Ok(answer) => answer,
        Err(payload) => {
            instance.poison(callback, payload);
            fault
        }
    }
}

/// `enter` for callbacks that answer 0 or -errno.
///
/// # Safety
/// As for [`enter`].
#[inline(always)]
unsafe fn enter_status<E: Engine>(
    inst: *mut c_void,
    callback: &str,
    f: impl FnOnce(&mut E) -> Result<i32, Error>,
) -> ioe_status {
    // SAFETY: passed on to the caller.
    unsafe {
        enter::<E, i32>(inst, callback, EIO, |engine, host| match f(engine) {
            Ok(status) => status,
            Err(error) => host.tell(&error),
        })
    }
}

/// Whether a struct of the host's has at least the fields of 1.0.
///
/// # Safety
/// `table` is null or begins with its `struct_size`.
unsafe fn is_whole<T>(table: *const T, size_1_0: u32) -> bool {
    // SAFETY: the caller vouches for it, and null is tested first.
    !table.is_null() && unsafe { *table.cast::<u32>() } >= size_1_0
}

unsafe extern "C" fn init<E: Engine>(
    host: *const ioe_host,
    job: *const ioe_job,
    inst: *mut *mut c_void,
) -> ioe_status {
    // SAFETY: both begin with struct_size, which is what is looked at.
    if !unsafe { is_whole(host, v1_0::HOST) && is_whole(job, v1_0::JOB) } || inst.is_null() {
        return EINVAL;
    }
    // SAFETY: both tables have just been found to have all fields of 1.0.
    let (host, job) =
        unsafe { (Host::from_raw(host, E::TERMINATE), Job::from_raw(job, E::OPTIONS)) };
    match catch_unwind(AssertUnwindSafe(|| E::init(host.clone(), &job))) {
        Ok(Ok(engine)) => {
            let (poisoned, engine) = (AtomicBool::new(false), UnsafeCell::new(engine));
            let instance = Box::new(Instance { poisoned, host, engine });
            // SAFETY: inst was tested, and is the host's place for the answer.
            unsafe { inst.write(Box::into_raw(instance).cast()) };
            0
        }
        Ok(Err(error)) => host.tell(&error),
        Err(payload) => {
            report_panic::<E>(&host, "init", payload);
            EIO
        }
    }
}

unsafe extern "C" fn cleanup<E: Engine>(inst: *mut c_void) {
    let instance = inst.cast::<Instance<E>>();
    // SAFETY: init() made it; by the ABI the host calls cleanup once, with no other callback
    // running, terminate() included.
    if unsafe { (*instance).poisoned.load(Ordering::Relaxed) } {
        return; // half-changed state is leaked, never run again; threads that use it live on
    }
    // SAFETY: as above: from here on nobody uses the pointer. Threads of the engine's own do not
    // have it: they share what the engine put into an Arc or a static.
    let Instance { host, engine, .. } = *unsafe { Box::from_raw(instance) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(engine))) {
        report_panic::<E>(&host, "cleanup", payload);
    }
}

unsafe extern "C" fn get_caps<E: Engine>(inst: *mut c_void, caps: *mut ioe_caps) -> ioe_status {
    let Some(f) = E::GET_CAPS else { return EINVAL };
    // SAFETY: begins with struct_size, which is what is looked at.
    if !unsafe { is_whole(caps, v1_0::CAPS) } {
        return EINVAL;
    }
    // SAFETY: tested above; a copy, since the host's struct may be the shorter one.
    let mut own: ioe_caps = unsafe { copy_table(caps) };
    // SAFETY: a callback by the host, on the terms of enter().
    let status = unsafe {
        enter_status::<E>(inst, "get_caps", |e| f(e, &mut Caps::new(&mut own)).map(|()| 0))
    };
    // SAFETY: no more than the host's struct_size is written, which the view leaves alone.
    unsafe {
        let bytes = (own.struct_size as usize).min(size_of::<ioe_caps>());
        ptr::copy_nonoverlapping((&raw const own).cast::<u8>(), caps.cast::<u8>(), bytes);
    }
    status
}

/// The common part of the callbacks about files.
///
/// # Safety
/// As for [`enter`]; `file` is null or begins with its `struct_size`.
unsafe fn with_file<E: Engine>(
    inst: *mut c_void,
    file: *mut ioe_file,
    callback: &str,
    f: impl FnOnce(&mut E, &mut File<'_>) -> Result<i32, Error>,
) -> ioe_status {
    // SAFETY: begins with struct_size, which is what is looked at.
    if !unsafe { is_whole(file, v1_0::FILE) } {
        return EINVAL;
    }
    // SAFETY: the file was tested, and is the host's to lend for this call, while by the ABI no
    // unit of it is the engine's; the rest is passed on to the caller.
    unsafe {
        enter_status::<E>(inst, callback, |e| match File::from_raw(file) {
            Some(mut view) => f(e, &mut view),
            None => Ok(EINVAL),
        })
    }
}

unsafe extern "C" fn open_file<E: Engine>(inst: *mut c_void, file: *mut ioe_file) -> ioe_status {
    let Some(f) = E::OPEN_FILE else { return IOE_OPEN_HOST };
    // SAFETY: a callback by the host, on the terms of with_file().
    unsafe {
        with_file::<E>(inst, file, "open_file", |e, file| {
            Ok(match f(e, file)? {
                Opened::ByEngine => IOE_OPENED,
                Opened::ByHost => IOE_OPEN_HOST,
            })
        })
    }
}

unsafe extern "C" fn close_file<E: Engine>(inst: *mut c_void, file: *mut ioe_file) -> ioe_status {
    let Some(f) = E::CLOSE_FILE else { return 0 };
    // SAFETY: a callback by the host, on the terms of with_file().
    unsafe { with_file::<E>(inst, file, "close_file", |e, file| f(e, file).map(|()| 0)) }
}

unsafe extern "C" fn get_file_size<E: Engine>(
    inst: *mut c_void,
    file: *mut ioe_file,
) -> ioe_status {
    let Some(f) = E::GET_FILE_SIZE else { return EINVAL };
    // SAFETY: a callback by the host, on the terms of with_file().
    unsafe { with_file::<E>(inst, file, "get_file_size", |e, file| f(e, file).map(|()| 0)) }
}

unsafe extern "C" fn io_init<E: Engine>(inst: *mut c_void, io: *mut ioe_io) -> ioe_status {
    let Some(f) = E::IO_INIT else { return 0 };
    // SAFETY: begins with struct_size, which is what is looked at.
    if !unsafe { is_whole(io, v1_0::IO) } {
        return EINVAL;
    }
    // SAFETY: a callback by the host, on the terms of enter(), with a live request.
    unsafe { enter_status::<E>(inst, "io_init", |e| f(e, &Request::from_raw(io)).map(|()| 0)) }
}

unsafe extern "C" fn io_free<E: Engine>(inst: *mut c_void, io: *mut ioe_io) {
    let Some(f) = E::IO_FREE else { return };
    // SAFETY: a callback by the host, on the terms of enter(), with a live request.
    unsafe { enter::<E, ()>(inst, "io_free", (), |e, _| f(e, &Request::from_raw(io))) }
}

unsafe extern "C" fn start<E: Engine>(inst: *mut c_void) -> ioe_status {
    let Some(f) = E::START else { return 0 };
    // SAFETY: a callback by the host, on the terms of enter().
    unsafe { enter_status::<E>(inst, "start", |e| f(e).map(|()| 0)) }
}

#[inline]
unsafe extern "C" fn prep<E: Engine>(inst: *mut c_void, io: *mut ioe_io) -> ioe_status {
    let Some(f) = E::PREP else { return 0 };
    // SAFETY: a callback by the host, on the terms of enter(), with a live request.
    unsafe { enter_status::<E>(inst, "prep", |e| f(e, &Request::from_raw(io)).map(|()| 0)) }
}

#[inline]
unsafe extern "C" fn queue<E: Engine>(inst: *mut c_void, io: *mut ioe_io) -> i32 {
    let kept = Cell::new(false);
    // SAFETY: a callback by the host, on the terms of enter(); the request is offered in this call,
    // and this is its one Io.
    let code = unsafe {
        enter::<E, i32>(inst, "queue", PANICKED, |e, _| e.queue(Io::from_raw(io, &kept)).code)
    };
    match code {
        // A thread of the engine's may have the unit: by Queued the host leaves it alone, and by
        // the -EIO of getevents() it learns that it will not come back.
        PANICKED if kept.get() => IOE_Q_QUEUED,
        PANICKED => EIO,
        code => code,
    }
}

#[inline]
unsafe extern "C" fn commit<E: Engine>(inst: *mut c_void) -> ioe_status {
    let Some(f) = E::COMMIT else { return 0 };
    // SAFETY: a callback by the host, on the terms of enter().
    unsafe { enter_status::<E>(inst, "commit", |e| f(e).map(|()| 0)) }
}

#[inline]
unsafe extern "C" fn getevents<E: Engine>(
    inst: *mut c_void,
    min: u32,
    max: u32,
    timeout_ns: i64,
    out: *mut *mut ioe_io,
) -> i32 {
    let Some(f) = E::GETEVENTS else { return EINVAL };
    // SAFETY: a callback by the host, on the terms of enter(); `out` has room for `max` by the ABI.
    unsafe {
        enter::<E, i32>(inst, "getevents", EIO, |e, host| {
            let mut reaped = Reaped::from_raw(out, max);
            match f(e, Wait { min, max, timeout_ns }, &mut reaped) {
                Ok(()) => reaped.count() as i32,
                Err(error) if reaped.count() == 0 => host.tell(&error),
                Err(error) => {
                    // Units in hand must not be lost; the error is told and will come again.
                    host.log(Level::Warn, &error.to_string());
                    reaped.count() as i32
                }
            }
        })
    }
}

unsafe extern "C" fn cancel<E: Engine>(inst: *mut c_void, io: *mut ioe_io) -> i32 {
    let Some(f) = E::CANCEL else { return -libc::EOPNOTSUPP };
    // SAFETY: a callback by the host, on the terms of enter(), with a live request. Its Unit may be
    // on a thread of the engine's: a Request reads input fields, which nobody writes meanwhile.
    unsafe {
        enter_status::<E>(inst, "cancel", |e| match f(e, &Request::from_raw(io))? {
            Cancel::Canceled(unit) => {
                assert!(unit.into_raw() == io, "another unit than the one asked for");
                Ok(IOE_CANCELED)
            }
            Cancel::Pending => Ok(IOE_CANCEL_PENDING),
            Cancel::Done => Ok(-libc::ENOENT),
        })
    }
}

unsafe extern "C" fn terminate<E: Engine>(inst: *mut c_void) {
    // SAFETY: init() made it and cleanup() has not run. This is another thread than the job's: only
    // fields outside of the engine's cell are used, all of them Sync.
    let instance = unsafe { &*inst.cast::<Instance<E>>() };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| instance.host.terminate())) {
        instance.poison("terminate", payload);
    }
}

unsafe extern "C" fn errdetails<E: Engine>(
    inst: *mut c_void,
    io: *const ioe_io,
    buf: *mut c_char,
    cap: usize,
) -> ioe_status {
    let Some(f) = E::ERRDETAILS else { return -libc::EOPNOTSUPP };
    // SAFETY: a callback by the host, on the terms of enter() and write_text(), about a request
    // that by the ABI was handed back and is not yet used again.
    unsafe {
        enter::<E, i32>(inst, "errdetails", EIO, |e, _| {
            let failed = Failed::from_raw(io.cast_mut());
            match write_text(buf, cap, |out| f(e, &failed, out)) {
                Ok(()) => 0,
                Err(_) => EIO,
            }
        })
    }
}

unsafe extern "C" fn get_extension<E: Engine>(
    _inst: *mut c_void,
    id: *const c_char,
) -> *const c_void {
    let Some(f) = E::EXTENSION else { return ptr::null() };
    if id.is_null() {
        return ptr::null();
    }
    // SAFETY: not null, and a C string by the ABI.
    let id = unsafe { CStr::from_ptr(id) };
    // The instance is not touched: a table is the same with and without one.
    catch_unwind(|| f(id)).unwrap_or_else(|payload| {
        let _ = panics::words(payload);
        ptr::null()
    })
}
