//! What a cell sends to the control process.
//!
//! What is checked stands in the room itself, `host/src/run/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iodyno_fuzz::bounded(data, iodyno::run::fuzzing::cell));
