//! The contract between iodyno and its engines.
//!
//! [`abi`] is the C ABI itself, name for name what `include/iodyno_engine.h` says. Everything else
//! is convenience for engines that are written in Rust. Nothing here may depend on the host.

pub mod abi;
