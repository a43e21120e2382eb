//! The zones of a zoned block device, by the kernel's own requests (linux/blkzoned.h).
//!
//! Called by `target` through an open descriptor. Knows no path and decides nothing; sectors of the
//! kernel's become bytes here.

use rustix::io::{Errno, Result};
use rustix::ioctl::{ioctl, opcode, Getter, Opcode, Setter, Updater};
use std::os::fd::AsFd;

/// The kernel counts zones in sectors of this size, whatever the device's own blocks are.
const SECTOR: u64 = 512;

/// Zones to a question.
const BATCH: usize = 64;

/// `capacity` is filled in.
const REP_CAPACITY: u32 = 1;

const BLKREPORTZONE: Opcode = opcode::read_write::<ReportHead>(0x12, 130);
const BLKRESETZONE: Opcode = opcode::write::<Range>(0x12, 131);
const BLKGETZONESZ: Opcode = opcode::read::<u32>(0x12, 132);
const BLKGETNRZONES: Opcode = opcode::read::<u32>(0x12, 133);
const BLKFINISHZONE: Opcode = opcode::write::<Range>(0x12, 136);

/// Written anywhere.
pub const CONVENTIONAL: u8 = 1;
/// Conditions, by the numbers of the standards: no pointer, empty, implicitly and explicitly open,
/// closed, read only, full, offline.
pub mod cond {
    #![allow(missing_docs)]
    pub const NOT_WP: u8 = 0;
    pub const EMPTY: u8 = 1;
    pub const IMPLICIT: u8 = 2;
    pub const EXPLICIT: u8 = 3;
    pub const CLOSED: u8 = 4;
    pub const READ_ONLY: u8 = 0xd;
    pub const FULL: u8 = 0xe;
    pub const OFFLINE: u8 = 0xf;
}

/// A zone as its device tells of it, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Where it begins.
    pub start: u64,
    /// To the begin of the next one.
    pub len: u64,
    /// What can be written of it.
    pub capacity: u64,
    /// The write pointer, from the device's beginning; without a meaning where there is none.
    pub wp: u64,
    /// [`CONVENTIONAL`], else it is written at its pointer.
    pub kind: u8,
    /// One of [`cond`].
    pub cond: u8,
}

#[repr(C)]
struct ReportHead {
    sector: u64,
    nr_zones: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct BlkZone {
    start: u64,
    len: u64,
    wp: u64,
    kind: u8,
    cond: u8,
    non_seq: u8,
    reset: u8,
    reserved: [u8; 4],
    capacity: u64,
    more: [u8; 24],
}

const _: () = assert!(size_of::<BlkZone>() == 64);
const _: () = assert!(size_of::<ReportHead>() == 16);

#[repr(C)]
struct Report {
    head: ReportHead,
    zones: [BlkZone; BATCH],
}

#[repr(C)]
struct Range {
    sector: u64,
    nr_sectors: u64,
}

impl BlkZone {
    const EMPTY: BlkZone = BlkZone {
        start: 0,
        len: 0,
        wp: 0,
        kind: 0,
        cond: 0,
        non_seq: 0,
        reset: 0,
        reserved: [0; 4],
        capacity: 0,
        more: [0; 24],
    };
}

/// Up to `max` zones from the one at byte `from` on.
///
/// # Errors
/// ENOTTY or EOPNOTSUPP where `fd` is no zoned block device.
pub fn report<Fd: AsFd>(fd: Fd, from: u64, max: usize) -> Result<Vec<Zone>> {
    let mut found: Vec<Zone> = Vec::new();
    let mut at = from;
    while found.len() < max {
        let wanted = (max - found.len()).min(BATCH);
        let head = ReportHead { sector: at / SECTOR, nr_zones: wanted as u32, flags: 0 };
        let mut report = Report { head, zones: [BlkZone::EMPTY; BATCH] };
        // SAFETY: BLKREPORTZONE reads the head, and writes it and at most `nr_zones` zones behind
        // it, of which there are BATCH; the structs are those of linux/blkzoned.h (sizes asserted).
        unsafe { ioctl(&fd, Updater::<BLKREPORTZONE, Report>::new(&mut report))? };
        let got = (report.head.nr_zones as usize).min(wanted);
        let has_capacity = report.head.flags & REP_CAPACITY != 0;
        let zones = report.zones[..got].iter().map(|zone| Zone {
            start: zone.start.saturating_mul(SECTOR),
            len: zone.len.saturating_mul(SECTOR),
            capacity: if has_capacity { zone.capacity } else { zone.len }.saturating_mul(SECTOR),
            wp: zone.wp.saturating_mul(SECTOR),
            kind: zone.kind,
            cond: zone.cond,
        });
        found.extend(zones);
        match found.last() {
            Some(last) if got == wanted && last.start.saturating_add(last.len) > at => {
                at = last.start.saturating_add(last.len);
            }
            _ => break,
        }
    }
    Ok(found)
}

/// Length of a zone in bytes and number of zones; none where the device has none.
///
/// # Errors
/// ENOTTY where `fd` is no block device.
pub fn count<Fd: AsFd>(fd: Fd) -> Result<Option<(u64, u32)>> {
    // SAFETY: each writes one u32 to its argument, and `Getter` hands it memory of that type;
    // another kind of file answers ENOTTY and writes nothing.
    let (sectors, zones) = unsafe {
        (
            ioctl(&fd, Getter::<BLKGETZONESZ, u32>::new())?,
            ioctl(&fd, Getter::<BLKGETNRZONES, u32>::new())?,
        )
    };
    Ok((sectors > 0 && zones > 0).then(|| (u64::from(sectors) * SECTOR, zones)))
}

/// Empties the zones of a range in bytes.
///
/// # Errors
/// EBADF where `fd` may not be written to; EIO and its kin from the device.
pub fn reset<Fd: AsFd>(fd: Fd, start: u64, len: u64) -> Result<()> {
    let range = range(start, len)?;
    // SAFETY: BLKRESETZONE reads one struct blk_zone_range, which `Setter` lends it.
    unsafe { ioctl(fd, Setter::<BLKRESETZONE, Range>::new(range)) }
}

/// Makes the zones of a range full.
///
/// # Errors
/// As [`reset`].
pub fn finish<Fd: AsFd>(fd: Fd, start: u64, len: u64) -> Result<()> {
    let range = range(start, len)?;
    // SAFETY: BLKFINISHZONE reads one struct blk_zone_range, which `Setter` lends it.
    unsafe { ioctl(fd, Setter::<BLKFINISHZONE, Range>::new(range)) }
}

fn range(start: u64, len: u64) -> Result<Range> {
    match start.is_multiple_of(SECTOR) && len.is_multiple_of(SECTOR) {
        true => Ok(Range { sector: start / SECTOR, nr_sectors: len / SECTOR }),
        false => Err(Errno::INVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_kernel() {
        assert_eq!(BLKREPORTZONE, 0xc010_1282);
        assert_eq!(BLKRESETZONE, 0x4010_1283);
        assert_eq!(BLKGETZONESZ, 0x8004_1284);
        assert_eq!(BLKGETNRZONES, 0x8004_1285);
        assert_eq!(BLKFINISHZONE, 0x4010_1288);
    }

    #[test]
    fn a_regular_file_has_no_zones() {
        let file = tempfile::tempfile().expect("a temporary file");
        assert!(report(&file, 0, 10).is_err());
        assert!(count(&file).is_err());
        assert!(reset(&file, 0, 512).is_err());
        assert!(finish(&file, 0, 512).is_err());
        assert_eq!(reset(&file, 1, 512), Err(Errno::INVAL));
    }
}
