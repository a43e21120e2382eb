//! A failed request in words: its command, its place, and what became of it.
//!
//! Called by the host, through `engine`, for requests that were handed back and not yet used again.
//! Sends nothing, changes nothing.

use crate::command::Op;
use crate::engine::{private_of, IoUringCmd};
use crate::status::Status;
use iodyno_engine_api::Failed;
use std::fmt;

impl IoUringCmd {
    /// `Engine::ERRDETAILS`.
    pub(crate) fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let target = self.targets.get(index).and_then(Option::as_ref);
        let Some(target) = target.filter(|_| !io.private().is_null()) else {
            return out.write_str("its device is not open");
        };
        // SAFETY: the request was handed back and not yet used again: nobody has its memory.
        let private = unsafe { private_of(io) };
        let why = std::io::Error::from_raw_os_error(io.error());
        let Some(op) = private.op else {
            let block_bytes = target.node.namespace.block_bytes();
            return match io.error() {
                libc::EINVAL => write!(
                    out,
                    "no command was sent: offset and length have to be multiples of the \
                     device's blocks of {block_bytes} bytes"
                ),
                libc::ENOSPC => {
                    let bytes = target.node.namespace.bytes();
                    write!(out, "no command was sent: the device ends after {bytes} bytes")
                }
                libc::EOPNOTSUPP => {
                    out.write_str("engine io_uring_cmd has no command for this operation")
                }
                _ => write!(out, "{why}"),
            };
        };
        let (blocks, lba) = (private.covered >> target.block_shift, private.lba);
        match op {
            Op::Flush => out.write_str("Flush: ")?,
            _ => write!(out, "{} of {blocks} blocks from LBA {lba}: ", op.name())?,
        }
        if let Some(fault) = &private.fault {
            return write!(out, "{fault} (pi_act=0: checked here, not by the device)");
        }
        match (io.vendor_status(), io.error()) {
            (0, libc::ENODEV) => out.write_str("the device was removed"),
            (0, libc::EIO) => {
                out.write_str("the driver gave the command up: the controller was reset, or failed")
            }
            (0, libc::EACCES | libc::EPERM) => {
                write!(out, "{why} (the kernel lets root send it, or who may write to the node)")
            }
            (0, libc::EOPNOTSUPP) if self.settings.hipri => {
                write!(out, "{why} (hipri: the driver needs poll queues: nvme.poll_queues=N)")
            }
            (0, libc::EINVAL) => write!(
                out,
                "{why} (the kernel refuses the command: is it longer than the device's queue \
                 takes, or the buffer not aligned?)"
            ),
            (0, _) => write!(out, "{why}"),
            (status, _) => write!(out, "{}", Status::of_vendor(status)),
        }
    }
}
