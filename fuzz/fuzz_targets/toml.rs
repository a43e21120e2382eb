//! A job file in TOML, from its text to the validated run.
//!
//! What is checked stands in the room itself, `host/src/job/fuzzing.rs`,
//! where a unit test runs it over the same corpus.
#![no_main]

use iodyno::job::fuzzing::toml;
use iodyno_fuzz::{bounded, BYTES_PER_BYTE_OF_JOB_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounded(data, BYTES_PER_BYTE_OF_JOB_MAX, toml));
