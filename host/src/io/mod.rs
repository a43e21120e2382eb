//! The data plane: one worker, one engine instance, a fixed slab of request slots.
//!
//! [`worker`] holds the loop, [`slots`] the slab, [`pace`] the rates. Between the begin of `measure`
//! and the end of `drain` nothing here takes a lock, allocates, logs, formats, or makes a system
//! call of the host's own (waiting for a rate excepted). Knows engines through
//! [`crate::plugin::handle`] alone.

pub mod pace;
pub mod slots;
pub mod trouble;
pub mod worker;


#[cfg(test)]
mod tests;
