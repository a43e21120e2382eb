//! Engines and headers of published ABI minors, and of one that does not exist yet.
//!
//! Called by the tests of the ABI after `require!(c_compiler)`. Frozen files lie under
//! `tests/abi/MAJOR.MINOR` and are built from there, never from the live header or crate. The next
//! minor is made from the live header by appending, as a real one would be.

use crate::{plugins, programs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the tests' next minor appends: struct and declaration. A real one appends other things.
const APPENDED: [(&str, &str); 8] = [
    ("ioe_file", "uint64_t new_file;"),
    ("ioe_io", "uint64_t new_io;"),
    ("ioe_option", "uint64_t new_option;"),
    ("ioe_value", "uint64_t new_value;"),
    ("ioe_host", "int32_t (*new_host)(void *ctx);"),
    ("ioe_job", "uint64_t new_job;"),
    ("ioe_caps", "uint64_t new_caps;"),
    ("ioe_ops", "ioe_status (*new_ops)(void *inst);"),
];

/// The frozen files of 1.0.
pub fn frozen() -> PathBuf {
    programs::repo().join("tests/abi/1.0")
}

/// Where the frozen `iodyno_engine.h` of 1.0 lies.
pub fn frozen_include() -> PathBuf {
    frozen().join("include")
}

/// The C example of 1.0, built with the header of 1.0.
pub fn frozen_c() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        let include = format!("-I{}", frozen_include().display());
        built("c_minimal", |fresh| {
            let source = frozen().join("c/c_minimal.c");
            // The frozen directory comes first; the harness adds the live one behind it.
            plugins::compile(&source, fresh, &["-fvisibility=hidden", &include]);
        })
    })
}

/// The Rust engine of 1.0 that is written against the raw types, built by the compiler alone.
pub fn frozen_rust_raw() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        built("rust_raw", |fresh| {
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
            rustc.args(["--edition", "2021", "--crate-type", "cdylib", "-o"]).arg(fresh);
            succeed(rustc.arg(frozen().join("rust/raw_minimal.rs")));
        })
    })
}

/// The Rust example of 1.0, built with the trait and the export macro of 1.0, by a cargo that may
/// not load anything. Foreign crates are those that the workspace's own lock names.
pub fn frozen_rust() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = programs::target_dir().join("abi-1.0");
        let copy = dir.join("source");
        copy_tree(&frozen().join("rust"), &copy);
        copy_file(&programs::repo().join("Cargo.lock"), &copy.join("Cargo.lock"));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.current_dir(&copy).args(["build", "--quiet", "--offline", "--target-dir"]).arg(&dir);
        cargo.args(["--package", "iodyno-example-rust-minimal"]);
        // What the outer cargo set up for this test program is not meant for that build.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        succeed(cargo.env("CARGO_PROFILE_DEV_DEBUG", "0"));
        text(&dir.join("debug/librust_minimal_1_0.so"))
    })
}

/// All engines of 1.0: what they are called, and the file.
pub fn frozen_engines() -> [(&'static str, &'static str); 3] {
    [("c-minimal", frozen_c()), ("rust-raw", frozen_rust_raw()), ("rust-minimal", frozen_rust())]
}

/// The minor of the live header.
pub fn minor() -> u32 {
    let define = "#define IOE_ABI_MINOR ";
    let header = live_header();
    let value = header.lines().find_map(|line| line.strip_prefix(define)).expect("a minor");
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn live_header() -> String {
    let header = plugins::include_dir().join("iodyno_engine.h");
    std::fs::read_to_string(header).expect("the live header")
}

/// A directory with the `iodyno_engine.h` of the next minor, which exists for the tests alone.
pub fn grown_include() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = programs::target_dir().join("abi-next/include");
        std::fs::create_dir_all(&dir).expect("the target directory is writable");
        write_file(&dir.join("iodyno_engine.h"), grown(&live_header()).as_bytes());
        dir
    })
}

/// A header with the next minor's number and a field more in many a struct. What it asserts of
/// sizes goes; what it asserts of offsets stays, and so proves that none has moved.
fn grown(header: &str) -> String {
    let mut struct_name = None;
    let mut lines = Vec::new();
    for line in header.lines() {
        struct_name =
            line.strip_prefix("struct ").and_then(|l| l.strip_suffix(" {")).or(struct_name);
        if line == "};" {
            let name = struct_name.take().unwrap_or_default();
            let new = APPENDED.iter().find(|(of, _)| *of == name);
            lines.extend(new.map(|(_, declaration)| format!("    {declaration}")));
        }
        let grew = |(of, _): &(&str, &str)| line.contains(&format!("sizeof(struct {of}) =="));
        match () {
            () if APPENDED.iter().any(grew) => {}
            () if line.starts_with("#define IOE_ABI_MINOR ") => {
                lines.push(format!("#define IOE_ABI_MINOR {}u", minor() + 1));
            }
            () => lines.push(line.to_owned()),
        }
    }
    let text = lines.join("\n") + "\n";
    for (of, declaration) in APPENDED {
        assert!(text.contains(declaration), "the header has no struct {of}");
    }
    text
}

/// The engine of the next minor, compiled with these definitions (`-DNEED_MINOR=1`).
pub fn grown_plugin(plugin: &Path, definitions: &[&str]) {
    let include = format!("-I{}", grown_include().display());
    let source = programs::repo().join("tests/abi/next/plugin.c");
    let flags: Vec<&str> = [include.as_str()].iter().chain(definitions).copied().collect();
    plugins::compile(&source, plugin, &flags);
}

/// The host of the next minor: a program that loads one plugin and drives it through one file.
pub fn grown_host() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        built("host", |fresh| {
            let mut cc = Command::new("cc");
            cc.args(["-std=c11", "-D_GNU_SOURCE", "-g", "-Wall", "-Wextra", "-Werror", "-I"]);
            cc.arg(grown_include()).arg("-o").arg(fresh);
            cc.arg(programs::repo().join("tests/abi/next/host.c"));
            succeed(cc.arg("-ldl"));
        })
    })
}

/// Runs a compiler or a tool of the system; panics with its words where it fails.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Builds a file into the target directory; other test processes see the old one or the new one.
fn built(name: &str, build: impl FnOnce(&Path)) -> String {
    let dir = programs::target_dir().join("test-plugins/abi");
    std::fs::create_dir_all(&dir).expect("the target directory is writable");
    let (fresh, file) = (dir.join(format!(".{name}.{}", std::process::id())), dir.join(name));
    build(&fresh);
    let file = file.with_extension("so");
    std::fs::rename(&fresh, &file).expect("both lie in one directory");
    text(&file)
}

fn text(path: &Path) -> String {
    path.to_str().expect("the target directory's path is UTF-8").to_owned()
}

/// Brings a copy up to date; what is the same already keeps its time, so that nothing is rebuilt.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the target directory is writable");
    for entry in std::fs::read_dir(from).expect("a frozen directory").flatten() {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_tree(&entry.path(), &to),
            false => copy_file(&entry.path(), &to),
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    write_file(to, &std::fs::read(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())));
}

fn write_file(path: &Path, content: &[u8]) {
    if std::fs::read(path).is_ok_and(|there| there == content) {
        return;
    }
    let fresh = path.with_extension(format!("{}.fresh", std::process::id()));
    std::fs::write(&fresh, content).expect("the target directory is writable");
    std::fs::rename(&fresh, path).expect("both lie in one directory");
}
