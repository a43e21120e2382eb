//! psync through a run: the common cases, at its own depth of one and where it is offloaded.
//!
//! The yardstick: what the other engines are compared with has to pass first.

use iodyno_tests::engines::{self, Engine};

const PSYNC: Engine = Engine::sync("psync");

iodyno_tests::stores_data!(PSYNC);

/// Threads of their own give it a depth: the same data in the same places.
#[test]
fn offloaded() {
    let offloaded = PSYNC.options("io_submit_mode=offload");
    engines::what_it_writes_is_in_the_file(&offloaded);
    engines::mixed_reads_and_writes(&offloaded);
}
