//! __NAME__: an engine for iodyno that takes requests in `queue` and hands them back later.
//!
//! This file says who made the plugin and which engines are in it. `engine` is what iodyno calls,
//! `options` what a job file may say, `pool` what works meanwhile and `calls` how a request is
//! done: replace those two first.

mod calls;
mod engine;
mod options;
mod pool;
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
