//! sync: lseek, then read or write.
//!
//! The oldest way, and the one of most programs: a file has a position, and whoever reads in order
//! need not seek. This file only exports; `engine` does the work. Opens no file: the host does.

mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Sync;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.sync",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Sync],
}
