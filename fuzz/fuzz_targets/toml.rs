//! A job file in TOML, from its text to the validated run.
//!
//! What is checked stands in the room itself, `host/src/job/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iodyno_fuzz::bounded(data, iodyno::job::fuzzing::toml));
