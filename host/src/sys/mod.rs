//! Thin safe wrappers of system calls and of the clock. Knows nothing of jobs, engines or reports.

pub mod clock;
pub mod region;
pub mod shm;
pub mod thread;
