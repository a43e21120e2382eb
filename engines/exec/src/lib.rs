//! exec: runs a program beside the load.
//!
//! The job lasts as long as the program; where the job's time is up first, the program is ended.
//! This file only exports; `engine` is the instance, `program` a program from its start to its end,
//! `waiting` the wait for it, `options` what the job wants, `words` how arguments are split.

mod engine;
mod options;
mod program;
#[cfg(test)]
mod tests;
mod waiting;
mod words;

use engine::Exec;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.exec",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Exec],
}
