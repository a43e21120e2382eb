//! The C ABI, major 1, minor 0: every type, constant and callback that crosses the border.
//!
//! Names, order and types are those of `include/iodyno_engine.h`, which is generated from this
//! file. Rules of growth: every struct that crosses the border begins with `struct_size`; append
//! only, at the end; 0 in a new field means the behaviour from before it existed; fixed-width
//! fields, no padding; numbers are never reused; a reader reads nothing beyond `struct_size`. All
//! of them, and what a new minor takes, are in `docs/abi.md`; `v1_0` holds the structs to 1.0.
//! Must not contain: logic, Rust-only types, anything that a C compiler cannot see.
//!
//! `[who; when]` at a callback: job = the worker's thread of that instance; any = any thread.

#![allow(non_camel_case_types)]

use core::ffi::{c_char, c_void};
use core::mem::{offset_of, size_of};

/// Major version: plugins of another major are refused.
pub const IOE_ABI_MAJOR: u16 = 1;
/// Minor version: grows with every appended field.
pub const IOE_ABI_MINOR: u16 = 0;
/// First eight bytes of [`ioe_plugin`].
pub const IOE_MAGIC: u64 = 0x3145_4e47_4f44_4f49;

/// 0 or a count = ok, -errno = failure.
pub type ioe_status = i32;

/// `queue()`: done now; `error` and `resid` say how.
pub const IOE_Q_COMPLETED: i32 = 0;
/// `queue()`: the engine owns the unit until `getevents` hands it back, exactly once.
pub const IOE_Q_QUEUED: i32 = 1;
/// `queue()`: nothing was taken; commit, reap, offer again.
pub const IOE_Q_BUSY: i32 = 2;

/// `cancel()`: the unit will not come back through `getevents`.
pub const IOE_CANCELED: i32 = 0;
/// `cancel()`: asked for; the unit still comes back.
pub const IOE_CANCEL_PENDING: i32 = 1;

/// Log level: for the engine's author.
pub const IOE_LOG_DEBUG: i32 = 0;
/// Log level: worth knowing.
pub const IOE_LOG_INFO: i32 = 1;
/// Log level: lands in the report.
pub const IOE_LOG_WARN: i32 = 2;
/// Log level: lands in the report as an error.
pub const IOE_LOG_ERROR: i32 = 3;

/// Read `len` bytes at `offset` into `buf`.
pub const IOE_OP_READ: u32 = 0;
/// Write `len` bytes at `offset` from `buf`, which stays as it is.
pub const IOE_OP_WRITE: u32 = 1;
/// Discard the range.
pub const IOE_OP_TRIM: u32 = 2;
/// Make everything written so far durable, metadata included.
pub const IOE_OP_FSYNC: u32 = 3;
/// Make the data written so far durable.
pub const IOE_OP_FDATASYNC: u32 = 4;
/// Start or await write-back of the range: `IOE_IO_SYNC_*` say which; none of them means all three.
pub const IOE_OP_SYNC_RANGE: u32 = 5;
/// Write zeroes without a buffer.
pub const IOE_OP_WRITE_ZEROES: u32 = 6;
/// First number that is private to an engine; never verified, never issued by a host of 1.0.
pub const IOE_OP_ENGINE: u32 = 64;

// Engine flags. Low 32 bits: a host may ignore the ones that it does not know. High 32: it must
// refuse the engine.

/// `queue()` never answers QUEUED: queue is the only callback required.
pub const IOE_F_SYNC: u64 = 0x1;
/// Bypasses the page cache.
pub const IOE_F_RAW: u64 = 0x2;
/// The target is no path: the host itself opens, sizes and lays out nothing. Must not change
/// between `ioe_ops.flags` and `get_caps`: the host looks at targets before there is an instance.
pub const IOE_F_DISKLESS: u64 = 0x4;
/// Cannot grow a file: the host lays it out before the start.
pub const IOE_F_NOEXTEND: u64 = 0x8;
/// A job reads or writes, never both.
pub const IOE_F_UNIDIR: u64 = 0x10;
/// Offsets mean nothing.
pub const IOE_F_PIPE: u64 = 0x20;
/// Moves no data: verify is refused.
pub const IOE_F_FAKE: u64 = 0x40;
/// Does no I/O at all (burns CPU ...): no offsets, no throughput.
pub const IOE_F_NOIO: u64 = 0x80;
/// Fills `issue_ns` itself, in `commit()`.
pub const IOE_F_SETS_ISSUE: u64 = 0x100;
/// One request = one whole file (create, stat, delete ...).
pub const IOE_F_PER_FILE: u64 = 0x200;
/// Buffers only from the extension `iodyno.iomem/1`.
pub const IOE_F_MUST_MEM: u64 = 0x1_0000_0000;

/// Kind of target: none (an engine without files).
pub const IOE_KIND_NONE: u32 = 0;
/// Kind of target: a regular file.
pub const IOE_KIND_REGULAR: u32 = 1;
/// Kind of target: a block device.
pub const IOE_KIND_BLOCK: u32 = 2;
/// Kind of target: a character device.
pub const IOE_KIND_CHAR: u32 = 3;
/// Kind of target: a directory.
pub const IOE_KIND_DIR: u32 = 4;
/// Kind of target: a pipe or socket.
pub const IOE_KIND_PIPE: u32 = 5;

/// The job reads from the target.
pub const IOE_OPEN_READ: u32 = 0x1;
/// The job writes to the target.
pub const IOE_OPEN_WRITE: u32 = 0x2;
/// Create it where it does not exist.
pub const IOE_OPEN_CREATE: u32 = 0x4;
/// Cut it to nothing first.
pub const IOE_OPEN_TRUNC: u32 = 0x8;
/// O_DIRECT.
pub const IOE_OPEN_DIRECT: u32 = 0x10;
/// O_SYNC.
pub const IOE_OPEN_SYNC: u32 = 0x20;
/// O_DSYNC.
pub const IOE_OPEN_DSYNC: u32 = 0x40;

/// `open_file()`: done.
pub const IOE_OPENED: i32 = 0;
/// `open_file()`: "host, open the path for me".
pub const IOE_OPEN_HOST: i32 = 1;

/// Request flag: poll for the completion.
pub const IOE_IO_HIPRI: u64 = 0x1;
/// Request flag: force unit access.
pub const IOE_IO_FUA: u64 = 0x2;
/// Request flag of `IOE_OP_SYNC_RANGE`: wait for write-back that is under way already.
pub const IOE_IO_SYNC_WAIT_BEFORE: u64 = 0x4;
/// Request flag of `IOE_OP_SYNC_RANGE`: start write-back of what is dirty.
pub const IOE_IO_SYNC_WRITE: u64 = 0x8;
/// Request flag of `IOE_OP_SYNC_RANGE`: wait for write-back at the end.
pub const IOE_IO_SYNC_WAIT_AFTER: u64 = 0x10;

/// Option type: 0 or 1, in `v.u`.
pub const IOE_OPT_BOOL: u32 = 1;
/// Option type: signed integer, in `v.i`.
pub const IOE_OPT_INT: u32 = 2;
/// Option type: unsigned integer, in `v.u`.
pub const IOE_OPT_UINT: u32 = 3;
/// Option type: bytes, in `v.u`.
pub const IOE_OPT_SIZE: u32 = 4;
/// Option type: nanoseconds, in `v.u`.
pub const IOE_OPT_TIME_NS: u32 = 5;
/// Option type: double, in `v.f`.
pub const IOE_OPT_FLOAT: u32 = 6;
/// Option type: text, in `v.s`.
pub const IOE_OPT_STR: u32 = 7;
/// Option type: a path, in `v.s`.
pub const IOE_OPT_PATH: u32 = 8;
/// Option type: one of `choices`, its value in `v.u`.
pub const IOE_OPT_ENUM: u32 = 9;
/// Option type: any of `choices`, their values or-ed in `v.u`.
pub const IOE_OPT_FLAGSET: u32 = 10;
/// Option type: another engine's name or path, in `v.s`; found, probed and loaded first.
pub const IOE_OPT_ENGINE: u32 = 11;

/// Option flag: a job without it is refused.
pub const IOE_OPTF_REQUIRED: u32 = 0x1;
/// Option flag: redacted in every output.
pub const IOE_OPTF_SECRET: u32 = 0x2;
/// Option flag: not shown in help.
pub const IOE_OPTF_HIDDEN: u32 = 0x4;
/// Option flag: still works, warned of.
pub const IOE_OPTF_DEPRECATED: u32 = 0x8;

/// A target of a job. The entry stays where it is, and its name valid, until `cleanup`. The host
/// opens, sizes and closes it only while no unit of it is the engine's.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug)]
pub struct ioe_file {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// Open descriptor; -1 where the engine has none.
    pub fd: i32,
    /// The target's name as the job gives it; never null, valid until `cleanup`.
    pub name: *const c_char,
    /// Bytes; 0 = unknown.
    pub size: u64,
    /// `IOE_KIND_*`.
    pub kind: u32,
    /// `IOE_OPEN_*`: how the job wants it opened.
    pub open_flags: u32,
    /// Logical block size in bytes.
    pub block_size: u32,
    /// Number of the file within the job.
    pub index: u32,
    /// The engine's own; the host must not touch it.
    pub engine_data: *mut c_void,
}

/// One request. Host-owned memory whose address is stable from `io_init()` to `io_free()`; `buf`
/// points into one region that is stable as well. After a short transfer the host advances offset,
/// buf and len by what was done (rounded down to `block_size` under direct) and queues the rest;
/// a read with `resid == len` and no error = end of file; a write without progress = EIO.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug)]
pub struct ioe_io {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// `IOE_OP_*`; host -> engine.
    pub op: u32,
    /// `IOE_IO_*`; host -> engine.
    pub flags: u64,
    /// Bytes from the target's beginning.
    pub offset: u64,
    /// Bytes still to transfer.
    pub len: u64,
    /// Where the next byte goes to or comes from; says nothing where the operation has no data.
    pub buf: *mut c_void,
    /// The target.
    pub file: *mut ioe_file,
    /// As given to iomem `add()`, or `UINT32_MAX`.
    pub buf_index: u32,
    /// As `ioprio_set(2)`.
    pub ioprio: u32,
    /// Bytes NOT transferred, 0..len; engine -> host, zeroed before each `queue()`.
    pub resid: u64,
    /// Host clock, only with `IOE_F_SETS_ISSUE`; engine -> host, zeroed before each `queue()`.
    pub issue_ns: u64,
    /// 0 or a positive errno; engine -> host, zeroed before each `queue()`.
    pub error: i32,
    /// NVMe SCT/SC, SCSI key/asc/ascq: the engine's namespace; engine -> host, zeroed likewise.
    pub vendor_status: u32,
    /// The host's own; the engine must not touch it.
    pub host_cookie: u64,
    /// `io_private_size` zeroed bytes, 64-byte aligned; null where that is 0.
    pub engine_data: *mut c_void,
}

/// One choice of an ENUM or FLAGSET option.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug)]
pub struct ioe_choice {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// As written in a job file.
    pub name: *const c_char,
    /// What the engine gets.
    pub value: u64,
    /// One line.
    pub help: *const c_char,
}

/// An option of an engine: pure data, readable without an instance. The host parses, ranges,
/// defaults and documents it.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug)]
pub struct ioe_option {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// `IOE_OPT_*`.
    pub r#type: u32,
    /// `IOE_OPTF_*`.
    pub flags: u32,
    /// Number of `choices`.
    pub n_choices: u32,
    /// `[a-z][a-z0-9_]*`, unique in its table.
    pub name: *const c_char,
    /// Second name, or null.
    pub alias: *const c_char,
    /// In job-file syntax; null = no default.
    pub def: *const c_char,
    /// One line.
    pub help: *const c_char,
    /// Heading in the help, or null.
    pub group: *const c_char,
    /// Smallest value; both 0 = unbounded.
    pub min: i64,
    /// Largest value; both 0 = unbounded.
    pub max: i64,
    /// 0 = any, 1 = power of two, n = multiple of n.
    pub step: u64,
    /// `n_choices` pointers.
    pub choices: *const *const ioe_choice,
}

/// The value of an [`ioe_value`]. INT: i. FLOAT: f. STR, PATH, ENGINE: s. All others: u.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Clone, Copy)]
pub union ioe_value_v {
    /// Signed.
    pub i: i64,
    /// Unsigned.
    pub u: u64,
    /// Floating.
    pub f: f64,
    /// Text; valid until `cleanup`.
    pub s: *const c_char,
}

/// An option's value: parsed, defaulted and range-checked by the host.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_value {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// `IOE_OPT_*`.
    pub r#type: u32,
    /// 1 where the job or a default gives it; 0: there is no value.
    pub is_set: u32,
    /// 0.
    pub reserved: u32,
    /// The value itself.
    pub v: ioe_value_v,
}

/// What the host offers. Callbacks are never null; they and `ctx` are good until the process ends.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_host {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// The host's ABI major.
    pub abi_major: u16,
    /// The host's ABI minor.
    pub abi_minor: u16,
    /// First argument of every callback below.
    pub ctx: *mut c_void,
    /// "iodyno", or another host's name.
    pub name: *const c_char,
    /// The host's version.
    pub version: *const c_char,
    /// `[any]` A line for the log; a plugin prints nothing on its own.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, msg: *const c_char)>,
    /// `[any: about this thread's call]` Words for the errno that is about to be returned.
    pub set_error: Option<unsafe extern "C" fn(ctx: *mut c_void, err: i32, msg: *const c_char)>,
    /// `[any]` CLOCK_MONOTONIC, one epoch for all processes of a run.
    pub now_ns: Option<unsafe extern "C" fn(ctx: *mut c_void) -> u64>,
    /// `[any]` Zeroed memory, or null.
    pub alloc:
        Option<unsafe extern "C" fn(ctx: *mut c_void, size: usize, align: usize) -> *mut c_void>,
    /// `[any]` Gives back what `alloc` gave, with the same size and alignment.
    pub free:
        Option<unsafe extern "C" fn(ctx: *mut c_void, p: *mut c_void, size: usize, align: usize)>,
    /// `[any]` 1 once the run is to end.
    pub should_stop: Option<unsafe extern "C" fn(ctx: *mut c_void) -> i32>,
    /// `[setup, init]` A host extension by id; null = unknown.
    pub get_extension:
        Option<unsafe extern "C" fn(ctx: *mut c_void, id: *const c_char) -> *const c_void>,
}

/// Facts about the job, valid until `cleanup()`.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug)]
pub struct ioe_job {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// Units that may be in flight.
    pub iodepth: u32,
    /// Clones of this job.
    pub numjobs: u32,
    /// Which clone this is, from 0.
    pub job_index: u32,
    /// The largest request in bytes.
    pub max_bs: u64,
    /// Alignment of the buffers in bytes.
    pub align: u32,
    /// 1: O_DIRECT was asked for.
    pub direct: u32,
    /// The job's name.
    pub name: *const c_char,
    /// Bit per `IOE_OP_*`: what the job will issue.
    pub op_mask: u32,
    /// 1: data will be checked.
    pub verify: u32,
    /// `n_opts` pointers, indexed like the engine's `options`.
    pub opts: *const *const ioe_value,
    /// Number of `opts`.
    pub n_opts: u32,
    /// 0.
    pub reserved: u32,
}

/// What this instance, with these options, really is. Prefilled by the host from the ops table.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug, Clone, Copy)]
pub struct ioe_caps {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0 = no limit.
    pub max_depth: u32,
    /// Replaces the ops table's flags for this instance; `IOE_F_DISKLESS` must stay as it is.
    pub flags: u64,
    /// Bit per `IOE_OP_*` supported; 0 = not known.
    pub ops: u64,
    /// Bytes; 0 = no limit.
    pub max_transfer: u64,
    /// Bytes; 0 = the target's block size.
    pub mem_align: u32,
    /// 0.
    pub reserved: u32,
}

/// An engine. Life of an instance: `setup` (once per process) -> `init` -> `get_caps` ->
/// `{ open_file -> get_file_size }*` -> `io_init*` -> `start` -> `( prep -> queue )* commit
/// getevents ...` -> `io_free*` -> `close_file*` -> `cleanup` ... `teardown`.
/// `get_file_size` is also called once before layout; files may be opened and closed later as well;
/// `close_file` comes before the host closes a descriptor of its own. `prep` comes again after Busy
/// and before each continuation: it must be repeatable. All workers of a run open at the same time:
/// no barrier stands before `open_file`, so a listener and its peer can meet. A wait that
/// `terminate()` interrupted may return fewer than min (also the next one, where none was waiting);
/// later calls behave normally, so that units drain.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_ops {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// Number of `options`.
    pub n_options: u32,
    /// `IOE_F_*`.
    pub flags: u64,
    /// `[a-z0-9_-]{1,32}`.
    pub name: *const c_char,
    /// One line.
    pub help: *const c_char,
    /// `n_options` pointers.
    pub options: *const *const ioe_option,
    /// Bytes of `ioe_io.engine_data` for each unit.
    pub io_private_size: u32,
    /// 0.
    pub reserved: u32,
    /// `[job; once]` Makes an instance.
    pub init: Option<
        unsafe extern "C" fn(
            host: *const ioe_host,
            job: *const ioe_job,
            inst: *mut *mut c_void,
        ) -> ioe_status,
    >,
    /// `[job; nothing in flight]` Ends the instance.
    pub cleanup: Option<unsafe extern "C" fn(inst: *mut c_void)>,
    /// `[job; after init]` Optional.
    pub get_caps:
        Option<unsafe extern "C" fn(inst: *mut c_void, caps: *mut ioe_caps) -> ioe_status>,
    /// `[job]` `IOE_OPENED`, `IOE_OPEN_HOST` or -errno, nothing else. Absent or `IOE_OPEN_HOST`:
    /// the host opens the path.
    pub open_file:
        Option<unsafe extern "C" fn(inst: *mut c_void, file: *mut ioe_file) -> ioe_status>,
    /// `[job]` Before the host closes a descriptor of its own.
    pub close_file:
        Option<unsafe extern "C" fn(inst: *mut c_void, file: *mut ioe_file) -> ioe_status>,
    /// `[job]` Fills size and block_size.
    pub get_file_size:
        Option<unsafe extern "C" fn(inst: *mut c_void, file: *mut ioe_file) -> ioe_status>,
    /// `[job; before the start]` Once for each unit.
    pub io_init: Option<unsafe extern "C" fn(inst: *mut c_void, io: *mut ioe_io) -> ioe_status>,
    /// `[job; after the end]` Once for each unit.
    pub io_free: Option<unsafe extern "C" fn(inst: *mut c_void, io: *mut ioe_io)>,
    /// `[job; files open, units made: register here]` Optional.
    pub start: Option<unsafe extern "C" fn(inst: *mut c_void) -> ioe_status>,
    /// `[job; before each queue()]` Must be repeatable.
    pub prep: Option<unsafe extern "C" fn(inst: *mut c_void, io: *mut ioe_io) -> ioe_status>,
    /// `[job]` REQUIRED: `IOE_Q_*` or -errno.
    pub queue: Option<unsafe extern "C" fn(inst: *mut c_void, io: *mut ioe_io) -> i32>,
    /// `[job]` Submits what `queue()` took. < 0 ends the job; each unit taken still comes back with
    /// its error. After Busy: commit (if present), reap at least one, offer again. Out of resources
    /// with nothing in flight: block, or complete with EAGAIN, never Busy.
    pub commit: Option<unsafe extern "C" fn(inst: *mut c_void) -> ioe_status>,
    /// `[job]` REQUIRED without `IOE_F_SYNC`: hands back n units, min <= n <= max unless the
    /// timeout (< 0 = none, 0 = do not wait) ran out; the host never asks for a min above what is
    /// committed and not handed back. -EINTR never crosses.
    pub getevents: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            min: u32,
            max: u32,
            timeout_ns: i64,
            out: *mut *mut ioe_io,
        ) -> i32,
    >,
    /// `[job]` Optional.
    pub cancel: Option<unsafe extern "C" fn(inst: *mut c_void, io: *mut ioe_io) -> i32>,
    /// `[any]` Set a flag, wake a blocked callback.
    pub terminate: Option<unsafe extern "C" fn(inst: *mut c_void)>,
    /// `[job; before reuse]` error or vendor_status != 0: words for it.
    pub errdetails: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            io: *const ioe_io,
            buf: *mut c_char,
            cap: usize,
        ) -> ioe_status,
    >,
    /// `[any; inst may be NULL]` An engine extension by id; null = unknown.
    pub get_extension:
        Option<unsafe extern "C" fn(inst: *mut c_void, id: *const c_char) -> *const c_void>,
}

/// Engine side, `iodyno.iomem/1`: the engine allocates or registers buffers.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_iomem_1 {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Null = the host allocates.
    pub alloc: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            size: usize,
            align: usize,
            numa_node: i32,
        ) -> *mut c_void,
    >,
    /// Gives back what `alloc` gave.
    pub free: Option<unsafe extern "C" fn(inst: *mut c_void, p: *mut c_void, size: usize)>,
    /// Before start: register this region, which stays valid until `cleanup`.
    pub add: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            base: *mut c_void,
            len: u64,
            buf_index: u32,
        ) -> ioe_status,
    >,
}

/// Where `iodyno.identify/1` puts one fact. Never null.
// A type of its own: abi_stable sees through no function pointer that is another's parameter.
pub type ioe_put_fn =
    Option<unsafe extern "C" fn(sink: *mut c_void, key: *const c_char, value: *const c_char)>;

/// Engine side, `iodyno.identify/1`: model, serial, firmware ... into the report.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_identify_1 {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Calls `put` once for each fact.
    #[cfg_attr(feature = "layout-check", sabi(unsafe_opaque_field))]
    pub get: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            file: *mut ioe_file,
            sink: *mut c_void,
            put: ioe_put_fn,
        ) -> ioe_status,
    >,
}

/// Kinds and conditions of zones have the numbers of the standards (ZBC, ZNS). Written anywhere.
pub const IOE_ZONE_CONVENTIONAL: u32 = 1;
/// Written at its pointer only.
pub const IOE_ZONE_SEQ_REQUIRED: u32 = 2;
/// Better written at its pointer.
pub const IOE_ZONE_SEQ_PREFERRED: u32 = 3;
/// A conventional zone has no pointer.
pub const IOE_ZONE_NOT_WP: u32 = 0;
/// The pointer stands at its begin.
pub const IOE_ZONE_EMPTY: u32 = 1;
/// Opened by a write.
pub const IOE_ZONE_IMPLICIT_OPEN: u32 = 2;
/// Opened by a command.
pub const IOE_ZONE_EXPLICIT_OPEN: u32 = 3;
/// Partly written, and not open.
pub const IOE_ZONE_CLOSED: u32 = 4;
/// It can be read only.
pub const IOE_ZONE_READ_ONLY: u32 = 0xd;
/// Nothing more can be written.
pub const IOE_ZONE_FULL: u32 = 0xe;
/// It cannot be used.
pub const IOE_ZONE_OFFLINE: u32 = 0xf;

/// One zone of a device. Positions are bytes from the device's begin.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ioe_zone {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// `IOE_ZONE_CONVENTIONAL` .. `IOE_ZONE_SEQ_PREFERRED`.
    pub kind: u32,
    /// `IOE_ZONE_NOT_WP` .. `IOE_ZONE_OFFLINE`.
    pub cond: u32,
    /// 0.
    pub reserved: u32,
    /// Where it begins.
    pub start: u64,
    /// To the begin of the next one.
    pub len: u64,
    /// What can be written of it.
    pub capacity: u64,
    /// Where the next write has to begin; without a meaning where there is no pointer.
    pub wp: u64,
}

/// Where `iodyno.zbd/1` puts one zone. Never null.
pub type ioe_put_zone_fn = Option<unsafe extern "C" fn(sink: *mut c_void, zone: *const ioe_zone)>;

/// Engine side, `iodyno.zbd/1`: zones of a target that is open, where the engine reaches them in
/// its own way. `[job]`, all four; never while a request to the same zone is in flight. A null
/// pointer, or -EOPNOTSUPP: the host asks the kernel, if the target is a block device.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_zbd_1 {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Zones that may be open, and open or partly written, at once; 0 = as many as there are.
    pub limits: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            file: *mut ioe_file,
            max_open: *mut u32,
            max_active: *mut u32,
        ) -> ioe_status,
    >,
    /// Calls `put` for up to `max` zones, in order, from the one that `offset` lies in. A target
    /// without zones: none, and 0.
    #[cfg_attr(feature = "layout-check", sabi(unsafe_opaque_field))]
    pub report: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            file: *mut ioe_file,
            offset: u64,
            max: u32,
            sink: *mut c_void,
            put: ioe_put_zone_fn,
        ) -> ioe_status,
    >,
    /// Empties the zone that begins at `offset`.
    pub reset: Option<
        unsafe extern "C" fn(inst: *mut c_void, file: *mut ioe_file, offset: u64) -> ioe_status,
    >,
    /// Makes the zone that begins at `offset` full.
    pub finish: Option<
        unsafe extern "C" fn(inst: *mut c_void, file: *mut ioe_file, offset: u64) -> ioe_status,
    >,
}

/// Host side, `iodyno.stack/1`: the engine named by option number `opt`, for wrappers. A wrapper
/// keeps shadow [`ioe_io`] / [`ioe_file`] for the inner engine and reports the inner's caps in its
/// own `get_caps`. Both answer inside of the wrapper's `init`, on its thread; so the inner `init`
/// is called there as well, with the wrapper's own host table and the job that stands here.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_stack_1 {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The inner engine; null where the option names none.
    pub ops: Option<unsafe extern "C" fn(ctx: *mut c_void, opt: u32) -> *const ioe_ops>,
    /// The job as the inner engine is to see it; null likewise.
    pub job: Option<unsafe extern "C" fn(ctx: *mut c_void, opt: u32) -> *const ioe_job>,
}

/// Computed by the plugin's own compiler: catches -m32, -fpack-struct, an edited header. The host
/// wants equal offsets and sizes of at least those of 1.0.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ioe_layout {
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// `sizeof(void *)`.
    pub ptr: u16,
    /// 0x0102 as stored by the plugin's machine.
    pub endian: u16,
    /// `sizeof(struct ioe_io)`.
    pub io_size: u16,
    /// `offsetof(struct ioe_io, engine_data)`.
    pub io_engine_data: u16,
    /// `sizeof(struct ioe_file)`.
    pub file_size: u16,
    /// `offsetof(struct ioe_option, choices)`.
    pub option_choices: u16,
    /// `offsetof(struct ioe_value, v)`.
    pub value_v: u16,
    /// `offsetof(struct ioe_host, get_extension)`.
    pub host_get_extension: u16,
    /// `offsetof(struct ioe_job, n_opts)`.
    pub job_n_opts: u16,
    /// `offsetof(struct ioe_ops, get_extension)`.
    pub ops_get_extension: u16,
}

/// cbindgen:ignore
impl ioe_layout {
    /// The layout as this compiler sees it.
    pub const OWN: ioe_layout = ioe_layout {
        struct_size: size_of::<ioe_layout>() as u32,
        ptr: size_of::<*const c_void>() as u16,
        endian: 0x0102,
        io_size: size_of::<ioe_io>() as u16,
        io_engine_data: offset_of!(ioe_io, engine_data) as u16,
        file_size: size_of::<ioe_file>() as u16,
        option_choices: offset_of!(ioe_option, choices) as u16,
        value_v: offset_of!(ioe_value, v) as u16,
        host_get_extension: offset_of!(ioe_host, get_extension) as u16,
        job_n_opts: offset_of!(ioe_job, n_opts) as u16,
        ops_get_extension: offset_of!(ioe_ops, get_extension) as u16,
    };
}

/// What the entry returns: the plugin, its engines, its layout.
#[repr(C)]
#[cfg_attr(feature = "layout-check", derive(abi_stable::StableAbi))]
pub struct ioe_plugin {
    /// [`IOE_MAGIC`], checked before anything else is read.
    pub magic: u64,
    /// `sizeof` at the writer's compile time.
    pub struct_size: u32,
    /// Of the header that this was compiled with.
    pub abi_major: u16,
    /// Of the header that this was compiled with.
    pub abi_minor: u16,
    /// The oldest host minor that it can work with.
    pub need_minor: u16,
    /// 0.
    pub reserved: u16,
    /// Number of `engines`.
    pub n_engines: u32,
    /// Reverse DNS: "com.acme.sg".
    pub id: *const c_char,
    /// Who made it.
    pub vendor: *const c_char,
    /// The plugin's own version.
    pub version: *const c_char,
    /// SPDX expression, or null.
    pub license: *const c_char,
    /// Where to ask, or null.
    pub url: *const c_char,
    /// `n_engines` pointers.
    pub engines: *const *const ioe_ops,
    /// As the plugin's compiler computed it: `IOE_LAYOUT_INIT` in C.
    pub layout: *const ioe_layout,
    /// Optional: once per process, before any init.
    pub setup: Option<unsafe extern "C" fn(host: *const ioe_host) -> ioe_status>,
    /// Optional: once, after the last cleanup.
    pub teardown: Option<unsafe extern "C" fn()>,
}

/// Name of the one exported symbol; the major is in it.
pub const IOE_ENTRY_SYMBOL: &str = "ioe_plugin_entry_v1";

/// The entry. Null and a text in `err` = refusal. Must tolerate repeated calls.
pub type ioe_plugin_entry_v1_fn = Option<
    unsafe extern "C" fn(
        host: *const ioe_host,
        err: *mut c_char,
        errcap: usize,
    ) -> *const ioe_plugin,
>;
