//! The black-box tests: the built programs, as a user meets them.
//!
//! One binary, one module a subject, so that it is linked once and slow tests overlap. Run by
//! `cargo test` and `scripts/test`; `cargo test -p iodyno-tests faults` runs one subject.

mod abi_frozen;
mod abi_growth;
mod bad_jobs;
mod bad_plugins;
mod c_plugins;
mod cells;
mod check_load;
mod check_matrix;
mod check_requests;
mod cli;
mod engine_examples;
mod engine_new;
mod engine_null;
mod engine_psync;
mod engine_pvsync;
mod engine_pvsync2;
mod engine_sync;
mod engine_vsync;
mod faults;
mod faults_address;
mod faults_damage;
mod faults_matrix;
mod faults_survive;
mod io_errors;
mod load_data;
mod load_errors;
mod load_examples;
mod load_files;
mod load_files_open;
mod load_memory;
mod load_misuse;
mod load_misuse_run;
mod load_offload;
mod load_order;
mod load_pace;
mod load_run;
mod load_syncs;
mod quickstart;
mod safety;
mod semantics;
mod signals;
mod start;
mod trust_callers;
mod trust_pins;
mod trust_places;
mod trust_race;
mod trust_swaps;
mod workload;
