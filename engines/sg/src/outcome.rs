//! What became of a command: status of device, host adapter and driver, and sense data, as one
//! verdict, and in words.
//!
//! Called by `engine` and `device` for each command that did not go plainly well. Pure. The errnos
//! are those that the kernel gives for the same on a block device, where it has one that says more
//! than EIO; docs/engines/sg.md has the table.

use crate::cdb;
use crate::header::Packet;
use crate::sense::{self, Sense};
use iodyno_engine_support::errno::Errno;
use std::fmt;

const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;
const CONDITION_MET: u8 = 0x04;
const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
const TASK_SET_FULL: u8 = 0x28;
const ACA_ACTIVE: u8 = 0x30;
const TASK_ABORTED: u8 = 0x40;

/// `vendor_status` of what is no sense data: this, then host status, then the device's.
const NO_SENSE_DATA: u32 = 0x8000_0000;

/// Host bytes: number, name, meaning.
const HOSTS: &[(u16, &str, &str)] = &[
    (0x01, "DID_NO_CONNECT", "the device is gone or cannot be reached"),
    (0x02, "DID_BUS_BUSY", "the bus stayed busy"),
    (0x03, "DID_TIME_OUT", "the command timed out"),
    (0x04, "DID_BAD_TARGET", "no such target"),
    (0x05, "DID_ABORT", "the command was aborted"),
    (0x06, "DID_PARITY", "parity error on the way"),
    (0x07, "DID_ERROR", "internal error of the host adapter"),
    (0x08, "DID_RESET", "a reset came in between"),
    (0x09, "DID_BAD_INTR", "unexpected interrupt"),
    (0x0a, "DID_PASSTHROUGH", "the command was passed through"),
    (0x0b, "DID_SOFT_ERROR", "the host adapter wants a retry"),
    (0x0c, "DID_IMM_RETRY", "the host adapter wants a retry"),
    (0x0d, "DID_REQUEUE", "the host adapter wants a retry"),
    (0x0e, "DID_TRANSPORT_DISRUPTED", "the transport was disrupted"),
    (0x0f, "DID_TRANSPORT_FAILFAST", "the transport failed"),
    (0x10, "DID_TARGET_FAILURE", "permanent failure of the target"),
    (0x11, "DID_NEXUS_FAILURE", "permanent failure of this path"),
    (0x12, "DID_ALLOC_FAILURE", "no space on the device"),
    (0x13, "DID_MEDIUM_ERROR", "medium error"),
    (0x14, "DID_TRANSPORT_MARGINAL", "the transport is marginal"),
];

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was done.
    Good,
    /// It was done, and the device had to correct something.
    Recovered,
    /// The device wanted to say something first, and did nothing: send it again.
    Again(Sense),
    /// It was not done.
    Failed { errno: Errno, vendor_status: u32 },
}

/// Judges a command that has ended.
pub(crate) fn judge(packet: &Packet) -> Verdict {
    if packet.hdr.is_plain() {
        return Verdict::Good;
    }
    let (status, host) = (packet.hdr.status & 0x7e, packet.hdr.host_status);
    if let Some(sense) = Sense::decode(packet.sense()) {
        // What a device corrected is done, unless the way to it failed as well.
        let is_done =
            matches!(sense.key, sense::RECOVERED_ERROR | sense::NO_SENSE | sense::COMPLETED);
        return match sense.key {
            _ if sense.deferred || sense.key == sense::UNIT_ATTENTION => Verdict::Again(sense),
            sense::NO_SENSE | sense::COMPLETED if host == 0 => Verdict::Good,
            _ if is_done && host == 0 => Verdict::Recovered,
            _ if is_done => failed_on_the_way(status, host),
            _ => {
                let errno = errno_of(&sense, &packet.cdb);
                Verdict::Failed { errno, vendor_status: sense.status() }
            }
        };
    }
    match (status, host) {
        (GOOD | CONDITION_MET, 0) => Verdict::Good,
        _ => failed_on_the_way(status, host),
    }
}

fn failed_on_the_way(status: u8, host: u16) -> Verdict {
    let errno = match (host, status) {
        (0x01, _) => libc::ENODEV,
        (0x03, _) => libc::ETIMEDOUT,
        (0x0e | 0x0f | 0x14, _) => libc::ENOLINK,
        (0x10, _) => libc::EREMOTEIO,
        (0x11, _) | (0, RESERVATION_CONFLICT) => libc::EBADE,
        (0x12, _) => libc::ENOSPC,
        (0x13, _) => libc::ENODATA,
        (0, BUSY | TASK_SET_FULL) => libc::EBUSY,
        _ => libc::EIO,
    };
    let vendor_status = NO_SENSE_DATA | u32::from(host) << 8 | u32::from(status);
    Verdict::Failed { errno, vendor_status }
}

fn errno_of(sense: &Sense, cdb: &[u8; 16]) -> Errno {
    match (sense.key, sense.asc, sense.ascq) {
        // A field that it does not know is how a device lacks a form of a command.
        (sense::ILLEGAL_REQUEST, 0x24 | 0x26, _) if cdb::is_optional(cdb) => libc::EOPNOTSUPP,
        (sense::MEDIUM_ERROR, 0x11 | 0x13 | 0x14, _) => libc::ENODATA,
        (sense::NOT_READY, 0x3a, _) => libc::ENOMEDIUM,
        (sense::NOT_READY, ..) => libc::EAGAIN,
        (sense::ILLEGAL_REQUEST | sense::ABORTED_COMMAND, 0x10, _) => libc::EILSEQ,
        (sense::ILLEGAL_REQUEST, 0x20, _) => libc::EOPNOTSUPP,
        (sense::ILLEGAL_REQUEST, 0x21, 0) => libc::ENXIO,
        (sense::ILLEGAL_REQUEST, 0x25, _) => libc::ENODEV,
        (sense::ILLEGAL_REQUEST, ..) => libc::EREMOTEIO,
        (sense::DATA_PROTECT, 0x27, 0x07) => libc::ENOSPC,
        (sense::DATA_PROTECT, 0x27, _) => libc::EROFS,
        (sense::DATA_PROTECT, ..) => libc::EACCES,
        (sense::VOLUME_OVERFLOW, ..) => libc::ENOSPC,
        (sense::MISCOMPARE, ..) => libc::EILSEQ,
        (sense::HARDWARE_ERROR, ..) => libc::EREMOTEIO,
        (sense::BLANK_CHECK, ..) => libc::ENODATA,
        _ => libc::EIO,
    }
}

/// "READ(10) of 8 blocks from LBA 4660: medium error: unrecovered read error (03/11/00), at LBA
/// 4661".
pub(crate) fn tell(packet: &Packet, out: &mut dyn fmt::Write) -> fmt::Result {
    out.write_str(cdb::name(&packet.cdb))?;
    match cdb::place(&packet.cdb) {
        Some((lba, blocks)) => write!(out, " of {blocks} blocks from LBA {lba}: ")?,
        None => out.write_str(": ")?,
    }
    if packet.call_errno != 0 {
        let why = std::io::Error::from_raw_os_error(packet.call_errno);
        return write!(out, "the sg driver did not take it: {why}");
    }
    let (status, host) = (packet.hdr.status & 0x7e, packet.hdr.host_status);
    let mut said = false;
    if let Some(sense) = Sense::decode(packet.sense()) {
        write!(out, "{sense}")?;
        if let Some(lba) = sense.information {
            match sense.key {
                sense::MEDIUM_ERROR
                | sense::MISCOMPARE
                | sense::RECOVERED_ERROR
                | sense::HARDWARE_ERROR
                | sense::ABORTED_COMMAND => write!(out, ", at LBA {lba}")?,
                _ => {}
            }
        }
        said = true;
    } else if status != GOOD {
        write!(out, "{}", status_words(status))?;
        said = true;
    }
    if host != 0 {
        out.write_str(if said { ", " } else { "" })?;
        match HOSTS.iter().find(|row| row.0 == host) {
            Some((_, name, words)) => write!(out, "{words} ({name})")?,
            None => write!(out, "host status {host:#x}")?,
        }
        said = true;
    }
    // DRIVER_SENSE says no more than the sense data itself.
    match packet.hdr.driver_status & 0xf {
        0 | 8 if said => {}
        0 => out.write_str("the device gave no reason")?,
        6 => out.write_str(if said { ", timed out" } else { "timed out" })?,
        other => write!(out, "{}driver status {other:#x}", if said { ", " } else { "" })?,
    }
    match packet.retries {
        0 => Ok(()),
        1 => out.write_str(" (also when sent again)"),
        times => write!(out, " (also when sent again, {times} times)"),
    }
}

/// The same as text.
pub(crate) fn words(packet: &Packet) -> String {
    let mut words = String::new();
    // Writing to a String does not fail.
    let _ = tell(packet, &mut words);
    words
}

fn status_words(status: u8) -> String {
    let words = match status {
        CHECK_CONDITION => "check condition without sense data",
        CONDITION_MET => "condition met",
        BUSY => "the device is busy (BUSY)",
        RESERVATION_CONFLICT => "another initiator has reserved the device (RESERVATION CONFLICT)",
        TASK_SET_FULL => "the device's queue is full (TASK SET FULL)",
        ACA_ACTIVE => "an earlier error is not cleared (ACA ACTIVE)",
        TASK_ABORTED => "another initiator aborted the command (TASK ABORTED)",
        other => return format!("status {other:#04x}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdb::Transfer;
    use crate::header::Data;

    /// A READ(10) that ended so; sense as key, asc, ascq.
    fn ended(status: u8, host: u16, sense: Option<(u8, u8, u8)>) -> Packet {
        let mut packet = Packet::EMPTY;
        let cdb = Transfer::Read { fua: false }.command(0x1234, 8).expect("a command");
        packet.arm(cdb, Data::None, 0);
        (packet.hdr.status, packet.hdr.host_status, packet.hdr.info) = (status, host, 1);
        if let Some((key, asc, ascq)) = sense {
            packet.sense[..8].copy_from_slice(&[0xf0, 0, key, 0, 0, 0x12, 0x35, 10]);
            (packet.sense[12], packet.sense[13]) = (asc, ascq);
            packet.hdr.sb_len_wr = 18;
            packet.hdr.driver_status = 8;
        }
        packet
    }

    fn words(packet: &Packet) -> String {
        super::words(packet).replace("READ(10) of 8 blocks from LBA 4660: ", "")
    }

    #[test]
    fn verdicts_and_words() {
        let no_sense = |host: u32, status: u32| NO_SENSE_DATA | host << 8 | status;
        for (status, host, sense, errno, vendor_status, expected) in [
            (
                2,
                0,
                Some((3, 0x11, 0)),
                libc::ENODATA,
                0x31100,
                "medium error: unrecovered read error (03/11/00), at LBA 4661",
            ),
            (
                2,
                0,
                Some((3, 0x0c, 2)),
                libc::EIO,
                0x30c02,
                "medium error: write error, auto reallocation failed (03/0c/02), at LBA 4661",
            ),
            (
                2,
                0,
                Some((5, 0x20, 0)),
                libc::EOPNOTSUPP,
                0x52000,
                "illegal request: invalid command operation code (05/20/00)",
            ),
            (
                2,
                0,
                Some((0xb, 0x10, 1)),
                libc::EILSEQ,
                0xb1001,
                "aborted command: logical block guard check failed (0b/10/01), at LBA 4661",
            ),
            (
                2,
                0,
                Some((7, 0x27, 7)),
                libc::ENOSPC,
                0x72707,
                "data protect: space allocation failed write protect (07/27/07)",
            ),
            (
                0,
                1,
                None,
                libc::ENODEV,
                no_sense(1, 0),
                "the device is gone or cannot be reached (DID_NO_CONNECT)",
            ),
            (0, 3, None, libc::ETIMEDOUT, no_sense(3, 0), "the command timed out (DID_TIME_OUT)"),
            (
                0x18,
                0,
                None,
                libc::EBADE,
                no_sense(0, 0x18),
                "another initiator has reserved the device (RESERVATION CONFLICT)",
            ),
            (0x08, 0, None, libc::EBUSY, no_sense(0, 8), "the device is busy (BUSY)"),
            (2, 0, None, libc::EIO, no_sense(0, 2), "check condition without sense data"),
            (0, 0x77, None, libc::EIO, no_sense(0x77, 0), "host status 0x77"),
        ] {
            let packet = ended(status, host, sense);
            assert_eq!(judge(&packet), Verdict::Failed { errno, vendor_status }, "{expected}");
            assert_eq!(words(&packet), expected);
        }
    }

    #[test]
    fn what_is_done_is_no_failure() {
        assert_eq!(judge(&Packet::EMPTY), Verdict::Good);
        assert_eq!(judge(&ended(0x04, 0, None)), Verdict::Good);
        assert_eq!(judge(&ended(0, 0, Some((0, 0, 0)))), Verdict::Good);
        assert_eq!(judge(&ended(2, 0, Some((1, 0x5d, 0)))), Verdict::Recovered);
        let attention = judge(&ended(2, 0, Some((6, 0x29, 0))));
        assert!(matches!(attention, Verdict::Again(_)));
        // Corrected by the device, and lost on the way.
        let lost = judge(&ended(2, 7, Some((1, 0x5d, 0))));
        assert!(matches!(lost, Verdict::Failed { errno: libc::EIO, .. }));
        let mut deferred = ended(2, 0, Some((3, 0x0c, 0)));
        deferred.sense[0] = 0xf1;
        assert!(matches!(judge(&deferred), Verdict::Again(_)));
    }

    #[test]
    fn what_the_driver_did_not_take_says_so() {
        let mut packet = ended(0, 0, None);
        packet.call_errno = libc::ENODEV;
        assert!(words(&packet).contains("did not take it: No such device"));
        let mut again = ended(2, 0, Some((6, 0x29, 0)));
        again.retries = 1;
        assert!(words(&again).ends_with("(also when sent again)"));
    }
}
