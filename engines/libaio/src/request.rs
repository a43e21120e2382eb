//! A request as the kernel wants to see it.
//!
//! Each unit carries its own [`Iocb`] in its private bytes, so that taking a request needs no
//! search and no memory of the engine's. Filled in by `engine` in `queue`; makes no system call.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::Request;
use iodyno_engine_support::whole::rwf;

const PREAD: u16 = 0;
const PWRITE: u16 = 1;
const FSYNC: u16 = 2;
const FDSYNC: u16 = 3;

/// `IOCB_FLAG_IOPRIO`: the priority in the request counts (Linux 4.18).
const WITH_PRIORITY: u32 = 1 << 1;

/// `struct iocb`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Iocb {
    pub(crate) data: u64,
    #[cfg(target_endian = "little")]
    key: u32,
    rw_flags: i32,
    #[cfg(target_endian = "big")]
    key: u32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buf: u64,
    len: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    resfd: u32,
}

const _: () = assert!(size_of::<Iocb>() == 64);

impl Iocb {
    /// Reads or writes `request`. `data` comes back with its event; `None`: no file has such an
    /// offset.
    #[inline]
    pub(crate) fn transfer(
        request: &Request,
        data: u64,
        rwf_of_all: i32,
        priority: Option<u16>,
    ) -> Option<Iocb> {
        let offset = i64::try_from(request.offset()).ok()?;
        let opcode = if request.op() == IOE_OP_READ { PREAD } else { PWRITE };
        let mut iocb = Iocb {
            data,
            rw_flags: rwf_of_all | rwf(request),
            opcode,
            fd: request.fd().cast_unsigned(),
            buf: request.buf_ptr() as u64,
            len: request.len(),
            offset,
            ..Iocb::default()
        };
        if let Some(priority) = priority {
            iocb.priority = priority.cast_signed();
            iocb.flags = WITH_PRIORITY;
        }
        Some(iocb)
    }

    /// Makes the request's file durable. The kernel wants all else to be 0.
    pub(crate) fn sync(request: &Request, data: u64) -> Iocb {
        let opcode = if request.op() == IOE_OP_FSYNC { FSYNC } else { FDSYNC };
        Iocb { data, opcode, fd: request.fd().cast_unsigned(), ..Iocb::default() }
    }

    /// Whether it was made by [`Iocb::sync`].
    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.opcode, FSYNC | FDSYNC)
    }

    /// For tests: ends when a descriptor is readable, and not before.
    #[cfg(test)]
    pub(crate) fn polling(data: u64, fd: i32) -> Iocb {
        const POLL: u16 = 5;
        let buf = libc::POLLIN.cast_unsigned().into();
        Iocb { data, opcode: POLL, fd: fd.cast_unsigned(), buf, ..Iocb::default() }
    }
}
