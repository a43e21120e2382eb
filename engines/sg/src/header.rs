//! struct sg_io_hdr, version 3, and what of it a request carries with it.
//!
//! Filled in by `engine`, handed to the kernel by `block_device` and `char_device`. A [`Packet`]
//! lies in the private memory of a request, whose address never changes, so that the kernel may
//! have pointers into it until the command has ended. Makes no system call.

use crate::cdb::Cdb;
use iodyno_engine_api::abi::ioe_io;
use std::ffi::c_void;
use std::ptr::null_mut;

/// Bytes of sense data that are kept; the kernel's own buffer is no longer.
pub(crate) const SENSE_BYTES: usize = 96;
/// How long a command may take, in milliseconds, before the kernel begins to abort it.
const TIMEOUT_MS: u32 = 60_000;

const DIR_NONE: i32 = -1;
const DIR_TO_DEVICE: i32 = -2;
const DIR_FROM_DEVICE: i32 = -3;

/// SG_FLAG_DIRECT_IO: no copy, where the driver's allow_dio says so.
pub(crate) const FLAG_DIRECT: u32 = 1;
/// SGV4_FLAG_HIPRI: poll for the completion; drivers that cannot ignore it.
pub(crate) const FLAG_HIPRI: u32 = 0x800;
/// SG_INFO_CHECK: something is to be looked at.
const INFO_CHECK: u32 = 1;
const INFO_DIRECT_MASK: u32 = 6;
const INFO_DIRECT: u32 = 2;

/// struct sg_io_hdr.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SgIoHdr {
    pub(crate) interface_id: i32,
    pub(crate) dxfer_direction: i32,
    pub(crate) cmd_len: u8,
    pub(crate) mx_sb_len: u8,
    pub(crate) iovec_count: u16,
    pub(crate) dxfer_len: u32,
    pub(crate) dxferp: *mut c_void,
    pub(crate) cmdp: *mut u8,
    pub(crate) sbp: *mut u8,
    pub(crate) timeout: u32,
    pub(crate) flags: u32,
    pub(crate) pack_id: i32,
    pub(crate) usr_ptr: *mut c_void,
    pub(crate) status: u8,
    pub(crate) masked_status: u8,
    pub(crate) msg_status: u8,
    pub(crate) sb_len_wr: u8,
    pub(crate) host_status: u16,
    pub(crate) driver_status: u16,
    pub(crate) resid: i32,
    pub(crate) duration: u32,
    pub(crate) info: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<SgIoHdr>() == 88);

impl SgIoHdr {
    pub(crate) const EMPTY: SgIoHdr = SgIoHdr {
        interface_id: b'S' as i32,
        dxfer_direction: DIR_NONE,
        cmd_len: 0,
        mx_sb_len: 0,
        iovec_count: 0,
        dxfer_len: 0,
        dxferp: null_mut(),
        cmdp: null_mut(),
        sbp: null_mut(),
        timeout: TIMEOUT_MS,
        flags: 0,
        pack_id: 0,
        usr_ptr: null_mut(),
        status: 0,
        masked_status: 0,
        msg_status: 0,
        sb_len_wr: 0,
        host_status: 0,
        driver_status: 0,
        resid: 0,
        duration: 0,
        info: 0,
    };

    /// Whether the kernel found nothing to report.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.info & INFO_CHECK == 0
            && self.status == 0
            && self.host_status == 0
            && self.driver_status == 0
    }

    /// Whether data went without a copy.
    pub(crate) fn was_direct(&self) -> bool {
        self.info & INFO_DIRECT_MASK == INFO_DIRECT
    }

    /// Bytes that were transferred.
    #[inline]
    pub(crate) fn transferred(&self) -> u64 {
        let missing = u32::try_from(self.resid).unwrap_or(0);
        u64::from(self.dxfer_len.saturating_sub(missing))
    }
}

/// Which way the data of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    None,
    ToDevice(*mut u8, u32),
    FromDevice(*mut u8, u32),
}

/// A command in a request's private memory. All zeroes are a valid one.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) hdr: SgIoHdr,
    pub(crate) cdb: [u8; 16],
    pub(crate) sense: [u8; SENSE_BYTES],
    /// The next request of the same command: several trims are one.
    pub(crate) next: *mut ioe_io,
    /// Bytes of the request that the command is about.
    pub(crate) covered: u64,
    /// Errno of the system call, where it was that which failed.
    pub(crate) call_errno: i32,
    /// How often it was sent again.
    pub(crate) retries: u32,
}

impl Packet {
    pub(crate) const EMPTY: Packet = Packet {
        hdr: SgIoHdr::EMPTY,
        cdb: [0; 16],
        sense: [0; SENSE_BYTES],
        next: null_mut(),
        covered: 0,
        call_errno: 0,
        retries: 0,
    };

    /// Forgets the command before: there is none.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.hdr.cmd_len = 0;
        self.next = null_mut();
        (self.covered, self.call_errno, self.retries) = (0, 0, 0);
    }

    /// Makes it a command. The pointers are to this packet, which must not move from here on.
    #[inline]
    pub(crate) fn arm(&mut self, cdb: Cdb, data: Data, flags: u32) {
        let (dxfer_direction, dxferp, dxfer_len) = match data {
            Data::None => (DIR_NONE, null_mut(), 0),
            Data::ToDevice(from, len) => (DIR_TO_DEVICE, from, len),
            Data::FromDevice(to, len) => (DIR_FROM_DEVICE, to, len),
        };
        self.cdb = cdb.bytes;
        self.next = null_mut();
        self.call_errno = 0;
        self.retries = 0;
        self.hdr = SgIoHdr {
            dxfer_direction,
            cmd_len: cdb.len,
            mx_sb_len: SENSE_BYTES as u8,
            dxfer_len,
            dxferp: dxferp.cast(),
            cmdp: self.cdb.as_mut_ptr(),
            sbp: self.sense.as_mut_ptr(),
            flags,
            ..SgIoHdr::EMPTY
        };
    }

    /// Takes over how another packet's command, which was for this request as well, has ended.
    pub(crate) fn retell(&mut self, of: &Packet) {
        (self.hdr, self.cdb, self.sense) = (of.hdr, of.cdb, of.sense);
        (self.call_errno, self.retries) = (of.call_errno, of.retries);
    }

    /// The sense data that the command left.
    pub(crate) fn sense(&self) -> &[u8] {
        &self.sense[..usize::from(self.hdr.sb_len_wr).min(SENSE_BYTES)]
    }
}
