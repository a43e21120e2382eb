//! The library behind the `iodyno` program, one module a room.
//!
//! ARCHITECTURE.md has the picture; the test `tidy` keeps the rule who may import whom.
//! `main.rs` only parses, dispatches and sets the exit status.

pub mod catalogue;
pub mod cli;
pub mod conformance;
pub mod ddir;
pub mod io;
pub mod job;
pub mod plugin;
pub mod progress;
pub mod report;
pub mod run;
pub mod stats;
pub mod sys;
pub mod target;
pub mod units;
pub mod verify;
pub mod workload;
