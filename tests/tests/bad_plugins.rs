//! Files that are no usable plugin, through the whole program.
//!
//! Each: status 5 (2 where no engine bears the name), a clear message, a document that parses. The
//! loader's own tests have every message in detail.

use iodyno_tests::{plugins, programs, require, Scene};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Runs a job with this engine and checks status, words and document.
fn refused(scene: &Scene, engine: &str, status: i32, words: &[&str]) {
    let job = scene.file("job.fio", "[a]\nsize=1m\n");
    let run = scene.iodyno(["run", &job, "--output-format", "json", "--engine", engine]);
    let outcome = run.run().expect(status).says(words);
    let document = outcome.document();
    let errors = document.errors();
    assert_ne!(errors, "[]", "{outcome}");
    assert_eq!(document.all_ios(), 0, "{outcome}");
}

/// A plugin of one C file, made from the recorder's with something in front of it.
fn variant(scene: &Scene, name: &str, prologue: &str, flags: &[&str]) -> String {
    let recorder = programs::repo().join("tests/plugins/recorder.c");
    let text = std::fs::read_to_string(recorder).expect("the recorder's source");
    let source = scene.file(&format!("{name}.c"), format!("{prologue}\n{text}"));
    let plugin = scene.at(&format!("{name}.so"));
    let include = format!("-I{}", programs::repo().join("tests/plugins").display());
    let flags: Vec<&str> = flags.iter().copied().chain([include.as_str()]).collect();
    plugins::compile(Path::new(&source), Path::new(&plugin), &flags);
    plugin
}

#[test]
fn files_that_are_no_plugin() {
    let scene = Scene::new();
    let missing = scene.at("missing.so");
    refused(&scene, &missing, 2, &[&missing, "no such file"]); // no engine bears that name
    let directory = scene.at("");
    refused(&scene, &directory, 5, &["directory"]);
    let text = scene.file("text.so", "this is a letter to the editor\n");
    refused(&scene, &text, 5, &[&text, "ELF"]);
    let engine = std::fs::read(programs::engine("null")).expect("the null engine");
    let truncated = scene.file("truncated.so", &engine[..engine.len() / 2]);
    refused(&scene, &truncated, 5, &[&truncated, "truncated"]);
    let mut foreign = engine;
    foreign[18] = 0xf3; // e_machine: RISC-V
    let foreign = scene.file("foreign.so", &foreign);
    refused(&scene, &foreign, 5, &[&foreign]);
}

#[test]
fn a_name_that_no_engine_bears_is_bad_usage() {
    let scene = Scene::new();
    refused(&scene, "nul", 2, &["nul", "null"]);
}

#[test]
fn an_empty_name_is_refused() {
    let scene = Scene::new();
    let job = scene.file("job.fio", "[a]\nsize=1m\n");
    let outcome = scene.iodyno(["run", &job, "--engine", ""]).run();
    assert!([2, 5].contains(&outcome.status), "{outcome}");
    assert!(outcome.stderr.contains("empty"), "{outcome}");
    let outcome = scene.iodyno(["run", &job, "--engine", "external:"]).run();
    assert!([2, 5].contains(&outcome.status), "{outcome}");
}

#[test]
fn a_world_writable_plugin_is_not_trusted_unless_asked() {
    require!(c_compiler);
    let scene = Scene::new();
    let plugin = scene.at("open.so");
    std::fs::copy(plugins::built("recorder"), &plugin).expect("copied");
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o777)).expect("ours");
    refused(&scene, &plugin, 5, &[&plugin, "world-writable"]);
    let record = scene.at("record");
    let job = format!("[a]\nioengine={plugin}\nrecord={record}\nsize=1m\n");
    let outcome = scene.json(&job).arg("--allow-untrusted-engines").run().expect(0);
    assert!(outcome.stderr.contains("world-writable"), "the warning stays:\n{outcome}");
    assert_eq!(outcome.document().ios(0, "read"), 256);
}

#[test]
fn constructors_that_misbehave() {
    require!(c_compiler);
    let scene = Scene::new();
    let head = "#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void";
    let crash = format!("{head} boom(void) {{ abort(); }}");
    let crash = variant(&scene, "crash", &crash, &[]);
    refused(&scene, &crash, 5, &[&crash, "ABRT"]);
    let exit = format!("{head} boom(void) {{ _exit(0); }}");
    let exit = variant(&scene, "exit", &exit, &[]);
    refused(&scene, &exit, 5, &[&exit]);
    let hang = format!("{head} boom(void) {{ for (;;) pause(); }}");
    let hang = variant(&scene, "hang", &hang, &[]);
    refused(&scene, &hang, 5, &[&hang]);
}

#[test]
fn an_unresolved_symbol_is_found_before_the_run() {
    require!(c_compiler);
    let scene = Scene::new();
    let prologue = "extern int nobody_has_this(void);\n\
        __attribute__((visibility(\"default\"))) int uses(void);\n\
        int uses(void) { return nobody_has_this(); }";
    let plugin = variant(&scene, "unresolved", prologue, &[]);
    refused(&scene, &plugin, 5, &[&plugin, "nobody_has_this"]);
}

#[test]
fn an_engine_of_fios_is_recognised() {
    require!(c_compiler);
    let scene = Scene::new();
    let source = scene.file("fio.c", "struct { const char *name; int version; } ioengine;\n");
    let plugin = scene.at("fio.so");
    plugins::compile(Path::new(&source), Path::new(&plugin), &[]);
    refused(&scene, &plugin, 5, &["this is an engine for fio"]);
}

#[test]
fn a_wrong_major_is_refused_in_words() {
    require!(c_compiler);
    let scene = Scene::new();
    let prologue = "#include \"iodyno_engine.h\"\n#undef IOE_ABI_MAJOR\n#define IOE_ABI_MAJOR 9u";
    let plugin = variant(&scene, "major", prologue, &[]);
    refused(&scene, &plugin, 5, &[&plugin, "9"]);
}

#[test]
fn a_pinned_digest_must_be_the_files() {
    let scene = Scene::new();
    let zeros = "0".repeat(64);
    let job = format!("[a]\nioengine=null\nsize=1m\nengine_sha256={zeros}\n");
    let outcome = scene.run_json(&job).expect(5).says(&["sha256"]);
    assert_ne!(outcome.document().errors(), "[]");
    let shown = scene.iodyno(["engines", "show", "null", "--json"]).run().expect(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let digest = find_digest(&shown).expect("a digest is shown");
    let job = format!("[a]\nioengine=null\nsize=1m\nengine_sha256={digest}\n");
    let document = scene.run_json(&job).clean();
    assert_eq!(document.ios(0, "read"), 256);
}

fn find_digest(value: &serde_json::Value) -> Option<&str> {
    match value {
        serde_json::Value::Object(map) => map
            .get("sha256")
            .and_then(|digest| digest.as_str())
            .or_else(|| map.values().find_map(find_digest)),
        serde_json::Value::Array(items) => items.iter().find_map(find_digest),
        _ => None,
    }
}

#[test]
fn two_plugins_of_one_engine_name_are_refused() {
    require!(c_compiler);
    let scene = Scene::new();
    let dir = scene.path().join("engines");
    std::fs::create_dir(&dir).expect("the scene is writable");
    for name in ["libiodyno_engine_one.so", "libiodyno_engine_two.so"] {
        std::fs::copy(plugins::built("recorder"), dir.join(name)).expect("copied");
    }
    let job = scene.file("job.fio", "[a]\nioengine=recorder\nsize=1m\n");
    let run = scene.iodyno(["run", &job, "--output-format", "json", "--engine-path"]).arg(&dir);
    let outcome = run.run().expect(5);
    let words = ["libiodyno_engine_one.so", "libiodyno_engine_two.so", "recorder"];
    outcome.says(&words).document();
}
