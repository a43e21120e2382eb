//! Who could have put this file there? Places, owners and rights of plugins, through the whole
//! program.
//!
//! Each case is a scene of its own; where a rule is broken the run ends with status 5, names the
//! rule, and runs nothing. What depends on the caller is the subject of `trust_callers`.

use iodyno_tests::{plugins, programs, require, Outcome, Scene};
use std::fs::Permissions;
use std::os::unix::fs::{chown, lchown, symlink, PermissionsExt};
use std::time::Duration;

/// Users who own nothing else here.
const STRANGER: u32 = 65534;
const OTHER: u32 = 65533;

fn mode(path: &str, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

fn dir(scene: &Scene, name: &str, rights: u32) -> String {
    let path = scene.at(name);
    std::fs::create_dir(&path).expect("a directory can be made");
    mode(&path, rights);
    path
}

fn job(engine: &str) -> String {
    format!("[a]\nioengine={engine}\nsize=1m\n")
}

fn run(scene: &Scene, engine: &str) -> Outcome {
    scene.run_json(&job(engine))
}

/// Refused with these words; lifted by `--allow-untrusted-engines`, which the report tells.
#[track_caller]
fn assert_untrusted(scene: &Scene, engine: &str, rule: &str) {
    let words = ["not trusted", rule, "--allow-untrusted-engines"];
    let outcome = run(scene, engine).expect(5).says(&words);
    assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
    let outcome = scene.json(&job(engine)).arg("--allow-untrusted-engines").run();
    let outcome = outcome.expect(0).says(&["warning", "--allow-untrusted-engines was given", rule]);
    let document = outcome.document();
    assert_eq!(document.text("/iodyno/engines/0/trust"), "overridden", "{outcome}");
    assert!(document.text("/iodyno/engines/0/trust_rule").contains(rule), "{outcome}");
    let notes = document.at("/iodyno/notes").as_array().expect("a list");
    let told = notes.iter().filter(|note| note.to_string().contains(rule));
    assert_eq!(told.count(), 1, "told once:\n{outcome}");
}

#[track_caller]
fn assert_trusted(scene: &Scene, engine: &str) {
    let document = run(scene, engine).clean();
    assert_eq!(document.text("/iodyno/engines/0/trust"), "trusted");
    assert_eq!(document.at("/iodyno/notes").to_string(), "[]");
}

#[test]
fn directories_that_others_may_write() {
    require!(c_compiler);
    let scene = Scene::new();
    let open = dir(&scene, "open", 0o777);
    let engine = format!("{open}/who.so");
    plugins::who("one", &engine);
    assert_untrusted(&scene, &engine, &format!("the directory {open} is world-writable"));
    mode(&open, 0o1777);
    assert_trusted(&scene, &engine);
    // One further up counts as much, also behind one that is in order.
    mode(&open, 0o777);
    let below = dir(&scene, "open/below", 0o755);
    let engine = format!("{below}/who.so");
    plugins::who("one", &engine);
    assert_untrusted(&scene, &engine, &format!("the directory {open} is world-writable"));
}

#[test]
fn directories_that_a_group_may_write() {
    require!(c_compiler);
    require!(root);
    let scene = Scene::new();
    let shared = dir(&scene, "shared", 0o775);
    let engine = format!("{shared}/who.so");
    plugins::who("one", &engine);
    // root's own group, too: whoever is in it is not root.
    assert_untrusted(&scene, &engine, &format!("group 0 may write the directory {shared}"));
    chown(&shared, None, Some(OTHER)).expect("we are root");
    assert_untrusted(&scene, &engine, &format!("group {OTHER} may write the directory {shared}"));
    mode(&shared, 0o1775);
    assert_trusted(&scene, &engine);
}

#[test]
fn rights_of_the_file() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::who("one", &engine);
    mode(&engine, 0o757);
    assert_untrusted(&scene, &engine, "the file is world-writable");
    mode(&engine, 0o4755);
    assert_untrusted(&scene, &engine, "the file is set-user-id");
    mode(&engine, 0o444);
    assert_trusted(&scene, &engine);
}

#[test]
fn owners() {
    require!(c_compiler);
    require!(root);
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::who("one", &engine);
    chown(&engine, Some(STRANGER), None).expect("we are root");
    let rule = format!("the file belongs to user {STRANGER}, not to root");
    assert_untrusted(&scene, &engine, &rule);
    let theirs = dir(&scene, "theirs", 0o755);
    let below = dir(&scene, "theirs/below", 0o755);
    let engine = format!("{below}/who.so");
    plugins::who("one", &engine);
    assert_trusted(&scene, &engine);
    chown(&theirs, Some(STRANGER), None).expect("we are root");
    assert_untrusted(&scene, &engine, &format!("{theirs} belongs to user {STRANGER}"));
}

#[test]
fn a_group_that_may_write_the_file() {
    require!(c_compiler);
    require!(root);
    let scene = Scene::new();
    let engine = scene.at("who.so");
    plugins::who("one", &engine);
    for group in [0, OTHER] {
        chown(&engine, None, Some(group)).expect("we are root");
        mode(&engine, 0o775);
        assert_untrusted(&scene, &engine, &format!("group {group} may write the file"));
    }
}

#[test]
fn links_are_followed_and_judged() {
    require!(c_compiler);
    let scene = Scene::new();
    let real = dir(&scene, "real", 0o755);
    plugins::who("one", &format!("{real}/who.so"));
    symlink("real", scene.at("relative")).expect("a link");
    symlink(scene.at("relative"), scene.at("absolute")).expect("a link");
    symlink("../absolute/who.so", format!("{real}/me.so")).expect("a link");
    let engine = scene.at("absolute/../relative/me.so");
    assert_trusted(&scene, &engine);
    let document = run(&scene, &engine).clean();
    assert_eq!(document.text("/iodyno/engines/0/path"), format!("{real}/who.so"));
    // The place behind the links counts, not the one before them.
    mode(&real, 0o777);
    assert_untrusted(&scene, &engine, &format!("the directory {real} is world-writable"));
    mode(&real, 0o755);
    symlink("circle", scene.at("circle")).expect("a link");
    run(&scene, &scene.at("circle")).expect(5).says(&["symbolic links"]);
}

#[test]
fn links_of_others() {
    require!(c_compiler);
    require!(root);
    let scene = Scene::new();
    let real = dir(&scene, "real", 0o755);
    plugins::who("one", &format!("{real}/who.so"));
    // As in /tmp: everybody may put a link there.
    let open = dir(&scene, "open", 0o1777);
    let (file, chain) = (format!("{open}/who.so"), format!("{open}/chain"));
    symlink(format!("{real}/who.so"), &file).expect("a link");
    assert_trusted(&scene, &file);
    lchown(&file, Some(STRANGER), None).expect("we are root");
    assert_untrusted(&scene, &file, &format!("{file} belongs to user {STRANGER}"));
    symlink(&real, &chain).expect("a link");
    symlink("open/chain", scene.at("first")).expect("a link");
    let engine = scene.at("first/who.so");
    assert_trusted(&scene, &engine);
    lchown(&chain, Some(STRANGER), None).expect("we are root");
    assert_untrusted(&scene, &engine, &format!("{chain} belongs to user {STRANGER}"));
}

/// Opening one of these could wait for ever, or do something: they are looked at first.
#[test]
fn what_is_no_file_is_not_opened() {
    let scene = Scene::new();
    let fifo = scene.at("fifo.so");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    let socket = scene.at("socket.so");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let device = scene.at("device.so");
    symlink("/dev/zero", &device).expect("a link");
    let directory = dir(&scene, "directory.so", 0o755);
    let cases = [
        (&fifo, "is a named pipe"),
        (&socket, "is a socket"),
        (&device, "is a character device"),
        (&directory, "is a directory"),
    ];
    for (path, words) in cases {
        for more in ["--allow-untrusted-engines", "--eta=never"] {
            let outcome = scene.json(&job(path)).arg(more).run().expect(5);
            let outcome = outcome.says(&[path, words]);
            assert!(outcome.took < Duration::from_secs(20), "{outcome}");
            assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
        }
    }
    // A whole directory of them is looked through, too.
    let engines = dir(&scene, "engines", 0o755);
    std::fs::rename(&fifo, format!("{engines}/libiodyno_engine_fifo.so")).expect("moved");
    let outcome = scene.iodyno(["engines", "--engine-path", &engines]).run().expect(0);
    assert!(outcome.stderr.contains("named pipe"), "{outcome}");
}

#[test]
fn a_block_device_is_no_plugin() {
    require!(loop_device);
    let scene = Scene::new();
    let disk = iodyno_tests::device::LoopDevice::new(1 << 20);
    run(&scene, disk.name()).expect(5).says(&["is a block device"]);
}

/// Whoever owns the program that root runs can make it do anything: a plugin beside it, of the same
/// owner, is no stranger's. Any other is.
#[test]
fn beside_the_program_its_owner_is_known() {
    require!(c_compiler);
    require!(root);
    let scene = Scene::new();
    let home = dir(&scene, "home", 0o755);
    let program = format!("{home}/iodyno");
    std::fs::copy(programs::iodyno(), &program).expect("copied");
    let engine = format!("{home}/who.so");
    plugins::who("one", &engine);
    for path in [&home, &program, &engine] {
        chown(path, Some(OTHER), Some(OTHER)).expect("we are root");
    }
    let show =
        |engine: &str| scene.program(&[], program.as_ref(), ["engines", "show", engine]).run();
    show(&engine).expect(0);
    let below = dir(&scene, "home/below", 0o755);
    let deeper = format!("{below}/who.so");
    plugins::who("one", &deeper);
    chown(&deeper, Some(OTHER), None).expect("we are root");
    show(&deeper).expect(5).says(&[&format!("belongs to user {OTHER}")]);
    chown(&engine, Some(STRANGER), None).expect("we are root");
    show(&engine).expect(5).says(&[&format!("the file belongs to user {STRANGER}")]);
}
