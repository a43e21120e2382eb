//! Threads that make and check data for the workers of a cell.
//!
//! A worker hands batches over and takes them back, never single blocks; what the pool has no room
//! for, the worker does itself, and who has nothing else to do takes a batch from the queue. Knows
//! batches as something that can be run, no slots and no stamps. The hand-over is written once, in
//! `hands`, and compiled twice: for use, and for a model that tries the orders in which threads may
//! meet.

/// What the hand-over is built on: the standard library's.
mod sync {
    pub(super) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
}

mod hands;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use hands::{Desk, Done, Pool, Work};
