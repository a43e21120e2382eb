//! What was published of ABI 1.0 stays as it was, and engines that were built with it still run.
//!
//! Header, C example and Rust side lie frozen under `tests/abi/1.0`; each test builds from there
//! and uses the host of today. The rules themselves are in `docs/abi.md`.

use iodyno_tests::{abi, programs, require, Scene};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

#[test]
fn abi_frozen_files_are_what_was_published() {
    let dir = abi::frozen();
    let list = std::fs::read_to_string(dir.join("SHA256SUMS")).expect("the list of digests");
    let mut listed: Vec<&str> = list.lines().filter_map(|line| line.get(66..)).collect();
    let mut there = Vec::new();
    gather(&dir, &dir, &mut there);
    there.retain(|name| name != "SHA256SUMS");
    there.sort();
    listed.sort_unstable();
    assert_eq!(there, listed, "files under {} and its list of digests", dir.display());
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&dir);
    let output = check.output().expect("sha256sum (coreutils) runs");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{words}These files are ABI 1.0 as engines out there were built with it, and are never \
         changed, not even to repair them: put them back (git checkout {}). What changes in the \
         live header must be a growth of this one: docs/abi.md",
        dir.display()
    );
}

fn gather(root: &Path, dir: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("a frozen directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, names);
        } else {
            let name = path.strip_prefix(root).expect("below the root");
            names.push(name.to_str().expect("UTF-8").to_owned());
        }
    }
}

/// What a header declares: each struct with its declarations in order, and each constant. Comments,
/// blanks and line breaks do not count.
fn declared(header: &Path) -> (BTreeMap<String, Vec<String>>, BTreeMap<String, String>) {
    let text = std::fs::read_to_string(header).expect("a header");
    let mut code = String::new();
    let mut rest = text.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code += before;
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    code += rest;
    let mut constants = BTreeMap::new();
    for line in code.lines().filter_map(|line| line.strip_prefix("#define IOE_")) {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        constants.insert(name.to_owned(), value.trim().to_owned());
    }
    constants.retain(|name, _| !["LAYOUT_INIT", "EXPORT"].contains(&name.as_str()));
    constants.retain(|name, _| !name.contains('(')); // IOE_ASSERT
    let code: Vec<&str> = code.lines().filter(|line| !line.starts_with('#')).collect();
    let code = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut records = BTreeMap::new();
    for (at, _) in code.match_indices(" {") {
        let head = code[..at].rsplit([';', '}']).next().unwrap_or_default().trim();
        let Some(body) = code[at + 2..].split_once('}') else { continue };
        if head.starts_with("struct ") || head.starts_with("union ") {
            let fields = body.0.split(';').map(str::trim).filter(|field| !field.is_empty());
            records.insert(head.to_owned(), fields.map(str::to_owned).collect());
        }
    }
    let functions = code.split(';').filter(|part| part.trim_start().starts_with("typedef "));
    records.insert("typedefs".into(), functions.map(|part| part.trim().to_owned()).collect());
    (records, constants)
}

#[test]
fn abi_header_of_today_has_grown_from_the_frozen_one() {
    let (old, old_constants) = declared(&abi::frozen_include().join("iodyno_engine.h"));
    let live = programs::repo().join("engine-api/include/iodyno_engine.h");
    let (new, new_constants) = declared(&live);
    assert_eq!(old["struct ioe_plugin"].len(), 16, "the reader reads: {old:?}");
    assert_eq!((old.len(), old_constants["OP_TRIM"].as_str()), (16, "2"), "the reader reads");
    let mut found = Vec::new();
    for (name, fields) in &old {
        let now = new.get(name).map_or(&[][..], |fields| fields.as_slice());
        // A union's members share one place: one more would change what the old ones mean to it.
        // Types of functions have a name each and no place among each other.
        let same = match name.as_str() {
            "typedefs" => fields.iter().all(|field| now.contains(field)),
            _ if name.starts_with("union ") => now == fields,
            _ => now.starts_with(fields),
        };
        let at = fields.iter().zip(now).find(|(old, new)| old != new);
        if !same {
            found.push(format!("{name}: {} fields, now {}; {at:?}", fields.len(), now.len()));
        }
    }
    for (name, value) in old_constants.iter().filter(|(name, _)| *name != "ABI_MINOR") {
        if new_constants.get(name) != Some(value) {
            found.push(format!("IOE_{name} was {value}, now {:?}", new_constants.get(name)));
        }
    }
    assert!(
        found.is_empty(),
        "{} broke what 1.0 published (append only, at the end; numbers, parameters and their \
         order never change: docs/abi.md):\n{}",
        live.display(),
        found.join("\n")
    );
}

/// A C program that prints every line of the golden file from a header.
fn printer(golden: &str) -> String {
    let mut text =
        String::from("#include <iodyno_engine.h>\n#include <stdio.h>\nint main(void)\n{");
    for line in golden.lines() {
        let (name, rest) = line.split_once(' ').expect("name and numbers");
        let kind = if name.starts_with("ioe_value_v") { "union" } else { "struct" };
        text += &match name.split_once('.') {
            _ if name == "IOE_LAYOUT_INIT" => continue,
            Some((record, field)) => format!(
                "printf(\"{name} offset %lu size %lu\\n\", \
                 (unsigned long)offsetof({kind} {record}, {field}), \
                 (unsigned long)sizeof((({kind} {record} *)0)->{field}));\n"
            ),
            None if rest.starts_with("size ") => {
                format!("printf(\"{name} size %lu\\n\", (unsigned long)sizeof({kind} {name}));\n")
            }
            None => format!("printf(\"{name} %llu\\n\", (unsigned long long){name});\n"),
        };
    }
    text + "return 0;\n}\n"
}

#[test]
fn abi_constants_of_the_frozen_header_are_the_golden_ones() {
    require!(c_compiler);
    let scene = Scene::new();
    let golden = programs::repo().join("engine-api/golden/abi-1.0.txt");
    let golden = std::fs::read_to_string(golden).expect("the golden file of 1.0");
    // What came since, beside what was published, is not in its header.
    let header = abi::frozen_include().join("iodyno_engine.h");
    let header = std::fs::read_to_string(header).expect("the frozen header");
    let published = |line: &&str| {
        let name = line.split([' ', '.']).next().unwrap_or_default();
        header.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    };
    let golden: Vec<&str> = golden.lines().filter(published).collect();
    assert!(golden.len() > 200, "{} lines of the golden file are of 1.0", golden.len());
    let golden = golden.join("\n");
    let source = scene.file("print.c", printer(&golden));
    let program = scene.at("print");
    let include = abi::frozen_include();
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I"]).arg(&include);
    abi::succeed(cc.args(["-o", &program, &source]));
    let (golden, layout) = golden.trim_end().rsplit_once('\n').expect("many lines");
    assert!(layout.starts_with("IOE_LAYOUT_INIT "), "{layout}");
    assert_eq!(abi::succeed(&mut Command::new(&program)).trim_end(), golden);
}

#[test]
fn abi_frozen_header_compiles_everywhere() {
    require!(c_compiler);
    let scene = Scene::new();
    let text = "#include <iodyno_engine.h>\n\
        static const struct ioe_layout layout = IOE_LAYOUT_INIT;\n\
        int main(void) { return layout.ptr == sizeof(void *) ? 0 : 1; }\n";
    let (c, cxx) = (scene.file("header.c", text), scene.file("header.cc", text));
    let mut ways = vec![("cc", "-std=c99", &c), ("cc", "-std=c11", &c), ("cc", "-std=c17", &c)];
    if Command::new("c++").arg("--version").output().is_ok() {
        ways.extend([("c++", "-std=c++11", &cxx), ("c++", "-std=c++17", &cxx)]);
    } else {
        iodyno_tests::needs::skip("the frozen header as C++: needs a C++ compiler (c++)");
    }
    for (compiler, standard, source) in ways {
        let mut command = Command::new(compiler);
        command.args([standard, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"]);
        abi::succeed(command.arg(abi::frozen_include()).arg(source));
    }
}

#[test]
fn abi_engines_of_1_0_say_so() {
    require!(c_compiler);
    let scene = Scene::new();
    for (name, plugin) in abi::frozen_engines() {
        let shown = scene.iodyno(["engines", "show", plugin, "--json"]).run().expect(0);
        let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        assert_eq!(shown["name"], name);
        assert_eq!(shown["abi"], "1.0", "{name}");
        assert_eq!(shown["need_minor"], 0, "{name}");
        assert_eq!(shown["warnings"].as_array().map(Vec::len), Some(0), "{name}: {shown:#}");
        // Only the export macro carries a layout for abi_stable to look at.
        assert_eq!(shown["layout_checked"], name == "rust-minimal", "{name}");
    }
}

#[test]
fn abi_engines_of_1_0_do_their_work() {
    require!(c_compiler);
    for (name, plugin) in abi::frozen_engines() {
        let scene = Scene::new();
        let target = scene.at("target");
        let job = format!(
            "[global]\nioengine={plugin}\nfilename={target}\nbs=4k\nsize=1m\n\
             buffer_pattern=\"iodyno\"\nfsync=64\n[fill]\nrw=write\n[use]\nstonewall\nrw=randread\n"
        );
        let document = scene.run_json(&job).clean();
        let (fill, used) = (document.job("fill"), document.job("use"));
        assert_eq!(document.ios(fill, "write"), 256, "{name}");
        assert_eq!(document.bytes(fill, "write"), 1 << 20, "{name}");
        assert!(document.ios(fill, "sync") >= 3, "{name}");
        assert_eq!(document.ios(used, "read"), 256, "{name}");
        assert_eq!(document.bytes(used, "read"), 1 << 20, "{name}");
        assert_eq!(document.text("/iodyno/engines/0/path"), plugin);
        let block: Vec<u8> = b"iodyno".iter().copied().cycle().take(4096).collect();
        let data = std::fs::read(&target).expect("the job wrote its file");
        assert_eq!(data.len(), 1 << 20, "{name}");
        assert!(data.chunks(4096).all(|chunk| chunk == block), "{name} wrote something else");
    }
}
