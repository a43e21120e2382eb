//! Commands as the NVM command set has them (NVMe Base and NVM Command Set Specifications).
//!
//! Called by `engine` for each request and by `node` when a target is opened. Pure: builds structs,
//! knows no device. Numbers that a command cannot hold are `None`, never cut.

/// `struct nvme_uring_cmd` and, but for the last word, `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) opcode: u8,
    pub(crate) flags: u8,
    pub(crate) rsvd1: u16,
    pub(crate) nsid: u32,
    pub(crate) cdw2: u32,
    pub(crate) cdw3: u32,
    pub(crate) metadata: u64,
    pub(crate) addr: u64,
    pub(crate) metadata_len: u32,
    pub(crate) data_len: u32,
    pub(crate) cdw10: u32,
    pub(crate) cdw11: u32,
    pub(crate) cdw12: u32,
    pub(crate) cdw13: u32,
    pub(crate) cdw14: u32,
    pub(crate) cdw15: u32,
    pub(crate) timeout_ms: u32,
    /// Filled in by the ioctl; unused on a ring.
    pub(crate) result: u32,
}
const _: () = assert!(size_of::<Command>() == 72);

/// Blocks that a command about a range covers at most.
pub(crate) const BLOCKS_MAX: u64 = 1 << 16;
/// Blocks that a range of a dataset management covers at most.
pub(crate) const RANGE_BLOCKS_MAX: u64 = u32::MAX as u64;
/// Bytes of what `identify` answers.
pub(crate) const IDENTIFY_BYTES: usize = 4096;

/// What of protection information is checked, as in PRCHK.
pub(crate) const GUARD: u8 = 4;
pub(crate) const APPTAG: u8 = 2;
pub(crate) const REFTAG: u8 = 1;

const FUA: u32 = 1 << 30;
const PRACT: u32 = 1 << 29;
const PRCHK_SHIFT: u32 = 26;
const DEAC: u32 = 1 << 25;
const AD_DEALLOCATE: u32 = 1 << 2;

/// A command of the NVM command set about data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Flush,
    Write,
    Read,
    WriteUncorrectable,
    Compare,
    WriteZeroes,
    DatasetManagement,
    Verify,
}

impl Op {
    pub(crate) const fn opcode(self) -> u8 {
        match self {
            Op::Flush => 0x00,
            Op::Write => 0x01,
            Op::Read => 0x02,
            Op::WriteUncorrectable => 0x04,
            Op::Compare => 0x05,
            Op::WriteZeroes => 0x08,
            Op::DatasetManagement => 0x09,
            Op::Verify => 0x0c,
        }
    }

    /// Whether data goes along.
    pub(crate) const fn has_data(self) -> bool {
        matches!(self, Op::Write | Op::Read | Op::Compare)
    }

    /// Its name, as the standard writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Op::Flush => "Flush",
            Op::Write => "Write",
            Op::Read => "Read",
            Op::WriteUncorrectable => "Write Uncorrectable",
            Op::Compare => "Compare",
            Op::WriteZeroes => "Write Zeroes",
            Op::DatasetManagement => "Dataset Management",
            Op::Verify => "Verify",
        }
    }

    /// The bit of the controller's ONCS that says it knows the command; `None`: all know it.
    pub(crate) const fn oncs(self) -> Option<u16> {
        match self {
            Op::Compare => Some(1),
            Op::WriteUncorrectable => Some(1 << 1),
            Op::DatasetManagement => Some(1 << 2),
            Op::WriteZeroes => Some(1 << 3),
            Op::Verify => Some(1 << 7),
            Op::Flush | Op::Write | Op::Read => None,
        }
    }
}

/// What the device does with protection information.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Protection {
    /// PRACT: the device adds it to what is written, and takes it off what is read.
    pub(crate) act: bool,
    /// PRCHK: [`GUARD`], [`APPTAG`], [`REFTAG`].
    pub(crate) check: u8,
    /// The bits of a block's address that are its reference tag; none with type 3.
    pub(crate) reference_mask: u64,
    pub(crate) apptag: u16,
    pub(crate) apptag_mask: u16,
}

impl Command {
    /// A command about a range of blocks, without its data.
    #[inline]
    pub(crate) fn range(op: Op, nsid: u32, lba: u64, blocks: u64) -> Option<Command> {
        if blocks == 0 || blocks > BLOCKS_MAX {
            return None;
        }
        Some(Command {
            opcode: op.opcode(),
            nsid,
            cdw10: lba as u32,
            cdw11: (lba >> 32) as u32,
            cdw12: (blocks - 1) as u32,
            ..Command::default()
        })
    }

    /// The device is to have it on the medium before it answers.
    #[inline]
    pub(crate) fn force_unit_access(mut self) -> Command {
        self.cdw12 |= FUA;
        self
    }

    /// Blocks that are zeroed may be deallocated.
    pub(crate) fn deallocate(mut self) -> Command {
        self.cdw12 |= DEAC;
        self
    }

    /// With protection information, for a range that begins at `lba`.
    #[inline]
    pub(crate) fn protected(mut self, protection: &Protection, lba: u64) -> Command {
        self.cdw12 |= u32::from(protection.check) << PRCHK_SHIFT;
        self.cdw12 |= if protection.act { PRACT } else { 0 };
        let reference = lba & protection.reference_mask;
        self.cdw14 = reference as u32;
        self.cdw3 = (reference >> 32) as u32;
        self.cdw15 = u32::from(protection.apptag) | u32::from(protection.apptag_mask) << 16;
        self
    }

    /// Flush of a namespace.
    pub(crate) fn flush(nsid: u32) -> Command {
        Command { opcode: Op::Flush.opcode(), nsid, ..Command::default() }
    }

    /// Dataset Management that deallocates so many ranges, whose list lies at `addr`.
    pub(crate) fn deallocate_ranges(nsid: u32, addr: u64, ranges: usize) -> Command {
        Command {
            opcode: Op::DatasetManagement.opcode(),
            nsid,
            addr,
            data_len: (ranges * size_of::<Range>()) as u32, // RANGES_MAX at most
            cdw10: ranges as u32 - 1,
            cdw11: AD_DEALLOCATE,
            ..Command::default()
        }
    }

    /// Identify: what is asked for is `cns`; where that depends on a command set, on the NVM one.
    pub(crate) fn identify(nsid: u32, cns: u32, addr: u64) -> Command {
        Command {
            opcode: 0x06,
            nsid,
            addr,
            data_len: IDENTIFY_BYTES as u32,
            cdw10: cns,
            ..Command::default()
        }
    }
}

/// A range of Dataset Management.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    attributes: u32,
    blocks: u32,
    lba: u64,
}

impl Range {
    /// `None`: more blocks than a range can have.
    pub(crate) fn new(lba: u64, blocks: u64) -> Option<Range> {
        let blocks = u32::try_from(blocks).ok().filter(|blocks| *blocks > 0)?;
        Some(Range { attributes: 0, blocks: blocks.to_le(), lba: lba.to_le() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opcode, namespace, address and length of data, and the last six dwords, as the device reads
    /// them.
    fn hex(c: Command) -> String {
        let dwords = [c.cdw10, c.cdw11, c.cdw12, c.cdw13, c.cdw14, c.cdw15];
        let dwords: Vec<String> = dwords.iter().map(|dword| format!("{dword:x}")).collect();
        format!("{:02x} {} {:x}+{:x}: {}", c.opcode, c.nsid, c.addr, c.data_len, dwords.join(" "))
    }

    #[test]
    fn commands_as_the_standard_has_them() {
        let range = |op, lba, blocks| Command::range(op, 1, lba, blocks).expect("it fits");
        let big = 0x1_0000_0002;
        let protection = Protection {
            act: true,
            check: 0b101,
            reference_mask: 0xffff_ffff_ffff,
            apptag: 0x1234,
            apptag_mask: 0xffff,
        };
        for (command, expected) in [
            (range(Op::Read, 0x1234, 8), "02 1 0+0: 1234 0 7 0 0 0"),
            (range(Op::Write, big, 1), "01 1 0+0: 2 1 0 0 0 0"),
            (range(Op::Write, 0, 1 << 16), "01 1 0+0: 0 0 ffff 0 0 0"),
            (range(Op::Write, 1, 2).force_unit_access(), "01 1 0+0: 1 0 40000001 0 0 0"),
            (range(Op::Compare, 1, 2), "05 1 0+0: 1 0 1 0 0 0"),
            (range(Op::Verify, 1, 2), "0c 1 0+0: 1 0 1 0 0 0"),
            (range(Op::WriteUncorrectable, 1, 2), "04 1 0+0: 1 0 1 0 0 0"),
            (range(Op::WriteZeroes, 1, 2), "08 1 0+0: 1 0 1 0 0 0"),
            (range(Op::WriteZeroes, 1, 2).deallocate(), "08 1 0+0: 1 0 2000001 0 0 0"),
            (
                range(Op::Read, big, 2).protected(&protection, big),
                "02 1 0+0: 2 1 34000001 0 2 ffff1234",
            ),
            (Command::flush(7), "00 7 0+0: 0 0 0 0 0 0"),
            (Command::deallocate_ranges(1, 0xabc0, 1), "09 1 abc0+10: 0 4 0 0 0 0"),
            (Command::deallocate_ranges(1, 0xabc0, 256), "09 1 abc0+1000: ff 4 0 0 0 0"),
            (Command::identify(1, 0, 0x1000), "06 1 1000+1000: 0 0 0 0 0 0"),
            (Command::identify(0, 1, 0x1000), "06 0 1000+1000: 1 0 0 0 0 0"),
        ] {
            assert_eq!(hex(command), expected);
        }
    }

    #[test]
    fn reference_tags_have_the_bits_of_their_format() {
        let tag = |reference_mask, lba| {
            let protection = Protection { reference_mask, ..Protection::default() };
            let command = Command::range(Op::Read, 1, lba, 1).expect("it fits");
            let command = command.protected(&protection, lba);
            (command.cdw3, command.cdw14)
        };
        let lba = 0x1234_5678_9abc;
        assert_eq!(tag(0xffff_ffff, lba), (0, 0x5678_9abc));
        assert_eq!(tag(0xffff_ffff_ffff, lba), (0x1234, 0x5678_9abc));
        assert_eq!(tag(0xff, lba), (0, 0xbc), "the rest is the storage tag's");
        assert_eq!(tag(0, lba), (0, 0), "type 3");
    }

    #[test]
    fn what_does_not_fit_is_no_command() {
        assert_eq!(Command::range(Op::Read, 1, 0, 0), None);
        assert_eq!(Command::range(Op::Read, 1, 0, BLOCKS_MAX + 1), None);
        assert_eq!(Range::new(0, 0), None);
        assert_eq!(Range::new(0, RANGE_BLOCKS_MAX + 1), None);
        assert!(Range::new(0, RANGE_BLOCKS_MAX).is_some());
    }

    #[test]
    fn a_range_as_the_device_reads_it() {
        let range = Range::new(0x1_0000_0002, 8).expect("it fits");
        assert_eq!((range.attributes, range.blocks), (0, 8_u32.to_le()));
        assert_eq!(range.lba, 0x1_0000_0002_u64.to_le());
        assert_eq!(size_of::<Range>(), 16);
    }
}
