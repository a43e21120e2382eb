//! libaio: the kernel's own asynchronous I/O, io_submit and io_getevents, by bare system calls.
//!
//! Named after the library that programs use for it, which is not used here. This file only
//! exports; `options` holds the table, `engine` the work, `request` what a request looks like to
//! the kernel, `context` the system calls, `ring` the completions as memory shows them.

mod context;
mod engine;
mod options;
mod request;
mod ring;
#[cfg(test)]
mod tests;

use engine::Libaio;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.libaio",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Libaio],
}
