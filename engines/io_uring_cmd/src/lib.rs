//! io_uring_cmd: NVMe commands built here, sent through a ring to /dev/ngXnY.
//!
//! This file only exports. `command` builds commands and `status` puts the device's answers into
//! words, both pure; `node` looks at a target and asks it what it is, `identify` reads the answer,
//! `target` keeps what requests need of it;
//! `options` reads the job's options; `engine` keeps the rules of the engine contract, over the
//! ring of `support::uring`; `entry` is the form of the ring's entries.

mod command;
mod engine;
mod entry;
mod identify;
mod node;
mod options;
mod status;
mod target;
#[cfg(test)]
mod tests;

use engine::IoUringCmd;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.io_uring_cmd",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [IoUringCmd],
}
