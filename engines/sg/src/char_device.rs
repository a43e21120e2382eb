//! /dev/sgN: commands are written and, once they have ended, read.
//!
//! Called by `engine`. The driver holds 16 commands of one descriptor, so that a target has as many
//! descriptors, here lanes, as its depth needs. A lane knows which requests it has, for the day
//! when the device is gone and the driver does not tell any more.

use crate::header::{Packet, SgIoHdr};
use iodyno_engine_api::abi::ioe_io;
use iodyno_engine_support::errno::{retry, Errno};
use std::os::fd::{AsRawFd, OwnedFd};

/// SG_MAX_QUEUE of the driver.
pub(crate) const LANE_DEPTH: usize = 16;

/// A descriptor and what is in flight on it.
#[derive(Debug)]
pub(crate) struct Lane {
    fd: OwnedFd,
    units: Vec<*mut ioe_io>,
}

impl Lane {
    /// Of a descriptor that was opened with O_NONBLOCK.
    pub(crate) fn new(fd: OwnedFd) -> Lane {
        Lane { fd, units: Vec::with_capacity(LANE_DEPTH) }
    }

    pub(crate) fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.units.len() < LANE_DEPTH
    }

    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.units.is_empty()
    }

    /// The requests that are in flight, the first one of each command.
    pub(crate) fn units(&self) -> &[*mut ioe_io] {
        &self.units
    }

    /// Sends the packet's command for a request. The driver copies what is to be written, unless
    /// the packet asks for direct transfer.
    ///
    /// # Safety
    /// The packet was armed, has not moved since, and stays where it is until the command has
    /// ended; so does what it reads to, and what it writes from under FLAG_DIRECT. `unit` is the
    /// request whose packet it is.
    #[inline]
    pub(crate) unsafe fn submit(
        &mut self,
        unit: *mut ioe_io,
        packet: &mut Packet,
    ) -> Result<(), Errno> {
        packet.hdr.usr_ptr = unit.cast();
        let (header, bytes) = ((&raw const packet.hdr).cast(), size_of::<SgIoHdr>());
        // SAFETY: a whole header, which the driver reads, with the pointers in it; the caller
        // vouches for what they lead to.
        retry(|| unsafe { libc::write(self.fd.as_raw_fd(), header, bytes) })?;
        self.units.push(unit);
        Ok(())
    }

    /// A command that has ended: its request, and the header with what became of it. `None`: none
    /// has.
    #[inline]
    pub(crate) fn collect(&mut self) -> Result<Option<(*mut ioe_io, SgIoHdr)>, Errno> {
        let mut header = SgIoHdr::EMPTY;
        let (to, bytes) = ((&raw mut header).cast(), size_of::<SgIoHdr>());
        // SAFETY: room for a header. Through the pointers that the driver has from submit() it
        // writes sense and data to places that its caller vouched for until now.
        match retry(|| unsafe { libc::read(self.fd.as_raw_fd(), to, bytes) }) {
            Ok(_) => {}
            Err(libc::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno),
        }
        let unit: *mut ioe_io = header.usr_ptr.cast();
        match self.units.iter().position(|known| *known == unit) {
            Some(at) => {
                self.units.swap_remove(at);
                Ok(Some((unit, header)))
            }
            None => Err(libc::EBADMSG),
        }
    }

    /// Gives up on what is in flight: the driver will not tell.
    pub(crate) fn abandon(&mut self) -> Option<*mut ioe_io> {
        self.units.pop()
    }
}
