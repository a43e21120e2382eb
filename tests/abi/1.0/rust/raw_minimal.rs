//! The smallest useful engine in Rust against the raw types of ABI 1.0: no crate, no macro, no
//! trait, the tables written by hand. `rustc --crate-type cdylib raw_minimal.rs` builds it.
//!
//! It shows that the contract is the C ABI: whatever becomes of the Rust side, this file loads.

#[allow(dead_code, unexpected_cfgs, missing_docs)]
#[path = "api/src/abi.rs"]
mod abi;

use abi::*;
use std::ffi::{c_char, c_void};
use std::ptr;

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EOPNOTSUPP: i32 = 95;

unsafe extern "C" {
    fn pread(fd: i32, buf: *mut c_void, count: usize, offset: i64) -> isize;
    fn pwrite(fd: i32, buf: *const c_void, count: usize, offset: i64) -> isize;
    fn fsync(fd: i32) -> i32;
}

unsafe extern "C" fn init(
    _host: *const ioe_host,
    _job: *const ioe_job,
    inst: *mut *mut c_void,
) -> ioe_status {
    static NOTHING: u8 = 0; // no state, so that any address will do
    // SAFETY: the host's place for the answer.
    unsafe { *inst = (&raw const NOTHING).cast_mut().cast() };
    0
}

unsafe extern "C" fn cleanup(_inst: *mut c_void) {}

unsafe extern "C" fn queue(_inst: *mut c_void, io: *mut ioe_io) -> i32 {
    // SAFETY: the request that the host offers in this call; it has the fields of 1.0.
    let (io, fd) = unsafe { (&mut *io, (*(*io).file).fd) };
    let (len, offset) = (io.len as usize, io.offset as i64);
    let done = loop {
        // SAFETY: descriptor, buffer and length are the request's, lent for this call.
        let done = unsafe {
            match io.op {
                IOE_OP_READ => Ok(pread(fd, io.buf, len, offset)),
                IOE_OP_WRITE => Ok(pwrite(fd, io.buf, len, offset)),
                IOE_OP_FSYNC => Ok(if fsync(fd) < 0 { -1 } else { len as isize }),
                _ => Err(EOPNOTSUPP),
            }
        };
        let failed = || std::io::Error::last_os_error().raw_os_error().unwrap_or(EIO);
        match done.and_then(|done| u64::try_from(done).map_err(|_| failed())) {
            Err(EINTR) => {}
            other => break other,
        }
    };
    match done {
        Ok(done) => io.resid = io.len - done,
        Err(errno) => (io.error, io.resid) = (errno, io.len),
    }
    IOE_Q_COMPLETED
}

#[repr(transparent)]
struct Shared<T>(T);
// SAFETY: the tables are never written after the compiler made them.
unsafe impl<T> Sync for Shared<T> {}

static OPS: Shared<ioe_ops> = Shared(ioe_ops {
    struct_size: size_of::<ioe_ops>() as u32,
    n_options: 0,
    flags: IOE_F_SYNC,
    name: c"rust-raw".as_ptr(),
    help: c"example: pread, pwrite, fsync, by hand".as_ptr(),
    options: ptr::null(),
    io_private_size: 0,
    reserved: 0,
    init: Some(init),
    cleanup: Some(cleanup),
    get_caps: None,
    open_file: None,
    close_file: None,
    get_file_size: None,
    io_init: None,
    io_free: None,
    start: None,
    prep: None,
    queue: Some(queue),
    commit: None,
    getevents: None,
    cancel: None,
    terminate: None,
    errdetails: None,
    get_extension: None,
});
static ENGINES: Shared<[*const ioe_ops; 1]> = Shared([&raw const OPS.0]);
static LAYOUT: ioe_layout = ioe_layout::OWN;
static PLUGIN: Shared<ioe_plugin> = Shared(ioe_plugin {
    magic: IOE_MAGIC,
    struct_size: size_of::<ioe_plugin>() as u32,
    abi_major: IOE_ABI_MAJOR,
    abi_minor: IOE_ABI_MINOR,
    need_minor: 0,
    reserved: 0,
    n_engines: 1,
    id: c"org.iodyno.example.rust-raw".as_ptr(),
    vendor: c"iodyno".as_ptr(),
    version: c"0.1.0".as_ptr(),
    license: c"MIT OR Apache-2.0".as_ptr(),
    url: ptr::null(),
    engines: (&raw const ENGINES.0).cast(),
    layout: &raw const LAYOUT,
    setup: None,
    teardown: None,
});

/// The one symbol that the host looks for.
///
/// # Safety
/// `host` begins with its `struct_size`; `err` has room for `errcap` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioe_plugin_entry_v1(
    _host: *const ioe_host,
    _err: *mut c_char,
    _errcap: usize,
) -> *const ioe_plugin {
    &raw const PLUGIN.0
}
