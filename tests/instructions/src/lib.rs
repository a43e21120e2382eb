//! The guard of instruction counts: what one request costs from the generator to the histograms.
//!
//! benches/instructions.rs runs the release program under callgrind, each case in two lengths;
//! their difference, divided by the requests between them, is what one request costs. [`counted`]
//! reads what came out, [`recorded`] what was committed, [`verdict`] compares. Says nothing about
//! caches, latencies, or what the kernel does.

pub mod cases;
pub mod counted;
pub mod recorded;
pub mod toolchain;
pub mod verdict;
