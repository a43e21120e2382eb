//! What engines share: errno, iovec, descriptors, positions, priorities, requests that are done as
//! a whole, requests that are whole files, rings.
//!
//! Thin safe wrappers of the system calls that an engine makes for a request. An rlib for engines
//! only: the host never links it, and it must not know any engine.

pub mod errno;
pub mod fd;
pub mod fileops;
pub mod iovec;
pub mod kernel;
pub mod path;
pub mod position;
pub mod priority;
pub mod uring;
pub mod whole;
