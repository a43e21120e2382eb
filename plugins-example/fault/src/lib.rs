//! fault: an engine over any other engine, which does to a seeded choice of requests what bad
//! hardware does.
//!
//! This file only exports. `engine` does the work: it passes requests on to the inner engine, and
//! asks `choose` which of them are to suffer, `settings` what. `back` hands back what has ended,
//! `cache` and `power` hold writes back for a power cut, `journal` writes down what was done.

mod back;
mod bell;
mod cache;
mod choose;
mod engine;
mod errno;
mod journal;
mod power;
mod rng;
mod settings;
#[cfg(test)]
mod tests;

use engine::Fault;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.example.fault",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Fault],
}
