//! cpuio: burns CPU time and does no I/O.
//!
//! Beside a load it shows what the load is like where the processor is busy. This file only
//! exports; `engine` keeps the time, `burn` burns it, `options` reads what the job wants.

mod burn;
mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Cpuio;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.cpuio",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Cpuio],
}
