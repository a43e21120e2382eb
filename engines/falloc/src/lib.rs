//! falloc: allocates, reserves and punches instead of transferring.
//!
//! A read is a `fallocate` that keeps the size, a write one that may make the file longer, a trim
//! punches a hole, as in fio. This file only exports; `engine` does the work. Has no options.

mod engine;
#[cfg(test)]
mod tests;

use engine::Falloc;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.falloc",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Falloc],
}
