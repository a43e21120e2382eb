//! Which file is meant, may it be trusted, and is it the one that was probed: find, trust, pin,
//! load, through the built program and the library.
//!
//! The files are made by these tests. What needs root to give files away says so when it is
//! skipped.

mod plugin;

use iodyno::plugin::host_table;
use iodyno::plugin::load::{load, LoadRequest};
use iodyno::plugin::PluginError;
use plugin::{assert_refused, iodyno, json, set_mode, show, Said, Workshop};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;

/// Nobody in particular.
const STRANGER: u32 = 54_321;

fn named(name: &str) -> [String; 1] {
    [format!("-DNAME=\"{name}\"")]
}

/// Whether this is root; where not, says what is skipped.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        iodyno_tests::needs::skip("needs root to give files to others");
    }
    root
}

/// A plugin with one engine of that name in a file of that name.
fn with_engine(shop: &Workshop, file: &str, engine: &str, more: &[&str]) -> std::path::PathBuf {
    let name = named(engine);
    let args: Vec<&str> = name.iter().map(String::as_str).chain(more.iter().copied()).collect();
    shop.plugin(&format!("libiodyno_engine_{file}.so"), &args)
}

#[test]
fn by_name_in_directories() {
    let (first, second) = (Workshop::new(), Workshop::new());
    let exact = with_engine(&first, "tfa", "tfa", &[]);
    let other = with_engine(&first, "misc", "tfb", &[]);
    let shadowed = with_engine(&second, "tfa", "tfa", &[]);
    let (a, b) = (first.dir(), second.dir());
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let path_of = |engine: &str, dirs: &[&str]| {
        let args: Vec<&str> = dirs.iter().flat_map(|dir| ["--engine-path", dir]).collect();
        json(engine, &args)["path"].as_str().unwrap().to_owned()
    };
    assert_eq!(Path::new(&path_of("tfa", &[a, b])), exact);
    assert_eq!(Path::new(&path_of("tfa", &[b, a])), shadowed);
    assert_eq!(Path::new(&path_of("tfb", &[a, b])), other);
    assert_eq!(Path::new(&path_of("org.example.tfb:tfb", &[b, a])), other);
    let variable = iodyno(&["engines", "show", "tfb", "--json"].map(OsStr::new))
        .env("IODYNO_ENGINE_PATH", format!("{b}:{a}"))
        .output()
        .unwrap();
    assert!(variable.status.success());
    let words =
        ["no engine is named `tfc`", "did you mean `tfa` or `tfb`?", a, "/nowhere (no such"];
    assert_refused("tfc", &["--engine-path", a, "--engine-path", "/nowhere"], 2, &words);
    assert_refused("org.example.x:tfa", &["--engine-path", a], 2, &["org.example.x:tfa"]);
}

#[test]
fn one_name_in_two_plugins() {
    let shop = Workshop::new();
    let first = with_engine(&shop, "one", "tfd", &["-DID=\"org.example.one\""]);
    let second = with_engine(&shop, "two", "tfd", &["-DID=\"org.example.two\""]);
    let dir = shop.dir();
    let args = ["--engine-path", dir.to_str().unwrap()];
    let words = [first.to_str().unwrap(), second.to_str().unwrap(), "org.example.two:tfd"];
    assert_refused("tfd", &args, 5, &words);
    assert_eq!(json("org.example.two:tfd", &args)["path"], second.to_str().unwrap());
    // The same file through a link is no second plugin.
    let linked = Workshop::new();
    let real = with_engine(&linked, "real", "tfe", &[]);
    symlink(&real, linked.dir().join("libiodyno_engine_alias.so")).unwrap();
    let dir = linked.dir();
    assert_eq!(json("tfe", &["--engine-path", dir.to_str().unwrap()])["name"], "tfe");
}

#[test]
fn a_broken_file_of_that_name_is_not_passed_over() {
    let (first, second) = (Workshop::new(), Workshop::new());
    first.file("libiodyno_engine_tff.so", b"text");
    with_engine(&second, "tff", "tff", &[]);
    let (a, b) = (first.dir(), second.dir());
    let args = ["--engine-path", a.to_str().unwrap(), "--engine-path", b.to_str().unwrap()];
    assert_refused("tff", &args, 5, &["is a text file"]);
    // Where the name is nowhere, the files that could not be asked are told.
    assert_refused("tfg", &args, 2, &["no engine is named `tfg`", "could not be asked"]);
}

#[test]
fn by_path() {
    let shop = Workshop::new();
    let one = shop.plugin("one.so", &[]);
    let two = shop.plugin("two.so", &["-DTWO"]);
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    assert_eq!(json(format!("external:{one}"), &[])["name"], "faulty");
    assert_eq!(json(format!("{two}:faulty-2"), &[])["name"], "faulty-2");
    assert_refused(two, &[], 2, &["several engines (faulty, faulty-2); say PATH:NAME"]);
    assert_refused(format!("{two}:nope"), &[], 2, &["no engine `nope`", "faulty, faulty-2"]);
    assert_refused("one.so", &[], 2, &["a path needs a slash: ./one.so"]);
    let relative: Said = iodyno(&["engines", "show", "external:one.so"].map(OsStr::new))
        .current_dir(shop.dir())
        .output()
        .unwrap()
        .into();
    assert_eq!(relative.status, 0, "{}", relative.stderr);
}

#[test]
fn the_list_and_its_statuses() {
    let shop = Workshop::new();
    // A copy, so that no engine of the build lies beside it.
    let program = shop.dir().join("bin/iodyno");
    fs::create_dir(shop.dir().join("bin")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_iodyno"), &program).unwrap();
    let list = |args: &[&str]| -> Said {
        let mut command = std::process::Command::new(&program);
        let command = command.env_remove("IODYNO_ENGINE_PATH").arg("engines").args(args);
        command.output().unwrap().into()
    };
    let nothing = list(&[]);
    assert_eq!((nothing.status, nothing.stdout.as_str()), (2, ""), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no engines in "), "{}", nothing.stderr);
    let dir = shop.dir();
    let dir = ["--engine-path", dir.to_str().unwrap()];
    shop.file("libiodyno_engine_bad.so", b"text");
    let broken = list(&dir);
    assert_eq!((broken.status, broken.stdout.as_str()), (5, ""));
    assert!(broken.stderr.contains("unusable plugin"), "{}", broken.stderr);
    with_engine(&shop, "tfh", "tfh", &[]);
    let both = list(&dir);
    assert_eq!(both.status, 0);
    assert!(both.stdout.contains("tfh") && both.stdout.contains("org.example.tfh"));
    assert!(both.stderr.contains("is a text file"), "{}", both.stderr);
    let json: serde_json::Value =
        serde_json::from_str(&list(&[dir[0], dir[1], "--json"]).stdout).unwrap();
    assert_eq!(json["engines"][0]["name"], "tfh");
    assert_eq!(json["unusable"][0]["status"], 5);
}

#[test]
fn rights_that_are_too_wide() {
    let shop = Workshop::new();
    let path = shop.plugin("x.so", &[]);
    let override_it = ["--allow-untrusted-engines"];
    for (mode, words) in [(0o757, "the file is world-writable"), (0o4755, "set-user-id")] {
        set_mode(&path, mode);
        assert_refused(&path, &[], 5, &["not trusted", words, "--allow-untrusted-engines"]);
        let facts = json(&path, &override_it);
        assert!(facts["trust"]["overridden"].as_str().unwrap().contains(words));
        assert!(facts["warnings"][0].as_str().unwrap().contains(words));
    }
    set_mode(&path, 0o755);
    set_mode(&shop.dir(), 0o757);
    assert_refused(&path, &[], 5, &["is world-writable", "chmod o-w"]);
    set_mode(&shop.dir(), 0o1757);
    assert_eq!(show(&path, &[]).status, 0);
    set_mode(&shop.dir(), 0o775);
    if rustix::process::geteuid().is_root() {
        assert_refused(&path, &[], 5, &["may write the directory", "chmod g-w"]);
    } else {
        assert_eq!(show(&path, &[]).status, 0);
    }
}

#[test]
fn files_of_strangers() {
    if !is_root() {
        return;
    }
    let shop = Workshop::new();
    let path = shop.plugin("x.so", &[]);
    let link = shop.dir().join("link.so");
    symlink(&path, &link).unwrap();
    assert_eq!(show(&link, &[]).status, 0);
    lchown(&link, Some(STRANGER), None).unwrap();
    assert_refused(&link, &[], 5, &["link.so belongs to user 54321"]);
    chown(&path, Some(STRANGER), None).unwrap();
    assert_refused(&path, &[], 5, &["the file belongs to user 54321, not to root"]);
    chown(&path, Some(0), None).unwrap();
    chown(shop.dir(), Some(STRANGER), None).unwrap();
    assert_refused(&path, &[], 5, &["belongs to user 54321, not to root or you"]);
}

#[test]
fn beside_the_program_its_owner_is_known() {
    if !is_root() {
        return;
    }
    let shop = Workshop::new();
    let path = with_engine(&shop, "tfi", "tfi", &[]);
    let program = shop.dir().join("iodyno");
    fs::copy(env!("CARGO_BIN_EXE_iodyno"), &program).unwrap();
    for of_bob in [&path, &program, &shop.dir()] {
        chown(of_bob, Some(STRANGER), None).unwrap();
    }
    let show = || -> Said {
        let mut command = std::process::Command::new(&program);
        command.args(["engines", "show", "tfi"]).output().unwrap().into()
    };
    let said = show();
    assert_eq!(said.status, 0, "{}", said.stderr);
    chown(&path, Some(STRANGER + 1), None).unwrap();
    assert_eq!(show().status, 5);
}

#[test]
fn a_privileged_process_does_not_listen_to_the_environment() {
    if !is_root() {
        return;
    }
    let shop = Workshop::new();
    let flags = rustix::fs::statvfs(shop.dir()).unwrap().f_flag;
    assert!(
        !flags.contains(rustix::fs::StatVfsMountFlags::NOSUID),
        "set TMPDIR to a file system that is not mounted nosuid"
    );
    set_mode(&shop.dir(), 0o755);
    with_engine(&shop, "tfj", "tfj", &[]);
    let program = shop.dir().join("iodyno");
    fs::copy(env!("CARGO_BIN_EXE_iodyno"), &program).unwrap();
    let show = || -> Said {
        let mut command = std::process::Command::new(&program);
        command.args(["engines", "show", "tfj"]).env("IODYNO_ENGINE_PATH", "/nowhere");
        command.output().unwrap().into()
    };
    assert_eq!(show().status, 0);
    // The engine lies beside the program, so it is found; what is not looked at is the variable.
    fs::rename(
        shop.dir().join("libiodyno_engine_tfj.so"),
        shop.dir().join("libiodyno_engine_away.so.kept"),
    )
    .unwrap();
    assert!(show().stderr.contains("/nowhere (no such directory)"));
    chown(&program, Some(STRANGER), None).unwrap();
    set_mode(&program, 0o4755);
    let said = show();
    assert!(!said.stderr.contains("/nowhere"), "{}", said.stderr);
    assert_eq!(said.status, 2);
}

#[test]
fn what_the_environment_does_to_the_loader_is_told() {
    let shop = Workshop::new();
    let path = shop.plugin("x.so", &[]);
    let said: Said = iodyno(&[OsStr::new("engines"), OsStr::new("show"), path.as_os_str()])
        .env("LD_LIBRARY_PATH", "/nowhere")
        .output()
        .unwrap()
        .into();
    assert!(said.stderr.contains("LD_LIBRARY_PATH=/nowhere is set"), "{}", said.stderr);
    assert_eq!(said.status, 0);
}

#[test]
fn a_lock_file_pins() {
    let shop = Workshop::new();
    let path = shop.plugin("x.so", &[]);
    let digest = json(&path, &[])["sha256"].as_str().unwrap().to_owned();
    shop.file("engines.lock", format!("{digest}  x.so\n").as_bytes());
    let facts = json(&path, &[]);
    assert_eq!(facts["pinned"], true);
    assert_eq!(facts["warnings"], serde_json::json!([]));
    let other = shop.plugin("y.so", &[]);
    let facts = json(&other, &[]);
    assert_eq!(facts["pinned"], false);
    assert!(facts["warnings"][0].as_str().unwrap().contains("engines.lock"));
    shop.file("engines.lock", format!("{}  x.so\n", "0".repeat(64)).as_bytes());
    assert_refused(&path, &[], 5, &["is not what", "engines.lock:1 pins", &digest]);
    shop.file("engines.lock", b"x.so\n");
    assert_refused(&path, &[], 2, &["engines.lock:1", "no SHA-256 digest"]);
    let lock = shop.file("engines.lock", format!("{digest}  x.so\n").as_bytes());
    set_mode(&lock, 0o666);
    assert_refused(&path, &[], 5, &["engines.lock: not trusted", "world-writable"]);
}

#[test]
fn a_pinned_plugin_has_no_origin() {
    let shop = Workshop::new();
    let path = shop.plugin("x.so", &["-Wl,-rpath,$ORIGIN/lib"]);
    let digest = json(&path, &[])["sha256"].as_str().unwrap().to_owned();
    shop.file("engines.lock", format!("{digest}  x.so\n").as_bytes());
    assert_refused(&path, &[], 5, &["is pinned and uses $ORIGIN"]);
}

fn request(path: &Path, pinned: bool) -> LoadRequest {
    let facts = json(path, &[]);
    let sha256 = facts["sha256"].as_str().unwrap().to_owned();
    LoadRequest { path: path.to_owned(), sha256, pinned }
}

fn logged(text: &str, lines: &[host_table::LogLine]) -> usize {
    lines.iter().filter(|line| line.text == text).count()
}

// One test, since a process has one log.
#[test]
fn loading_into_this_process() {
    let shop = Workshop::new();
    let good = with_engine(&shop, "tfk", "tfk", &[]);
    let asked = request(&good, false);
    let plugin = load(&asked).unwrap();
    assert!(std::ptr::eq(plugin, load(&asked).unwrap()), "loaded once");
    let engine = plugin.engine("tfk").unwrap();
    assert_eq!(engine.option_kinds.len(), 2);
    assert!(engine.ops.queue.is_some() && engine.ops.getevents.is_none());
    plugin.teardown();
    plugin.teardown();
    let lines = host_table::take_log();
    assert_eq!(logged("setup of tfk", &lines), 1);
    assert_eq!(logged("teardown of tfk", &lines), 1);

    let fails = with_engine(&shop, "tfl", "tfl", &["-DSETUP_FAILS"]);
    let asked = request(&fails, false);
    for _ in 0..2 {
        let error = load(&asked).err().unwrap();
        assert!(matches!(error, PluginError::Setup { .. }));
        assert!(error.to_string().contains("the dongle is missing"), "{error}");
        assert_eq!(error.status(), 5);
    }
    assert_eq!(logged("setup of tfl", &host_table::take_log()), 1, "setup is not tried again");

    let changes = with_engine(&shop, "tfm", "tfm", &[]);
    for pinned in [false, true] {
        let asked = request(&changes, pinned);
        with_engine(&shop, "tfm", "tfm", &["-DTWO"]);
        let error = load(&asked).err().unwrap();
        assert!(error.to_string().contains("has changed since it was probed"), "{error}");
        assert_eq!(error.status(), 5);
        with_engine(&shop, "tfm", "tfm", &[]);
    }

    let pinned = with_engine(&shop, "tfn", "tfn", &[]);
    let plugin = load(&request(&pinned, true)).unwrap();
    // The copy is what is loaded: nothing of the file is mapped, and it may go.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains(pinned.to_str().unwrap()));
    assert!(maps.contains("memfd:libiodyno_engine_tfn.so"));
    fs::remove_file(&pinned).unwrap();
    assert_eq!(plugin.engines[0].name, "tfn");
}
