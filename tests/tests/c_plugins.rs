//! Engines that somebody else compiled: the examples, by their own build, and an asynchronous one
//! that uses every freedom of the contract.
//!
//! What the engine counted itself and what the report says must be the same.

use iodyno_tests::{plugins, programs, require, Scene};
use std::path::Path;
use std::process::Command;

const JOB: &str = "
; one job file for every engine
[global]
bs=4k
size=1m

[fill]
rw=write

[use]
stonewall
rw=randrw
";

/// Builds c-minimal by its own Makefile in a copy, so that the source tree stays clean.
pub(crate) fn c_minimal(scene: &Scene) -> String {
    let source = programs::repo().join("plugins-example/c-minimal");
    let copy = scene.path().join("c-minimal");
    std::fs::create_dir(&copy).expect("the scene is writable");
    for entry in std::fs::read_dir(source).expect("the example is there").flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
        }
    }
    let include = plugins::include_dir();
    let output = Command::new("make")
        .arg(format!("INCLUDE={}", include.display()))
        .current_dir(&copy)
        .output()
        .expect("make runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "c-minimal does not build:\n{words}");
    find_so(&copy).unwrap_or_else(|| panic!("make built no plugin in {}", copy.display()))
}

fn find_so(dir: &Path) -> Option<String> {
    let entries = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let so = files.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "so"));
    let so = so.map(|path| path.to_str().expect("UTF-8").to_owned());
    so.or_else(|| dirs.iter().find_map(|dir| find_so(dir)))
}

fn run_job_file_with(scene: &Scene, engine: &str) {
    let job = scene.file("job.fio", JOB);
    let run = scene.iodyno(["run", &job, "--engine", engine, "--output-format", "json"]);
    let document = run.run().clean();
    assert_eq!(document.ios(document.job("fill"), "write"), 256, "{engine}");
    let used = document.job("use");
    assert_eq!(document.ios(used, "read") + document.ios(used, "write"), 256, "{engine}");
    assert_eq!(document.text("/iodyno/engines/0/path"), engine);
}

#[test]
fn the_examples_run_the_same_job_file_without_a_rebuild() {
    require!(c_compiler);
    let scene = Scene::new();
    let c = c_minimal(&scene);
    run_job_file_with(&scene, &c);
    let rust = programs::rust_minimal();
    run_job_file_with(&scene, rust.to_str().expect("UTF-8"));
    run_job_file_with(&scene, programs::engine("psync").to_str().expect("UTF-8"));
}

#[test]
fn the_example_is_shown_and_named() {
    require!(c_compiler);
    let scene = Scene::new();
    let c = c_minimal(&scene);
    let shown = scene.iodyno(["engines", "show", &c]).run().expect(0);
    for word in [c.as_str(), "sha256", "1.0"] {
        assert!(shown.stdout.contains(word), "no {word:?} in\n{shown}");
    }
}

/// The counts that async7 wrote down at its cleanup, summed over its instances.
fn engines_own_counts(path: &str) -> [u64; 5] {
    let text = std::fs::read_to_string(path).expect("cleanup wrote the counts");
    let mut sums = [0; 5];
    for line in text.lines() {
        let numbers = line.split_whitespace().skip(1).step_by(2);
        let numbers = numbers.map(|word| word.parse::<u64>().expect("a number"));
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    sums
}

fn run_async7(depth: u32, more: &str) {
    let scene = Scene::new();
    let engine = plugins::built("async7");
    let counts = scene.at("counts");
    let job = format!(
        "
[global]
ioengine={engine}
record={counts}
capacity=1m
bs=4k
size=1m
iodepth={depth}
{more}
[mixed]
rw=randrw
loops=8
"
    );
    let document = scene.run_json(&job).clean();
    let [requests, shorts, bytes, busy, broken] = engines_own_counts(&counts);
    let context = format!("depth {depth} {more:?}");
    assert_eq!(broken, 0, "{context}: the host broke the contract");
    if more.contains("complete_min=0") {
        // Whoever looks after every commit may find room for the next request in time.
        assert!(busy == 0 || depth > 7, "{context}: busy {busy} times");
    } else {
        assert_eq!(busy > 0, depth > 7, "{context}: busy {busy} times");
    }
    let sum = |key: &str| {
        let read = document.number(&format!("/jobs/0/read/{key}"));
        read + document.number(&format!("/jobs/0/write/{key}"))
    };
    assert_eq!(sum("total_ios"), 8 * 256, "{context}");
    assert_eq!(sum("io_bytes"), 8 << 20, "{context}");
    assert_eq!(requests, 8 * 256, "{context}: the engine's own count");
    assert_eq!(bytes, 8 << 20, "{context}: the engine's own count");
    assert!(shorts > 0, "{context}: the engine did move short");
    assert_eq!(sum("short_ios"), shorts, "{context}: once a request, however many pieces");
}

#[test]
fn async_engine_ends_with_exact_counts_at_every_depth() {
    require!(c_compiler);
    for depth in [1, 2, 6, 7, 8, 16, 32] {
        run_async7(depth, "");
    }
}

#[test]
fn async_engine_ends_with_exact_counts_in_batches() {
    require!(c_compiler);
    let batches = [
        "iodepth_batch_submit=4\niodepth_batch_complete_min=1\niodepth_batch_complete_max=4",
        "iodepth_batch_submit=32\niodepth_batch_complete_min=7\niodepth_batch_complete_max=32",
        "iodepth_batch_complete_min=0\niodepth_batch_complete_max=16",
        "iodepth_low=2",
        "isolation=none",
    ];
    for batch in batches {
        run_async7(32, batch);
    }
}

#[test]
fn clones_of_an_async_engine_keep_their_counts_apart() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::built("async7");
    let job = format!(
        "[clones]\nioengine={engine}\nrw=randread\nsize=1m\niodepth=16\n\
         numjobs=4\ngroup_reporting\n"
    );
    let document = scene.run_json(&job).clean();
    assert_eq!(document.jobs(), 1);
    assert_eq!(document.ios(0, "read"), 4 * 256);
    assert_eq!(document.bytes(0, "read"), 4 << 20);
}

#[test]
fn the_header_is_cpp_too() {
    require!(c_compiler);
    let scene = Scene::new();
    let source =
        scene.file("header.cc", "#include \"iodyno_engine.h\"\nint main() { return 0; }\n");
    let output = Command::new("c++")
        .args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
        .arg(plugins::include_dir())
        .arg(&source)
        .output();
    let Ok(output) = output else {
        return iodyno_tests::needs::skip("needs a C++ compiler");
    };
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the header is no C++:\n{words}");
}
