//! The data plane: one worker, one engine instance, a fixed slab of request slots.
//!
//! [`worker`] holds the loop, `reap` the way back, `drain` the ends of phases, [`slots`] the slab,
//! [`pace`] what holds a job back, [`failures`] what failed requests do, [`syncs`] when what was
//! written is made durable, [`doors`] the files that are opened and closed on the way, [`crew`] the
//! threads that submit. Between the begin of `measure` and the end of `drain` nothing here takes a
//! lock, allocates, logs, formats, or makes a system call of the host's own (waiting and opening
//! that the job asks for excepted). Knows engines through [`crate::plugin::handle`] alone.

pub mod ahead;
pub mod batch;
pub mod crew;
mod detour;
pub mod doors;
mod drain;
mod drive;
pub mod failures;
pub mod flow;
mod harness;
pub mod held;
mod idle;
mod inputs;
pub mod keeper;
mod keeping;
pub mod kept;
mod openloop;
mod overlap;
pub mod pace;
mod poisson;
mod posted;
mod reap;
pub mod schedule;
pub mod settings;
pub mod signal;
mod slab;
mod slot;
pub mod slots;
mod straight;
pub mod syncs;
pub mod target_depth;
pub mod thinktime;
pub mod trouble;
mod watch;
mod way;
pub mod worker;
pub mod zoned;
pub mod zones;

#[cfg(test)]
mod tests;
