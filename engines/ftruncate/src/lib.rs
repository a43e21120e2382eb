//! ftruncate: sets the file's length instead of writing.
//!
//! A write makes the file end where the write would have ended. This file only exports; `engine`
//! does the work. Has no options.

mod engine;
#[cfg(test)]
mod tests;

use engine::Ftruncate;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.ftruncate",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Ftruncate],
}
