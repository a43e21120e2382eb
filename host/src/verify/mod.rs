//! What makes written data provable and read data judged.
//!
//! Called by `io` (inline work) and `run` (verdicts). May import `workload` and `stats`; makes no
//! request of its own and never prints.

pub mod digest;
