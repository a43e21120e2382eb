//! The forms of the ring's entries that carry NVMe commands: 128 bytes there, 32 back.
//!
//! Filled in by `engine`, read by the kernel. Knows no command's meaning.

use crate::command::Command;
use iodyno_engine_support::uring::kernel::{
    Cqe, Sqe, OP_URING_CMD, SETUP_CQE32, SETUP_SQE128, URING_CMD_FIXED,
};
use iodyno_engine_support::uring::ring::{Completion, Submission};

/// `NVME_URING_CMD_IO`: _IOWR('N', 0x80, struct nvme_uring_cmd).
const NVME_URING_CMD_IO: u32 = 0xc048_4e80;
/// `NVME_URING_CMD_IO_VEC`: the same, and the command's address is that of iovecs.
const NVME_URING_CMD_IO_VEC: u32 = 0xc048_4e81;

/// The first 48 bytes of a `struct io_uring_sqe`; behind them, a command.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    command_op: u32,
    pad: u32,
    addr: u64,
    len: u32,
    op_flags: u32,
    user_data: u64,
    buf_index: u16,
    personality: u16,
    file_index: u32,
    command: Command,
    rest: u64,
}
const _: () = assert!(size_of::<Entry>() == 128);
const _: () = assert!(std::mem::offset_of!(Entry, command) == 48);

impl Entry {
    /// A command to a file, which is named by number and flag; `fixed` is the number of the piece
    /// of registered memory that its data lies in.
    #[inline(always)]
    pub(crate) fn new(
        command: Command,
        file: (i32, u8),
        fixed: Option<u16>,
        user_data: u64,
    ) -> Entry {
        Entry {
            opcode: OP_URING_CMD,
            flags: file.1,
            fd: file.0,
            command_op: NVME_URING_CMD_IO,
            op_flags: if fixed.is_some() { URING_CMD_FIXED } else { 0 },
            buf_index: fixed.unwrap_or(0),
            user_data,
            command,
            ..Entry::default()
        }
    }

    /// Its data is named by iovecs, whose address and number stand in the command.
    #[inline(always)]
    pub(crate) fn vectored(mut self) -> Entry {
        self.command_op = NVME_URING_CMD_IO_VEC;
        self
    }

    /// With IOSQE flags added.
    #[inline(always)]
    pub(crate) fn flagged(mut self, flags: u8) -> Entry {
        self.flags |= flags;
        self
    }
}

// SAFETY: 128 bytes, tested above; the first 48 are in place as in Sqe, and for what has no command
// plain() copies them.
unsafe impl Submission for Entry {
    const SETUP: u32 = SETUP_SQE128;

    fn plain(sqe: Sqe) -> Entry {
        Entry {
            opcode: sqe.opcode,
            flags: sqe.flags,
            ioprio: sqe.ioprio,
            fd: sqe.fd,
            command_op: sqe.off as u32,
            pad: (sqe.off >> 32) as u32,
            addr: sqe.addr,
            len: sqe.len,
            op_flags: sqe.op_flags,
            user_data: sqe.user_data,
            buf_index: sqe.buf_index,
            personality: sqe.personality,
            file_index: sqe.file_index,
            ..Entry::default()
        }
    }

    #[inline(always)]
    fn user_data(&self) -> u64 {
        self.user_data
    }
}

/// `struct io_uring_cqe` with its second half.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) cqe: Cqe,
    /// Dwords 0 and 1 of the device's completion; nothing here depends on them.
    _result: u64,
    _reserved: u64,
}
const _: () = assert!(size_of::<Answered>() == 32);

// SAFETY: 32 bytes, tested above, a Cqe first; numbers alone.
unsafe impl Completion for Answered {
    const SETUP: u32 = SETUP_CQE32;

    #[inline(always)]
    fn user_data(&self) -> u64 {
        self.cqe.user_data
    }
}
