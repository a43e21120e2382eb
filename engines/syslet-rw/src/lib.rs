//! syslet-rw: tries without waiting; what would have to wait goes to a thread of its own.
//!
//! The idea of the syslets that Linux never got, made of what it has today. This file only
//! exports; `engine` tries and answers the host, `pool` holds the threads, `calls` is what they
//! do.

mod calls;
mod engine;
mod futex;
mod options;
mod pool;
#[cfg(test)]
mod tests;

use engine::SysletRw;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.syslet-rw",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [SysletRw],
}
