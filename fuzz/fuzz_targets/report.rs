//! What comes out of the pipe of a probe.
//!
//! What is checked stands in the room itself, `host/src/plugin/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

use iodyno::plugin::fuzzing::report;
use iodyno_fuzz::{bounded, BYTES_PER_BYTE_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounded(data, BYTES_PER_BYTE_MAX, report));
