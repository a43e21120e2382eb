//! SG_IO: one command, and the wait for its end.
//!
//! Called by `engine` for requests to block devices, and by `device` for what it asks of a target
//! of either kind. What the kernel itself refuses is an errno; what the device says is in the
//! packet.

use crate::header::Packet;
use iodyno_engine_support::errno::{retry, Errno};

const SG_IO: libc::c_ulong = 0x2285;

/// Sends the packet's command and waits.
///
/// # Safety
/// The packet was armed and has not moved since; its data pointer is good for its length, in the
/// direction that it names, during the call.
#[inline]
pub(crate) unsafe fn execute(fd: i32, packet: &mut Packet) -> Result<(), Errno> {
    // SAFETY: a whole header; its pointers are to the packet's own command and sense buffer, and
    // to data that the caller vouches for.
    retry(|| unsafe { libc::ioctl(fd, SG_IO, &raw mut packet.hdr) } as isize).map(drop)
}
