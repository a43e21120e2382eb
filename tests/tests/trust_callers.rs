//! In whose name, and in which environment? Rules that depend on the caller, on rights that the
//! caller lacks, and on what the loader is told by the environment.
//!
//! Other users are played by setpriv, with a copy of the program that they may run. Here is also
//! what the report tells of every plugin.

use iodyno_tests::{plugins, programs, require, Outcome, Scene};
use std::fs::Permissions;
use std::os::unix::fs::{chown, PermissionsExt};
use std::path::Path;

/// The caller of these tests, and somebody else.
const CALLER: u32 = 65534;
const OTHER: u32 = 65533;

fn mode(path: &str, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

/// A scene that everybody may look into, with a copy of the program for those who may not look into
/// the place where it was built.
struct Stage {
    scene: Scene,
    program: String,
}

impl Stage {
    fn new() -> Stage {
        let scene = Scene::new();
        mode(&scene.at(""), 0o755);
        std::fs::create_dir(scene.at("bin")).expect("a directory");
        mode(&scene.at("bin"), 0o755);
        let program = scene.at("bin/iodyno");
        std::fs::copy(programs::iodyno(), &program).expect("copied");
        mode(&program, 0o755);
        Stage { scene, program }
    }

    /// A plugin in a directory of these rights.
    fn plugin(&self, dir: &str, owner: (u32, u32), rights: u32) -> String {
        let dir = self.scene.at(dir);
        std::fs::create_dir(&dir).expect("a directory");
        chown(&dir, Some(owner.0), Some(owner.1)).expect("we are root");
        mode(&dir, rights);
        let engine = format!("{dir}/libiodyno_engine_who.so");
        plugins::who("one", &engine);
        engine
    }

    /// A run of the engine, by a caller without rights.
    fn run(&self, engine: &str) -> Outcome {
        let job = self.scene.file("job.fio", format!("[a]\nioengine={engine}\nsize=1m\n"));
        mode(&job, 0o644);
        let caller = [format!("--reuid={CALLER}"), format!("--regid={CALLER}")];
        let wrapper = ["setpriv", &caller[0], &caller[1], "--clear-groups"];
        let args = ["run", &job, "--output-format", "json"];
        self.scene.program(&wrapper, Path::new(&self.program), args).run()
    }
}

#[test]
fn a_caller_without_rights() {
    require!(c_compiler);
    require!(other_users);
    let stage = Stage::new();
    // (directory, its owner and rights, the file's owner and rights, the rule that is broken)
    let mine = (CALLER, CALLER);
    let roots = (0, 0);
    let cases = [
        ("roots", roots, 0o755, roots, 0o755, None),
        ("mine", mine, 0o755, mine, 0o755, None),
        ("mixed", mine, 0o755, roots, 0o755, None),
        ("own-group", mine, 0o775, mine, 0o775, None),
        ("sticky", roots, 0o1777, mine, 0o755, None),
        ("group", (CALLER, OTHER), 0o775, mine, 0o755, Some("group 65533 may write the directory")),
        ("roots-group", roots, 0o775, roots, 0o755, Some("group 0 may write the directory")),
        ("open", mine, 0o777, mine, 0o755, Some("world-writable")),
        ("others", (OTHER, OTHER), 0o755, roots, 0o755, Some("belongs to user 65533")),
        ("file", roots, 0o755, (OTHER, OTHER), 0o755, Some("the file belongs to user 65533")),
        ("tmp", roots, 0o1777, (OTHER, OTHER), 0o755, Some("the file belongs to user 65533")),
        ("file-group", mine, 0o755, (CALLER, OTHER), 0o775, Some("group 65533 may write the file")),
        ("file-open", mine, 0o755, mine, 0o757, Some("the file is world-writable")),
    ];
    for (name, dir, dir_rights, file, file_rights, rule) in cases {
        let engine = stage.plugin(name, dir, dir_rights);
        chown(&engine, Some(file.0), Some(file.1)).expect("we are root");
        mode(&engine, file_rights);
        let outcome = stage.run(&engine);
        match rule {
            None => {
                let document = outcome.clean();
                assert_eq!(document.text("/iodyno/engines/0/trust"), "trusted", "{name}");
            }
            Some(rule) => drop(outcome.expect(5).says(&[&engine, "not trusted", rule])),
        }
    }
}

#[test]
fn a_caller_without_rights_can_pin() {
    require!(c_compiler);
    require!(other_users);
    let stage = Stage::new();
    let engine = stage.plugin("mine", (CALLER, CALLER), 0o755);
    let lock = stage.scene.at("mine/engines.lock");
    let line = format!("{}  libiodyno_engine_who.so\n", plugins::sha256(&engine));
    std::fs::write(&lock, line).expect("written");
    mode(&lock, 0o644);
    let document = stage.run(&engine).clean();
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), format!("{lock}:1"));
    chown(&lock, Some(OTHER), None).expect("we are root");
    stage.run(&engine).expect(5).says(&[&lock, "not trusted", "belongs to user 65533"]);
}

/// `engines show who`, with the plugin in a directory that only the environment names.
fn show(stage: &Stage, wrapper: &[&str], more: &[&str]) -> Outcome {
    let program = Path::new(&stage.program);
    let args = ["engines", "show", "who"].into_iter().chain(more.iter().copied());
    let run = stage.scene.program(wrapper, program, args);
    run.env("IODYNO_ENGINE_PATH", stage.scene.at("engines")).run()
}

#[test]
fn the_engine_path_of_the_environment_is_not_for_the_privileged() {
    require!(c_compiler);
    require!(other_users);
    let stage = Stage::new();
    stage.plugin("engines", (0, 0), 0o755);
    show(&stage, &[], &[]).expect(0);
    let engines = stage.scene.at("engines");
    let ids: [&[&str]; 2] =
        [&["setpriv", "--ruid=65534"], &["setpriv", "--rgid=65534", "--clear-groups"]];
    for ids in ids {
        let outcome = show(&stage, ids, &[]).expect(2);
        let outcome = outcome.says(&["no engine is named `who`", "IODYNO_ENGINE_PATH is ignored"]);
        assert!(!outcome.stderr.contains(&engines), "{outcome}");
        let outcome = show(&stage, ids, &["--engine-path", &engines]).expect(0);
        outcome.says(&["warning", "IODYNO_ENGINE_PATH is ignored"]);
    }
    // Both ids changed: no right that the caller lacks.
    show(&stage, &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], &[]).expect(0);
}

#[test]
fn file_capabilities_are_a_privilege() {
    require!(c_compiler);
    require!(file_capabilities);
    let stage = Stage::new();
    stage.plugin("engines", (0, 0), 0o755);
    let caller = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    show(&stage, &caller, &[]).expect(0);
    let mut set = std::process::Command::new("setcap");
    let set = set.args(["cap_net_raw=ep", &stage.program]).status();
    assert!(set.expect("setcap runs").success());
    let words = ["no engine is named `who`", "IODYNO_ENGINE_PATH is ignored"];
    show(&stage, &caller, &[]).expect(2).says(&words);
    // And it works all the same, as far as it can: the copy, the probe, the cell.
    let engine = stage.scene.at("engines/libiodyno_engine_who.so");
    let line = format!("{}  libiodyno_engine_who.so\n", plugins::sha256(&engine));
    stage.scene.file("engines/engines.lock", line);
    let document = stage.run(&engine).clean();
    assert_eq!(document.at("/iodyno/engines/0/pinned"), true);
}

#[test]
fn what_the_loader_is_told_by_the_environment_is_told() {
    require!(c_compiler);
    let scene = Scene::new();
    let source = scene.file("empty.c", "int iodyno_tests_empty;\n");
    let library = scene.at("empty.so");
    plugins::compile(Path::new(&source), Path::new(&library), &[]);
    let nowhere = scene.at("nowhere");
    let cases = [("LD_PRELOAD", &library), ("LD_LIBRARY_PATH", &nowhere), ("LD_AUDIT", &nowhere)];
    for (name, value) in cases {
        let job = "[a]\nioengine=null\nsize=1m\n";
        let outcome = scene.json(job).env(name, value).run().expect(0);
        let told = format!("{name}={value} is set");
        let outcome = outcome.says(&["warning", &told]);
        let document = outcome.document();
        assert_eq!(document.text(&format!("/iodyno/host/loader_environment/{name}")), value);
        assert!(document.at("/iodyno/notes").to_string().contains(&told), "{outcome}");
        let file = scene.file("job.fio", job);
        let outcome = scene.iodyno(["run", &file]).env(name, value).run().expect(0);
        assert!(outcome.stdout.contains(&told), "in the normal output, too:\n{outcome}");
        let outcome = scene.iodyno(["engines"]).env(name, value).run().expect(0);
        outcome.says(&["warning", &told]);
    }
    let document = scene.run_json("[a]\nioengine=null\nsize=1m\n").clean();
    assert_eq!(document.at("/iodyno/host/loader_environment").to_string(), "{}");
}

#[test]
fn provenance_in_json_and_in_the_normal_output() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::who("one", &engine);
    let job = format!("[a]\nioengine={engine}\nsize=1m\n[b]\nioengine=null\nsize=1m\n");
    let document = scene.run_json(&job).clean();
    let engines = document.at("/iodyno/engines").as_array().expect("a list");
    assert_eq!(engines.len(), 2, "one for each that was loaded");
    let file = scene.file("job.fio", &job);
    let normal = scene.iodyno(["run", &file]).run().expect(0);
    for engine in engines {
        let text = |key: &str| engine[key].as_str().unwrap_or_else(|| panic!("no {key}: {engine}"));
        assert_eq!(text("sha256"), plugins::sha256(text("path")));
        assert_eq!(text("trust"), "trusted");
        assert_eq!(engine["pinned"], false);
        let head =
            format!("{}: {} {}, {}", text("name"), text("id"), text("version"), text("path"));
        for words in [&head, text("sha256"), text("build_id"), "trusted; not pinned"] {
            assert!(normal.stdout.contains(words), "{words}:\n{normal}");
        }
    }
}
