//! From a request to the ring's entry for it.
//!
//! Called by `engine` for each request, again after an interruption. What the ring has no operation
//! for, or a polling ring refuses, is done here and now by a system call. Queues nothing itself.

use crate::options::Settings;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::Request;
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::priority::Priority;
use iodyno_engine_support::uring::{buffers::Buffers, kernel::*};
use iodyno_engine_support::whole::{range_flags, whole};
use libc::iovec;

/// Bytes of a request's private part: the iovec of a vectored transfer, which the kernel reads when
/// the entry is submitted.
pub(crate) const PRIVATE_SIZE: u32 = size_of::<iovec>() as u32;

/// What the kernel moves in one request at most; the host continues the rest.
const TRANSFER_MAX: u64 = 0x7fff_f000;

/// How entries are made.
pub(crate) struct Shape {
    read: u8,
    write: u8,
    vectored: bool,
    /// Flags of each transfer, as for preadv2(2).
    rwf: u32,
    /// A polling ring takes transfers alone.
    polled: bool,
    force_async: u32,
    until_async: u32,
    /// Block devices discard by an entry; false since one refused.
    pub(crate) discards: bool,
}

/// A request that has to be answered without the ring.
pub(crate) type Answered = Result<u64, Errno>;

impl Shape {
    pub(crate) fn new(settings: &Settings) -> Shape {
        let mut rwf = 0;
        if settings.nowait {
            rwf |= libc::RWF_NOWAIT as u32;
        }
        if settings.uncached {
            rwf |= RWF_DONTCACHE;
        }
        let (read, write) = match settings.vectored {
            true => (OP_READV, OP_WRITEV),
            false => (OP_READ, OP_WRITE),
        };
        Shape {
            read,
            write,
            vectored: settings.vectored,
            rwf,
            polled: settings.hipri,
            force_async: settings.force_async,
            until_async: settings.force_async,
            discards: true,
        }
    }

    /// The entry of a read or write; `file` names its file, as a number and a flag.
    #[inline(always)]
    pub(crate) fn transfer(
        &mut self,
        io: &Request,
        is_read: bool,
        file: (i32, u8),
        buffers: &Buffers,
        priority: &mut Option<Priority>,
    ) -> Result<Sqe, Answered> {
        let len = io.len().min(TRANSFER_MAX) as u32;
        let mut sqe = Sqe {
            opcode: if is_read { self.read } else { self.write },
            flags: file.1 | self.async_flag(),
            ioprio: ioprio(io, is_read, priority)?,
            fd: file.0,
            off: io.offset(),
            addr: io.buf_ptr() as u64,
            len,
            op_flags: self.rwf,
            user_data: io.as_ptr() as u64,
            ..Sqe::default()
        };
        if io.flags() != 0 {
            sqe.op_flags |= self.asked_flags(io, is_read)?;
        }
        if let Some(piece) = buffers.find(sqe.addr, len) {
            sqe.opcode = if is_read { OP_READ_FIXED } else { OP_WRITE_FIXED };
            sqe.buf_index = piece;
        } else if self.vectored {
            let vector: *mut iovec = io.private().cast();
            if vector.is_null() {
                return Err(Err(libc::EINVAL));
            }
            // SAFETY: PRIVATE_SIZE bytes, aligned to 64, that are this engine's own as long as it
            // has the request; null was tested for.
            unsafe {
                vector.write(iovec { iov_base: io.buf_ptr().cast(), iov_len: len as usize });
            }
            (sqe.addr, sqe.len) = (vector as u64, 1);
        }
        Ok(sqe)
    }

    /// IOSQE_ASYNC for every Nth.
    #[inline(always)]
    fn async_flag(&mut self) -> u8 {
        if self.force_async == 0 {
            return 0;
        }
        self.until_async -= 1;
        if self.until_async > 0 {
            return 0;
        }
        self.until_async = self.force_async;
        SQE_ASYNC
    }

    /// The request's own flags.
    #[cold]
    fn asked_flags(&self, io: &Request, is_read: bool) -> Result<u32, Answered> {
        let mut rwf = 0;
        if io.flags() & IOE_IO_FUA != 0 && !is_read {
            rwf |= libc::RWF_DSYNC as u32;
        }
        // A ring polls for all of its requests or for none.
        match io.flags() & IOE_IO_HIPRI != 0 && !self.polled {
            true => Err(Err(libc::EOPNOTSUPP)),
            false => Ok(rwf),
        }
    }

    /// The entry of a request without data, or its answer.
    pub(crate) fn other(&mut self, io: &Request, file: (i32, u8)) -> Result<Sqe, Answered> {
        let kind = io.file().map_or(IOE_KIND_NONE, |file| file.kind());
        let (op, offset, len) = (io.op(), io.offset(), io.len());
        let on_ring = !self.polled;
        let mut sqe =
            Sqe { flags: file.1, fd: file.0, user_data: io.as_ptr() as u64, ..Sqe::default() };
        match (op, kind) {
            (IOE_OP_FSYNC | IOE_OP_FDATASYNC, _) if on_ring => {
                sqe.opcode = OP_FSYNC;
                sqe.op_flags = if op == IOE_OP_FDATASYNC { FSYNC_DATASYNC } else { 0 };
            }
            (IOE_OP_SYNC_RANGE, _) if on_ring && u32::try_from(len).is_ok() => {
                sqe.opcode = OP_SYNC_FILE_RANGE;
                (sqe.off, sqe.len, sqe.op_flags) = (offset, len as u32, range_flags(io));
            }
            (IOE_OP_TRIM, IOE_KIND_REGULAR) if on_ring => {
                let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
                fallocate(&mut sqe, mode, offset, len);
            }
            (IOE_OP_WRITE_ZEROES, IOE_KIND_REGULAR) if on_ring => {
                fallocate(&mut sqe, libc::FALLOC_FL_ZERO_RANGE, offset, len);
            }
            (IOE_OP_WRITE_ZEROES, IOE_KIND_BLOCK) if on_ring => {
                let mode = libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE;
                fallocate(&mut sqe, mode, offset, len);
            }
            (IOE_OP_TRIM, IOE_KIND_BLOCK) if on_ring && self.discards => {
                sqe.opcode = OP_URING_CMD;
                (sqe.off, sqe.addr, sqe.addr3) = (u64::from(BLOCK_CMD_DISCARD), offset, len);
            }
            _ => return Err(whole(io).map(|()| len)),
        }
        Ok(sqe)
    }
}

fn fallocate(sqe: &mut Sqe, mode: i32, offset: u64, len: u64) {
    sqe.opcode = OP_FALLOCATE;
    (sqe.off, sqe.addr, sqe.len) = (offset, len, mode as u32);
}

/// The priority of a transfer: the job's draw, or what the request says.
#[inline(always)]
fn ioprio(io: &Request, is_read: bool, rules: &mut Option<Priority>) -> Result<u16, Answered> {
    let drawn = rules.as_mut().and_then(|rules| rules.draw(is_read, io.len()));
    match drawn {
        Some(drawn) => Ok(drawn),
        None => u16::try_from(io.ioprio()).map_err(|_| Err(libc::EINVAL)),
    }
}
