//! One SCSI command and its end: the ioctl SG_IO, commands as bytes, sense data in ACME's words.
//!
//! `device` asks with it when a target is opened, `lib` for each request. Knows nothing of iodyno.
//! Both /dev/sgN and whole disks take SG_IO; whatever the kernel refuses itself is an errno.

use std::ffi::c_void;

const SG_IO: libc::c_ulong = 0x2285;
const CHECK_CONDITION: u8 = 2;
/// How long a command may take before the kernel begins to abort it.
const TIMEOUT_MS: u32 = 30_000;
/// Room for the answer to a question.
pub(crate) const ANSWER_MAX: u8 = 252;

/// struct sg_io_hdr of <scsi/sg.h>.
#[repr(C)]
struct SgIoHdr {
    interface_id: i32,
    dxfer_direction: i32,
    cmd_len: u8,
    mx_sb_len: u8,
    iovec_count: u16,
    dxfer_len: u32,
    dxferp: *mut c_void,
    cmdp: *mut u8,
    sbp: *mut u8,
    timeout: u32,
    flags: u32,
    pack_id: i32,
    usr_ptr: *mut c_void,
    status: u8,
    masked_status: u8,
    msg_status: u8,
    sb_len_wr: u8,
    host_status: u16,
    driver_status: u16,
    resid: i32,
    duration: u32,
    info: u32,
}

/// The bytes of a command, and how many of them count.
pub(crate) struct Command {
    cdb: [u8; 16],
    len: u8,
}

/// Where its data is. The kernel reads a `ToDevice` and writes a `FromDevice`.
pub(crate) enum Data<'a> {
    None,
    ToDevice(&'a [u8]),
    FromDevice(&'a mut [u8]),
}

/// Why a command failed. All zeroes are no failure: it may lie in a request's private memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Failure {
    /// Of the call, where the kernel did not send the command.
    pub(crate) errno: i32,
    /// Of the kernel's transport (DID_*), then of the device.
    pub(crate) host: u16,
    pub(crate) status: u8,
    pub(crate) key: u8,
    pub(crate) asc: u8,
    pub(crate) ascq: u8,
    /// The block that the device names, plus one; 0 = none.
    pub(crate) lba_plus_1: u64,
}

impl Command {
    /// READ(16), WRITE(16) and SYNCHRONIZE CACHE(16) have the same form.
    pub(crate) fn blocks(opcode: u8, fua: bool, lba: u64, blocks: u32) -> Self {
        let mut cdb = [0; 16];
        (cdb[0], cdb[1]) = (opcode, u8::from(fua) << 3);
        cdb[2..10].copy_from_slice(&lba.to_be_bytes());
        cdb[10..14].copy_from_slice(&blocks.to_be_bytes());
        Command { cdb, len: 16 }
    }

    /// INQUIRY: standard data, or a page of vital product data.
    pub(crate) fn inquiry(page: Option<u8>) -> Self {
        let mut cdb = [0; 16];
        let evpd = u8::from(page.is_some());
        cdb[..5].copy_from_slice(&[0x12, evpd, page.unwrap_or(0), 0, ANSWER_MAX]);
        Command { cdb, len: 6 }
    }

    /// LOG SENSE: the current values of a log page.
    pub(crate) fn log_sense(page: u8) -> Self {
        let mut cdb = [0; 16];
        (cdb[0], cdb[2], cdb[8]) = (0x4d, 0x40 | page, ANSWER_MAX);
        Command { cdb, len: 10 }
    }

    /// READ CAPACITY(16), a service action.
    pub(crate) fn capacity() -> Self {
        let mut cdb = [0; 16];
        (cdb[0], cdb[1], cdb[13]) = (0x9e, 0x10, ANSWER_MAX);
        Command { cdb, len: 16 }
    }

    /// Sends it and waits for its end; the answer is how many bytes were transferred.
    #[inline]
    pub(crate) fn execute(&mut self, fd: i32, data: Data<'_>) -> Result<usize, Failure> {
        let (direction, pointer, bytes) = match data {
            Data::None => (-1, std::ptr::null_mut(), 0),
            Data::ToDevice(from) => (-2, from.as_ptr().cast_mut(), from.len()),
            Data::FromDevice(to) => (-3, to.as_mut_ptr(), to.len()),
        };
        let einval = Failure { errno: libc::EINVAL, ..Failure::default() };
        let mut sense = [0_u8; 32];
        // SAFETY: integers and pointers alone, for which all zeroes are valid.
        let mut hdr: SgIoHdr = unsafe { std::mem::zeroed() };
        hdr.interface_id = i32::from(b'S');
        (hdr.dxfer_direction, hdr.dxferp) = (direction, pointer.cast());
        hdr.dxfer_len = u32::try_from(bytes).map_err(|_| einval)?;
        (hdr.cmd_len, hdr.cmdp) = (self.len, self.cdb.as_mut_ptr());
        (hdr.mx_sb_len, hdr.sbp) = (sense.len() as u8, sense.as_mut_ptr());
        hdr.timeout = TIMEOUT_MS;
        // SAFETY: a whole header. It leads to the command, the sense buffer and the data, each
        // borrowed until the call has returned, with its true length; the data of -3 is borrowed
        // mutably, that of -2 the kernel only reads.
        while unsafe { libc::ioctl(fd, SG_IO, &raw mut hdr) } < 0 {
            let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
            if errno != libc::EINTR {
                return Err(Failure { errno, ..Failure::default() });
            }
        }
        let failure = Failure::new(hdr.host_status, hdr.status, &sense);
        match failure {
            // Key 1, recovered error: the data is good.
            Failure { host: 0, status: 0, .. } | Failure { host: 0, key: 1, .. } => {
                Ok(bytes.saturating_sub(usize::try_from(hdr.resid).unwrap_or(0)))
            }
            _ => Err(failure),
        }
    }
}

/// Sends again what failed in passing, so often.
#[inline]
pub(crate) fn again<T>(
    mut left: u64,
    mut send: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        match send() {
            Err(failure) if failure.is_passing() && left > 0 => left -= 1,
            end => return end,
        }
    }
}

impl Failure {
    /// Reads sense data, of which there is some after a check condition, in both of its formats.
    pub(crate) fn new(host: u16, status: u8, sense: &[u8; 32]) -> Failure {
        let mut failure = Failure { host, status, ..Failure::default() };
        if status != CHECK_CONDITION {
            return failure;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
        let (key, asc, ascq, lba) = match sense[0] & 0x7f {
            0x70 | 0x71 => {
                let lba = (sense[0] & 0x80 != 0).then(|| number(&sense[3..7]));
                (sense[2], sense[12], sense[13], lba)
            }
            // The information descriptor, if it comes first.
            _ => {
                let has_lba = sense[7] >= 12 && sense[8] == 0 && sense[10] & 0x80 != 0;
                (sense[1], sense[2], sense[3], has_lba.then(|| number(&sense[12..20])))
            }
        };
        (failure.key, failure.asc, failure.ascq) = (key & 0xf, asc, ascq);
        failure.lba_plus_1 = lba.map_or(0, |lba| lba.wrapping_add(1));
        failure
    }

    /// Whether the same command may succeed if it is sent again: unit attention, aborted command.
    fn is_passing(&self) -> bool {
        matches!(self.key, 0x6 | 0xb)
    }

    /// What iodyno's logic goes by.
    pub(crate) fn as_errno(&self) -> i32 {
        match (self.errno, self.key, self.asc) {
            (1.., ..) => self.errno,
            (_, 0x3, 0x11) => libc::ENODATA,
            (_, 0x5, 0x20) => libc::EOPNOTSUPP,
            (_, 0x5, 0x21) => libc::ENXIO,
            (_, 0x5, 0x24) => libc::EINVAL,
            (_, 0x7, _) => libc::EROFS,
            _ => libc::EIO,
        }
    }

    /// What goes into the report as a number: key, asc, ascq; without sense data the two statuses;
    /// 0 where the kernel did not send the command.
    pub(crate) fn vendor_status(&self) -> u32 {
        match self.key {
            0 if self.errno != 0 => 0,
            0 => 1 << 31 | u32::from(self.host) << 8 | u32::from(self.status),
            key => u32::from_be_bytes([0, key, self.asc, self.ascq]),
        }
    }

    /// ACME's words, as its manual has them. A real vendor adds the codes of its own here: asc and
    /// ascq from 0x80 on are the vendor's, and so is key 9.
    fn words(&self) -> &'static str {
        match (self.key, self.asc, self.ascq) {
            (0x3, 0x11, _) => "ACME-311 unreadable block: scrub the disk, or write the block anew",
            (0x3, ..) => "ACME-300 damaged medium: replace the disk at the next service",
            (0x5, 0x20, _) => "ACME-520 unknown command: the firmware is too old for this engine",
            (0x5, 0x24, _) => "ACME-524 unknown page or field",
            (0x5, ..) => "ACME-500 refused command",
            (0x6, ..) => "ACME-600 the disk was reset or reconfigured",
            (0x7, ..) => "ACME-700 write protected: see the jumper beside the connector",
            (0xb, 0x10, _) => "ACME-B10 data damaged on its way: check cables and adapter",
            (0xb, ..) => "ACME-B00 command given up",
            (0, ..) if self.host != 0 => "ACME-001 no answer from the disk",
            (0, ..) => "ACME-002 the disk is busy, or reserved by another host",
            _ => "ACME-999 call ACME's service with these numbers",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.errno {
            0 => {}
            libc::ENOTTY => return f.write_str("it takes no SCSI commands"),
            errno => return write!(f, "{}", std::io::Error::from_raw_os_error(errno)),
        }
        f.write_str(self.words())?;
        match self.key {
            0 => write!(f, " (host status {}, device status {})", self.host, self.status)?,
            key => write!(f, " (sense {key:02x}/{:02x}/{:02x})", self.asc, self.ascq)?,
        }
        match self.lba_plus_1.checked_sub(1) {
            Some(lba) => write!(f, ", block {lba}"),
            None => Ok(()),
        }
    }
}
