//! filecreate: makes a file with each request.
//!
//! One request is one name: `open` with O_CREAT and O_EXCL, `close`; IOPS are files a second.
//! This file only exports; `engine` says what a request does, and what all such engines have in
//! common is `fileops` of the support crate. Has no options.

mod engine;
#[cfg(test)]
mod tests;

use engine::FileCreate;
use iodyno_engine_support::fileops::PerFile;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.filecreate",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [PerFile<FileCreate>],
}
