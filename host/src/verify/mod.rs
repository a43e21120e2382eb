//! What makes written data provable and read data judged.
//!
//! `recipe` makes the intervals that a job writes (`payload`, `stamp`, `digest`), `ledger` knows
//! what must be where (`state` keeps that for a later run), `check` judges what was read, `mixed`
//! and `damage` look closer at what is not as it must be,
//! `pool` does both jobs on other threads. Called by `io` (inline and through the pool) and `run`
//! (making, verdicts). May import `workload` and `stats`; makes no request of its own and never
//! prints.

pub mod check;
pub mod damage;
pub mod digest;
pub mod ledger;
pub mod method;
mod mixed;
pub mod payload;
pub mod pool;
pub mod recipe;
pub mod stamp;
pub mod state;

#[cfg(test)]
mod tests;
