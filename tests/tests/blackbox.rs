//! The black-box tests: the built programs, as a user meets them.
//!
//! One binary, one module a subject, so that it is linked once and slow tests overlap. Run by
//! `cargo test` and `scripts/test`; `cargo test -p iodyno-tests faults` runs one subject.

mod bad_jobs;
mod bad_plugins;
mod c_plugins;
mod cells;
mod cli;
mod faults;
mod io_errors;
mod load_misuse;
mod load_misuse_run;
mod load_pace;
mod quickstart;
mod safety;
mod semantics;
mod signals;
mod start;
mod workload;
