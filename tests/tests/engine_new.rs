//! `iodyno engine new`: what it makes is built, loaded, run, checked and tested as its author would
//! do it, and what cannot be made is refused in words.
//!
//! Projects in Rust share one target directory, so that what they depend on is built once; cargo
//! gets nothing from the network.

use iodyno_tests::{needs, programs, require, Outcome, Scene};
use std::path::Path;
use std::process::Command;

/// One of the four projects.
struct Project {
    name: &'static str,
    /// Further arguments of `iodyno engine new`.
    args: &'static [&'static str],
    /// An option of the engine, and a value other than its default.
    option: (&'static str, &'static str),
    iodepth: u32,
}

const SYNC: (&str, &str) = ("delay", "10us");
const ASYNC: (&str, &str) = ("threads", "3");

fn made(scene: &Scene, project: &Project) -> String {
    let dir = scene.at("project");
    let new = scene.iodyno(["engine", "new", project.name, "--dir", &dir]).args(project.args);
    let outcome = new.run().expect(0);
    for word in [&dir, "iodyno check", "README.md"] {
        assert!(outcome.stdout.contains(word), "no {word:?} in\n{outcome}");
    }
    outcome.says(&["org.example.", "--id"]);
    let readme = std::fs::read_to_string(Path::new(&dir).join("README.md")).expect("a README");
    assert!(readme.contains(project.name) && !readme.contains("__"), "{readme}");
    dir
}

/// Runs a command of the author's in the project; panics with what it said.
#[track_caller]
fn author(dir: &str, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let mut command = Command::new(program);
    let command = command.args(args).current_dir(dir);
    // Nothing of the cargo that runs this test, but its tools and its caches.
    command.env("CARGO_TARGET_DIR", programs::target_dir().join("skeletons"));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "MAKEFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} in {dir}:\n{stdout}\n{words}");
    stdout
}

fn cargo(dir: &str, args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    author(dir, cargo, &[args, &["--offline"]].concat())
}

/// A file written by an engine, byte for byte, and the requests that a job made of it.
fn written_by(scene: &Scene, engine: &str, more: &str, depth: u32) -> Vec<u8> {
    let target = scene.at("target");
    let job = format!(
        "[global]\nioengine={engine}\nfilename={target}\nsize=1m\nbs=4k\niodepth={depth}\n\
         randseed=7\nrandrepeat=1\n{more}\nstonewall\n\
         [write]\nrw=write\nbuffer_pattern=\"skeletons\"\nend_fsync=1\n\
         [overwrite]\nrw=randwrite\nio_size=64k\nbuffer_pattern=0xc0ffee\nfsync=4\n\
         [read]\nrw=randread\n[trim]\nrw=trim\nio_size=8k\n"
    );
    let document = scene.run_json(&job).clean();
    for (name, direction, ios) in
        [("write", "write", 256), ("overwrite", "write", 16), ("read", "read", 256)]
    {
        assert_eq!(document.ios(document.job(name), direction), ios, "{engine} {name}");
    }
    let content = std::fs::read(&target).expect("the target is there");
    std::fs::remove_file(&target).expect("ours");
    content
}

/// What any project's plugin has to stand.
fn serves(scene: &Scene, project: &Project, plugin: &str) {
    let (option, value) = project.option;
    let shown = scene.iodyno(["engines", "show", plugin]).run().expect(0);
    let id = format!("org.example.{}", project.name);
    for word in [project.name, &id, &format!("{option}="), "errdetails", "default"] {
        assert!(shown.stdout.contains(word), "no {word:?} in\n{shown}");
    }
    assert!(!shown.stdout.contains("warning"), "{shown}");
    let own = written_by(scene, plugin, &format!("{option}={value}"), project.iodepth);
    let right = written_by(scene, "psync", "", 1);
    assert_eq!(own.len(), 1 << 20);
    assert!(own == right, "{}: other bytes than psync writes", project.name);
    let fails = format!("[a]\nioengine={plugin}\nfilename=/dev/full\nrw=write\nsize=4k\n");
    scene.run_json(&fails).expect(1).says(&["write of 4096 bytes at offset 0"]);
    let out_of_range = format!("[a]\nioengine={plugin}\nrw=write\nsize=4k\n{option}=1000000000\n");
    scene.run_json(&out_of_range).expect(2).says(&[option]);
    scene.iodyno(["check", plugin]).run().expect(0);
}

/// The job file of the project itself, at the depth and with the option that it names.
fn own_job_file_runs(scene: &Scene, dir: &str, plugin: &str) {
    let job = format!("{dir}/job.toml");
    for engine in [plugin, "psync"] {
        let run = scene.iodyno(["run", &job, "--engine", engine, "--output-format", "json"]);
        let document = run.run().clean();
        assert_eq!(document.ios(document.job("randread"), "read"), 4096, "{engine}");
    }
    let left = std::fs::read_dir(scene.path()).expect("the scene").flatten();
    let data = left.filter(|entry| entry.path().extension().is_some_and(|ext| ext == "data"));
    assert_eq!(data.count(), 0, "the last job tidies up");
}

fn in_c(project: &Project) {
    let scene = Scene::new();
    let dir = made(&scene, project);
    author(&dir, "make", &["CFLAGS=-O1 -g -Werror -Wshadow -Wconversion"]);
    let plugin = format!("{dir}/libiodyno_engine_{}.so", project.name);
    serves(&scene, project, &plugin);
    own_job_file_runs(&scene, &dir, &plugin);
    let iodyno = format!("IODYNO={}", programs::iodyno().display());
    author(&dir, "make", &["check", &iodyno]);
    let by_name = ["run", "job.toml", "--engine-path", &dir, "--engine", project.name];
    author(&dir, programs::iodyno(), &by_name);
    author(&dir, "make", &["clean"]);
    assert!(!Path::new(&plugin).exists());
}

fn in_rust(project: &Project) {
    let scene = Scene::new();
    let dir = made(&scene, project);
    cargo(&dir, &["build"]);
    let file = format!("libiodyno_engine_{}.so", project.name.replace('-', "_"));
    let plugin = programs::target_dir().join("skeletons/debug").join(file);
    let plugin = plugin.to_str().expect("the target directory's path is UTF-8");
    serves(&scene, project, plugin);
    own_job_file_runs(&scene, &dir, plugin);
    let tests = cargo(&dir, &["test"]);
    assert!(tests.contains("test result: ok.") && !tests.contains(" 0 passed"), "{tests}");
    if Command::new("rustfmt").arg("--version").output().is_ok_and(|out| out.status.success()) {
        author(&dir, "rustfmt", &["--check", "--edition", "2021", "src/lib.rs"]);
    } else {
        needs::skip("whether a project is well formatted: needs rustfmt");
    }
}

#[test]
fn a_synchronous_engine_in_c_is_right_as_made() {
    require!(c_compiler);
    in_c(&Project { name: "my-c", args: &["--lang", "c"], option: SYNC, iodepth: 1 });
}

#[test]
fn an_asynchronous_engine_in_c_is_right_as_made() {
    require!(c_compiler);
    let args = &["--lang", "c", "--async"];
    in_c(&Project { name: "9p", args, option: ASYNC, iodepth: 16 });
}

#[test]
fn a_synchronous_engine_in_rust_is_right_as_made() {
    in_rust(&Project { name: "skeleton-sync", args: &[], option: SYNC, iodepth: 1 });
}

#[test]
fn an_asynchronous_engine_in_rust_is_right_as_made() {
    let args = &["--lang", "rust", "--async"];
    in_rust(&Project { name: "9p-rust", args, option: ASYNC, iodepth: 16 });
}

#[test]
fn names_that_are_words_elsewhere_will_do_in_c() {
    require!(c_compiler);
    for name in ["int", "atomic", "sem", "pthread", "a--", "n2345678901234567890123456789_32"] {
        for kind in [&[][..], &["--async"]] {
            let scene = Scene::new();
            let dir = scene.at("project");
            let new = ["engine", "new", name, "--lang", "c", "--dir", &dir, "--id", "com.acme.x"];
            let outcome = scene.iodyno(new).args(kind).run().expect(0);
            assert_eq!(outcome.stderr, "", "with an id there is nothing to note");
            author(&dir, "make", &["CFLAGS=-O0 -Werror"]);
            let plugin = format!("{dir}/libiodyno_engine_{name}.so");
            let shown = scene.iodyno(["engines", "show", &plugin]).run().expect(0);
            assert!(shown.stdout.contains("com.acme.x"), "{shown}");
        }
    }
}

#[test]
fn a_check_without_iodyno_fails_in_words() {
    require!(c_compiler);
    let scene = Scene::new();
    scene.iodyno(["engine", "new", "mine", "--lang", "c"]).run().expect(0);
    let make = Command::new("make")
        .args(["check", "IODYNO=/no/such/iodyno"])
        .current_dir(scene.path().join("mine"))
        .output()
        .expect("make runs");
    assert!(!make.status.success());
    let words = String::from_utf8_lossy(&make.stderr);
    assert!(words.contains("make check IODYNO=/path/to/iodyno"), "{words}");
}

#[test]
fn a_checkout_takes_the_place_of_the_copy() {
    let scene = Scene::new();
    let api = programs::repo().join("engine-api");
    let api = api.to_str().expect("UTF-8");
    scene.iodyno(["engine", "new", "mine", "--engine-api", api]).run().expect(0);
    let manifest = std::fs::read_to_string(scene.at("mine/Cargo.toml")).expect("a manifest");
    let real = std::fs::canonicalize(api).expect("there");
    assert!(manifest.contains(real.to_str().expect("UTF-8")), "{manifest}");
    assert!(!scene.path().join("mine/engine-api").exists());
    // Cargo reads both manifests, the workspace's included, and finds every dependency.
    cargo(&scene.at("mine"), &["metadata", "--format-version", "1"]);
}

#[track_caller]
fn refused(scene: &Scene, args: &[&str], words: &[&str]) {
    let new: Outcome = scene.iodyno(["engine", "new"]).args(args).run();
    let new = new.expect(2).says(words);
    assert_eq!(new.stdout, "", "{new}");
}

#[test]
fn what_cannot_be_made_is_refused_in_words() {
    let scene = Scene::new();
    std::fs::create_dir(scene.at("full")).expect("the scene is writable");
    scene.file("full/mine.c", "mine\n");
    scene.file("file", "mine\n");
    for (args, words) in [
        (&["Fast"][..], &["`Fast` is no engine name", "`fast` would be"][..]),
        (&["psync"], &["`psync` is kept for an engine", "my-psync"]),
        (&["full"], &["full is there already and not empty", "--dir"]),
        (&["fast", "--dir", "file"], &["file is there already and no directory"]),
        (&["fast", "--dir", "file/x"], &["file/x", "no directory"]),
        (&["fast", "--id", "fast"], &["--id fast: not reverse DNS", "com.acme.fast"]),
        (&["fast", "--lang", "go"], &["'go'", "rust", "c"]),
        (&["fast", "--engine-api", "full"], &["--engine-api full", "Cargo.toml"]),
        (&["fast", "--lang", "c", "--engine-api", "full"], &["its own copy of iodyno_engine.h"]),
    ] {
        refused(&scene, args, words);
    }
    let mut left: Vec<_> = std::fs::read_dir(scene.path())
        .expect("the scene")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["file", "full"], "a refusal leaves nothing behind");
    let text = std::fs::read_to_string(scene.at("full/mine.c")).expect("still there");
    assert_eq!(text, "mine\n");
}

#[test]
fn engine_and_engines_lead_to_each_other() {
    let scene = Scene::new();
    scene.iodyno(["engines", "new", "x"]).run().expect(2).says(&["iodyno engine new NAME"]);
    scene.iodyno(["engine", "show", "psync"]).run().expect(2).says(&["iodyno engines show NAME"]);
    let help = scene.iodyno(["engine", "--help"]).run().expect(0);
    assert!(help.stdout.contains("iodyno engines"), "{help}");
    let help = scene.iodyno(["engine", "new", "--help"]).run().expect(0);
    for word in ["--lang", "--async", "--dir", "--id", "--engine-api", "Examples:"] {
        assert!(help.stdout.contains(word), "no {word} in\n{help}");
    }
    let noted = scene.iodyno(["engine", "new", "rbd", "--lang", "c"]).run().expect(0);
    noted.says(&["fio has an engine `rbd`"]);
}
