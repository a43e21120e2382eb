//! Counts what a target allocates: a parser's memory is bounded by the length of its input.
//!
//! Used by every target. libFuzzer has bounds of its own, but those are for a whole process and
//! sized for gigabytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What any input may take at its peak: tables, catalogue, messages.
const BYTES_MAX: usize = 4 << 20;
/// And what each byte of it adds.
pub const BYTES_PER_BYTE_MAX: usize = 1 << 10;
/// The same of a job file: `[a]` is a whole job, whose every option has a value and an origin. That
/// is 36 KB, and 200 KB with a list of all CPUs, as numbers and as text.
pub const BYTES_PER_BYTE_OF_JOB_MAX: usize = 48 << 10;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn more(bytes: usize) {
    PEAK.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn less(bytes: usize) {
    NOW.fetch_sub(bytes, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller keeps the rules of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        more(size);
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Runs `target` and panics where it took more memory than the input's length gives it.
pub fn bounded(data: &[u8], bytes_per_byte_max: usize, target: fn(&[u8])) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    target(data);
    let peak = PEAK.load(Relaxed) - before;
    let max = BYTES_MAX + bytes_per_byte_max * data.len();
    assert!(peak <= max, "{} bytes of input took {peak} bytes of memory", data.len());
}
