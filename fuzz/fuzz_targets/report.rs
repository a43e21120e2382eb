//! What comes out of the pipe of a probe.
//!
//! What is checked stands in the room itself, `host/src/plugin/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iodyno_fuzz::bounded(
    data,
    iodyno::plugin::fuzzing::report
));
