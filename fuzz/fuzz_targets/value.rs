//! One value of an option: numbers, times, lists, patterns and the like.
//!
//! What is checked stands in the room itself, `host/src/job/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

use iodyno::job::fuzzing::value;
use iodyno_fuzz::{bounded, BYTES_PER_BYTE_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounded(data, BYTES_PER_BYTE_MAX, value));
