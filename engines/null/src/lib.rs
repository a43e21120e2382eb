//! null: no I/O at all, as fast as can be.
//!
//! Measures the host itself: everything that a request costs with this engine is iodyno's own work.
//! This file only exports; `options` holds the table, `engine` the work, `ring` the units.

mod engine;
mod options;
mod ring;
#[cfg(test)]
mod tests;

use engine::Null;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.null",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Null],
}
