//! net: TCP, UDP and unix sockets. A job reads or writes; its peer is another job, another iodyno
//! or any program that speaks the same.
//!
//! This file only exports. `options` judges what a job asks for, `stream` and `datagram` make the
//! connection, `portfile` tells a chosen port, `wake` is how waits end, `link` moves the data,
//! `engine` puts them together. Nothing here knows of files or offsets.

mod address;
mod datagram;
mod engine;
mod link;
mod options;
mod portfile;
mod stream;
#[cfg(test)]
mod tests;
mod wake;

use engine::Net;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.net",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Net],
}
