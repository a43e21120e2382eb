//! psync: one positioned system call for each request.
//!
//! The default engine, and the yardstick for the others: nothing is cheaper that moves data. This
//! file only exports; `engine` does the work. Has no options and opens no file: the host does.

mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Psync;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.psync",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Psync],
}
