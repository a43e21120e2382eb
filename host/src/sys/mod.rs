//! Thin safe wrappers of system calls and of the clock, one file a purpose.
//!
//! Everybody may call them; they import no other room, decide nothing and print nothing.

pub mod block;
pub mod capture;
pub mod clock;
pub mod crash;
pub mod crash_report;
pub mod disks;
pub mod diskstats;
pub mod facts;
pub mod footprint;
pub mod guard;
mod hugepages;
pub mod inherit;
pub mod interrupt;
pub mod locked;
mod maps;
pub mod memfd;
pub mod memory;
pub mod numa;
pub mod priority;
pub mod privilege;
pub mod region;
pub mod shm;
pub mod spawn;
pub mod steal;
pub mod surroundings;
pub mod thread;
pub mod zones;
