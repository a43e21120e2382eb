//! pvsync: preadv and pwritev, one vector with one buffer for each request.
//!
//! What psync does, by the vectored system calls. This file only exports; `engine` does the work.
//! Has no options and opens no file: the host does.

mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Pvsync;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.pvsync",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Pvsync],
}
