//! From a request to its command, and from the command's end to bytes done.
//!
//! Called by `engine` and `flight` for each request. Looks at the device's facts, sends nothing.
//! What no command can do ends at once, with an errno; what a device does in parts is done in part,
//! and the host continues.

use crate::cdb::{self, Cdb, Transfer};
use crate::device::Device;
use crate::header::{Data, Packet, FLAG_DIRECT, FLAG_HIPRI};
use crate::options::Settings;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::Request;
use iodyno_engine_support::errno::Errno;

/// How a request ends without a command.
pub(crate) type Early = Result<u64, Errno>;

/// The packet of a request.
///
/// # Safety
/// `io` is a request of this engine's that the engine has, or that errdetails is asked about, and
/// no other reference to its packet is alive.
#[inline]
pub(crate) unsafe fn packet_of<'a>(io: *mut ioe_io) -> &'a mut Packet {
    // SAFETY: the caller vouches for it; IO_PRIVATE_SIZE asks for a Packet's bytes, zeroed and
    // 64-byte aligned, in each request, and queue() takes none without.
    unsafe { &mut *(*io).engine_data.cast::<Packet>() }
}

/// A request's range in blocks, as much of it as the device has.
#[inline]
pub(crate) fn range(io: &Request, device: &Device) -> Result<(u64, u64), Early> {
    let block = u64::from(device.capacity.block_bytes);
    if (io.offset() | io.len()) & (block - 1) != 0 {
        return Err(Err(libc::EINVAL));
    }
    let shift = block.trailing_zeros();
    let (lba, blocks) = (io.offset() >> shift, io.len() >> shift);
    let there = device.capacity.blocks.saturating_sub(lba);
    match there.min(blocks) {
        0 if blocks == 0 => Err(Ok(0)),
        // As with a file: nothing to read behind the end, and no space there.
        0 if io.op() == IOE_OP_READ => Err(Ok(0)),
        0 => Err(Err(libc::ENOSPC)),
        some => Ok((lba, some)),
    }
}

/// Makes the packet the request's command. Not for trims, whose data is a list.
#[inline]
pub(crate) fn prepare(
    io: &Request,
    device: &Device,
    packet: &mut Packet,
    settings: &Settings,
    direct: bool,
) -> Result<(), Early> {
    if io.flags() & IOE_IO_HIPRI != 0 && !settings.hipri {
        // Whether the driver polls was looked at only where the job asked for it.
        return Err(Err(libc::EOPNOTSUPP));
    }
    let transfer = transfer_of(io, device, settings)?;
    if matches!(io.op(), IOE_OP_FSYNC | IOE_OP_FDATASYNC) {
        // No range means everything; the long form is for those with more than the short can name.
        let all = if u32::try_from(device.capacity.blocks).is_ok() {
            transfer.command(0, 0)
        } else {
            transfer.long_command(0, 0)
        };
        packet.covered = io.len();
        return arm(packet, all, Data::None, 0);
    }
    let (lba, mut blocks) = range(io, device)?;
    if matches!(transfer, Transfer::WriteSame { .. }) {
        blocks = blocks.min(device.write_same_blocks);
    }
    let block = device.capacity.block_bytes;
    let bytes = blocks * u64::from(block);
    let data = data_of(transfer, io.buf_ptr(), bytes, block)?;
    let mut flags = 0;
    if data != Data::None && direct {
        flags |= FLAG_DIRECT;
    }
    let is_plain = matches!(transfer, Transfer::Read { .. } | Transfer::Write { .. });
    if is_plain && settings.hipri {
        flags |= FLAG_HIPRI;
    }
    packet.covered = bytes;
    arm(packet, transfer.command(lba, blocks), data, flags)
}

#[inline]
fn transfer_of(io: &Request, device: &Device, settings: &Settings) -> Result<Transfer, Early> {
    let fua = io.flags() & IOE_IO_FUA != 0;
    match io.op() {
        IOE_OP_READ => Ok(Transfer::Read { fua: fua || settings.readfua }),
        IOE_OP_WRITE => Ok(match device.write {
            Transfer::Write { fua: always } => Transfer::Write { fua: always || fua },
            Transfer::WriteStream { fua: always, stream } => {
                Transfer::WriteStream { fua: always || fua, stream }
            }
            other => other,
        }),
        IOE_OP_FSYNC | IOE_OP_FDATASYNC | IOE_OP_SYNC_RANGE => Ok(Transfer::SynchronizeCache),
        IOE_OP_WRITE_ZEROES => Ok(Transfer::WriteSame { ndob: true }),
        _ => Err(Err(libc::EOPNOTSUPP)),
    }
}

#[inline]
fn data_of(transfer: Transfer, buf: *mut u8, bytes: u64, block: u32) -> Result<Data, Early> {
    let len = || u32::try_from(bytes).map_err(|_| Err(libc::EINVAL));
    Ok(match transfer {
        Transfer::Read { .. } => Data::FromDevice(buf, len()?),
        Transfer::WriteSame { ndob: false } | Transfer::Verify { bytchk: 3 } => {
            Data::ToDevice(buf, block)
        }
        Transfer::WriteSame { ndob: true }
        | Transfer::Verify { bytchk: 0 }
        | Transfer::SynchronizeCache => Data::None,
        _ => Data::ToDevice(buf, len()?),
    })
}

#[inline]
fn arm(packet: &mut Packet, command: Option<Cdb>, data: Data, flags: u32) -> Result<(), Early> {
    packet.arm(command.ok_or(Err(libc::EINVAL))?, data, flags);
    Ok(())
}

/// Makes the packet an UNMAP of the ranges in a list, which stays as it is until the driver has it.
pub(crate) fn arm_unmap(packet: &mut Packet, list: &[u8]) {
    let data = Data::ToDevice(list.as_ptr().cast_mut(), list.len() as u32);
    packet.arm(cdb::unmap(list.len() as u16), data, 0); // below 64 KiB: see unmap::LIST_BYTES_MAX
}

/// Bytes of its request that a command has done.
#[inline]
pub(crate) fn done(packet: &Packet, block_bytes: u32) -> Result<u64, Errno> {
    let given = u64::from(packet.hdr.dxfer_len);
    let some = packet.hdr.transferred();
    if some == given {
        return Ok(packet.covered);
    }
    let whole_blocks = some - some % u64::from(block_bytes);
    match whole_blocks {
        // A part of a list, or of the one block that is for all, is nothing at all; and no bytes
        // would be the end of the device.
        _ if given != packet.covered => Err(libc::EIO),
        0 => Err(libc::EIO),
        some => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Capacity;
    use iodyno_engine_api::testing::{file, request};
    use iodyno_engine_api::Unit;

    const SMALL: Capacity = Capacity { blocks: 1 << 20, block_bytes: 512 };
    const BLOCKS_4K: Capacity = Capacity { blocks: 1 << 33, block_bytes: 4096 };

    /// The command that a request of 8 KiB at 1 MiB becomes: its bytes, how many bytes go along,
    /// and flags.
    fn command(
        op: u32,
        flags: u64,
        device: &Device,
        settings: Settings,
    ) -> Result<(String, u32, u32), Early> {
        let mut target = file(-1, IOE_KIND_BLOCK);
        let mut data = vec![0; 8192];
        let mut io = request(op, &mut *target, 1 << 20, &mut data);
        io.flags = flags;
        let mut packet = Packet::EMPTY;
        // SAFETY: a whole request, which nobody else has, and which is let go of right away.
        let unit = unsafe { Unit::from_raw(&mut *io) };
        let prepared = prepare(&unit, device, &mut packet, &settings, false);
        let _fake = unit.into_raw();
        prepared?;
        let cdb = packet.cdb[..usize::from(packet.hdr.cmd_len)].iter();
        let hex: Vec<String> = cdb.map(|byte| format!("{byte:02x}")).collect();
        Ok((hex.join(" "), packet.hdr.dxfer_len, packet.hdr.flags))
    }

    fn settings(write: Transfer) -> Settings {
        Settings { hipri: false, readfua: false, write, opens_stream: false }
    }

    #[test]
    fn each_way_to_write_is_its_command() {
        let (plain, fua) = (Transfer::Write { fua: false }, Transfer::Write { fua: true });
        let stream = Transfer::WriteStream { fua: false, stream: 0x0102 };
        for (write, flags, capacity, expected, bytes) in [
            (plain, 0, SMALL, "2a 00 00 00 08 00 00 00 10 00", 8192),
            (plain, IOE_IO_FUA, SMALL, "2a 08 00 00 08 00 00 00 10 00", 8192),
            (fua, 0, SMALL, "2a 08 00 00 08 00 00 00 10 00", 8192),
            (plain, 0, BLOCKS_4K, "2a 00 00 00 01 00 00 00 02 00", 8192),
            (Transfer::WriteAndVerify, 0, SMALL, "2e 00 00 00 08 00 00 00 10 00", 8192),
            (stream, 0, SMALL, "9a 00 00 00 00 00 00 00 08 00 01 02 00 10 00 00", 8192),
            (stream, IOE_IO_FUA, SMALL, "9a 08 00 00 00 00 00 00 08 00 01 02 00 10 00 00", 8192),
            (
                Transfer::WriteSame { ndob: false },
                0,
                BLOCKS_4K,
                "93 00 00 00 00 00 00 00 01 00 00 00 00 02 00 00",
                4096,
            ),
            (
                Transfer::WriteSame { ndob: true },
                0,
                SMALL,
                "93 01 00 00 00 00 00 00 08 00 00 00 00 10 00 00",
                0,
            ),
            (Transfer::Verify { bytchk: 0 }, 0, SMALL, "2f 00 00 00 08 00 00 00 10 00", 0),
            (Transfer::Verify { bytchk: 1 }, 0, SMALL, "2f 02 00 00 08 00 00 00 10 00", 8192),
            (Transfer::Verify { bytchk: 3 }, 0, SMALL, "2f 06 00 00 08 00 00 00 10 00", 512),
        ] {
            let device = Device::fake(capacity, write);
            let (cdb, len, _) =
                command(IOE_OP_WRITE, flags, &device, settings(write)).expect("a command");
            assert_eq!((cdb.as_str(), len), (expected, bytes), "{write:?}");
        }
    }

    #[test]
    fn reads_force_unit_access_and_are_polled_for_where_asked() {
        let plain = Transfer::Write { fua: false };
        let device = Device::fake(SMALL, plain);
        let read = |flags, settings| command(IOE_OP_READ, flags, &device, settings);
        let (usual, forced) = ("28 00 00 00 08 00 00 00 10 00", "28 08 00 00 08 00 00 00 10 00");
        assert_eq!(read(0, settings(plain)), Ok((usual.into(), 8192, 0)));
        assert_eq!(read(IOE_IO_FUA, settings(plain)), Ok((forced.into(), 8192, 0)));
        let readfua = Settings { readfua: true, ..settings(plain) };
        assert_eq!(read(0, readfua), Ok((forced.into(), 8192, 0)));
        let hipri = Settings { hipri: true, ..settings(plain) };
        assert_eq!(read(0, hipri), Ok((usual.into(), 8192, FLAG_HIPRI)));
        assert_eq!(read(IOE_IO_HIPRI, settings(plain)), Err(Err(libc::EOPNOTSUPP)));
    }

    #[test]
    fn syncs_name_the_range_or_the_whole_device() {
        let plain = Transfer::Write { fua: false };
        let sync = |op, capacity| {
            let device = Device::fake(capacity, plain);
            command(op, 0, &device, settings(plain)).map(|(cdb, ..)| cdb)
        };
        assert_eq!(sync(IOE_OP_FSYNC, SMALL), Ok("35 00 00 00 00 00 00 00 00 00".into()));
        let long = "91 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
        assert_eq!(sync(IOE_OP_FDATASYNC, BLOCKS_4K), Ok(long.into()));
        let range = "35 00 00 00 08 00 00 00 10 00";
        assert_eq!(sync(IOE_OP_SYNC_RANGE, SMALL), Ok(range.into()));
    }
}
