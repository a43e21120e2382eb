//! The zones of a SCSI device (ZBC-2), and the extension `iodyno.zbd/1` that offers them to the
//! host: REPORT ZONES, RESET WRITE POINTER, FINISH ZONE, and the limits of the page "zoned block
//! device characteristics".
//!
//! The extension's table asks `engine` for a device that is open, on the worker's thread, before
//! the start and between two requests. A device without zones has none, and that is no error.

use crate::cdb;
use crate::device::{number, Device};
use crate::engine::Sg;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::vtable;
use iodyno_engine_api::Error;
use std::ffi::c_void;

/// Bytes of a descriptor, and of the head of the list.
const DESCRIPTOR: usize = 64;
/// Zones to a command.
const BATCH: usize = 256;
/// A gap between the zones that ends the one in front of it.
const KIND_GAP: u8 = 5;
const PAGE_ZONED: u8 = 0xb6;

/// One zone, in bytes.
fn zone_of(descriptor: &[u8], block_bytes: u64) -> ioe_zone {
    let bytes = |from: usize| number(&descriptor[from..from + 8]).saturating_mul(block_bytes);
    ioe_zone {
        struct_size: size_of::<ioe_zone>() as u32,
        kind: u32::from(descriptor[0] & 0x0f),
        cond: u32::from(descriptor[1] >> 4),
        reserved: 0,
        start: bytes(16),
        len: bytes(8),
        capacity: bytes(8),
        wp: bytes(24),
    }
}

/// The zones of an answer of REPORT ZONES; a gap belongs to the zone in front of it, whose capacity
/// does not grow by it.
fn zones_of(answer: &[u8], block_bytes: u64, zones: &mut Vec<ioe_zone>) {
    for descriptor in answer.get(DESCRIPTOR..).unwrap_or(&[]).chunks_exact(DESCRIPTOR) {
        let zone = zone_of(descriptor, block_bytes);
        match zones.last_mut() {
            Some(last) if descriptor[0] & 0x0f == KIND_GAP => last.len += zone.len,
            _ if zone.len == 0 => return,
            _ => zones.push(zone),
        }
    }
}

/// Limits of the page; a number of all ones, or none, is no limit.
fn limit_of(page: &[u8]) -> u32 {
    let open = page.get(16..20).map_or(0, number) as u32;
    if open == u32::MAX {
        0
    } else {
        open
    }
}

impl Device {
    /// At most `max` zones from the one at `offset` on.
    fn zones(&self, offset: u64, max: usize) -> Result<Vec<ioe_zone>, Error> {
        let block_bytes = u64::from(self.capacity.block_bytes);
        let mut zones = Vec::new();
        let mut at = offset / block_bytes;
        while zones.len() <= max && at < self.capacity.blocks {
            // One more than is asked for: a gap may follow.
            let wanted = (max - zones.len()).saturating_add(1).min(BATCH);
            let mut answer = vec![0; DESCRIPTOR * (1 + wanted)];
            let len = self.ask(cdb::report_zones(at, answer.len() as u32), &mut answer);
            let len = match len {
                Ok(len) => len.min(answer.len()),
                // A device that does not know the command has no zones.
                Err(refusal) if zones.is_empty() && refusal.0 == libc::EOPNOTSUPP => break,
                Err((errno, words)) => return Err(Error::new(errno, words)),
            };
            let before = zones.len();
            zones_of(&answer[..len], block_bytes, &mut zones);
            let Some(last) = zones.last().filter(|_| zones.len() > before) else { break };
            at = (last.start + last.len) / block_bytes;
        }
        zones.truncate(max);
        Ok(zones)
    }

    /// Zones that may be open at once; 0 = no limit.
    fn open_zones_max(&self) -> u32 {
        let mut page = [0; 64];
        let len = self.ask(cdb::inquiry(Some(PAGE_ZONED), page.len() as u16), &mut page);
        limit_of(&page[..len.map_or(0, |len| len.min(page.len()))])
    }

    fn zone_action(&self, action: u8, offset: u64) -> Result<(), Error> {
        let lba = offset / u64::from(self.capacity.block_bytes);
        let done = self.ask(cdb::zone_action(action, lba), &mut []);
        done.map(drop).map_err(|(errno, words)| Error::new(errno, words))
    }
}

pub(crate) static ZBD: ioe_zbd_1 = ioe_zbd_1 {
    struct_size: size_of::<ioe_zbd_1>() as u32,
    reserved: 0,
    limits: Some(limits),
    report: Some(report),
    reset: Some(reset),
    finish: Some(finish),
};

/// Does something with the device of a file that is open.
///
/// # Safety
/// As the host calls the functions of the extension.
unsafe fn with(
    inst: *mut c_void,
    file: *mut ioe_file,
    f: impl FnOnce(&Device) -> Result<(), Error>,
) -> ioe_status {
    if file.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: not null, and a file of the host's of this major, whose fields of 1.0 are there.
    let index = unsafe { (*file).index };
    // SAFETY: a callback by the host, on its instance and the job's thread.
    unsafe {
        vtable::enter::<Sg, i32>(inst, "zbd", -libc::EIO, |engine, host| {
            let device = engine.devices.get(index as usize).and_then(Option::as_ref);
            let Some(device) = device else { return -libc::EBADF };
            match f(device) {
                Ok(()) => 0,
                Err(error) => {
                    host.set_error(error.errno(), error.text());
                    -error.errno()
                }
            }
        })
    }
}

unsafe extern "C" fn limits(
    inst: *mut c_void,
    file: *mut ioe_file,
    max_open: *mut u32,
    max_active: *mut u32,
) -> ioe_status {
    if max_open.is_null() || max_active.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: as the host calls it.
    unsafe {
        with(inst, file, |device| {
            // Closed zones take nothing of a SCSI device. SAFETY: not null, the host's.
            (*max_open, *max_active) = (device.open_zones_max(), 0);
            Ok(())
        })
    }
}

unsafe extern "C" fn report(
    inst: *mut c_void,
    file: *mut ioe_file,
    offset: u64,
    max: u32,
    sink: *mut c_void,
    put: ioe_put_zone_fn,
) -> ioe_status {
    let Some(put) = put else { return -libc::EINVAL };
    // SAFETY: as the host calls it; `put` takes each zone during its call.
    unsafe {
        with(inst, file, |device| {
            device.zones(offset, max as usize)?.iter().for_each(|zone| put(sink, zone));
            Ok(())
        })
    }
}

unsafe extern "C" fn reset(inst: *mut c_void, file: *mut ioe_file, offset: u64) -> ioe_status {
    // SAFETY: as the host calls it.
    unsafe { with(inst, file, |device| device.zone_action(cdb::RESET_WRITE_POINTER, offset)) }
}

unsafe extern "C" fn finish(inst: *mut c_void, file: *mut ioe_file, offset: u64) -> ioe_status {
    // SAFETY: as the host calls it.
    unsafe { with(inst, file, |device| device.zone_action(cdb::FINISH_ZONE, offset)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(kind: u8, cond: u8, [len, start, wp]: [u64; 3]) -> Vec<u8> {
        let mut bytes = vec![0; DESCRIPTOR];
        (bytes[0], bytes[1]) = (kind, cond << 4 | 1);
        for (at, value) in [(8, len), (16, start), (24, wp)] {
            bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn descriptors_are_zones_in_bytes() {
        let answer = [
            vec![0; DESCRIPTOR],
            descriptor(1, 0, [8, 0, u64::MAX]),
            descriptor(2, 2, [6, 8, 10]),
            descriptor(KIND_GAP, 0, [2, 14, u64::MAX]),
            descriptor(2, 0xe, [8, 16, u64::MAX]),
            descriptor(0, 0, [0, 0, 0]),
        ];
        let mut zones = Vec::new();
        zones_of(&answer.concat(), 512, &mut zones);
        let told: Vec<_> =
            zones.iter().map(|z| (z.kind, z.cond, z.start, z.len, z.capacity)).collect();
        let expected =
            [(1, 0, 0, 4096, 4096), (2, 2, 4096, 4096, 3072), (2, 0xe, 8192, 4096, 4096)];
        assert_eq!(told, expected);
        assert_eq!(zones[1].wp, 5120);
        let mut none = Vec::new();
        zones_of(&[0; 40], 512, &mut none);
        assert!(none.is_empty(), "an answer that is cut");
    }

    #[test]
    fn limits_that_are_not_told_are_none() {
        let mut page = [0; 64];
        page[16..20].copy_from_slice(&14u32.to_be_bytes());
        assert_eq!(limit_of(&page), 14);
        page[16..20].fill(0xff);
        assert_eq!(limit_of(&page), 0);
        assert_eq!(limit_of(&page[..10]), 0);
    }
}
