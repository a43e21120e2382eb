//! Sense data: what a device says about a command that did not go plainly well (SPC-5).
//!
//! Called by `outcome` for each such command and by `engine` for its words. Pure: bytes in, meaning
//! out; both formats, fixed and descriptor. What the bytes do not hold is absent, never guessed.

use std::fmt;

/// Nothing to report.
pub(crate) const NO_SENSE: u8 = 0x0;
/// It succeeded, with help.
pub(crate) const RECOVERED_ERROR: u8 = 0x1;
pub(crate) const NOT_READY: u8 = 0x2;
pub(crate) const MEDIUM_ERROR: u8 = 0x3;
pub(crate) const HARDWARE_ERROR: u8 = 0x4;
pub(crate) const ILLEGAL_REQUEST: u8 = 0x5;
pub(crate) const UNIT_ATTENTION: u8 = 0x6;
pub(crate) const DATA_PROTECT: u8 = 0x7;
pub(crate) const BLANK_CHECK: u8 = 0x8;
pub(crate) const ABORTED_COMMAND: u8 = 0xb;
pub(crate) const VOLUME_OVERFLOW: u8 = 0xd;
pub(crate) const MISCOMPARE: u8 = 0xe;
pub(crate) const COMPLETED: u8 = 0xf;

const KEYS: [&str; 16] = [
    "no sense",
    "recovered error",
    "not ready",
    "medium error",
    "hardware error",
    "illegal request",
    "unit attention",
    "data protect",
    "blank check",
    "vendor specific",
    "copy aborted",
    "aborted command",
    "reserved",
    "volume overflow",
    "miscompare",
    "completed",
];

/// ASC, ASCQ and their words, sorted.
const ADDITIONAL: &[(u8, u8, &str)] = &[
    (0x00, 0x1d, "ATA pass-through information available"),
    (0x02, 0x00, "no seek complete"),
    (0x03, 0x00, "peripheral device write fault"),
    (0x04, 0x00, "not ready, cause not reportable"),
    (0x04, 0x01, "is becoming ready"),
    (0x04, 0x02, "initializing command required"),
    (0x04, 0x03, "manual intervention required"),
    (0x04, 0x04, "format in progress"),
    (0x04, 0x07, "operation in progress"),
    (0x04, 0x09, "self-test in progress"),
    (0x04, 0x0b, "target port in standby state"),
    (0x04, 0x0c, "target port in unavailable state"),
    (0x04, 0x11, "notify (enable spinup) required"),
    (0x04, 0x1b, "sanitize in progress"),
    (0x08, 0x00, "logical unit communication failure"),
    (0x08, 0x01, "logical unit communication time-out"),
    (0x0b, 0x01, "warning: temperature exceeded"),
    (0x0c, 0x00, "write error"),
    (0x0c, 0x02, "write error, auto reallocation failed"),
    (0x0c, 0x03, "write error, recommend reassignment"),
    (0x10, 0x00, "ID CRC or ECC error"),
    (0x10, 0x01, "logical block guard check failed"),
    (0x10, 0x02, "logical block application tag check failed"),
    (0x10, 0x03, "logical block reference tag check failed"),
    (0x11, 0x00, "unrecovered read error"),
    (0x11, 0x01, "read retries exhausted"),
    (0x11, 0x02, "error too long to correct"),
    (0x11, 0x04, "unrecovered read error, auto reallocate failed"),
    (0x11, 0x0b, "unrecovered read error, recommend reassignment"),
    (0x11, 0x14, "read error, block marked unrecoverable"),
    (0x13, 0x00, "address mark not found for data field"),
    (0x14, 0x00, "recorded entity not found"),
    (0x14, 0x01, "record not found"),
    (0x15, 0x00, "random positioning error"),
    (0x15, 0x01, "mechanical positioning error"),
    (0x16, 0x00, "data synchronization mark error"),
    (0x17, 0x00, "recovered data, no error correction applied"),
    (0x17, 0x01, "recovered data with retries"),
    (0x17, 0x06, "recovered data without ECC, data auto-reallocated"),
    (0x18, 0x00, "recovered data, error correction applied"),
    (0x18, 0x01, "recovered data, error correction and retries applied"),
    (0x18, 0x02, "recovered data, data auto-reallocated"),
    (0x19, 0x00, "defect list error"),
    (0x1a, 0x00, "parameter list length error"),
    (0x1d, 0x00, "miscompare during verify operation"),
    (0x20, 0x00, "invalid command operation code"),
    (0x21, 0x00, "logical block address out of range"),
    (0x21, 0x04, "unaligned write command"),
    (0x21, 0x05, "write boundary violation"),
    (0x21, 0x06, "attempt to read invalid data"),
    (0x24, 0x00, "invalid field in CDB"),
    (0x25, 0x00, "logical unit not supported"),
    (0x26, 0x00, "invalid field in parameter list"),
    (0x27, 0x00, "write protected"),
    (0x27, 0x01, "hardware write protected"),
    (0x27, 0x02, "software write protected"),
    (0x27, 0x07, "space allocation failed write protect"),
    (0x28, 0x00, "not ready to ready change, medium may have changed"),
    (0x29, 0x00, "power on, reset, or bus device reset occurred"),
    (0x29, 0x01, "power on occurred"),
    (0x29, 0x02, "SCSI bus reset occurred"),
    (0x29, 0x03, "bus device reset function occurred"),
    (0x29, 0x04, "device internal reset"),
    (0x29, 0x07, "I_T nexus loss occurred"),
    (0x2a, 0x00, "parameters changed"),
    (0x2a, 0x01, "mode parameters changed"),
    (0x2a, 0x03, "reservations preempted"),
    (0x2a, 0x06, "asymmetric access state changed"),
    (0x2a, 0x09, "capacity data has changed"),
    (0x2c, 0x00, "command sequence error"),
    (0x2f, 0x00, "commands cleared by another initiator"),
    (0x31, 0x00, "medium format corrupted"),
    (0x32, 0x00, "no defect spare location available"),
    (0x38, 0x07, "thin provisioning soft threshold reached"),
    (0x3a, 0x00, "medium not present"),
    (0x3e, 0x01, "logical unit failure"),
    (0x3f, 0x01, "microcode has been changed"),
    (0x3f, 0x03, "inquiry data has changed"),
    (0x3f, 0x0e, "reported LUNs data has changed"),
    (0x44, 0x00, "internal target failure"),
    (0x47, 0x00, "SCSI parity error"),
    (0x4b, 0x00, "data phase error"),
    (0x4b, 0x03, "ACK/NAK time-out"),
    (0x4e, 0x00, "overlapped commands attempted"),
    (0x53, 0x02, "medium removal prevented"),
    (0x55, 0x03, "insufficient resources"),
    (0x55, 0x0e, "insufficient zone resources"),
    (0x5d, 0x00, "failure prediction threshold exceeded"),
    (0x5d, 0x10, "hardware impending failure"),
    (0x5d, 0xff, "failure prediction threshold exceeded (false)"),
    (0x5e, 0x00, "low power condition on"),
    (0x74, 0x71, "logical unit access not authorized"),
];

/// Families where the second number only says which.
const FAMILIES: &[(u8, &str)] = &[
    (0x04, "not ready"),
    (0x0b, "warning"),
    (0x0c, "write error"),
    (0x11, "unrecovered read error"),
    (0x17, "recovered data"),
    (0x18, "recovered data, error correction applied"),
    (0x29, "a reset occurred"),
    (0x2a, "parameters changed"),
    (0x3f, "target operating conditions have changed"),
    (0x5d, "failure predicted"),
];

/// What a device says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sense {
    pub(crate) key: u8,
    pub(crate) asc: u8,
    pub(crate) ascq: u8,
    /// It is about an earlier command, which was told to have ended.
    pub(crate) deferred: bool,
    /// The information field where it is valid: for blocks the address of the first that failed.
    pub(crate) information: Option<u64>,
}

impl Sense {
    /// Reads sense data of either format; `None`: none is there.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Sense> {
        match bytes.first()? & 0x7f {
            code @ (0x70 | 0x71) => Sense::fixed(bytes, code == 0x71),
            code @ (0x72 | 0x73) => Sense::descriptors(bytes, code == 0x73),
            _ => None,
        }
    }

    fn fixed(bytes: &[u8], deferred: bool) -> Option<Sense> {
        let byte = |at: usize| bytes.get(at).copied();
        let is_valid = byte(0)? & 0x80 != 0;
        let information = bytes.get(3..7).filter(|_| is_valid);
        // The length says what the device gave; a transfer may have cut it.
        let has_codes = byte(7).is_some_and(|length| length >= 6);
        let code = |at: usize| byte(at).filter(|_| has_codes).unwrap_or(0);
        Some(Sense {
            key: byte(2)? & 0xf,
            asc: code(12),
            ascq: code(13),
            deferred,
            information: information.map(big_endian),
        })
    }

    fn descriptors(bytes: &[u8], deferred: bool) -> Option<Sense> {
        let byte = |at: usize| bytes.get(at).copied();
        let end = 8 + usize::from(byte(7).unwrap_or(0));
        let mut rest = bytes.get(8..end.min(bytes.len())).unwrap_or(&[]);
        let mut information = None;
        while let [kind, length, tail @ ..] = rest {
            let (kind, length) = (*kind, usize::from(*length));
            let Some(body) = tail.get(..length) else { break };
            if kind == 0 && length >= 10 && body[0] & 0x80 != 0 {
                information = Some(big_endian(&body[2..10]));
            }
            rest = &tail[length..];
        }
        let (asc, ascq) = (byte(2).unwrap_or(0), byte(3).unwrap_or(0));
        Some(Sense { key: byte(1)? & 0xf, asc, ascq, deferred, information })
    }

    /// Key, ASC and ASCQ in one number, as `vendor_status`.
    pub(crate) fn status(&self) -> u32 {
        u32::from_be_bytes([0, self.key, self.asc, self.ascq])
    }

    /// The words for ASC and ASCQ, where there are common ones.
    fn additional(&self) -> Option<&'static str> {
        let exact = ADDITIONAL.binary_search_by_key(&(self.asc, self.ascq), |row| (row.0, row.1));
        exact
            .map(|at| ADDITIONAL[at].2)
            .ok()
            .or_else(|| FAMILIES.iter().find(|(asc, _)| *asc == self.asc).map(|(_, words)| *words))
    }
}

/// "medium error: unrecovered read error (03/11/00)".
impl fmt::Display for Sense {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deferred {
            out.write_str("of an earlier command: ")?;
        }
        out.write_str(KEYS[usize::from(self.key & 0xf)])?;
        if let Some(words) = self.additional() {
            write!(out, ": {words}")?;
        }
        write!(out, " ({:02x}/{:02x}/{:02x})", self.key, self.asc, self.ascq)
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> String {
        Sense::decode(bytes).map_or_else(|| "none".into(), |sense| sense.to_string())
    }

    /// Fixed format with valid information.
    fn fixed(key: u8, asc: u8, ascq: u8, information: u32) -> [u8; 18] {
        let mut bytes = [0; 18];
        (bytes[0], bytes[2], bytes[7], bytes[12], bytes[13]) = (0xf0, key, 10, asc, ascq);
        bytes[3..7].copy_from_slice(&information.to_be_bytes());
        bytes
    }

    #[test]
    fn fixed_format() {
        let medium = fixed(0x3, 0x11, 0, 0x1234);
        assert_eq!(words(&medium), "medium error: unrecovered read error (03/11/00)");
        let sense = Sense::decode(&medium).expect("sense");
        assert_eq!((sense.information, sense.status()), (Some(0x1234), 0x03_1100));
        let mut invalid = medium;
        invalid[0] = 0x70;
        assert_eq!(Sense::decode(&invalid).and_then(|sense| sense.information), None);
        let mut deferred = medium;
        deferred[0] = 0xf1;
        assert!(words(&deferred).starts_with("of an earlier command: medium error"));
    }

    #[test]
    fn descriptor_format() {
        // A sense key specific descriptor, then an information descriptor.
        let bytes = [
            &[0x72, 0x03, 0x11, 0x00, 0, 0, 0, 20][..],
            &[0x02, 0x06, 0, 0, 0x80, 0, 1, 0],
            &[0x00, 0x0a, 0x80, 0, 0, 0, 0, 1, 0, 0, 0x12, 0x34],
        ]
        .concat();
        let sense = Sense::decode(&bytes).expect("sense");
        assert_eq!(sense.information, Some(0x1_0000_1234));
        assert_eq!(sense.to_string(), "medium error: unrecovered read error (03/11/00)");
        // What is cut off in the middle of a descriptor is not there.
        assert_eq!(Sense::decode(&bytes[..20]).and_then(|sense| sense.information), None);
        let deferred = [0x73, 0x06, 0x29, 0x00, 0, 0, 0, 0];
        assert!(Sense::decode(&deferred).is_some_and(|sense| sense.deferred));
    }

    #[test]
    fn what_is_no_sense_data_is_none() {
        for bytes in [&[][..], &[0], &[0x7f, 0, 3], &[0x70, 0], &[0x72]] {
            assert_eq!(Sense::decode(bytes), None, "{bytes:?}");
        }
        // A length too short for the codes.
        let mut short = fixed(0x5, 0x20, 0, 0);
        short[7] = 0;
        assert_eq!(words(&short), "illegal request (05/00/00)");
        assert_eq!(words(&fixed(0x5, 0x20, 0, 0)[..8]), "illegal request (05/00/00)");
    }

    #[test]
    fn any_bytes_can_be_read() {
        let mut state = 1_u32;
        for length in 0..256 {
            let random = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let mut bytes: Vec<u8> = (0..length).map(random).collect();
            for code in [0x70, 0x71, 0x72, 0x73, 0xf0] {
                if let Some(first) = bytes.first_mut() {
                    *first = code;
                }
                let _words = words(&bytes);
            }
        }
    }

    #[test]
    fn words_of_the_common_codes() {
        for (key, asc, ascq, expected) in [
            (0x1, 0x5d, 0x00, "recovered error: failure prediction threshold exceeded (01/5d/00)"),
            (0x5, 0x24, 0x00, "illegal request: invalid field in CDB (05/24/00)"),
            (
                0x6,
                0x29,
                0x00,
                "unit attention: power on, reset, or bus device reset occurred (06/29/00)",
            ),
            (0x6, 0x29, 0x7f, "unit attention: a reset occurred (06/29/7f)"),
            (0xb, 0x10, 0x01, "aborted command: logical block guard check failed (0b/10/01)"),
            (0x9, 0x80, 0x01, "vendor specific (09/80/01)"),
        ] {
            assert_eq!(words(&fixed(key, asc, ascq, 0)), expected);
        }
        let sorted = ADDITIONAL.windows(2).all(|two| (two[0].0, two[0].1) < (two[1].0, two[1].1));
        assert!(sorted, "the table is searched by halves");
    }
}
