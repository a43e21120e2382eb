//! Pins: `engine_sha256` in a job and the file `engines.lock` beside a plugin.
//!
//! That what is pinned is what runs is the subject of `trust_swaps`; here: what holds, what is
//! refused and in which words, and what the report tells.

use iodyno_tests::{plugins, process, require, Outcome, Scene};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;

/// A scene with the plugin `who.so`, its path and its digest.
fn scene() -> (Scene, String, String) {
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::who("one", &engine);
    let sha256 = plugins::sha256(&engine);
    (scene, engine, sha256)
}

fn run(scene: &Scene, engine: &str, more: &str) -> Outcome {
    scene.run_json(&format!("[a]\nioengine={engine}\nsize=1m\n{more}\n"))
}

/// Nothing ran, and the document says so.
#[track_caller]
fn refused(outcome: Outcome, status: i32, words: &[&str]) {
    let outcome = outcome.expect(status).says(words);
    let document = outcome.document();
    assert_eq!(document.all_ios(), 0, "{outcome}");
    for word in words {
        assert!(document.errors().contains(word), "{word} is not in the document:\n{outcome}");
    }
}

#[test]
fn the_pin_of_the_job() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let document =
        run(&scene, &engine, &format!("engine_sha256={}", sha256.to_uppercase())).clean();
    assert_eq!(document.at("/iodyno/engines/0/pinned"), true);
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), "engine_sha256");
    assert_eq!(document.text("/iodyno/engines/0/sha256"), sha256);
    let zeros = "0".repeat(64);
    let words = [engine.as_str(), "engine_sha256 pins", &sha256, &zeros];
    refused(run(&scene, &engine, &format!("engine_sha256={zeros}")), 5, &words);
    for bad in ["abc".to_owned(), "x".repeat(64), format!("{sha256}0")] {
        let outcome = run(&scene, &engine, &format!("engine_sha256={bad}"));
        refused(outcome, 2, &["engine_sha256 is not a SHA-256 digest"]);
    }
}

#[test]
fn the_pin_of_a_lock() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let lock = scene.file("engines.lock", format!("# ours\n\n{sha256}  who.so\n"));
    let document = run(&scene, &engine, "").clean();
    assert_eq!(document.at("/iodyno/engines/0/pinned"), true);
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), format!("{lock}:3"));
    assert_eq!(document.at("/iodyno/notes").to_string(), "[]");
    let document = run(&scene, &engine, &format!("engine_sha256={sha256}")).clean();
    let by = document.at("/iodyno/engines/0/pinned_by").as_array().expect("a list");
    assert_eq!(by.len(), 2, "both: {by:?}");
    let zeros = "0".repeat(64);
    scene.file("engines.lock", format!("{zeros}  who.so\n"));
    let place = format!("{lock}:1 pins");
    refused(run(&scene, &engine, ""), 5, &[&engine, &place, &sha256, &zeros]);
    // The job's pin holds and the lock's does not: both must.
    refused(run(&scene, &engine, &format!("engine_sha256={sha256}")), 5, &[&place]);
}

#[test]
fn a_lock_that_is_wrong_is_no_lock() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let zeros = "0".repeat(64);
    // (content, where the mistake is, words)
    let cases = [
        ("who.so\n".to_owned(), 1, "no SHA-256 digest"),
        (format!("{sha256}  who.so\nSHA256 (x.so) = {zeros}\n"), 2, "no SHA-256 digest"),
        (format!("{sha256}  who.so\n{zeros}  who.so\n"), 2, "another digest"),
    ];
    for (content, line, words) in cases {
        let lock = scene.file("engines.lock", content);
        refused(run(&scene, &engine, ""), 2, &[&format!("{lock}:{line}"), words]);
    }
}

#[test]
fn a_lock_that_anyone_may_write_is_not_trusted() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let lock = scene.file("engines.lock", format!("{sha256}  who.so\n"));
    std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o666)).expect("ours");
    refused(run(&scene, &engine, ""), 5, &[&lock, "not trusted", "world-writable"]);
    let job = format!("[a]\nioengine={engine}\nsize=1m\n");
    let outcome = scene.json(&job).arg("--allow-untrusted-engines").run();
    let outcome = outcome.expect(0).says(&[&lock, "world-writable"]);
    let document = outcome.document();
    assert!(document.at("/iodyno/notes").to_string().contains(&lock), "{outcome}");
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), format!("{lock}:1"));
    assert_eq!(document.text("/iodyno/engines/0/trust"), "trusted", "the plugin itself is");
}

#[test]
fn a_lock_that_is_no_file_is_refused_without_waiting() {
    require!(c_compiler);
    let (scene, engine, _) = scene();
    let lock = scene.at("engines.lock");
    let made = std::process::Command::new("mkfifo").arg(&lock).status().expect("mkfifo runs");
    assert!(made.success());
    refused(run(&scene, &engine, ""), 5, &[&lock, "named pipe"]);
}

/// Lines about files that are not there concern nobody; a file without a line is told.
#[test]
fn a_lock_and_files_that_do_not_match_up() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let zeros = "0".repeat(64);
    let gone = "libiodyno_engine_gone.so";
    let lock = scene.file("engines.lock", format!("{zeros}  {gone}\n{sha256}  who.so\n"));
    let document = run(&scene, &engine, "").clean();
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), format!("{lock}:2"));
    let job = scene.file("gone.fio", "[a]\nioengine=gone\nsize=1m\n");
    let args = ["run", &job, "--output-format", "json", "--engine-path", &scene.at("")];
    refused(scene.iodyno(args).run(), 2, &["no engine is named `gone`"]);
    scene.file("engines.lock", format!("{zeros}  {gone}\n"));
    let outcome = run(&scene, &engine, "").expect(0);
    let told = format!("{lock} does not list who.so");
    let outcome = outcome.says(&[&told]);
    let document = outcome.document();
    assert!(document.at("/iodyno/notes").to_string().contains(&told), "{outcome}");
    assert_eq!(document.at("/iodyno/engines/0/pinned"), false);
    assert_eq!(document.at("/iodyno/engines/0/pinned_by").to_string(), "[]");
}

#[test]
fn a_lock_beside_a_link_holds() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    std::fs::create_dir(scene.at("links")).expect("a directory");
    let link = scene.at("links/me.so");
    std::os::unix::fs::symlink(&engine, &link).expect("a link");
    let lock = scene.file("links/engines.lock", format!("{sha256}  me.so\n"));
    let document = run(&scene, &link, "").clean();
    assert_eq!(document.text("/iodyno/engines/0/pinned_by/0"), format!("{lock}:1"));
    assert_eq!(document.text("/iodyno/engines/0/path"), engine);
    scene.file("links/engines.lock", format!("{}  me.so\n", "0".repeat(64)));
    refused(run(&scene, &link, ""), 5, &[&format!("{lock}:1 pins")]);
}

#[test]
fn a_pinned_plugin_does_not_look_beside_itself() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::variant("who", "origin", &["-Wl,-rpath,$ORIGIN/lib"], &engine);
    run(&scene, &engine, "").clean();
    let sha256 = plugins::sha256(&engine);
    let pin = format!("engine_sha256={sha256}");
    refused(run(&scene, &engine, &pin), 5, &[&engine, "pinned and uses $ORIGIN"]);
}

/// What a cell has mapped is the sealed copy, and the file nowhere.
#[test]
fn a_pinned_plugin_is_mapped_from_its_copy() {
    require!(c_compiler);
    for pinned in [true, false] {
        let (scene, engine, sha256) = scene();
        if pinned {
            scene.file("engines.lock", format!("{sha256}  who.so\n"));
        }
        let job = format!("[a]\nioengine={engine}\nsize=1m\nruntime=30\ntime_based\n");
        let running = scene.json(&job).start();
        let cell = running.wait_for_cells(1).remove(0);
        let (loaded, not) = match pinned {
            true => ("memfd:who.so", engine.as_str()),
            false => (engine.as_str(), "memfd:who.so"),
        };
        process::eventually("the plugin is mapped", std::time::Duration::from_secs(20), || {
            process::maps(cell.pid, loaded).then_some(())
        });
        assert!(!process::maps(cell.pid, not), "pinned {pinned}: {not} is mapped");
        process::signal(running.pid(), Signal::INT);
        running.wait().expect(128);
    }
}

#[test]
fn engines_show_tells_who_pins() {
    require!(c_compiler);
    let (scene, engine, sha256) = scene();
    let lock = scene.file("engines.lock", format!("{sha256}  who.so\n"));
    let shown = scene.iodyno(["engines", "show", &engine]).run().expect(0);
    for words in [format!("by {lock}:1"), sha256.clone(), "trusted".to_owned()] {
        assert!(shown.stdout.contains(&words), "{words}:\n{shown}");
    }
    let shown = scene.iodyno(["engines", "show", &engine, "--json"]).run().expect(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["pinned_by"][0], format!("{lock}:1"));
    assert_eq!(shown["sha256"], sha256);
    assert!(shown["build_id"].is_string() && shown["trust"] == "trusted", "{shown}");
}
