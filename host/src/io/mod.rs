//! The data plane: one worker, one engine instance, a fixed slab of request slots.
//!
//! [`worker`] holds the loop, `reap` the way back, `drain` the ends of phases, [`slots`] the slab,
//! [`pace`] the rates, [`failures`] what failed requests do, [`syncs`] when what was written is
//! made durable, [`doors`] the files that are opened and closed on the way. Between the begin of
//! `measure` and the end of `drain` nothing here takes a lock, allocates, logs, formats, or makes
//! a system call of the host's own (waiting for a rate and opening files on the way excepted).
//! Knows engines through [`crate::plugin::handle`] alone.

pub mod crew;
pub mod doors;
mod drain;
mod drive;
pub mod failures;
mod harness;
pub mod pace;
mod reap;
pub mod settings;
pub mod signal;
mod slab;
pub mod slots;
pub mod syncs;
pub mod trouble;
pub mod worker;

#[cfg(test)]
mod tests;
