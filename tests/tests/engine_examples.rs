//! The example plugins through a run, by the paths of their files: the common cases, as far as
//! engines of a page have the operations.
//!
//! They know reads, writes and fsync alone, have no page of their own and no example job.

use crate::c_plugins::c_minimal;
use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{programs, require, Scene};

/// An engine that is named by its file; a description lives as long as the tests.
fn by_path(path: String) -> Engine {
    Engine::sync(path.leak())
}

fn rust_minimal() -> Engine {
    by_path(programs::rust_minimal().to_str().expect("UTF-8").to_owned())
}

iodyno_tests::engine_tests!(
    rust_minimal();
    conforms,
    what_it_writes_is_in_the_file,
    what_psync_wrote_it_reads,
    random_sizes,
    mixed_reads_and_writes,
    two_instances_on_one_file,
    several_files,
    reads_at_the_end_of_a_file_are_short,
    a_full_disk,
    a_truncated_target,
    a_removed_target,
    an_interrupted_run,
    direct,
    direct_misaligned,
    a_block_device
);

#[test]
fn c_minimal_stores_data() {
    require!(c_compiler);
    let scene = Scene::new();
    let c = by_path(c_minimal(&scene));
    engines::conforms(&c);
    engines::what_it_writes_is_in_the_file(&c);
    engines::what_psync_wrote_it_reads(&c);
    engines::random_sizes(&c);
    engines::two_instances_on_one_file(&c);
    engines::reads_at_the_end_of_a_file_are_short(&c);
    engines::a_full_disk(&c);
    engines::an_interrupted_run(&c);
    engines::direct(&c);
}
