//! filestat: looks at a file with each request.
//!
//! One request is one name: `stat`, `lstat` or `statx`; IOPS are files a second. This file only
//! exports; `engine` says what a request does, and what all such engines have in common is
//! `fileops` of the support crate.

mod engine;
#[cfg(test)]
mod tests;

use engine::FileStat;
use iodyno_engine_support::fileops::PerFile;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.filestat",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [PerFile<FileStat>],
}
