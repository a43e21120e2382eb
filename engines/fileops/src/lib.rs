//! Six engines whose requests are whole files or directories: filecreate, filestat, filedelete,
//! dircreate, dirstat, dirdelete.
//!
//! One request is one system call on one name (filecreate: open and close), so that IOPS are files
//! a second and latencies those of the metadata. This file only exports: `engine` is what the six
//! have in common, `files` and `dirs` say what each does, `options` which stat the two take.

mod dirs;
mod engine;
mod files;
mod options;
#[cfg(test)]
mod tests;

use dirs::{DirCreate, DirDelete, DirStat};
use engine::PerFile;
use files::{FileCreate, FileDelete, FileStat};

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.fileops",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [
        PerFile<FileCreate>, PerFile<FileStat>, PerFile<FileDelete>,
        PerFile<DirCreate>, PerFile<DirStat>, PerFile<DirDelete>,
    ],
}
