//! What a device answered, in words and as an errno.
//!
//! Called by `engine` for commands that failed. Pure. The errno is the kernel's own for the same on
//! a block device, where it has one.

use iodyno_engine_support::errno::Errno;
use std::fmt;

/// Status of a completion: the low byte is the code, three bits above it the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u16);

/// Type and code: all else of a completion's status is about its repetition.
const CODE_MASK: u16 = 0x7ff;

impl Status {
    /// From what the ring's completion says, if that is a status.
    pub(crate) fn of_completion(res: i32) -> Option<Status> {
        u16::try_from(res).ok().filter(|status| *status != 0).map(|s| Status(s & CODE_MASK))
    }

    /// From what `vendor_status` keeps of it.
    pub(crate) fn of_vendor(vendor_status: u32) -> Status {
        Status(vendor_status as u16 & CODE_MASK)
    }

    pub(crate) fn vendor(self) -> u32 {
        u32::from(self.0)
    }

    pub(crate) fn errno(self) -> Errno {
        match self.0 {
            0x001 | 0x002 | 0x00b => libc::EOPNOTSUPP,
            0x021 | 0x082 => libc::EBUSY,
            0x081 => libc::ENOSPC,
            0x083 => libc::EBADE,
            0x080 | 0x1b8..=0x1bc | 0x1bf => libc::EREMOTEIO,
            0x1bd => libc::EOVERFLOW,
            0x1be => libc::ETOOMANYREFS,
            0x181 | 0x282..=0x285 => libc::EILSEQ,
            0x280 | 0x281 | 0x286 | 0x287 => libc::ENODATA,
            _ => libc::EIO,
        }
    }

    /// The standard's words; none for what a vendor or a later standard gave a meaning.
    fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            0x001 => "invalid command opcode",
            0x002 => "invalid field in command",
            0x003 => "command identifier conflict",
            0x004 => "data transfer error",
            0x005 => "aborted due to power loss notification",
            0x006 => "internal error",
            0x007 => "abort requested",
            0x008 => "aborted due to submission queue deletion",
            0x00b => "invalid namespace or format",
            0x00c => "command sequence error",
            0x012 => "controller memory buffer use is invalid",
            0x013 => "PRP offset is invalid",
            0x014 => "atomic write unit exceeded",
            0x015 => "operation denied",
            0x01d => "sanitize in progress",
            0x020 => "namespace is write protected",
            0x021 => "command interrupted",
            0x022 => "transient transport error",
            0x080 => "LBA out of range",
            0x081 => "capacity exceeded",
            0x082 => "namespace not ready",
            0x083 => "reservation conflict",
            0x084 => "format in progress",
            0x180 => "conflicting attributes",
            0x181 => "invalid protection information",
            0x182 => "attempted write to a read-only range",
            0x183 => "command size limit exceeded",
            0x1b8 => "zone boundary error",
            0x1b9 => "zone is full",
            0x1ba => "zone is read only",
            0x1bb => "zone is offline",
            0x1bc => "zone invalid write: not at the write pointer",
            0x1bd => "too many active zones",
            0x1be => "too many open zones",
            0x1bf => "invalid zone state transition",
            0x280 => "write fault",
            0x281 => "unrecovered read error",
            0x282 => "end-to-end guard check error",
            0x283 => "end-to-end application tag check error",
            0x284 => "end-to-end reference tag check error",
            0x285 => "compare failure: the data differs",
            0x286 => "access denied",
            0x287 => "deallocated or unwritten logical block",
            0x300 => "internal path error",
            0x302 => "asymmetric access inaccessible",
            0x303 => "asymmetric access transition",
            0x360 => "controller pathing error",
            0x370 => "host pathing error",
            0x371 => "command aborted by the host",
            _ => return None,
        })
    }

    fn kind(self) -> &'static str {
        match self.0 >> 8 {
            0 => "generic status",
            1 => "command specific status",
            2 => "media and data integrity error",
            3 => "path related status",
            7 => "vendor specific status",
            _ => "status of a reserved type",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().unwrap_or(self.kind()))?;
        write!(f, " (type {}, code {:#04x})", self.0 >> 8, self.0 & 0xff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_in_words() {
        for (res, errno, words) in [
            (0x4281, libc::ENODATA, "unrecovered read error (type 2, code 0x81)"),
            (0x0285, libc::EILSEQ, "compare failure: the data differs (type 2, code 0x85)"),
            (0x4080, libc::EREMOTEIO, "LBA out of range (type 0, code 0x80)"),
            (0x4001, libc::EOPNOTSUPP, "invalid command opcode (type 0, code 0x01)"),
            (0x41bc, libc::EREMOTEIO, "zone invalid write: not at the write pointer (type 1, "),
            (0x47ee, libc::EIO, "vendor specific status (type 7, code 0xee)"),
            (0x00ff, libc::EIO, "generic status (type 0, code 0xff)"),
        ] {
            let status = Status::of_completion(res).expect("a status");
            assert_eq!(status.errno(), errno, "{status}");
            assert!(status.to_string().starts_with(words), "{status}");
            assert_eq!(Status::of_vendor(status.vendor()), status);
        }
        assert_eq!(Status::of_completion(0), None);
        assert_eq!(Status::of_completion(-5), None);
    }
}
