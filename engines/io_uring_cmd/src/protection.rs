//! Protection information: made for what is written, checked in what was read, where the device is
//! not asked to do that (`pi_act=0`).
//!
//! Called by `engine` for requests to namespaces that have it. Pure: blocks and their metadata in,
//! guards and tags out or compared. The layout is that of the NVM Command Set Specification: guard,
//! application tag, reference tag, all with the highest byte first.

use crate::command::{APPTAG, GUARD, REFTAG};
use std::fmt;

/// How a block's data is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// CRC-16 T10-DIF; 8 bytes of information.
    Crc16,
    /// CRC-32C; 16 bytes. Only devices make it.
    Crc32,
    /// CRC-64 NVMe; 16 bytes.
    Crc64,
}

impl Guard {
    /// From the number that a namespace's format has for it.
    pub(crate) fn of_format(number: u8) -> Option<Guard> {
        match number {
            0 => Some(Guard::Crc16),
            1 => Some(Guard::Crc32),
            2 => Some(Guard::Crc64),
            _ => None,
        }
    }

    /// Bytes of a block's protection information.
    pub(crate) const fn info_bytes(self) -> u16 {
        match self {
            Guard::Crc16 => 8,
            Guard::Crc32 | Guard::Crc64 => 16,
        }
    }

    /// Bits that storage tag and reference tag have together.
    pub(crate) const fn reference_bits(self) -> u32 {
        match self {
            Guard::Crc16 => 32,
            Guard::Crc32 => 80,
            Guard::Crc64 => 48,
        }
    }
}

/// Where a block's protection information is, and of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) guard: Guard,
    /// 1 to 3: with 3 the reference tag says nothing about the place.
    pub(crate) pi_type: u8,
    pub(crate) block_bytes: usize,
    /// Metadata of a block.
    pub(crate) metadata_bytes: usize,
    /// The information is the first of the metadata, not the last.
    pub(crate) is_first: bool,
    /// The bits of a block's address that its reference tag has.
    pub(crate) reference_mask: u64,
}

/// What is written into the tags, and what of them is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) app: u16,
    pub(crate) app_mask: u16,
    /// Bits as in PRCHK.
    pub(crate) check: u8,
}

/// What was wrong with a block that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    lba: u64,
    what: &'static str,
    found: u64,
    expected: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { lba, what, found, expected } = self;
        write!(f, "the {what} of LBA {lba} is {found:#x}, and should be {expected:#x}")
    }
}

impl Layout {
    /// Of each block: its address, its data, its metadata before the information, and this.
    fn split<'a>(&self, metadata: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let info = usize::from(self.guard.info_bytes());
        match self.is_first {
            true => (&[], &metadata[..info]),
            false => metadata.split_at(self.metadata_bytes - info),
        }
    }

    fn crc(&self, data: &[u8], before: &[u8]) -> u64 {
        match self.guard {
            Guard::Crc16 => u64::from(crc16(crc16(0, data), before)),
            Guard::Crc64 => !crc64(crc64(!0, data), before),
            // Target::new() lets nobody ask for it.
            Guard::Crc32 => 0,
        }
    }

    fn reference(&self, lba: u64) -> u64 {
        lba & self.reference_mask
    }

    /// Fills in the information of whole blocks, of which the first has this address.
    pub(crate) fn generate(&self, data: &[u8], metadata: &mut [u8], lba: u64, app: u16) {
        let blocks = data.chunks_exact(self.block_bytes);
        for (n, (data, metadata)) in
            blocks.zip(metadata.chunks_exact_mut(self.metadata_bytes)).enumerate()
        {
            let before = self.split(metadata).0;
            let guard = self.crc(data, before);
            let reference = self.reference(lba + n as u64);
            let at = if self.is_first { 0 } else { before.len() };
            let info = &mut metadata[at..];
            match self.guard {
                Guard::Crc16 => {
                    info[..2].copy_from_slice(&(guard as u16).to_be_bytes());
                    info[2..4].copy_from_slice(&app.to_be_bytes());
                    info[4..8].copy_from_slice(&(reference as u32).to_be_bytes());
                }
                Guard::Crc32 | Guard::Crc64 => {
                    info[..8].copy_from_slice(&guard.to_be_bytes());
                    info[8..10].copy_from_slice(&app.to_be_bytes());
                    info[10..16].copy_from_slice(&reference.to_be_bytes()[2..]);
                }
            }
        }
    }

    /// The first thing that is wrong with whole blocks, of which the first has this address.
    pub(crate) fn check(
        &self,
        data: &[u8],
        metadata: &[u8],
        lba: u64,
        tags: Tags,
    ) -> Option<Fault> {
        let blocks = data.chunks_exact(self.block_bytes);
        let mut pieces = blocks.zip(metadata.chunks_exact(self.metadata_bytes)).enumerate();
        pieces.find_map(|(n, (data, metadata))| {
            self.check_block(data, metadata, lba + n as u64, tags)
        })
    }

    fn check_block(&self, data: &[u8], metadata: &[u8], lba: u64, tags: Tags) -> Option<Fault> {
        let (before, info) = self.split(metadata);
        let guard_bytes = if self.guard == Guard::Crc16 { 2 } else { 8 };
        let (guard, rest) = info.split_at(guard_bytes);
        let (app, reference) = rest.split_at(2);
        let (guard, app, reference) = (number(guard), number(app), number(reference));
        let all_ones = u64::MAX >> (64 - self.guard.reference_bits().min(64));
        // Of a block that was never written, or is not to be checked, the tags are all ones.
        if app == 0xffff && (self.pi_type != 3 || reference == all_ones) {
            return None;
        }
        let wanted = |bit: u8| tags.check & bit != 0;
        let fault = |what, found, expected| Some(Fault { lba, what, found, expected });
        let mask = u64::from(tags.app_mask);
        let expected = self.crc(data, before);
        if wanted(GUARD) && guard != expected {
            return fault("guard", guard, expected);
        }
        if wanted(APPTAG) && app & mask != u64::from(tags.app) & mask {
            return fault("application tag", app, u64::from(tags.app));
        }
        let (found, expected) = (reference & self.reference_mask, self.reference(lba));
        if wanted(REFTAG) && self.pi_type != 3 && found != expected {
            return fault("reference tag", found, expected);
        }
        None
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// x^16 + x^15 + x^11 + x^9 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1, highest bit first.
const T10_DIF: u16 = 0x8bb7;
/// The NVM command set's polynomial, lowest bit first.
const NVME_64: u64 = 0x9a6c_9329_ac4b_c9b5;

/// Table `n` is what a byte does that is followed by `n` more.
static CRC16: [[u16; 256]; 8] = crc16_tables();
static CRC64: [[u64; 256]; 8] = crc64_tables();

const fn crc16_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ T10_DIF } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[n - 1][byte];
            tables[n][byte] = crc << 8 ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

const fn crc64_tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 { crc >> 1 ^ NVME_64 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[n - 1][byte];
            tables[n][byte] = crc >> 8 ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

fn crc16(mut crc: u16, bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let head = [(crc >> 8) as u8 ^ eight[0], crc as u8 ^ eight[1]];
        crc = CRC16[7][usize::from(head[0])] ^ CRC16[6][usize::from(head[1])];
        for (n, byte) in eight[2..].iter().enumerate() {
            crc ^= CRC16[5 - n][usize::from(*byte)];
        }
    }
    rest.iter().fold(crc, |crc, byte| crc << 8 ^ CRC16[0][usize::from((crc >> 8) as u8 ^ byte)])
}

fn crc64(mut crc: u64, bytes: &[u8]) -> u64 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let head = (crc ^ u64::from_le_bytes(*eight)).to_le_bytes();
        crc = 0;
        for (n, byte) in head.iter().enumerate() {
            crc ^= CRC64[7 - n][usize::from(*byte)];
        }
    }
    rest.iter().fold(crc, |crc, byte| crc >> 8 ^ CRC64[0][usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u8 = GUARD | APPTAG | REFTAG;
    const TAGS: Tags = Tags { app: 0x1234, app_mask: 0xffff, check: ALL };

    const SHORT: Layout = Layout {
        guard: Guard::Crc16,
        pi_type: 1,
        block_bytes: 512,
        metadata_bytes: 8,
        is_first: false,
        reference_mask: 0xffff_ffff,
    };
    const LONG: Layout = Layout {
        guard: Guard::Crc64,
        metadata_bytes: 16,
        block_bytes: 4096,
        reference_mask: 0xffff_ffff_ffff,
        ..SHORT
    };

    #[test]
    fn guards_of_known_data() {
        assert_eq!(crc16(0, b"123456789"), 0xd0db);
        assert_eq!(crc16(0, &[0; 4096]), 0);
        assert_eq!(!crc64(!0, b"123456789"), 0xae8b_1486_0a79_9888);
        // Those of the NVM Command Set Specification.
        let up: Vec<u8> = (0..4096_u32).map(|n| n as u8).collect();
        let down: Vec<u8> = (0..4096_u32).map(|n| 255 - n as u8).collect();
        for (data, expected) in [
            (&[0; 4096][..], 0x6482_d367_eb22_b64e),
            (&[0xff; 4096], 0xc0dd_ba73_02ec_a3ac),
            (&up, 0x3e72_9f5f_6750_449c),
            (&down, 0x9a2d_f64b_8e9e_517e),
        ] {
            assert_eq!(!crc64(!0, data), expected);
        }
        // By halves that are no multiples of eight.
        let (head, tail) = up.split_at(1021);
        assert_eq!(crc16(crc16(0, head), tail), crc16(0, &up));
        assert_eq!(crc64(crc64(!0, head), tail), crc64(!0, &up));
    }

    #[test]
    fn a_short_one_as_the_device_has_it() {
        let mut data = vec![0; 1024];
        data[..9].copy_from_slice(b"123456789");
        let mut metadata = vec![0; 16];
        SHORT.generate(&data, &mut metadata, 0x1_0000_ffff, 0x1234);
        let guard = crc16(0, &data[..512]).to_be_bytes();
        assert_eq!(metadata[..2], guard);
        assert_eq!(metadata[2..8], [0x12, 0x34, 0, 0, 0xff, 0xff]);
        assert_eq!(metadata[8..], [0, 0, 0x12, 0x34, 0, 1, 0, 0], "the next block's");
        assert_eq!(SHORT.check(&data, &metadata, 0x1_0000_ffff, TAGS), None);
    }

    #[test]
    fn a_long_one_as_the_device_has_it() {
        let (data, mut metadata) = (vec![0; 8192], vec![0; 32]);
        LONG.generate(&data, &mut metadata, 0x1234_5678_9abc, 0xabcd);
        let guard = 0x6482_d367_eb22_b64e_u64.to_be_bytes();
        let tags = [0xab, 0xcd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];
        assert_eq!(metadata[..16], [guard, tags].concat());
        assert_eq!(metadata[31], 0xbd, "the next block's");
        let tags = Tags { app: 0xabcd, ..TAGS };
        assert_eq!(LONG.check(&data, &metadata, 0x1234_5678_9abc, tags), None);
    }

    #[test]
    fn what_is_wrong_is_found_where_it_is_looked_for() {
        for layout in [SHORT, LONG] {
            let data = vec![7; 4 * layout.block_bytes];
            let mut metadata = vec![0; 4 * layout.metadata_bytes];
            layout.generate(&data, &mut metadata, 100, 0x1234);
            let told = |data: &[u8], lba, tags| {
                let fault = layout.check(data, &metadata, lba, tags);
                fault.map(|fault| fault.to_string()).unwrap_or_default()
            };
            let mut spoilt = data.clone();
            spoilt[2 * layout.block_bytes] ^= 1;
            assert!(told(&spoilt, 100, TAGS).starts_with("the guard of LBA 102 is 0x"));
            assert_eq!(told(&spoilt, 100, Tags { check: APPTAG | REFTAG, ..TAGS }), "");
            let words = "the application tag of LBA 100 is 0x1234, and should be 0x1235";
            assert_eq!(told(&data, 100, Tags { app: 0x1235, ..TAGS }), words);
            assert_eq!(told(&data, 100, Tags { app: 0x1235, app_mask: 0xff00, ..TAGS }), "");
            let words = "the reference tag of LBA 7 is 0x64, and should be 0x7";
            assert_eq!(told(&data, 7, TAGS), words);
            let free = Layout { pi_type: 3, ..layout };
            assert_eq!(free.check(&data, &metadata, 7, TAGS), None);
        }
    }

    #[test]
    fn a_guard_covers_the_metadata_before_it() {
        let layout = Layout { metadata_bytes: 24, ..SHORT };
        let (data, mut metadata) = (vec![7; 512], vec![3; 24]);
        layout.generate(&data, &mut metadata, 5, 0x1234);
        assert_eq!(metadata[..16], [3; 16]);
        assert_eq!(layout.check(&data, &metadata, 5, TAGS), None);
        metadata[0] = 4;
        assert!(layout.check(&data, &metadata, 5, TAGS).is_some());
        let first = Layout { is_first: true, ..layout };
        first.generate(&data, &mut metadata, 5, 0x1234);
        metadata[23] = 9;
        assert_eq!(first.check(&data, &metadata, 5, TAGS), None);
    }

    #[test]
    fn blocks_that_were_never_written_are_not_checked() {
        for layout in [SHORT, LONG, Layout { pi_type: 3, ..SHORT }] {
            let data = vec![0; layout.block_bytes];
            let metadata = vec![0xff; layout.metadata_bytes];
            assert_eq!(layout.check(&data, &metadata, 9, TAGS), None);
        }
    }
}
