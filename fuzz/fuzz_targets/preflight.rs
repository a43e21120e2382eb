//! The bytes of a plugin, before one instruction of it runs.
//!
//! What is checked stands in the room itself, `host/src/plugin/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iodyno_fuzz::bounded(
    data,
    iodyno::plugin::fuzzing::preflight
));
