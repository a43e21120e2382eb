//! From a name in a job to an engine that can be called: find, trust, pin, preflight, probe, load,
//! negotiate, check. ARCHITECTURE.md tells the order and why.
//!
//! `run` and `cli` ask [`find::Search`] in the control process, which never loads a plugin itself;
//! a cell calls [`load::load`]. Nothing that was loaded is ever unloaded.

pub mod error;
pub mod find;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gate;
pub mod guarded;
pub mod handle;
pub mod host_table;
pub mod kept;
pub mod lent;
pub mod load;
pub mod preflight;
pub mod probe;
pub mod stack;
pub mod walk;

mod callback;
mod describe;
mod extensions;
mod foreign;
mod lint;
mod negotiate;
mod ops;
mod pin;
mod rare;
mod refusal;
mod trust;

pub use error::PluginError;
pub use find::{Found, Search};
pub(crate) use ops::is_engine_name;
