//! io_uring: requests through a ring that is shared with the kernel.
//!
//! This file only exports. `options` reads the job's options; `engine` keeps the rules of the
//! engine contract; `entry` says which ring operation serves which request; `files`, `buffers`,
//! `share` and `wake` are what can be registered or shared; `ring` is the ring itself, over the
//! numbers and structs of the kernel in `kernel`; `words` puts failures into words.

mod buffers;
mod engine;
mod entry;
mod files;
mod kernel;
mod options;
mod ring;
mod share;
#[cfg(test)]
mod tests;
mod wake;
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
