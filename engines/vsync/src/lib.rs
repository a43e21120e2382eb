//! vsync: requests that follow one another on the target go to the kernel together.
//!
//! This file only exports; `engine` answers the host, `chain` holds the neighbours and makes the
//! one readv or writev for all of them. Has no options and opens no file: the host does.

mod chain;
mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Vsync;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.vsync",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Vsync],
}
