//! A target as requests need it: its blocks, its metadata, its protection information.
//!
//! Made by `engine` when a target is opened, where what no command of the device could carry is
//! refused in words; asked for each request. Makes no system call.

use crate::command::{Op, Protection};
use crate::node::Node;
use crate::options::Settings;
use iodyno_engine_api::abi::{IOE_OP_READ, IOE_OP_WRITE};
use iodyno_engine_api::{Error, Request};
use iodyno_engine_support::errno::Errno;

/// The answer to a request that ends without a command.
pub(crate) type Early = Result<u64, Errno>;

/// A target, and what of it each request needs.
pub(crate) struct Target {
    pub(crate) node: Node,
    pub(crate) nsid: u32,
    pub(crate) block_shift: u32,
    pub(crate) blocks: u64,
    pub(crate) protection: Option<Protection>,
    /// Bytes of metadata of a block that go through the engine's buffers.
    pub(crate) metadata: u32,
}

impl Target {
    /// What requests need to know of a node; refuses what no command could carry.
    pub(crate) fn new(
        node: Node,
        settings: &Settings,
        max_bs: u64,
        op_mask: u32,
    ) -> Result<Target, Error> {
        let namespace = node.namespace;
        let refused = |errno, why: String| Err(Error::new(errno, format!("{}: {why}", node.name)));
        let writes = op_mask & (1 << IOE_OP_WRITE) != 0;
        let lacks = |op: Op| op.oncs().is_some_and(|bit| node.controller.oncs & bit == 0);
        if writes && lacks(settings.write) {
            let why =
                format!("write_mode: the controller has no command {}", settings.write.name());
            return refused(libc::EOPNOTSUPP, why);
        }
        match node.controller.transfer_max {
            Some(max) if op_mask & carrying(settings) != 0 && max_bs > max => {
                let why = format!(
                    "bs of {} bytes: a command to this device transfers {max} bytes at most \
                     (lower bs)",
                    max_bs
                );
                return refused(libc::EINVAL, why);
            }
            _ => {}
        }
        // The device adds all the metadata there is, so that none is transferred.
        let acts = settings.pi_act && namespace.is_pi_alone();
        let metadata = if acts { 0 } else { u32::from(namespace.metadata) };
        if metadata > 0 && namespace.extended {
            let why = format!(
                "its blocks have {metadata} bytes of metadata at their end (extended LBA), which \
                 this engine does not make (format it with separate metadata, or with none)"
            );
            return refused(libc::EINVAL, why);
        }
        let needed = (max_bs >> namespace.block_shift) * u64::from(metadata);
        if u64::from(settings.metadata) < needed {
            let why = format!(
                "its blocks have {metadata} bytes of metadata each: md_per_io_size={needed} at \
                 least, for bs of {} bytes",
                max_bs
            );
            return refused(libc::EINVAL, why);
        }
        if settings.pi_check != 0 && namespace.pi_type == 0 {
            let why = "pi_chk: it is formatted without protection information".to_owned();
            return refused(libc::EINVAL, why);
        }
        let protection = (namespace.pi_type != 0).then_some(Protection {
            act: settings.pi_act,
            check: settings.pi_check,
            has_reference: namespace.pi_type != 3,
            apptag: settings.apptag,
            apptag_mask: settings.apptag_mask,
        });
        Ok(Target {
            nsid: namespace.nsid,
            block_shift: namespace.block_shift,
            blocks: namespace.blocks,
            protection,
            metadata,
            node,
        })
    }

    /// A request's range in blocks, as much of it as the device has.
    #[inline(always)]
    pub(crate) fn range(&self, io: &Request) -> Result<(u64, u64), Early> {
        let shift = self.block_shift;
        if (io.offset() | io.len()) & ((1 << shift) - 1) != 0 {
            return Err(Err(libc::EINVAL));
        }
        let (lba, blocks) = (io.offset() >> shift, io.len() >> shift);
        match self.blocks.saturating_sub(lba).min(blocks) {
            0 if blocks == 0 => Err(Ok(0)),
            // As with a file: nothing to read behind the end, and no space there.
            0 if io.op() == IOE_OP_READ => Err(Ok(0)),
            0 => Err(Err(libc::ENOSPC)),
            some => Ok((lba, some)),
        }
    }
}

/// Operations that carry data, as bits.
fn carrying(settings: &Settings) -> u32 {
    let writes = if settings.write.has_data() { 1 << IOE_OP_WRITE } else { 0 };
    1 << IOE_OP_READ | writes
}
