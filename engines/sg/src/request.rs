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
    if is_plain && (settings.hipri || io.flags() & IOE_IO_HIPRI != 0) {
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
