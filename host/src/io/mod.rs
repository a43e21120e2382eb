//! The data plane: one worker, one engine instance, a fixed slab of request slots.
//!
//! [`worker`] holds the loop, `reap` the way back, `drain` the ends of phases, [`slots`] the slab,
//! [`pace`] the rates. Between the begin of `measure`
//! and the end of `drain` nothing here takes a lock, allocates, logs, formats, or makes a system
//! call of the host's own (waiting for a rate excepted). Knows engines through
//! [`crate::plugin::handle`] alone.

mod drain;
mod harness;
pub mod pace;
mod reap;
pub mod settings;
pub mod signal;
pub mod slots;
pub mod trouble;
pub mod worker;

#[cfg(test)]
mod tests;
