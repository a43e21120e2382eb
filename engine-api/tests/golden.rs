//! Sizes, offsets and constants of ABI 1.0, as they were published: by the Rust compiler and by the
//! C compiler, both against `golden/abi-1.0.txt`. A line of that file never changes; new fields add
//! lines.

mod common;

use common::{compare_or_bless, constants, here, records, rust_view};
use std::fmt::Write as _;
use std::process::Command;

const GOLDEN: &str = "golden/abi-1.0.txt";

#[test]
fn rust_agrees_with_the_golden_file() {
    compare_or_bless(&here(GOLDEN), &rust_view());
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
    let golden = std::fs::read_to_string(here(GOLDEN)).unwrap();
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
