//! Where the built programs and the project's own files are.
//!
//! Called by the rest of the harness. Builds the release programs once per test process, unless
//! IODYNO_BIN_DIR says that somebody (scripts/test) did so already. Must not be called by `tidy`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a user's tree has after `scripts/iodyno`, and the example plugins in Rust.
fn packages() -> Vec<String> {
    let examples =
        ["fault", "rust-minimal", "panicking"].map(|name| format!("iodyno-example-{name}"));
    let mut packages = vec!["iodyno".to_owned()];
    packages.extend(examples);
    packages.extend(engines().iter().map(|name| format!("iodyno-engine-{name}")));
    packages
}

/// Names of the project's engines: each directory of `engines/` but the one that they share.
pub fn engines() -> Vec<String> {
    let entries = std::fs::read_dir(repo().join("engines")).expect("the engines are there");
    let directories = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = directories.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "support").collect()
}

/// The project's root directory.
pub fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the project's root")
}

/// Cargo's target directory: the one that this very test program was built in.
pub fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a test program knows its own path");
    // TARGET/PROFILE/deps/blackbox-HASH
    exe.ancestors().nth(3).expect("cargo's layout: TARGET/PROFILE/deps/NAME").to_path_buf()
}

/// The directory that holds `iodyno` and the engines.
pub fn bin_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| match std::env::var_os("IODYNO_BIN_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => build(),
    })
}

/// The program under test.
pub fn iodyno() -> PathBuf {
    existing(bin_dir().join("iodyno"))
}

/// The plugin file of one of the project's engines.
pub fn engine(name: &str) -> PathBuf {
    let name = name.replace('-', "_"); // as Cargo names libraries
    existing(bin_dir().join(format!("libiodyno_engine_{name}.so")))
}

/// The example plugin in Rust.
pub fn rust_minimal() -> PathBuf {
    existing(bin_dir().join("librust_minimal.so"))
}

/// The one that panics where it is told to.
pub fn panicking() -> PathBuf {
    existing(bin_dir().join("libpanicking.so"))
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.is_file(), "{} is missing: build it with scripts/iodyno", path.display());
    path
}

fn build() -> PathBuf {
    let target = target_dir();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repo()).args(["build", "--release", "--quiet"]);
    command.arg("--target-dir").arg(&target);
    for package in packages() {
        command.args(["--package", &package]);
    }
    let output = command.output().expect("cargo runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the programs under test do not build:\n{words}");
    target.join("release")
}
