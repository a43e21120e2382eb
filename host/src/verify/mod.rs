//! What makes written data provable and read data judged.
//!
//! `recipe` makes the intervals that a job writes (`payload`, `stamp`, `digest`), `ledger` knows
//! what must be where, `check` judges what was read, `damage` says what happened to what is wrong,
//! `pool` does both jobs on other threads. Called by `io` (inline and through the pool) and `run`
//! (making, verdicts). May import `workload` and `stats`; makes no request of its own and never
//! prints.

pub mod check;
pub mod damage;
pub mod digest;
pub mod ledger;
pub mod method;
pub mod payload;
pub mod pool;
pub mod recipe;
pub mod stamp;

#[cfg(test)]
mod tests;
