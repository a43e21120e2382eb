//! Sizes, offsets and constants of the ABI as they were published: by the Rust compiler and by the
//! C compiler, both against `golden/abi-MAJOR.MINOR.txt` of the current minor. The files of earlier
//! minors stay: the current one must have grown from each of them by the rules (`docs/abi.md`).

mod common;

use common::{compare_or_bless, constants, here, records, rust_view};
use iodyno_engine_api::abi::{IOE_ABI_MAJOR, IOE_ABI_MINOR};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The golden file of a minor.
fn golden_of(minor: u16) -> PathBuf {
    here(&format!("golden/abi-{IOE_ABI_MAJOR}.{minor}.txt"))
}

#[test]
fn rust_agrees_with_the_golden_file() {
    compare_or_bless(&golden_of(IOE_ABI_MINOR), &rust_view());
}

/// What a later minor must not have done to an earlier one, a line for each breach.
fn breaches(earlier: &str, later: &str) -> Vec<String> {
    let split = |text: &str| -> BTreeMap<String, String> {
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let (old, new) = (split(earlier), split(later));
    let mut found = Vec::new();
    for (name, was) in &old {
        match new.get(name) {
            None => found.push(format!("{name} is gone")),
            Some(is) if kept(name, was, is) => {}
            Some(is) => found.push(format!("{name} was `{was}` and is `{is}`")),
        }
    }
    for (name, is) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        found.extend(badly_added(name, is, &old));
    }
    found
}

fn numbers(text: &str) -> Vec<u64> {
    text.split(' ').filter_map(|word| word.parse().ok()).collect()
}

/// Whether a line of an earlier minor may read so in a later one: only sizes of whole structs grow.
fn kept(name: &str, was: &str, is: &str) -> bool {
    let (a, b) = (numbers(was), numbers(is));
    match name {
        "IOE_ABI_MINOR" => a < b,
        // struct_size, io_size, file_size; the others are offsets
        "IOE_LAYOUT_INIT" => {
            let mut pairs = a.iter().zip(&b).enumerate();
            b.len() >= a.len()
                && pairs.all(|(n, (a, b))| a == b || ([0, 3, 5].contains(&n) && a < b))
        }
        _ if was.starts_with("size ") && name != "ioe_value_v" => is.starts_with("size ") && a <= b,
        _ => was == is,
    }
}

/// A new field stands behind all old ones, a new constant takes a number of its own.
fn badly_added(name: &str, is: &str, old: &BTreeMap<String, String>) -> Option<String> {
    if let Some((record, _)) = name.split_once('.') {
        let old_size = numbers(old.get(record)?)[0];
        let offset = numbers(is)[0];
        let inside = offset < old_size;
        return inside.then(|| format!("{name} at {offset}: inside of the earlier {record}"));
    }
    let family = name.match_indices('_').nth(1).map(|(at, _)| &name[..=at])?;
    let same = |(other, value): &(&String, &String)| other.starts_with(family) && *value == is;
    let (other, value) = old.iter().find(same)?;
    Some(format!("{name} takes the number {value}, which is {other}'s"))
}

#[test]
#[allow(clippy::reversed_empty_ranges)] // 1.0 has none before it
fn each_minor_grew_from_the_ones_before_it() {
    let now = rust_view();
    for minor in 0..IOE_ABI_MINOR {
        let path = golden_of(minor);
        let earlier = std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}: published minors keep theirs", path.display()));
        let found = breaches(&earlier, &now);
        assert!(found.is_empty(), "against {}:\n{}", path.display(), found.join("\n"));
    }
}

#[test]
fn the_rules_of_growth_are_checked() {
    // Of 1.0, whatever the minor is by now.
    let now = std::fs::read_to_string(golden_of(0)).unwrap();
    assert_eq!(breaches(&now, &now), ["IOE_ABI_MINOR was `0` and is `0`"]);
    let minor = ("IOE_ABI_MINOR 0", "IOE_ABI_MINOR 1");
    // (what 1.1 did besides taking its number, what is said of it)
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[], ""),
        (&[("ioe_io size 96", "ioe_io size 104\nioe_io.tag offset 96 size 8")], ""),
        (&[("IOE_LAYOUT_INIT 24 8 258 96", "IOE_LAYOUT_INIT 24 8 258 104")], ""),
        (&[("IOE_OP_ENGINE 64", "IOE_OP_ENGINE 64\nIOE_OP_COPY 7")], ""),
        (&[("ioe_io size 96", "ioe_io size 88")], "ioe_io was `size 96` and is `size 88`"),
        (&[("ioe_value_v size 8", "ioe_value_v size 16")], "ioe_value_v was"),
        (&[("ioe_io.len offset 24", "ioe_io.len offset 32")], "ioe_io.len was `offset 24"),
        (&[("ioe_io size 96", "ioe_io size 104\nioe_io.tag offset 24 size 8")], "inside of the"),
        (&[("ioe_job.reserved offset 60 size 4", "ioe_job.nice offset 60 size 4")], "is gone"),
        (&[("IOE_OP_TRIM 2", "IOE_OP_TRIM 3")], "IOE_OP_TRIM was `2` and is `3`"),
        (&[("IOE_OP_TRIM 2\n", "")], "IOE_OP_TRIM is gone"),
        (&[("IOE_OP_TRIM 2", "IOE_OP_TRIM 2\nIOE_OP_COPY 2")], "2, which is IOE_OP_TRIM's"),
    ];
    for (changes, want) in cases {
        let mut later = now.clone();
        for (from, to) in changes.iter().chain([&minor]) {
            assert!(later.contains(from), "{from}");
            later = later.replacen(from, to, 1);
        }
        let got = breaches(&now, &later).join("\n");
        assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{want}: {got}");
    }
}

#[test]
fn the_golden_file_names_everything_in_the_source() {
    let view = rust_view();
    let named: Vec<&str> = view.lines().filter_map(|l| l.split(' ').next()).collect();
    let mut expected: Vec<String> = constants().into_iter().map(|c| c.name).collect();
    for r in records() {
        expected.extend(r.fields.iter().map(|f| format!("{}.{f}", r.name)));
        expected.push(r.name);
    }
    for name in &expected {
        assert!(named.contains(&name.as_str()), "{name} is not in tests/common/mod.rs");
    }
    assert_eq!(named.len(), expected.len() + 1, "one more: IOE_LAYOUT_INIT");
}

/// A C program that prints the golden file from the generated header.
fn c_program() -> String {
    let mut text =
        String::from("#include <iodyno_engine.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for c in constants() {
        writeln!(text, "\tprintf(\"%s %llu\\n\", \"{0}\", (unsigned long long){0});", c.name)
            .unwrap();
    }
    for r in records() {
        let ty = format!("{} {}", r.keyword, r.name);
        writeln!(text, "\tprintf(\"{} size %zu\\n\", sizeof({ty}));", r.name).unwrap();
        for f in &r.fields {
            let of = format!("sizeof((({ty} *)0)->{f})");
            writeln!(
                text,
                "\tprintf(\"{}.{f} offset %zu size %zu\\n\", offsetof({ty}, {f}), {of});",
                r.name
            )
            .unwrap();
        }
    }
    let layout = records().into_iter().find(|r| r.name == "ioe_layout").unwrap();
    text.push_str("\tstatic const struct ioe_layout l = IOE_LAYOUT_INIT;\n");
    text.push_str("\tprintf(\"IOE_LAYOUT_INIT\");\n");
    for f in &layout.fields {
        writeln!(text, "\tprintf(\" %u\", (unsigned)l.{f});").unwrap();
    }
    text + "\tprintf(\"\\n\");\n\treturn 0;\n}\n"
}

fn run(command: &mut Command) -> String {
    let out =
        command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (a C compiler is needed)"));
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && errors.is_empty(), "{command:?}:\n{errors}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn c_agrees_with_the_golden_file() {
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("view.c"), dir.path().join("view"));
    std::fs::write(&source, c_program()).unwrap();
    run(Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(here("include"))
        .arg("-o")
        .args([&program, &source]));
    let golden = std::fs::read_to_string(golden_of(IOE_ABI_MINOR)).unwrap();
    assert_eq!(run(&mut Command::new(&program)), golden);
}

#[test]
fn the_c_example_compiles_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let example = here("../plugins-example/c-minimal");
    run(Command::new("make")
        .arg("-s")
        .arg("-C")
        .arg(example)
        .arg(format!("OUT={}", dir.path().display())));
    assert!(dir.path().join("libc_minimal.so").is_file());
}

#[test]
fn the_header_compiles_as_cxx() {
    if Command::new("c++").arg("--version").output().is_err() {
        return iodyno_tests::needs::skip("no C++ compiler (c++)");
    }
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("view.cc");
    std::fs::write(&source, c_program()).unwrap();
    run(Command::new("c++")
        .args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-c", "-I"])
        .arg(here("include"))
        .arg("-o")
        .args([&dir.path().join("view.o"), &source]));
}
