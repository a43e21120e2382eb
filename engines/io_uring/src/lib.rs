//! io_uring: requests through a ring that is shared with the kernel.
//!
//! This file only exports. `options` reads the job's options; `engine` keeps the rules of the
//! engine contract, over the ring of `support::uring`; `entry` says which ring operation serves
//! which request; `polled` asks whether a target can be polled; `words` puts failures into words.

mod engine;
mod entry;
mod options;
mod polled;
#[cfg(test)]
mod tests;
mod words;

use engine::IoUring;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.io_uring",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [IoUring],
}
