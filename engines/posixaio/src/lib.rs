//! posixaio: the C library's asynchronous I/O: aio_read, aio_write, aio_fsync.
//!
//! What glibc makes of them are threads of its own, one for each descriptor. This file only
//! exports; `engine` does the work, `control` has the requests and the library's calls.

mod control;
mod engine;
#[cfg(test)]
mod tests;

use engine::Posixaio;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.posixaio",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Posixaio],
}
