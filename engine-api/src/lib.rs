//! The contract between iodyno and its engines.
//!
//! [`abi`] is the C ABI itself, name for name what `include/iodyno_engine.h` says. Everything else
//! is convenience for engines that are written in Rust: implement [`Engine`], name it in
//! [`export_plugin!`], build a `cdylib`. Nothing here may depend on the host.
//!
//! The guide is `docs/engines.md`; `plugins-example/rust-minimal` is the smallest useful engine.

pub mod abi;
pub mod engine;
pub mod error;
pub mod export;
pub mod file;
pub mod host;
pub mod io;
#[cfg(feature = "layout-check")]
pub mod layout;
pub mod options;
mod panics;
pub mod source;
pub mod stack;
pub mod testing;
mod text;
pub mod unit;
pub mod v1_0;
pub mod vtable;

pub use engine::Engine;
pub use error::Error;
pub use file::{Caps, File, FileView, Opened};
pub use host::{Host, Job};
pub use io::{Answer, Failed, Io, Request};
pub use options::{choice, Opt};
pub use unit::{Cancel, Reaped, Unit, Wait};
