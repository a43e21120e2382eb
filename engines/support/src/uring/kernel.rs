//! What the kernel's io_uring interface is made of: numbers, structs, three system calls.
//!
//! From linux/io_uring.h, as much of it as `ring` and the engines' entries use. The calls are made
//! once and answer errno: whether to repeat is the caller's affair. Knows no request and no engine.

#![allow(missing_docs)] // constants and fields are named as in the kernel's header

use crate::errno::{self, Errno};
use std::ffi::c_void;
use std::os::fd::{FromRawFd, OwnedFd};

pub const OP_READV: u8 = 1;
pub const OP_WRITEV: u8 = 2;
pub const OP_FSYNC: u8 = 3;
pub const OP_READ_FIXED: u8 = 4;
pub const OP_WRITE_FIXED: u8 = 5;
pub const OP_POLL_ADD: u8 = 6;
pub const OP_SYNC_FILE_RANGE: u8 = 8;
pub const OP_FALLOCATE: u8 = 17;
pub const OP_READ: u8 = 22;
pub const OP_WRITE: u8 = 23;
pub const OP_URING_CMD: u8 = 46;

pub const FSYNC_DATASYNC: u32 = 1;
/// `BLOCK_URING_CMD_DISCARD`: _IO(0x12, 0).
pub const BLOCK_CMD_DISCARD: u32 = 0x1200;
/// `RWF_DONTCACHE`, since Linux 6.14.
pub const RWF_DONTCACHE: u32 = 0x80;

/// `IORING_URING_CMD_FIXED`, since Linux 6.1.
pub const URING_CMD_FIXED: u32 = 1;

pub const SQE_FIXED_FILE: u8 = 1;
pub const SQE_ASYNC: u8 = 1 << 4;

pub const SETUP_IOPOLL: u32 = 1;
pub const SETUP_SQPOLL: u32 = 1 << 1;
pub const SETUP_SQ_AFF: u32 = 1 << 2;
pub const SETUP_ATTACH_WQ: u32 = 1 << 5;
pub const SETUP_SUBMIT_ALL: u32 = 1 << 7; // Linux 5.18
pub const SETUP_COOP_TASKRUN: u32 = 1 << 8; // 5.19
pub const SETUP_TASKRUN_FLAG: u32 = 1 << 9; // 5.19
pub const SETUP_SQE128: u32 = 1 << 10; // 5.19
pub const SETUP_CQE32: u32 = 1 << 11; // 5.19
pub const SETUP_SINGLE_ISSUER: u32 = 1 << 12; // 6.0
pub const SETUP_DEFER_TASKRUN: u32 = 1 << 13; // 6.1
pub const SETUP_NO_SQARRAY: u32 = 1 << 16; // 6.6

pub const FEAT_SINGLE_MMAP: u32 = 1;
pub const FEAT_NODROP: u32 = 1 << 1;
pub const FEAT_SUBMIT_STABLE: u32 = 1 << 2;
pub const FEAT_EXT_ARG: u32 = 1 << 8; // Linux 5.11

pub const SQ_NEED_WAKEUP: u32 = 1;
pub const SQ_TASKRUN: u32 = 1 << 2;

pub const ENTER_GETEVENTS: u32 = 1;
pub const ENTER_SQ_WAKEUP: u32 = 1 << 1;
pub const ENTER_SQ_WAIT: u32 = 1 << 2;
pub const ENTER_EXT_ARG: u32 = 1 << 3;
pub const ENTER_REGISTERED_RING: u32 = 1 << 4;

pub const REGISTER_BUFFERS: u32 = 0;
pub const UNREGISTER_BUFFERS: u32 = 1;
pub const REGISTER_FILES: u32 = 2;
pub const REGISTER_FILES_UPDATE: u32 = 6;
pub const REGISTER_RING_FDS: u32 = 20;
pub const UNREGISTER_RING_FDS: u32 = 21;
pub const REGISTER_SYNC_CANCEL: u32 = 24;

pub const OFF_SQ_RING: i64 = 0;
pub const OFF_SQES: i64 = 0x1000_0000;

/// Entries that a ring has at most.
pub const ENTRIES_MAX: u32 = 32768;

/// `struct io_uring_sqe`: one submission.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqe {
    pub opcode: u8,
    pub flags: u8,
    pub ioprio: u16,
    pub fd: i32,
    pub off: u64,
    pub addr: u64,
    pub len: u32,
    pub op_flags: u32,
    pub user_data: u64,
    pub buf_index: u16,
    pub personality: u16,
    pub file_index: u32,
    pub addr3: u64,
    pub pad: u64,
}
const _: () = assert!(size_of::<Sqe>() == 64);

/// `struct io_uring_cqe`: one completion.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Cqe {
    pub user_data: u64,
    pub res: i32,
    pub flags: u32,
}
const _: () = assert!(size_of::<Cqe>() == 16);

/// `struct io_sqring_offsets`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SqOffsets {
    pub head: u32,
    pub tail: u32,
    pub ring_mask: u32,
    pub ring_entries: u32,
    pub flags: u32,
    pub dropped: u32,
    pub array: u32,
    pub resv1: u32,
    pub user_addr: u64,
}

/// `struct io_cqring_offsets`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CqOffsets {
    pub head: u32,
    pub tail: u32,
    pub ring_mask: u32,
    pub ring_entries: u32,
    pub overflow: u32,
    pub cqes: u32,
    pub flags: u32,
    pub resv1: u32,
    pub user_addr: u64,
}

/// `struct io_uring_params`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Params {
    pub sq_entries: u32,
    pub cq_entries: u32,
    pub flags: u32,
    pub sq_thread_cpu: u32,
    pub sq_thread_idle: u32,
    pub features: u32,
    pub wq_fd: u32,
    pub resv: [u32; 3],
    pub sq_off: SqOffsets,
    pub cq_off: CqOffsets,
}
const _: () = assert!(size_of::<Params>() == 120);

/// `struct __kernel_timespec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Timespec {
    pub sec: i64,
    pub nsec: i64,
}

impl Timespec {
    pub fn from_ns(ns: u64) -> Timespec {
        let (sec, nsec) = (ns / 1_000_000_000, ns % 1_000_000_000);
        Timespec { sec: sec as i64, nsec: nsec as i64 } // 2^64 ns are 585 years: both fit
    }
}

/// `struct io_uring_getevents_arg`.
#[repr(C)]
#[derive(Debug)]
pub struct GeteventsArg {
    pub sigmask: u64,
    pub sigmask_sz: u32,
    pub pad: u32,
    pub ts: u64,
}

/// `struct io_uring_rsrc_update`, which is `struct io_uring_files_update`, too.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Update {
    pub offset: u32,
    pub resv: u32,
    pub data: u64,
}

/// `struct io_uring_sync_cancel_reg`.
#[repr(C)]
#[derive(Debug)]
pub struct SyncCancel {
    pub addr: u64,
    pub fd: i32,
    pub flags: u32,
    pub timeout: Timespec,
    pub pad: [u64; 4],
}

/// `io_uring_setup`.
pub fn setup(entries: u32, params: &mut Params) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel reads and writes one io_uring_params, which Params is.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, entries, &raw mut *params) };
    match i32::try_from(fd) {
        // SAFETY: a descriptor that the kernel has just made for this call alone.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(errno::last()),
    }
}

/// `io_uring_enter`: how many entries the kernel took.
///
/// # Safety
/// What the ring's unsubmitted entries point to is good until their completion; `arg` is null or
/// points to what `flags` say, of `size` bytes.
#[inline]
pub unsafe fn enter(
    fd: i32,
    to_submit: u32,
    min_complete: u32,
    flags: u32,
    arg: *const c_void,
    size: usize,
) -> Result<u32, Errno> {
    // SAFETY: the caller vouches for what the kernel will follow.
    let done = unsafe {
        libc::syscall(libc::SYS_io_uring_enter, fd, to_submit, min_complete, flags, arg, size)
    };
    u32::try_from(done).map_err(|_| errno::last())
}

/// `io_uring_register`.
///
/// # Safety
/// `arg` points to `n` of what `opcode` asks for, and the memory that these describe is good for as
/// long as it stays registered.
pub unsafe fn register(fd: i32, opcode: u32, arg: *const c_void, n: u32) -> Result<u32, Errno> {
    // SAFETY: the caller vouches for it.
    let done = unsafe { libc::syscall(libc::SYS_io_uring_register, fd, opcode, arg, n) };
    u32::try_from(done).map_err(|_| errno::last())
}
