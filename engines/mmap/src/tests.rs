//! mmap through its raw table.
