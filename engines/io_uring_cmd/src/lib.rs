//! io_uring_cmd: NVMe commands built here, sent through a ring to /dev/ngXnY.
//!
//! This file only exports. `command` builds commands, `dsm` lists of ranges, `protection` guards
//! and tags, `status` has the device's answers in words, all pure; `node` looks at a target and
//! asks it what it is, `identify` reads the answer, `target` keeps what requests need of it;
//! `options` reads the job's options; `engine` and, for trims, `trims` keep the rules of the engine
//! contract, over the ring of `support::uring`; `entry` is the form of the ring's entries; `words`
//! are for failures.

mod command;
mod dsm;
mod engine;
mod entry;
mod identify;
mod node;
mod options;
mod protection;
mod status;
mod target;
#[cfg(test)]
mod tests;
mod trims;
mod words;

use engine::IoUringCmd;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.io_uring_cmd",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [IoUringCmd],
}
