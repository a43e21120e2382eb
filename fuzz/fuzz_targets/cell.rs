//! What a cell sends to the control process.
//!
//! What is checked stands in the room itself, `host/src/run/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

use iodyno::run::fuzzing::cell;
use iodyno_fuzz::{bounded, BYTES_PER_BYTE_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounded(data, BYTES_PER_BYTE_MAX, cell));
