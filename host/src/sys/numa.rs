//! Memory nodes: which there are, which CPUs are theirs, and where the calling thread's memory is
//! to come from.
//!
//! Called by `run` when a worker's thread is set up, before it allocates anything. Decides nothing:
//! a policy that the kernel refuses is an error.

use std::path::Path;

/// Where the kernel tells of its nodes.
const NODES: &str = "/sys/devices/system/node";

/// Nodes that a mask can name.
const NODES_MAX: u32 = 1024;

/// Bits of a word of the mask.
const WORD: usize = libc::c_ulong::BITS as usize;

/// Where memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Policy {
    /// The process's own way.
    Default = 0,
    /// From the given node where it has any.
    Preferred = 1,
    /// From the given nodes only.
    Bind = 2,
    /// Page by page from the given nodes in turn.
    Interleave = 3,
    /// From the node of the CPU that asks.
    Local = 4,
}

/// Whether there is such a node. A kernel without nodes has node 0 alone.
pub fn has_node(node: u32) -> bool {
    let nodes = Path::new(NODES);
    if nodes.exists() {
        nodes.join(format!("node{node}")).exists()
    } else {
        node == 0
    }
}

/// The CPUs of a node, ascending; there may be none.
pub fn node_cpus(node: u32) -> std::io::Result<Vec<u32>> {
    let text = std::fs::read_to_string(format!("{NODES}/node{node}/cpulist"))?;
    parse_list(text.trim()).ok_or_else(|| {
        std::io::Error::other(format!("the kernel lists the CPUs of node {node} as \"{text}\""))
    })
}

/// "0-3,8" as numbers.
fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        all.extend(from.parse::<u32>().ok()?..=to.parse::<u32>().ok()?);
    }
    Some(all)
}

/// Sets where memory that the calling thread touches first comes from.
pub fn set_policy(policy: Policy, nodes: &[u32]) -> std::io::Result<()> {
    let mut mask = [0 as libc::c_ulong; NODES_MAX as usize / WORD];
    for &node in nodes {
        if node >= NODES_MAX {
            return Err(std::io::Error::from_raw_os_error(libc::EINVAL));
        }
        mask[node as usize / WORD] |= 1 << (node as usize % WORD);
    }
    // Without nodes the mask must not be there; the kernel counts one bit less than it is told.
    let (pointer, bits) = match nodes {
        [] => (std::ptr::null(), 0),
        _ => (mask.as_ptr(), libc::c_ulong::from(NODES_MAX) + 1),
    };
    // SAFETY: the kernel reads at most NODES_MAX bits behind the pointer, which is as long as
    // `mask` is (the bound of its type), or nothing where the pointer is null; it writes nothing.
    let status = unsafe { libc::syscall(libc::SYS_set_mempolicy, policy as i32, pointer, bits) };
    match status {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(parse_list("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("5"), Some(vec![5]));
        assert_eq!(parse_list(""), Some(vec![]));
        assert_eq!(parse_list("a-b"), None);
    }

    #[test]
    fn this_machine_has_node_0() {
        assert!(has_node(0));
        assert!(!has_node(4000));
    }

    #[test]
    fn nodes_that_cannot_be_are_refused() {
        assert_eq!(set_policy(Policy::Bind, &[4000]).unwrap_err().raw_os_error(), Some(22));
    }
}
