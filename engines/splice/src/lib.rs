//! splice: data goes through a pipe, file -> pipe -> buffer and buffer -> pipe -> file.
//!
//! This file only exports; `engine` answers the host, `duct` is the pipe and what goes through it.
//! Has no options and opens no file: the host does.

mod duct;
mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Splice;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.splice",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Splice],
}
