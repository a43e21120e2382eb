//! Memory policy: from which nodes the calling thread's memory is to come.
//!
//! Called by `run` when a worker's thread is set up, before it allocates anything. Decides nothing:
//! a policy that the kernel refuses is an error.

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
    fn nodes_that_cannot_be_are_refused() {
        assert_eq!(set_policy(Policy::Bind, &[4000]).unwrap_err().raw_os_error(), Some(22));
    }
}
