//! What this process holds at the moment: descriptors, threads, heap, and how to hold less.
//!
//! The counts are for comparing before and after: called by `conformance`, in children that run one
//! thing at a time; not for hot paths, and no measure of other processes. [`give_back`] is called
//! by `run` once between set-up and load.

use std::ffi::{c_void, CStr};

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

/// All threads share one heap: for a process that waits rather than allocates, whose threads would
/// each touch a heap of their own otherwise.
pub fn share_one_heap() {
    // SAFETY: sets a number of the C library's allocator.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Gives back what only the set-up has needed: freed heap, and code and constants,
/// which the kernel brings in again from its cache where they are used once more. What is counted
/// of a process afterwards is what its load takes.
pub fn give_back() {
    // SAFETY: takes a number; gives pages back in which nothing is allocated.
    unsafe { libc::malloc_trim(0) };
    // A debugger's breakpoints stand in copies of these pages, and would be lost.
    if is_traced() {
        return;
    }
    // SAFETY: `advise` has the signature that is asked for, and gets no data.
    unsafe { libc::dl_iterate_phdr(Some(advise), std::ptr::null_mut()) };
}

fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    !status.lines().any(|line| line == "TracerPid:\t0")
}

/// Called for the program and each library.
unsafe extern "C" fn advise(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> libc::c_int {
    let page = rustix::param::page_size();
    // SAFETY: the loader's own description of an object, valid during the call.
    let (name, base, headers) = unsafe {
        let info = &*info;
        let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
        (CStr::from_ptr(info.dlpi_name).to_bytes(), info.dlpi_addr, headers)
    };
    // The program's name is empty; what has no path lies in no file.
    if !name.is_empty() && !name.starts_with(b"/") {
        return 0;
    }
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let begin = (base + header.p_vaddr) as usize;
        let end = begin + header.p_filesz as usize;
        let (first, last) = (begin.next_multiple_of(page), end / page * page);
        if first < last {
            // SAFETY: whole pages of a segment that is mapped from the object's file and never
            // written to: what is dropped is read from there again when it is next used.
            unsafe { libc::madvise(first as *mut c_void, last - first, libc::MADV_DONTNEED) };
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_was_given_back_is_there_when_it_is_called() {
        share_one_heap();
        for _ in 0..2 {
            give_back();
            assert_eq!(std::hint::black_box("given back").to_uppercase(), "GIVEN BACK");
        }
    }

    #[test]
    fn what_is_held_is_counted() {
        let before = heap_bytes();
        let held = std::hint::black_box(vec![1u8; 64 << 20]);
        // Other tests allocate and free meanwhile, but not so much.
        assert!(heap_bytes() >= before + (32 << 20), "{} bytes are held", held.len());
        assert!(descriptors() >= 3 && threads() >= 1);
    }
}
