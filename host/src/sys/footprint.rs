//! What this process holds at the moment: descriptors, threads, heap. For comparing before and
//! after. Called by `conformance`, in children that run one thing at a time; not for hot paths, and
//! no measure of other processes.

/// Open descriptors, without the one that counting takes.
#[must_use]
pub fn descriptors() -> usize {
    entries("/proc/self/fd").saturating_sub(1)
}

/// Threads.
#[must_use]
pub fn threads() -> usize {
    entries("/proc/self/task")
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

/// Bytes that are allocated and not freed, by this program and whatever it loaded, as far as they
/// come from the C library's `malloc`. Memory that was mapped by hand is not in it.
#[must_use]
pub fn heap_bytes() -> u64 {
    // SAFETY: takes nothing, and answers a struct of numbers.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks as u64 + info.hblkhd as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        let before = heap_bytes();
        let held = std::hint::black_box(vec![1u8; 64 << 20]);
        // Other tests allocate and free meanwhile, but not so much.
        assert!(heap_bytes() >= before + (32 << 20), "{} bytes are held", held.len());
        assert!(descriptors() >= 3 && threads() >= 1);
    }
}
