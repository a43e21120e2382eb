//! mmap: data is copied from and to a mapping of the target; msync makes it durable.
//!
//! This file only exports; `engine` judges targets and serves requests, `windows` maps, `copy`
//! moves the bytes so that a file which shrinks is an error and no crash, with the help of `guard`,
//! `options` says how.

mod copy;
mod engine;
#[cfg(target_arch = "x86_64")]
mod guard;
mod options;
#[cfg(test)]
mod tests;
mod windows;

use engine::Mmap;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.mmap",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Mmap],
}
