//! Reads the project's own source and checks the rules of the house: heads, sizes, who imports
//! whom, where unsafe may stand, words that must not be there.
//!
//! Needs no built program. ARCHITECTURE.md says the rules in prose; where the two differ, one of
//! them is to be mended. Sizes of functions are clippy's affair.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Directories that hold nothing of ours, from the root. A room of the host is called target, too.
const SKIPPED: [&str; 6] = [
    "target",
    "fuzz/target",
    "tests/instructions/target",
    ".git",
    "plugins-example/c-minimal/build",
    "plugins-example/vendor-sg/target",
];

/// Files that may be longer than the rest, each with its reason.
const LONG: [(&str, &str); 1] =
    [("engine-api/src/abi.rs", "the contract reads as one page, like the header made from it")];

const MAX_LINES: usize = 500;
const MAX_COLUMNS: usize = 100;

/// Words of the whole house: any room may import them, they import nothing but each other.
const WORDS: [&str; 3] = ["ddir", "units", "catalogue"];

/// Who may import whom in the host, besides the words. `run::events` allows that module alone.
const ROOMS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("stats", &[]),
    ("workload", &[]),
    ("job", &[]),
    ("plugin", &["sys"]),
    ("target", &["sys"]),
    ("verify", &["workload", "stats"]),
    ("io", &["sys", "plugin", "target", "workload", "verify", "stats"]),
    ("run", &["sys", "stats", "workload", "job", "plugin", "target", "verify", "io"]),
    ("conformance", &["sys", "workload", "job", "plugin", "target"]),
    ("report", &["stats", "run::events", "run::result", "job::spec"]),
    ("progress", &["stats", "run::events", "run::result", "job::spec"]),
    (
        "cli",
        &[
            "sys",
            "stats",
            "workload",
            "job",
            "plugin",
            "target",
            "verify",
            "io",
            "run",
            "report",
            "progress",
            "conformance",
        ],
    ),
];

/// Rooms that may speak the engine ABI.
const SPEAK_ABI: [&str; 6] = ["plugin", "io", "verify", "run", "conformance", "cli"];

/// Where unsafe may stand: prefixes of paths. Inside the host each has its reason.
const UNSAFE: &[&str] = &[
    "engine-api/",
    "engines/",
    "plugins-example/",
    "tests/abi/",                    // engines of published minors, as they were
    "host/skeletons/",               // engines, as `iodyno engine new` makes them
    "host/src/sys/",                 // system calls and mapped memory
    "host/src/io/slots.rs",          // units that the engine holds pointers to
    "host/src/io/held.rs",           // data of a slot on its way to another thread
    "host/src/io/posted.rs",         // units in the hands of a crew's member
    "host/src/io/zones.rs",          // bytes behind what the engine was lent
    "host/src/io/tests.rs",          // an engine of its own that breaks every rule
    "host/src/io/pace/tests.rs",     // an engine of its own on a virtual clock
    "fuzz/src/lib.rs",               // an allocator that counts
    "host/tests/data_plane.rs",      // an engine of its own, an allocator that counts, a filter
    "host/src/conformance/units.rs", // units that the engine under check holds pointers to
    "host/src/run/page.rs",          // says that the counters may lie in shared memory
    "host/src/plugin/load.rs",       // dlopen, the entry
    "host/src/plugin/foreign.rs",    // reads what a plugin published
    "host/src/plugin/describe.rs",   // turns it into plain data
    "host/src/plugin/negotiate.rs",  // compares it with ours
    "host/src/plugin/ops.rs",        // copies the ops table
    "host/src/plugin/handle.rs",     // calls foreign functions
    "host/src/plugin/rare.rs",       // calls those that no run makes
    "host/src/plugin/extensions.rs", // calls those of extensions
    "host/src/plugin/gate.rs",       // the entry, called with host tables of its own making
    "host/src/plugin/walk.rs",       // reads all that a plugin published
    "host/src/plugin/guarded.rs",    // units that end at a page that nobody may touch
    "host/src/plugin/host_table.rs", // what the host offers to a plugin
    "host/src/plugin/lent.rs",       // what lives as long as it does
    "host/src/plugin/stack.rs",      // what an engine is shown of the one below it
    // Loads into vector registers, and functions for processors that have them.
    "host/src/verify/digest/lanes/", // calls of kernels; loads into vector registers
    "host/src/verify/digest/md5/kernels.rs", // loads into vector registers
    "host/src/verify/digest/sha/kernels/", // likewise
];

/// A file of the project.
struct Source {
    /// From the root, with slashes.
    path: String,
    text: String,
}

fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the project's root")
}

/// All text files whose name ends so, the project's own.
fn sources(endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    gather(repo(), &mut paths);
    paths.sort();
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let mut found = Vec::new();
    for path in paths.into_iter().filter(wanted) {
        if let Ok(text) = std::fs::read_to_string(&path) {
            let path = path.strip_prefix(repo()).expect("below the root");
            found.push(Source { path: path.to_string_lossy().into_owned(), text });
        }
    }
    assert!(!found.is_empty(), "no file ends in {endings:?}: is the root right?");
    found
}

fn gather(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the project is readable").flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a file has a type");
        let ours = !SKIPPED.iter().any(|skipped| path == repo().join(skipped));
        if kind.is_dir() && ours {
            gather(&path, paths);
        } else if kind.is_file() {
            paths.push(path);
        }
    }
}

/// Panics with all findings at once.
#[track_caller]
fn assert_tidy(findings: Vec<String>) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// The text with comments and the content of strings blanked out, lines kept.
fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if is_raw_string(&out, rest) => raw_string_len(rest),
            '"' => string_len(rest),
            '\'' => char_len(rest),
            _ => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.extend(rest[..skip].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[skip..];
    }
    out
}

fn is_raw_string(before: &str, rest: &str) -> bool {
    let in_word =
        before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with('b');
    !in_word && rest[1..].trim_start_matches('#').starts_with('"')
}

fn raw_string_len(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
}

fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, or the single quote of a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(1, |at| 3 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The part in front of the unit tests.
fn without_tests(text: &str) -> &str {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    &text[..end]
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn every_rust_file_opens_with_what_it_is_for() {
    let mut findings = Vec::new();
    for source in sources(&[".rs"]) {
        let head = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        // Unit tests beside their module need not say again what the module is for.
        let least = if source.path.ends_with("/tests.rs") { 1 } else { 3 };
        if !(least..=10).contains(&head) {
            let path = &source.path;
            findings.push(format!("{path}: {head} lines of //! at its head, not {least} to 10"));
        }
    }
    assert_tidy(findings);
}

#[test]
fn every_other_source_opens_with_a_comment() {
    let mut findings = Vec::new();
    for source in sources(&[".c", ".h", ".py"]) {
        let first = source.text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
        if !["/*", "//", "#", "\"\"\""].iter().any(|sign| first.trim_start().starts_with(sign)) {
            findings.push(format!("{}: does not open with a comment", source.path));
        }
    }
    assert_tidy(findings);
}

#[test]
fn files_and_lines_are_short() {
    let mut findings = Vec::new();
    for source in sources(&[".rs"]) {
        let lines = without_tests(&source.text).lines().count();
        let may_be_long = LONG.iter().any(|(path, _)| *path == source.path);
        if lines > MAX_LINES && !may_be_long && !is_test_file(&source.path) {
            findings.push(format!("{}: {lines} lines without tests", source.path));
        }
        for (number, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > MAX_COLUMNS {
                findings.push(format!("{}:{}: {columns} columns", source.path, number + 1));
            }
        }
    }
    assert_tidy(findings);
}

/// The paths that code imports from its own crate, as `room` or `room::module`.
fn imports(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' || before == ':' {
            continue;
        }
        branches(&code[at + prefix.len()..], "", 0, &mut found);
    }
    found
}

/// Reads `a::b`, `{a, b::{c, d}}`: the first two segments of every path.
fn branches(text: &str, parent: &str, depth: usize, found: &mut BTreeSet<String>) {
    let text = text.trim_start();
    let path = |name: &str| match parent {
        "" => name.to_owned(),
        parent => format!("{parent}::{name}"),
    };
    if let Some(group) = text.strip_prefix('{') {
        group_members(group).iter().for_each(|member| branches(member, parent, depth, found));
        return;
    }
    let name: String = text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
    if name.is_empty() || name == "self" {
        found.insert(parent.to_owned());
        return;
    }
    match text[name.len()..].trim_start().strip_prefix("::") {
        Some(rest) if depth == 0 => branches(rest, &path(&name), 1, found),
        _ => drop(found.insert(path(&name))),
    }
}

/// Splits at the commas of this level, up to its closing brace.
fn group_members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

/// The room that a file of the host belongs to; none for main.rs and lib.rs.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("host/src/")?;
    let room = inside.split('/').next()?.trim_end_matches(".rs");
    (!["main", "lib"].contains(&room)).then_some(room)
}

/// How many modules deep a file of the host is: `io/mod.rs` is 1, `io/slots.rs` is 2.
fn depth_of(path: &str) -> usize {
    let inside = path.trim_start_matches("host/src/");
    let parts = inside.split('/').count();
    if inside.ends_with("/mod.rs") {
        parts - 1
    } else {
        parts
    }
}

fn allowed(room: &str, import: &str) -> bool {
    let name = import.split("::").next().unwrap_or_default();
    if name == room || WORDS.contains(&name) {
        return true;
    }
    let rooms = ROOMS.iter().find(|(owner, _)| *owner == room).map_or(&[][..], |(_, may)| *may);
    rooms.iter().any(|&may| import == may || name == may || import.starts_with(&format!("{may}::")))
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut findings = Vec::new();
    for source in sources(&[".rs"]) {
        let Some(room) = room_of(&source.path) else { continue };
        let known = WORDS.contains(&room) || ROOMS.iter().any(|(name, _)| *name == room);
        if !known {
            findings.push(format!("{}: room {room} has no rule", source.path));
        }
        let code = code_only(&source.text);
        let out = "super::".repeat(depth_of(&source.path));
        let mut found = imports(&code, "crate::");
        found.extend(imports(&code, "iodyno::"));
        found.extend(imports(without_tests(&code), &out));
        found.retain(|import| !import.is_empty() && !import.starts_with("super"));
        for import in found.iter().filter(|import| !allowed(room, import)) {
            findings.push(format!("{}: {room} may not import {import}", source.path));
        }
        if code.contains("iodyno_engine_api") && !SPEAK_ABI.contains(&room) {
            findings.push(format!("{}: {room} may not speak the engine ABI", source.path));
        }
        if code.contains("anyhow") && room != "cli" {
            findings.push(format!("{}: anyhow is for cli only", source.path));
        }
    }
    assert_tidy(findings);
}

#[test]
fn import_reader_reads_groups() {
    let code = "use crate::{a::{self, b}, c, d::e::f};\nuse crate::g::H;\nlet x = crate::i::j();";
    let found: Vec<String> = imports(&code_only(code), "crate::").into_iter().collect();
    assert_eq!(found, ["a", "a::b", "c", "d::e", "g::H", "i::j"]);
    let quiet = "// crate::x\nlet s = \"crate::y\"; let r = r#\"crate::z\"#; let c = '\"';";
    assert!(imports(&code_only(quiet), "crate::").is_empty());
}

#[test]
fn engines_and_the_contract_import_nothing_above_them() {
    let mut findings = Vec::new();
    for source in sources(&[".rs", "Cargo.toml"]) {
        let below = ["engine-api/", "engines/", "plugins-example/"];
        if !below.iter().any(|part| source.path.starts_with(part)) {
            continue;
        }
        let is_api = source.path.starts_with("engine-api/");
        for (number, line) in source.text.lines().enumerate() {
            let host = line.contains("iodyno::")
                || line.trim_start().starts_with("iodyno ")
                || line.trim_start().starts_with("iodyno.")
                || line.contains("/host\"");
            let engine =
                line.contains("iodyno-engine-support") || line.contains("iodyno_engine_support");
            if (host || is_api && engine) && !line.trim_start().starts_with("//") {
                findings.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_tidy(findings);
}

#[test]
fn unsafe_stands_behind_its_fence() {
    let mut findings = Vec::new();
    for source in sources(&[".rs"]) {
        let fenced = UNSAFE.iter().any(|prefix| source.path.starts_with(prefix));
        let code = code_only(&source.text);
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        if !fenced && words.any(|word| word == "unsafe") {
            findings.push(format!("{}: unsafe outside its fence", source.path));
        }
    }
    assert_tidy(findings);
}

#[test]
fn no_word_that_does_not_belong() {
    // Put together here, so that this file does not find itself.
    let everywhere =
        [["TO", "DO"], ["FIX", "ME"], ["../", "shared"], ["/wo", "rk/"]].map(|w| w.concat());
    let endings = [".rs", ".c", ".h", ".md", ".toml", ".py", ".fio", "Makefile", "iodyno", "test"];
    let mut findings = Vec::new();
    for source in sources(&endings) {
        for (number, line) in source.text.lines().enumerate() {
            for word in everywhere.iter().filter(|word| line.contains(word.as_str())) {
                findings.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    assert_tidy(findings);
}

#[test]
fn only_cli_and_report_print() {
    let printing = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    let mut findings = Vec::new();
    for source in sources(&[".rs"]) {
        let may = ["host/src/cli/", "host/src/report/", "tests/"];
        if may.iter().any(|part| source.path.starts_with(part)) {
            continue;
        }
        let code = code_only(&source.text);
        for (number, line) in code.lines().enumerate() {
            if printing.iter().any(|word| line.contains(word)) {
                findings.push(format!("{}:{}: prints", source.path, number + 1));
            }
        }
    }
    assert_tidy(findings);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for source in sources(&[".md"]) {
        let dir = repo().join(&source.path).parent().expect("a directory").to_path_buf();
        for link in source.text.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !outside && !dir.join(target).exists() {
                findings.push(format!("{}: {target} is not there", source.path));
            }
        }
    }
    assert_tidy(findings);
}
