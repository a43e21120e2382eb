//! `iodyno check` before there is an instance: the file, its loading, its entry, its tables; and
//! the tables while it is at work.
//!
//! For each way to be wrong exactly the check that is about it tells; a plugin that is right passes
//! all of them, and what can be borne is a warning.

use iodyno_tests::{plugins, programs, require, Scene};
use std::collections::BTreeMap;
use std::path::Path;

/// The checks of one run that did not pass: id -> verdict and cause. Skips are left out.
struct Findings {
    status: i32,
    found: BTreeMap<String, (String, String)>,
    /// How many checks there were.
    all: usize,
}

impl Findings {
    fn of(scene: &Scene, plugin: &str, more: &[&str], fault: Option<&str>) -> Findings {
        let mut run = scene.iodyno(["check", plugin, "--json", "-"]).args(more);
        if let Some(fault) = fault {
            run = run.env("IODYNO_FAULTY", fault);
        }
        let outcome = run.run();
        let document: serde_json::Value =
            serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
        let rows = document["checks"].as_array().expect("checks").clone();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect(key).to_owned();
        let found = rows
            .iter()
            .filter(|row| !["pass", "skip"].contains(&row["verdict"].as_str().expect("verdict")))
            .map(|row| (text(row, "id"), (text(row, "verdict"), text(row, "cause"))))
            .collect();
        Findings { status: outcome.status, found, all: rows.len() }
    }

    /// This check alone, with this verdict and words in its cause.
    fn expect(&self, what: &str, id: &str, verdict: &str, words: &str) {
        let ids: Vec<&String> = self.found.keys().collect();
        assert_eq!(ids, [id], "{what}: {:?}", self.found);
        let (found, cause) = &self.found[id];
        assert_eq!(found, verdict, "{what}: {cause}");
        assert!(cause.contains(words), "{what}: {words}: {cause}");
        assert_eq!(self.status, if verdict == "warn" { 0 } else { 5 }, "{what}");
    }
}

/// All plugins of the project's that are right.
fn right_ones() -> Vec<String> {
    let own = [programs::engine("null"), programs::engine("psync"), programs::rust_minimal()];
    own.iter().map(|path| path.to_str().expect("UTF-8").to_owned()).collect()
}

#[test]
fn right_plugins_pass_before_there_is_an_instance() {
    let scene = Scene::new();
    for plugin in right_ones() {
        let findings = Findings::of(&scene, &plugin, &["--level", "1"], None);
        assert!(findings.found.is_empty(), "{plugin}: {:?}", findings.found);
        assert_eq!(findings.status, 0, "{plugin}");
        assert!(findings.all >= 25, "{plugin}: {} checks", findings.all);
    }
}

/// The checks of tables that are in use.
const IN_USE: [&str; 4] = ["--level", "3", "--only", "^tables|^teardown|^load|^entry"];

#[test]
fn right_plugins_pass_while_they_are_at_work() {
    require!(c_compiler);
    let scene = Scene::new();
    let mut all = right_ones();
    all.push(plugins::built("async7"));
    all.push(plugins::faulty_plugin());
    for plugin in all {
        let findings = Findings::of(&scene, &plugin, &IN_USE, Some("none"));
        assert!(findings.found.is_empty(), "{plugin}: {:?}", findings.found);
    }
}

#[test]
fn each_fault_of_loading_is_told_by_one_check() {
    require!(c_compiler);
    let cases = [
        ("constructor_segv", "load.opens", "crash", "SIGSEGV in a constructor"),
        ("constructor_exit", "load.opens", "crash", "status 0 in a constructor"),
        ("constructor_print", "load.quiet", "fail", "standard output: hello from a constructor"),
        ("constructor_slow", "load.time", "warn", "until the constructors were done"),
        ("constructor_thread", "load.threads", "fail", "is new"),
        ("constructor_chdir", "load.directory", "fail", "the working directory was"),
        ("constructor_signal", "load.signals", "fail", "SIGUSR1 was the default and is a handler"),
        ("constructor_setenv", "load.environment", "fail", "LC_ALL is new"),
        ("constructor_leak_fd", "load.descriptors", "fail", "/dev/null"),
        ("entry_segv", "entry.answers", "crash", "SIGSEGV in the entry"),
        ("entry_null", "entry.answers", "fail", "without a word"),
        ("entry_overflow", "entry.words", "fail", "behind the capacity of 1024"),
        ("entry_any_major", "entry.wrong-major", "fail", "2.0 is not refused"),
        ("entry_one_minor", "entry.future-host", "fail", "wants a host of minor"),
        ("entry_changes", "entry.repeat", "fail", "another address"),
        ("option_default", "tables.options", "fail", "outside its range 1 to 4095"),
        ("option_no_help", "tables.help", "warn", "option `errno` has no help"),
        ("bad_string", "tables.strings", "fail", "ioe_plugin.vendor is not UTF-8"),
        ("setup_segv", "load.admitted", "crash", "SIGSEGV in setup"),
        ("setup_fails", "load.admitted", "fail", "the flux capacitor does not start"),
    ];
    let (scene, plugin) = (Scene::new(), plugins::faulty_plugin());
    for (fault, id, verdict, words) in cases {
        let findings = Findings::of(&scene, &plugin, &["--level", "1"], Some(fault));
        findings.expect(fault, id, verdict, words);
    }
}

#[test]
fn each_fault_of_tables_in_use_is_told_by_one_check() {
    require!(c_compiler);
    let cases = [
        ("beyond_host", "tables.guarded", "crash", "SIGSEGV in init"),
        ("beyond_job", "tables.guarded", "crash", "SIGSEGV in init"),
        ("altered_name", "tables.unchanged", "fail", "ioe_ops has changed after two instances"),
        ("altered_flags", "tables.unchanged", "fail", "ioe_ops has changed after two instances"),
        ("altered_callback", "tables.unchanged", "fail", "ioe_ops has changed after two instances"),
        ("extension_unknown", "tables.extension", "fail", "the id \"\" is answered"),
        ("extension_garbage", "tables.extension", "fail", "the id \"\" is answered"),
        ("teardown_segv", "teardown.returns", "crash", "SIGSEGV in teardown"),
    ];
    let (scene, plugin) = (Scene::new(), plugins::faulty_plugin());
    let args = ["--engine", "faulty", "--level", "3"];
    for (fault, id, verdict, words) in cases {
        let findings = Findings::of(&scene, &plugin, &args, Some(fault));
        findings.expect(fault, id, verdict, words);
    }
}

/// `tests/plugins/odd.c`, odd in one way.
fn odd(scene: &Scene, way: &str, more: &[&str]) -> String {
    let plugin = scene.at(&format!("odd-{way}.so"));
    let source = programs::repo().join("tests/plugins/odd.c");
    let define = format!("-DODD_{way}");
    let flags: Vec<&str> = [define.as_str()].into_iter().chain(more.iter().copied()).collect();
    plugins::compile(&source, Path::new(&plugin), &flags);
    plugin
}

#[test]
fn each_oddity_is_told_by_one_check() {
    require!(c_compiler);
    let cases = [
        ("EXPORT", "file.exports", "warn", "helper_of_odd"),
        ("SYMBOL", "load.opens", "fail", "nowhere_to_be_found"),
        ("STDERR", "load.quiet", "fail", "standard error: odd says hello"),
        ("UMASK", "load.directory", "fail", "the umask was"),
        ("LIMIT", "load.settings", "fail", "Max open files"),
        ("MASK", "load.signals", "fail", "mask of blocked signals"),
        ("CLOSES", "load.descriptors", "fail", "descriptor 0 is gone"),
        ("NO_ENGINE", "entry.answers", "fail", "n_engines is 0"),
        ("ID", "tables.strings", "fail", "org:example"),
        ("ENGINE_NAME", "tables.strings", "fail", "`Odd` is no engine name"),
        ("VENDOR", "tables.strings", "warn", "control characters"),
        ("NO_QUEUE", "tables.callbacks", "fail", "no queue handler"),
        ("HIGH_FLAG", "tables.callbacks", "fail", "0x10000000000"),
        ("DEFAULT", "tables.options", "fail", "none of its choices"),
        ("FLAG", "tables.flags", "warn", "0x100000"),
        ("OPTION_FLAG", "tables.flags", "warn", "odd_option"),
        ("GETEVENTS", "tables.flags", "warn", "getevents"),
        ("NAME", "tables.names", "warn", "odd.iodepth"),
        ("CHOICE", "tables.help", "warn", "choice `one`"),
        ("RESERVED", "tables.reserved", "fail", "ioe_ops.reserved"),
        ("SETUP_THREAD", "load.threads", "warn", "after setup"),
        ("SETUP_SIGNAL", "load.signals", "fail", "after setup, SIGUSR2"),
        ("SETUP_SIZE", "entry.host-size", "crash", "SIGSEGV in setup"),
        ("ENTRY_SIZE", "entry.host-size", "crash", "SIGSEGV in the entry"),
        ("STRICT_SIZE", "entry.future-host", "fail", "wants its own host"),
        ("SILENT", "entry.wrong-major", "fail", "without a word"),
        ("UNENDED", "entry.words", "fail", "no zero byte within the capacity"),
        ("NULL", "entry.words", "fail", "behind the capacity of 0"),
    ];
    let scene = Scene::new();
    for (way, id, verdict, words) in cases {
        let plugin = odd(&scene, way, &[]);
        Findings::of(&scene, &plugin, &["--level", "1"], None).expect(way, id, verdict, words);
    }
    let nothing = odd(&scene, "NOTHING", &[]);
    let findings = Findings::of(&scene, &nothing, &["--level", "1"], None);
    assert!(findings.found.is_empty(), "{:?}", findings.found);
    let nameless = odd(&scene, "BUILD", &["-Wl,--build-id=none"]);
    let findings = Findings::of(&scene, &nameless, &["--level", "1"], None);
    findings.expect("no build id", "file.build-id", "warn", "has none");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn arithmetic_belongs_to_the_process() {
    require!(c_compiler);
    let scene = Scene::new();
    let findings = Findings::of(&scene, &odd(&scene, "ARITHMETIC", &[]), &["--level", "1"], None);
    findings.expect("flush to zero", "load.settings", "fail", "small numbers become zero");
}

#[test]
fn what_setup_started_has_to_end() {
    require!(c_compiler);
    let scene = Scene::new();
    let plugin = odd(&scene, "SETUP_THREAD", &[]);
    let findings = Findings::of(&scene, &plugin, &["--only", "^teardown", "--level", "2"], None);
    findings.expect("a thread", "teardown.clean", "warn", "is still there");
}
