//! __NAME__: an engine for iodyno that answers each request in `queue` itself.
//!
//! This file says who made the plugin and which engines are in it. `engine` is what iodyno calls,
//! `options` what a job file may say, `calls` how a request is done: replace that first.

mod calls;
mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::__Type__;

iodyno_engine_api::export_plugin! {
    id: "__ID__",
    vendor: "Example",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [__Type__],
}
