//! A small host for unit tests of engines: no process, no file, no thread.
//!
//! A test makes a [`TestHost`], opens an instance of an ops table with [`TestHost::open`] and calls
//! its callbacks through the raw table, as the real host does; what the engine said is kept. Not a
//! conformance test: it checks nothing by itself, and it believes the test: pointers and tables
//! that a test makes up are as undefined here as from a host that lies.

use crate::abi::*;
use core::ffi::{c_char, c_void, CStr};
use core::mem::size_of;
use core::ptr::{self, null, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};

/// The first engine of a plugin, from the entry that `export_plugin!` made.
///
/// # Panics
/// When the entry refuses the host, or the plugin has no engine.
pub fn ops(entry: PluginEntry) -> &'static ioe_ops {
    let host = TestHost::new();
    // SAFETY: a whole host table, and no room for words.
    let plugin = unsafe { entry(host.table(), null_mut(), 0).as_ref() };
    let plugin = plugin.expect("the entry takes this host");
    assert!(plugin.n_engines > 0, "the plugin has no engine");
    // SAFETY: so many tables follow each other there; plugin and tables are constants.
    unsafe { &**plugin.engines }
}

/// `ioe_plugin_entry_v1` of a plugin.
pub type PluginEntry =
    unsafe extern "C" fn(*const ioe_host, *mut c_char, usize) -> *const ioe_plugin;

/// A host table and what was said to it.
pub struct TestHost {
    table: ioe_host,
    said: Box<Said>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Vec<(i32, String)>>,
    errors: Mutex<Vec<(i32, String)>>,
    stop: AtomicBool,
}

/// # Safety
/// `ctx` is the `said` of a living TestHost.
unsafe fn said<'a>(ctx: *mut c_void) -> &'a Said {
    // SAFETY: the caller vouches for it; everything in it is Sync.
    unsafe { &*ctx.cast::<Said>() }
}

fn keep(list: &Mutex<Vec<(i32, String)>>, number: i32, text: *const c_char) {
    // SAFETY: log and set_error are given C strings by the ABI.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    list.lock().unwrap_or_else(PoisonError::into_inner).push((number, text));
}

unsafe extern "C" fn log(ctx: *mut c_void, level: i32, msg: *const c_char) {
    // SAFETY: the table below passes its own `said`.
    keep(unsafe { &said(ctx).lines }, level, msg);
}

unsafe extern "C" fn set_error(ctx: *mut c_void, err: i32, msg: *const c_char) {
    // SAFETY: as in log().
    keep(unsafe { &said(ctx).errors }, err, msg);
}

unsafe extern "C" fn now_ns(_ctx: *mut c_void) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a timespec to write to, and a clock that always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

unsafe extern "C" fn alloc(_ctx: *mut c_void, size: usize, align: usize) -> *mut c_void {
    match Layout::from_size_align(size, align) {
        // SAFETY: the size is not zero.
        Ok(layout) if size > 0 => unsafe { alloc_zeroed(layout).cast() },
        _ => null_mut(),
    }
}

unsafe extern "C" fn free(_ctx: *mut c_void, p: *mut c_void, size: usize, align: usize) {
    if let Ok(layout) = Layout::from_size_align(size, align) {
        // SAFETY: alloc() gave it, with the same size and alignment, by the ABI.
        unsafe { dealloc(p.cast(), layout) };
    }
}

unsafe extern "C" fn should_stop(ctx: *mut c_void) -> i32 {
    // SAFETY: as in log().
    unsafe { said(ctx).stop.load(Ordering::Relaxed) }.into()
}

unsafe extern "C" fn get_extension(_ctx: *mut c_void, _id: *const c_char) -> *const c_void {
    null()
}

impl Default for TestHost {
    fn default() -> Self {
        TestHost::new()
    }
}

impl TestHost {
    /// A host of this crate's version, to which nothing was said yet.
    pub fn new() -> TestHost {
        let said = Box::<Said>::default();
        let table = ioe_host {
            struct_size: size_of::<ioe_host>() as u32,
            abi_major: IOE_ABI_MAJOR,
            abi_minor: IOE_ABI_MINOR,
            ctx: (&raw const *said).cast_mut().cast(),
            name: c"test".as_ptr(),
            version: c"0".as_ptr(),
            log: Some(log),
            set_error: Some(set_error),
            now_ns: Some(now_ns),
            alloc: Some(alloc),
            free: Some(free),
            should_stop: Some(should_stop),
            get_extension: Some(get_extension),
        };
        TestHost { table, said }
    }

    /// The table that is handed to entry and `init`.
    pub fn table(&self) -> &ioe_host {
        &self.table
    }

    /// Lines of the log so far: level and text.
    pub fn lines(&self) -> Vec<(i32, String)> {
        self.said.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `set_error` was called with so far: errno and text.
    pub fn errors(&self) -> Vec<(i32, String)> {
        self.said.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on `should_stop` answers 1.
    pub fn stop(&self) {
        self.said.stop.store(true, Ordering::Relaxed);
    }

    /// Makes an instance; the error is `init`'s status.
    pub fn open<'a>(
        &'a self,
        ops: &'a ioe_ops,
        job: &'a TestJob,
    ) -> Result<TestInstance<'a>, ioe_status> {
        let mut inst = null_mut();
        let init = ops.init.ok_or(-libc::ENOSYS)?;
        // SAFETY: two whole tables that outlive the instance, and a place for the answer.
        let status = unsafe { init(&self.table, &job.job, &mut inst) };
        match status {
            0 => Ok(TestInstance { ops, inst, host: self }),
            status => Err(status),
        }
    }
}

/// A job and its option values.
pub struct TestJob {
    job: ioe_job,
    values: Vec<ioe_value>,
    pointers: Vec<*const ioe_value>,
    names: Vec<&'static CStr>,
    texts: Vec<CString>,
}

impl TestJob {
    /// A job for an engine, with no option given.
    pub fn new(ops: &'static ioe_ops, iodepth: u32) -> TestJob {
        let (mut values, mut names) = (Vec::new(), Vec::new());
        for i in 0..ops.n_options as usize {
            // SAFETY: an ops table has n_options rows, each of them a constant with a name.
            let (row, name) = unsafe {
                let row = &**ops.options.add(i);
                (row, CStr::from_ptr(row.name))
            };
            names.push(name);
            values.push(ioe_value {
                struct_size: size_of::<ioe_value>() as u32,
                r#type: row.r#type,
                is_set: 0,
                reserved: 0,
                v: ioe_value_v { u: 0 },
            });
        }
        let pointers: Vec<*const ioe_value> = values.iter().map(ptr::from_ref).collect();
        let job = ioe_job {
            struct_size: size_of::<ioe_job>() as u32,
            iodepth,
            numjobs: 1,
            job_index: 0,
            max_bs: 1 << 20,
            align: 4096,
            direct: 0,
            name: c"test".as_ptr(),
            op_mask: 0x7f,
            verify: 0,
            opts: pointers.as_ptr(),
            n_opts: ops.n_options,
            reserved: 0,
        };
        TestJob { job, values, pointers, names, texts: Vec::new() }
    }

    /// Gives an option its value.
    ///
    /// # Panics
    /// When the engine has no such option.
    #[must_use]
    pub fn set(mut self, name: &str, v: ioe_value_v) -> TestJob {
        let found = self.names.iter().position(|n| n.to_bytes() == name.as_bytes());
        let at = found.unwrap_or_else(|| panic!("no option {name}"));
        self.values[at].is_set = 1;
        self.values[at].v = v;
        self.pointers = self.values.iter().map(ptr::from_ref).collect();
        self.job.opts = self.pointers.as_ptr();
        self
    }

    /// Gives a STR, PATH or ENGINE option its value.
    #[must_use]
    pub fn set_text(mut self, name: &str, text: &str) -> TestJob {
        let text = CString::new(text).unwrap_or_default();
        let v = ioe_value_v { s: text.as_ptr() };
        self.texts.push(text);
        self.set(name, v)
    }

    /// The raw job, to edit.
    pub fn raw(&mut self) -> &mut ioe_job {
        &mut self.job
    }
}

/// An instance; dropped = cleaned up.
pub struct TestInstance<'a> {
    /// The table that its callbacks come from.
    pub ops: &'a ioe_ops,
    /// First argument of the callbacks.
    pub inst: *mut c_void,
    /// The host that it was made with.
    pub host: &'a TestHost,
}

impl TestInstance<'_> {
    /// `queue`.
    pub fn queue(&self, io: &mut ioe_io) -> i32 {
        let Some(queue) = self.ops.queue else { return -libc::ENOSYS };
        (io.resid, io.error, io.vendor_status) = (0, 0, 0);
        // SAFETY: the instance lives until this value is dropped; that the request is whole, and
        // outlives its flight, is the test's affair (see the top of the file).
        unsafe { queue(self.inst, io) }
    }

    /// `commit`; 0 where the engine has none.
    pub fn commit(&self) -> ioe_status {
        // SAFETY: the instance lives.
        self.ops.commit.map_or(0, |commit| unsafe { commit(self.inst) })
    }

    /// `getevents`: the units, or its status.
    pub fn getevents(&self, min: u32, max: u32, timeout_ns: i64) -> Result<Vec<*mut ioe_io>, i32> {
        let getevents = self.ops.getevents.ok_or(-libc::ENOSYS)?;
        let mut out = vec![null_mut(); max as usize];
        // SAFETY: the instance lives, and `out` has room for max.
        let n = unsafe { getevents(self.inst, min, max, timeout_ns, out.as_mut_ptr()) };
        out.truncate(usize::try_from(n).map_err(|_| n)?);
        Ok(out)
    }
}

impl Drop for TestInstance<'_> {
    fn drop(&mut self) {
        if let Some(cleanup) = self.ops.cleanup {
            // SAFETY: once, at the end of the instance's life.
            unsafe { cleanup(self.inst) };
        }
    }
}

/// A target with an open descriptor (or -1).
pub fn file(fd: i32, kind: u32) -> Box<ioe_file> {
    Box::new(ioe_file {
        struct_size: size_of::<ioe_file>() as u32,
        fd,
        name: c"target".as_ptr(),
        size: 0,
        kind,
        open_flags: IOE_OPEN_READ | IOE_OPEN_WRITE,
        block_size: 512,
        index: 0,
        engine_data: null_mut(),
    })
}

/// A request. `buf` must outlive it; empty for requests without data, whose `len` is set after.
pub fn request(op: u32, file: *mut ioe_file, offset: u64, buf: &mut [u8]) -> Box<ioe_io> {
    Box::new(ioe_io {
        struct_size: size_of::<ioe_io>() as u32,
        op,
        flags: 0,
        offset,
        len: buf.len() as u64,
        buf: if buf.is_empty() { ptr::null_mut() } else { buf.as_mut_ptr().cast() },
        file,
        buf_index: u32::MAX,
        ioprio: 0,
        resid: 0,
        issue_ns: 0,
        error: 0,
        vendor_status: 0,
        host_cookie: 0,
        engine_data: null_mut(),
    })
}
