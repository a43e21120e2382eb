//! The crate's own text, as `source` hands it on: each file of it, and a manifest that says what
//! the real one says. Run by `cargo test -p iodyno-engine-api`. Builds nothing: that a copy builds
//! is shown by the black-box tests of `iodyno engine new`.

use iodyno_engine_api::source::{FILES, HEADER, VERSION};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The text behind `KEY = ` of a section, as it stands there.
fn value<'a>(manifest: &'a str, section: &str, key: &str) -> &'a str {
    let from = manifest.find(&format!("[{section}]\n")).unwrap_or_else(|| panic!("no {section}"));
    let body = &manifest[from + section.len() + 3..];
    let body = &body[..body.find("\n[").unwrap_or(body.len())];
    let line = body.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {key} in [{section}]")).split(" #").next().unwrap().trim()
}

#[test]
fn every_file_is_handed_on() {
    let mut there: Vec<String> = Vec::new();
    for dir in ["src", "include"] {
        let mut dirs: Vec<PathBuf> = vec![root().join(dir)];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => dirs.push(path),
                    false => there.push(path.strip_prefix(root()).unwrap().display().to_string()),
                }
            }
        }
    }
    there.push("Cargo.toml".to_owned());
    there.sort();
    let mut listed: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
    listed.sort_unstable();
    assert_eq!(listed, there, "src/source.rs lists the crate's files");
    for (path, text) in FILES.iter().filter(|(path, _)| *path != "Cargo.toml") {
        assert!(read(root().join(path)) == *text, "{path} has another text");
    }
    assert_eq!(HEADER, read(root().join("include/iodyno_engine.h")));
}

#[test]
fn the_manifest_says_what_the_real_one_says() {
    let copy = FILES.iter().find(|(path, _)| *path == "Cargo.toml").unwrap().1;
    let (own, house) = (read(root().join("Cargo.toml")), read(root().join("../Cargo.toml")));
    assert_eq!(value(copy, "package", "version"), format!("\"{VERSION}\""));
    for key in ["name", "description", "version"] {
        assert_eq!(value(copy, "package", key), value(&own, "package", key), "{key}");
    }
    for key in ["edition", "rust-version", "license", "repository"] {
        assert_eq!(value(copy, "package", key), value(&house, "workspace.package", key), "{key}");
    }
    for key in ["default", "layout-check"] {
        assert_eq!(value(copy, "features", key), value(&own, "features", key), "{key}");
    }
    assert_eq!(
        value(copy, "dependencies", "libc"),
        value(&house, "workspace.dependencies", "libc")
    );
    let shared = value(&house, "workspace.dependencies", "abi_stable").trim_end_matches(" }");
    let expected = format!("{shared}, optional = true }}");
    assert_eq!(value(copy, "dependencies", "abi_stable"), expected);
    let section = own.split("[dependencies]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    assert_eq!(section.lines().count(), 2, "a dependency more: the copy needs it too\n{section}");
}
