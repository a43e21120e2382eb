//! `include/iodyno_engine.h` is what `src/abi.rs` says: the header is written from the source and
//! compared with the file that is checked in; `IODYNO_BLESS=1` rewrites it. Nobody writes the
//! header by hand. Whether it compiles, and lays out as Rust does, is `golden`.

mod common;

use common::{compare_or_bless, constants, here, records, rust_view, Constant};
use iodyno_engine_api::abi::{IOE_ABI_MAJOR, IOE_ABI_MINOR};
use std::fmt::Write as _;

/// A constant in the form that C wants: 64-bit ones in any integer type's reach, masks unsigned,
/// plain numbers plain, so that they compare with signed and unsigned fields without a warning.
fn c_literal(c: &Constant) -> String {
    match c.ty.as_str() {
        "u64" => format!("UINT64_C({})", c.value),
        "u32" if c.value.starts_with("0x") => format!("UINT32_C({})", c.value),
        "u16" => format!("{}u", c.value),
        _ => c.value.clone(),
    }
}

/// Size and last offset of every struct, for the C compiler of whoever includes the header.
fn assertions() -> String {
    let mut text = String::from(
        "#if UINTPTR_MAX == UINT64_MAX && (defined(__cplusplus) ? __cplusplus >= 201103L : \\\n    \
         defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)\n#ifdef __cplusplus\n\
         #define IOE_ASSERT(condition, name) static_assert(condition, name)\n#else\n\
         #define IOE_ASSERT(condition, name) _Static_assert(condition, name)\n#endif\n",
    );
    let view = rust_view();
    for r in records().iter().filter(|r| r.keyword == "struct") {
        let find = |what: String| {
            let line = view.lines().find(|l| l.starts_with(&what)).unwrap();
            line[what.len()..].split(' ').next().unwrap().to_owned()
        };
        let (name, last) = (&r.name, r.fields.last().unwrap());
        let (size, at) = (find(format!("{name} size ")), find(format!("{name}.{last} offset ")));
        writeln!(text, "IOE_ASSERT(sizeof(struct {name}) == {size}, \"{name}\");").unwrap();
        writeln!(text, "IOE_ASSERT(offsetof(struct {name}, {last}) == {at}, \"{name}.{last}\");")
            .unwrap();
    }
    text + "#undef IOE_ASSERT\n#endif\n"
}

/// What cbindgen makes of the source.
fn raw_header() -> String {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    let mut raw = Vec::new();
    cbindgen::Builder::new()
        .with_src(here("src/abi.rs"))
        .with_config(config)
        .generate()
        .unwrap()
        .write(&mut raw);
    String::from_utf8(raw).unwrap()
}

/// Rewrites the value of a constant's definition; other lines stay.
fn with_c_literal(line: &str, constants: &[Constant]) -> String {
    let name = line.strip_prefix("#define ").and_then(|d| d.split(' ').next());
    match constants.iter().find(|c| Some(c.name.as_str()) == name) {
        Some(c) => format!("#define {} {}", c.name, c_literal(c)),
        None => line.trim_end().to_owned(),
    }
}

/// The prefix that makes constants a group: `IOE_OP` of `IOE_OP_READ`.
fn group(line: &str) -> Option<String> {
    let name = line.strip_prefix("#define IOE_")?.split(' ').next()?;
    Some(name.split('_').next()?.to_owned())
}

/// A comment of cbindgen's with its item: beside it where that fits, above it otherwise. What the
/// header's first comment says of every `struct_size` and `reserved` is not repeated.
fn with_comment(comment: &[String], item: &str) -> String {
    let text: Vec<String> = comment.iter().map(|l| l.trim().replace(['`', '[', ']'], "")).collect();
    // Tags keep their brackets: "[job; once] Makes an instance."
    let text: Vec<String> = comment
        .iter()
        .zip(text)
        .map(|(raw, plain)| match raw.trim().starts_with("`[") {
            true => raw.trim().replace('`', ""),
            false => plain,
        })
        .collect();
    if item.ends_with(" struct_size;") || item.ends_with(" reserved;") {
        return format!("{item}\n");
    }
    let indent = &item[..item.len() - item.trim_start().len()];
    let beside = format!("{item:<44} /* {} */", text[0]);
    if text.len() == 1 && beside.len() <= 100 && item.ends_with(|c| c != '{' && c != ',') {
        return beside + "\n";
    }
    let joined = text.join(&format!("\n{indent} * "));
    format!("{indent}/* {joined} */\n{item}\n")
}

/// Sets the comments tighter and groups the constants; changes no declaration.
fn tidied(raw: &str) -> String {
    let constants = constants();
    let mut header = String::new();
    let mut last_group = None;
    let mut lines = raw.lines().map(|l| with_c_literal(l, &constants)).peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "/*" {
            // The blank lines that cbindgen sets between constants.
            let between = line.is_empty() && lines.peek().is_some_and(|l| l == "/*");
            if !(between && last_group.is_some()) {
                writeln!(header, "{line}").unwrap();
            }
            continue;
        }
        let comment: Vec<String> = lines.by_ref().take_while(|l| l.trim() != "*/").collect();
        let item = lines.next().unwrap();
        let this_group = group(&item);
        if last_group.is_some() && this_group != last_group {
            header.push('\n');
        }
        header.push_str(&with_comment(&comment, &item));
        last_group = this_group;
    }
    header
}

fn generate() -> String {
    let header = tidied(&raw_header());
    for c in constants() {
        assert!(header.contains(&format!("#define {} ", c.name)), "{} is not there", c.name);
    }
    header
        .replace("@ASSERTIONS@\n", &assertions())
        .replace("@MAJOR@", &IOE_ABI_MAJOR.to_string())
        .replace("@MINOR@", &IOE_ABI_MINOR.to_string())
}

#[test]
fn header_is_what_the_source_says() {
    compare_or_bless(&here("include/iodyno_engine.h"), &generate());
}
