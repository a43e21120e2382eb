//! Commands as bytes: what an operation looks like to a SCSI device (SBC-4, SPC-5).
//!
//! Called by `engine` for each request and by `device` when a target is opened. Pure: builds bytes,
//! knows no device. Numbers that a command cannot hold are `None`, never cut.

/// READ CAPACITY(16) answers so many bytes.
pub(crate) const CAPACITY_16_BYTES: u32 = 32;
/// READ CAPACITY(10) answers so many bytes.
pub(crate) const CAPACITY_10_BYTES: u32 = 8;
/// STREAM CONTROL answers so many bytes.
pub(crate) const STREAM_BYTES: u32 = 8;

const FUA: u8 = 1 << 3;
const NDOB: u8 = 1;
const BYTCHK_SHIFT: u8 = 1;
const SERVICE_ACTION_IN_16: u8 = 0x9e;
const SA_READ_CAPACITY_16: u8 = 0x10;
const SA_STREAM_CONTROL: u8 = 0x14;
const ZBC_OUT: u8 = 0x94;
const ZBC_IN: u8 = 0x95;
/// Of REPORT ZONES: the list's length is that of what is told.
const PARTIAL: u8 = 1 << 7;
/// Actions of [`zone_action`].
pub(crate) const FINISH_ZONE: u8 = 0x02;
pub(crate) const RESET_WRITE_POINTER: u8 = 0x04;

/// A command descriptor block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cdb {
    pub(crate) bytes: [u8; 16],
    pub(crate) len: u8,
}

/// What a command does with the data on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    Read {
        fua: bool,
    },
    Write {
        fua: bool,
    },
    WriteAndVerify,
    /// One block, written everywhere; `ndob`: none at all, the device knows what to write.
    WriteSame {
        ndob: bool,
    },
    WriteStream {
        fua: bool,
        stream: u16,
    },
    /// BYTCHK: 0 = the medium alone, 1 = against data, 3 = against one block.
    Verify {
        bytchk: u8,
    },
    SynchronizeCache,
}

impl Transfer {
    /// The forms with 10 and with 16 bytes; none where there is no such form.
    const fn opcodes(self) -> (Option<u8>, u8) {
        match self {
            Transfer::Read { .. } => (Some(0x28), 0x88),
            Transfer::Write { .. } => (Some(0x2a), 0x8a),
            Transfer::WriteAndVerify => (Some(0x2e), 0x8e),
            Transfer::WriteSame { .. } => (None, 0x93),
            Transfer::WriteStream { .. } => (None, 0x9a),
            Transfer::Verify { .. } => (Some(0x2f), 0x8f),
            Transfer::SynchronizeCache => (Some(0x35), 0x91),
        }
    }

    const fn second_byte(self) -> u8 {
        match self {
            Transfer::Read { fua: true }
            | Transfer::Write { fua: true }
            | Transfer::WriteStream { fua: true, .. } => FUA,
            Transfer::WriteSame { ndob: true } => NDOB,
            Transfer::Verify { bytchk } => bytchk << BYTCHK_SHIFT,
            _ => 0,
        }
    }

    /// The command for a range of blocks, in the short form where that can hold it. `None`: more
    /// blocks than fit into a command.
    pub(crate) fn command(self, lba: u64, blocks: u64) -> Option<Cdb> {
        let (short, long) = self.opcodes();
        let blocks = u32::try_from(blocks).ok()?;
        match (short, u32::try_from(lba), u16::try_from(blocks)) {
            (Some(opcode), Ok(lba), Ok(blocks)) => Some(self.short(opcode, lba, blocks)),
            _ => self.long(long, lba, blocks),
        }
    }

    /// The long form, whatever the short one could hold.
    pub(crate) fn long_command(self, lba: u64, blocks: u32) -> Option<Cdb> {
        self.long(self.opcodes().1, lba, blocks)
    }

    fn short(self, opcode: u8, lba: u32, blocks: u16) -> Cdb {
        let mut bytes = [0; 16];
        bytes[0] = opcode;
        bytes[1] = self.second_byte();
        bytes[2..6].copy_from_slice(&lba.to_be_bytes());
        bytes[7..9].copy_from_slice(&blocks.to_be_bytes());
        Cdb { bytes, len: 10 }
    }

    fn long(self, opcode: u8, lba: u64, blocks: u32) -> Option<Cdb> {
        let mut bytes = [0; 16];
        bytes[0] = opcode;
        bytes[1] = self.second_byte();
        bytes[2..10].copy_from_slice(&lba.to_be_bytes());
        match self {
            Transfer::WriteStream { stream, .. } => {
                bytes[10..12].copy_from_slice(&stream.to_be_bytes());
                bytes[12..14].copy_from_slice(&u16::try_from(blocks).ok()?.to_be_bytes());
            }
            _ => bytes[10..14].copy_from_slice(&blocks.to_be_bytes()),
        }
        Some(Cdb { bytes, len: 16 })
    }
}

/// INQUIRY: standard data, or a page of vital product data.
pub(crate) fn inquiry(page: Option<u8>, room: u16) -> Cdb {
    let mut bytes = [0; 16];
    bytes[0] = 0x12;
    bytes[1] = u8::from(page.is_some());
    bytes[2] = page.unwrap_or(0);
    bytes[3..5].copy_from_slice(&room.to_be_bytes());
    Cdb { bytes, len: 6 }
}

/// READ CAPACITY(10).
pub(crate) fn read_capacity_10() -> Cdb {
    let mut bytes = [0; 16];
    bytes[0] = 0x25;
    Cdb { bytes, len: 10 }
}

/// READ CAPACITY(16).
pub(crate) fn read_capacity_16() -> Cdb {
    service_action(SA_READ_CAPACITY_16, CAPACITY_16_BYTES)
}

/// STREAM CONTROL: opens a stream; the answer names it.
pub(crate) fn open_stream() -> Cdb {
    let mut cdb = service_action(SA_STREAM_CONTROL, STREAM_BYTES);
    cdb.bytes[1] |= 1 << 5;
    cdb
}

/// STREAM CONTROL: closes a stream.
pub(crate) fn close_stream(stream: u16) -> Cdb {
    let mut cdb = service_action(SA_STREAM_CONTROL, STREAM_BYTES);
    cdb.bytes[1] |= 2 << 5;
    cdb.bytes[4..6].copy_from_slice(&stream.to_be_bytes());
    cdb
}

fn service_action(action: u8, room: u32) -> Cdb {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (SERVICE_ACTION_IN_16, action);
    bytes[10..14].copy_from_slice(&room.to_be_bytes());
    Cdb { bytes, len: 16 }
}

/// REPORT ZONES from a block on: all of them, and no more than there is room for.
pub(crate) fn report_zones(lba: u64, room: u32) -> Cdb {
    let mut bytes = [0; 16];
    bytes[0] = ZBC_IN;
    bytes[2..10].copy_from_slice(&lba.to_be_bytes());
    bytes[10..14].copy_from_slice(&room.to_be_bytes());
    bytes[14] = PARTIAL;
    Cdb { bytes, len: 16 }
}

/// Something that is done to the zone that begins with a block.
pub(crate) fn zone_action(action: u8, lba: u64) -> Cdb {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (ZBC_OUT, action);
    bytes[2..10].copy_from_slice(&lba.to_be_bytes());
    Cdb { bytes, len: 16 }
}

/// UNMAP with a parameter list of so many bytes.
pub(crate) fn unmap(list_bytes: u16) -> Cdb {
    let mut bytes = [0; 16];
    bytes[0] = 0x42;
    bytes[7..9].copy_from_slice(&list_bytes.to_be_bytes());
    Cdb { bytes, len: 10 }
}

/// First block and number of blocks of a command about blocks.
pub(crate) fn place(cdb: &[u8; 16]) -> Option<(u64, u64)> {
    let number = |from: usize, to: usize| {
        cdb[from..to].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    match cdb[0] {
        0x28 | 0x2a | 0x2e | 0x2f | 0x35 => Some((number(2, 6), number(7, 9))),
        0x88 | 0x8a | 0x8e | 0x8f | 0x91 | 0x93 => Some((number(2, 10), number(10, 14))),
        0x9a => Some((number(2, 10), number(12, 14))),
        _ => None,
    }
}

/// Whether a device may lack the command, or this form of it, and say so by an illegal request.
pub(crate) fn is_optional(cdb: &[u8; 16]) -> bool {
    matches!(cdb[0], 0x42 | 0x9a | SERVICE_ACTION_IN_16 | ZBC_IN)
        || cdb[0] == 0x93 && cdb[1] & NDOB != 0
}

/// The name of a command, as the standards write it.
pub(crate) fn name(cdb: &[u8; 16]) -> &'static str {
    match (cdb[0], cdb[1] & 0x1f) {
        (0x12, _) => "INQUIRY",
        (0x25, _) => "READ CAPACITY(10)",
        (0x28, _) => "READ(10)",
        (0x2a, _) => "WRITE(10)",
        (0x2e, _) => "WRITE AND VERIFY(10)",
        (0x2f, _) => "VERIFY(10)",
        (0x35, _) => "SYNCHRONIZE CACHE(10)",
        (0x42, _) => "UNMAP",
        (0x88, _) => "READ(16)",
        (0x8a, _) => "WRITE(16)",
        (0x8e, _) => "WRITE AND VERIFY(16)",
        (0x8f, _) => "VERIFY(16)",
        (0x91, _) => "SYNCHRONIZE CACHE(16)",
        (0x93, _) => "WRITE SAME(16)",
        (0x9a, _) => "WRITE STREAM(16)",
        (ZBC_OUT, FINISH_ZONE) => "FINISH ZONE",
        (ZBC_OUT, RESET_WRITE_POINTER) => "RESET WRITE POINTER",
        (ZBC_IN, 0) => "REPORT ZONES",
        (SERVICE_ACTION_IN_16, SA_READ_CAPACITY_16) => "READ CAPACITY(16)",
        (SERVICE_ACTION_IN_16, SA_STREAM_CONTROL) => "STREAM CONTROL",
        _ => "a command",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "28 00 ..." of a command.
    fn hex(cdb: Cdb) -> String {
        let bytes = cdb.bytes[..usize::from(cdb.len)].iter();
        bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn transfers_as_the_standard_has_them() {
        let big = 0x1_0000_0000;
        let stream = Transfer::WriteStream { fua: true, stream: 0x0102 };
        for (what, lba, blocks, expected) in [
            (Transfer::Read { fua: false }, 0x1234, 8, "28 00 00 00 12 34 00 00 08 00"),
            (Transfer::Read { fua: true }, 0xffff_ffff, 0xffff, "28 08 ff ff ff ff 00 ff ff 00"),
            (
                Transfer::Read { fua: false },
                big,
                1,
                "88 00 00 00 00 01 00 00 00 00 00 00 00 01 00 00",
            ),
            (
                Transfer::Read { fua: true },
                7,
                0x1_0000,
                "88 08 00 00 00 00 00 00 00 07 00 01 00 00 00 00",
            ),
            (Transfer::Write { fua: false }, 1, 2, "2a 00 00 00 00 01 00 00 02 00"),
            (
                Transfer::Write { fua: true },
                big + 5,
                2,
                "8a 08 00 00 00 01 00 00 00 05 00 00 00 02 00 00",
            ),
            (Transfer::WriteAndVerify, 1, 2, "2e 00 00 00 00 01 00 00 02 00"),
            (Transfer::WriteAndVerify, big, 2, "8e 00 00 00 00 01 00 00 00 00 00 00 00 02 00 00"),
            (
                Transfer::WriteSame { ndob: false },
                3,
                16,
                "93 00 00 00 00 00 00 00 00 03 00 00 00 10 00 00",
            ),
            (
                Transfer::WriteSame { ndob: true },
                3,
                16,
                "93 01 00 00 00 00 00 00 00 03 00 00 00 10 00 00",
            ),
            (stream, 9, 4, "9a 08 00 00 00 00 00 00 00 09 01 02 00 04 00 00"),
            (Transfer::Verify { bytchk: 0 }, 1, 2, "2f 00 00 00 00 01 00 00 02 00"),
            (Transfer::Verify { bytchk: 1 }, 1, 2, "2f 02 00 00 00 01 00 00 02 00"),
            (
                Transfer::Verify { bytchk: 3 },
                big,
                2,
                "8f 06 00 00 00 01 00 00 00 00 00 00 00 02 00 00",
            ),
            (Transfer::SynchronizeCache, 0, 0, "35 00 00 00 00 00 00 00 00 00"),
            (
                Transfer::SynchronizeCache,
                0,
                0x1_0000,
                "91 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00",
            ),
        ] {
            let command = what.command(lba, blocks).expect("it fits");
            assert_eq!(place(&command.bytes), Some((lba, blocks)));
            assert_eq!(hex(command), expected, "{what:?} {lba} {blocks}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_command() {
        assert_eq!(Transfer::Read { fua: false }.command(0, 1 << 32), None);
        let stream = Transfer::WriteStream { fua: false, stream: 1 };
        assert_eq!(stream.command(0, 0x1_0000), None);
        assert!(stream.command(0, 0xffff).is_some());
    }

    #[test]
    fn the_others_as_the_standard_has_them() {
        for (command, expected, called) in [
            (inquiry(None, 96), "12 00 00 00 60 00", "INQUIRY"),
            (inquiry(Some(0xb0), 0x140), "12 01 b0 01 40 00", "INQUIRY"),
            (read_capacity_10(), "25 00 00 00 00 00 00 00 00 00", "READ CAPACITY(10)"),
            (
                read_capacity_16(),
                "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00",
                "READ CAPACITY(16)",
            ),
            (open_stream(), "9e 34 00 00 00 00 00 00 00 00 00 00 00 08 00 00", "STREAM CONTROL"),
            (
                close_stream(0x0203),
                "9e 54 00 00 02 03 00 00 00 00 00 00 00 08 00 00",
                "STREAM CONTROL",
            ),
            (unmap(24), "42 00 00 00 00 00 00 00 18 00", "UNMAP"),
        ] {
            assert_eq!(hex(command), expected);
            assert_eq!(name(&command.bytes), called);
        }
    }
}
