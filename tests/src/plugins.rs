//! Compiles the C plugins of the tests against the project's own header.
//!
//! Called by tests after `require!(c_compiler)`. Each source, and the example that breaks the
//! contract on request, is compiled once per test process, into cargo's target directory, under
//! warnings that are errors.

use crate::programs;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// Flags that a careful author of an engine would use.
const FLAGS: [&str; 10] = [
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-shared",
    "-fPIC",
    "-pthread",
];

/// The plugin built from `tests/plugins/NAME.c`, as text for job files and arguments.
pub fn built(name: &str) -> String {
    static BUILT: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    built.entry(name.to_owned()).or_insert_with(|| build(name)).clone()
}

/// The plugin built from `tests/plugins/NAME.c` with these flags more, copied to `to`; `variant`
/// names the flags.
pub fn variant(name: &str, variant: &str, flags: &[&str], to: &str) {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let plugin = built.entry(format!("{name}-{variant}")).or_insert_with_key(|key| {
        let dir = programs::target_dir().join("test-plugins");
        std::fs::create_dir_all(&dir).expect("the target directory is writable");
        let plugin = dir.join(format!("{key}.{}.so", std::process::id()));
        let source = programs::repo().join(format!("tests/plugins/{name}.c"));
        compile(&source, &plugin, flags);
        plugin
    });
    // Not by `copy` alone: a file that is in use elsewhere is to be replaced, not rewritten.
    let fresh = format!("{to}.fresh");
    std::fs::copy(plugin, &fresh).expect("the plugin can be copied");
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).expect("ours");
    std::fs::rename(&fresh, to).expect("both lie in one directory");
}

/// A plugin with the engine `who`, which says that it is `who`, at `to`.
pub fn who(who: &str, to: &str) {
    variant("who", who, &[&format!("-DWHO=\"{who}\"")], to);
}

/// The digest of a file, as a person would find it.
pub fn sha256(path: &str) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    assert!(output.status.success(), "{path} cannot be read");
    let words = String::from_utf8_lossy(&output.stdout);
    words.split_whitespace().next().expect("a digest").to_owned()
}

fn build(name: &str) -> String {
    let dir = programs::target_dir().join("test-plugins");
    std::fs::create_dir_all(&dir).expect("the target directory is writable");
    let source = programs::repo().join(format!("tests/plugins/{name}.c"));
    let plugin = dir.join(format!("libiodyno_engine_{name}.so"));
    // Another test process may be loading the old one: replace it by a rename.
    let fresh = dir.join(format!(".{name}.{}.so", std::process::id()));
    compile(&source, &fresh, &[]);
    std::fs::rename(&fresh, &plugin).expect("both lie in one directory");
    plugin.to_str().expect("the target directory's path is UTF-8").to_owned()
}

/// `libfaulty.so` of `plugins-example/faulty`, built by its own Makefile.
pub fn faulty_plugin() -> String {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(make_faulty).clone()
}

/// Its engine that works on files, as a job names it.
pub fn faulty() -> String {
    format!("{}:faulty", faulty_plugin())
}

/// Its engine that moves no data.
pub fn faulty_null() -> String {
    format!("{}:faulty-null", faulty_plugin())
}

fn make_faulty() -> String {
    let dir = programs::target_dir().join("test-plugins");
    let fresh = dir.join(format!(".faulty.{}", std::process::id()));
    std::fs::create_dir_all(&fresh).expect("the target directory is writable");
    let mut make = Command::new("make");
    make.arg("-C").arg(programs::repo().join("plugins-example/faulty"));
    make.arg(format!("OUT={}", fresh.display()));
    let output = make.arg(format!("INCLUDE={}", include_dir().display())).output();
    let output = output.expect("make runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "plugins-example/faulty does not build:\n{words}");
    let plugin = dir.join("libfaulty.so");
    std::fs::rename(fresh.join("libfaulty.so"), &plugin).expect("both lie in one directory");
    std::fs::remove_dir(&fresh).expect("nothing else was built there");
    plugin.to_str().expect("the target directory's path is UTF-8").to_owned()
}

/// Compiles one C file into a plugin; panics with the compiler's words.
pub fn compile(source: &Path, plugin: &Path, more: &[&str]) {
    let mut command = Command::new("cc");
    command.args(FLAGS).args(more).arg("-I").arg(include_dir());
    let output = command.arg("-o").arg(plugin).arg(source).output().expect("cc runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} does not compile:\n{words}", source.display());
}

/// Where `iodyno_engine.h` lies.
pub fn include_dir() -> PathBuf {
    programs::repo().join("engine-api/include")
}
