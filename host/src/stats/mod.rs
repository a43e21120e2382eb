//! What is counted: histograms, counters, windows, percentiles and their merging.
//!
//! [`live`] holds the counters that a worker writes in shared memory, [`snapshot`] plain copies of
//! them that everybody else computes with. Pure: reads no clock, makes no system call, prints
//! nothing.

pub mod buckets;
pub mod classes;
pub mod figures;
pub mod live;
pub mod snapshot;
pub mod steady;
pub mod tester;
pub mod window;
