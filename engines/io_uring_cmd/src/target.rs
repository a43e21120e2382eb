//! A target as requests need it: its blocks, its metadata, its protection information.
//!
//! Made by `engine` when a target is opened, where what no command of the device could carry is
//! refused in words; asked for each request. Makes no system call.

use crate::command::{Op, Protection};
use crate::identify::Namespace;
use crate::node::Node;
use crate::options::Settings;
use crate::protection::{Guard, Layout};
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
    /// Of protection information that is made and checked here.
    pub(crate) layout: Option<Layout>,
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
        if namespace.pi_type != 0 && namespace.metadata < namespace.guard.info_bytes() {
            let why = format!(
                "{} bytes of metadata, and protection information of {}: not a format that can be \
                 used",
                namespace.metadata,
                namespace.guard.info_bytes()
            );
            return refused(libc::EINVAL, why);
        }
        // The device adds all the metadata there is, so that none is transferred.
        let acts = settings.pi_act && namespace.is_pi_alone();
        let metadata = if acts { 0 } else { u32::from(namespace.metadata) };
        if metadata > 0 && namespace.at_end {
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
        let protection = match namespace.pi_type {
            0 if settings.pi_check != 0 => {
                let why = "pi_chk: it is formatted without protection information".to_owned();
                return refused(libc::EINVAL, why);
            }
            0 => None,
            _ => Some(protection(&namespace, settings)),
        };
        let writes = op_mask & (1 << IOE_OP_WRITE) != 0;
        if protection.is_some() && settings.pi_act && writes && settings.write == Op::Compare {
            let why = "write_mode=compare: Compare wants protection information along, and the \
                       device would make none (pi_act=0 with md_per_io_size)";
            return refused(libc::EINVAL, why.to_owned());
        }
        let layout = layout(&namespace, settings);
        if layout.is_some_and(|layout| layout.guard == Guard::Crc32) {
            let why = "pi_act=0: its guards have 32 bits, which only the device makes (pi_act=1)";
            return refused(libc::EOPNOTSUPP, why.to_owned());
        }
        Ok(Target {
            nsid: namespace.nsid,
            block_shift: namespace.block_shift,
            blocks: namespace.blocks,
            protection,
            layout,
            metadata,
            node,
        })
    }

    /// Whether the controller does not say that it knows an optional command.
    pub(crate) fn may_lack(&self, op: Op) -> bool {
        op.oncs().is_some_and(|bit| self.node.controller.oncs & bit == 0)
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

/// The bits of a block's address that its reference tag has.
fn reference_mask(namespace: &Namespace) -> u64 {
    let bits = namespace.guard.reference_bits().saturating_sub(namespace.storage_tag_bits);
    match (namespace.pi_type, bits) {
        (3, _) | (_, 0) => 0,
        (_, bits) => u64::MAX >> (64 - bits.min(64)),
    }
}

fn protection(namespace: &Namespace, settings: &Settings) -> Protection {
    Protection {
        act: settings.pi_act,
        check: settings.pi_check,
        reference_mask: reference_mask(namespace),
        apptag: settings.apptag,
        apptag_mask: settings.apptag_mask,
    }
}

/// Where protection information is that the device leaves to us.
fn layout(namespace: &Namespace, settings: &Settings) -> Option<Layout> {
    let is_ours = namespace.pi_type != 0 && !settings.pi_act;
    is_ours.then(|| Layout {
        guard: namespace.guard,
        pi_type: namespace.pi_type,
        block_bytes: namespace.block_bytes() as usize,
        metadata_bytes: usize::from(namespace.metadata),
        is_first: namespace.pi_first,
        reference_mask: reference_mask(namespace),
    })
}

/// Operations that carry data, as bits.
fn carrying(settings: &Settings) -> u32 {
    let writes = if settings.write.has_data() { 1 << IOE_OP_WRITE } else { 0 };
    1 << IOE_OP_READ | writes
}

#[cfg(test)]
impl Target {
    pub(crate) fn fake(node: Node) -> Target {
        let namespace = node.namespace;
        Target {
            nsid: namespace.nsid,
            block_shift: namespace.block_shift,
            blocks: namespace.blocks,
            protection: None,
            layout: None,
            metadata: 0,
            node,
        }
    }
}
