//! Runs iodyno's release program under callgrind, each case of the guard in two lengths.
//!
//! Started by scripts/lib/instructions.sh, which names the program in IODYNO_COUNTED, the library
//! that lets it start itself in IODYNO_COUNT_PRELOAD, and a directory for files in
//! IODYNO_COUNT_DIR. Only what happens inside `Worker::run` is counted: not the start of the
//! program, not the threads that watch it.

// The macros write modules of their own.
#![allow(missing_docs)]

use gungraun::prelude::*;
use gungraun::{Bench, BinaryBenchmark, BinaryBenchmarkGroup, Callgrind, Command, EntryPoint};
use iodyno_instructions::cases::{Case, Length, CASES};
use std::path::{Path, PathBuf};

/// The function whose inside is counted, in both ways of writing names that Rust has.
const COUNTED: &str = "*iodyno::io::worker::Worker<*::run";

/// From the environment, which the script sets.
fn path(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: run this by scripts/test instructions"))
}

fn command(case: &Case, length: Length) -> Command {
    let (program, files) = (path("IODYNO_COUNTED"), path("IODYNO_COUNT_DIR"));
    let id = case.run_id(length);
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("base.fio");
    let mut command = Command::new(&program);
    command
        .arg("run")
        .arg(job)
        .args(["--output-format", "json"])
        .args(["--set", &format!("number_ios={}", case.requests(length))])
        .args(["--set", &format!("filename={id}.data")])
        .env("LD_PRELOAD", path("IODYNO_COUNT_PRELOAD"))
        .env("IODYNO_COUNTED", &program)
        .current_dir(&files)
        .stdout(files.join(format!("{id}.json")))
        .stderr(files.join(format!("{id}.log")));
    for option in case.options {
        command.args(["--set", option]);
    }
    command.build()
}

fn fill(group: &mut BinaryBenchmarkGroup) {
    let mut count = BinaryBenchmark::new("count");
    for case in CASES {
        for length in Length::ALL {
            count.bench(Bench::new(case.run_id(length)).command(command(case, length)));
        }
    }
    group.binary_benchmark(count);
}

fn callgrind() -> Callgrind {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no", "--trace-children=no"]);
    callgrind.entry_point(EntryPoint::Custom(COUNTED.to_owned()));
    callgrind
}

binary_benchmark_group!(
    name = requests,
    config = BinaryBenchmarkConfig::default().tool(callgrind()),
    benchmarks = |group: &mut BinaryBenchmarkGroup| fill(group)
);

main!(binary_benchmark_groups = requests);
